"""Primitive values and objects in turn."""

from __future__ import annotations

import struct

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import (
    Block,
    JavaObject,
    ObjectInput,
    ObjectOutput,
    blocks_of,
    read_object,
    read_stream,
    write_stream,
)
from refjk.speccheck import covers
from tests.objectstream.support import recordings, stream, string


@covers("OBS-BLK-01")
def test_every_primitive_value_has_the_octets_of_java() -> None:
    octets = recordings()["jb-3"]
    source = ObjectInput(octets)
    assert [source.read_boolean(), source.read_byte(), source.read_short()] == [True, -1, -2]
    assert [source.read_char(), source.read_int(), source.read_long()] == ["€", -3, -4]
    assert [source.read_float(), source.read_double()] == [1.5, -2.25]
    source.expect_end()

    target = ObjectOutput()
    target.write_boolean(True)
    target.write_byte(-1)
    target.write_short(-2)
    target.write_char("€")
    target.write_int(-3)
    target.write_long(-4)
    target.write_float(1.5)
    target.write_double(-2.25)
    assert target.octets() == octets


@covers("OBS-BLK-01", "OBS-STR-01")
def test_text_among_data_has_the_octets_of_java() -> None:
    octets = recordings()["jb-4"]
    assert ObjectInput(octets).read_utf() == "hé\0\U0001d11e"
    target = ObjectOutput()
    target.write_utf("hé\0\U0001d11e")
    assert target.octets() == octets


@covers("OBS-BLK-02", "OBS-BLK-04")
@pytest.mark.parametrize("recording", ["jb-6", "jb-7", "jb-8", "jb-9", "jb-10", "jb-13"])
def test_long_data_are_cut_as_java_cuts_them(recording: str) -> None:
    octets = recordings()[recording]
    data = b"".join(content.octets for content in read_stream(octets).contents if isinstance(content, Block))
    target = ObjectOutput()
    for at in range(0, len(data), 100):
        target.write_octets(data[at : at + 100])
    assert target.octets() == octets
    assert blocks_of(b"") == []


@covers("OBS-BLK-04", "OBS-HND-06")
def test_an_object_and_a_reset_close_the_open_block() -> None:
    target = ObjectOutput()
    target.flush()
    target.write_byte(1)
    target.write_object("a")
    target.write_byte(2)
    target.reset()
    target.write_byte(3)
    octets = target.octets()
    assert octets == stream("77 01 01", string("a"), "77 01 02", "79", "77 01 03")
    assert target.octets() == octets
    source = ObjectInput(octets)
    assert source.read_byte() == 1
    assert source.read_object() == "a"
    assert source.read_byte() == 2
    with pytest.raises(Malformed):
        source.read_byte()


@covers("OBS-BLK-03")
def test_a_number_in_two_blocks_is_one_number() -> None:
    assert ObjectInput(stream("77 03 00 00 01", "77 00", "77 01 02", string("x"))).read_int() == 0x0102
    octets = recordings()["jb-13"]
    source = ObjectInput(octets)
    source.read_octets(1020)
    source.read_double()
    source.read_int()
    source.expect_end()


@covers("OBS-BLK-08", "OBS-BLK-09", "OBS-BLK-10", "OBS-VAL-02", "OBS-EXC-04")
@pytest.mark.parametrize(
    ("content", "asked", "clause"),
    [
        (string("x"), "read_int", "OBS-BLK-08"),
        (b"", "read_int", "OBS-BLK-08"),
        (bytes.fromhex("77 02 00 01"), "read_int", "OBS-BLK-08"),
        (bytes.fromhex("79"), "read_int", "OBS-BLK-08"),
        (bytes.fromhex("77 01 02"), "read_boolean", "OBS-VAL-02"),
        (bytes.fromhex("77 03 00 01 00"), "read_utf", "OBS-STR-02"),
        (bytes.fromhex("77 01 02"), "read_object", "OBS-BLK-09"),
        (b"", "read_object", "OBS-BLK-09"),
        (bytes.fromhex("77 01 02"), "expect_end", "OBS-BLK-10"),
        (string("x"), "expect_end", "OBS-BLK-10"),
        (recordings()["jr-10"][4:], "read_object", "OBS-EXC-04"),
    ],
)
def test_something_else_than_was_asked_for_is_refused(content: bytes, asked: str, clause: str) -> None:
    with pytest.raises(Malformed) as caught:
        getattr(ObjectInput(stream(content)), asked)()
    assert caught.value.clause == clause
    assert caught.value.offset == 4 or not content


@covers("OBS-BLK-09", "OBS-BLK-10")
def test_data_that_are_left_of_a_block_are_in_the_way_of_an_object() -> None:
    source = ObjectInput(stream("77 02 00 01", string("x")))
    source.read_byte()
    assert source.data_left == 1
    assert not source.at_end
    for ask in (source.read_object, source.expect_end):
        with pytest.raises(Malformed):
            ask()
    source.read_byte()
    assert source.read_object() == "x"
    assert source.at_end


@covers("OBS-EXC-04")
def test_the_exception_that_the_writer_met_is_named() -> None:
    with pytest.raises(Malformed, match=r"java\.io\.NotSerializableException"):
        read_object(recordings()["jr-10"])


def test_resets_and_empty_blocks_before_an_object_are_passed_over() -> None:
    source = ObjectInput(stream("77 00", "79", string("x"), "79"))
    assert source.read_object() == "x"
    assert not source.at_end


def test_own_data_of_an_object_are_read_in_the_same_way() -> None:
    annotated = read_object(recordings()["jo-14"])
    assert isinstance(annotated, JavaObject)
    source = ObjectInput.of_contents(annotated.data[0].annotation)
    assert [source.read_int(), source.read_object(), source.read_utf()] == [2, "more", "end"]
    source.expect_end()


@pytest.mark.parametrize(
    ("method", "value"),
    [("write_byte", 128), ("write_int", 1 << 31), ("write_utf", "x" * 65536), ("write_float", 1e300)],
)
def test_a_value_that_does_not_fit_is_an_error_of_the_caller(method: str, value: object) -> None:
    with pytest.raises(LocalProtocolError):
        getattr(ObjectOutput(), method)(value)


def test_contents_can_be_written_by_anybody() -> None:
    target = ObjectOutput()
    target.write_long(5)
    target.write_object(["x"])
    assert target.contents == [Block(struct.pack(">q", 5)), ["x"]]
    assert write_stream(target.contents) == target.octets()
