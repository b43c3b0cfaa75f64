"""FORWARD_REQUEST from the facts of a web server."""

from __future__ import annotations

from typing import Any

import pytest

from refjk.ajp13.building import ConnectionFacts, TlsFacts, build_forward_request
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, AttributeCode
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.speccheck import covers

FACTS = ConnectionFacts(remote_addr=b"192.0.2.7", server_name=b"www.example", server_port=80)
ALL_FACTS = ConnectionFacts(
    remote_addr=b"192.0.2.7",
    server_name=b"www.example",
    server_port=443,
    remote_host=b"client.example",
    remote_port=54321,
    local_addr=b"192.0.2.1",
    remote_user=b"alice",
    auth_type=b"BASIC",
    tls=TlsFacts(
        cipher=b"TLS_AES_128_GCM_SHA256",
        key_size=128,
        session=b"0a0b",
        protocol=b"TLSv1.3",
        certificate=b"-----BEGIN CERTIFICATE-----",
    ),
)


def build(headers: list[Header] | None = None, **more: Any) -> ForwardRequest:
    return build_forward_request(b"GET", b"/a", more.pop("query", None), headers or [], FACTS, **more)


def lengths(request: ForwardRequest) -> list[Header]:
    return [
        (name.lower(), value)
        for name, value in request.headers
        if name.lower() in (b"content-length", b"transfer-encoding")
    ]


@covers("AJP-ATT-06")
def test_attributes_leave_in_the_usual_order_with_the_stored_method_among_them() -> None:
    request = build_forward_request(
        b"PATCH",
        b"/a",
        b"x=1",
        [],
        ALL_FACTS,
        secret=b"s",
        route=b"node1",
        activation=b"ACT",
        attributes=[(b"COLOUR", b"red")],
    )
    sent = decode_forward_request(encode_forward_request(request, PACKET_SIZE_DEFAULT))
    assert [code for code, _, _ in sent.attributes] == [12, 3, 4, 5, 6, 7, 8, 9, 11, 13, 10, 10, 10, 10, 10]
    assert list(sent.request_attributes()) == [
        (b"AJP_SSL_PROTOCOL", b"TLSv1.3"),
        (b"AJP_REMOTE_PORT", b"54321"),
        (b"AJP_LOCAL_ADDR", b"192.0.2.1"),
        (b"JK_LB_ACTIVATION", b"ACT"),
        (b"COLOUR", b"red"),
    ]
    assert sent.attribute(AttributeCode.SSL_KEY_SIZE) == 128
    assert (sent.is_ssl, sent.remote_host) == (True, b"client.example")


def test_what_is_not_known_is_not_sent() -> None:
    request = build()
    assert request.attributes == ()
    assert (request.is_ssl, request.remote_host, request.server_port) == (False, None, 80)


@pytest.mark.parametrize(("query", "sent"), [(None, None), (b"", b""), (b"a=b?c", b"a=b?c")])
@covers("AJP-REQ-08")
def test_the_query_is_an_attribute_and_an_empty_one_is_sent(query: bytes | None, sent: bytes | None) -> None:
    request = build(query=query)
    assert request.attribute(AttributeCode.QUERY_STRING) == sent
    assert request.req_uri == b"/a"


@pytest.mark.parametrize(
    ("body_size", "sent"),
    [
        (0, [(b"content-length", b"0")]),
        (7, [(b"content-length", b"7")]),
        (None, [(b"transfer-encoding", b"chunked")]),
    ],
)
@covers("AJP-HDR-12")
def test_the_length_that_is_really_sent_decides_and_not_what_the_client_wrote(
    body_size: int | None, sent: list[Header]
) -> None:
    claims = [(b"Content-Length", b"99"), (b"content-length", b"98"), (b"Transfer-Encoding", b"gzip")]
    assert lengths(build(claims, body_size=body_size)) == sent
    assert lengths(build([], body_size=body_size)) == sent


def test_other_headers_stay_as_they_are_in_their_order_with_repeats() -> None:
    headers = [(b"X-A", b"1"), (b"Connection", b"close"), (b"X-A", b"\xe4"), (b"x-a", b"")]
    assert build(headers).headers[:-1] == tuple(headers)


@covers("AJP-ATT-11")
def test_a_route_is_sent_only_when_there_is_one() -> None:
    assert build().attribute(AttributeCode.ROUTE) is None
    assert build(route=b"node1").attribute(AttributeCode.ROUTE) == b"node1"


@covers("AJP-ATT-14")
def test_nothing_that_a_client_sends_becomes_an_attribute() -> None:
    claims = [
        (b"AJP_REMOTE_PORT", b"1"),
        (b"JK_LB_ACTIVATION", b"DIS"),
        (b"secret", b"x"),
        (b"remote_user", b"root"),
    ]
    request = build(claims, query=b"AJP_LOCAL_ADDR=1&secret=x")
    assert request.attributes == ((AttributeCode.QUERY_STRING, None, b"AJP_LOCAL_ADDR=1&secret=x"),)


@covers("AJP-SEC-01")
def test_a_configured_secret_comes_first_and_an_empty_one_is_none() -> None:
    assert build(secret=b"s", query=b"").attributes[0] == (AttributeCode.SECRET, None, b"s")
    assert build(secret=b"").attribute(AttributeCode.SECRET) is None


@pytest.mark.parametrize("wrong", [-1, 65536])
def test_numbers_that_do_not_fit_are_refused_when_said(wrong: int) -> None:
    with pytest.raises(ValueError, match="server_port"):
        ConnectionFacts(None, None, wrong)
    with pytest.raises(ValueError, match="remote_port"):
        ConnectionFacts(None, None, 80, remote_port=wrong)
    with pytest.raises(ValueError, match="key_size"):
        TlsFacts(key_size=wrong)
