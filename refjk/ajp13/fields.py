"""A packet as a list of its fields, for people who look at the wire.

Nothing is judged here. Fields are read as far as the octets allow, so that a packet which the
decoders refuse still shows everything before the place they complain about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from refjk.ajp13.codec import decode_integer, decode_octet, decode_string
from refjk.ajp13.codes import (
    HEADER_CODE_BASE,
    HEADER_SIZE,
    MAGIC_TO_CONTAINER,
    METHOD_NAMES,
    REQUEST_HEADER_NAMES,
    RESPONSE_HEADER_NAMES,
    STORED_METHOD_CODE,
    AttributeCode,
    ToContainer,
    ToWebServer,
)
from refjk.base.errors import Malformed

BODY = "BODY"
BODY_END = "BODY_END"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `size` counts its octets in the packet, a string's length and terminator included.

    `label` says what a code stands for (`GET`, `host`), or which header or attribute a value
    belongs to.
    """

    name: str
    offset: int
    size: int
    value: bytes | int | None
    label: str = ""


def packet_kind(packet: bytes, is_body: bool = False) -> str:
    """The name of a packet, header included; the phase tells whether it is a body packet.

    `BODY_END` is the packet without payload; an unknown prefix code gives `UNKNOWN 17`.
    """
    if is_body:
        return BODY_END if len(packet) <= HEADER_SIZE else BODY
    if len(packet) <= HEADER_SIZE:
        return "EMPTY"
    codes: type[IntEnum] = ToContainer if packet.startswith(MAGIC_TO_CONTAINER) else ToWebServer
    try:
        return codes(packet[HEADER_SIZE]).name
    except ValueError:
        return f"UNKNOWN {packet[HEADER_SIZE]}"


def packet_fields(packet: bytes, is_body: bool = False) -> tuple[Field, ...]:
    """The fields of a packet, header included, up to its end or to what cannot be read."""
    walk = _Walk(packet)
    try:
        walk.octets("magic", 2)
        walk.integer("payload_length")
        if is_body:
            _body(walk)
        elif len(packet) > HEADER_SIZE:
            kind = packet_kind(packet)
            walk.octet("prefix_code", kind)
            if kind in _READERS:
                _READERS[kind](walk)
    except Malformed:
        pass
    return tuple(walk.fields)


class _Walk:
    """Reads field after field and notes each; `Malformed` where the packet ends too early."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet
        self.offset = 0
        self.fields: list[Field] = []

    def octet(self, name: str, label: str = "") -> int:
        value, after = decode_octet(self.packet, self.offset)
        self._note(name, after, value, label)
        return value

    def integer(self, name: str, label: str = "") -> int:
        value, after = decode_integer(self.packet, self.offset)
        self._note(name, after, value, label)
        return value

    def string(self, name: str, label: str = "") -> bytes | None:
        value, after = decode_string(self.packet, self.offset, strict=False)
        self._note(name, after, value, label)
        return value

    def octets(self, name: str, size: int) -> None:
        """As many of `size` octets as are there."""
        after = min(self.offset + size, len(self.packet))
        self._note(name, after, self.packet[self.offset : after], "")

    def peek(self) -> int:
        return decode_octet(self.packet, self.offset)[0]

    def _note(self, name: str, after: int, value: bytes | int | None, label: str) -> None:
        self.fields.append(Field(name, self.offset, after - self.offset, value, label))
        self.offset = after


def _body(walk: _Walk) -> None:
    if len(walk.packet) > HEADER_SIZE:
        walk.octets("data", walk.integer("data_length"))


def _forward_request(walk: _Walk) -> None:
    code = walk.peek()
    walk.octet("method", "stored method" if code == STORED_METHOD_CODE else _text(METHOD_NAMES.get(code)))
    for name in ("protocol", "req_uri", "remote_addr", "remote_host", "server_name"):
        walk.string(name)
    walk.integer("server_port")
    walk.octet("is_ssl")
    _headers(walk, REQUEST_HEADER_NAMES)
    _attributes(walk)


def _headers(walk: _Walk, names: Mapping[int, bytes]) -> None:
    for _ in range(walk.integer("num_headers")):
        if walk.peek() == HEADER_CODE_BASE >> 8:
            word, _ = decode_integer(walk.packet, walk.offset)
            label = _text(names.get(word))
            walk.integer("header_name", label)
        else:
            label = _text(walk.string("header_name"))
        walk.string("header_value", label)


def _attributes(walk: _Walk) -> None:
    while True:
        code = walk.peek()
        if code == AttributeCode.ARE_DONE:
            walk.octet("request_terminator")
            return
        if code not in frozenset(AttributeCode):
            walk.octet("attribute_code", "unknown")
            return
        label = AttributeCode(code).name.lower()
        walk.octet("attribute_code", label)
        if code == AttributeCode.SSL_KEY_SIZE:
            walk.integer("attribute_value", label)
            continue
        if code == AttributeCode.REQ_ATTRIBUTE:
            label = _text(walk.string("attribute_name"))
        walk.string("attribute_value", label)


def _send_headers(walk: _Walk) -> None:
    walk.integer("status")
    walk.string("message")
    _headers(walk, RESPONSE_HEADER_NAMES)


def _send_body_chunk(walk: _Walk) -> None:
    walk.octets("data", walk.integer("data_length"))
    if walk.offset < len(walk.packet):
        walk.octet("terminator")


def _end_response(walk: _Walk) -> None:
    walk.octet("reuse")


def _get_body_chunk(walk: _Walk) -> None:
    walk.integer("wanted_length")


_READERS: Mapping[str, Callable[[_Walk], None]] = {
    ToContainer.FORWARD_REQUEST.name: _forward_request,
    ToWebServer.SEND_HEADERS.name: _send_headers,
    ToWebServer.SEND_BODY_CHUNK.name: _send_body_chunk,
    ToWebServer.END_RESPONSE.name: _end_response,
    ToWebServer.GET_BODY_CHUNK.name: _get_body_chunk,
}


def _text(octets: bytes | None) -> str:
    return "" if octets is None else octets.decode("latin-1")
