"""What the two ends of a connection report to whoever drives them."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.ajp13.messages import ForwardRequest, Header
from refjk.base.errors import Malformed


# Not frozen, for the same reason as the request in it: one is made for each.
@dataclass(slots=True)
class RequestReceived:
    """Container: a request has come and was admitted.

    `content_length` is None when the length of the body is not announced (it may be empty).
    """

    request: ForwardRequest
    content_length: int | None


@dataclass(frozen=True, slots=True)
class BodyReceived:
    """Container: octets of the request body, never none."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """Container: the request body is over; `missing` octets of the announced length never came."""

    missing: int = 0


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The other end closed. `clean`: between cycles, with nothing half said."""

    clean: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer broke a clause; the connection is over and nothing more will be read.

    `offset` counts from the first octet of the packet in question. `status` is the answer that
    was queued before closing, if one was.
    """

    clause: str
    offset: int
    expected: str
    actual: str
    status: int | None = None

    @classmethod
    def of(cls, complaint: Malformed, status: int | None = None) -> Violation:
        return cls(complaint.clause, complaint.offset, complaint.expected, complaint.actual, status)

    def __str__(self) -> str:
        return f"{self.clause} at octet {self.offset}: expected {self.expected}, got {self.actual}"


@dataclass(frozen=True, slots=True)
class Ponged:
    """Web server: CPONG has come."""


@dataclass(frozen=True, slots=True)
class HeadersReceived:
    """Web server: status and headers; `reason` is fit to be passed on."""

    status: int
    reason: bytes
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """Web server: octets of the response body, never none."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Flushed:
    """Web server: the container wants the client to have what was sent so far."""


@dataclass(frozen=True, slots=True)
class BodyWanted:
    """Web server: answer with exactly one `send_body` or `end_body`."""

    size_max: int


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """Web server: the cycle is over; `reuse` is false when the connection must be closed."""

    reuse: bool


ContainerEvent = RequestReceived | BodyReceived | BodyEnded | PeerClosed | Violation
WebServerEvent = (
    Ponged | HeadersReceived | ResponseBody | Flushed | BodyWanted | ResponseEnded | PeerClosed | Violation
)
