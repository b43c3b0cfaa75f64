"""Objects of primitive values alone take a shorter way, and nobody can tell."""

from __future__ import annotations

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import (
    ClassDescription,
    JavaObject,
    ObjectArray,
    read_object,
    read_stream,
    write_object,
)
from refjk.objectstream.codes import TypeCode
from refjk.speccheck import covers
from tests.objectstream.support import stream

MANY = 20_000
TYPES = "I n, J big, Z mark, D ratio, C sign"


@covers("OBS-LIM-01")
@pytest.mark.parametrize("code", list(TypeCode))
@pytest.mark.parametrize("end", [b"", b"\x70", b"\x71\x00\x7e\x00\x00"])
def test_the_same_type_code_over_and_over_never_exhausts_the_stack(code: TypeCode, end: bytes) -> None:
    octets = stream(bytes([code]) * MANY, end)
    if code in (TypeCode.NULL, TypeCode.RESET) and end != b"\x71\x00\x7e\x00\x00":
        assert len(read_stream(octets).contents) == MANY + len(end)
    else:
        with pytest.raises(Malformed):
            read_stream(octets)


@covers("OBS-OBJ-01", "OBS-HND-01")
def test_flat_objects_behind_the_first_are_read_as_it_is_and_stay_apart() -> None:
    flat = ClassDescription.of("Flat", 1, TYPES)
    first = JavaObject.of(flat, n=-1, big=1 << 40, mark=True, ratio=0.5, sign="€")
    second = JavaObject.of(flat)
    octets = write_object((first, second, first))

    read = read_stream(octets).contents[0]

    assert isinstance(read, ObjectArray)
    one, two, again = read.items
    assert isinstance(one, JavaObject)
    assert isinstance(two, JavaObject)
    assert one is again
    assert one.fields == {"n": -1, "big": 1 << 40, "mark": True, "ratio": 0.5, "sign": "€"}
    assert two.fields == {"n": 0, "big": 0, "mark": False, "ratio": 0.0, "sign": "\0"}
    assert write_object(read) == octets


@pytest.mark.parametrize("types", ["I n, J big", TYPES])
@pytest.mark.parametrize(("name", "value"), [("n", 1 << 31), ("n", "one"), ("big", 1 << 63)])
def test_a_value_that_does_not_fit_is_refused_with_its_field(types: str, name: str, value: object) -> None:
    made = JavaObject.of(ClassDescription.of("Flat", 1, types), **{name: value})
    with pytest.raises(LocalProtocolError, match=rf"Flat\.{name} is of type [IJ]"):
        write_object(made)


def test_fields_are_written_in_the_order_of_their_descriptor_whatever_it_is() -> None:
    odd = ClassDescription.of("Odd", 1, "I first, Ljava/lang/String; text, I last")
    octets = write_object(JavaObject.of(odd, first=1, text="t", last=2))
    assert octets.endswith(bytes.fromhex("00000001 74 0001 74 00000002"))
    with pytest.raises(Malformed) as caught:
        read_object(octets)
    assert caught.value.clause == "OBS-CLS-05"
