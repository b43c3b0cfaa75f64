"""One failover of a running demo, from the first click to the return of the node, as a list of events."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from enum import Enum

from refjk.base.errors import Unreachable
from refjk.demo.cluster import Cluster
from refjk.demo.flow import Flow, is_about_all, shortened, together
from refjk.demo.gossip import Report
from refjk.demo.users import Visitor, failures_of

YOU = "you"
CLICKS = 3
DROP_DEADLINE_S = 20.0
PACE_S = 0.1
_POLL_S = 0.05
_ALL = 10_000


class Kind(Enum):
    """What happened. Clicks, answers and messages go from one to another, the rest happens to a node."""

    CLICK = "click"
    ANSWER = "answer"
    MESSAGE = "message"
    KILLED = "killed"
    DROPPED = "dropped"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Event:
    """`at_ms` since the first event. `copies`: the counts that it brought to nodes."""

    at_ms: int
    kind: Kind
    source: str
    targets: tuple[str, ...] = ()
    text: str = ""
    copies: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failover:
    """`lanes` are the nodes in their order."""

    mode: str
    lanes: tuple[str, ...]
    victim: str
    events: tuple[Event, ...]


def observe(cluster: Cluster) -> Failover:
    """Clicks, kills the node that has the session, clicks, starts it, clicks. Raises `Unreachable`."""
    if cluster.alone:
        raise Unreachable(f"there is no failover to draw without replication: {cluster.alone}")
    return _Run(cluster).failover()


class _Run:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._you = Visitor(cluster.port)
        self._events: list[Event] = []
        self._flows: set[Flow] = set()
        self._names: dict[str, str] = {}

    def failover(self) -> Failover:
        for _ in range(CLICKS):
            self._click()
            self._pace()
        self._reports()  # what the victim has heard is gone with it
        victim = self._you.node
        self._cluster.kill(victim)
        self._note(Kind.KILLED, victim)
        self._pace()
        self._click()
        self._wait_until_dropped(victim)
        self._note(Kind.DROPPED, victim, (self._you.node,))
        self._cluster.start(victim)
        back = {report.node: report for report in self._reports()}.get(victim)
        if back is None or back.copy is None:
            raise Unreachable(f"{victim} is back, and has no copy of the session")
        self._note(Kind.BACK, victim, copies={victim: back.copy.count})
        self._pace()
        self._click()
        self._reports()
        events = sorted([*self._events, *self._messages()], key=_moment)
        start = events[0].at_ms
        told = tuple(replace(event, at_ms=event.at_ms - start) for event in events)
        return Failover(self._cluster.mode, self._cluster.names, victim, told)

    def _click(self) -> None:
        asked_ms = _now_ms()
        if not self._you.ask():
            raise Unreachable(f"a click was not answered{failures_of([self._you])}")
        node, count = self._you.node, self._you.count
        self._events.append(Event(asked_ms, Kind.CLICK, YOU, (node,)))
        self._note(Kind.ANSWER, node, (YOU,), f"count = {count}", {node: count})

    def _note(
        self,
        kind: Kind,
        source: str,
        targets: tuple[str, ...] = (),
        text: str = "",
        copies: dict[str, int] | None = None,
    ) -> None:
        self._events.append(Event(_now_ms(), kind, source, targets, text, copies or {}))

    def _reports(self) -> list[Report]:
        """Of the node that has the session first. What they have heard is kept."""
        state = self._you.get("/state")
        if state is None:
            raise Unreachable(f"the state was not told{failures_of([self._you])}")
        reports = [Report.of(one) for one in state["reports"]]
        for report in reports:
            self._names.update(report.known)
            self._flows.update(report.flows)
        return reports

    def _messages(self) -> list[Event]:
        own = shortened(self._you.cookie.partition("=")[2]).partition(".")[0]
        since = self._events[0].at_ms
        flows = [
            flow
            for flow in self._flows
            if flow.at_ms >= since and (flow.session.startswith(own) or is_about_all(flow))
        ]
        events = []
        for flow, receivers in together(flows, _ALL):
            to = tuple(sorted(self._names.get(one, one) for one in receivers))
            _, _, count = flow.text.partition("count = ")
            copies = dict.fromkeys(to, int(count)) if count.isdigit() else {}
            text = f"{flow.kind}{': ' if flow.text else ''}{flow.text}"
            events.append(
                Event(flow.at_ms, Kind.MESSAGE, self._names.get(flow.sender, flow.sender), to, text, copies)
            )
        return events[::-1]

    def _wait_until_dropped(self, victim: str) -> None:
        deadline = time.monotonic() + DROP_DEADLINE_S
        while any(self._names.get(one) == victim for one in self._reports()[0].members):
            if time.monotonic() > deadline:
                raise Unreachable(f"{self._you.node} did not notice that {victim} is gone")
            time.sleep(_POLL_S)

    @staticmethod
    def _pace() -> None:
        """Messages carry whole milliseconds: two clicks in one could not be told apart."""
        time.sleep(PACE_S)


def _moment(event: Event) -> tuple[int, int]:
    """Messages come between a click and its answer, also within a millisecond."""
    return event.at_ms, {Kind.CLICK: 0, Kind.MESSAGE: 1}.get(event.kind, 2)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
