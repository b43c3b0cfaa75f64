"""The open bus: codecs by class name, listeners by what they accept."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.channel import Bus, Fate, MemberResult, MessageClass, MessageRegistry, SendResult
from refjk.objectstream import ClassData, ClassDescription, Field, JavaObject, Long, read_object
from refjk.speccheck import covers

DESCRIPTION = ClassDescription("example.Greeting", 1, fields=(Field("J", "number"),))


@dataclass(frozen=True)
class Greeting:
    number: int


def encode(greeting: Greeting) -> object:
    return JavaObject(DESCRIPTION, [ClassData(DESCRIPTION, [greeting.number])])


def decode(java: JavaObject) -> Greeting:
    number = java["number"]
    assert isinstance(number, int)
    if number < 0:
        raise Malformed("TEST-01", offset=0, expected="0 or more", actual=f"{number}")
    return Greeting(number)


GREETINGS = MessageClass("example.Greeting", Greeting, decode, encode)


class Recorder:
    def __init__(self, wanted: type | None = None, fails: str = "") -> None:
        self.wanted = wanted
        self.fails = fails
        self.got: list[object] = []

    def accept(self, message: object) -> bool:
        if self.fails == "accept":
            raise RuntimeError("accept")
        return self.wanted is None or isinstance(message, self.wanted)

    def received(self, message: object) -> None:
        if self.fails == "received":
            raise RuntimeError("received")
        self.got.append(message)


def bus(*listeners: Recorder) -> Bus:
    registry = MessageRegistry()
    registry.register(GREETINGS)
    made = Bus(registry)
    for listener in listeners:
        made.add(listener)
    return made


@covers("CHN-BUS-01")
def test_messages_go_to_those_who_accept_them() -> None:
    texts, greetings = Recorder(str), Recorder(Greeting)
    both = bus(texts, greetings)
    for message in ("hello", Greeting(5), [Long(1)]):
        both.receive(both.registry.write(message))
    assert (texts.got, greetings.got) == (["hello"], [Greeting(5)])


@covers("CHN-BUS-02")
def test_an_object_of_an_unknown_class_is_delivered_as_it_is() -> None:
    everybody = Recorder()
    bus_without = Bus(MessageRegistry())
    bus_without.add(everybody)
    handled = bus_without.receive(bus().registry.write(Greeting(7)))
    [got] = everybody.got
    assert isinstance(got, JavaObject)
    assert (got.description.name, got["number"], handled.takers) == ("example.Greeting", 7, 1)


@covers("CHN-BUS-03")
@pytest.mark.parametrize("fails", ["accept", "received"])
def test_a_listener_that_raises_is_reported_and_does_not_hurt_the_others(fails: str) -> None:
    before, failing, after = Recorder(), Recorder(fails=fails), Recorder()
    handled = bus(before, failing, after).deliver("hello")
    assert (before.got, after.got) == (["hello"], ["hello"])
    [fault] = handled.faults
    assert (fault.who, str(fault.error)) == (failing, fails)


@covers("CHN-BUS-04")
@pytest.mark.parametrize("payload", [b"", b"\xac\xed\x00\x05", b"nonsense"])
def test_a_payload_that_cannot_be_read_is_reported(payload: bytes) -> None:
    everybody = Recorder()
    handled = bus(everybody).receive(payload)
    assert (everybody.got, handled.takers) == ([], 0)
    [fault] = handled.faults
    assert fault.who is None
    assert isinstance(fault.error, Malformed)


@covers("CHN-BUS-04")
def test_an_object_that_its_codec_refuses_is_reported() -> None:
    made = bus(Recorder())
    handled = made.receive(made.registry.write(Greeting(-1)))
    assert [fault.who for fault in handled.faults] == [None]


def test_octets_of_a_dialect_without_objects_are_delivered_as_they_are() -> None:
    everybody = Recorder()
    bus(everybody).receive(b"raw", is_object=False)
    assert everybody.got == [b"raw"]


def test_a_name_or_type_is_registered_once() -> None:
    registry = MessageRegistry()
    registry.register(GREETINGS)
    with pytest.raises(LocalProtocolError):
        registry.register(MessageClass("example.Other", Greeting, decode, encode))
    with pytest.raises(LocalProtocolError):
        registry.register(MessageClass("example.Greeting", int, decode, encode))
    assert read_object(registry.write("plain")) == "plain"


def test_a_listener_that_was_removed_hears_nothing() -> None:
    one = Recorder()
    made = bus(one)
    made.remove(one)
    assert made.deliver("hello").takers == 0
    assert one.got == []


@covers("CHN-CNT-04")
def test_a_result_tells_each_member_apart() -> None:
    result = SendResult(
        (
            MemberResult(b"a", Fate.ACKNOWLEDGED),
            MemberResult(b"b", Fate.FAILED, "refused"),
            MemberResult(b"c", Fate.QUEUED),
        )
    )
    assert (result.of(Fate.ACKNOWLEDGED), result.of(Fate.QUEUED), result.complete) == (
        (b"a",),
        (b"c",),
        False,
    )
