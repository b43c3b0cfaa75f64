"""Sessions at their node, and at the others: made, used, ended."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.objectstream import ObjectOutput
from refjk.session import (
    ORIGINAL,
    EventType,
    ManagerSettings,
    Session,
    SessionEvent,
    SessionInvalid,
    SessionManager,
    SessionMessage,
    TooManySessions,
    VanishedSession,
    session_ids,
)
from refjk.speccheck import covers
from tests.session.support import CONTEXT, START_MS, Cluster, set_to


@covers("SES-SES-01")
def test_an_id_is_32_digits_and_the_route() -> None:
    with_route = SessionManager(ManagerSettings(route="node1"), session_ids(random.Random(1)))
    without = SessionManager(ManagerSettings(), session_ids(random.Random(1)))

    assert re.fullmatch(r"[0-9A-F]{32}\.node1", with_route.create(0).id)
    assert re.fullmatch(r"[0-9A-F]{32}", without.create(0).id)


def test_an_id_that_is_taken_is_not_given_again() -> None:
    given = iter(["A", "A", "B"])
    manager = SessionManager(ManagerSettings(), lambda: next(given))

    assert [manager.create(0).id, manager.create(0).id] == ["A", "B"]


@covers("SES-SES-03", "SES-SES-04")
def test_null_removes_and_what_is_not_there_is_not_recorded() -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()

    cluster.request("a", session.id, lambda session: session.remove("nothing"))
    assert cluster.settle() == []

    cluster.request("a", session.id, set_to("x", None))
    assert cluster.settle() == [EventType.DELTA]
    assert cluster.nodes["b"].names(session.id) == {}
    assert "x" not in session and session.get("x", "default") == "default"


@covers("SES-SES-05")
def test_an_interval_of_0_ends_the_session_everywhere() -> None:
    cluster = Cluster()
    session = cluster.request("a", None)
    cluster.settle()

    session.set_max_inactive_interval(0)

    assert cluster.settle() == [EventType.EXPIRED]
    assert len(cluster["a"]) == len(cluster["b"]) == 0
    with pytest.raises(SessionInvalid):
        session.set_max_inactive_interval(5)


@pytest.mark.parametrize("seconds", [1 << 31, -(1 << 31) - 1])
def test_an_interval_that_does_not_fit_is_refused(seconds: int) -> None:
    session = Cluster()["a"].create(0)

    with pytest.raises(LocalProtocolError):
        session.set_max_inactive_interval(seconds)
    assert session.max_inactive_interval == 1800


@covers("SES-SES-02", "SES-SES-06", "SES-MSG-07")
def test_invalidating_tells_at_once_and_drops_what_was_recorded() -> None:
    cluster = Cluster()
    session = cluster.request("a", None)
    cluster.settle()
    cluster["a"].begin(session.id, cluster.now_ms)

    session.set("x", 1)
    session.invalidate()
    assert cluster.settle() == [EventType.EXPIRED]
    assert cluster["a"].request_completed(session.id, cluster.now_ms) is None

    assert len(cluster["a"]) == len(cluster["b"]) == 0
    calls: list[Any] = [
        lambda: session.set("x", 1),
        lambda: session.remove("x"),
        lambda: session.get("x"),
        session.names,
        session.invalidate,
        lambda: session.set_principal(None),
    ]
    for call in calls:
        with pytest.raises(SessionInvalid):
            call()
    assert session.attributes() == {}


@covers("SES-MGR-01", "SES-MSG-07")
def test_a_new_session_is_told_at_once_and_begins_with_an_empty_list() -> None:
    cluster = Cluster()

    session = cluster["a"].create(cluster.now_ms)

    assert (session.is_new, session.is_valid, session.primary) == (True, True, True)
    assert (session.max_inactive_interval, session.creation_ms) == (1800, START_MS)
    assert session.pending is not None and len(session.pending) == 0
    assert cluster.nodes["a"].log == [f"created {session.id}"]
    assert cluster.settle() == [EventType.CREATED]
    cluster["a"].attach(session, cluster.now_ms)
    cluster["a"].end(session)
    assert session.is_new is False


@covers("SES-MGR-02")
def test_the_limit_counts_replicas_and_refuses_only_new_ones() -> None:
    cluster = Cluster(max_active_sessions=2)
    cluster.request("a", None)
    cluster.request("b", None)
    cluster.settle()

    with pytest.raises(TooManySessions):
        cluster["a"].create(cluster.now_ms)

    assert cluster.settle() == []
    assert cluster["a"].counters.refused_by_limit == 1
    none_at_all = SessionManager(ManagerSettings(max_active_sessions=0), lambda: "X")
    with pytest.raises(TooManySessions):
        none_at_all.create(0)


@covers("SES-MGR-03", "SES-MGR-15", "SES-LSN-02")
def test_a_replica_is_made_once_whatever_the_limit_is() -> None:
    cluster = Cluster()
    cluster.add("full", max_active_sessions=0, max_inactive_interval=77)
    cluster.now_ms += 10
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()

    replica = cluster["full"].known(session.id)
    assert replica is not None
    assert (replica.max_inactive_interval, replica.creation_ms) == (77, cluster.now_ms)
    assert (replica.is_new, replica.primary, replica.access_count) == (False, False, 0)
    assert cluster.nodes["full"].log == [f"created {session.id}", "added x=1"]

    replica.primary = True
    cluster["full"].receive(SessionMessage(EventType.CREATED, CONTEXT, session.id), cluster.now_ms)
    assert cluster["full"].known(session.id) is replica
    assert replica.attributes() == {"x": 1} and replica.primary is False
    assert cluster.nodes["full"].log == [f"created {session.id}", "added x=1"]


@covers("SES-MGR-14")
def test_what_others_send_has_a_bound() -> None:
    cluster = Cluster()
    cluster.add("small", replicas_max=1)
    cluster.request("a", None)
    cluster.request("a", None)
    cluster.settle()

    assert (len(cluster["b"]), len(cluster["small"])) == (2, 1)
    assert cluster["small"].counters.replicas_refused == 1
    assert [report.kind for report in cluster["small"].reports()] == ["full"]


@covers("SES-MGR-04")
def test_a_request_is_an_access_and_keeps_the_session_alive() -> None:
    cluster = Cluster(max_inactive_interval=10)
    session = cluster.request("a", None)
    cluster.now_ms += 5000

    cluster["a"].begin(session.id, cluster.now_ms)
    assert (session.last_access_ms, session.this_access_ms) == (START_MS, START_MS + 5000)
    cluster.now_ms += 100_000
    assert cluster["a"].find(session.id, cluster.now_ms) is session
    cluster["a"].end(session)
    assert cluster["a"].find(session.id, cluster.now_ms) is None
    assert cluster["a"].begin(session.id, cluster.now_ms) is None


@covers("SES-MGR-05", "SES-MGR-13")
def test_the_primary_ends_an_idle_session_and_tells() -> None:
    cluster = Cluster(max_inactive_interval=2)
    session = cluster.request("a", None)
    cluster.settle()
    cluster.now_ms += 1500
    cluster.request("a", session.id)

    cluster.now_ms += 1999
    cluster["a"].expire_idle(cluster.now_ms)
    assert cluster.settle() == []
    cluster.now_ms += 1
    cluster["a"].expire_idle(cluster.now_ms)

    assert cluster.settle() == [EventType.EXPIRED]
    assert len(cluster["a"]) == len(cluster["b"]) == 0
    assert cluster["a"].counters.expired_idle == 1


@covers("SES-MGR-05")
def test_a_session_with_a_negative_interval_does_not_end() -> None:
    cluster = Cluster(max_inactive_interval=-1)
    session = cluster.request("a", None)

    assert cluster["a"].find(session.id, START_MS + 10**12) is session


@covers("SES-MGR-06")
def test_a_replica_ends_after_twice_the_interval_and_tells_nobody() -> None:
    cluster = Cluster(max_inactive_interval=2)
    session = cluster.request("a", None)
    cluster.settle()

    cluster["b"].expire_idle(START_MS + 3999)
    assert cluster["b"].known(session.id) is not None
    cluster["b"].expire_idle(START_MS + 4000)

    assert cluster["b"].known(session.id) is None
    assert cluster.settle() == []


@covers("SES-MGR-07", "SES-MGR-09")
def test_a_request_with_changes_sends_a_delta_and_takes_the_session_over() -> None:
    cluster = Cluster("abc")
    session = cluster.request("a", None, set_to("x", 1))
    assert cluster.settle() == [EventType.CREATED, EventType.DELTA]

    cluster.request("b", session.id, set_to("x", 2))
    assert cluster.settle() == [EventType.DELTA]

    primaries = {name: cluster[name].known(session.id).primary for name in "abc"}  # type: ignore[union-attr]
    assert primaries == {"a": False, "b": True, "c": False}
    assert [cluster.nodes[name].names(session.id)["x"] for name in "abc"] == [2, 2, 2]
    cluster.request("b", session.id)
    assert cluster.settle() == []


@covers("SES-MGR-08")
def test_a_request_without_changes_tells_of_a_move_or_of_a_long_time() -> None:
    cluster = Cluster(max_inactive_interval=10)
    session = cluster.request("a", None, lambda session: session.set_max_inactive_interval(1000))
    cluster.settle()

    cluster.request("a", session.id)
    assert cluster.settle() == []
    cluster.now_ms += 10_000
    cluster.request("a", session.id)
    assert cluster.settle() == []
    cluster.now_ms += 1
    cluster.request("a", session.id)
    assert cluster.settle() == [EventType.ACCESSED]
    cluster.request("b", session.id)
    assert cluster.settle() == [EventType.ACCESSED]
    replica = cluster["a"].known(session.id)
    assert replica is not None and replica.this_access_ms == cluster.now_ms and replica.primary is False


@covers("SES-MGR-09")
def test_the_end_of_a_request_whose_session_is_gone_is_no_error() -> None:
    cluster = Cluster()
    original = Cluster(rules=ORIGINAL)

    assert cluster["a"].request_completed("NOBODY", START_MS) is None
    with pytest.raises(VanishedSession):
        original["a"].request_completed("NOBODY", START_MS)


@covers("SES-MGR-18")
def test_a_replica_can_be_given_another_time_beyond_the_interval() -> None:
    cluster = Cluster(max_inactive_interval=2, expire_tolerance=5)
    cluster.request("a", None)
    cluster.settle()

    cluster["b"].expire_idle(START_MS + 6999)
    there = len(cluster["b"])
    cluster["b"].expire_idle(START_MS + 7000)
    cluster["a"].expire_idle(START_MS + 2000)

    assert (there, len(cluster["b"]), len(cluster["a"])) == (1, 0, 0)


@covers("SES-MGR-17")
@pytest.mark.parametrize("seconds", [0, 3, 20])
def test_a_request_without_changes_can_be_told_of_more_often_or_less(seconds: int) -> None:
    cluster = Cluster(max_inactive_interval=10, update_active_interval=seconds)
    session = cluster.request("a", None, lambda session: session.set_max_inactive_interval(1000))
    cluster.settle()

    told = []
    for passed_ms in (1000 * seconds, 1):
        cluster.now_ms += passed_ms
        cluster.request("a", session.id)
        told += cluster.settle()

    assert told == [EventType.ACCESSED]


@covers("SES-MGR-10")
def test_idle_sessions_are_looked_for_at_every_sixth_tick() -> None:
    cluster = Cluster("a", max_inactive_interval=1)
    cluster.request("a", None)

    for _ in range(5):
        cluster["a"].tick(START_MS + 10_000)
        assert len(cluster["a"]) == 1
    cluster["a"].tick(START_MS + 10_000)

    assert len(cluster["a"]) == 0


@covers("SES-MGR-11")
@pytest.mark.parametrize("everywhere", [True, False])
def test_a_manager_that_stops_ends_its_sessions_and_tells_if_it_should(everywhere: bool) -> None:
    cluster = Cluster(expire_sessions_on_shutdown=everywhere)
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()

    cluster["a"].stop()

    assert cluster.settle() == ([EventType.EXPIRED] if everywhere else [])
    assert (len(cluster["a"]), len(cluster["b"])) == (0, 0 if everywhere else 1)
    assert cluster.nodes["a"].log[-2:] == [f"destroyed {session.id}", "removed x=1"]


@covers("SES-MGR-12")
def test_the_dirty_flag_changes_nothing() -> None:
    sent = []
    for flag in (True, False):
        cluster = Cluster(use_dirty_flag=flag)
        session = cluster.request("a", None, set_to("x", 1))
        cluster.request("a", session.id)
        events = cluster.settle()
        cluster.request("b", session.id)
        sent.append(events + cluster.settle())

    assert sent[0] == sent[1] == [EventType.CREATED, EventType.DELTA, EventType.ACCESSED]


def test_a_new_id_at_login_is_read() -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    target = ObjectOutput()
    target.write_utf("NEW.a")

    message = SessionMessage(EventType.ID_CHANGED, CONTEXT, session.id, target.octets())
    cluster["b"].receive(message, START_MS)

    assert cluster.nodes["b"].names("NEW.a") == {"x": 1}


def test_sessions_are_shown_shortened() -> None:
    session: Session = Cluster()["a"].create(0)

    assert session.id not in repr(session)


@pytest.mark.parametrize("release", [4, 37])
def test_a_release_that_nobody_knows_is_refused(release: int) -> None:
    with pytest.raises(LocalProtocolError):
        ManagerSettings(release=release)


def test_counters_count() -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 1))
    cluster.request("a", None)
    cluster.settle()
    session.invalidate()
    cluster.settle()

    a, b = cluster["a"].counters, cluster["b"].counters
    assert (a.created, a.deltas_sent, a.ended, a.max_active) == (2, 1, 1, 2)
    assert (b.created, b.replicas_made, b.deltas_executed, b.ended) == (0, 2, 1, 1)


@covers("SES-MGR-01", "SES-MGR-03")
def test_what_listeners_set_in_a_new_session_is_that_of_the_creating_node_everywhere() -> None:
    cluster = Cluster("abc")

    class Marker:
        def __init__(self, name: str) -> None:
            self.name = name

        def session_created(self, event: SessionEvent) -> None:
            event.session.set("made at", self.name)

        def session_destroyed(self, event: SessionEvent) -> None:
            pass

    for name in "abc":
        cluster[name].listeners.add(Marker(name))

    session = cluster.request("a", None)
    assert cluster.settle() == [EventType.CREATED, EventType.DELTA]
    cluster.request("b", session.id)
    assert cluster.settle() == [EventType.ACCESSED]

    assert [cluster.nodes[name].names(session.id) for name in "abc"] == [{"made at": "a"}] * 3


def test_a_manager_without_sessions_is_one_all_the_same() -> None:
    assert Cluster()["a"] and len(Cluster()["a"]) == 0
