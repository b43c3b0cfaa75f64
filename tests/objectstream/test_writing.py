"""What a writer makes: of values, of what was read and changed, of records made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.objectstream import (
    Block,
    ClassData,
    ClassDescription,
    Field,
    JavaArray,
    JavaList,
    JavaMap,
    JavaObject,
    JavaSet,
    ObjectWriter,
    Reset,
    Stream,
    array_description,
    read_object,
    read_stream,
    value_of,
    write_object,
    write_stream,
)
from refjk.speccheck import covers
from tests.objectstream.support import recordings

STRING = "Ljava/lang/String;"


def described(class_name: str, *fields: Field) -> ClassDescription:
    return ClassDescription(class_name, 1, 2, fields)


@covers("OBS-HND-01", "OBS-WRT-02")
def test_the_example_of_the_specification_is_what_is_written() -> None:
    value: list[object] = ["a"]
    value.append(value)
    assert write_object(value) == bytes.fromhex(
        "aced0005 73 72 0013 6a6176612e7574696c2e41727261794c697374 7881d21d99c7619d 03 0001 49 0004 73697a65"
        "78 70 00000002 77 04 00000002 74 0001 61 71 007e0001 78"
    )


@covers("OBS-STR-01", "OBS-STR-04", "OBS-WRT-03")
@pytest.mark.parametrize(
    ("text", "start", "size"),
    [
        ("", "74 0000", 0),
        ("a\0b", "74 0004 61 c080 62", 4),
        ("\U0001d11e", "74 0006 eda0b4 edb49e", 6),
        ("\ud834", "74 0003 eda0b4", 3),
        ("x" * 65535, "74 ffff 78", 65535),
        ("x" * 65536, "7c 0000000000010000 78", 65536),
        ("é" * 32767, "74 fffe c3a9", 65534),
        ("é" * 32768, "7c 0000000000010000 c3a9", 65536),
    ],
)
def test_text_is_written_in_modified_utf_8_and_in_the_form_of_its_size(
    text: str, start: str, size: int
) -> None:
    octets = write_object(text)
    assert octets[4:].startswith(bytes.fromhex(start))
    assert len(octets) == 4 + (3 if size < 65536 else 9) + size
    assert read_object(octets) == text


@covers("OBS-CLS-07")
def test_of_equal_field_types_the_second_is_a_reference() -> None:
    fields = (Field("L", "a", STRING), Field("L", "b", STRING), Field("[", "c", "[B"))
    made = JavaObject(described("A", *fields))
    made.data.append(ClassData(made.description.parts[0], ["x", "y", b"z"]))
    octets = write_stream([made])
    assert octets.count(STRING.encode()) == 1
    assert b"L\x00\x01b\x71\x00\x7e\x00\x01" in octets
    found = read_object(octets)
    assert isinstance(found, JavaObject)
    assert found.fields == {"a": "x", "b": "y", "c": b"z"}


@covers("OBS-ARR-04")
@pytest.mark.parametrize(
    ("class_name", "uid"),
    [
        ("[I", 5600894804908749477),
        ("[Ljava.lang.String;", -5921575005990323385),
        ("[[B", 5475560301672258359),
    ],
)
def test_the_number_of_an_array_class_is_computed(class_name: str, uid: int) -> None:
    assert array_description(class_name).serial_version_uid == uid


@covers("OBS-HND-06")
def test_after_a_reset_and_around_an_exception_everything_is_written_in_full() -> None:
    writer = ObjectWriter()
    text = "once"
    for content in (text, text, Reset.RESET, text):
        writer.write_content(content)
    assert writer.octets()[4:] == bytes.fromhex("74 0004 6f6e6365 71 007e0000 79 74 0004 6f6e6365")
    for name in ("jr-8", "jr-9", "jr-10"):
        assert write_stream(Stream(read_stream(recordings()[name]).contents)) == recordings()[name]


@covers("OBS-WRT-05")
def test_a_changed_list_is_written_as_it_is_now_wherever_it_is_referred_to() -> None:
    (holder, cart) = read_stream(recordings()["jo-37"]).contents * 2
    assert isinstance(cart, JavaObject)
    items = value_of(cart["items"])
    assert isinstance(items, list)
    items[0] = "pear"
    items.append(cart)
    cart["owner"], cart["count"] = "eva", 3
    found = read_object(write_stream([holder]))
    assert isinstance(found, JavaObject)
    again = value_of(found["items"])
    assert isinstance(again, list)
    assert (found["owner"], found["count"]) == ("eva", 3)
    assert again[0] == "pear"
    assert again[2] is found
    assert isinstance(again[1], JavaObject)
    assert again[1]["owner"] == "b"


@covers("OBS-WRT-05", "OBS-VAL-06")
@pytest.mark.parametrize(
    ("recording", "change", "expected"),
    [
        ("jc-2", lambda value: value.clear(), []),
        ("jc-6", lambda value: value.append("c"), ["a", "b", "c"]),
        ("jc-11", lambda value: value.reverse(), ["b", "a"]),
        ("jc-20", lambda value: value.pop("b"), {"a": "1"}),
        ("jc-21", lambda value: value.update(A="0"), {"A": "0", "a": "1", "b": "2"}),
        ("jc-22", lambda value: value.update(c="3"), {"b": "2", "a": "1", "c": "3"}),
        ("jc-27", lambda value: value.update(k="w"), {"k": "w"}),
        ("jc-31", lambda value: value.add("b"), {"a", "b"}),
        ("jc-34", lambda value: value.discard("a"), {"b"}),
        ("ja-11", lambda value: value.pop(), ["a", None]),
        ("ja-2", lambda value: value.append(7), b"\1\2\xff\7"),
    ],
)
def test_each_changed_collection_keeps_its_class(
    recording: str, change: Callable[[Any], object], expected: object
) -> None:
    (record,) = read_stream(recordings()[recording]).contents
    value = value_of(record)
    change(value)
    octets = write_stream([record])
    assert write_object(value) == octets
    found = read_object(octets)
    assert found == expected
    assert type(found) is type(value)
    (again,) = read_stream(octets).contents
    if isinstance(record, JavaObject) and isinstance(again, JavaObject):
        assert again.class_name == record.class_name
        for kept in {"accessOrder", "defaults", "comparator"} & set(record.fields):
            assert type(again[kept]) is type(record[kept])


@covers("OBS-WRT-06")
def test_the_keys_of_a_tree_are_written_in_order() -> None:
    unordered = {"b": 1, "\U0001d11e": 2, "\uffff": 3, "a": 4}
    found = read_object(write_object(JavaMap(unordered, "java.util.TreeMap")))
    assert isinstance(found, dict)
    assert list(found) == ["a", "b", "\U0001d11e", "\uffff"]  # the units d834 dd1e come before ffff
    found = read_object(write_object(JavaSet([3, 1, 2], "java.util.TreeSet")))
    assert isinstance(found, JavaSet)
    assert list(found) == [1, 2, 3]


def test_a_set_without_order_gives_the_same_octets_each_time() -> None:
    octets = write_object({"b", "a", 2, 1})
    assert octets == write_object({2, 1, "a", "b"})
    assert list(read_object(octets)) == [1, 2, "a", "b"]  # type: ignore[call-overload]


@covers("OBS-WRT-04")
@pytest.mark.parametrize(
    ("code", "value"),
    [("I", 1 << 31), ("I", "x"), ("B", 128), ("C", "ab"), ("C", 5), ("D", None), ("F", 1e300)],
)
def test_a_field_that_does_not_fit_its_type_is_refused(code: str, value: object) -> None:
    made = JavaObject(described("A", Field(code, "f")))
    made.data.append(ClassData(made.description.parts[0], [value]))
    with pytest.raises(LocalProtocolError, match=r"A\.f"):
        write_stream([made])


@covers("OBS-WRT-04")
def test_an_object_without_all_its_data_and_a_name_too_long_are_refused() -> None:
    description = described("A", Field("I", "f"))
    for made in (JavaObject(description), JavaObject(description, [ClassData(description, [])])):
        with pytest.raises(LocalProtocolError):
            write_stream([made])
    with pytest.raises(LocalProtocolError):
        write_stream([JavaObject(described("A" * 65536))])


def test_fields_are_found_in_the_lowest_class_and_unknown_ones_are_not_there() -> None:
    above = described("A", Field("I", "x"), Field("I", "y"))
    below = ClassDescription("B", 1, 2, (Field("I", "x"),), above)
    made = JavaObject(below, [ClassData(above, [1, 2]), ClassData(below, [3])])
    (found,) = read_stream(write_stream([made])).contents
    assert isinstance(found, JavaObject)
    assert (found["x"], found["y"], found.fields) == (3, 2, {"x": 3, "y": 2})
    found["x"] = 4
    assert [part.values for part in found.data] == [[1, 2], [4]]
    assert "z" not in found
    with pytest.raises(KeyError):
        found["z"]
    assert found.part("A") is found.data[0]
    assert found.part("C") is None


def test_blocks_and_lists_of_another_class_are_contents_too() -> None:
    contents = [Block(b"\1"), JavaList(["a"], "java.util.Stack"), JavaArray([1], "[Ljava.lang.Integer;")]
    found = read_stream(write_stream(contents)).contents
    assert found[0] == contents[0]
    assert [value_of(record) for record in found[1:]] == [["a"], [1]]


@covers("OBS-WRT-02", "OBS-WRT-04")
def test_a_message_is_made_of_its_class_in_words_and_of_its_fields() -> None:
    above = ClassDescription.of("Base", 5, "Z ready, C letter")
    message = ClassDescription.of(
        "Message", -1, "I kind, [B content, Ljava/lang/String; name", superclass=above
    )
    octets = write_stream([JavaObject.of(message, kind=3, content=b"ab", ready=True)])
    found = read_object(octets)
    assert isinstance(found, JavaObject)
    assert found.fields == {"ready": True, "letter": "\0", "kind": 3, "content": b"ab", "name": None}
    assert (found.class_name, found.serial_version_uid, found.flags) == ("Message", -1, 2)
    assert write_object(found) == octets
    with pytest.raises(LocalProtocolError, match="Message has no field knid"):
        JavaObject.of(message, knid=3)
