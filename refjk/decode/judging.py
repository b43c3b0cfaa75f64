"""What is wrong with one packet by itself, whatever the phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from refjk.ajp13.admission import ContainerPolicy, Refusal, admit
from refjk.ajp13.codec import decode_to_web_server, has_control
from refjk.ajp13.codes import HEADER_SIZE, ToContainer
from refjk.ajp13.fields import Field, packet_fields
from refjk.ajp13.forward_request import decode_forward_request
from refjk.ajp13.messages import (
    CPing,
    ForwardRequest,
    Header,
    MessageToContainer,
    MessageToWebServer,
    Ping,
    SendHeaders,
    Shutdown,
)
from refjk.base.errors import Malformed
from refjk.decode.events import Finding, Side
from refjk.decode.shapes import HEADER_COUNT_MAX

_ORDERS: dict[int, Callable[[], MessageToContainer]] = {
    ToContainer.CPING: CPing,
    ToContainer.PING: Ping,
    ToContainer.SHUTDOWN: Shutdown,
}
_Message = TypeVar("_Message")


def judge_to_container(packet: bytes, strict: bool) -> tuple[MessageToContainer | None, list[Finding]]:
    """A typed packet of the web server: the message, None where there is none, and what is wrong with it."""
    prefix = packet[HEADER_SIZE] if len(packet) > HEADER_SIZE else None
    if prefix == ToContainer.FORWARD_REQUEST:
        return _request(packet, strict)
    if prefix is None:
        found = Finding(Side.WEB_SERVER, "AJP-FRM-10", 2, "a prefix code", "an empty packet")
        return None, [found]
    order = _ORDERS.get(prefix)
    message = order() if order is not None else None
    if prefix == ToContainer.CPING:
        return message, []
    clause = "AJP-FRM-13" if prefix == ToContainer.SHUTDOWN else "AJP-FRM-12"
    return message, [Finding(Side.WEB_SERVER, clause, HEADER_SIZE, "prefix code 2 or 10", str(prefix))]


def judge_to_web_server(packet: bytes, strict: bool) -> tuple[MessageToWebServer | None, list[Finding]]:
    """The same for a packet of the container."""
    message, findings = _leniently_too(
        lambda strictly: decode_to_web_server(packet, strictly), strict, Side.CONTAINER
    )
    if isinstance(message, SendHeaders):
        findings += _response_head(message, packet, strict)
    return message, findings


def announced_length(headers: Iterable[Header]) -> int | None:
    """The number in the first content-length; None where there is none or it is no number."""
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value) if value.isdigit() and len(value) <= 19 else None
    return None


def _request(packet: bytes, strict: bool) -> tuple[ForwardRequest | None, list[Finding]]:
    message, findings = _leniently_too(
        lambda strictly: decode_forward_request(
            packet, strict=strictly, header_count_max=HEADER_COUNT_MAX, keep_spelling=True
        ),
        strict,
        Side.WEB_SERVER,
    )
    if message is not None:
        try:
            admit(message, ContainerPolicy(strict=strict))
        except Refusal as refusal:
            findings.append(Finding.of(Side.WEB_SERVER, refusal.within(packet)))
    return message, findings


def _leniently_too(
    decode: Callable[[bool], _Message], strict: bool, sender: Side
) -> tuple[_Message | None, list[Finding]]:
    """What strict decoding refuses is complained about and read leniently all the same."""
    try:
        return decode(strict), []
    except Malformed as complaint:
        findings = [Finding.of(sender, complaint)]
    try:
        return decode(False), findings
    except Malformed:
        return None, findings


def _response_head(message: SendHeaders, packet: bytes, strict: bool) -> list[Finding]:
    fields = packet_fields(packet)
    findings: list[Finding] = []

    def find(clause: str, offset: int, expected: str, actual: str) -> None:
        findings.append(Finding(Side.CONTAINER, clause, offset, expected, actual))

    if not 200 <= message.status <= 999:
        find("AJP-RSP-05", 5, "a status of 200 to 999", str(message.status))
    if message.message is None:
        find("AJP-RSP-06", 7, "a reason phrase", "null")
    elif has_control(message.message):
        find("AJP-RSP-12", 7, "no control octet", repr(message.message))
    for field in fields:
        if field.name == "header_value" and isinstance(field.value, bytes) and has_control(field.value):
            find("AJP-RSP-12", field.offset, "no control octet", repr(field.value))
    encodings = _offsets(fields, "transfer-encoding")
    if encodings and strict:
        find("AJP-RSP-16", encodings[0], "no Transfer-Encoding", "one")
    lengths = _offsets(fields, "content-length")
    if len(lengths) > 1:
        find("AJP-RSP-17", lengths[1], "one Content-Length", "two")
    elif lengths and announced_length(message.headers) is None:
        find("AJP-RSP-17", lengths[0], "a Content-Length in digits", "another one")
    return findings


def _offsets(fields: tuple[Field, ...], header: str) -> list[int]:
    return [
        field.offset for field in fields if field.name == "header_value" and field.label.lower() == header
    ]
