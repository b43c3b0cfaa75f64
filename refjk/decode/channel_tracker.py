"""Which of the TCP connections in a capture are the channel's, and who is who on them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from refjk.channel.answers import ACKNOWLEDGEMENT
from refjk.channel.frames import START
from refjk.decode.channel_conversation import RECEIVER, SENDER, ChannelConversation, Told
from refjk.decode.events import Remark
from refjk.decode.link import Endpoint, Segment, endpoint_text
from refjk.decode.reassembly import Data, Delivery, Finished, Lost, TcpStream
from refjk.decode.tracker import CONNECTIONS_MAX, HELD_SIZE_MAX
from refjk.decode.wires import is_channel


class ChannelTracker:
    """Segments of any connections in, events of the channel's out.

    With `port` every connection to that port is one; without, the first octets tell. `numbers` gives each
    its number. Bounded: the connections that were silent longest are forgotten first.
    """

    def __init__(self, numbers: Iterator[int], port: int | None = None) -> None:
        self._numbers = numbers
        self._port = port
        self._connections: OrderedDict[frozenset[Endpoint], _Connection] = OrderedDict()
        self._held = 0

    def takes(self, segment: Segment) -> bool:
        """Whether the segment is of the channel, as far as is known; `feed` it in either case."""
        connection = self._connections.get(frozenset((segment.source, segment.target)))
        if connection is not None and connection.is_channel is not None and not segment.syn:
            return connection.is_channel
        return self._is_of_port(segment) if self._port is not None else _looks_like(segment)

    def feed(self, segment: Segment, time_ns: int | None) -> Iterator[Told]:
        key = frozenset((segment.source, segment.target))
        if len(key) < 2:
            return
        begins = segment.syn and segment.acknowledged is None
        if begins and key in self._connections and self._connections[key].isn != segment.sequence:
            yield from self._drop(key)
        connection = self._connections.get(key)
        if connection is None:
            if not segment.syn and not segment.data:
                return
            connection = self._connections[key] = _Connection(segment)
        self._connections.move_to_end(key)
        before = len(connection)
        if connection.is_channel is None and (segment.data or self._port is not None):
            connection.is_channel = self.takes(segment)
            if connection.is_channel:
                connection.begin(segment, next(self._numbers), self._port)
        yield from connection.feed(segment, time_ns)
        self._held += len(connection) - before
        while len(self._connections) > CONNECTIONS_MAX or self._held > HELD_SIZE_MAX:
            oldest = next(iter(self._connections))
            number = self._connections[oldest].number
            yield from self._drop(oldest)
            if number is not None:
                text = "forgotten: more connections or octets than are kept at a time"
                yield Remark(number, time_ns, text)

    def end(self) -> Iterator[Told]:
        for key in list(self._connections):
            yield from self._drop(key)

    def _drop(self, key: frozenset[Endpoint]) -> Iterator[Told]:
        connection = self._connections.pop(key)
        self._held -= len(connection)
        yield from connection.end()

    def _is_of_port(self, segment: Segment) -> bool:
        return self._port in (segment.source[1], segment.target[1])


def _looks_like(segment: Segment) -> bool:
    return is_channel(segment.data) or START in segment.data


class _Connection:
    """One TCP connection: not known yet (`is_channel` None), another's, or the channel's."""

    def __init__(self, first: Segment) -> None:
        self.is_channel: bool | None = None
        self.isn = first.sequence if first.syn and first.acknowledged is None else None
        self._from_start = first.syn
        self._stream = TcpStream()
        self._ends = (first.source, first.target)
        self._client: Endpoint | None = None
        if first.syn:
            self._client = first.source if first.acknowledged is None else first.target
        self._receiver: Endpoint | None = None
        self._conversation: ChannelConversation | None = None
        self._finished: set[Endpoint] = set()

    def __len__(self) -> int:
        return len(self._stream) + (0 if self._conversation is None else len(self._conversation))

    @property
    def number(self) -> int | None:
        return None if self._conversation is None else self._conversation.number

    def begin(self, segment: Segment, number: int, port: int | None) -> None:
        """It is one: the end that was connected to, that has the port, or that answers, receives."""
        sender = self._client
        if sender is None and port is not None:
            sender = segment.target if segment.source[1] == port else segment.source
        if sender is None:
            answers = segment.data[:1] == ACKNOWLEDGEMENT[:1]
            sender = segment.target if answers else segment.source
        receiver = self._ends[1] if sender == self._ends[0] else self._ends[0]
        self._receiver = receiver
        self._conversation = ChannelConversation(
            number,
            sender=endpoint_text(sender),
            receiver=endpoint_text(receiver),
            searching=not self._from_start,
        )

    def feed(self, segment: Segment, time_ns: int | None) -> Iterator[Told]:
        if self.is_channel is False:
            return
        for delivery in self._stream.feed(segment):
            yield from self._tell(delivery, time_ns)

    def end(self) -> Iterator[Told]:
        if self._conversation is None:
            return
        for delivery in self._stream.flush():
            yield from self._tell(delivery, None)
        yield from self._conversation.end_of_recording()

    def _tell(self, delivery: Delivery, time_ns: int | None) -> Iterator[Told]:
        if self._conversation is None:
            return
        who = RECEIVER if delivery.source == self._receiver else SENDER
        if isinstance(delivery, Data):
            yield from self._conversation.receive(who, delivery.octets, time_ns)
        elif isinstance(delivery, Lost):
            yield from self._conversation.gap(who, delivery.size, time_ns)
        elif isinstance(delivery, Finished) and delivery.source not in self._finished:
            self._finished.add(delivery.source)
            yield from self._conversation.ended(who, "reset" if delivery.reset else "closed", time_ns)
