"""FORWARD_REQUEST as a whole: fields, cuts, counts, spelling, size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from refjk.ajp13 import WebServerPhase
from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import ForwardRequest
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    HEADERS_AT,
    PACKET_SIZES,
    complaint,
    forward_request,
    request,
    string,
    to_container,
    web_server,
)

FULL = forward_request(
    method=255,
    remote_host=string(b"client.example"),
    is_ssl=1,
    headers=[b"\xa0\x0b" + string(b"example.org"), string(b"X-A") + string(b"1")],
    attributes=b"".join(
        (
            b"\x0c" + string(b"secret"),
            b"\x03" + string(b"user"),
            b"\x04" + string(b"Basic"),
            b"\x05" + string(b"a=1"),
            b"\x06" + string(b"node1"),
            b"\x07" + string(b"-----BEGIN"),
            b"\x08" + string(b"AES"),
            b"\x09" + string(b"0a0b"),
            b"\x0b\x01\x00",
            b"\x0d" + string(b"PURGE"),
            b"\x0a" + string(b"AJP_REMOTE_PORT") + string(b"1234"),
            b"\x0a" + string(b"n") + string(None),
            b"\x01" + string(b"/app"),
            b"\x02" + string(b"/servlet"),
        )
    ),
)


@covers("AJP-REQ-01", "AJP-ATT-01", "AJP-ATT-03", "AJP-ATT-09")
def test_every_field_arrives_where_it_belongs() -> None:
    assert decode_forward_request(FULL) == ForwardRequest(
        method=b"PURGE",
        protocol=b"HTTP/1.1",
        req_uri=b"/x",
        remote_addr=b"127.0.0.1",
        remote_host=b"client.example",
        server_name=b"localhost",
        server_port=80,
        is_ssl=True,
        headers=((b"host", b"example.org"), (b"X-A", b"1")),
        attributes=(
            (12, None, b"secret"),
            (3, None, b"user"),
            (4, None, b"Basic"),
            (5, None, b"a=1"),
            (6, None, b"node1"),
            (7, None, b"-----BEGIN"),
            (8, None, b"AES"),
            (9, None, b"0a0b"),
            (11, None, 256),
            (13, None, b"PURGE"),
            (10, b"AJP_REMOTE_PORT", b"1234"),
            (10, b"n", None),
            (1, None, b"/app"),
            (2, None, b"/servlet"),
        ),
    )


@covers("AJP-REQ-01")
def test_a_request_is_encoded_back_to_the_same_octets() -> None:
    assert encode_forward_request(decode_forward_request(FULL), 8192).hex(" ") == FULL.hex(" ")


@covers("AJP-REQ-01", "AJP-ATT-02", "AJP-FRM-15", "AJP-HDR-09")
@pytest.mark.parametrize("strict", [True, False])
def test_a_request_cut_anywhere_is_malformed_at_the_cut_or_before(strict: bool) -> None:
    for size in range(1, len(FULL) - 4):
        packet = to_container(FULL[4 : 4 + size])

        clause, offset = complaint(partial(decode_forward_request, packet, strict=strict))

        assert clause in {"AJP-FRM-15", "AJP-STR-07", "AJP-ATT-02"}, size
        assert 4 < offset <= len(packet), size


@covers("AJP-REQ-03")
@pytest.mark.parametrize("strict", [True, False])
def test_a_null_protocol_and_a_null_uri_are_malformed(strict: bool) -> None:
    for packet, offset in (
        (forward_request(protocol=string(None)), 6),
        (forward_request(req_uri=string(None)), 17),
        (forward_request(protocol=string(None), req_uri=string(None)), 6),
    ):
        assert complaint(partial(decode_forward_request, packet, strict=strict)) == (
            "AJP-REQ-03",
            offset,
        )


@covers("AJP-REQ-03")
def test_null_for_address_host_and_server_means_absent() -> None:
    asked = decode_forward_request(
        forward_request(remote_addr=string(None), remote_host=string(None), server_name=string(None))
    )

    assert (asked.remote_addr, asked.remote_host, asked.server_name) == (None, None, None)
    assert decode_forward_request(forward_request(protocol=string(b""))).protocol == b""


@covers("AJP-HDR-09")
@pytest.mark.parametrize(
    ("count", "clause", "offset"),
    [
        (2, "AJP-STR-07", HEADERS_AT + 8),  # the next header is looked for in the attributes
        (9, "AJP-STR-07", HEADERS_AT + 8),
        (0, "AJP-ATT-04", HEADERS_AT),  # the header is looked at as an attribute
    ],
)
def test_a_header_count_that_does_not_agree_with_the_headers_is_malformed(
    count: int, clause: str, offset: int
) -> None:
    pair = string(b"n") + string(b"v")
    good = forward_request(headers=[pair], attributes=b"\x05" + string(b"q"))
    bad = forward_request(headers=[pair], header_count=count, attributes=b"\x05" + string(b"q"))

    assert decode_forward_request(good).headers == ((b"n", b"v"),)
    assert complaint(lambda: decode_forward_request(bad)) == (clause, offset)


@covers("AJP-HDR-09", "AJP-FRM-15")
def test_a_header_count_beyond_the_packet_is_malformed() -> None:
    bad = forward_request(headers=[string(b"n") + string(b"v")], header_count=2, end=b"\x00")

    assert complaint(lambda: decode_forward_request(bad)) == ("AJP-FRM-15", len(bad))


@covers("AJP-HDR-08", "AJP-LIM-01")
def test_the_number_of_headers_has_a_limit_of_100_unless_told_otherwise() -> None:
    pair = string(b"n") + string(b"v")
    hundred = forward_request(headers=[pair] * 100)
    too_many = forward_request(headers=[pair] * 101)

    assert len(decode_forward_request(hundred).headers) == 100
    assert complaint(lambda: decode_forward_request(too_many)) == ("AJP-HDR-08", HEADERS_AT - 2)
    assert len(decode_forward_request(too_many, header_count_max=101).headers) == 101
    assert complaint(lambda: decode_forward_request(hundred, header_count_max=99)) == (
        "AJP-HDR-08",
        HEADERS_AT - 2,
    )


def test_the_spelling_is_kept_on_demand_and_gives_back_the_very_octets() -> None:
    odd = forward_request(
        method=255,
        is_ssl=2,
        headers=[string(b"Accept") + string(b"*/*"), b"\xa0\x01" + string(b"text/html")],
        attributes=b"\x0d" + string(b"ACL"),
    )

    kept = decode_forward_request(odd, keep_spelling=True)
    plain = decode_forward_request(odd)

    assert plain.spelling is None
    assert kept == plain
    assert kept.spelling is not None
    assert (kept.spelling.method_code, kept.spelling.header_codes, kept.spelling.is_ssl_octet) == (
        255,
        (None, 0xA001),
        2,
    )
    assert encode_forward_request(kept, 8192) == odd


@covers("AJP-MTH-03", "AJP-MTH-06")
def test_a_stored_method_that_has_a_code_survives_encoding_without_its_spelling() -> None:
    asked = decode_forward_request(forward_request(method=255, attributes=b"\x0d" + string(b"ACL")))

    again = decode_forward_request(encode_forward_request(asked, 8192))

    assert again == asked
    assert again.method == b"ACL"


@covers("AJP-REQ-05", "AJP-FRM-08")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_a_request_fills_one_packet_and_is_refused_with_one_octet_more(packet_size: int) -> None:
    room = packet_size - len(forward_request(headers=[string(b"X-A") + string(b"")]))
    fits = request(headers=((b"X-A", b"v" * room),))
    too_long = request(headers=((b"X-A", b"v" * (room + 1)),))

    end = web_server(packet_size=packet_size)
    with pytest.raises(LocalProtocolError, match="packet size"):
        end.send_request(too_long)
    assert end.phase is WebServerPhase.IDLE
    assert end.reusable
    assert end.data_to_send() == b""

    end.send_request(fits)
    sent = end.data_to_send()
    assert len(sent) == packet_size
    assert decode_forward_request(sent) == fits


@covers("AJP-REQ-05")
@pytest.mark.parametrize(
    "unsayable",
    [
        replace(request(), server_port=65536),
        replace(request(), server_port=-1),
        replace(request(), protocol=bytes(65535)),
        request(attributes=((11, None, 65536),)),
        request(headers=((b"n" * 0xA000, b""),)),
        request(headers=((b"n", b""),) * 65536),
        request(body_size=0, headers=((b"Content-Length", b"1"),)),
        request(headers=((b"content-length", b"9" * 5000),)),
        request(headers=((b"content-length", b"-1"),)),
        request(method=b"PATCH", attributes=((14, None, b""),)),
    ],
    ids=[
        "port too high",
        "port negative",
        "string too long",
        "key size too high",
        "header name like a code",
        "too many headers",
        "two lengths",
        "length of 5000 digits",
        "length negative",
        "unknown attribute",
    ],
)
def test_what_cannot_be_said_is_refused_before_any_octet_is_sent(unsayable: ForwardRequest) -> None:
    end = web_server(packet_size=65536)

    with pytest.raises(LocalProtocolError):
        end.send_request(unsayable)

    assert end.data_to_send() == b""
    assert end.reusable


def test_a_request_gives_its_attributes_and_headers_by_name() -> None:
    asked = decode_forward_request(FULL)

    assert asked.attribute(AttributeCode.QUERY_STRING) == b"a=1"
    assert asked.attribute(AttributeCode.SSL_KEY_SIZE) == 256
    assert decode_forward_request(forward_request()).attribute(AttributeCode.QUERY_STRING) is None
    assert asked.header_values(b"x-a") == [b"1"]
    assert asked.header_values(b"accept") == []
