"""Bytes, booleans, integers and strings."""

from __future__ import annotations

from functools import partial

import pytest

from refjk.ajp13 import ContainerPhase
from refjk.ajp13.codec import (
    decode_integer,
    decode_octet,
    decode_string,
    decode_to_web_server,
    encode_string,
)
from refjk.ajp13.events import RequestReceived
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import EndResponse
from refjk.speccheck import covers
from tests.ajp13.support import (
    HEADERS_AT,
    complaint,
    container,
    forward_request,
    request,
    send_headers,
    string,
    to_container,
    to_web_server,
    violation,
)

STRINGS: list[tuple[bytes | None, str]] = [
    (b"abc", "00 03 61 62 63 00"),
    (b"", "00 00 00"),
    (None, "ff ff"),
    (b"\x00", "00 01 00 00"),
    (bytes(range(0x80, 0x84)) + b"\xff", "00 05 80 81 82 83 ff 00"),
]


@covers("AJP-STR-02", "AJP-STR-03", "AJP-STR-05", "AJP-STR-06", "AJP-STR-09")
@pytest.mark.parametrize(("value", "octets"), STRINGS)
@pytest.mark.parametrize("strict", [True, False])
def test_strings_look_like_this_both_ways(value: bytes | None, octets: str, strict: bool) -> None:
    encoded = bytes.fromhex(octets)

    assert encode_string(value) == encoded
    assert decode_string(b"...." + encoded + b"!", 4, strict) == (value, 4 + len(encoded))


@covers("AJP-STR-09")
def test_every_octet_passes_a_whole_request_unchanged() -> None:
    octets = bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"")
    asked = request(headers=((b"X-A", octets),), attributes=((5, None, octets), (10, b"n", octets)))

    assert decode_forward_request(encode_forward_request(asked, 8192)) == asked


@covers("AJP-STR-06")
def test_an_empty_query_is_another_thing_than_none() -> None:
    empty = decode_forward_request(forward_request(attributes=b"\x05\x00\x00\x00"))
    null = decode_forward_request(forward_request(attributes=b"\x05\xff\xff"))

    assert empty.attributes == ((5, None, b""),)
    assert null.attributes == ((5, None, None),)
    for asked in (empty, null):
        assert decode_forward_request(encode_forward_request(asked, 8192)).attributes == asked.attributes


@covers("AJP-STR-08")
def test_a_string_of_65534_octets_is_the_longest() -> None:
    assert len(encode_string(bytes(65534))) == 65537
    with pytest.raises(ValueError, match="at most 65534"):
        encode_string(bytes(65535))


@covers("AJP-STR-07", "AJP-FRM-15")
def test_integers_and_octets_are_held_against_the_packets_end() -> None:
    assert decode_integer(b"\x01\x02", 0) == (0x0102, 2)
    assert decode_octet(b"\x01", 0) == (1, 1)
    assert complaint(lambda: decode_integer(b"\x01\x02", 1)) == ("AJP-FRM-15", 2)
    assert complaint(lambda: decode_octet(b"\x01", 1)) == ("AJP-FRM-15", 1)


@covers("AJP-STR-07")
@pytest.mark.parametrize("strict", [True, False])
def test_a_string_ends_within_the_packet_with_its_final_octet(strict: bool) -> None:
    assert decode_string(b"\x00\x02ab\x00", 0, strict) == (b"ab", 5)
    for octets in (b"\x00\x02ab", b"\x00\x02a", b"\x00\x00", b"\xff\xfe", b"\x00\x03ab\x00"):
        assert complaint(partial(decode_string, octets, 0, strict)) == ("AJP-STR-07", 0)


NO_TERMINATOR = b"\x00\x01a!"
NULL_NAMES = 4 + 2

PLACES: list[tuple[str, bytes, int]] = [
    ("protocol", forward_request(protocol=NO_TERMINATOR), NULL_NAMES + 3),
    ("req_uri", forward_request(req_uri=b"\x00\x01/!"), NULL_NAMES + 11 + 3),
    ("remote_addr", forward_request(remote_addr=NO_TERMINATOR), NULL_NAMES + 16 + 3),
    ("header name", forward_request(headers=[NO_TERMINATOR + string(b"v")]), HEADERS_AT + 3),
    ("header value", forward_request(headers=[string(b"n") + NO_TERMINATOR]), HEADERS_AT + 4 + 3),
    ("coded header's value", forward_request(headers=[b"\xa0\x01" + NO_TERMINATOR]), HEADERS_AT + 2 + 3),
    ("attribute", forward_request(attributes=b"\x05" + NO_TERMINATOR), HEADERS_AT + 1 + 3),
    (
        "attribute 10's name",
        forward_request(attributes=b"\x0a" + NO_TERMINATOR + string(b"")),
        HEADERS_AT + 4,
    ),
    (
        "attribute 10's value",
        forward_request(attributes=b"\x0a" + string(b"n") + NO_TERMINATOR),
        HEADERS_AT + 1 + 4 + 3,
    ),
]


@covers("AJP-STR-04")
@pytest.mark.parametrize(
    ("packet", "offset"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES]
)
def test_strict_demands_00_after_each_string_of_a_request_and_lenient_does_not(
    packet: bytes, offset: int
) -> None:
    assert packet[offset] == ord("!")
    assert complaint(lambda: decode_forward_request(packet)) == ("AJP-STR-04", offset)

    zeroed = packet[:offset] + b"\0" + packet[offset + 1 :]
    assert decode_forward_request(packet, strict=False) == decode_forward_request(zeroed)


@covers("AJP-STR-04")
@pytest.mark.parametrize(
    ("packet", "offset"),
    [
        (to_web_server(b"\x04\x00\xc8\x00\x02OK!\x00\x00"), 11),
        (send_headers(200, b"OK", NO_TERMINATOR + string(b"v")), 14 + 3),
        (send_headers(200, b"OK", b"\xa0\x01" + NO_TERMINATOR), 14 + 2 + 3),
    ],
    ids=["message", "header name", "header value"],
)
def test_strict_demands_00_after_each_string_of_a_response_and_lenient_does_not(
    packet: bytes, offset: int
) -> None:
    assert packet[offset] == ord("!")
    assert complaint(lambda: decode_to_web_server(packet)) == ("AJP-STR-04", offset)

    zeroed = packet[:offset] + b"\0" + packet[offset + 1 :]
    assert decode_to_web_server(packet, strict=False) == decode_to_web_server(zeroed)


@covers("AJP-STR-07")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("last_string", "offset"),
    [
        ({"headers": [b"\x00\x05abcd"]}, HEADERS_AT),
        ({"headers": [string(b"n") + b"\x00\x05abcd"]}, HEADERS_AT + 4),
        ({"headers": [b"\xa0\x01" + b"\xff\xfeabcd"]}, HEADERS_AT + 2),
        ({"attributes": b"\x05\x00\x05abcd"}, HEADERS_AT + 1),
        ({"attributes": b"\x0a\x00\x05abcd"}, HEADERS_AT + 1),
        ({"attributes": b"\x0a" + string(b"n") + b"\x00\x05abcd"}, HEADERS_AT + 5),
    ],
)
def test_a_string_that_leads_beyond_the_request_is_malformed(
    last_string: dict[str, object], offset: int, strict: bool
) -> None:
    packet = forward_request(**last_string, end=b"")  # type: ignore[arg-type]

    assert complaint(lambda: decode_forward_request(packet, strict=strict)) == ("AJP-STR-07", offset)


@covers("AJP-STR-07")
@pytest.mark.parametrize(
    ("packet", "offset"),
    [
        (to_web_server(b"\x04\x00\xc8\x00\x03OK\x00"), 7),
        (send_headers(200, b"OK", b"\xa0\x01\x00\x05abcd"), 16),
        (send_headers(200, b"OK", b"\x00\x05abcd"), 14),
    ],
)
def test_a_string_that_leads_beyond_the_response_headers_is_malformed(packet: bytes, offset: int) -> None:
    assert complaint(lambda: decode_to_web_server(packet)) == ("AJP-STR-07", offset)


@covers("AJP-STR-07")
def test_octets_behind_the_packet_in_the_buffer_never_complete_a_string() -> None:
    end = container()
    cut_short = forward_request(attributes=b"\x05\x00\x05abcd", end=b"")

    events = end.receive(cut_short + to_container(b"e\x00\xff"))

    assert violation(events) == ("AJP-STR-07", HEADERS_AT + 1)
    assert end.phase is ContainerPhase.CLOSED


@covers("AJP-STR-01", "AJP-REQ-07")
@pytest.mark.parametrize(("octet", "value"), [(0, False), (1, True), (2, True), (255, True)])
def test_any_octet_but_zero_is_true(octet: int, value: bool) -> None:
    asked = decode_forward_request(forward_request(is_ssl=octet))
    assert asked.is_ssl is value
    assert decode_to_web_server(to_web_server(bytes((5, octet)))) == EndResponse(value)
    # Sent, it is 0 or 1.
    assert (
        decode_forward_request(encode_forward_request(asked, 8192), keep_spelling=True).spelling is not None
    )
    assert encode_forward_request(asked, 8192) == forward_request(is_ssl=int(value))


@covers("AJP-REQ-07")
def test_tls_attributes_do_not_make_a_request_secure() -> None:
    tls = b"\x07" + string(b"pem") + b"\x08" + string(b"cipher") + b"\x0b\x01\x00"

    events = container().receive(forward_request(is_ssl=0, attributes=tls))

    assert isinstance(events[0], RequestReceived)
    assert events[0].request.is_ssl is False
