"""A recorded exchange, read and checked against its own description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from refjk.ajp13.admission import ContainerPolicy
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import ForwardRequest, MessageToWebServer
from refjk.base.errors import InputError, Malformed
from refjk.vectors.document import Node
from refjk.vectors.packets import (
    HEADER_COUNT_ANY,
    cut_one_packet,
    describe_to_container,
    describe_to_web_server,
    require_same,
)
from refjk.vectors.result import Unlike
from refjk.vectors.setup import container_packet_size, container_policy, web_server_packet_size

_CLOSERS = {"close_by_server": True, "close_by_container": False}


@dataclass(frozen=True, slots=True)
class Close:
    """One end closed its side of the connection."""

    number: int
    by_web_server: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded packet. `entry` is its recorded description, found right.

    `request` is there for FORWARD_REQUEST, `message` for whatever goes to the web server.
    """

    number: int
    to_container: bool
    packet: bytes
    entry: Mapping[str, Any]
    request: ForwardRequest | None = None
    message: MessageToWebServer | None = None

    @property
    def type(self) -> str:
        return str(self.entry["type"])

    @property
    def where(self) -> str:
        return f"frames[{self.number}] ({self.type})"

    @property
    def body(self) -> bytes:
        """The octets of a body packet."""
        size: int = self.entry.get("data_length", 0)
        return self.packet[6 : 6 + size]


Step = Frame | Close


@dataclass(slots=True)
class Cycle:
    """One FORWARD_REQUEST and what followed it on its connection."""

    request: ForwardRequest
    status: int | None = None
    request_body: bytearray = field(default_factory=bytearray)
    body: bytearray = field(default_factory=bytearray)
    reuse: bool | None = None  # None: END_RESPONSE never came

    @property
    def container_gave_up(self) -> bool:
        """Whether the recorded container ended the cycle otherwise than in peace."""
        return not self.reuse

    @property
    def container_refused(self) -> bool:
        return self.reuse is False and self.status is not None and self.status >= 400


@dataclass(frozen=True, slots=True)
class Recording:
    policy: ContainerPolicy
    container_packet_size: int
    web_server_packet_size: int
    connections: dict[int, list[Step]]
    cycles: dict[int, Cycle]  # by the number of the FORWARD_REQUEST's frame


def read_recording(document: Node) -> Recording:
    """Raises `InputError` for another shape, `Unlike` where `decoded` is not what refjk reads."""
    setup = document["setup"]
    container, web_server = setup["container"], setup["web_server"]
    recording = Recording(
        container_policy(container),
        container_packet_size(container),
        web_server_packet_size(web_server),
        {},
        {},
    )
    frames, decoded = document["frames"].items(), document["decoded"].items()
    if len(frames) != len(decoded):
        raise InputError(f"decoded: expected as many entries as frames, {len(frames)}, got {len(decoded)}")
    running: dict[int, Cycle] = {}
    for number, (frame, entry) in enumerate(zip(frames, decoded, strict=True)):
        connection = frame["conn"].number()
        steps = recording.connections.setdefault(connection, [])
        if frame.get("event") is not None:
            steps.append(_read_close(number, frame, entry))
            continue
        step = _read_frame(number, frame, entry, connection in running, recording)
        steps.append(step)
        _count(step, connection, running, recording.cycles)
    return recording


def _read_close(number: int, frame: Node, entry: Node) -> Close:
    event = frame["event"].text()
    if event not in _CLOSERS:
        raise InputError(f"{frame.place}.event: expected one of {', '.join(_CLOSERS)}, got {event!r}")
    require_same({"event": event}, entry.table(), entry.place)
    return Close(number, _CLOSERS[event])


def _read_frame(number: int, frame: Node, entry: Node, body_due: bool, recording: Recording) -> Frame:
    direction = frame["dir"].text()
    if direction not in ("to_container", "to_server"):
        raise InputError(f"{frame.place}.dir: expected to_container or to_server, got {direction!r}")
    to_container = direction == "to_container"
    packet = frame["hex"].octets()
    fields = entry.table()
    size = recording.web_server_packet_size if to_container else recording.container_packet_size
    request = message = None
    try:
        cut_one_packet(packet, to_container, size)
        if to_container:
            described = describe_to_container(packet, body_due)
        else:
            described, message = describe_to_web_server(packet)
    except Malformed as complaint:
        raise Unlike(
            f"{frame.place}.hex, octet {complaint.offset} ({complaint.clause})",
            complaint.expected,
            complaint.actual,
        ) from None
    require_same(fields, described, entry.place)
    if described["type"] == "FORWARD_REQUEST":
        request = decode_forward_request(packet, header_count_max=HEADER_COUNT_ANY, keep_spelling=True)
        _require_written_back(packet, request, described["after_terminator"] == "", frame.place)
    return Frame(number, to_container, packet, fields, request, message)


def _require_written_back(packet: bytes, request: ForwardRequest, whole: bool, place: str) -> None:
    written = encode_forward_request(request, len(packet))
    if not (packet == written if whole else packet[4:].startswith(written[4:])):
        raise Unlike(f"{place}.hex, written back", packet.hex(), written.hex())
    if request.spelling is not None and request.spelling.is_ssl_octet > 1:
        raise Unlike(f"{place}.hex, is_ssl (AJP-STR-01)", "00 or 01", f"{request.spelling.is_ssl_octet:02x}")


def _count(frame: Frame, connection: int, running: dict[int, Cycle], cycles: dict[int, Cycle]) -> None:
    if frame.request is not None:
        running[connection] = cycles[frame.number] = Cycle(frame.request)
        return
    cycle = running.get(connection)
    if cycle is None:
        return
    if frame.to_container:
        cycle.request_body += frame.body
    elif frame.type == "SEND_HEADERS":
        cycle.status = frame.entry["status"]
    elif frame.type == "SEND_BODY_CHUNK":
        cycle.body += frame.packet[7 : 7 + frame.entry["data_length"]]
    elif frame.type == "END_RESPONSE":
        cycle.reuse = bool(frame.entry["reuse"])
        del running[connection]
