"""One connection: octets of both directions in, events out.

Whoever reads a recording (hex text, a capture, a relay) feeds this; it holds less than a packet
of each direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from refjk.ajp13.codes import HEADER_SIZE
from refjk.ajp13.fields import packet_fields, packet_kind
from refjk.decode.cutter import Cut, NoPacket, PacketCutter, Piece
from refjk.decode.events import Ended, Event, Finding, Misfit, Opened, PacketSeen, Remark, Side
from refjk.decode.observer import Observer
from refjk.decode.shapes import MAGICS


@dataclass(frozen=True, slots=True)
class Settings:
    """`packet_size` None judges no size; `strict` as in the specification."""

    packet_size: int | None = None
    strict: bool = True


class Conversation:
    """`from_start`: the recording holds the connection's beginning.

    `searching`: what comes first may be the middle of a packet. `complete`: nothing is missing
    because of how it was recorded, so that a packet which ends too early is the sender's mistake.
    """

    def __init__(
        self,
        number: int,
        settings: Settings,
        *,
        web_server: str = "",
        container: str = "",
        from_start: bool = True,
        searching: bool = False,
        complete: bool = False,
    ) -> None:
        self.number = number
        self._complete = complete
        self._names = (web_server, container)
        self._observer = Observer(settings.packet_size, strict=settings.strict, from_start=from_start)
        self._searching = searching
        self._opened = False
        self._half_closed = False
        self._cutters = {side: PacketCutter(side, searching=searching) for side in Side}
        self._any = PacketCutter(*Side)

    def __len__(self) -> int:
        """Octets that are held."""
        return len(self._any) + sum(len(cutter) for cutter in self._cutters.values())

    def receive(self, sender: Side, data: bytes, time_ns: int | None) -> Iterator[Event]:
        yield from self._events(sender, self._cutters[sender].feed(data), time_ns)

    def receive_any(self, data: bytes, time_ns: int | None) -> Iterator[Event]:
        """Octets of either side; they change only between packets."""
        yield from self._events(None, self._any.feed(data), time_ns)

    def gap(self, sender: Side, size: int, time_ns: int | None, why: str = "") -> Iterator[Event]:
        """`size` octets of a side were not recorded."""
        yield from self._open(time_ns)
        text = f"{size} octets of the {sender.value} are missing"
        yield Remark(self.number, time_ns, f"{text} ({why})" if why else text)
        yield from self._events(sender, self._cutters[sender].gap(size), time_ns)
        if not self._cutters[sender].in_packet:
            self._observer.lose_count()

    def ended(self, side: Side, how: str, time_ns: int | None) -> Iterator[Event]:
        """A side ended the connection."""
        yield from self._open(time_ns)
        inside = self._cutters[side].in_packet
        yield from self._events(side, self._cutters[side].end(), time_ns)
        note = "in the middle of a packet" if inside else ""
        if not note and self._observer.in_cycle and not self._half_closed:
            note = "in the middle of a cycle"
        self._half_closed = True
        yield Ended(self.number, time_ns, side, how, note)

    def end_of_recording(self) -> Iterator[Event]:
        """What is left when nothing more will be recorded."""
        for side, cutter in self._cutters.items():
            yield from self._events(side, cutter.end(), None)
        yield from self._events(None, self._any.end(), None)

    def _open(self, time_ns: int | None) -> Iterator[Event]:
        if not self._opened:
            self._opened = True
            yield Opened(self.number, time_ns, *self._names)
            if self._searching:
                yield Remark(self.number, time_ns, "seen from its middle on")

    def _events(self, sender: Side | None, pieces: Iterable[Piece], time_ns: int | None) -> Iterator[Event]:
        for piece in pieces:
            yield from self._open(time_ns)
            if isinstance(piece, Cut):
                yield self._packet(piece, time_ns)
            elif isinstance(piece, NoPacket):
                self._observer.lose_count()
                yield self._misfit(sender, piece, time_ns)
            else:
                text = f"{piece.size} octets passed over until the next packet"
                yield Remark(
                    self.number, time_ns, text if sender is None else f"{text} of the {sender.value}"
                )

    def _packet(self, cut: Cut, time_ns: int | None) -> PacketSeen:
        whole = (self.number, time_ns, cut.sender)
        if not cut.missing:
            seen = self._observer.receive(cut.sender, cut.octets)
            return PacketSeen(
                *whole, seen.kind, cut.octets, cut.size, 0, seen.message, seen.fields, seen.findings
            )
        is_body = self._observer.receive_incomplete(cut.sender, cut.octets, cut.size)
        findings: tuple[Finding, ...] = ()
        if self._complete:
            size = cut.size - HEADER_SIZE
            actual = str(max(0, len(cut.octets) - HEADER_SIZE))
            findings = (Finding(cut.sender, "AJP-FRM-02", 2, f"{size} octets of payload", actual),)
        kind = packet_kind(cut.octets, is_body) if len(cut.octets) > HEADER_SIZE else "INCOMPLETE"
        return PacketSeen(
            *whole,
            kind,
            cut.octets,
            cut.size,
            cut.missing,
            None,
            packet_fields(cut.octets, is_body),
            findings,
        )

    def _misfit(self, sender: Side | None, piece: NoPacket, time_ns: int | None) -> Event:
        actual = piece.octets[:2].hex(" ")
        if sender is None:
            return Remark(self.number, time_ns, f"no packet begins with {actual}")
        return Misfit(
            self.number,
            time_ns,
            Finding(sender, "AJP-FRM-04", 0, MAGICS[sender].hex(" "), actual),
        )
