"""Which of the TCP connections in a capture are AJP13, and who is who on them."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator

from refjk.decode.conversation import Conversation, Settings
from refjk.decode.cutter import Cut, PacketCutter
from refjk.decode.events import Event, Remark, Side
from refjk.decode.link import Endpoint, Segment, endpoint_text
from refjk.decode.reassembly import Data, Delivery, Finished, Lost, TcpStream
from refjk.decode.shapes import MAGICS, SHAPE_SIZE, has_shape_of_packet

CONNECTIONS_MAX = 4096
HELD_SIZE_MAX = 64 << 20
SNIFFED_SIZE_MAX = 64 << 10
SNIFFED_MAX = 4096
"""How much of a connection, in octets and in pieces, is looked through for a packet."""

_Key = frozenset[Endpoint]


class Tracker:
    """Segments of any connections in, events out.

    With `port` every connection of that port is AJP13 and its container is there; without, the
    first octets tell. `numbers` gives each its number. Bounded: the connections that were silent longest
    are forgotten first.
    """

    def __init__(
        self, settings: Settings, port: int | None = None, numbers: Iterator[int] | None = None
    ) -> None:
        self._settings = settings
        self._port = port
        self._connections: OrderedDict[_Key, _Connection] = OrderedDict()
        self._held = 0
        self._numbers = numbers or itertools.count(1)
        self.ignored = 0  # TCP connections that are no AJP13

    def feed(self, segment: Segment, time_ns: int | None) -> Iterator[Event]:
        if segment.source == segment.target:
            return
        key = frozenset((segment.source, segment.target))
        connection = self._connections.get(key)
        begins = segment.syn and segment.acknowledged is None
        if connection is None or (begins and connection.isn != segment.sequence):
            if not begins and not segment.syn and not segment.data:
                return
            if connection is not None:
                yield from self._drop(key)
            connection = _Connection(self, segment)
            self._connections[key] = connection
        self._connections.move_to_end(key)
        before = len(connection)
        yield from connection.feed(segment, time_ns)
        self._held += len(connection) - before
        while len(self._connections) > CONNECTIONS_MAX or self._held > HELD_SIZE_MAX:
            yield from self._evict(time_ns)

    def end(self) -> Iterator[Event]:
        for key in list(self._connections):
            yield from self._drop(key)

    def conversation(self, source: Endpoint, target: Endpoint, from_start: bool) -> Conversation:
        """A new one, between a web server and a container."""
        return Conversation(
            next(self._numbers),
            self._settings,
            web_server=endpoint_text(source),
            container=endpoint_text(target),
            from_start=from_start,
            searching=not from_start,
        )

    def container_of(self, segment: Segment) -> Endpoint | None:
        """The end with the container's port, the listening one where both have it; None without `port`."""
        ends = (segment.target, segment.source)
        if segment.syn and segment.acknowledged is not None:
            ends = (segment.source, segment.target)
        return next((end for end in ends if end[1] == self._port), None)

    def wants(self, segment: Segment) -> bool:
        return self._port is None or self._port in (segment.source[1], segment.target[1])

    def _drop(self, key: _Key) -> Iterator[Event]:
        connection = self._connections.pop(key)
        self._held -= len(connection)
        yield from connection.end()

    def _evict(self, time_ns: int | None) -> Iterator[Event]:
        connection = self._connections[next(iter(self._connections))]
        number = connection.live_number
        yield from self._drop(next(iter(self._connections)))
        if number is not None:
            yield Remark(number, time_ns, "forgotten: more connections or octets than are kept at a time")


class _Connection:
    """One TCP connection: not known yet, ignored, AJP13, or over."""

    def __init__(self, tracker: Tracker, first: Segment) -> None:
        self._tracker = tracker
        self.isn = first.sequence if first.syn and first.acknowledged is None else None
        self._from_start = first.syn
        self._stream: TcpStream | None = TcpStream() if tracker.wants(first) else None
        if self._stream is None:
            tracker.ignored += 1
        self._ends = (first.source, first.target)
        self._container = tracker.container_of(first)
        self._conversation: Conversation | None = None
        self._sniffed: list[tuple[Delivery, int | None]] = []
        self._sniffed_size = 0
        self._finished: set[Endpoint] = set()

    def __len__(self) -> int:
        held = len(self._stream) if self._stream is not None else 0
        return held + self._sniffed_size + (0 if self._conversation is None else len(self._conversation))

    @property
    def live_number(self) -> int | None:
        """Its number while it is AJP13 and not over."""
        if self._conversation is None or self._stream is None:
            return None
        return self._conversation.number

    def feed(self, segment: Segment, time_ns: int | None) -> Iterator[Event]:
        if self._stream is not None:
            for delivery in self._stream.feed(segment):
                yield from self._take(delivery, time_ns)

    def end(self) -> Iterator[Event]:
        if self._stream is None:
            return
        for delivery in self._stream.flush():
            yield from self._take(delivery, None)
        if self._conversation is not None:
            yield from self._conversation.end_of_recording()
        elif self._sniffed_size:
            self._tracker.ignored += 1

    def _take(self, delivery: Delivery, time_ns: int | None) -> Iterator[Event]:
        if self._conversation is None:
            if self._stream is None:
                return
            self._sniff(delivery, time_ns)
            if self._conversation is None:
                return
            held, self._sniffed, self._sniffed_size = self._sniffed, [], 0
            for earlier, at in held:
                yield from self._tell(earlier, at)
            return
        yield from self._tell(delivery, time_ns)

    def _tell(self, delivery: Delivery, time_ns: int | None) -> Iterator[Event]:
        conversation = self._conversation
        assert conversation is not None
        side = Side.CONTAINER if delivery.source == self._container else Side.WEB_SERVER
        if isinstance(delivery, Data):
            yield from conversation.receive(side, delivery.octets, time_ns)
        elif isinstance(delivery, Lost):
            yield from conversation.gap(side, delivery.size, time_ns)
        elif delivery.source not in self._finished:
            self._finished.add(delivery.source)
            yield from conversation.ended(side, "reset" if delivery.reset else "closed", time_ns)
        if self._over(delivery):
            self._stream = None

    def _over(self, delivery: Delivery) -> bool:
        return isinstance(delivery, Finished) and (delivery.reset or len(self._finished) == 2)

    def _sniff(self, delivery: Delivery, time_ns: int | None) -> None:
        """Hold what comes until it is clear that this is AJP13, or that it is not."""
        self._sniffed.append((delivery, time_ns))
        if isinstance(delivery, Finished):
            if delivery.reset or self._from_start:
                self._ignore()
            return
        if self._container is None and isinstance(delivery, Data):
            self._sniffed_size += len(delivery.octets)
            sender = self._sender(delivery.source)
            if sender is not None:
                other = next(end for end in self._ends if end != delivery.source)
                self._container = other if sender is Side.WEB_SERVER else delivery.source
        if self._container is not None:
            web_server = next(end for end in self._ends if end != self._container)
            self._conversation = self._tracker.conversation(web_server, self._container, self._from_start)
        elif (
            self._sniffed_size > SNIFFED_SIZE_MAX
            or len(self._sniffed) > SNIFFED_MAX
            or self._is_other(delivery)
        ):
            self._ignore()

    def _sender(self, source: Endpoint) -> Side | None:
        """Whose packets the octets of this end look like, so far."""
        octets = b"".join(
            item.octets for item, _ in self._sniffed if isinstance(item, Data) and item.source == source
        )
        for side in Side:
            if self._from_start:
                if has_shape_of_packet(octets[:SHAPE_SIZE], side):
                    return side
            elif _holds_packet(octets, side):
                return side
        return None

    def _is_other(self, delivery: Delivery) -> bool:
        """Whether octets from the beginning of a connection cannot be the beginning of a packet."""
        if not self._from_start or not isinstance(delivery, Data):
            return False
        return self._sniffed_size >= SHAPE_SIZE or not any(
            magic.startswith(delivery.octets[:2]) for magic in MAGICS.values()
        )

    def _ignore(self) -> None:
        self._stream = None
        self._sniffed.clear()
        self._sniffed_size = 0
        self._tracker.ignored += 1


def _holds_packet(octets: bytes, side: Side) -> bool:
    pieces = list(PacketCutter(side, searching=True).feed(octets))
    return any(isinstance(piece, Cut) for piece in pieces)
