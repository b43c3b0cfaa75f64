"""What records mean in Python, and what stays a `JavaObject`."""

from __future__ import annotations

import array
import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.objectstream import (
    BigInteger,
    Block,
    Byte,
    ByteArray,
    Character,
    ClassObject,
    EnumConstant,
    Float,
    JavaArray,
    JavaList,
    JavaMap,
    JavaObject,
    JavaSet,
    Long,
    ObjectArray,
    PrimitiveArray,
    Short,
    array_description,
    enum_description,
    read_object,
    read_stream,
    record_of,
    value_of,
    write_object,
    write_stream,
)
from refjk.speccheck import covers
from tests.objectstream.support import recordings

MOMENT = datetime(2005, 3, 31, 12, 0, 0, 123000, tzinfo=UTC)
INTEGER = "java.lang.Integer"


class Colour(IntEnum):
    RED = 7


@covers("OBS-VAL-01", "OBS-VAL-05", "OBS-WRT-02")
@pytest.mark.parametrize(
    ("value", "class_name", "kind"),
    [
        (True, "java.lang.Boolean", bool),
        (0, INTEGER, int),
        (-(1 << 31), INTEGER, int),
        ((1 << 31) - 1, INTEGER, int),
        (1 << 31, "java.lang.Long", Long),
        (-(1 << 31) - 1, "java.lang.Long", Long),
        (-(1 << 63), "java.lang.Long", Long),
        (1 << 63, "java.math.BigInteger", BigInteger),
        (Colour.RED, INTEGER, int),
        (Byte(-128), "java.lang.Byte", Byte),
        (Short(-32768), "java.lang.Short", Short),
        (Long(5), "java.lang.Long", Long),
        (BigInteger(0), "java.math.BigInteger", BigInteger),
        (BigInteger(-128), "java.math.BigInteger", BigInteger),
        (1.5, "java.lang.Double", float),
        (Float(1.5), "java.lang.Float", Float),
        (Character("\ud834"), "java.lang.Character", Character),
        (Decimal("-123.4500"), "java.math.BigDecimal", Decimal),
        (Decimal("1E+10"), "java.math.BigDecimal", Decimal),
        (MOMENT, "java.util.Date", datetime),
        (MOMENT.astimezone(timezone(timedelta(hours=2))), "java.util.Date", datetime),
    ],
)
def test_a_value_becomes_an_object_of_its_class_and_comes_back(
    value: object, class_name: str, kind: type
) -> None:
    octets = write_object(value)
    (record,) = read_stream(octets).contents
    assert isinstance(record, JavaObject)
    assert record.class_name == class_name
    found = read_object(octets)
    assert found == value
    assert type(found) is kind
    assert write_object(found) == octets


@covers("OBS-VAL-01", "OBS-WRT-02")
@pytest.mark.parametrize(
    ("value", "class_name", "kind"),
    [
        ([1, "a", None], "java.util.ArrayList", JavaList),
        (JavaList([1, None], "java.util.Vector"), "java.util.Vector", JavaList),
        (JavaList([1, None], "java.util.LinkedList"), "java.util.LinkedList", JavaList),
        (JavaList(["a"], "java.util.Arrays$ArrayList"), "java.util.Arrays$ArrayList", JavaList),
        ({"z": 1, "a": [2]}, "java.util.LinkedHashMap", JavaMap),
        (JavaMap({None: None}, "java.util.HashMap"), "java.util.HashMap", JavaMap),
        (JavaMap({"k": "v"}, "java.util.Properties"), "java.util.Properties", JavaMap),
        ({1, "a"}, "java.util.HashSet", JavaSet),
        (frozenset((1, 2)), "java.util.HashSet", JavaSet),
        (JavaSet(["z", "a"]), "java.util.LinkedHashSet", JavaSet),
        (JavaArray(["a"], "[Ljava.lang.String;"), "[Ljava.lang.String;", JavaArray),
        (JavaArray([JavaArray([], "[[I")], "[[[I"), "[[[I", JavaArray),
    ],
)
def test_a_collection_becomes_an_object_of_its_class_and_comes_back(
    value: object, class_name: str, kind: type
) -> None:
    octets = write_object(value)
    found = read_object(octets)
    assert isinstance(found, JavaList | JavaMap | JavaSet | JavaArray)
    assert (type(found), found.class_name) == (kind, class_name)
    assert found == value
    assert write_object(found) == octets


@covers("OBS-ARR-01", "OBS-WRT-02")
def test_arrays_of_primitive_values_come_back_as_they_are() -> None:
    values: dict[str, list[int] | list[float]] = {
        "C": [97, 65535],
        "D": [1.5],
        "F": [0.5],
        "I": [-1, 7],
        "J": [1 << 62],
        "S": [-5],
        "Z": [1, 0],
    }
    for code, items in values.items():
        made = PrimitiveArray.of(code, items)
        found = read_object(write_object(made))
        assert isinstance(found, PrimitiveArray)
        assert (found.code, found.tolist()) == (code, items)
    assert read_object(write_object(b"\0\xff")) == b"\0\xff"
    assert read_object(write_object(array.array("b", [-1]))) == b"\xff"
    found = read_object(write_object(array.array("q", [1, -1])))
    assert isinstance(found, PrimitiveArray)
    assert (found.code, found.tolist()) == ("J", [1, -1])
    tuples = read_object(write_object((1, "a")))
    assert isinstance(tuples, JavaArray)
    assert tuples == [1, "a"]


@covers("OBS-VAL-01")
def test_constants_and_classes_stay_what_they_are() -> None:
    suit = enum_description("refjk.sample.Suit")
    sent = [EnumConstant(suit, "CLUBS"), EnumConstant(suit, "CLUBS"), ClassObject(suit)]
    found = read_object(write_object(sent))
    assert isinstance(found, list)
    assert found[0] == found[1] == EnumConstant(enum_description("refjk.sample.Suit"), "CLUBS")
    assert found[0] != EnumConstant(suit, "HEARTS")
    assert found[0] != "CLUBS"
    assert isinstance(found[2], ClassObject)
    assert len({found[0], found[1]}) == 1


@covers("OBS-VAL-03", "OBS-HND-02", "OBS-WRT-02")
def test_what_is_shared_stays_shared_and_circles_stay_circles() -> None:
    shared: list[object] = ["s"]
    circle: list[object] = [shared, {"again": shared}]
    circle.append(circle)
    octets = write_object(circle)
    found = read_object(octets)
    assert isinstance(found, list)
    assert found[2] is found
    assert found[1]["again"] is found[0]
    assert write_object(found) == octets


@covers("OBS-HND-02")
def test_two_equal_lists_are_two_objects() -> None:
    found = read_object(write_object([["a"], ["a"]]))
    assert isinstance(found, list)
    assert found[0] == found[1]
    assert found[0] is not found[1]


@covers("OBS-VAL-03")
def test_a_record_has_one_value_whenever_it_is_asked() -> None:
    (record,) = read_stream(write_object([["x"]])).contents
    first = value_of(record)
    assert value_of(record) is first
    assert isinstance(first, list)
    assert value_of(record_of(first)) is first


@covers("OBS-VAL-06")
def test_the_order_of_a_map_is_that_of_the_stream() -> None:
    (record,) = read_stream(recordings()["jc-17"]).contents
    found = value_of(record)
    assert isinstance(found, dict)
    assert list(found)[:3] == ["key1", "key2", "key0"]


def java_map(*pairs: tuple[object, object]) -> JavaObject:
    record = record_of({})
    assert isinstance(record, JavaObject)
    flat = [record_of(item) for pair in pairs for item in pair]
    record.data[0].annotation = [Block(struct.pack(">ii", 16, len(pairs))), *flat]
    return record


@covers("OBS-VAL-07")
@pytest.mark.parametrize(
    "pairs",
    [
        [(["list"], 1)],
        [(b"octets", 1)],
        [(JavaArray(), 1)],
        [(PrimitiveArray.of("I", [1]), 1)],
        [(1, "a"), (Long(1), "b")],
        [(True, "a"), (1, "b")],
        [("a", 1), (Character("a"), 2)],
        [(BigInteger(1 << 64), 1)],
        [(Decimal(1), 1)],
    ],
)
def test_a_map_with_keys_that_python_cannot_keep_apart_stays_a_java_object(
    pairs: list[tuple[object, object]],
) -> None:
    octets = write_stream([java_map(*pairs)])
    (record,) = read_stream(octets).contents
    assert value_of(record) is record
    assert write_stream([record]) == octets


@covers("OBS-VAL-07")
def test_a_map_with_other_keys_is_a_dict() -> None:
    suit = EnumConstant(enum_description("Suit"), "CLUBS")
    pairs: list[tuple[object, object]] = [(suit, 1), (None, 2), (BigInteger(5), 3), (1.5, 4), (MOMENT, 5)]
    assert read_object(write_stream([java_map(*pairs)])) == dict(pairs)


@covers("OBS-VAL-04")
@pytest.mark.parametrize(
    ("value", "change"),
    [
        (MOMENT, lambda record: record.data[0].annotation.clear()),
        (MOMENT, lambda record: record.data[0].annotation.__setitem__(0, Block(struct.pack(">q", 1 << 62)))),
        (BigInteger(5), lambda record: record.__setitem__("signum", 0)),
        (BigInteger(5), lambda record: record.__setitem__("magnitude", None)),
        (Decimal(5), lambda record: record.__setitem__("intVal", None)),
        (Decimal(5), lambda record: record.__setitem__("intVal", record_of(BigInteger(1 << 5000)))),
        ([1], lambda record: record.__setitem__("size", 2)),
        ([1], lambda record: record.data[0].annotation.append(Block(b"x"))),
        ([1], lambda record: record.data[0].annotation.__setitem__(0, Block(b"x"))),
        ({1: 1}, lambda record: record.data[0].annotation.pop()),
        (JavaList([1], "java.util.Vector"), lambda record: record.__setitem__("elementData", None)),
        (JavaList([1], "java.util.Vector"), lambda record: record.__setitem__("elementCount", 2)),
        (JavaList([1], "java.util.Vector"), lambda record: record.__setitem__("elementCount", 0)),
        (JavaList([1], "java.util.Arrays$ArrayList"), lambda record: record.__setitem__("a", None)),
    ],
)
def test_content_that_the_class_would_not_write_stays_a_java_object(value: object, change: object) -> None:
    octets = write_object(value)
    (record,) = read_stream(octets).contents
    assert callable(change)
    change(record)
    changed = write_stream([record])
    (again,) = read_stream(changed).contents
    assert isinstance(again, JavaObject)
    assert value_of(again) is again
    assert write_stream([again]) == changed


@covers("OBS-VAL-04")
def test_a_class_of_a_common_name_and_another_form_stays_a_java_object() -> None:
    octets = write_object(7)
    for old, new in ((b"value", b"valve"), (b"I\0\5", b"J\0\5"), (b"java.lang.Number", b"java.lang.Member")):
        changed = octets.replace(old, new) + (bytes(4) if new[:1] == b"J" else b"")
        found = read_object(changed)
        assert isinstance(found, JavaObject)
        assert found.class_name == INTEGER


@covers("OBS-VAL-01", "OBS-WRT-01")
def test_floats_keep_their_bits() -> None:
    for octets in (b"\x7f\xa0\x00\x01", b"\xff\xc0\x00\x00", b"\x7f\xc0\x00\x00", b"\x80\0\0\0"):
        stream = write_object(Float(1.0)).replace(struct.pack(">f", 1.0), octets)
        (record,) = read_stream(stream).contents
        value_of(record)
        assert write_stream([record]) == stream
        array_stream = write_object(PrimitiveArray.of("F", [1.0]))[:-4] + octets
        assert write_stream(read_stream(array_stream)) == array_stream
    found = read_object(write_object(-0.0))
    assert isinstance(found, float)
    assert math.copysign(1, found) == -1


@covers("OBS-WRT-04")
@pytest.mark.parametrize(
    "value",
    [
        object(),
        1j,
        JavaList([1], "java.util.HashMap"),
        JavaList([1], "java.util.PriorityQueue"),
        Byte(128),
        Short(-32769),
        Long(1 << 63),
        Character("ab"),
        Character("\U0001d11e"),
        Decimal("NaN"),
        Decimal("1E-3000000000"),
        datetime(2005, 3, 31),
        datetime(2005, 3, 31, microsecond=1, tzinfo=UTC),
        array.array("B", [1]),
        [[{"deep": {"in": object()}}]],
        JavaMap({1: 1, "a": 2}, "java.util.TreeMap"),
    ],
)
def test_what_java_has_not_is_refused(value: object) -> None:
    with pytest.raises(LocalProtocolError):
        write_object(value)


def test_an_array_of_objects_made_by_hand_is_an_array() -> None:
    array_made = ObjectArray(array_description("[Ljava.lang.Object;"), [None, ByteArray(b"x")])
    assert repr(array_made) == "<[Ljava.lang.Object; of 2>"
    assert read_object(write_object(array_made)) == [None, b"x"]
