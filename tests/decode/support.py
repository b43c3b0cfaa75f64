"""Captures written by hand, octet by octet, and short ways to decode something.

Nothing here uses the writer or the readers under test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from refjk.decode import ClusterEvent, Event, Finding, Misfit, PacketSeen, Reader, Remark, Settings

WEB_SERVER = ("10.0.0.1", 40000)
CONTAINER = ("10.0.0.2", 8009)
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
ETHERNET, RAW, COOKED, COOKED_2, NULL, LOOP = 1, 101, 113, 276, 0, 108


def ip4(address: str) -> bytes:
    return bytes(int(part) for part in address.split("."))


def ipv4_packet(source: str, target: str, segment: bytes) -> bytes:
    size = 20 + len(segment)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, 7, 0, 64, 6, 0, ip4(source), ip4(target)) + segment


def ipv6_packet(source: str, target: str, segment: bytes, extensions: bytes = b"", kind: int = 6) -> bytes:
    """Mapped addresses, so that one notation serves both families."""
    ends = [b"\x20\x01" + bytes(10) + ip4(address) for address in (source, target)]
    return (
        struct.pack(">IHBB", 6 << 28, len(extensions) + len(segment), kind, 64)
        + b"".join(ends)
        + extensions
        + segment
    )


def ethernet(packet: bytes, kind: int = 0x0800, tags: bytes = b"") -> bytes:
    return bytes(12) + tags + struct.pack(">H", kind) + packet


@dataclass
class Talk:
    """One TCP connection as IPv4 packets in order; sequence numbers may begin near their end."""

    source: tuple[str, int] = WEB_SERVER
    target: tuple[str, int] = CONTAINER
    numbers: dict[str, int] = field(default_factory=lambda: {">": 1000, "<": 5000})
    packets: list[bytes] = field(default_factory=list)

    def segment(self, mark: str, flags: int, data: bytes = b"", sequence: int | None = None) -> bytes:
        """One TCP segment; `>` comes from the web server."""
        source, target = (self.source, self.target) if mark == ">" else (self.target, self.source)
        other = "<" if mark == ">" else ">"
        number = self.numbers[mark] if sequence is None else sequence
        acknowledged = self.numbers[other] if flags & ACK else 0
        head = struct.pack(">HHII", source[1], target[1], number % 2**32, acknowledged % 2**32)
        return head + struct.pack(">BBHHH", 5 << 4, flags, 1024, 0, 0) + data

    def packet(self, mark: str, flags: int, data: bytes = b"", sequence: int | None = None) -> bytes:
        ends = (self.source[0], self.target[0]) if mark == ">" else (self.target[0], self.source[0])
        return ipv4_packet(*ends, self.segment(mark, flags, data, sequence))

    def open(self) -> Talk:
        self.packets.append(self.packet(">", SYN))
        self.numbers[">"] += 1
        self.packets.append(self.packet("<", SYN | ACK))
        self.numbers["<"] += 1
        self.packets.append(self.packet(">", ACK))
        return self

    def say(self, mark: str, data: bytes, size: int = 1400) -> Talk:
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.packets.append(self.packet(mark, ACK, piece))
            self.numbers[mark] += len(piece)
        return self

    def lose(self, mark: str, data: bytes) -> Talk:
        """Said on the wire and not captured."""
        self.numbers[mark] += len(data)
        return self

    def end(self, mark: str, flags: int = FIN | ACK) -> Talk:
        self.packets.append(self.packet(mark, flags))
        self.numbers[mark] += 1
        return self


def pcap(
    frames: Iterable[bytes],
    link_type: int = RAW,
    order: str = "<",
    nanoseconds: bool = False,
    keep: int = 1 << 18,
) -> bytes:
    """A pcap file; frame n is at n + 1 seconds and 5 units."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, keep, link_type)]
    for number, frame in enumerate(frames, start=1):
        kept = frame[:keep]
        out.append(struct.pack(f"{order}IIII", number, 5, len(kept), len(frame)) + kept)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    size = 12 + len(body) + -len(body) % 4
    return (
        struct.pack(f"{order}II", kind, size) + body + bytes(-len(body) % 4) + struct.pack(f"{order}I", size)
    )


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = RAW, order: str = "<", options: bytes = b"", keep: int = 0) -> bytes:
    return block(1, struct.pack(f"{order}HHI", link_type, 0, keep) + options, order)


def enhanced(frame: bytes, time: int = 0, index: int = 0, order: str = "<", options: bytes = b"") -> bytes:
    head = struct.pack(f"{order}IIIII", index, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame + bytes(-len(frame) % 4) + options, order)


def simple(frame: bytes, order: str = "<") -> bytes:
    return block(3, struct.pack(f"{order}I", len(frame)) + frame, order)


def pcapng(frames: Iterable[bytes], link_type: int = RAW, order: str = "<") -> bytes:
    blocks = [
        enhanced(frame, number * 1_000_000 + 5, order=order) for number, frame in enumerate(frames, start=1)
    ]
    return section(order) + interface(link_type, order) + b"".join(blocks)


def read(data: bytes, *, step: int | None = None, port: int | None = None, **settings: object) -> list[Event]:
    """All events of an AJP13 recording, fed in one piece or in pieces of `step` octets."""
    reader = Reader(Settings(**settings), port)  # type: ignore[arg-type]
    events: list[Event | ClusterEvent] = []
    for start in range(0, len(data), step or len(data) or 1):
        events += reader.feed(data[start : start + (step or len(data))])
    events += reader.end()
    return ajp_of(events)


def ajp_of(events: Iterable[Event | ClusterEvent]) -> list[Event]:
    """All but what is of a cluster."""
    return [event for event in events if not isinstance(event, ClusterEvent)]


def kinds(events: Iterable[Event]) -> list[str]:
    """The packets, each with the mark of its sender; incomplete ones with how much is missing."""
    return [
        f"{'>' if event.sender.value == 'web server' else '<'} {event.kind}"
        + (f" -{event.missing}" if event.missing else "")
        for event in events
        if isinstance(event, PacketSeen)
    ]


def findings(events: Iterable[Event]) -> list[tuple[str, str, int]]:
    """Clause, side and offset of all that is wrong."""
    return [(found.clause, found.side.value, found.offset) for found in all_findings(events)]


def all_findings(events: Iterable[Event]) -> Iterator[Finding]:
    for event in events:
        if isinstance(event, PacketSeen):
            yield from event.findings
        elif isinstance(event, Misfit):
            yield event.finding


def remarks(events: Iterable[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Remark)]
