"""FORWARD_REQUEST in octets, both ways. AJP-REQ-01

Decoding is on the path of every request, so the loops here spell out what `decode_string` does
instead of calling it for each string.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

from refjk.ajp13.codec import (
    bad_terminator,
    decode_integer,
    decode_string,
    encode_header_name,
    encode_integer,
    encode_string,
    string_too_long,
    too_short,
)
from refjk.ajp13.codes import (
    HEADER_CODE_BASE,
    HEADER_SIZE,
    MAGIC_TO_CONTAINER,
    METHOD_CODES,
    METHOD_NAMES,
    REQUEST_HEADER_CODES,
    REQUEST_HEADER_NAMES,
    STORED_METHOD_CODE,
    AttributeCode,
    ToContainer,
)
from refjk.ajp13.framing import frame
from refjk.ajp13.messages import Attribute, ForwardRequest, Header, Spelling
from refjk.base.errors import Malformed

HEADER_COUNT_MAX_DEFAULT = 100
KEPT_MAX = 512  # requests whose headers and attributes are kept, decoded, for the next that has the same
KEPT_SIZE_MAX = 2048  # octets of them
_KNOWN_VALUE_SIZE_MAX = 512

_NULL_SIZE = 0xFFFF
_NAME_OF_LOW_OCTET = {code & 0xFF: name for code, name in REQUEST_HEADER_NAMES.items()}
_CODE_OCTET = HEADER_CODE_BASE >> 8
# Plain numbers: in this module a look-up in the enumeration would cost as much as its use.
_REQ_ATTRIBUTE = int(AttributeCode.REQ_ATTRIBUTE)
_SSL_KEY_SIZE = int(AttributeCode.SSL_KEY_SIZE)
_STORED_METHOD = int(AttributeCode.STORED_METHOD)
_ARE_DONE = int(AttributeCode.ARE_DONE)
_STRING_ATTRIBUTES = frozenset(map(int, AttributeCode)) - {_REQ_ATTRIBUTE, _SSL_KEY_SIZE, _ARE_DONE}

# AJP-ATT-06
_ATTRIBUTE_ORDER: tuple[int, ...] = (12, 3, 4, 5, 6, 7, 8, 9, 11, 13, 10, 1, 2)


def decode_forward_request(
    packet: bytes,
    *,
    strict: bool = True,
    header_count_max: int = HEADER_COUNT_MAX_DEFAULT,
    keep_spelling: bool = False,
) -> ForwardRequest:
    """The request in a whole packet; octets after the terminator are ignored.

    Raises `Malformed` for whatever cannot be decoded; what a decodable request may not say is
    judged in `admission`.
    """
    try:
        method_code = packet[HEADER_SIZE + 1]
        strings, offset = _decode_strings(packet, HEADER_SIZE + 2, 5, strict)
        server_port = packet[offset] << 8 | packet[offset + 1]
        is_ssl = packet[offset + 2]
        count = packet[offset + 3] << 8 | packet[offset + 4]
        if count > header_count_max:
            raise Malformed(
                "AJP-HDR-08",
                offset=offset + 3,
                expected=f"at most {header_count_max} headers",
                actual=str(count),
            )
        headers_at = offset + 5
        rest = _decode_rest(packet, headers_at, count, strict)
    except IndexError:
        raise too_short(packet, "the rest of the request") from None
    protocol, req_uri, remote_addr, remote_host, server_name = strings
    if protocol is None or req_uri is None:
        raise Malformed(
            "AJP-REQ-03",
            offset=HEADER_SIZE + 2 if protocol is None else HEADER_SIZE + 5 + len(protocol),
            expected="a string",
            actual="the null string",
        )
    return ForwardRequest(
        _method_name(method_code, rest.stored_method, strict),
        protocol,
        req_uri,
        remote_addr,
        remote_host,
        server_name,
        server_port,
        is_ssl != 0,
        rest.headers,
        rest.attributes,
        Spelling(method_code, _header_codes(packet, headers_at, count), is_ssl) if keep_spelling else None,
        rest.derived,
    )


class _Rest(NamedTuple):
    """A request from its first header on."""

    headers: tuple[Header, ...]
    attributes: tuple[Attribute, ...]
    stored_method: bytes | None
    derived: dict[Hashable, Any]


def _decode_rest(packet: bytes, offset: int, count: int, strict: bool) -> _Rest:
    """Headers and attributes; may raise `IndexError`.

    A client repeats them in request after request, so what was decoded lately is kept. What is
    wrong is never kept, and is complained about with offsets in this packet.
    """
    octets = packet[offset:]
    if len(octets) <= KEPT_SIZE_MAX:
        try:
            return _decode_kept_rest(octets, count, strict)
        except (IndexError, Malformed):
            pass
    headers, offset = _decode_headers(packet, offset, count, strict)
    attributes, stored_method = _decode_attributes(packet, offset, strict)
    return _Rest(headers, attributes, stored_method, {})


@lru_cache(maxsize=KEPT_MAX)
def _decode_kept_rest(octets: bytes, count: int, strict: bool) -> _Rest:
    headers, offset = _decode_headers(octets, 0, count, strict)
    attributes, stored_method = _decode_attributes(octets, offset, strict)
    return _Rest(headers, attributes, stored_method, {})


def _decode_strings(packet: bytes, offset: int, count: int, strict: bool) -> tuple[list[bytes | None], int]:
    """`count` strings one after the other, as `decode_string` gives them; may raise `IndexError`."""
    strings: list[bytes | None] = []
    packet_end = len(packet)
    for _ in range(count):
        size = packet[offset] << 8 | packet[offset + 1]
        start = offset + 2
        if size == _NULL_SIZE:
            strings.append(None)
            offset = start
            continue
        end = start + size
        if end >= packet_end:
            raise string_too_long(offset, size, packet_end)
        if packet[end] and strict:
            raise bad_terminator(packet, end)
        strings.append(packet[start:end])
        offset = end + 1
    return strings, offset


def _decode_headers(packet: bytes, offset: int, count: int, strict: bool) -> tuple[tuple[Header, ...], int]:
    """`count` headers; a name of null or a value of null is refused here (AJP-HDR-11).

    A count higher than what is there runs into the packet's end or into the attributes; a lower
    one leaves headers to be read as attributes. Both are malformed. AJP-HDR-09
    """
    headers: list[Header] = []
    packet_end = len(packet)
    for _ in range(count):
        name: bytes | None
        if packet[offset] == _CODE_OCTET:
            name = _NAME_OF_LOW_OCTET.get(packet[offset + 1])
            if name is None:
                raise _unknown_name_code(packet, offset)
            offset += 2
        else:
            size = packet[offset] << 8 | packet[offset + 1]
            start = offset + 2
            end = start + size
            if end >= packet_end:
                if size == _NULL_SIZE:
                    raise Malformed("AJP-HDR-11", offset=offset, expected="a header name", actual="null")
                raise string_too_long(offset, size, packet_end)
            if packet[end] and strict:
                raise bad_terminator(packet, end)
            name = packet[start:end]
            offset = end + 1
        size = packet[offset] << 8 | packet[offset + 1]
        start = offset + 2
        end = start + size
        if end >= packet_end:
            if size == _NULL_SIZE:
                raise Malformed("AJP-HDR-11", offset=offset, expected="a header value", actual="null")
            raise string_too_long(offset, size, packet_end)
        if packet[end] and strict:
            raise bad_terminator(packet, end)
        headers.append((name, packet[start:end]))
        offset = end + 1
    return tuple(headers), offset


def _unknown_name_code(packet: bytes, offset: int) -> Malformed:
    """AJP-HDR-03"""
    return Malformed(
        "AJP-HDR-03",
        offset=offset,
        expected="a header code A001 to A00E",
        actual=packet[offset : offset + 2].hex().upper(),
    )


def _header_codes(packet: bytes, offset: int, count: int) -> tuple[int | None, ...]:
    """For each of `count` good headers its code, or None where the name is a string."""
    codes: list[int | None] = []
    for _ in range(count):
        word, after = decode_integer(packet, offset)
        is_code = word & 0xFF00 == HEADER_CODE_BASE
        codes.append(word if is_code else None)
        _, offset = decode_string(packet, after if is_code else after + word + 1, strict=False)
    return tuple(codes)


def _decode_attributes(
    packet: bytes, offset: int, strict: bool
) -> tuple[tuple[Attribute, ...], bytes | None]:
    """Attributes in any order, repeated or not, up to `FF`; and the stored method among them.

    AJP-ATT-01, AJP-ATT-02, AJP-ATT-03. An unknown code cannot be skipped, since its length is
    unknown: strict refuses, lenient ignores the code octet alone (AJP-ATT-04).
    """
    attributes: list[Attribute] = []
    stored_method: bytes | None = None
    packet_end = len(packet)
    while True:
        if offset >= packet_end:
            raise Malformed(
                "AJP-ATT-02", offset=offset, expected="an attribute or FF", actual="the packet's end"
            )
        code = packet[offset]
        if code == _REQ_ATTRIBUTE:
            name_at = offset + 1
            size = packet[name_at] << 8 | packet[offset + 2]
            start = offset + 3
            end = start + size
            if end >= packet_end:
                if size == _NULL_SIZE:
                    raise Malformed("AJP-ATT-07", offset=name_at, expected="an attribute name", actual="null")
                raise string_too_long(name_at, size, packet_end)
            if packet[end] and strict:
                raise bad_terminator(packet, end)
            name = packet[start:end]
            value, offset = decode_string(packet, end + 1, strict)
            attributes.append((code, name, value))
        elif code == _ARE_DONE:
            return tuple(attributes), stored_method
        elif code == _SSL_KEY_SIZE:
            attributes.append((code, None, packet[offset + 1] << 8 | packet[offset + 2]))
            offset += 3
        elif code in _STRING_ATTRIBUTES:
            (value,), offset = _decode_strings(packet, offset + 1, 1, strict)
            attributes.append((code, None, value))
            if code == _STORED_METHOD:
                stored_method = value
        elif strict:
            raise Malformed(
                "AJP-ATT-04", offset=offset, expected="an attribute code 1 to 13 or FF", actual=str(code)
            )
        else:
            offset += 1


def _method_name(method_code: int, stored_method: bytes | None, strict: bool) -> bytes:
    """The method's name; a stored method is taken from attribute 13.

    AJP-MTH-04, AJP-MTH-05. With another code than 255 attribute 13 is refused when strict and
    wins otherwise (AJP-MTH-06).
    """
    if method_code == STORED_METHOD_CODE:
        if stored_method is None:
            raise Malformed(
                "AJP-MTH-05",
                offset=HEADER_SIZE + 1,
                expected="attribute 13 with the method's name",
                actual="none",
            )
        return stored_method
    name = METHOD_NAMES.get(method_code)
    if name is None:
        raise Malformed(
            "AJP-MTH-04",
            offset=HEADER_SIZE + 1,
            expected="a method code 1 to 27 or 255",
            actual=str(method_code),
        )
    if stored_method is None:
        return name
    if strict:
        raise Malformed(
            "AJP-MTH-06",
            offset=HEADER_SIZE + 1,
            expected="method code 255 beside attribute 13",
            actual=str(method_code),
        )
    return stored_method


def encode_forward_request(request: ForwardRequest, packet_size: int) -> bytes:
    """The packet of a request.

    Codes are used where they exist, unless the request carries a spelling. A method without a
    code becomes code 255 with attribute 13 (AJP-MTH-02); where attribute 13 is there already, code
    255 stays with it. Attributes keep the order they have in the request; `order_attributes` gives
    the usual one. Raises `ValueError` when a field cannot be said or the packet would be longer
    than `packet_size` (AJP-REQ-05).
    """
    spelling = request.spelling
    attributes = request.attributes
    if spelling is None:
        method_code = METHOD_CODES.get(request.method, STORED_METHOD_CODE)
        if request.attribute(AttributeCode.STORED_METHOD) is not None:
            method_code = STORED_METHOD_CODE
        elif method_code == STORED_METHOD_CODE:
            attributes = order_attributes((*attributes, (AttributeCode.STORED_METHOD, None, request.method)))
    else:
        method_code = spelling.method_code
    parts = [
        bytes((ToContainer.FORWARD_REQUEST, method_code)),
        encode_string(request.protocol),
        encode_string(request.req_uri),
        encode_string(request.remote_addr),
        encode_string(request.remote_host),
        encode_string(request.server_name),
        encode_integer(request.server_port),
        bytes((int(request.is_ssl) if spelling is None else spelling.is_ssl_octet,)),
        encode_integer(len(request.headers)),
    ]
    if spelling is None:
        parts += [_encode_header(name, value) for name, value in request.headers]
    else:
        for code, (name, value) in zip(spelling.header_codes, request.headers, strict=True):
            parts.append(encode_string(name) if code is None else code.to_bytes(2, "big"))
            parts.append(encode_string(value))
    parts += [_encode_attribute(*attribute) for attribute in attributes]
    parts.append(b"\xff")
    payload = b"".join(parts)
    if len(payload) + HEADER_SIZE > packet_size:
        raise ValueError(
            f"the request needs a packet of {len(payload) + HEADER_SIZE} octets;"
            f" the packet size is {packet_size}"
        )
    return frame(MAGIC_TO_CONTAINER, payload)


def _encode_header(name: bytes, value: bytes) -> bytes:
    if len(value) > _KNOWN_VALUE_SIZE_MAX:
        return encode_header_name(name, REQUEST_HEADER_CODES) + encode_string(value)
    return _encode_known_header(name, value)


# Most headers of a client are the same with each of its requests.
@lru_cache(maxsize=1024)
def _encode_known_header(name: bytes, value: bytes) -> bytes:
    return encode_header_name(name, REQUEST_HEADER_CODES) + encode_string(value)


def _encode_attribute(code: int, name: bytes | None, value: bytes | int | None) -> bytes:
    if isinstance(value, int):
        return bytes((code,)) + encode_integer(value)
    if code == _REQ_ATTRIBUTE:
        return bytes((code,)) + encode_string(name) + encode_string(value)
    return bytes((code,)) + encode_string(value)


def order_attributes(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    """The attributes in the order in which web servers send them; equal codes keep theirs."""
    return tuple(sorted(attributes, key=lambda attribute: _ATTRIBUTE_ORDER.index(attribute[0])))
