"""Who has been told what: the ground on which checkers decide what a node owes.

A node knows a message that it sent, that it took, or that whoever gave it its state knew. Messages are
numbered in the order in which they were sent. One that is taken after a later one of its session was
overtaken: a connection that was given up still delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from refjk.session import EventType
from refjk.simulation.cluster.journal import Handed, Resulted, Started, Stopped
from refjk.simulation.sessions.records import (
    Announced,
    Answered,
    Clicked,
    Found,
    Loaded,
    SessionEnded,
    Told,
)

_OF_USE = (EventType.DELTA, EventType.ACCESSED)
_NOT_OF_DATA = (EventType.CREATED, EventType.EXPIRED)


@dataclass(slots=True)
class _Known:
    """What one process knows."""

    started_ms: int
    announced_ms: int | None = None
    messages: set[int] = field(default_factory=set)
    last: dict[str, int] = field(default_factory=dict)  # by session: the message that was done last
    late: set[int] = field(default_factory=set)  # taken after a later one of their session
    confused: set[str] = field(default_factory=set)  # made or ended out of order
    gone: set[str] = field(default_factory=set)  # ended here
    promised: dict[str, list[int]] = field(default_factory=dict)  # clicks that it has acknowledged
    used_ms: dict[str, int] = field(default_factory=dict)  # when it heard last of the use of a session


@dataclass(frozen=True, slots=True)
class Given:
    """What a node knew when it gave its state away; `held`: sessions that it owes."""

    messages: frozenset[int]
    last: Mapping[str, int]
    confused: frozenset[str]
    gone: frozenset[str]
    held: frozenset[str]


class Knowledge:
    """A watcher that the checkers share; it objects to nothing itself."""

    def __init__(self) -> None:
        self.told: dict[int, Told] = {}
        self.of_session: dict[str, list[int]] = {}
        self.parents: dict[int, int] = {}  # a click, and that on which it was done
        self.answered: dict[int, int] = {}  # when
        self.created_ms: dict[str, int] = {}  # when the first click of a session was answered
        self.given: dict[int, Given] = {}  # by the message with the state
        self.last_given: dict[str, Given] = {}  # by who took it
        self.overtaken = 0
        self._nodes: dict[str, _Known] = {}

    def interests(self) -> Mapping[type[Any], Callable[[Any], None]]:
        return {
            Started: self._start,
            Stopped: self._stop,
            Announced: self._announce,
            Loaded: self._load,
            Told: self._tell,
            Handed: self._hand,
            Resulted: self._result,
            Found: self._find,
            Clicked: self._click,
            Answered: self._answer,
            SessionEnded: self._end,
        }

    # Questions.

    def running(self) -> Iterator[str]:
        return iter(self._nodes)

    def started_ms(self, node: str) -> int:
        return self._nodes[node].started_ms

    def knows(self, node: str, message: int) -> bool:
        return message in self._nodes[node].messages

    def idle_ms(self, node: str, session: str, now_ms: int) -> int | None:
        """Since when nobody uses a session, as far as the node knows."""
        used_ms = self._nodes[node].used_ms.get(session)
        return None if used_ms is None else now_ms - used_ms

    def sound(self, node: str, session: str) -> bool:
        """Whether it knows how the session was made and ended, and has done nothing of that in disorder. A
        change that it does not know heals with the next one; this does not."""
        known = self._nodes[node]
        return session not in known.confused and all(
            one in known.messages
            for one in self.of_session.get(session, ())
            if self.told[one].event in _NOT_OF_DATA
        )

    def owes(self, node: str, session: str) -> bool:
        """Whether it must have the session."""
        gone = session in self._nodes[node].gone
        return not gone and not self.ended(session) and self.sound(node, session)

    def ended(self, session: str) -> bool:
        """Whether somebody said so."""
        return any(self.told[one].event is EventType.EXPIRED for one in self.of_session.get(session, ()))

    def informed(self, node: str, session: str) -> bool:
        """Whether it knows every message of a session, and has done them in their order; not if it had to end
        its copy while it did not."""
        known, messages = self._nodes[node], self.of_session.get(session, [])
        return (
            session not in known.confused
            and (session not in known.gone or self.ended(session))
            and all(one in known.messages for one in messages)
            and known.last.get(session) == messages[-1]
        )

    def was_turned_over_since(self, message: int, session: str) -> bool:
        """Whether somebody gave a session a new id after a message of it."""
        return any(
            one > message and self.told[one].event is None for one in reversed(self.of_session[session])
        )

    def in_order(self, node: str, session: str) -> bool:
        """Whether the newest message of a session that it knows is the one that it did last."""
        known = self._nodes[node]
        return known.last.get(session, 0) == self._newest(known, session)

    def _newest(self, known: _Known, session: str) -> int:
        return max((one for one in self.of_session.get(session, ()) if one in known.messages), default=0)

    def promised(self, node: str, session: str) -> list[int]:
        """Clicks that this process has acknowledged, and whose users have their answer."""
        promised = self._nodes[node].promised.get(session, [])
        return [click for click in promised if click in self.answered]

    def is_before(self, click: int, other: int) -> bool:
        """Whether one was done on the other, directly or not, which then has the older on its way."""
        while other > click:
            other = self.parents.get(other, 0)
            if other == click:
                return True
        return False

    # What happens.

    def _start(self, record: Started) -> None:
        self._nodes[record.node] = _Known(record.at_ms)

    def _stop(self, record: Stopped) -> None:
        self._nodes.pop(record.node, None)

    def _announce(self, record: Announced) -> None:
        self._nodes[record.node].announced_ms = record.at_ms

    def _find(self, record: Found) -> None:
        if record.click is not None:
            self._nodes[record.node].used_ms[record.session] = record.at_ms

    def _click(self, record: Clicked) -> None:
        self.parents[record.click] = record.base
        self._promise(record.node, record.session, record.click)

    def _answer(self, record: Answered) -> None:
        self.answered[record.click] = record.at_ms
        self.created_ms.setdefault(record.session, record.at_ms)

    def _promise(self, node: str, session: str, click: int) -> None:
        clicks = self._nodes[node].promised.setdefault(session, [])
        if click and click not in clicks:
            clicks.append(click)

    def _tell(self, record: Told) -> None:
        self.told[record.message] = record
        known = self._nodes[record.node]
        if record.event is EventType.ALL_SESSION_DATA:
            held = frozenset(session for session in self.of_session if self.owes(record.node, session))
            self.given[record.message] = Given(
                frozenset(known.messages),
                dict(known.last),
                frozenset(known.confused),
                frozenset(known.gone),
                held,
            )
        elif record.session:
            self.of_session.setdefault(record.session, []).append(record.message)
            known.messages.add(record.message)
            known.last[record.session] = record.message
            if record.event is EventType.CREATED:
                known.used_ms[record.session] = record.at_ms

    def _hand(self, record: Handed) -> None:
        known, told = self._nodes[record.node], self.told[record.message]
        if known.announced_ms is None:
            return  # whoever sends to it takes it for the process before, and may forget it
        if told.session:
            newest = self._newest(known, told.session)
            if told.message < newest:
                self.overtaken += 1
                known.late.add(told.message)
                if told.event in _NOT_OF_DATA:
                    known.confused.add(told.session)
            if told.event in _OF_USE or (told.event is EventType.CREATED and told.message > newest):
                known.used_ms[told.session] = record.at_ms
            known.messages.add(told.message)
            known.last[told.session] = told.message
            if told.event is EventType.DELTA and told.message not in known.late:
                self._promise(record.node, told.session, told.click)

    def _load(self, record: Loaded) -> None:
        known = self._nodes[record.node]
        given = self.last_given[record.node] = self.given[record.message]
        for session, last in given.last.items():
            known.last.setdefault(session, last)
            known.used_ms[session] = record.at_ms
        known.messages |= given.messages
        known.confused |= given.confused
        known.gone |= given.gone

    def _result(self, record: Resulted) -> None:
        told, known = self.told[record.message], self._nodes.get(record.target)
        if (
            record.fate.value == "acknowledged"
            and told.event is EventType.DELTA
            and known is not None
            and known.announced_ms is not None
            and told.at_ms > known.announced_ms
            and told.message not in known.late
        ):
            self._promise(record.target, told.session, told.click)

    def _end(self, record: SessionEnded) -> None:
        self._nodes[record.node].gone.add(record.session)
