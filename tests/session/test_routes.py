"""The route in a session id."""

from __future__ import annotations

from typing import Any

import pytest

from refjk.session import (
    ORIGINAL,
    REPAIRED,
    EventType,
    RouteBinder,
    Rules,
    Session,
    SessionIdMessage,
    SessionMessage,
    route_of,
    stamped,
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


def missed(rules: Rules = REPAIRED) -> tuple[Cluster, Session, str]:
    """`b` turns a session of `a` over, and `c` is not told; with the session at `b`, and its id before."""
    cluster = Cluster("abc", rules=rules)
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    old_id = session.id
    cluster.nodes["c"].up = False
    assert RouteBinder("b", "/app").bind(cluster["b"], old_id, cluster.now_ms) is not None
    cluster.settle()
    cluster.nodes["c"].up = True
    (turned,) = cluster["b"].sessions()
    return cluster, turned, old_id


@covers("SES-RTE-08")
@pytest.mark.parametrize(
    "rules", [REPAIRED, Rules(exact_ids=True), ORIGINAL], ids=["refjk", "exact", "5.5.5"]
)
def test_a_change_after_a_new_id_that_was_missed_is_lost_only_with_the_originals_rule(rules: Rules) -> None:
    cluster, turned, old_id = missed(rules)

    cluster.request("b", turned.id, set_to("x", 2))
    cluster.settle()

    (copy,) = cluster["c"].sessions()
    found = (turned.id, {"x": 2}) if rules == REPAIRED else (old_id, {"x": 1})
    assert (copy.id, copy.attributes()) == found
    assert cluster["c"].counters.unknown_session == (0 if rules == REPAIRED else 1)


@covers("SES-RTE-08")
def test_other_messages_under_a_new_id_that_was_missed_find_the_session_too() -> None:
    for event in (EventType.ACCESSED, EventType.EXPIRED, EventType.CREATED):
        cluster, turned, old_id = missed()
        cluster["c"].receive(SessionMessage(event, "/app", turned.id), START_MS)
        ids = {EventType.ACCESSED: [turned.id], EventType.EXPIRED: [], EventType.CREATED: [old_id]}
        assert [one.id for one in cluster["c"].sessions()] == ids[event]


@covers("SES-RTE-08")
def test_a_request_finds_the_session_although_its_id_was_missed_and_the_others_are_told_the_next() -> None:
    cluster, turned, _ = missed()
    missed_id = turned.id

    change = RouteBinder("c", "/app").bind(cluster["c"], missed_id, START_MS)
    assert change is not None
    cluster.collect()
    (told,) = cluster.seen
    cluster.settle()
    cluster.request("c", change.new_id, set_to("x", 3))
    cluster.settle()

    assert isinstance(told, SessionIdMessage)
    assert (told.original_id, told.new_id) == (missed_id, change.new_id)
    assert [cluster.nodes[name].names(change.new_id) for name in "abc"] == [{"x": 3}] * 3


@covers("SES-RTE-08")
def test_a_node_goes_from_the_id_that_it_has_to_the_one_behind_the_one_that_it_missed() -> None:
    cluster, turned, old_id = missed()
    bare = old_id.partition(".")[0]
    cluster["c"].receive(SessionIdMessage(turned.id, f"{bare}.d", "/app"), START_MS)
    assert [one.id for one in cluster["c"].sessions()] == [f"{bare}.d"]

    cluster["c"].receive(SessionIdMessage(old_id, turned.id, "/app"), START_MS)  # the missed one, late

    assert [one.id for one in cluster["c"].sessions()] == [f"{bare}.d"]
    for earlier in (old_id, turned.id):
        found = cluster["c"].begin(earlier, START_MS)
        assert found is not None and found.id == f"{bare}.d"


@covers("SES-RTE-08")
def test_an_id_of_another_session_or_of_one_that_has_ended_finds_nothing() -> None:
    cluster, turned, old_id = missed()
    manager = cluster["c"]
    for other in ("OTHER.b", "", ".b", old_id.lower()):
        manager.receive(SessionMessage(EventType.ACCESSED, "/app", other), START_MS)
        assert manager.begin(other, START_MS) is None
    assert manager.counters.unknown_session == 4
    (copy,) = manager.sessions()
    copy.invalidate()

    manager.receive(SessionMessage(EventType.ACCESSED, "/app", turned.id), START_MS)

    assert manager.begin(turned.id, START_MS) is None
    assert len(manager) == 0


@covers("SES-RTE-09")
@pytest.mark.parametrize(("rules", "value"), [(REPAIRED, 2), (Rules(exact_ids=True), 1), (ORIGINAL, 1)])
def test_a_change_that_was_under_way_while_the_session_was_turned_over_is_done(
    rules: Rules, value: int
) -> None:
    cluster = Cluster("abc", rules=rules)
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    cluster.request("a", session.id, set_to("x", 2))
    (late,) = cluster["a"].messages_to_send()
    assert isinstance(late.message, SessionMessage)
    assert RouteBinder("b", "/app").bind(cluster["b"], session.id, cluster.now_ms) is not None
    cluster.settle()

    cluster["c"].receive(late.message, START_MS)

    (copy,) = cluster["c"].sessions()
    assert copy.id.endswith(".b") and copy.attributes() == {"x": value}


@covers("SES-RTE-09")
def test_a_change_from_before_the_turnover_does_not_take_the_place_of_one_after_it() -> None:
    cluster = Cluster("abc")
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()

    def set_both(one: Session) -> None:
        one.set("x", 2)
        one.set("y", 2)

    cluster.request("a", session.id, set_both)
    (told,) = cluster["a"].messages_to_send()
    late = stamped(told.message, cluster.nodes["a"].address, START_MS)
    cluster.now_ms += 1
    change = RouteBinder("b", "/app").bind(cluster["b"], session.id, cluster.now_ms)
    assert change is not None and isinstance(late, SessionMessage)
    cluster.settle()
    cluster.request("b", change.new_id, set_to("x", 3))
    cluster.settle()

    for name in "bc":
        cluster[name].receive(late, cluster.now_ms)

        assert cluster.nodes[name].names(change.new_id) == {"x": 3, "y": 2}


@covers("SES-RTE-09")
def test_a_session_that_went_back_to_an_earlier_id_is_followed_by_a_node_that_missed_it() -> None:
    cluster = Cluster("abc")
    session = cluster.request("a", None, set_to("x", 1))
    first_id = session.id
    cluster.settle()
    cluster.now_ms += 1
    change = RouteBinder("b", "/app").bind(cluster["b"], first_id, cluster.now_ms)
    assert change is not None
    cluster.settle()
    cluster.request("b", change.new_id, set_to("x", 2))
    cluster.settle()
    cluster.now_ms += 1
    cluster.nodes["c"].up = False
    assert RouteBinder("a", "/app").bind(cluster["a"], change.new_id, cluster.now_ms) is not None
    cluster.settle()
    cluster.nodes["c"].up = True

    cluster.request("a", first_id, set_to("x", 3))
    cluster.settle()

    assert cluster.nodes["c"].names(change.new_id) == {"x": 3}
    assert cluster.nodes["b"].names(first_id) == {"x": 3}
