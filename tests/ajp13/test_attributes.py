"""Attributes of FORWARD_REQUEST."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import pytest

from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.events import RequestReceived
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request, order_attributes
from refjk.ajp13.messages import Attribute
from refjk.speccheck import covers
from tests.ajp13.support import HEADERS_AT, complaint, container, forward_request, request, string

CODES: list[tuple[Attribute, bytes]] = [
    ((1, None, b"/app"), b"\x01" + string(b"/app")),
    ((2, None, b"/s"), b"\x02" + string(b"/s")),
    ((3, None, b"user"), b"\x03" + string(b"user")),
    ((4, None, b"Basic"), b"\x04" + string(b"Basic")),
    ((5, None, b""), b"\x05" + string(b"")),
    ((6, None, b"node1"), b"\x06" + string(b"node1")),
    ((7, None, b"pem"), b"\x07" + string(b"pem")),
    ((8, None, b"AES"), b"\x08" + string(b"AES")),
    ((9, None, None), b"\x09" + string(None)),
    ((10, b"n", b"v"), b"\x0a" + string(b"n") + string(b"v")),
    ((10, b"n", None), b"\x0a" + string(b"n") + string(None)),
    ((11, None, 0), b"\x0b\x00\x00"),
    ((11, None, 65535), b"\x0b\xff\xff"),
    ((12, None, b"s"), b"\x0c" + string(b"s")),
]


@covers("AJP-ATT-03", "AJP-ATT-07", "AJP-ATT-09")
@pytest.mark.parametrize(("attribute", "octets"), CODES, ids=[str(attribute) for attribute, _ in CODES])
@pytest.mark.parametrize("strict", [True, False])
def test_each_attribute_looks_like_this_both_ways(attribute: Attribute, octets: bytes, strict: bool) -> None:
    packet = forward_request(attributes=octets)

    assert decode_forward_request(packet, strict=strict).attributes == (attribute,)
    assert encode_forward_request(request(attributes=(attribute,)), 8192) == packet


def test_the_codes_are_1_to_13_and_255() -> None:
    assert {int(code) for code in AttributeCode} == {*range(1, 14), 255}


@covers("AJP-ATT-01")
def test_attributes_are_read_in_any_order() -> None:
    some = [CODES[4], CODES[9], CODES[11], CODES[13]]

    for order in permutations(some):
        packet = forward_request(attributes=b"".join(octets for _, octets in order))
        assert decode_forward_request(packet).attributes == tuple(attribute for attribute, _ in order)


@covers("AJP-ATT-01", "AJP-ATT-05")
def test_attributes_may_repeat_and_the_last_query_counts() -> None:
    octets = b"\x05" + string(b"a=1") + b"\x0a" + string(b"n") + string(b"1")
    octets += b"\x05" + string(b"a=2") + b"\x0a" + string(b"n") + string(b"2")

    asked = decode_forward_request(forward_request(attributes=octets))

    assert asked.attribute(AttributeCode.QUERY_STRING) == b"a=2"
    assert list(asked.request_attributes()) == [(b"n", b"1"), (b"n", b"2")]


@covers("AJP-ATT-02")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("attributes", [b"", b"\x05" + string(b"a=1"), b"\x0b\x01\x00"])
def test_a_request_that_ends_before_ff_is_malformed(attributes: bytes, strict: bool) -> None:
    packet = forward_request(attributes=attributes, end=b"")

    assert complaint(lambda: decode_forward_request(packet, strict=strict)) == ("AJP-ATT-02", len(packet))


@covers("AJP-ATT-03")
def test_a_string_as_key_size_is_read_as_a_number_and_then_as_codes() -> None:
    packet = forward_request(attributes=b"\x0b" + string(b"256"))

    assert complaint(lambda: decode_forward_request(packet)) == ("AJP-ATT-04", HEADERS_AT + 3)


@covers("AJP-ATT-04")
def test_an_unknown_code_is_malformed_when_strict_and_skipped_alone_when_lenient() -> None:
    for code in (0, *range(14, 255)):
        packet = forward_request(attributes=bytes((code,)) + b"\x05" + string(b"a=1"))
        assert complaint(partial(decode_forward_request, packet)) == ("AJP-ATT-04", HEADERS_AT), code
        assert decode_forward_request(packet, strict=False).attributes == ((5, None, b"a=1"),)


@covers("AJP-ATT-04")
def test_lenient_reads_the_value_of_an_unknown_code_as_codes() -> None:
    packet = forward_request(attributes=b"\x0e" + string(b"\x05"))

    assert complaint(lambda: decode_forward_request(packet)) == ("AJP-ATT-04", HEADERS_AT)
    assert complaint(lambda: decode_forward_request(packet, strict=False)) == (
        "AJP-STR-07",
        HEADERS_AT + 3,
    )


@covers("AJP-ATT-07")
@pytest.mark.parametrize("strict", [True, False])
def test_a_null_name_is_malformed_and_a_null_value_is_absent(strict: bool) -> None:
    null_name = forward_request(attributes=b"\x0a" + string(None) + string(b"v"))
    null_value = forward_request(attributes=b"\x0a" + string(b"n") + string(None))
    empty = forward_request(attributes=b"\x0a" + string(b"") + string(b""))

    assert complaint(lambda: decode_forward_request(null_name, strict=strict)) == (
        "AJP-ATT-07",
        HEADERS_AT + 1,
    )
    assert list(decode_forward_request(null_value, strict=strict).request_attributes()) == []
    assert list(decode_forward_request(empty, strict=strict).request_attributes()) == [(b"", b"")]


@covers("AJP-ATT-06")
def test_attributes_are_put_into_the_usual_order() -> None:
    mixed: tuple[Attribute, ...] = (
        (10, b"b", b"1"),
        (13, None, b"PATCH"),
        (11, None, 256),
        (9, None, b""),
        (8, None, b""),
        (7, None, b""),
        (6, None, b""),
        (10, b"a", b"2"),
        (5, None, b""),
        (4, None, b""),
        (3, None, b""),
        (12, None, b""),
    )

    codes = [code for code, _, _ in order_attributes(mixed)]
    assert codes == [12, 3, 4, 5, 6, 7, 8, 9, 11, 13, 10, 10]
    assert order_attributes(mixed)[-2:] == ((10, b"b", b"1"), (10, b"a", b"2"))
    sent = encode_forward_request(
        request(method=b"PATCH", attributes=((10, b"n", b"v"), (5, None, b""))), 8192
    )
    assert [code for code, _, _ in decode_forward_request(sent).attributes] == [5, 13, 10]


@covers("AJP-ATT-11", "AJP-ATT-14")
def test_the_encoder_adds_no_attribute_but_the_stored_method() -> None:
    assert encode_forward_request(request(), 8192) == forward_request()
    stored = forward_request(method=255, attributes=b"\x0d" + string(b"PATCH"))
    assert encode_forward_request(request(method=b"PATCH"), 8192) == stored


@covers("AJP-ATT-12", "AJP-ATT-09")
def test_a_certificate_that_does_not_parse_and_dropped_attributes_do_not_hinder_a_request() -> None:
    attributes = b"\x07" + string(b"no certificate") + b"\x01" + string(b"/") + b"\x02" + string(None)

    events = container().receive(forward_request(attributes=attributes))

    assert len(events) == 1
    assert isinstance(events[0], RequestReceived)
