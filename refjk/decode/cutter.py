"""Packets out of one direction's octets, also when some are missing or make no sense.

Unlike the buffers of the two ends it goes on after a mistake: it looks for the next octets that
begin a packet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refjk.ajp13.codes import HEADER_SIZE
from refjk.decode.events import Side
from refjk.decode.shapes import MAGICS, SHAPE_SIZE, has_shape_of_packet


@dataclass(frozen=True, slots=True)
class Cut:
    """One packet. `missing` of its `size` octets were not seen; `octets` ends before the first of them."""

    sender: Side
    octets: bytes
    size: int
    missing: int


@dataclass(frozen=True, slots=True)
class NoPacket:
    """Here a packet should begin and does not; the first octets of what is there."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """So many octets were passed over until something looked like a packet again."""

    size: int


Piece = Cut | NoPacket | Skipped


class PacketCutter:
    """Holds less than one packet and what was fed last.

    `senders` are the sides whose packets may come; both where a recording does not tell them
    apart. `searching` begins with looking for a packet instead of expecting one.
    """

    def __init__(self, *senders: Side, searching: bool = False) -> None:
        self._senders = senders
        self._searching = searching
        self._octets = bytearray()
        self._hole: int | None = None  # offset of the first missing octet of the packet at the front
        self._missing = 0
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._octets)

    @property
    def in_packet(self) -> bool:
        """Whether a packet has begun and not ended."""
        return bool(self._octets) and not self._searching

    def feed(self, data: bytes) -> Iterator[Piece]:
        self._octets += data
        return self._cut(at_end=False)

    def gap(self, size: int) -> Iterator[Piece]:
        """`size` octets are missing here. A packet whose end is beyond the gap keeps the count."""
        if self._announced() - len(self._octets) >= size and not self._searching:
            if self._hole is None:
                self._hole = len(self._octets)
            self._missing += size
            self._octets += bytes(size)
            yield from self._cut(at_end=False)
            return
        if self._searching:
            self._skip(len(self._octets))
        else:
            yield from self._cut_partial()
            self._searching = True

    def end(self) -> Iterator[Piece]:
        """No more octets come."""
        yield from self._cut(at_end=True)
        if self._searching:
            self._skip(len(self._octets))
            yield from self._found()
        else:
            yield from self._cut_partial()

    def _cut(self, at_end: bool) -> Iterator[Piece]:
        while self._octets:
            if self._searching:
                if not self._search(at_end):
                    return
                yield from self._found()
            sender = self._sender()
            if sender is None:
                if self._may_become() is not None:
                    return
                yield NoPacket(bytes(self._octets[:HEADER_SIZE]))
                self._searching = True
                self._skip(1)
                continue
            size = self._announced()
            if len(self._octets) < HEADER_SIZE or len(self._octets) < size:
                return
            yield self._take(sender, size)

    def _take(self, sender: Side, size: int) -> Cut:
        octets = bytes(self._octets[: size if self._hole is None else self._hole])
        cut = Cut(sender, octets, size, self._missing)
        del self._octets[:size]
        self._hole = None
        self._missing = 0
        return cut

    def _cut_partial(self) -> Iterator[Piece]:
        """What there is of a packet whose end does not come."""
        sender = self._sender() or self._may_become()
        if sender is not None and self._octets:
            size = max(self._announced(), HEADER_SIZE)
            self._missing += size - len(self._octets)
            yield self._take(sender, size)
        self._octets.clear()

    def _announced(self) -> int:
        """Size of the packet at the front as far as its header tells, else 0."""
        if len(self._octets) < HEADER_SIZE:
            return 0
        return HEADER_SIZE + (self._octets[2] << 8 | self._octets[3])

    def _sender(self) -> Side | None:
        return next((side for side in self._senders if self._octets.startswith(MAGICS[side])), None)

    def _may_become(self) -> Side | None:
        """Whose magic this is, as far as half a magic tells."""
        return next((side for side in self._senders if MAGICS[side].startswith(self._octets)), None)

    def _search(self, at_end: bool) -> bool:
        """Drop octets until a packet begins at the front; False when more octets are needed."""
        octets = self._octets
        start = 0
        while True:
            found = [at for side in self._senders if (at := octets.find(MAGICS[side], start)) >= 0]
            if not found:
                self._skip(len(octets) if at_end else max(0, len(octets) - 1))
                return False
            start = min(found)
            beginning = bytes(octets[start : start + SHAPE_SIZE])
            if len(beginning) < SHAPE_SIZE and not at_end and len(beginning) < _size_of(beginning):
                self._skip(start)
                return False
            if any(has_shape_of_packet(beginning, side) for side in self._senders):
                self._skip(start)
                return True
            start += 1

    def _skip(self, size: int) -> None:
        self._skipped += size
        del self._octets[:size]

    def _found(self) -> Iterator[Piece]:
        self._searching = False
        if self._skipped:
            yield Skipped(self._skipped)
        self._skipped = 0


def _size_of(beginning: bytes) -> int:
    if len(beginning) < HEADER_SIZE:
        return HEADER_SIZE
    return HEADER_SIZE + (beginning[2] << 8 | beginning[3])
