"""The receiving side of a simulated node: connections, and the threads that serve them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from refjk.channel import Envelope, ReceivingConnection
from refjk.simulation.cluster.streams import Stream
from refjk.simulation.cluster.surroundings import Life, Surroundings

# What a node does with a message of a stream; whether it was handled.
Handler = Callable[[Envelope, Stream], bool]


class Accepted:
    """One connection; `octets_arrived` and `stream_ended` make it the endpoint of its stream."""

    def __init__(self, receiver: Receiver, stream: Stream, core: ReceivingConnection) -> None:
        self._receiver = receiver
        self.stream = stream
        self.core = core
        self.unread = bytearray()
        self.ended = False
        self.broken = False
        self.queued = False

    def octets_arrived(self, stream: Stream, octets: bytes) -> None:
        self.unread += octets
        self._receiver.ready(self)

    def stream_ended(self, stream: Stream, *, reset: bool) -> None:
        self.ended = True
        if reset:
            self.broken = True
            stream.left_unread(self._receiver.node, len(self.unread))
            self.unread.clear()
        self._receiver.ready(self)


class Receiver:
    """Serves as many connections at once as it has threads, each message taking `handling_ms`."""

    def __init__(self, about: Surroundings, life: Life, node: str, handler: Handler) -> None:
        self._about = about
        self._life = life
        self.node = node
        self._handler = handler
        self._free = about.settings.threads
        self._ready: deque[Accepted] = deque()
        self.handling_ms = 0

    def accept(self, stream: Stream) -> Accepted:
        return Accepted(self, stream, self._about.cores.receiving(self._about.cores.channel_dialect))

    def ready(self, accepted: Accepted) -> None:
        """It has something to read; a connection is served by one thread at a time."""
        if self._life.running and not accepted.queued:
            accepted.queued = True
            self._ready.append(accepted)
            self._serve()

    def _serve(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            accepted = self._ready.popleft()
            octets = bytes(accepted.unread)
            accepted.unread.clear()
            self._handle(accepted, deque(accepted.core.receive(octets)))

    def _handle(self, accepted: Accepted, messages: deque[Envelope]) -> None:
        """The rest of the messages that were read together, then their answers."""
        while messages:
            if self.handling_ms:
                self._about.clock.after(self.handling_ms, self._handled_late, (accepted, messages))
                return
            self._hand(accepted, messages.popleft())
        self._end_round(accepted)

    def _handled_late(self, round_: tuple[Accepted, deque[Envelope]], number: int) -> None:
        accepted, messages = round_
        if not self._life.running:
            return
        self._hand(accepted, messages.popleft())
        self._handle(accepted, messages)

    def _hand(self, accepted: Accepted, envelope: Envelope) -> None:
        accepted.core.processed(envelope, handled=self._handler(envelope, accepted.stream))

    def _end_round(self, accepted: Accepted) -> None:
        answers = accepted.core.answers_to_send()
        if answers and not accepted.broken:
            accepted.stream.write(self.node, answers)
            accepted.core.answers_sent(len(answers))
        self._free += 1
        accepted.queued = False
        if accepted.unread and accepted.core.failure is None:
            self.ready(accepted)
            return
        if accepted.ended or accepted.core.failure is not None:
            accepted.stream.close(self.node)
        self._serve()
