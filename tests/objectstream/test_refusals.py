"""What a reader refuses: the clause, and the octet."""

from __future__ import annotations

import struct

import pytest

from refjk.objectstream import JavaObject, JavaString, read_stream, value_of, write_stream
from refjk.speccheck import covers
from tests.objectstream.support import descriptor, name, refused, stream, string


@covers("OBS-HDR-01", "OBS-HDR-02", "OBS-HDR-03")
@pytest.mark.parametrize(
    ("octets", "clause", "offset"),
    [
        (b"", "OBS-HDR-01", 0),
        (b"\xac\xee\x00\x05", "OBS-HDR-01", 0),
        (b"\xac\xed\x00\x04", "OBS-HDR-02", 2),
        (b"\xac\xed\x00", "OBS-HDR-02", 2),
        (stream("74 00"), "OBS-HDR-03", 5),
        (stream("73"), "OBS-HDR-03", 5),
    ],
)
def test_a_stream_without_its_header_or_its_end_is_refused(octets: bytes, clause: str, offset: int) -> None:
    refused(octets, clause, offset)


@covers("OBS-HDR-05")
def test_a_header_alone_is_a_stream_without_contents() -> None:
    assert read_stream(stream()).contents == []
    assert read_stream(stream("70 79 77 01 05 70")).contents[0] is None


@covers("OBS-HDR-04", "OBS-BLK-05", "OBS-BLK-06", "OBS-BLK-07", "OBS-HND-05")
@pytest.mark.parametrize(
    ("content", "clause", "offset"),
    [
        (bytes.fromhex("6f"), "OBS-HDR-04", 4),
        (bytes.fromhex("7f"), "OBS-HDR-04", 4),
        (bytes.fromhex("78"), "OBS-BLK-05", 4),
        (b"\x73" + bytes.fromhex("77 01 05"), "OBS-BLK-06", 5),
        (b"\x73" + bytes.fromhex("78"), "OBS-BLK-06", 5),
        (bytes.fromhex("77 05 01"), "OBS-BLK-07", 6),
        (bytes.fromhex("7a ff ff ff ff"), "OBS-BLK-07", 5),
        (bytes.fromhex("7a 7f ff ff ff 00"), "OBS-BLK-07", 9),
        (b"\x73\x79", "OBS-HND-05", 5),
    ],
)
def test_a_content_of_the_wrong_kind_is_refused(content: bytes, clause: str, offset: int) -> None:
    refused(stream(content), clause, offset)


@covers("OBS-STR-02")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("61 00", 1),  # a zero octet
        ("c3 a9 00 61", 2),
        ("c1 81", 0),  # two octets for what needs one
        ("61 e0 81 81", 1),
        ("c0 80 c0 81", 2),  # NUL as it should be, then not
        ("c3 a9 f0 9d 84 9e", 2),  # four octets
        ("61 c3", 1),  # an octet short
        ("e2 82", 0),
        ("80", 0),  # a continuation alone
        ("ff", 0),
    ],
)
def test_text_in_any_other_form_is_refused(text: str, place: int) -> None:
    octets = bytes.fromhex(text)
    refused(stream(b"\x74", struct.pack(">H", len(octets)), octets), "OBS-STR-02", 7 + place)


@covers("OBS-STR-03")
def test_text_longer_than_the_stream_is_refused() -> None:
    refused(stream("74 00 05 61"), "OBS-STR-03", 7)
    refused(stream("7c 00 00 00 00 00 00 00 05 61"), "OBS-STR-03", 13)
    refused(stream("72 00 05 61"), "OBS-STR-03", 7)


@covers("OBS-STR-04")
def test_a_pair_of_surrogates_is_one_character_and_one_alone_stays() -> None:
    octets = stream("74 00 06 ed a0 b4 ed b4 9e", "74 00 03 ed a0 b4", "74 00 06 ed b4 9e ed a0 b4")
    read = read_stream(octets)
    assert read.contents == ["\U0001d11e", "\ud834", "\udd1e\ud834"]
    assert write_stream(read) == octets


@covers("OBS-STR-05")
def test_a_short_string_in_the_long_form_stays_in_it() -> None:
    octets = stream("7c 00 00 00 00 00 00 00 01 61")
    read = read_stream(octets)
    assert read.contents == ["a"]
    assert isinstance(read.contents[0], JavaString)
    assert read.contents[0].long_form
    assert write_stream(read) == octets


@covers("OBS-CLS-01", "OBS-CLS-03", "OBS-CLS-04", "OBS-CLS-05", "OBS-CLS-06")
@pytest.mark.parametrize(
    ("description", "clause", "offset"),
    [
        (b"\x70", "OBS-CLS-01", 5),
        (string("x"), "OBS-CLS-01", 5),
        (descriptor("A", above=string("x")), "OBS-CLS-01", 21),
        (descriptor("A", flags=0x06), "OBS-CLS-03", 17),
        (descriptor("A", 2, above=descriptor("B", 0x0C)), "OBS-CLS-03", 5),
        (descriptor("A", 2, bytes.fromhex("0001 51") + name("f")), "OBS-CLS-04", 20),
        (
            descriptor("A", 2, bytes.fromhex("0002 4c") + name("a") + string("LA;") + b"I" + name("b")),
            "OBS-CLS-05",
            30,
        ),
        (descriptor("A", 2, bytes.fromhex("0001 4c") + name("f") + b"\x70"), "OBS-CLS-06", 24),
        (descriptor("A", 2, bytes.fromhex("0001 4c") + name("f") + b"\x73"), "OBS-CLS-06", 24),
    ],
)
def test_a_descriptor_that_says_nothing_certain_is_refused(
    description: bytes, clause: str, offset: int
) -> None:
    refused(stream("73", description), clause, offset)


@covers("OBS-CLS-08")
def test_any_serial_version_uid_is_taken() -> None:
    octets = bytearray(write_stream([1]))
    octets[4 + 2 + 2 + len("java.lang.Integer")] ^= 0xFF
    (read,) = read_stream(bytes(octets)).contents
    assert isinstance(read, JavaObject)
    assert read["value"] == 1
    assert value_of(read) is read


@covers("OBS-OBJ-02", "OBS-OBJ-05")
def test_an_object_that_ends_early_and_a_constant_without_a_name_are_refused() -> None:
    fields = bytes.fromhex("0001 4a") + name("f")
    refused(stream("73", descriptor("A", 2, fields), "00 00"), "OBS-OBJ-02", 26)
    refused(stream("7e", descriptor("A", 0x12), "70"), "OBS-OBJ-05", 22)
    refused(stream("7e", descriptor("A", 0x12), "73"), "OBS-OBJ-05", 22)


@covers("OBS-ARR-02", "OBS-ARR-03", "OBS-VAL-02")
@pytest.mark.parametrize(
    ("class_name", "content", "clause", "place"),
    [
        ("A", "00 00 00 00", "OBS-ARR-02", None),
        ("[", "00 00 00 00", "OBS-ARR-02", None),
        ("[I", "00 00 00 02 00 00 00 01 00 00 00", "OBS-ARR-03", 0),
        ("[LA;", "00 00 00 02 70", "OBS-ARR-03", 0),
        ("[B", "00 ff ff ff", "OBS-ARR-03", 0),
        ("[Z", "00 00 00 03 01 00 02", "OBS-VAL-02", 6),
    ],
)
def test_an_array_that_is_none_or_not_there_is_refused(
    class_name: str, content: str, clause: str, place: int | None
) -> None:
    described = stream("75", descriptor(class_name))
    refused(described + bytes.fromhex(content), clause, 5 if place is None else len(described) + place)


@covers("OBS-VAL-02")
def test_a_boolean_field_of_another_octet_is_refused() -> None:
    fields = bytes.fromhex("0002 49") + name("i") + b"Z" + name("z")
    described = stream("73", descriptor("A", 2, fields))
    refused(described + bytes.fromhex("00 00 00 07 02"), "OBS-VAL-02", len(described) + 4)
    (read,) = read_stream(described + bytes.fromhex("00 00 00 07 01")).contents
    assert isinstance(read, JavaObject)
    assert read["z"] is True


@covers("OBS-HND-03", "OBS-HND-04")
@pytest.mark.parametrize(
    ("content", "clause", "offset"),
    [
        (bytes.fromhex("71 00 7e 00 00"), "OBS-HND-03", 5),
        (bytes.fromhex("74 00 01 61 71 00 7e 00 01"), "OBS-HND-03", 9),
        (bytes.fromhex("74 00 01 61 71 00 7d ff ff"), "OBS-HND-03", 9),
        (bytes.fromhex("74 00 01 61 79 71 00 7e 00 00"), "OBS-HND-03", 10),
        (b"\x73" + descriptor("A", above="71 00 7e 00 00"), "OBS-HND-04", 22),
    ],
)
def test_a_reference_to_what_is_not_there_is_refused(content: bytes, clause: str, offset: int) -> None:
    refused(stream(content), clause, offset)


@covers("OBS-EXC-02", "OBS-EXC-03")
@pytest.mark.parametrize(
    ("content", "clause", "offset"),
    [
        ("7b 70", "OBS-EXC-02", 5),
        ("7b 77 01 05", "OBS-EXC-02", 5),
        ("73 7b 74 00 01 61", "OBS-EXC-02", 6),
        ("7b 7b", "OBS-EXC-03", 5),
        ("7b 73 7b", "OBS-EXC-03", 6),
    ],
)
def test_an_exception_record_without_an_exception_is_refused(content: str, clause: str, offset: int) -> None:
    refused(stream(content), clause, offset)
