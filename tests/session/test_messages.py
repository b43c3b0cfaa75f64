"""Session messages as objects."""

from __future__ import annotations

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import ClassDescription, JavaObject, write_object
from refjk.session import (
    LAYOUTS,
    Contexts,
    EventType,
    ManagerSettings,
    MemberAddress,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    SingleSignOnMessage,
    decode_message,
    encode_message,
    manager_name,
    record_of_message,
    stamped,
)
from refjk.session.messages import Message
from refjk.speccheck import covers
from tests.session.support import CONTEXT, START_MS, Cluster, set_to

MEMBER = MemberAddress("tcp://1.2.3.4:4001", "1.2.3.4", 4001, 99, 3)
MESSAGES: list[Message] = [
    SessionMessage(EventType.DELTA, "/app", "S.a", b"\x01", "S.a7"),
    SessionIdMessage("S.a", "S.b", "/app", host="localhost"),
    SingleSignOnMessage(4, "SSO", auth_type="FORM", username="anna", password="secret"),
]


@covers("SES-MSG-01", "SES-MSG-02", "SES-MSG-03", "SES-MSG-05", "SES-SSO-01")
@pytest.mark.parametrize("release", [5, 9, 10, 12, 13, 36])
@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_of_each_version_is_read_as_it_was_written(message: Message, release: int) -> None:
    sent = stamped(message, MEMBER, 1234)
    if isinstance(message, SingleSignOnMessage) and release < 10:
        with pytest.raises(LocalProtocolError):
            encode_message(sent, release)
        return

    read = decode_message(encode_message(sent, release))

    assert (read.address, read.timestamp_ms) == (MEMBER, 1234)
    assert encode_message(read, release) == encode_message(sent, release)
    if isinstance(read, SessionIdMessage):
        assert read.host == ("localhost" if release >= 13 else None)
    if isinstance(read, SessionMessage):
        assert read.timestamp_set is (release >= 10)
        assert (read.session_id, read.octets, read.unique_id) == ("S.a", b"\x01", "S.a7")


@covers("SES-MSG-01")
def test_fields_stand_in_the_order_of_java() -> None:
    for layout in LAYOUTS:
        fields = layout.description.fields
        assert list(fields) == sorted(fields, key=lambda field: (not field.is_primitive, field.name))


@covers("SES-MSG-04")
def test_another_class_number_or_list_of_fields_is_refused() -> None:
    layout = LAYOUTS[0].description
    others: list[object] = [
        "text",
        None,
        JavaObject.of(ClassDescription("x.Other", layout.serial_version_uid, 2, layout.fields)),
        JavaObject.of(ClassDescription(layout.name, 1, 2, layout.fields)),
        JavaObject.of(ClassDescription(layout.name, layout.serial_version_uid, 2, layout.fields[1:])),
        JavaObject.of(ClassDescription(layout.name, layout.serial_version_uid, 3, layout.fields)),
    ]
    for other in others:
        with pytest.raises(Malformed) as caught:
            decode_message(write_object(other))
        assert caught.value.clause == "SES-MSG-04"


@covers("SES-MSG-06")
@pytest.mark.parametrize(
    ("field", "value"),
    [("mContextName", 1), ("mSessionID", ["x"]), ("mSession", "text"), ("mSrc", "text"), ("uniqueId", True)],
)
def test_a_field_with_an_object_of_another_type_is_refused(field: str, value: object) -> None:
    record = record_of_message(MESSAGES[0], 5)
    record[field] = value

    with pytest.raises(Malformed) as caught:
        decode_message(write_object(record))
    assert caught.value.clause == "SES-MSG-06"


@covers("SES-MSG-06")
def test_a_message_that_needs_an_id_and_has_none_is_refused() -> None:
    manager = Cluster("a")["a"]

    manager.receive(SessionMessage(EventType.CREATED, CONTEXT, None), START_MS)
    manager.receive(SessionMessage(EventType.DELTA, CONTEXT, None), START_MS)

    assert len(manager) == 0
    assert [report.kind for report in manager.reports()] == ["malformed"]


@covers("SES-MSG-08", "SES-MSG-09", "SES-SSO-03")
def test_unique_ids_tell_messages_apart() -> None:
    for release, hyphen in ((5, ""), (12, ""), (13, "-"), (36, "-")):
        cluster = Cluster(release=release)
        session = cluster.request("a", None, set_to("x", 1))
        cluster["a"].begin(session.id, START_MS)
        session.invalidate()
        cluster.collect()
        ids = [one.unique_id for one in cluster.seen if isinstance(one, SessionMessage)]
        assert ids == [f"{session.id}{hyphen}{START_MS}"] * 2 + [f"{session.id}-EXPIRED-MSG"]
    assert SessionIdMessage("S.a", "S.b", "/app").unique_id(7) == "S.a#-#S.b#-#0#-#7"
    assert SingleSignOnMessage(1, "SSO").unique_id(7) == "SSO#-#7"
    assert SingleSignOnMessage(1, "SSO", own_unique_id="own").unique_id(7) == "own"


@covers("SES-MSG-10")
def test_unknown_events_and_unknown_sessions_change_nothing_and_are_counted() -> None:
    cluster = Cluster()
    cluster.request("a", None)
    cluster.settle()
    manager = cluster["b"]

    for event in (0, 5, 99, -1):
        manager.receive(SessionMessage(event, CONTEXT, manager.sessions()[0].id), START_MS)
    for event in (EventType.EXPIRED, EventType.ACCESSED, EventType.DELTA, EventType.ID_CHANGED):
        manager.receive(SessionMessage(event, CONTEXT, "NOBODY", b"x"), START_MS)

    assert (manager.counters.unknown_event, manager.counters.unknown_session) == (4, 4)
    assert len(manager) == 1 and manager.reports() == []


@covers("SES-MSG-11")
def test_the_name_of_a_manager_is_its_path_with_the_host_of_an_engine_in_front() -> None:
    assert manager_name("/app") == "/app"
    assert manager_name("/") == manager_name("") == ""
    assert manager_name("/app", "localhost") == "localhost#/app"


@covers("SES-MSG-12")
def test_a_message_goes_to_the_manager_of_its_context_or_without_one_to_all() -> None:
    contexts = Contexts(5)
    managers = [SessionManager(ManagerSettings(name), lambda: "X") for name in ("/one", "")]
    for manager in managers:
        contexts.add(manager)
    with pytest.raises(LocalProtocolError):
        contexts.add(managers[0])

    contexts.receive(SessionMessage(EventType.CREATED, "/one", "S1"), 0)
    contexts.receive(SessionMessage(EventType.CREATED, "", "S2"), 0)
    contexts.receive(SessionMessage(EventType.CREATED, None, "S3"), 0)
    contexts.receive(SessionMessage(EventType.CREATED, "/none", "S4"), 0)
    contexts.receive(SessionIdMessage("S1", "S1.b", "/one"), 0)

    assert [[one.id for one in manager.sessions()] for manager in managers] == [["S3", "S1.b"], ["S2", "S3"]]
    assert contexts.counters.unknown_context == 1
    contexts.remove("/one")
    assert contexts.get("/one") is None


@covers("SES-SSO-02")
def test_single_sign_on_messages_about_a_session_need_it_here() -> None:
    contexts = Contexts(36)
    manager = SessionManager(ManagerSettings("/app", release=36), lambda: "X")
    contexts.add(manager)
    session = manager.create(0)
    heard: list[object] = []
    contexts.on_single_sign_on(lambda message, of: heard.append((message.action, of)))

    for action in (1, 2, 6):
        contexts.receive(SingleSignOnMessage(action, "SSO", "NOBODY", "/app"), 0)
        contexts.receive(SingleSignOnMessage(action, "SSO", session.id, "/none"), 0)
        contexts.receive(SingleSignOnMessage(action, "SSO", session.id, "/app"), 0)
    for action in (3, 4, 5, 77):
        contexts.receive(SingleSignOnMessage(action, "SSO"), 0)

    assert heard == [(1, session), (2, session), (6, session), (3, None), (4, None), (5, None), (77, None)]
    assert contexts.counters.single_sign_on_dropped == 6


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(MESSAGES[2])
