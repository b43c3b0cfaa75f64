"""What the simulation has found in the managers, each as short as it can be."""

from __future__ import annotations

import random

import pytest

from refjk.session import (
    REPAIRED,
    ActionType,
    BindingEvent,
    DeltaAction,
    DeltaRequest,
    EventType,
    ManagerSettings,
    MemberAddress,
    RouteBinder,
    Rules,
    Session,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    SessionState,
    Verb,
    encode_all_sessions,
    encode_delta_request,
    session_ids,
)
from refjk.speccheck import covers

ASKED = MemberAddress("tcp://a:4000", "a", 4000)


def manager(route: str, rules: Rules = REPAIRED) -> SessionManager:
    return SessionManager(ManagerSettings("", route, rules=rules), session_ids(random.Random(1)))


@covers("SES-XFR-12")
def test_a_creation_that_waited_makes_no_second_session_where_the_state_has_a_new_id() -> None:
    """It was created, the question left, it moved; then the state was written."""
    giving, starting = manager("a"), manager("c")
    session = giving.create(1000)
    session.set("count", 1)
    created_id = session.id
    new_id = created_id.replace(".a", ".b")
    giving.change_id(session, new_id)
    starting.start([ASKED], 1000)
    starting.receive(SessionMessage(EventType.CREATED, "", created_id), 1001)
    starting.receive(SessionIdMessage(created_id, new_id, ""), 1002)
    state = encode_all_sessions([session.to_state()], starting.settings.release)
    starting.receive(
        SessionMessage(EventType.ALL_SESSION_DATA, "", "SESSION-STATE", state, address=ASKED), 1003
    )

    assert [one.id for one in starting.sessions()] == [new_id]
    assert starting.sessions()[0].get("count") == 1
    assert starting.reports() == []


@covers("SES-XFR-12")
def test_a_creation_that_waited_is_done_if_the_state_does_not_have_the_session() -> None:
    starting = manager("c")
    starting.start([ASKED], 1000)
    starting.receive(SessionMessage(EventType.CREATED, "", "AB.a"), 1001)
    state = encode_all_sessions([], starting.settings.release)
    starting.receive(
        SessionMessage(EventType.ALL_SESSION_DATA, "", "SESSION-STATE", state, address=ASKED), 1002
    )

    assert [one.id for one in starting.sessions()] == ["AB.a"]


@covers("SES-XFR-08")
def test_a_state_brings_no_second_copy_of_a_session_that_is_here_under_another_route() -> None:
    starting = manager("d")
    starting.start([ASKED], 1000)
    starting.pass_time(61_000)
    starting.receive(SessionMessage(EventType.CREATED, "", "X.b"), 61_001)
    state = encode_all_sessions([SessionState(one, 0, 0, 0, 60) for one in ("X.a", "Y.a", "Y.b")], 5)
    starting.receive(
        SessionMessage(EventType.ALL_SESSION_DATA, "", "SESSION-STATE", state, address=ASKED), 61_002
    )

    assert [one.id for one in starting.sessions()] == ["X.b", "Y.a"]


def delta(session_id: str, count: int) -> SessionMessage:
    request = DeltaRequest(session_id)
    request.add(DeltaAction(ActionType.ATTRIBUTE, Verb.SET, "count", count))
    return SessionMessage(EventType.DELTA, "", session_id, encode_delta_request(request))


@covers("SES-XFR-12")
@pytest.mark.parametrize(
    ("kept", "state_id", "found"),
    [
        pytest.param(
            [SessionIdMessage("X.a", "X.b", ""), delta("X.b", 1), SessionIdMessage("X.b", "X.c", "")],
            "X.c",
            ("X.c", 2),
            id="what was kept is older",
        ),
        pytest.param(
            [delta("X.b", 1), SessionIdMessage("X.b", "X.c", ""), delta("X.c", 3), delta("X.b", 4)],
            "X.c",
            ("X.c", 3),
            id="some of it is",
        ),
        pytest.param([delta("X.b", 3)], "X.a", ("X.b", 3), id="whoever gave the state has missed the new id"),
        pytest.param([delta("X.a", 3)], "X.a", ("X.a", 3), id="no new id"),
    ],
)
def test_what_waited_is_not_done_on_a_state_with_a_later_id(
    kept: list[SessionMessage | SessionIdMessage], state_id: str, found: tuple[str, int]
) -> None:
    starting = manager("d")
    starting.start([ASKED], 1000)
    for message in kept:
        starting.receive(message, 1001)
    state = encode_all_sessions([SessionState(state_id, 0, 0, 0, 60, attributes={"count": 2})], 5)
    starting.receive(
        SessionMessage(EventType.ALL_SESSION_DATA, "", "SESSION-STATE", state, address=ASKED), 1002
    )

    assert [(one.id, one.get("count")) for one in starting.sessions()] == [found]


@covers("SES-RTE-04")
def test_a_turnover_of_an_older_id_tells_the_others_the_id_that_they_know() -> None:
    """The answer with the second id was lost, and the client comes with the first to a third node."""
    third = manager("c")
    third.receive(SessionMessage(EventType.CREATED, "", "AB.a"), 1000)
    third.receive(SessionIdMessage("AB.a", "AB.b", ""), 1001)
    change = RouteBinder("c", "").bind(third, "AB.a", 1002)
    (told,) = third.messages_to_send()

    assert change is not None
    assert change.new_id == "AB.c"
    assert isinstance(told.message, SessionIdMessage)
    assert (told.message.original_id, told.message.new_id) == ("AB.b", "AB.c")


class Ears:
    """Listens to attributes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def attribute_added(self, event: BindingEvent) -> None:
        self.told.append(f"added {event.name}")

    def attribute_replaced(self, event: BindingEvent) -> None:
        self.told.append(f"replaced {event.name}")

    def attribute_removed(self, event: BindingEvent) -> None:
        self.told.append(f"removed {event.name}")


def idle_too_long(rules: Rules) -> tuple[SessionManager, Session, Ears]:
    """A primary that hears of a change after the interval of the session is over."""
    one, ears = manager("a", rules), Ears()
    one.listeners.add(ears)
    session = one.create(1000)
    session.set("count", 1)
    one.messages_to_send()
    one.receive(delta(session.id, 2), 1000 + 1800 * 1000)
    return one, session, ears


@covers("SES-MGR-16")
def test_a_change_is_not_taken_for_the_end_of_a_session_that_was_idle_here() -> None:
    one, session, ears = idle_too_long(REPAIRED)

    assert session.is_valid and session.get("count") == 2
    assert one.messages_to_send() == []
    assert ears.told == ["added count", "replaced count"]
    assert session.check_idle(1000 + 2 * 1800 * 1000 - 1) is True


@covers("SES-MGR-16")
@pytest.mark.parametrize(("rules", "valid"), [(REPAIRED, True), (Rules(idle_before_message=True), False)])
def test_an_access_elsewhere_is_not_taken_for_the_end_either(rules: Rules, valid: bool) -> None:
    one = manager("a", rules)
    session = one.create(1000)

    one.receive(SessionMessage(EventType.ACCESSED, "", session.id), 1000 + 2 * 1800 * 1000)

    assert session.is_valid is valid


@covers("SES-LSN-03")
def test_with_the_originals_rule_a_change_is_not_done_on_what_has_ended() -> None:
    one, session, ears = idle_too_long(Rules(idle_before_message=True))

    (told,) = one.messages_to_send()
    assert isinstance(told.message, SessionMessage) and told.message.event_type == EventType.EXPIRED
    assert not session.is_valid
    assert ears.told == ["added count", "removed count"]
    assert session.attributes() == {}
