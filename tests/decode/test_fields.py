"""A packet as a list of fields, also one that cannot be decoded to its end."""

from __future__ import annotations

import pytest

from refjk.ajp13.fields import Field, packet_fields, packet_kind
from tests.ajp13.support import (
    BODY_END_EMPTY,
    BODY_END_ZERO,
    CPING,
    CPONG,
    END_1,
    HEADERS_200,
    body_packet,
    chunk,
    content_length,
    forward_request,
    get_body_chunk,
    send_headers,
    string,
    to_container,
    to_web_server,
)

FULL = forward_request(
    method=255,
    headers=[content_length(5), string(b"X-\xe9") + string(b"1")],
    attributes=b"\x0c"
    + string(b"s3cret")
    + b"\x0b\x01\x00"
    + b"\x0d"
    + string(b"PATCH")
    + b"\x0a"
    + string(b"name")
    + string(None),
)
PACKETS = {
    "FORWARD_REQUEST": (FULL, False),
    "CPING": (CPING, False),
    "SHUTDOWN": (to_container(b"\x07"), False),
    "PING": (to_container(b"\x08"), False),
    "BODY": (body_packet(b"hello"), True),
    "BODY_END": (BODY_END_EMPTY, True),
    "SEND_HEADERS": (send_headers(200, b"OK", b"\xa0\x07" + string(b"a=b")), False),
    "SEND_BODY_CHUNK": (chunk(b"hello"), False),
    "GET_BODY_CHUNK": (get_body_chunk(8186), False),
    "END_RESPONSE": (END_1, False),
    "CPONG": (CPONG, False),
    "EMPTY": (BODY_END_EMPTY, False),
    "UNKNOWN 17": (to_web_server(b"\x11"), False),
}


@pytest.mark.parametrize("kind", PACKETS)
def test_fields_cover_every_octet_in_order(kind: str) -> None:
    packet, is_body = PACKETS[kind]
    fields = packet_fields(packet, is_body)
    assert packet_kind(packet, is_body) == kind
    assert [field.offset for field in fields] == [0, *(f.offset + f.size for f in fields[:-1])]
    assert fields[-1].offset + fields[-1].size == len(packet)


@pytest.mark.parametrize("kind", PACKETS)
def test_a_packet_cut_anywhere_gives_the_fields_before_the_cut(kind: str) -> None:
    packet, is_body = PACKETS[kind]
    whole = packet_fields(packet, is_body)
    for size in range(len(packet)):
        fields = packet_fields(packet[:size], is_body)
        before = [field for field in whole if field.offset + field.size <= size]
        assert list(fields[: len(before)]) == before
        assert len(fields) <= len(before) + 1


def test_a_request_is_told_field_by_field() -> None:
    named = [(field.name, field.value, field.label) for field in packet_fields(FULL)]
    assert named == [
        ("magic", b"\x12\x34", ""),
        ("payload_length", len(FULL) - 4, ""),
        ("prefix_code", 2, "FORWARD_REQUEST"),
        ("method", 255, "stored method"),
        ("protocol", b"HTTP/1.1", ""),
        ("req_uri", b"/x", ""),
        ("remote_addr", b"127.0.0.1", ""),
        ("remote_host", None, ""),
        ("server_name", b"localhost", ""),
        ("server_port", 80, ""),
        ("is_ssl", 0, ""),
        ("num_headers", 2, ""),
        ("header_name", 0xA008, "content-length"),
        ("header_value", b"5", "content-length"),
        ("header_name", b"X-\xe9", ""),
        ("header_value", b"1", "X-\xe9"),
        ("attribute_code", 12, "secret"),
        ("attribute_value", b"s3cret", "secret"),
        ("attribute_code", 11, "ssl_key_size"),
        ("attribute_value", 256, "ssl_key_size"),
        ("attribute_code", 13, "stored_method"),
        ("attribute_value", b"PATCH", "stored_method"),
        ("attribute_code", 10, "req_attribute"),
        ("attribute_name", b"name", ""),
        ("attribute_value", None, "name"),
        ("request_terminator", 255, ""),
    ]


@pytest.mark.parametrize(
    ("packet", "last"),
    [
        (forward_request(headers=[b"\xa0\x0f" + string(b"x")]), Field("request_terminator", 59, 1, 255)),
        (forward_request(attributes=b"\x0e" + string(b"x")), Field("attribute_code", 53, 1, 14, "unknown")),
        (forward_request(req_uri=b"\xff\0/x\0"), Field("protocol", 6, 11, b"HTTP/1.1")),
        (forward_request(header_count=9)[:-1], Field("num_headers", 51, 2, 9)),
        (to_web_server(b"\x03\0\x09abc"), Field("data", 7, 3, b"abc")),
        (HEADERS_200[:-2] + b"\0\x01\xa0", Field("num_headers", 12, 2, 1)),
    ],
)
def test_fields_end_where_nothing_can_be_read(packet: bytes, last: Field) -> None:
    assert packet_fields(packet)[-1] == last


def test_an_end_marker_with_a_length_is_a_body_of_no_octets() -> None:
    assert packet_kind(BODY_END_ZERO, True) == "BODY"
    assert packet_fields(BODY_END_ZERO, True)[-1] == Field("data", 6, 0, b"")


def test_many_headers_that_are_not_there_cost_nothing() -> None:
    assert len(packet_fields(forward_request(header_count=0xFFFF))) < 20
