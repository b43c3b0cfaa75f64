"""Values that go on without the records that they were read from."""

from __future__ import annotations

from typing import Any

from refjk.objectstream import (
    ClassDescription,
    JavaArray,
    JavaList,
    JavaMap,
    JavaObject,
    JavaSet,
    Long,
    read_object,
    record_of,
    release,
    write_object,
)
from refjk.objectstream.python_types import JavaCollection
from refjk.speccheck import covers


def read(value: object) -> Any:
    return read_object(write_object(value))


@covers("OBS-VAL-08")
def test_a_released_value_is_written_as_before() -> None:
    value = {"n": 1, "list": [1.5, "x", None, True], "set": {Long(3)}, "map": {"k": [b"ab", 2]}}
    octets = write_object(value)
    known = read_object(octets)
    assert isinstance(known, JavaMap) and known.source is not None

    release([known])

    assert known.source is known["list"].source is known["set"].source is known["map"]["k"].source is None
    assert known == value and write_object(known) == octets
    assert known.source is None


@covers("OBS-VAL-08")
def test_every_usual_collection_is_released_and_keeps_its_class() -> None:
    names = {
        JavaList: ("ArrayList", "LinkedList", "ArrayDeque", "Vector", "Stack"),
        JavaMap: ("HashMap", "LinkedHashMap", "TreeMap", "Hashtable"),
        JavaSet: ("HashSet", "LinkedHashSet", "TreeSet"),
    }
    for kind, classes in names.items():
        for name in classes:
            items: Any = {"a": 1, "b": 2} if kind is JavaMap else ["a", "b"]
            value = read(kind(items, f"java.util.{name}"))
            octets = write_object(value)
            release([value])
            assert value.source is None, name
            assert read(value).class_name == f"java.util.{name}"
            assert write_object(value) == octets, name


@covers("OBS-VAL-08")
def test_a_record_that_tells_more_than_the_items_stays() -> None:
    by_access = record_of(JavaMap({"a": 1}, "java.util.LinkedHashMap"))
    dense = record_of(JavaMap({"a": 1}, "java.util.HashMap"))
    assert isinstance(by_access, JavaObject) and isinstance(dense, JavaObject)
    by_access["accessOrder"] = True
    dense["loadFactor"] = 0.5
    for record in (by_access, dense, record_of(JavaList(["a"], "java.util.Arrays$ArrayList"))):
        value = read(record)
        octets = write_object(value)
        release([value])
        assert isinstance(value, JavaCollection) and value.source is not None
        assert write_object(value) == octets


@covers("OBS-VAL-08")
def test_what_is_shared_stays_shared_and_circles_stay_closed() -> None:
    shared: list[object] = ["x"]
    shared.append(shared)
    known = read([shared, {"again": shared}, JavaArray([shared])])

    release(known)
    again = read(known)

    assert again[0] is again[0][1] is again[1]["again"] is again[2][0]


@covers("OBS-VAL-08")
def test_nothing_is_released_beside_an_object_that_may_hold_the_same() -> None:
    inner = record_of(JavaList(["x"]))
    description = ClassDescription.of("shop.Box", 1, "Ljava/util/List; items")
    known = read(JavaList([JavaObject.of(description, items=inner), inner]))

    release(known)
    known[1].append("y")

    again = read(known)
    assert again[1] == ["x", "y"] and known[1].source is not None
    assert record_of(again[0])["items"] is again[1].source
