"""Every message in octets, both ways, from one table."""

from __future__ import annotations

import pytest

from refjk.ajp13.codec import (
    BODY_END_EMPTY_PACKET,
    BODY_END_ZERO_LENGTH,
    CPING_PACKET,
    CPONG_PACKET,
    END_RESPONSE_CLOSE,
    END_RESPONSE_REUSE,
    FLUSH_PACKET,
    decode_request_body,
    decode_to_web_server,
    encode_get_body_chunk,
    encode_request_body,
    encode_send_body_chunk,
    encode_send_headers,
)
from refjk.ajp13.events import Violation
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import (
    CPong,
    EndResponse,
    ForwardRequest,
    GetBodyChunk,
    MessageToWebServer,
    RequestBody,
    SendBodyChunk,
    SendHeaders,
)
from refjk.base import Malformed
from refjk.speccheck import covers

TO_WEB_SERVER: list[tuple[MessageToWebServer, str]] = [
    (SendBodyChunk(b""), "41 42 00 04 03 00 00 00"),
    (SendBodyChunk(b"hello"), "41 42 00 09 03 00 05 68 65 6c 6c 6f 00"),
    (SendBodyChunk(b"\x00\x80\xff"), "41 42 00 07 03 00 03 00 80 ff 00"),
    (SendHeaders(200, b"OK"), "41 42 00 0a 04 00 c8 00 02 4f 4b 00 00 00"),
    (SendHeaders(999, b""), "41 42 00 08 04 03 e7 00 00 00 00 00"),
    (
        SendHeaders(200, b"OK", ((b"Content-Type", b"text/plain"),)),
        "41 42 00 19 04 00 c8 00 02 4f 4b 00 00 01 a0 01 00 0a 74 65 78 74 2f 70 6c 61 69 6e 00",
    ),
    (
        SendHeaders(200, b"OK", ((b"X-A", b"\xe4"), (b"Set-Cookie", b""), (b"X-A", b"2"))),
        "41 42 00 23 04 00 c8 00 02 4f 4b 00 00 03"
        " 00 03 58 2d 41 00 00 01 e4 00 a0 07 00 00 00 00 03 58 2d 41 00 00 01 32 00",
    ),
    (GetBodyChunk(1), "41 42 00 03 06 00 01"),
    (GetBodyChunk(8186), "41 42 00 03 06 1f fa"),
    (GetBodyChunk(65530), "41 42 00 03 06 ff fa"),
    (EndResponse(True), "41 42 00 02 05 01"),
    (EndResponse(False), "41 42 00 02 05 00"),
    (CPong(), "41 42 00 01 09"),
]

# Read, but never written.
NULL_MESSAGE = bytes.fromhex("41 42 00 07 04 01 94 ff ff 00 00")

FORWARD_REQUESTS: list[tuple[ForwardRequest, str]] = [
    (
        ForwardRequest(
            b"GET",
            b"HTTP/1.1",
            b"/x",
            b"127.0.0.1",
            None,
            b"localhost",
            80,
            False,
            ((b"host", b"localhost"),),
            ((5, None, b"a=1"),),
        ),
        "12 34 00 47 02 02 00 08 48 54 54 50 2f 31 2e 31 00 00 02 2f 78 00"
        " 00 09 31 32 37 2e 30 2e 30 2e 31 00 ff ff 00 09 6c 6f 63 61 6c 68 6f 73 74 00 00 50 00 00 01"
        " a0 0b 00 09 6c 6f 63 61 6c 68 6f 73 74 00 05 00 03 61 3d 31 00 ff",
    ),
    (
        ForwardRequest(
            b"PATCH",
            b"HTTP/1.0",
            b"/\xfc",
            None,
            b"h",
            None,
            65535,
            True,
            ((b"X-A", b"1"), (b"X-A", b"")),
            (
                (5, None, b""),
                (11, None, 256),
                (13, None, b"PATCH"),
                (10, b"n", b"v"),
                (10, b"n", None),
                (10, b"", b""),
            ),
        ),
        "12 34 00 5a 02 ff 00 08 48 54 54 50 2f 31 2e 30 00 00 02 2f fc 00 ff ff 00 01 68 00 ff ff ff ff 01"
        " 00 02 00 03 58 2d 41 00 00 01 31 00 00 03 58 2d 41 00 00 00 00"
        " 05 00 00 00 0b 01 00 0d 00 05 50 41 54 43 48 00"
        " 0a 00 01 6e 00 00 01 76 00 0a 00 01 6e 00 ff ff 0a 00 00 00 00 00 00 ff",
    ),
]


@covers("AJP-RSP-07", "AJP-STR-05")
@pytest.mark.parametrize("strict", [True, False])
def test_a_null_message_is_read_as_null(strict: bool) -> None:
    assert decode_to_web_server(NULL_MESSAGE, strict) == SendHeaders(404, None)


def encode(message: MessageToWebServer) -> bytes:
    if isinstance(message, SendBodyChunk):
        return encode_send_body_chunk(message.data)
    if isinstance(message, SendHeaders):
        assert message.message is not None
        return encode_send_headers(message.status, message.message, message.headers)
    if isinstance(message, GetBodyChunk):
        return encode_get_body_chunk(message.size_max)
    if isinstance(message, EndResponse):
        return END_RESPONSE_REUSE if message.reuse else END_RESPONSE_CLOSE
    return CPONG_PACKET


@covers("AJP-FRM-01", "AJP-FRM-02", "AJP-FRM-03", "AJP-RSP-02", "AJP-RSP-10")
@pytest.mark.parametrize(("message", "octets"), TO_WEB_SERVER, ids=lambda value: str(value)[:40])
def test_messages_toward_the_web_server_look_like_this_both_ways(
    message: MessageToWebServer, octets: str
) -> None:
    packet = bytes.fromhex(octets)

    assert encode(message).hex(" ") == packet.hex(" ")
    assert decode_to_web_server(packet) == message
    assert decode_to_web_server(packet, strict=False) == message


@covers("AJP-FRM-01", "AJP-FRM-02", "AJP-FRM-03", "AJP-REQ-01", "AJP-STR-06", "AJP-HDR-06")
@pytest.mark.parametrize(("request_", "octets"), FORWARD_REQUESTS, ids=["small", "rich"])
def test_a_forward_request_looks_like_this_both_ways(request_: ForwardRequest, octets: str) -> None:
    packet = bytes.fromhex(octets)

    assert encode_forward_request(request_, 8192).hex(" ") == packet.hex(" ")
    assert decode_forward_request(packet) == request_
    assert decode_forward_request(packet, strict=False) == request_


@covers("AJP-BOD-05", "AJP-FRM-06")
@pytest.mark.parametrize(
    ("data", "octets"),
    [
        (b"hello", "12 34 00 07 00 05 68 65 6c 6c 6f"),
        (b"\x0a", "12 34 00 03 00 01 0a"),
        (b"", "12 34 00 02 00 00"),
    ],
)
def test_a_body_packet_has_neither_prefix_code_nor_final_octet(data: bytes, octets: str) -> None:
    packet = bytes.fromhex(octets)

    assert encode_request_body(data) == packet
    assert decode_request_body(packet) == RequestBody(data)


@covers("AJP-PNG-01", "AJP-BOD-05", "AJP-FLU-01", "AJP-FRM-03")
def test_packets_that_never_vary_are_these() -> None:
    assert bytes.fromhex("12 34 00 01 0a") == CPING_PACKET
    assert bytes.fromhex("41 42 00 01 09") == CPONG_PACKET
    assert bytes.fromhex("41 42 00 04 03 00 00 00") == FLUSH_PACKET
    assert bytes.fromhex("12 34 00 00") == BODY_END_EMPTY_PACKET
    assert bytes.fromhex("12 34 00 02 00 00") == BODY_END_ZERO_LENGTH
    assert bytes.fromhex("41 42 00 02 05 01") == END_RESPONSE_REUSE
    assert bytes.fromhex("41 42 00 02 05 00") == END_RESPONSE_CLOSE


@covers("AJP-FRM-11")
@pytest.mark.parametrize(
    ("message", "octets"),
    [pair for pair in TO_WEB_SERVER if not isinstance(pair[0], SendBodyChunk)],
    ids=lambda value: str(value)[:40],
)
def test_octets_after_the_last_field_toward_the_web_server_are_ignored(
    message: MessageToWebServer, octets: str
) -> None:
    packet = bytes.fromhex(octets)
    longer = b"AB" + (len(packet) - 4 + 3).to_bytes(2, "big") + packet[4:] + b"\x05\x00\xff"

    assert decode_to_web_server(longer) == message


@pytest.mark.parametrize("size", [-1, 65536])
def test_a_get_body_chunk_that_does_not_fit_two_octets_is_refused_when_built(size: int) -> None:
    assert GetBodyChunk(0).size_max == 0
    assert GetBodyChunk(65535).size_max == 65535
    with pytest.raises(ValueError, match="does not fit two octets"):
        GetBodyChunk(size)


def test_a_violation_reads_like_the_complaint_it_came_from() -> None:
    found = Malformed("AJP-FRM-04", offset=0, expected="12 34", actual="12 35")

    assert str(Violation.of(found)) == str(found)
    assert Violation.of(found, 400).status == 400
