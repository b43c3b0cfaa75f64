"""What comes for an application that has not begun here."""

from __future__ import annotations

import pytest

from refjk.session import (
    ORIGINAL,
    REPAIRED,
    Contexts,
    EventType,
    ManagerSettings,
    Rules,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
)
from refjk.session.early import AGE_MAX_MS, MESSAGES_MAX, OCTETS_MAX, EarlyMessages
from refjk.speccheck import covers
from tests.session.support import CONTEXT, START_MS, Cluster, set_to


def created(session_id: str, octets: bytes | None = None) -> SessionMessage:
    return SessionMessage(EventType.CREATED, CONTEXT, session_id, octets)


def kept() -> Contexts:
    """Of a node that has announced itself."""
    contexts = Contexts(5)
    contexts.announced()
    return contexts


def began(contexts: Contexts, now_ms: int, rules: Rules = REPAIRED) -> SessionManager:
    """A manager without other members."""
    manager = SessionManager(ManagerSettings(CONTEXT, rules=rules), lambda: "X")
    assert contexts.begin(manager, [], now_ms) is False
    return manager


@covers("SES-XFR-13")
@pytest.mark.parametrize(
    ("rules", "value"),
    [(ORIGINAL, 0), (Rules(deaf_before_begin=True), 0), (REPAIRED, 1)],
    ids=["original", "deaf", "refjk"],
)
def test_a_change_that_came_before_the_application_stands_over_the_older_state(
    rules: Rules, value: int
) -> None:
    """`b` is told of the change, and the state that `a` gives it was written before `a` was told."""
    cluster = Cluster("ac", rules=rules)
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    cluster.request("c", session.id, set_to("x", 1))
    (told,) = cluster["c"].messages_to_send()
    assert isinstance(told.message, SessionMessage)
    contexts = kept()
    contexts.receive(told.message, cluster.now_ms)
    cluster.add("b")
    assert contexts.begin(cluster["b"], [cluster.nodes["a"].address], cluster.now_ms) is True
    assert len(cluster["b"]) == 0

    cluster.settle()

    assert cluster["b"].ready
    assert cluster.nodes["b"].names(session.id) == {"x": value}


@covers("SES-XFR-13")
def test_without_members_what_came_before_is_done_at_once_and_in_its_order() -> None:
    cluster = Cluster("a")
    session = cluster.request("a", None, set_to("x", 1))
    octets = [one.message for one in cluster["a"].messages_to_send()]
    contexts = kept()
    for message in (*octets, SessionIdMessage(session.id, "NEW.b", CONTEXT), created("GONE")):
        assert isinstance(message, SessionMessage | SessionIdMessage)
        contexts.receive(message, START_MS)
    contexts.receive(SessionMessage(EventType.EXPIRED, CONTEXT, "GONE"), START_MS)
    contexts.receive(SessionMessage(EventType.CREATED, "/other", "OTHER"), START_MS)

    manager = began(contexts, START_MS + AGE_MAX_MS)

    assert {one.id: one.attributes() for one in manager.sessions()} == {"NEW.b": {"x": 1}}
    assert began(Contexts(5), START_MS).sessions() == []


@covers("SES-XFR-13")
def test_what_is_older_than_a_message_can_be_under_way_is_not_kept() -> None:
    contexts = kept()
    contexts.receive(created("OLD"), START_MS)
    contexts.receive(created("NEW"), START_MS + 1)

    manager = began(contexts, START_MS + AGE_MAX_MS + 1)

    assert [one.id for one in manager.sessions()] == ["NEW"]


@covers("SES-XFR-13")
def test_what_is_kept_has_bounds_of_number_and_size_and_the_oldest_goes_first() -> None:
    early = EarlyMessages()
    for number in range(MESSAGES_MAX + 1):
        early.keep(CONTEXT, created(str(number)), START_MS)
    assert len(early) == MESSAGES_MAX
    assert early.take(CONTEXT, START_MS)[0] == created("1")

    half = bytes(OCTETS_MAX // 2)
    for name in "abc":
        early.keep(CONTEXT, created(name, half), START_MS)
    assert len(early) == 2
    early.keep("/other", created("d", half), START_MS)
    assert len(early.take(CONTEXT, START_MS)) == 1
    assert len(early.take("/other", START_MS)) == 1
    early.keep(CONTEXT, created("e", half + half), START_MS)
    assert len(early) == 1


@covers("SES-XFR-13")
def test_nothing_is_kept_of_what_comes_before_the_others_can_know_this_node() -> None:
    contexts = Contexts(5)
    contexts.receive(created("OLD"), START_MS)
    contexts.announced()
    contexts.receive(created("NEW"), START_MS)

    assert [one.id for one in began(contexts, START_MS).sessions()] == ["NEW"]


def test_messages_of_a_transfer_are_not_kept() -> None:
    contexts = kept()
    for event in (EventType.ALL_SESSION_DATA, EventType.STATE_COMPLETE, EventType.GET_ALL):
        contexts.receive(SessionMessage(event, CONTEXT, "S", b"rubbish"), START_MS)

    manager = began(contexts, START_MS)

    assert (manager.reports(), manager.counters.malformed) == ([], 0)
    assert contexts.counters.unknown_context == 3
