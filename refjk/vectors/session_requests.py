"""Plays golden replication valve and route recordings of Tomcat 5.5 against `refjk.session`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from refjk.session import (
    ManagerSettings,
    Outgoing,
    ReplicationFilter,
    ReplicationValve,
    RouteBinder,
    SessionManager,
    SessionMessage,
)
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played

VALVE_KIND = "replication valve"
ROUTE_KIND = "route of a session id"


def play_valve(document: Node) -> Played:
    """The patterns of the filter, and the calls in one request."""
    return play_all(document, VALVE_KIND, _play_valve)


@dataclass
class _Manager:
    """Stands in for a manager, and writes down what it is asked."""

    invalidated: list[str]
    has_message: bool
    calls: list[str] = field(default_factory=list)

    def invalidated_sessions(self) -> list[str]:
        self.calls.append("manager.getInvalidatedSessions")
        return self.invalidated

    def request_completed(self, session_id: str, now_ms: int) -> Outgoing | None:
        self.calls.append(f"manager.requestCompleted {session_id}")
        if not self.has_message:
            return None
        self.calls.append("cluster.send")
        return Outgoing(SessionMessage(13, "/app", session_id))


def _play_valve(vector: Node) -> None:
    text = vector.get("filter")
    replication_filter = ReplicationFilter(None if text is None else text.text(), holes=True)
    expected_patterns = [one.value for one in vector["patterns"].items()]
    patterns = [None if one is None else one.pattern for one in replication_filter.patterns]
    same("patterns", expected_patterns, patterns)
    expected = [call.text() for call in vector["calls"].items()]
    manager = _Manager(_invalidated(expected), "cluster.send" in expected)
    calls = manager.calls
    calls.append("next.invoke")
    if "exception" not in vector.table():
        # Without cluster or cluster manager the recorded valve asks nobody anything.
        asked = manager if len(expected) > 1 else None
        session_id = "S1" if vector["session"].flag() else None
        ReplicationValve(replication_filter).completed(asked, session_id, vector["uri"].text(), 0)
    same("calls", expected, calls)


def _invalidated(calls: list[str]) -> list[str]:
    """The sessions that the recorded manager gave as invalidated: those that are not the request's."""
    ids = [call.rpartition(" ")[2] for call in calls if call.startswith("manager.requestCompleted")]
    return [one for one in ids if one != "S1"]


def play_routes(document: Node) -> Played:
    """Whether the id of a request's session gets another route, and which."""
    return play_all(document, ROUTE_KIND, _play_route)


def _play_route(vector: Node) -> None:
    session_id, route = vector["session_id"].text(), vector["local_route"].text()
    manager = SessionManager(ManagerSettings("/app"), _fixed(session_id))
    if vector["session_known"].flag():
        manager.create(0)
    binder = RouteBinder(route, "/app")
    change = binder.bind(manager, session_id, 0)
    changed = vector.get("changed")
    expected = None if changed is None else (changed["from"].text(), changed["to"].text())
    same("changed", expected, None if change is None else (change.old_id, change.new_id))
    same("counter", vector["counter"].number(), binder.changes)
    if change is not None:
        same("known under the new id", True, manager.known(change.new_id) is not None)


def _fixed(session_id: str) -> Callable[[], str]:
    return lambda: session_id
