"""How the small AJP13 messages look in octets, and the primitives that all of them share.

FORWARD_REQUEST has a module of its own (`forward_request`). Decoders take one whole packet,
header included, so that offsets in complaints count from the packet's first octet; that the
header is right is `framing`'s business. Encoders give a whole packet.

`strict=False` tolerates what released products are known to send or to overlook; each place
says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from refjk.ajp13.codes import (
    HEADER_CODE_BASE,
    HEADER_SIZE,
    MAGIC_TO_CONTAINER,
    MAGIC_TO_WEB_SERVER,
    NULL_STRING,
    RESPONSE_HEADER_CODES,
    RESPONSE_HEADER_NAMES,
    STRING_SIZE_MAX,
    ToWebServer,
)
from refjk.ajp13.framing import frame
from refjk.ajp13.messages import (
    CPong,
    EndResponse,
    GetBodyChunk,
    Header,
    MessageToWebServer,
    RequestBody,
    SendBodyChunk,
    SendHeaders,
)
from refjk.base.errors import Malformed

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Finds octets that no header value or reason phrase may have; a tab is none of them.
has_control = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
FORBIDDEN_IN_VALUE = re.compile(rb"[\r\n\0]")

CPING_PACKET = frame(MAGIC_TO_CONTAINER, b"\x0a")
CPONG_PACKET = frame(MAGIC_TO_WEB_SERVER, b"\x09")
FLUSH_PACKET = frame(MAGIC_TO_WEB_SERVER, b"\x03\x00\x00\x00")
BODY_END_EMPTY_PACKET = frame(MAGIC_TO_CONTAINER, b"")
BODY_END_ZERO_LENGTH = frame(MAGIC_TO_CONTAINER, b"\x00\x00")
END_RESPONSE_REUSE = frame(MAGIC_TO_WEB_SERVER, b"\x05\x01")
END_RESPONSE_CLOSE = frame(MAGIC_TO_WEB_SERVER, b"\x05\x00")


def encode_string(value: bytes | None) -> bytes:
    """Length, octets, a zero octet; the null string is two octets only.

    AJP-STR-02, AJP-STR-03, AJP-STR-05, AJP-STR-06, AJP-STR-08
    """
    if value is None:
        return NULL_STRING
    if len(value) > STRING_SIZE_MAX:
        raise ValueError(f"a string of {len(value)} octets; AJP13 carries at most {STRING_SIZE_MAX}")
    return len(value).to_bytes(2, "big") + value + b"\0"


def decode_string(packet: bytes, offset: int, strict: bool = True) -> tuple[bytes | None, int]:
    """The string at `offset` (None for the null string) and the offset of whatever follows.

    The length is held against the packet's own end (AJP-STR-07). The final zero is demanded
    when strict and skipped unseen otherwise (AJP-STR-04). Octets are opaque (AJP-STR-09).
    """
    try:
        size = packet[offset] << 8 | packet[offset + 1]
    except IndexError:
        raise too_short(packet, "two octets of a string's length") from None
    start = offset + 2
    if size == 0xFFFF:
        return None, start
    end = start + size
    if end >= len(packet):
        raise string_too_long(offset, size, len(packet))
    if packet[end] and strict:
        raise bad_terminator(packet, end)
    return packet[start:end], end + 1


def bad_terminator(packet: bytes, offset: int) -> Malformed:
    """The complaint about a string that does not end with a zero octet."""
    return Malformed("AJP-STR-04", offset=offset, expected="00", actual=f"{packet[offset]:02x}")


def string_too_long(offset: int, size: int, packet_end: int) -> Malformed:
    """The complaint about a string that leads beyond the packet."""
    return Malformed(
        "AJP-STR-07",
        offset=offset,
        expected=f"a string that ends within the packet's {packet_end} octets",
        actual=f"length {size}",
    )


def decode_integer(packet: bytes, offset: int) -> tuple[int, int]:
    """An unsigned 16-bit number, big-endian, and the offset of whatever follows."""
    if offset + 2 > len(packet):
        raise too_short(packet, "two octets of an integer")
    return packet[offset] << 8 | packet[offset + 1], offset + 2


def encode_integer(value: int) -> bytes:
    """Two octets, big-endian; `ValueError` for what does not fit them."""
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"{value} does not fit two octets")
    return value.to_bytes(2, "big")


def decode_octet(packet: bytes, offset: int) -> tuple[int, int]:
    """One octet (a boolean is true for any but zero, AJP-STR-01), and the offset of what follows."""
    if offset >= len(packet):
        raise too_short(packet, "one more octet")
    return packet[offset], offset + 1


def too_short(packet: bytes, expected: str) -> Malformed:
    """The complaint about a packet that ends before its last field. AJP-FRM-15"""
    return Malformed("AJP-FRM-15", offset=len(packet), expected=expected, actual="the packet's end")


def encode_header_name(name: bytes, codes: Mapping[bytes, int]) -> bytes:
    """The code where there is one for this name in any case, else the name as a string."""
    code = codes.get(name.lower())
    if code is not None:
        return code.to_bytes(2, "big")
    if len(name) & 0xFF00 == HEADER_CODE_BASE:
        raise ValueError(f"a header name of {len(name)} octets would be read as a header code")
    return encode_string(name)


def decode_request_body(packet: bytes) -> RequestBody:
    """A body packet; both end markers give an empty body.

    A payload of length 0 and an inner length of 0 both mark the end (AJP-BOD-05). Octets after
    the inner length are ignored, too few are an error (AJP-BOD-09).
    """
    if len(packet) == HEADER_SIZE:
        return RequestBody(b"")
    if len(packet) == HEADER_SIZE + 1:
        raise Malformed("AJP-BOD-09", offset=HEADER_SIZE, expected="two octets of length", actual="one")
    size, start = decode_integer(packet, HEADER_SIZE)
    end = start + size
    if end > len(packet):
        raise Malformed(
            "AJP-BOD-09",
            offset=HEADER_SIZE,
            expected=f"an inner length of at most {len(packet) - start}",
            actual=str(size),
        )
    return RequestBody(packet[start:end])


def encode_request_body(data: bytes) -> bytes:
    """A body packet; of no octets, the end marker with an inner length of 0."""
    return frame(MAGIC_TO_CONTAINER, len(data).to_bytes(2, "big") + data)


@lru_cache(maxsize=1024)
def _encode_response_header_name(name: bytes) -> bytes:
    if not TOKEN.fullmatch(name):
        raise ValueError(f"not a header name: {name!r}")
    if name.lower() == b"transfer-encoding":
        raise ValueError("Transfer-Encoding has no place in AJP13")
    return encode_header_name(name, RESPONSE_HEADER_CODES)


def encode_send_headers(status: int, message: bytes | None, headers: Sequence[Header]) -> bytes:
    """SEND_HEADERS as a container may say it.

    Names that have a code are coded whatever their case (AJP-RSP-08). Raises `ValueError` for a
    name that is none, for control octets in the message or a value (AJP-RSP-12), and for
    Transfer-Encoding (AJP-RSP-15).
    """
    if message and has_control(message):
        raise ValueError(f"control octet in the reason phrase {message!r}")
    parts = [b"\x04", encode_integer(status), encode_string(message), encode_integer(len(headers))]
    for name, value in headers:
        if has_control(value):
            raise ValueError(f"control octet in the value of {name!r}: {value!r}")
        size = len(value)
        if size > STRING_SIZE_MAX:
            raise ValueError(f"a header value of {size} octets")
        parts += (_encode_response_header_name(name), size.to_bytes(2, "big"), value, b"\0")
    payload = b"".join(parts)
    if len(payload) > 0xFFFF:
        raise ValueError(f"response headers of {len(payload)} octets fit no packet")
    return frame(MAGIC_TO_WEB_SERVER, payload)


def decode_send_headers(packet: bytes, strict: bool = True) -> SendHeaders:
    """SEND_HEADERS; unknown header codes, null names and null values are errors.

    AJP-RSP-09, AJP-RSP-10, AJP-RSP-18
    """
    status, offset = decode_integer(packet, HEADER_SIZE + 1)
    message, offset = decode_string(packet, offset, strict)
    count, offset = decode_integer(packet, offset)
    headers = []
    for _ in range(count):
        start = offset
        name, _, offset = decode_response_header_name(packet, offset, strict)
        if name is None or not TOKEN.fullmatch(name):
            raise Malformed("AJP-RSP-18", offset=start, expected="a header name", actual=repr(name))
        start = offset
        value, offset = decode_string(packet, offset, strict)
        if value is None or FORBIDDEN_IN_VALUE.search(value):
            raise Malformed(
                "AJP-RSP-18", offset=start, expected="a header value without CR, LF, NUL", actual=repr(value)
            )
        headers.append((name, value))
    return SendHeaders(status, message, tuple(headers))


def decode_response_header_name(
    packet: bytes, offset: int, strict: bool = True
) -> tuple[bytes | None, int | None, int]:
    """A header's name, its code (None when it was sent as a string), and the offset after it.

    Two octets `A0 xx` are a code, anything else is a string's length. AJP-HDR-04
    """
    word, after = decode_integer(packet, offset)
    if word & 0xFF00 != HEADER_CODE_BASE:
        name, after = decode_string(packet, offset, strict)
        return name, None, after
    known = RESPONSE_HEADER_NAMES.get(word)
    if known is None:
        raise Malformed(
            "AJP-RSP-09", offset=offset, expected="a header code A001 to A00B", actual=f"{word:04X}"
        )
    return known, word, after


def encode_send_body_chunk(data: bytes | memoryview) -> bytes:
    """SEND_BODY_CHUNK with its extra final zero; of no octets, a flush. AJP-RSP-02, AJP-FLU-01"""
    size = len(data)
    return b"".join(
        (MAGIC_TO_WEB_SERVER, (size + 4).to_bytes(2, "big"), b"\x03", size.to_bytes(2, "big"), data, b"\0")
    )


def decode_send_body_chunk(packet: bytes, strict: bool = True) -> SendBodyChunk:
    """SEND_BODY_CHUNK. Strict: the payload is exactly four octets longer than the data.

    Lenient: the data fits the payload. What the final octet is does not matter. AJP-RSP-03
    """
    size, start = decode_integer(packet, HEADER_SIZE + 1)
    end = start + size
    if (len(packet) != end + 1) if strict else (len(packet) < end):
        raise Malformed(
            "AJP-RSP-03",
            offset=HEADER_SIZE + 1,
            expected=f"{size} octets of data and one final octet",
            actual=f"{len(packet) - start} octets",
        )
    return SendBodyChunk(packet[start:end])


def encode_get_body_chunk(size_max: int) -> bytes:
    """GET_BODY_CHUNK for at most `size_max` octets."""
    return frame(MAGIC_TO_WEB_SERVER, b"\x06" + size_max.to_bytes(2, "big"))


def decode_to_web_server(packet: bytes, strict: bool = True) -> MessageToWebServer:
    """Any packet toward the web server; octets after the last field are ignored. AJP-FRM-11

    A payload of length 0 (AJP-FRM-15) and an unknown prefix code (AJP-FRM-14) are errors.
    """
    prefix, offset = decode_octet(packet, HEADER_SIZE)
    if prefix == ToWebServer.SEND_BODY_CHUNK:
        return decode_send_body_chunk(packet, strict)
    if prefix == ToWebServer.SEND_HEADERS:
        return decode_send_headers(packet, strict)
    if prefix == ToWebServer.END_RESPONSE:
        reuse, _ = decode_octet(packet, offset)
        return EndResponse(reuse != 0)
    if prefix == ToWebServer.GET_BODY_CHUNK:
        size_max, _ = decode_integer(packet, offset)
        return GetBodyChunk(size_max)
    if prefix == ToWebServer.CPONG:
        return CPong()
    raise Malformed(
        "AJP-FRM-14",
        offset=HEADER_SIZE,
        expected="prefix code 3, 4, 5, 6 or 9",
        actual=str(prefix),
    )
