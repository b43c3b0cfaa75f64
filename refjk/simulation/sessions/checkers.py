"""Those who watch the sessions of a simulated cluster from outside, and object to what must not happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from refjk.session import EventType
from refjk.simulation.cluster.journal import Handed, Started, Stopped, Watcher
from refjk.simulation.sessions.knowledge import Knowledge
from refjk.simulation.sessions.records import (
    AttributeTold,
    Clicked,
    Found,
    LoggedOut,
    Ready,
    Seen,
    SessionBegan,
    SessionEnded,
    Told,
    View,
)

Interests = Mapping[type[Any], Callable[[Any], None]]
Views = Mapping[str, View]


class Checker(Watcher, Protocol):
    """A watcher with an opinion."""

    name: str

    def look(self, now_ms: int, views: Views) -> None:
        """At what the nodes have now; between any two steps of a run."""

    def settled(self, now_ms: int, views: Views) -> None:
        """The same when nothing is under way any more, and no fault has been for long."""

    def objections(self) -> list[str]:
        """Since the last time."""


class _Base:
    """Collects what is objected to until it is asked for."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._objections: list[str] = []

    def look(self, now_ms: int, views: Views) -> None:
        """Nothing to see."""

    def settled(self, now_ms: int, views: Views) -> None:
        """Nothing to see."""

    def objections(self) -> list[str]:
        taken, self._objections = self._objections, []
        return taken

    def _object(self, at_ms: int, text: str) -> None:
        self._objections.append(f"at {at_ms}: {text}")


class NothingLost(_Base):
    """What a node has acknowledged and a user was answered, that node has, or something done on it.

    A change that was done on an older copy may stand in its place: whoever did it had not acknowledged.
    """

    name = "no update lost"

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._said: set[tuple[str, str, int | None]] = set()  # once is enough

    def interests(self) -> Interests:
        return {Found: self._find}

    def look(self, now_ms: int, views: Views) -> None:
        for node, view in views.items():
            for session in self._knowledge.of_session:
                seen = view.get(session)
                self._judge(now_ms, node, session, None if seen is None else seen.click)

    def _find(self, record: Found) -> None:
        self._judge(record.at_ms, record.node, record.session, record.click)

    def _judge(self, now_ms: int, node: str, session: str, click: int | None) -> None:
        knowledge = self._knowledge
        promised = knowledge.promised(node, session)
        if not promised or not knowledge.owes(node, session) or (node, session, click) in self._said:
            return
        if click is None:
            what, lost = "no session", promised[-1:]
        else:
            what = f"click {click} of"
            lost = [one for one in promised if one > click and knowledge.is_before(click, one)]
        if lost and (click is None or knowledge.in_order(node, session)):
            self._said.add((node, session, click))
            self._object(now_ms, f"{node} has {what} {session[:6]}, and has acknowledged {lost[-1]}")


class LastStands(_Base):
    """Of a session that a node has, it has what it took or did last, whichever id that went by and whatever
    it has missed."""

    name = "last one stands"

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._clicks: dict[str, dict[str, int]] = {}  # by node and session

    def interests(self) -> Interests:
        return {
            Started: self._start,
            Ready: self._ready,
            SessionBegan: self._begin,
            SessionEnded: self._end,
            Clicked: self._click,
            Handed: self._hand,
        }

    def look(self, now_ms: int, views: Views) -> None:
        for node, view in views.items():
            clicks = self._clicks[node]
            for session, seen in view.items():
                # One that came with a state is judged from here on.
                if seen.click != clicks.setdefault(session, seen.click):
                    self._object(
                        now_ms, f"{node} has {_words(seen)} of {session[:6]} after {clicks[session]}"
                    )
                    clicks[session] = seen.click

    def _start(self, record: Started) -> None:
        self._clicks[record.node] = {}

    def _ready(self, record: Ready) -> None:
        self._clicks[record.node] = {session: seen.click for session, seen in record.view.items()}

    def _begin(self, record: SessionBegan) -> None:
        self._clicks[record.node][record.session] = 0

    def _end(self, record: SessionEnded) -> None:
        self._clicks[record.node].pop(record.session, None)

    def _click(self, record: Clicked) -> None:
        self._clicks[record.node][record.session] = record.click

    def _hand(self, record: Handed) -> None:
        told, clicks = self._knowledge.told[record.message], self._clicks[record.node]
        if told.event is not EventType.DELTA or told.session not in clicks:
            return
        if self._knowledge.was_turned_over_since(told.message, told.session):
            del clicks[told.session]  # what was changed under the new id may stand
        else:
            clicks[told.session] = told.click


class SameEverywhere(_Base):
    """In the end nodes that were told all of a session have the same of it; and of sessions that began when
    faults had ended, every node was told all."""

    name = "same everywhere"

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self.healed_ms: int | None = None  # since when there are no faults
        self.compared = 0
        self.complete = 0

    def interests(self) -> Interests:
        return {}

    def rejoined(self, now_ms: int, views: Views, since_ms: int) -> None:
        """All nodes see each other since then, and nothing is under way: every node that has a session has
        the newest change of it, if that was told since; whatever was missed before. SES-GUA-02"""
        told = self._knowledge.told
        for session, messages in self._knowledge.of_session.items():
            newest = next(
                (told[one] for one in reversed(messages) if told[one].event is EventType.DELTA), None
            )
            if newest is None or newest.at_ms < since_ms:
                continue
            for node, view in views.items():
                seen = view.get(session)
                if seen is not None and seen.click != newest.click:
                    self._object(now_ms, f"{node} has {_words(seen)} of {session[:6]}, not {newest.click}")

    def settled(self, now_ms: int, views: Views) -> None:
        self.compared = self.complete = 0
        knowledge = self._knowledge
        for session, messages in knowledge.of_session.items():
            informed = [node for node in views if knowledge.informed(node, session)]
            missed = [node for node in views if node not in informed]
            if self.healed_ms is not None and knowledge.told[messages[0]].at_ms > self.healed_ms and missed:
                self._object(now_ms, f"{', '.join(missed)} was not told all of {session[:6]}")
            copies: dict[Seen | None, str] = {}
            for node in informed:
                copies.setdefault(views[node].get(session), node)
            if len(copies) > 1:
                told = "; ".join(f"{node} has {_words(seen)}" for seen, node in copies.items())
                self._object(now_ms, f"{session[:6]} differs: {told}")
            self.compared += len(informed) > 1
            self.complete += len(informed) == len(views)


class Inherited(_Base):
    """A node that starts has every session that existed before, if the node that it asked knew of it; and it
    does not wait its whole time for a state when nothing is lost any more."""

    name = "state taken over"

    def __init__(self, knowledge: Knowledge, wait_ms_max: int) -> None:
        super().__init__(knowledge)
        self._wait_ms_max = wait_ms_max
        self.well_ms: int | None = None  # since when nothing is lost

    def interests(self) -> Interests:
        return {Ready: self._ready}

    def _ready(self, record: Ready) -> None:
        if self.well_ms is not None and record.at_ms - self.well_ms > self._wait_ms_max:
            self._object(record.at_ms, f"{record.node} has waited for its state although nothing was lost")
        knowledge = self._knowledge
        given = knowledge.last_given.pop(record.node, None)
        if given is None:
            return
        started_ms = knowledge.started_ms(record.node)
        for session in sorted(given.held):
            existed = knowledge.created_ms.get(session, record.at_ms) < started_ms
            if existed and session not in record.view and not knowledge.ended(session):
                self._object(record.at_ms, f"{record.node} starts without {session[:6]}")


class EndsOnce(_Base):
    """A session ends once at each node and does not come back; not while it is used, and not twice in the
    cluster, unless two nodes could both take themselves for its primary."""

    name = "ends once"

    def __init__(self, knowledge: Knowledge, interval_ms: int) -> None:
        super().__init__(knowledge)
        self._interval_ms = interval_ms
        self._ended: dict[str, set[str]] = {}  # by node
        self._reasons: dict[str, set[str]] = {}  # by node: sessions that it was told to end
        self._first: dict[str, Told] = {}  # who said it first, of those who knew all of a session

    def interests(self) -> Interests:
        return {
            Started: self._start,
            Handed: self._hand,
            LoggedOut: self._log_out,
            SessionEnded: self._end,
            Told: self._tell,
        }

    def look(self, now_ms: int, views: Views) -> None:
        for node, view in views.items():
            for session in sorted(self._ended.get(node, set()) & set(view)):
                if self._knowledge.in_order(node, session):
                    self._object(now_ms, f"{node} has {session[:6]}, which has ended there")

    def idle(self, now_ms: int, views: Views) -> None:
        """After twice the interval without any request."""
        for node, view in views.items():
            if view:
                self._object(now_ms, f"{node} still has {len(view)} sessions")

    def _start(self, record: Started) -> None:
        self._ended[record.node] = set()
        self._reasons[record.node] = set()

    def _hand(self, record: Handed) -> None:
        told = self._knowledge.told[record.message]
        if told.event is EventType.EXPIRED:
            self._reasons[record.node].add(told.session)

    def _log_out(self, record: LoggedOut) -> None:
        self._reasons[record.node].add(record.session)

    def _end(self, record: SessionEnded) -> None:
        node, session = record.node, record.session
        if session in self._ended[node]:
            self._object(record.at_ms, f"{session[:6]} ends twice at {node}")
        self._ended[node].add(session)
        idle_ms = self._knowledge.idle_ms(node, session, record.at_ms)
        if session not in self._reasons[node] and idle_ms is not None and idle_ms < self._interval_ms:
            self._object(record.at_ms, f"{session[:6]} ends at {node}, used {idle_ms} ms ago")

    def _tell(self, record: Told) -> None:
        """Two who knew the same can not both be the primary."""
        knowledge, node, session = self._knowledge, record.node, record.session
        if record.event is not EventType.EXPIRED or session in self._reasons[node]:
            return
        messages = knowledge.of_session[session]
        others = [one for one in messages if knowledge.told[one].event is not EventType.EXPIRED]
        if not all(knowledge.knows(node, one) for one in others):
            return
        first = self._first.setdefault(session, record)
        if first is not record and first.message > others[-1]:
            self._object(record.at_ms, f"{session[:6]} ends at {first.node} and once more at {node}")


class ListenersTold(_Base):
    """What listeners are told is what happens: created before ended, each attribute added, replaced, removed
    with the value that it had, nothing of a session that came with a state."""

    name = "listeners"

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._copies: dict[str, dict[str, dict[str, object]]] = {}  # by node and session
        self._created: dict[str, set[str]] = {}
        self._ended: dict[str, set[str]] = {}

    def interests(self) -> Interests:
        return {
            Started: self._start,
            Stopped: self._stop,
            SessionBegan: self._begin,
            SessionEnded: self._end,
            AttributeTold: self._attribute,
        }

    def look(self, now_ms: int, views: Views) -> None:
        """What was told adds up to what is there; between steps no event is half told."""
        for node, view in views.items():
            for session, copy in self._copies.get(node, {}).items():
                seen = view.get(session)
                told = copy.get("click", 0), copy.get("count", 0)
                if seen is not None and told != (seen.click, seen.count):
                    self._object(now_ms, f"{node} has {_words(seen)} of {session[:6]}, and has told {copy}")
                if seen is None and (copy or session not in self._ended[node]):
                    self._object(now_ms, f"{node} has told nobody of the end of {session[:6]}")
            for session in view:
                if session in self._ended[node] and session not in self._copies[node]:
                    self._object(now_ms, f"{node} has {session[:6]}, and has told of its end")

    def _start(self, record: Started) -> None:
        self._copies[record.node] = {}
        self._created[record.node] = set()
        self._ended[record.node] = set()

    def _stop(self, record: Stopped) -> None:
        self._copies.pop(record.node, None)

    def _begin(self, record: SessionBegan) -> None:
        copies = self._copies[record.node]
        if record.session in copies and record.session not in self._ended[record.node]:
            self._object(record.at_ms, f"{record.node} tells twice that {record.session[:6]} is created")
        self._ended[record.node].discard(record.session)
        copies[record.session] = {}

    def _end(self, record: SessionEnded) -> None:
        self._ended[record.node].add(record.session)

    def _attribute(self, record: AttributeTold) -> None:
        copy = self._copies[record.node].get(record.session)
        if copy is None:
            return  # it came with a state, of which nobody is told
        before = copy.get(record.name)
        right = {
            "added": record.name not in copy and record.value == record.now,
            "replaced": record.name in copy and record.value == before,
            "removed": record.name in copy and record.value == before and record.now is None,
        }
        if not right[record.what]:
            text = f"{record.node} tells that {record.name} of {record.session[:6]} is {record.what}"
            self._object(record.at_ms, f"{text}: {record.value}, where {before} was")
        if record.what == "removed":
            copy.pop(record.name, None)
        else:
            copy[record.name] = record.now


def _words(seen: Seen | None) -> str:
    return "nothing" if seen is None else f"click {seen.click}, count {seen.count}, as {seen.session_id[:6]}…"
