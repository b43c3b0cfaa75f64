"""One TCP connection between two simulated nodes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from refjk.simulation.cluster.journal import Undelivered

if TYPE_CHECKING:
    from refjk.simulation.cluster.network import Network

_PIECES_SIZE = 64  # octets from which on a write may arrive in pieces
_CUT_SHARE = 0.2  # of the writes arrive so


class Endpoint(Protocol):
    """Who holds one end of a stream."""

    def octets_arrived(self, stream: Stream, octets: bytes) -> None:
        """In order, cut anywhere."""

    def stream_ended(self, stream: Stream, *, reset: bool) -> None:
        """Once: the other side closed, or the stream is broken."""


class _Way:
    """The octets from one end to the other; None is the end of the stream."""

    def __init__(self, source: str, target: str) -> None:
        self.source = source
        self.target = target
        self.pending: deque[bytes | None] = deque()
        self.blocked = 0  # arrivals that a cut or a dead machine holds back

    def take_all(self) -> int:
        """Octets that were on their way and are no more."""
        octets = sum(len(item) for item in self.pending if item)
        self.pending.clear()
        self.blocked = 0
        return octets


class Stream:
    """Ordered octets both ways. What is written across a cut waits for it to heal, as TCP has it.

    `ends` has None for an end that was closed, or whose process is gone.
    """

    def __init__(self, network: Network, number: int, client: str, server: str) -> None:
        self._network = network
        self.number = number
        self.broken = False
        self._client = client
        self.ends: dict[str, Endpoint | None] = {client: None, server: None}
        self._ways = {client: _Way(client, server), server: _Way(server, client)}

    def write(self, source: str, octets: bytes) -> None:
        way = self._ways[source]
        if self.broken:
            self._undelivered(way, len(octets))
            return
        chance = self._network.random
        pieces = [octets]
        if len(octets) >= _PIECES_SIZE and chance.random() < _CUT_SHARE:
            at = chance.randint(1, len(octets) - 1)
            pieces = [octets[:at], octets[at:]]
        for piece in pieces:
            self._put(way, piece)

    def close(self, source: str) -> None:
        """What was written before still arrives."""
        if self.ends[source] is None:
            return
        self.ends[source] = None
        if not self.broken:
            self._put(self._ways[source], None)
        self._forget_if_unused()

    def vanish(self, node: str) -> None:
        """The machine at this end is gone."""
        self.ends[node] = None
        way = self._ways[node]
        self._undelivered(way, way.take_all())
        self._forget_if_unused()

    def left_unread(self, target: str, octets: int) -> None:
        """Octets that had arrived at this end, and that nobody will read."""
        source = next(name for name in self.ends if name != target)
        self._undelivered(self._ways[source], octets)

    def break_off(self) -> None:
        """Both ends learn of it, each when it does."""
        self._break()
        for node in self.ends:
            self.reset_later(node)

    def reset_later(self, node: str) -> None:
        """The end at this node is told that the stream is broken."""
        self._network.clock.after(self._network.segment_delay_ms(), self._reset, node)

    def resume(self) -> None:
        """What a cut or a dead machine held back tries again."""
        for way in self._ways.values():
            blocked, way.blocked = way.blocked, 0
            for _ in range(blocked):
                again_ms = self._network.random.randint(0, self._network.settings.retransmit_ms)
                self._network.clock.after(again_ms, self._arrive, way)

    def _put(self, way: _Way, item: bytes | None) -> None:
        way.pending.append(item)
        self._network.clock.after(self._network.segment_delay_ms(), self._arrive, way)

    def _arrive(self, way: _Way, number: int) -> None:
        """Whichever arrival is due first brings the first item, so delays never change the order."""
        if self.broken or not way.pending:
            return
        if (way.source, way.target) in self._network.cuts or not self._network.machines[way.target].up:
            way.blocked += 1
            return
        item = way.pending.popleft()
        end = self.ends[way.target]
        if end is None:
            if item is not None:
                self._undelivered(way, len(item) + way.take_all())
                self.reset_later(way.source)
        elif item is not None:
            end.octets_arrived(self, item)
        else:
            end.stream_ended(self, reset=False)
        self._forget_if_unused()

    def _reset(self, node: str, number: int) -> None:
        other = next(name for name in self.ends if name != node)
        if (other, node) in self._network.cuts:
            self._network.clock.after(self._network.settings.retransmit_ms + 1, self._reset, node)
            return
        self._break()
        end, self.ends[node] = self.ends[node], None
        if end is not None:
            end.stream_ended(self, reset=True)
        self._forget_if_unused()

    def _break(self) -> None:
        self.broken = True
        for way in self._ways.values():
            self._undelivered(way, way.take_all())

    def _undelivered(self, way: _Way, octets: int) -> None:
        if octets:
            now_ms, answers = self._network.clock.now_ms, way.source != self._client
            self._network.journal.note(
                Undelivered(now_ms, way.source, way.target, octets, self.number, answers)
            )

    def _forget_if_unused(self) -> None:
        """Octets of closed ends may still be under way."""
        if any(end is not None for end in self.ends.values()):
            return
        if self.broken or not any(way.pending for way in self._ways.values()):
            self._network.forget(self)
