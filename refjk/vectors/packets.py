"""Packets in the words of the recordings, as refjk reads them, and how to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from refjk.ajp13.codec import (
    decode_integer,
    decode_request_body,
    decode_response_header_name,
    decode_string,
    decode_to_web_server,
)
from refjk.ajp13.codes import (
    HEADER_SIZE,
    MAGIC_TO_CONTAINER,
    MAGIC_TO_WEB_SERVER,
    AttributeCode,
    ToContainer,
)
from refjk.ajp13.forward_request import decode_forward_request
from refjk.ajp13.framing import PacketBuffer
from refjk.ajp13.messages import (
    EndResponse,
    ForwardRequest,
    GetBodyChunk,
    MessageToWebServer,
    SendBodyChunk,
    SendHeaders,
)
from refjk.base.errors import Malformed
from refjk.vectors.document import shorten
from refjk.vectors.result import Difference, Unlike

Fields = dict[str, object]

HEADER_COUNT_ANY = 0xFFFF  # whether there are too many is a container's judgement, not a reader's

_PLAIN_TO_CONTAINER = {
    ToContainer.SHUTDOWN: "SHUTDOWN",
    ToContainer.PING: "PING",
    ToContainer.CPING: "CPING",
}


def cut_one_packet(octets: bytes, to_container: bool, packet_size: int) -> None:
    """Nothing when the octets are exactly one packet of that direction, else `Malformed`."""
    buffer = PacketBuffer(MAGIC_TO_CONTAINER if to_container else MAGIC_TO_WEB_SERVER, packet_size)
    buffer.feed(octets)
    packet = buffer.next_packet()
    if packet is None or len(buffer):
        raise Malformed(
            "AJP-FRM-02",
            offset=2,
            expected="the payload length of one whole packet",
            actual=f"{octets[2:4].hex(' ')} in {len(octets)} octets",
        )


def describe_to_container(packet: bytes, body_due: bool) -> Fields:
    """The fields of a packet toward the container; `body_due`: a request runs, so it is a body packet."""
    size = len(packet) - HEADER_SIZE
    if body_due:
        if not size:
            return {"payload_length": 0, "type": "BODY_END"}
        data = decode_request_body(packet).data
        return {
            "payload_length": size,
            "type": "BODY",
            "data_length": len(data),
            "data": describe_data(data),
            "after_data": packet[HEADER_SIZE + 2 + len(data) :].hex(),
        }
    prefix = packet[HEADER_SIZE] if size else None
    if prefix == ToContainer.FORWARD_REQUEST:
        return _describe_request(packet)
    if prefix not in _PLAIN_TO_CONTAINER:
        raise Malformed("AJP-FRM-12", offset=HEADER_SIZE, expected="prefix code 2 or 10", actual=str(prefix))
    return {"payload_length": size, "prefix": prefix, "type": _PLAIN_TO_CONTAINER[ToContainer(prefix)]}


def describe_data(data: bytes) -> Fields:
    return {"length": len(data), "sha256": sha256(data).hexdigest(), "text": data.decode("latin-1")}


def _describe_request(packet: bytes) -> Fields:
    request = decode_forward_request(packet, header_count_max=HEADER_COUNT_ANY, keep_spelling=True)
    spelling = request.spelling
    assert spelling is not None
    return {
        "payload_length": len(packet) - HEADER_SIZE,
        "prefix": int(ToContainer.FORWARD_REQUEST),
        "type": "FORWARD_REQUEST",
        "method_code": spelling.method_code,
        "method": _text(request.method),
        "protocol": _text(request.protocol),
        "req_uri": _text(request.req_uri),
        "remote_addr": _text(request.remote_addr),
        "remote_host": _text(request.remote_host),
        "server_name": _text(request.server_name),
        "server_port": request.server_port,
        "is_ssl": request.is_ssl,
        "num_headers": len(request.headers),
        "headers": [
            {"code": _code(code), "name": _text(name), "value": _text(value)}
            for (name, value), code in zip(request.headers, spelling.header_codes, strict=True)
        ],
        "attributes": [_describe_attribute(*attribute) for attribute in request.attributes],
        "after_terminator": _after_terminator(packet, request).hex(),
    }


def _describe_attribute(code: int, name: bytes | None, value: bytes | int | None) -> Fields:
    fields: Fields = {"code": code, "kind": AttributeCode(code).name.lower()}
    if code == AttributeCode.REQ_ATTRIBUTE:
        fields["name"] = _text(name)
    fields["value"] = value if isinstance(value, int) else _text(value)
    return fields


def _after_terminator(packet: bytes, request: ForwardRequest) -> bytes:
    """What follows `FF`. Each field's size on the wire is known, so that their sum is where `FF` stands."""
    strings = [
        request.protocol,
        request.req_uri,
        request.remote_addr,
        request.remote_host,
        request.server_name,
    ]
    size = HEADER_SIZE + 2 + 2 + 1 + 2  # prefix and method, port, is_ssl, number of headers
    assert request.spelling is not None
    for (name, value), code in zip(request.headers, request.spelling.header_codes, strict=True):
        size += 2 if code is not None else _string_size(name)
        strings.append(value)
    for code, attribute_name, attribute_value in request.attributes:
        size += 1
        if code == AttributeCode.REQ_ATTRIBUTE:
            strings.append(attribute_name)
        if isinstance(attribute_value, int):
            size += 2
        else:
            strings.append(attribute_value)
    return packet[size + sum(map(_string_size, strings)) + 1 :]


def _string_size(value: bytes | None) -> int:
    return 2 if value is None else len(value) + 3


def describe_to_web_server(packet: bytes) -> tuple[Fields, MessageToWebServer]:
    """The fields of a packet toward the web server, and its message."""
    message = decode_to_web_server(packet)
    fields: Fields = {"payload_length": len(packet) - HEADER_SIZE, "prefix": packet[HEADER_SIZE]}
    if isinstance(message, SendHeaders):
        fields |= {
            "type": "SEND_HEADERS",
            "status": message.status,
            "message": _text(message.message),
            "num_headers": len(message.headers),
            "headers": [
                {"code": _code(code), "name": _text(name), "value": _text(value)}
                for (name, value), code in zip(message.headers, _response_codes(packet), strict=True)
            ],
        }
    elif isinstance(message, SendBodyChunk):
        fields |= {
            "type": "SEND_BODY_CHUNK",
            "data_length": len(message.data),
            "data": describe_data(message.data),
            "after_data": packet[HEADER_SIZE + 3 + len(message.data) :].hex(),
            "is_flush": not message.data,
        }
    elif isinstance(message, GetBodyChunk):
        fields |= {"type": "GET_BODY_CHUNK", "requested_length": message.size_max}
    elif isinstance(message, EndResponse):
        fields |= {"type": "END_RESPONSE", "reuse": packet[HEADER_SIZE + 1]}
    else:
        fields["type"] = "CPONG"
    return fields, message


def _response_codes(packet: bytes) -> list[int | None]:
    """Which header names of a SEND_HEADERS were sent as a code."""
    _, offset = decode_string(packet, HEADER_SIZE + 3)
    count, offset = decode_integer(packet, offset)
    codes = []
    for _ in range(count):
        _, code, offset = decode_response_header_name(packet, offset)
        _, offset = decode_string(packet, offset)
        codes.append(code)
    return codes


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _code(code: int | None) -> str | None:
    return None if code is None else f"0x{code:04X}"


def require_same(expected: object, actual: object, where: str) -> None:
    """Raises `Unlike` at the first place where two JSON values differ; `text` of data may be left out."""
    difference = _first_difference(expected, actual, where)
    if difference is not None:
        raise Unlike(difference.where, difference.expected, difference.actual)


def _first_difference(expected: object, actual: object, where: str) -> Difference | None:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        keys = [*expected, *(key for key in actual if key not in expected and key != "text")]
        pairs = [(f".{key}", expected.get(key, "(nothing)"), actual.get(key, "(nothing)")) for key in keys]
    elif (
        isinstance(expected, list | tuple)
        and isinstance(actual, list | tuple)
        and len(expected) == len(actual)
    ):
        pairs = [(f"[{number}]", *pair) for number, pair in enumerate(zip(expected, actual, strict=True))]
    elif type(expected) is type(actual) and expected == actual:
        return None
    else:
        return Difference(where, shorten(expected), shorten(actual))
    for step, one, other in pairs:
        difference = _first_difference(one, other, where + step)
        if difference is not None:
            return difference
    return None


def short_words(fields: Mapping[str, object]) -> str:
    """A packet toward the web server in two words."""
    kind = fields["type"]
    if kind == "SEND_HEADERS":
        return f"HEADERS {fields['status']}"
    if kind == "SEND_BODY_CHUNK":
        return "flush" if fields["is_flush"] else f"CHUNK {fields['data_length']}"
    if kind == "END_RESPONSE":
        return f"END reuse={fields['reuse']}"
    if kind == "GET_BODY_CHUNK":
        return f"GET_BODY {fields['requested_length']}"
    return str(kind)


def events_text(events: Sequence[object]) -> str:
    """Events for a complaint."""
    return shorten(", ".join(map(str, events)) or "nothing", 300)
