"""Decoded traffic as a sequence diagram in text: two lifelines, an arrow for each packet."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.decode.describe import Style, summary
from refjk.decode.events import Ended, Event, Misfit, Opened, PacketSeen, Side
from refjk.decode.text import ended_text, opened_text, wrong_text

WIDTH = 64  # characters between the lifelines


class DiagramForm:
    """Turns events into lines. Connections share the page; each line names its own."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, Opened):
            yield from ("", opened_text(event))
            yield f"{'':6}{'web server':<{WIDTH - 4}}{'container':>12}"
        elif isinstance(event, PacketSeen):
            yield self._row(event.connection, self._arrow(event))
            for finding in event.findings:
                yield from self._note(event.connection, f"! {wrong_text(finding, event.fields, self._style)}")
        elif isinstance(event, Misfit):
            yield from self._note(event.connection, f"! {wrong_text(event.finding, (), self._style)}")
        elif isinstance(event, Ended):
            bar = f" {ended_text(event)} "
            yield self._row(event.connection, f"{bar:═^{WIDTH}}")
        else:
            yield from self._note(event.connection, f"({event.text})")

    def _arrow(self, packet: PacketSeen) -> str:
        about = summary(packet, self._style)
        text = f"{packet.kind} {about}".rstrip()
        room = WIDTH - 10
        if len(text) > room:
            text = f"{text[: room - 1]}…"
        if packet.sender is Side.WEB_SERVER:
            return f" ── {text} ".ljust(WIDTH - 2, "─") + "▶ "
        return " ◀" + f" {text} ── ".rjust(WIDTH - 2, "─")

    def _row(self, connection: int, text: str) -> str:
        return f"{f'#{connection}':<5}│{text:<{WIDTH}}│"

    def _note(self, connection: int | None, text: str) -> Iterator[str]:
        """Text between the lifelines, on as many lines as it takes."""
        if connection is None:
            yield text
            return
        room = WIDTH - 4
        for start in range(0, len(text), room):
            yield self._row(connection, f"  {text[start : start + room]}")
