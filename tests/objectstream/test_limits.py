"""No stream costs more than its limits, whatever it announces."""

from __future__ import annotations

import struct
import tracemalloc
from functools import partial

import pytest

from refjk.base.errors import Malformed
from refjk.objectstream import (
    Block,
    JavaArray,
    JavaObject,
    Limits,
    Long,
    PrimitiveArray,
    read_object,
    read_stream,
    record_of,
    value_of,
    write_object,
    write_stream,
)
from refjk.speccheck import covers
from tests.counting import calls_of
from tests.objectstream.support import descriptor, name, refused, stream, string

DEEP = 20_000


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@covers("OBS-LIM-01")
def test_lists_as_deep_as_the_limit_are_read_and_one_more_is_refused() -> None:
    limits = Limits(depth=10)
    octets = write_object(nested(10))
    assert read_object(octets, limits=limits) == nested(10)
    with pytest.raises(Malformed) as caught:
        read_object(write_object(nested(11)), limits=limits)
    assert caught.value.clause == "OBS-LIM-01"


@covers("OBS-LIM-01")
def test_no_depth_exhausts_the_stack_in_any_direction() -> None:
    octets = write_object(nested(DEEP))
    with pytest.raises(Malformed) as caught:
        read_stream(octets)
    assert caught.value.clause == "OBS-LIM-01"

    stream_read = read_stream(octets, limits=Limits(depth=DEEP + 1))
    value = value_of(stream_read.contents[0])
    assert write_stream(stream_read) == octets
    assert write_object(value) == octets


@covers("OBS-LIM-01")
def test_a_deep_chain_of_superclasses_is_refused_and_nothing_else() -> None:
    octets = stream("73", b"".join(descriptor("A", above=b"") for _ in range(DEEP)))
    with pytest.raises(Malformed) as caught:
        read_stream(octets)
    assert caught.value.clause == "OBS-LIM-01"


@covers("OBS-LIM-02")
def test_records_fields_and_blocks_are_counted_together_and_over_resets() -> None:
    limits = Limits(records=4)
    fields = b"\x00\x01I" + name("f")
    content = b"\x79".join([string("a"), string("b"), bytes.fromhex("77 01 05")])
    assert len(read_stream(stream(content, string("c")), limits=limits).contents) == 6
    refused(stream(content, string("c"), string("d")), "OBS-LIM-02", 21, limits)
    refused(
        stream(string("a"), string("b"), string("c"), b"\x73", descriptor("A", 2, fields)),
        "OBS-LIM-02",
        30,
        limits,
    )


@covers("OBS-LIM-03")
def test_strings_and_arrays_have_a_limit_of_their_own() -> None:
    limits = Limits(string_octets=3, array_items=3)
    assert read_object(write_object(["abc", b"123"]), limits=limits) == ["abc", b"123"]
    for value in ("abcd", b"1234", JavaArray([None] * 4)):
        with pytest.raises(Malformed) as caught:
            read_object(write_object(value), limits=limits)
        assert caught.value.clause == "OBS-LIM-03"
    refused(stream("7c ff ff ff ff ff ff ff ff"), "OBS-LIM-03", 5)
    array = stream("75", descriptor("[LA;"))
    refused(array + bytes.fromhex("ff ff ff ff"), "OBS-LIM-03", len(array))


@covers("OBS-LIM-04")
def test_a_stream_beyond_the_limit_is_refused_at_once() -> None:
    octets = write_object("abc")
    assert read_object(octets, limits=Limits(octets=len(octets))) == "abc"
    refused(octets, "OBS-LIM-04", len(octets) - 1, Limits(octets=len(octets) - 1))


@covers("OBS-LIM-05")
def test_fields_interfaces_and_superclasses_are_counted() -> None:
    limits = Limits(fields=1, superclasses=2)
    one, two = b"\x00\x01I" + name("f"), b"\x00\x02I" + name("f") + b"I" + name("g")
    assert len(read_stream(stream("76", descriptor("A", 2, one)), limits=limits).contents) == 1
    refused(stream("76", descriptor("A", 2, two)), "OBS-LIM-05", 18, limits)
    refused(stream("76 7d 00 00 00 02"), "OBS-LIM-05", 6, limits)
    refused(stream("76 7d ff ff ff ff"), "OBS-LIM-05", 6, limits)
    chain = descriptor("A", above=descriptor("B"))
    assert len(read_stream(stream("76", chain), limits=limits).contents) == 1
    refused(stream("76", descriptor("C", above=chain)), "OBS-LIM-05", 5, limits)


@covers("OBS-ARR-03", "OBS-LIM-03")
@pytest.mark.parametrize("value", [PrimitiveArray.of("J", []), JavaArray(), b""])
def test_two_gigaitems_announced_cost_nothing(value: object) -> None:
    octets = write_object(value)[:-4] + b"\x7f\xff\xff\xff"
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        for limits in (Limits(), Limits(array_items=1 << 31)):
            with pytest.raises(Malformed):
                read_object(octets, limits=limits)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


def map_without_value(size: int) -> JavaObject:
    """Integer 1 and Long 1 are two keys in Java and one in Python, which is known only at the last key."""
    record = record_of(dict.fromkeys(range(size)))
    assert isinstance(record, JavaObject)
    count = Block(struct.pack(">ii", 16, size + 1))
    record.data[0].annotation = [count, *record.data[0].annotation[1:], Long(1), None]
    return record


def read_to_values(octets: bytes) -> None:
    for content in read_stream(octets, limits=Limits(superclasses=100)).contents:
        value_of(content)


@covers("OBS-LIM-06")
@pytest.mark.parametrize("what", ["classes without fields", "references to one map", "small blocks", "zeros"])
def test_ten_times_the_octets_are_not_more_than_ten_times_the_work(what: str) -> None:
    def made(size: int) -> bytes:
        if what == "classes without fields":
            chain = b"".join(descriptor("A", above=b"") for _ in range(80)) + b"\x70"
            return stream("73", chain, bytes.fromhex("73 71 00 7e 00 00") * size)
        if what == "references to one map":
            return write_stream([map_without_value(size)] * size)
        if what == "small blocks":
            return stream("77 01 07" * size)
        return stream("74", len(b"\xc0\x80" * size).to_bytes(2, "big"), "c080" * size)

    small, large = (calls_of(partial(read_to_values, made(size))) for size in (1000, 10_000))
    assert 0 < large <= 10 * small, (small, large)
