"""What can be said in AJP13, as plain values.

Strings of the wire are `bytes` (opaque octets, `None` for the null string); nothing here is
decoded to text.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from refjk.ajp13.codes import AttributeCode

Header = tuple[bytes, bytes]
"""Name and value; repeated names are separate entries, in wire order."""

Attribute = tuple[int, bytes | None, bytes | int | None]
"""Code, name (only with code 10), value (an integer only with code 11), in wire order."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a FORWARD_REQUEST was written, where the protocol leaves a choice."""

    method_code: int
    header_codes: tuple[int | None, ...]  # None: the name was sent as a string
    is_ssl_octet: int


# Not frozen, alone among the messages: one is made for every request, and the assignments of a
# frozen one cost as much as decoding its five strings.
@dataclass(slots=True)
class ForwardRequest:
    """The web server hands a request to the container.

    `method` is the name, whether it came as a code or as a stored method. `spelling` is kept
    only when asked for. In `derived` whoever works out something from headers and attributes
    alone may keep it under a key of his own: requests that repeat both octet for octet, as those
    of one client do, share it. Neither takes part in comparison.
    """

    method: bytes
    protocol: bytes
    req_uri: bytes
    remote_addr: bytes | None
    remote_host: bytes | None
    server_name: bytes | None
    server_port: int
    is_ssl: bool
    headers: tuple[Header, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    spelling: Spelling | None = field(default=None, compare=False)
    derived: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def attribute(self, code: AttributeCode) -> bytes | int | None:
        """The last value of an attribute other than 10, or None. AJP-ATT-05"""
        found: bytes | int | None = None
        for attribute_code, _, value in self.attributes:
            if attribute_code == code:
                found = value
        return found

    def request_attributes(self) -> Iterator[tuple[bytes, bytes]]:
        """Name and value of each attribute of code 10; a null value counts as absent. AJP-ATT-07"""
        for code, name, value in self.attributes:
            if code == AttributeCode.REQ_ATTRIBUTE and name is not None and isinstance(value, bytes):
                yield name, value

    def header_values(self, name: bytes) -> list[bytes]:
        """All values of a header, in order; `name` in lower case."""
        return [value for known, value in self.headers if known.lower() == name]


@dataclass(frozen=True, slots=True)
class CPing:
    """The web server asks whether the container is there."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """An order of old times that is never obeyed."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Meant for a login phase that AJP13 never got."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """One body packet; no octets means the end of the body (either end marker)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SendHeaders:
    """Status and headers of the response. `message` is the reason phrase, or None for null."""

    status: int
    message: bytes | None
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class SendBodyChunk:
    """A piece of the response body; no octets means: flush."""

    data: bytes


@dataclass(frozen=True, slots=True)
class GetBodyChunk:
    """The container asks for the next piece of the request body."""

    size_max: int  # octets; 0 to 65535

    def __post_init__(self) -> None:
        if not 0 <= self.size_max <= 0xFFFF:
            raise ValueError(f"size_max {self.size_max} does not fit two octets")


@dataclass(frozen=True, slots=True)
class EndResponse:
    """The cycle is over; `reuse` says whether the connection stays."""

    reuse: bool


@dataclass(frozen=True, slots=True)
class CPong:
    """The container is there."""


MessageToContainer = ForwardRequest | CPing | Shutdown | Ping | RequestBody
MessageToWebServer = SendHeaders | SendBodyChunk | GetBodyChunk | EndResponse | CPong
