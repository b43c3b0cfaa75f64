"""The route in a session id."""

from __future__ import annotations

from typing import Any

import pytest

from refjk.session import (
    ORIGINAL,
    REPAIRED,
    EventType,
    RouteBinder,
    SessionIdMessage,
    route_of,
    turned_over,
)
from refjk.speccheck import covers
from tests.session.support import START_MS, Cluster, set_to


@covers("SES-RTE-01")
@pytest.mark.parametrize(
    ("session_id", "route"),
    [("A.n1", "n1"), ("A", None), ("A.", ""), (".n1", None), ("A.b.c", "b.c"), ("", None)],
)
def test_the_route_is_what_follows_the_first_dot(session_id: str, route: str | None) -> None:
    assert route_of(session_id) == route


@covers("SES-RTE-02")
@pytest.mark.parametrize(
    ("session_id", "new_id"),
    [("A.n1", "A.n2"), ("A.n2", None), ("A.N2", "A.n2"), ("A.n2.x", "A.n2"), ("A", None), (".n1", None)],
)
def test_another_route_becomes_the_own_one(session_id: str, new_id: str | None) -> None:
    assert turned_over(session_id, "n2") == new_id


@covers("SES-RTE-03", "SES-RTE-04", "SES-RTE-06")
def test_a_session_that_moved_has_a_new_id_everywhere() -> None:
    cluster = Cluster("abc")
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    cluster.nodes["a"].up = False
    old_id = session.id

    change = RouteBinder("b", "/app").bind(cluster["b"], old_id, cluster.now_ms)
    assert change is not None
    cluster.collect()
    (message,) = cluster.seen
    cluster.settle()
    cluster.request("b", change.new_id, set_to("x", 2))
    cluster.settle()

    bare = old_id.partition(".")[0]
    assert (change.old_id, change.new_id, change.cookie_path) == (old_id, f"{bare}.b", "/app")
    assert isinstance(message, SessionIdMessage)
    assert (message.original_id, message.new_id, message.context_path) == (old_id, f"{bare}.b", "/app")
    assert message.message_number == 0
    assert cluster.nodes["c"].names(f"{bare}.b") == {"x": 2}
    assert cluster["c"].known(old_id) is None
    assert cluster["b"].counters.ids_changed == cluster["c"].counters.ids_changed == 1


@covers("SES-RTE-03")
def test_some_ids_are_left_alone() -> None:
    cluster = Cluster()
    session = cluster.request("a", None)
    cluster.settle()
    manager = cluster["b"]
    cases: list[tuple[RouteBinder, str | None, bool]] = [
        (RouteBinder(None, "/app"), session.id, False),
        (RouteBinder("b", "/app", enabled=False), session.id, False),
        (RouteBinder("b", "/app"), session.id, True),
        (RouteBinder("b", "/app"), "UNKNOWN.a", False),
        (RouteBinder("b", "/app"), None, False),
    ]
    for binder, session_id, from_url in cases:
        assert binder.bind(manager, session_id, START_MS, from_url=from_url) is None
    assert cluster.settle() == []

    change = RouteBinder("b", "", ids_from_urls=True).bind(manager, session.id, START_MS, from_url=True)
    assert change is not None and change.cookie_path == "/"


@covers("SES-RTE-05")
def test_a_turnover_keeps_what_was_recorded_and_tells_no_session_listener() -> None:
    results: list[Any] = []
    for rules in (REPAIRED, ORIGINAL):
        cluster = Cluster(rules=rules)
        session = cluster.request("a", None)
        cluster.settle()
        own = cluster["b"].begin(session.id, cluster.now_ms)
        assert own is not None
        own.set("x", 1)  # a request that was filtered
        cluster["b"].end(own)
        cluster.nodes["b"].log.clear()

        change = RouteBinder("b", "/app").bind(cluster["b"], session.id, cluster.now_ms)
        assert change is not None
        told = list(cluster.nodes["b"].log)
        cluster.request("b", change.new_id)
        cluster.settle()
        results.append((told == [], cluster.nodes["a"].names(change.new_id)))

    assert results == [(True, {"x": 1}), (False, {})]


@covers("SES-RTE-05")
def test_a_session_that_has_the_new_id_already_is_left_alone() -> None:
    cluster = Cluster()
    session = cluster.request("a", None)
    cluster.settle()
    bare = session.id.partition(".")[0]
    one = cluster["b"].known(session.id)
    cluster["b"].make(f"{bare}.b", START_MS).set("x", 1)

    assert RouteBinder("b", "/app").bind(cluster["b"], session.id, START_MS) is None

    assert cluster["b"].known(session.id) is one
    assert cluster.nodes["b"].names(f"{bare}.b") == {"x": 1}


@covers("SES-RTE-06")
def test_a_new_id_for_an_unknown_session_or_that_is_taken_changes_nothing() -> None:
    cluster = Cluster()
    first, second = cluster.request("a", None), cluster.request("a", None)
    cluster.settle()
    manager = cluster["b"]

    for message in (
        SessionIdMessage("NOBODY", "NEW", "/app"),
        SessionIdMessage(first.id, None, "/app"),
        SessionIdMessage(None, "NEW", "/app"),
        SessionIdMessage(first.id, second.id, "/app"),
    ):
        manager.receive(message, START_MS)

    assert sorted(one.id for one in manager.sessions()) == sorted([first.id, second.id])
    assert manager.counters.unknown_session == 3
    assert [report.kind for report in manager.reports()] == ["state"]


def test_a_delta_after_the_turnover_is_about_the_new_id() -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    change = RouteBinder("b", "/app").bind(cluster["b"], session.id, START_MS)
    assert change is not None

    cluster.request("b", change.new_id, set_to("x", 2))

    assert cluster.settle() == [EventType.DELTA]
    assert cluster.nodes["a"].names(change.new_id) == {"x": 2}
