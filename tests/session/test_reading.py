"""A state that takes long to write or to read, and what happens to the manager meanwhile."""

from __future__ import annotations

from dataclasses import replace

from refjk.channel import ChannelLimits
from refjk.session import (
    MESSAGE_LIMITS,
    Contexts,
    EventType,
    SessionMessage,
    TransferPhase,
    decode_message,
)
from refjk.session.manager_settings import Outgoing
from refjk.session.reading import StateReading
from refjk.speccheck import covers
from tests.session.support import START_MS, set_to
from tests.session.test_transfer import Joining, joining


def state_of(join: Joining) -> SessionMessage:
    (octets,) = join.blobs
    message = decode_message(octets)
    assert isinstance(message, SessionMessage)
    return message


def begun(join: Joining, message: SessionMessage) -> StateReading:
    reading = join.cluster["b"].begin_reading(message)
    assert reading is not None
    return reading


@covers("SES-XFR-15")
def test_a_state_is_written_when_it_leaves_and_not_when_it_is_asked_for() -> None:
    join = joining()
    manager = join.cluster["a"]
    manager.receive(
        SessionMessage(EventType.GET_ALL, "/app", "GET-ALL", None, "x", 0, join.cluster.nodes["b"].address),
        START_MS,
    )

    (outgoing,) = manager.messages_to_send()
    message, written = outgoing.message, outgoing.written()

    assert isinstance(message, SessionMessage) and message.octets is None
    assert isinstance(written, SessionMessage) and written.octets == state_of(join).octets
    assert replace(written, octets=None) == message


@covers("SES-XFR-16")
def test_who_asks_again_before_its_state_is_written_gets_one_state() -> None:
    join = joining()
    manager, asker = join.cluster["a"], join.cluster.nodes["b"].address
    question = SessionMessage(EventType.GET_ALL, "/app", "GET-ALL", None, "x", 0, asker)

    def asked(now_ms: int) -> list[Outgoing]:
        manager.receive(question, now_ms)
        return manager.messages_to_send()

    (first,) = asked(START_MS)
    assert asked(START_MS + 59_999) == []
    assert len(asked(START_MS + 60_000)) == 1  # the first one may be lost
    first.written()
    assert len(asked(START_MS + 60_001)) == 1


@covers("SES-XFR-15")
def test_nobody_is_asked_again_while_a_state_is_read() -> None:
    join = joining()
    manager = join.cluster["b"]
    begun(join, state_of(join))
    manager.pass_time(START_MS + 45_000)
    assert manager.messages_to_send() == []


@covers("SES-XFR-15", "SES-XFR-04")
def test_what_comes_while_a_state_is_read_is_kept_and_the_wait_does_not_end() -> None:
    join = joining()
    manager = join.cluster["b"]
    reading = begun(join, state_of(join))

    join.cluster.request("a", join.session.id, set_to("x", 1))
    join.cluster.settle()
    manager.pass_time(START_MS + 3_600_000)
    manager.members_changed([], START_MS + 3_600_000)
    assert not manager.ready and manager.next_wakeup_ms() is None
    reading.read()
    manager.end_reading(reading, START_MS + 3_600_001)

    assert manager.ready and manager.transfer.phase is TransferPhase.DONE
    assert join.values() == {"x": 1}


@covers("SES-XFR-15", "SES-XFR-08")
def test_a_state_that_comes_again_while_it_is_read_is_refused() -> None:
    join = joining()
    manager = join.cluster["b"]
    reading = begun(join, state_of(join))

    assert manager.begin_reading(state_of(join)) is None
    manager.receive(state_of(join), START_MS)
    assert manager.counters.states_refused == 1 and not manager.ready
    reading.read()
    manager.end_reading(reading, START_MS)

    assert join.values() == {"x": 0}


@covers("SES-XFR-15")
def test_a_state_that_cannot_be_read_leaves_the_wait_as_it_was() -> None:
    join = joining()
    manager = join.cluster["b"]
    reading = begun(join, replace(state_of(join), octets=b"\xac\xed\x00\x05"))

    reading.read()
    manager.end_reading(reading, START_MS)
    assert manager.counters.malformed == 1 and not manager.ready
    assert manager.transfer.deadline_ms() == START_MS + 60_000
    join.state_arrives()

    assert join.values() == {"x": 0}


@covers("SES-XFR-15", "SES-XFR-05")
def test_who_was_asked_and_went_while_its_state_was_read_is_asked_no_more() -> None:
    join = joining()
    manager = join.cluster["b"]
    other = replace(join.cluster.nodes["a"].address, name="tcp://c")
    reading = begun(join, replace(state_of(join), octets=b""))
    manager.members_changed([other], START_MS)
    assert manager.messages_to_send() == []

    reading.read()
    manager.end_reading(reading, START_MS)

    (question,) = manager.messages_to_send()
    assert question.to == other


def test_only_a_state_that_is_awaited_whole_is_read_apart() -> None:
    join, later = joining(), joining(release=10)
    contexts = Contexts(5)
    contexts.add(join.cluster["b"])
    state = state_of(join)

    part = decode_message(later.blobs[0])
    assert isinstance(part, SessionMessage)
    assert later.cluster["b"].begin_reading(part) is None
    assert join.cluster["a"].begin_reading(state) is None
    assert contexts.begin_reading(replace(state, event_type=EventType.CREATED)) is None
    assert contexts.begin_reading(replace(state, context_name="/other")) is None
    begun = contexts.begin_reading(state)
    assert begun is not None and begun[0] is join.cluster["b"]


@covers("SES-LAY-10")
def test_the_channel_takes_what_a_message_may_be() -> None:
    assert ChannelLimits().payload_size >= MESSAGE_LIMITS.octets
    assert ChannelLimits().data_size >= MESSAGE_LIMITS.octets
