"""Header names: codes and strings, both directions."""

from __future__ import annotations

from functools import partial

import pytest

from refjk.ajp13.codec import decode_to_web_server, encode_header_name, encode_send_headers
from refjk.ajp13.codes import REQUEST_HEADER_CODES, REQUEST_HEADER_NAMES, RESPONSE_HEADER_NAMES
from refjk.ajp13.events import RequestReceived
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import SendHeaders
from refjk.speccheck import covers
from tests.ajp13.support import (
    HEADERS_AT,
    complaint,
    container,
    forward_request,
    request,
    send_headers,
    string,
)

REQUEST_HEADERS = {
    0xA001: b"accept",
    0xA002: b"accept-charset",
    0xA003: b"accept-encoding",
    0xA004: b"accept-language",
    0xA005: b"authorization",
    0xA006: b"connection",
    0xA007: b"content-type",
    0xA008: b"content-length",
    0xA009: b"cookie",
    0xA00A: b"cookie2",
    0xA00B: b"host",
    0xA00C: b"pragma",
    0xA00D: b"referer",
    0xA00E: b"user-agent",
}
RESPONSE_HEADERS = {
    0xA001: b"Content-Type",
    0xA002: b"Content-Language",
    0xA003: b"Content-Length",
    0xA004: b"Date",
    0xA005: b"Last-Modified",
    0xA006: b"Location",
    0xA007: b"Set-Cookie",
    0xA008: b"Set-Cookie2",
    0xA009: b"Servlet-Engine",
    0xA00A: b"Status",
    0xA00B: b"WWW-Authenticate",
}


def coded(code: int, value: bytes) -> bytes:
    return code.to_bytes(2, "big") + string(value)


@covers("AJP-HDR-02", "AJP-HDR-04")
@pytest.mark.parametrize(("code", "name"), REQUEST_HEADERS.items())
def test_each_request_header_code_stands_for_its_name_both_ways(code: int, name: bytes) -> None:
    packet = forward_request(headers=[coded(code, b"1")])

    assert decode_forward_request(packet).headers == ((name, b"1"),)
    for spelling in (name, name.upper(), name.title()):
        assert encode_forward_request(request(headers=((spelling, b"1"),)), 8192) == packet


@covers("AJP-RSP-08")
@pytest.mark.parametrize(("code", "name"), RESPONSE_HEADERS.items())
def test_each_response_header_code_stands_for_its_name_both_ways(code: int, name: bytes) -> None:
    packet = send_headers(200, b"OK", coded(code, b"1"))

    assert decode_to_web_server(packet) == SendHeaders(200, b"OK", ((name, b"1"),))
    for spelling in (name, name.upper(), name.lower()):
        assert encode_send_headers(200, b"OK", [(spelling, b"1")]) == packet
    as_string = send_headers(200, b"OK", string(name) + string(b"1"))
    assert decode_to_web_server(as_string) == SendHeaders(200, b"OK", ((name, b"1"),))


@covers("AJP-HDR-02")
def test_there_are_no_other_header_codes() -> None:
    assert REQUEST_HEADER_NAMES == REQUEST_HEADERS
    assert RESPONSE_HEADER_NAMES == RESPONSE_HEADERS


@covers("AJP-HDR-03")
@pytest.mark.parametrize("strict", [True, False])
def test_other_request_header_codes_are_malformed(strict: bool) -> None:
    for code in (0xA000, *range(0xA00F, 0xA100)):
        packet = forward_request(headers=[coded(code, b"1")])
        found = complaint(partial(decode_forward_request, packet, strict=strict))
        assert found == ("AJP-HDR-03", HEADERS_AT), hex(code)


@covers("AJP-RSP-09")
@pytest.mark.parametrize("strict", [True, False])
def test_other_response_header_codes_are_errors(strict: bool) -> None:
    for code in (0xA000, *range(0xA00C, 0xA100)):
        packet = send_headers(200, b"OK", coded(code, b"1"))
        found = complaint(partial(decode_to_web_server, packet, strict))
        assert found == ("AJP-RSP-09", 14), hex(code)


@covers("AJP-HDR-04")
@pytest.mark.parametrize("size", [0x9FFF, 0xA100])
def test_any_other_high_octet_begins_the_length_of_a_name(size: int) -> None:
    packet = forward_request(headers=[string(b"n" * size) + string(b"v")])

    assert decode_forward_request(packet).headers == ((b"n" * size, b"v"),)
    assert encode_forward_request(request(headers=((b"n" * size, b"v"),)), 65536) == packet


@covers("AJP-HDR-04")
@pytest.mark.parametrize("size", [0xA000, 0xA001, 0xA0FF])
def test_a_name_whose_length_reads_as_a_code_cannot_be_sent(size: int) -> None:
    assert encode_header_name(b"n" * 0x9FFF, REQUEST_HEADER_CODES)[:2] == b"\x9f\xff"
    assert encode_header_name(b"n" * 0xA100, REQUEST_HEADER_CODES)[:2] == b"\xa1\x00"
    with pytest.raises(ValueError, match="would be read as a header code"):
        encode_header_name(b"n" * size, REQUEST_HEADER_CODES)


@covers("AJP-HDR-01")
@pytest.mark.parametrize("name", [b"\xa0\x08", string(b"content-length"), string(b"CONTENT-Length")])
def test_a_length_counts_by_code_and_by_string_in_any_case(name: bytes) -> None:
    events = container().receive(forward_request(headers=[name + string(b"5")]))

    assert isinstance(events[0], RequestReceived)
    assert events[0].content_length == 5
    assert events[0].request.header_values(b"content-length") == [b"5"]


@covers("AJP-HDR-05")
@pytest.mark.parametrize(
    "hop_by_hop",
    [
        b"\xa0\x06" + string(b"close"),
        string(b"Keep-Alive") + string(b"timeout=5"),
        string(b"TE") + string(b"trailers"),
        string(b"Transfer-Encoding") + string(b"chunked"),
        string(b"Expect") + string(b"100-continue"),
    ],
)
def test_hop_by_hop_headers_are_carried_and_change_no_framing(hop_by_hop: bytes) -> None:
    packet = forward_request(headers=[hop_by_hop])
    end = container()

    events = end.receive(packet)

    asked = decode_forward_request(packet)
    assert events == [RequestReceived(asked, None)]
    assert len(asked.headers) == 1
    assert encode_forward_request(asked, 8192) == packet


@covers("AJP-HDR-06")
def test_repeated_request_headers_stay_apart_in_order() -> None:
    pairs = ((b"X-A", b"1"), (b"cookie", b"a=1"), (b"x-a", b"2"), (b"cookie", b"b=2"), (b"X-A", b"1"))
    asked = decode_forward_request(encode_forward_request(request(headers=pairs), 8192))

    assert asked.headers == pairs
    assert asked.header_values(b"x-a") == [b"1", b"2", b"1"]
    assert asked.header_values(b"cookie") == [b"a=1", b"b=2"]


@covers("AJP-RSP-10")
def test_repeated_response_headers_stay_apart_in_order() -> None:
    pairs = ((b"Set-Cookie", b"a=1"), (b"X-A", b"1"), (b"Set-Cookie", b"b=2"), (b"X-A", b"1"))

    assert decode_to_web_server(encode_send_headers(200, b"OK", pairs)) == SendHeaders(200, b"OK", pairs)


@covers("AJP-HDR-09", "AJP-FRM-15")
def test_a_response_header_count_beyond_the_packet_is_malformed() -> None:
    packet = bytearray(send_headers(200, b"OK", coded(0xA001, b"1")))
    assert packet[12:14] == b"\x00\x01"
    packet[13] = 2

    assert complaint(lambda: decode_to_web_server(bytes(packet))) == ("AJP-FRM-15", len(packet))


def test_headers_that_fit_no_packet_at_all_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="fit no packet"):
        encode_send_headers(200, b"OK", [(b"X-A", b"v" * 65000), (b"X-B", b"v" * 1000)])
    with pytest.raises(ValueError):
        encode_send_headers(200, b"OK", [(b"X", b"")] * 65536)
