"""Octets and situations that many tests need.

The octets are built here by hand, from the document, and not with the encoders under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

import pytest

from refjk.ajp13 import (
    ContainerConnection,
    ContainerPhase,
    ContainerPolicy,
    ForwardRequest,
    WebServerConnection,
    WebServerPhase,
)
from refjk.ajp13.events import Violation
from refjk.ajp13.messages import Attribute, Header
from refjk.base import Malformed

CPING = bytes.fromhex("12 34 00 01 0a")
CPONG = bytes.fromhex("41 42 00 01 09")
FLUSH = bytes.fromhex("41 42 00 04 03 00 00 00")
END_1 = bytes.fromhex("41 42 00 02 05 01")
END_0 = bytes.fromhex("41 42 00 02 05 00")
BODY_END_EMPTY = bytes.fromhex("12 34 00 00")
BODY_END_ZERO = bytes.fromhex("12 34 00 02 00 00")
HEADERS_200 = bytes.fromhex("41 42 00 0a 04 00 c8 00 02 4f 4b 00 00 00")

PACKET_SIZES = (8192, 16384, 65536)


def to_container(payload: bytes) -> bytes:
    return b"\x12\x34" + len(payload).to_bytes(2, "big") + payload


def to_web_server(payload: bytes) -> bytes:
    return b"AB" + len(payload).to_bytes(2, "big") + payload


def string(value: bytes | None) -> bytes:
    return b"\xff\xff" if value is None else len(value).to_bytes(2, "big") + value + b"\0"


def body_packet(data: bytes) -> bytes:
    return to_container(len(data).to_bytes(2, "big") + data)


def chunk(data: bytes) -> bytes:
    return to_web_server(b"\x03" + len(data).to_bytes(2, "big") + data + b"\0")


def send_headers(status: int = 200, message: bytes | None = b"OK", *pairs: bytes) -> bytes:
    """`pairs`: name and value of one header together, as octets."""
    count = len(pairs).to_bytes(2, "big")
    return to_web_server(b"\x04" + status.to_bytes(2, "big") + string(message) + count + b"".join(pairs))


def get_body_chunk(size: int) -> bytes:
    return to_web_server(b"\x06" + size.to_bytes(2, "big"))


def forward_request(
    *,
    method: int = 2,
    protocol: bytes = string(b"HTTP/1.1"),
    req_uri: bytes = string(b"/x"),
    remote_addr: bytes = string(b"127.0.0.1"),
    remote_host: bytes = string(None),
    server_name: bytes = string(b"localhost"),
    server_port: int = 80,
    is_ssl: int = 0,
    headers: Iterable[bytes] = (),
    header_count: int | None = None,
    attributes: bytes = b"",
    end: bytes = b"\xff",
) -> bytes:
    """A whole FORWARD_REQUEST out of fields that are octets already."""
    pairs = list(headers)
    count = len(pairs) if header_count is None else header_count
    return to_container(
        bytes((2, method))
        + protocol
        + req_uri
        + remote_addr
        + remote_host
        + server_name
        + server_port.to_bytes(2, "big")
        + bytes((is_ssl,))
        + count.to_bytes(2, "big")
        + b"".join(pairs)
        + attributes
        + end
    )


HEADERS_AT = 4 + 2 + 11 + 5 + 12 + 2 + 12 + 2 + 1 + 2
"""Offset of the first header in the packet that `forward_request` gives by default."""


def content_length(size: int) -> bytes:
    return b"\xa0\x08" + string(b"%d" % size)


def request_octets(body_size: int | None = None, **fields: object) -> bytes:
    """A good request: without content-length when `body_size` is None."""
    if body_size is None:
        return forward_request(**fields)  # type: ignore[arg-type]
    return forward_request(headers=[content_length(body_size)], **fields)  # type: ignore[arg-type]


def request(
    *,
    method: bytes = b"GET",
    req_uri: bytes = b"/x",
    headers: tuple[Header, ...] = (),
    attributes: tuple[Attribute, ...] = (),
    body_size: int | None = None,
) -> ForwardRequest:
    """The same as a value; `body_size` adds a content-length."""
    if body_size is not None:
        headers = (*headers, (b"content-length", b"%d" % body_size))
    return ForwardRequest(
        method, b"HTTP/1.1", req_uri, b"127.0.0.1", None, b"localhost", 80, False, headers, attributes
    )


def complaint(decode: Callable[[], object]) -> tuple[str, int]:
    """Clause and offset of the complaint that the call must end with."""
    with pytest.raises(Malformed) as raised:
        decode()
    assert raised.value.expected and raised.value.actual
    return raised.value.clause, raised.value.offset


def violation(events: Iterable[object]) -> tuple[str, int]:
    """Clause and offset of the violation that the events must end with, the only one."""
    found = list(events)
    assert [event for event in found if isinstance(event, Violation)] == found[-1:], found
    last = found[-1]
    assert isinstance(last, Violation)
    return last.clause, last.offset


def octet_by_octet(data: bytes) -> Iterator[bytes]:
    return (data[index : index + 1] for index in range(len(data)))


def random_splits(data: bytes, random: Random, size_max: int = 3000) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        size = random.randint(1, size_max if random.random() < 0.7 else 5)
        yield data[offset : offset + size]
        offset += size


def container(
    phase: ContainerPhase = ContainerPhase.IDLE,
    *,
    headers_sent: bool = False,
    reuse: bool = True,
    packet_size: int = 8192,
    policy: ContainerPolicy | None = None,
    announced: int = 20000,
) -> ContainerConnection:
    """A container's end, brought into a phase by a real dialogue; nothing is left to send."""
    end = ContainerConnection(policy, packet_size)
    if phase is ContainerPhase.CLOSED:
        end.abort()
    elif phase is not ContainerPhase.IDLE:
        due = phase in (ContainerPhase.BODY_DUE, ContainerPhase.DRAINING)
        end.receive(request_octets(announced if due else None))
        if headers_sent or phase is ContainerPhase.DRAINING:
            end.send_headers(200, b"OK", [])
        if phase is ContainerPhase.DRAINING:
            end.end_response(reuse)
        elif phase is ContainerPhase.BODY_ASKED:
            end.ask_body()
    end.data_to_send()
    assert end.phase is phase
    return end


def web_server(
    phase: WebServerPhase = WebServerPhase.IDLE,
    *,
    asked: ForwardRequest | None = None,
    strict: bool = True,
    packet_size: int = 8192,
) -> WebServerConnection:
    """A web server's end, brought into a phase by a real dialogue; nothing is left to send."""
    end = WebServerConnection(packet_size, strict=strict)
    if phase is WebServerPhase.CLOSED:
        end.close()
    elif phase is WebServerPhase.PINGED:
        end.send_ping()
    elif phase is not WebServerPhase.IDLE:
        end.send_request(asked or request())
        if phase is WebServerPhase.OPEN:
            end.receive(HEADERS_200)
    end.data_to_send()
    assert end.phase is phase
    return end
