"""What a connection reports: events, in the order in which the client caused them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class BodyKind(Enum):
    """How the end of a request body is found."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A complete request head that broke no rule.

    `headers` are as received: order, repeats and letter case kept, white space around values
    removed. `authority` is that of an absolute target, else the Host value, else empty.
    """

    method: bytes
    target: bytes  # as received
    version: bytes  # b"HTTP/1.0" or b"HTTP/1.1"
    headers: list[tuple[bytes, bytes]]
    authority: bytes  # host or host:port
    path: bytes  # begins with "/", or is "*" for OPTIONS
    query: bytes | None  # without the "?"; None when there is none
    body_kind: BodyKind
    body_size: int | None  # 0 without a body, None when chunked
    expect_continue: bool  # the client waits for 100 before it sends the body
    persistent: bool  # the client wants the connection kept


@dataclass(frozen=True, slots=True)
class BodyReceived:
    """More of the request body, at least one octet."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """The request body is complete; never reported for a request without a body."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The client broke `clause`; the answer is queued unless one had begun; the connection ends.

    `offset` counts octets from the first of the request line.
    """

    status: int
    clause: str
    offset: int
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The client will send nothing more; `clean` when that happened between two requests."""

    clean: bool


Event = RequestReceived | BodyReceived | BodyEnded | Refused | PeerClosed
