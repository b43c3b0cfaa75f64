"""The octets of a TCP connection in order, both directions in step with each other.

Segments are held while one that came before them is missing, also those of the other direction,
so that an answer is never told before its question. What stays missing becomes a `Lost`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from refjk.decode.link import Endpoint, Segment

WAITING_MAX = 1024  # segments
WAITING_SIZE_MAX = 1 << 20
PATIENCE = 16  # segments to wait for one that the other end has acknowledged already

_MODULUS = 1 << 32
_HALF = 1 << 31


@dataclass(frozen=True, slots=True)
class Data:
    source: Endpoint
    octets: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """`size` octets were not captured."""

    source: Endpoint
    size: int


@dataclass(frozen=True, slots=True)
class Finished:
    """This end sent its last octet, or gave the connection up."""

    source: Endpoint
    reset: bool


Delivery = Data | Lost | Finished


class TcpStream:
    """One connection. Holds at most `WAITING_MAX` segments and about `WAITING_SIZE_MAX` octets."""

    def __init__(self) -> None:
        self._next: dict[Endpoint, int] = {}
        self._waiting: deque[Segment] = deque()
        self._size = 0
        self._acknowledged: dict[Endpoint, int] = {}  # how far the other end has it, by sender
        self._waited = 0  # segments since the front began to wait

    def __len__(self) -> int:
        return self._size

    def feed(self, segment: Segment) -> Iterator[Delivery]:
        if segment.acknowledged is not None:
            self._acknowledged[segment.target] = segment.acknowledged
            # The first segment seen may be an answer: it tells where the other direction stands.
            self._next.setdefault(segment.target, segment.acknowledged)
        if segment.syn:
            self._next.setdefault(segment.source, (segment.sequence + 1) % _MODULUS)
            return
        self._next.setdefault(segment.source, segment.sequence)
        if segment.reset:
            yield from self.flush()
            yield Finished(segment.source, True)
            return
        if segment.data or segment.missing or segment.fin:
            self._waiting.append(segment)
            self._size += len(segment.data)
        yield from self._deliver()
        if self._waiting:
            self._waited += 1
            while self._waiting and self._given_up():
                yield self._lose()
                yield from self._deliver()

    def flush(self) -> Iterator[Delivery]:
        """Nothing more comes: whatever is missing is lost."""
        yield from self._deliver()
        while self._waiting:
            yield self._lose()
            yield from self._deliver()

    def _given_up(self) -> bool:
        if len(self._waiting) > WAITING_MAX or self._size > WAITING_SIZE_MAX:
            return True
        source = self._waiting[0].source
        acknowledged = self._acknowledged.get(source, self._next[source])
        return self._waited > PATIENCE and _distance(self._next[source], acknowledged) > 0

    def _lose(self) -> Lost:
        """Give up what is missing before the earliest waiting segment of the blocked direction."""
        source = self._waiting[0].source
        here = self._next[source]
        size = min(_distance(here, item.sequence) for item in self._waiting if item.source == source)
        self._next[source] = (here + size) % _MODULUS
        self._waited = 0
        return Lost(source, size)

    def _deliver(self) -> Iterator[Delivery]:
        """Whatever is in order; of segments that wait, only the blocked direction's may overtake."""
        index = 0
        while index < len(self._waiting):
            segment = self._waiting[index]
            blocked = self._waiting[0].source
            if segment.source == blocked and self._in_order(segment):
                del self._waiting[index]
                self._size -= len(segment.data)
                self._waited = 0
                yield from self._take(segment)
                index = 0
            else:
                index += 1

    def _in_order(self, segment: Segment) -> bool:
        return _distance(self._next[segment.source], segment.sequence) <= 0

    def _take(self, segment: Segment) -> Iterator[Delivery]:
        old = max(0, -_distance(self._next[segment.source], segment.sequence))
        fresh = segment.data[old:]
        missing = max(0, segment.missing - max(0, old - len(segment.data)))
        if fresh:
            yield Data(segment.source, fresh)
        if missing:
            yield Lost(segment.source, missing)
        self._next[segment.source] = (self._next[segment.source] + len(fresh) + missing) % _MODULUS
        if segment.fin:
            yield Finished(segment.source, False)


def _distance(start: int, end: int) -> int:
    """How far `end` is ahead of `start`, in numbers that wrap around; negative when behind."""
    return (end - start + _HALF) % _MODULUS - _HALF
