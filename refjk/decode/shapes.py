"""What the beginning of a packet looks like, for finding one where the count was lost."""

from __future__ import annotations

from refjk.ajp13.codes import (
    HEADER_SIZE,
    MAGIC_TO_CONTAINER,
    MAGIC_TO_WEB_SERVER,
    METHOD_NAMES,
    STORED_METHOD_CODE,
    ToContainer,
    ToWebServer,
)
from refjk.ajp13.forward_request import decode_forward_request
from refjk.base.errors import Malformed
from refjk.decode.events import Side

MAGICS = {Side.WEB_SERVER: MAGIC_TO_CONTAINER, Side.CONTAINER: MAGIC_TO_WEB_SERVER}
"""The magic with which the packets of each side begin."""

SHAPE_SIZE = 14
"""Octets from which a beginning can be judged."""

HEADER_COUNT_MAX = 0xFFFF
"""How many headers may be is a container's own affair; here all are read."""

_PROTOCOL = b"HTTP"


def has_shape_of_packet(octets: bytes, sender: Side) -> bool:
    """Whether these octets could be the first `SHAPE_SIZE` (or all there are) of a packet.

    Stricter than the protocol: it is asked only where chance could have written a magic.
    """
    if len(octets) < HEADER_SIZE or not octets.startswith(MAGICS[sender]):
        return False
    size = octets[2] << 8 | octets[3]
    payload = octets[HEADER_SIZE : HEADER_SIZE + size]
    if sender is Side.WEB_SERVER:
        return _to_container(size, payload)
    return _to_web_server(size, payload)


def _to_container(size: int, payload: bytes) -> bool:
    if size == 0 or payload == bytes((ToContainer.CPING,)):
        return True
    if len(payload) < 2:
        return False
    if payload[0] << 8 | payload[1] == size - 2:
        return True
    method_known = payload[1] in METHOD_NAMES or payload[1] == STORED_METHOD_CODE
    return (
        payload[0] == ToContainer.FORWARD_REQUEST
        and method_known
        and payload[2:4] == b"\0\x08"
        and payload[4:8] == _PROTOCOL
    )


def _to_web_server(size: int, payload: bytes) -> bool:
    if not payload:
        return False
    prefix = payload[0]
    number = int.from_bytes(payload[1:3], "big")
    if prefix == ToWebServer.SEND_BODY_CHUNK:
        return size >= 4 and number == size - 4
    if prefix == ToWebServer.SEND_HEADERS:
        message_size = int.from_bytes(payload[3:5], "big")
        fits = message_size == 0xFFFF or message_size + 8 <= size
        return size >= 7 and 100 <= number <= 999 and fits
    if prefix == ToWebServer.END_RESPONSE:
        return size == 2 and payload[1:] in (b"\0", b"\x01")
    if prefix == ToWebServer.GET_BODY_CHUNK:
        return size == 3
    return prefix == ToWebServer.CPONG and size == 1


def is_exact_body(octets: bytes, size: int) -> bool:
    """Whether a packet of `size` octets toward the container has exactly the form of a body packet.

    `octets` are its first ones; too few to tell count as no.
    """
    if size == HEADER_SIZE:
        return True
    inner = octets[HEADER_SIZE : HEADER_SIZE + 2]
    return len(inner) == 2 and int.from_bytes(inner, "big") == size - HEADER_SIZE - 2


def is_request(packet: bytes) -> bool:
    """Whether a whole packet decodes as FORWARD_REQUEST."""
    if packet[HEADER_SIZE : HEADER_SIZE + 1] != bytes((ToContainer.FORWARD_REQUEST,)):
        return False
    try:
        decode_forward_request(packet, strict=False, header_count_max=HEADER_COUNT_MAX)
    except Malformed:
        return False
    return True
