"""A FORWARD_REQUEST made of what a web server knows about one request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refjk.ajp13.codes import (
    ACTIVATION_ATTRIBUTE,
    LOCAL_ADDR_ATTRIBUTE,
    REMOTE_PORT_ATTRIBUTE,
    SSL_PROTOCOL_ATTRIBUTE,
    AttributeCode,
)
from refjk.ajp13.messages import Attribute, ForwardRequest, Header

_BODY_LENGTH_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """The client's TLS connection; what is None is not sent."""

    cipher: bytes | None = None
    key_size: int | None = None  # bits
    session: bytes | None = None
    protocol: bytes | None = None  # as in b"TLSv1.3"
    certificate: bytes | None = None  # PEM, the client's own first

    def __post_init__(self) -> None:
        if self.key_size is not None:
            _check_two_octets("key_size", self.key_size)


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """The client's connection as the web server sees it; what is None is not sent."""

    remote_addr: bytes | None
    server_name: bytes | None
    server_port: int
    remote_host: bytes | None = None
    remote_port: int | None = None
    local_addr: bytes | None = None
    remote_user: bytes | None = None
    auth_type: bytes | None = None
    tls: TlsFacts | None = None  # None: no TLS, the scheme is http

    def __post_init__(self) -> None:
        _check_two_octets("server_port", self.server_port)
        if self.remote_port is not None:
            _check_two_octets("remote_port", self.remote_port)


def build_forward_request(
    method: bytes,
    path: bytes,
    query: bytes | None,
    headers: Iterable[Header],
    facts: ConnectionFacts,
    *,
    protocol: bytes = b"HTTP/1.1",
    body_size: int | None = 0,
    secret: bytes | None = None,
    route: bytes | None = None,
    activation: bytes | None = None,
    attributes: Iterable[tuple[bytes, bytes]] = (),
) -> ForwardRequest:
    """The request; nothing but headers, path and query in it comes from the client's octets.

    `query` is without its `?`; an empty one is sent, None is not. `body_size` is the number of
    octets that will be sent, None when only the end of the body will tell: it alone decides the
    headers about length, whatever `headers` say (AJP-HDR-12). A request without body says
    `content-length: 0`. `secret` and `attributes` come from the configuration (AJP-SEC-01,
    AJP-ATT-14); an empty secret is none. `route` and `activation` are the chosen member's; without
    a balancer both stay None (AJP-ATT-11).
    """
    return ForwardRequest(
        method=method,
        protocol=protocol,
        req_uri=path,
        remote_addr=facts.remote_addr,
        remote_host=facts.remote_host,
        server_name=facts.server_name,
        server_port=facts.server_port,
        is_ssl=facts.tls is not None,
        headers=_with_length(headers, body_size),
        attributes=(
            *_coded_attributes(query, facts, secret or None, route),
            *_fact_attributes(facts, activation),
            *((AttributeCode.REQ_ATTRIBUTE, name, value) for name, value in attributes),
        ),
    )


def _with_length(headers: Iterable[Header], body_size: int | None) -> tuple[Header, ...]:
    kept = [header for header in headers if header[0].lower() not in _BODY_LENGTH_HEADERS]
    if body_size is None:
        kept.append((b"Transfer-Encoding", b"chunked"))
    else:
        kept.append((b"content-length", b"%d" % body_size))
    return tuple(kept)


def _coded_attributes(
    query: bytes | None, facts: ConnectionFacts, secret: bytes | None, route: bytes | None
) -> list[Attribute]:
    """In the usual order; a stored method joins them when the request is encoded."""
    tls = facts.tls or TlsFacts()
    values = (
        (AttributeCode.SECRET, secret),
        (AttributeCode.REMOTE_USER, facts.remote_user),
        (AttributeCode.AUTH_TYPE, facts.auth_type),
        (AttributeCode.QUERY_STRING, query),
        (AttributeCode.ROUTE, route),
        (AttributeCode.SSL_CERT, tls.certificate),
        (AttributeCode.SSL_CIPHER, tls.cipher),
        (AttributeCode.SSL_SESSION, tls.session),
        (AttributeCode.SSL_KEY_SIZE, tls.key_size),
    )
    return [(code, None, value) for code, value in values if value is not None]


def _fact_attributes(facts: ConnectionFacts, activation: bytes | None) -> list[Attribute]:
    values = (
        (SSL_PROTOCOL_ATTRIBUTE, facts.tls.protocol if facts.tls else None),
        (REMOTE_PORT_ATTRIBUTE, None if facts.remote_port is None else b"%d" % facts.remote_port),
        (LOCAL_ADDR_ATTRIBUTE, facts.local_addr),
        (ACTIVATION_ATTRIBUTE, activation),
    )
    return [(AttributeCode.REQ_ATTRIBUTE, name, value) for name, value in values if value is not None]


def _check_two_octets(name: str, value: int) -> None:
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"{name} {value} does not fit two octets")
