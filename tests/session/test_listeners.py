"""Who is told, when, and of what."""

from __future__ import annotations

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.session import BindingEvent, EventType, Listeners, SessionEvent
from refjk.speccheck import covers
from tests.session.support import START_MS, Bound, Cluster, Watcher, set_to


@covers("SES-LSN-04", "SES-LSN-05")
def test_setting_and_removing_runs_in_order_with_the_right_values() -> None:
    cluster = Cluster("a")
    log = cluster.nodes["a"].log
    session = cluster["a"].create(START_MS)
    log.clear()

    session.set("x", 1)
    session.set("x", 2)
    session.set("b", Bound("one", log))
    session.set("b", Bound("two", log))
    session.remove("b")
    session.remove("x")

    assert log == [
        "added x=1",
        "replaced x=1",
        "bound one, then there: None",
        "added b=one",
        "bound two, then there: one",
        "unbound one, then there: two",
        "replaced b=one",
        "unbound two, then there: None",
        "removed b=two",
        "removed x=2",
    ]


@covers("SES-LSN-01", "SES-LSN-02")
@pytest.mark.parametrize("notify", [True, False])
def test_at_a_replica_attribute_listeners_run_only_if_they_should(notify: bool) -> None:
    cluster = Cluster(notify_listeners_on_replication=notify)
    session = cluster.request("a", None, set_to("b", Bound("x", cluster.nodes["a"].log)))
    cluster.settle()
    cluster.request("a", session.id, set_to("b", None))
    cluster.settle()

    told = ["bound x, then there: None", "added b=x", "unbound x, then there: None", "removed b=x"]
    assert cluster.nodes["b"].log == [f"created {session.id}", *(told if notify else [])]
    assert cluster.nodes["a"].log[1:] == told


@covers("SES-LSN-01", "SES-LSN-03")
def test_a_session_that_ends_unbinds_its_attributes_with_listeners_everywhere() -> None:
    cluster = Cluster(notify_listeners_on_replication=False)
    session = cluster.request("a", None, set_to("b", Bound("x", cluster.nodes["a"].log)))
    cluster.settle()
    for node in cluster.nodes.values():
        node.log.clear()

    session.invalidate()
    cluster.settle()

    for node in cluster.nodes.values():
        assert node.log == [f"destroyed {session.id}", "unbound x, then there: None", "removed b=x"]


@covers("SES-LSN-03")
def test_listeners_of_the_end_still_see_the_session_and_the_message_comes_last() -> None:
    cluster = Cluster()
    manager = cluster["a"]
    seen: list[object] = []

    class Looker(Watcher):
        def session_destroyed(self, event: SessionEvent) -> None:
            known = manager.known(event.session.id) is event.session
            seen.append((known, event.session.is_valid, event.session.get("x")))

        def attribute_removed(self, event: BindingEvent) -> None:
            seen.append((manager.known(event.session.id), event.session.is_valid, manager.messages_to_send()))

    manager.listeners.add(Looker([]))
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()

    session.invalidate()

    assert seen == [(True, True, 1), (None, False, [])]
    assert cluster.settle() == [EventType.EXPIRED]


@covers("SES-LSN-02")
def test_listeners_are_told_in_order_and_of_the_end_in_reverse() -> None:
    cluster = Cluster("a")
    log = cluster.nodes["a"].log
    cluster["a"].listeners.add(Watcher(log, "second "))

    session = cluster["a"].create(START_MS)
    session.invalidate()

    assert log == [
        f"created {session.id}",
        f"second created {session.id}",
        f"second destroyed {session.id}",
        f"destroyed {session.id}",
    ]


@covers("SES-LSN-06", "SES-LSN-07", "SES-LSN-08")
def test_a_state_tells_values_that_they_move_and_nobody_else() -> None:
    cluster = Cluster("a")
    session = cluster.request("a", None, set_to("b", Bound("x", cluster.nodes["a"].log)))
    cluster.settle()
    cluster.nodes["a"].log.clear()
    cluster.add("b")

    cluster["b"].start(cluster.members_but("b"), START_MS)
    cluster.settle()

    assert cluster["b"].known(session.id) is not None
    assert cluster.nodes["a"].log == ["passivate x"]
    assert cluster.nodes["b"].log == ["activate x"]


@covers("SES-LSN-09")
def test_a_listener_that_raises_is_reported_and_the_others_run() -> None:
    cluster = Cluster("a")

    class Broken(Watcher):
        def session_created(self, event: SessionEvent) -> None:
            raise ZeroDivisionError("no")

    cluster["a"].listeners.add(Broken([]))
    cluster["a"].listeners.add(Watcher(cluster.nodes["a"].log, "third "))

    session = cluster["a"].create(START_MS)

    assert cluster.nodes["a"].log == [f"created {session.id}", f"third created {session.id}"]
    (report,) = cluster["a"].reports()
    assert report.kind == "listener" and "ZeroDivisionError" in report.text


def test_an_object_without_the_methods_is_no_listener() -> None:
    with pytest.raises(LocalProtocolError):
        Listeners(lambda fault: None).add(object())
