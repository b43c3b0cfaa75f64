"""Decoded traffic as lines for people: a line for each packet, its fields when asked for, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.ajp13.fields import Field
from refjk.decode.describe import (
    MASKED,
    Style,
    finding_text,
    is_secret,
    summary,
    time_of_day,
    undecoded,
    value_text,
)
from refjk.decode.events import Ended, Event, Finding, Misfit, Opened, PacketSeen, Side

OCTETS_SHOWN = 16  # of one field, at the first level of detail
ARROWS = {Side.WEB_SERVER: "→", Side.CONTAINER: "←"}
_COLOURS = {"wrong": "31", "remark": "33", "head": "1", Side.WEB_SERVER: "36", Side.CONTAINER: "32"}


class TextForm:
    """Turns events into lines; `colour` adds escape sequences for a terminal."""

    def __init__(self, style: Style, *, colour: bool = False) -> None:
        self._style = style
        self._colour = colour

    def lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, PacketSeen):
            yield from self._packet(event)
        elif isinstance(event, Misfit):
            yield self._line(event.time_ns, event.connection, self._wrong(event.finding, ()))
        elif isinstance(event, Opened):
            yield self._paint("head", opened_text(event))
        elif isinstance(event, Ended):
            yield self._line(event.time_ns, event.connection, ended_text(event))
        else:
            yield self._line(event.time_ns, event.connection, self._paint("remark", event.text))

    def _packet(self, packet: PacketSeen) -> Iterator[str]:
        head = f"{ARROWS[packet.sender]} {packet.kind:<15}"
        about = summary(packet, self._style)
        text = f"{self._paint(packet.sender, head)} {packet.size:>5}  {about}".rstrip()
        yield self._line(packet.time_ns, packet.connection, text)
        if self._style.detail:
            for field in packet.fields:
                yield self._field(packet, field)
            offset, rest = undecoded(packet)
            if rest:
                octets = self._octets(rest) if self._style.show_secrets else MASKED
                yield f"    {offset:>6} {len(rest):>5}  {'not decoded':<18} {octets}"
        for finding in packet.findings:
            yield f"    {self._wrong(finding, packet.fields)}"

    def _field(self, packet: PacketSeen, field: Field) -> str:
        hidden = is_secret(field) and not self._style.show_secrets
        octets = packet.octets[field.offset : field.offset + field.size]
        shown = "" if hidden else f"  [{self._octets(octets)}]"
        name = field.name
        return f"    {field.offset:>6} {field.size:>5}  {name:<18} {value_text(field, self._style)}{shown}"

    def _octets(self, octets: bytes) -> str:
        if self._style.detail > 1 or len(octets) <= OCTETS_SHOWN:
            return octets.hex(" ")
        return f"{octets[:OCTETS_SHOWN].hex(' ')} … {len(octets) - OCTETS_SHOWN} more"

    def _wrong(self, finding: Finding, fields: tuple[Field, ...]) -> str:
        return self._paint("wrong", f"wrong: {wrong_text(finding, fields, self._style)}")

    def _line(self, time_ns: int | None, connection: int | None, text: str) -> str:
        at = time_of_day(time_ns)
        return " ".join(part for part in (at, "" if connection is None else f"#{connection}", text) if part)

    def _paint(self, what: str | Side, text: str) -> str:
        return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if self._colour else text


def opened_text(event: Opened) -> str:
    """Who speaks with whom on a connection."""
    if not event.web_server and not event.container:
        return f"connection #{event.connection}"
    return f"connection #{event.connection}: web server {event.web_server} → container {event.container}"


def ended_text(event: Ended) -> str:
    """Who ended a connection, and in the middle of what."""
    return f"{event.how} by {event.side.value}" + (f", {event.note}" if event.note else "")


def wrong_text(finding: Finding, fields: tuple[Field, ...], style: Style) -> str:
    """Clause, octet, side, and what stood there instead of what."""
    expected, actual = finding_text(finding, fields, style)
    return (
        f"{finding.clause} at octet {finding.offset}, {finding.side.value}: expected {expected}, got {actual}"
    )
