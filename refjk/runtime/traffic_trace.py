"""The traffic of one AJP connection in the JkLogFile: each packet in words and in octets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

from refjk.decode import Conversation, Event, Misfit, PacketSeen, Remark, Settings, Side
from refjk.decode.describe import MASKED, Style, amount, is_secret, summary, undecoded
from refjk.decode.text import wrong_text
from refjk.runtime.jk_log import JkLog

# LOG-LVL-04
DUMP_SIZE_MAX = 1024
_ROW = 16
_STYLE = Style()
_MASK = "**"


class TrafficTrace:
    """A `Trace` for `Endpoint`, one for each connection, made when trace is on; `name` says which.

    Holds less than a packet of each direction. Secrets, passwords and cookies are masked, in words
    and in octets alike. LOG-LVL-05
    """

    def __init__(self, log: JkLog, name: str) -> None:
        self._log = log
        self._name = name
        self._conversation = Conversation(1, Settings())

    def __call__(self, direction: Literal["sent", "received"], data: bytes) -> None:
        side = Side.WEB_SERVER if direction == "sent" else Side.CONTAINER
        for event in self._conversation.receive(side, data, time.time_ns()):
            self._tell(event)

    def close(self) -> None:
        """The connection is over: tells of a packet that did not become whole."""
        for event in self._conversation.end_of_recording():
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if isinstance(event, PacketSeen):
            for line in packet_lines(event):
                self._log.trace(f"{self._name}: {line}")
        elif isinstance(event, Misfit):
            self._log.trace(f"{self._name}: wrong: {wrong_text(event.finding, (), _STYLE)}")
        elif isinstance(event, Remark):
            self._log.trace(f"{self._name}: {event.text}")


def packet_lines(packet: PacketSeen) -> Iterator[str]:
    """The packet in words, what is wrong with it, and its octets."""
    verb = "sent" if packet.sender is Side.WEB_SERVER else "received"
    about = summary(packet, _STYLE)
    yield f"{verb} {packet.kind}, {amount(packet.size, 'octet')}{f': {about}' if about else ''}"
    for finding in packet.findings:
        yield f"wrong: {wrong_text(finding, packet.fields, _STYLE)}"
    yield from _dump(packet.octets[:DUMP_SIZE_MAX], _hidden(packet))
    if len(packet.octets) > DUMP_SIZE_MAX:
        yield f"{amount(len(packet.octets) - DUMP_SIZE_MAX, 'octet')} more"


def _hidden(packet: PacketSeen) -> frozenset[int]:
    """Offsets of octets that are masked: values of secrets, and what no field covers."""
    offset, rest = undecoded(packet)
    hidden = set(range(offset, offset + len(rest)))
    for field in packet.fields:
        if is_secret(field):
            hidden.update(range(field.offset, field.offset + field.size))
    return frozenset(hidden)


def _dump(octets: bytes, hidden: frozenset[int]) -> Iterator[str]:
    for start in range(0, len(octets), _ROW):
        row = range(start, min(start + _ROW, len(octets)))
        pairs = [_MASK if at in hidden else f"{octets[at]:02x}" for at in row]
        signs = [_sign(octets[at]) if at not in hidden else MASKED[0] for at in row]
        yield f"{start:04x}    {' '.join(pairs):<47}  - {''.join(signs)}"


def _sign(octet: int) -> str:
    return chr(octet) if 0x20 < octet < 0x7F else "."
