"""The network between simulated nodes: datagrams to all, streams between two, and their faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from refjk.simulation.cluster.clock import Clock
from refjk.simulation.cluster.journal import DatagramLost, Heard, Journal, Opened
from refjk.simulation.cluster.settings import ClusterSettings
from refjk.simulation.cluster.streams import Endpoint, Stream

_SYN_AGAIN_MS = 1000


class Machine(Protocol):
    """What the network knows of a node."""

    up: bool  # the machine

    @property
    def running(self) -> bool:
        """The process on it."""

    def datagram_arrived(self, octets: bytes) -> None:
        """Only while it runs."""

    def accept(self, stream: Stream) -> Endpoint:
        """Only while it runs."""


class Connecting:
    """A connection that is being opened; whoever gives it up says so."""

    def __init__(self, client: str, server: str, endpoint: Endpoint) -> None:
        self.client = client
        self.server = server
        self.endpoint = endpoint
        self.given_up = False
        self.told: Callable[[Stream | None], None] = lambda stream: None


class Network:
    """Carries octets between machines, by chance as the settings say, never across a cut."""

    def __init__(
        self, clock: Clock, journal: Journal, settings: ClusterSettings, source: random.Random
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.journal = journal
        self.random = source
        self.machines: dict[str, Machine] = {}
        self.cuts: set[tuple[str, str]] = set()
        self._streams: dict[int, Stream] = {}
        self._connecting: dict[Connecting, None] = {}
        self._opened = 0

    def delay_ms(self) -> int:
        low, high = self.settings.delay_ms
        return low if low == high else self.random.randint(low, high)

    def segment_delay_ms(self) -> int:
        """A segment that is lost is sent again, so it only comes later."""
        again = self.settings.loss and self.random.random() < self.settings.loss
        return self.delay_ms() + (self.settings.retransmit_ms if again else 0)

    # Datagrams.

    def multicast(self, source: str, octets: bytes) -> None:
        """To every machine that is there; at once to the source itself."""
        for target in self.machines:
            if target == source:
                self.clock.after(0, self._datagram, (source, target, octets))
                continue
            settings = self.settings
            lost = settings.loss and self.random.random() < settings.loss
            if lost or (source, target) in self.cuts:
                self.journal.note(DatagramLost(self.clock.now_ms, source, target))
                continue
            self.clock.after(self.delay_ms(), self._datagram, (source, target, octets))
            if settings.duplicates and self.random.random() < settings.duplicates:
                self.clock.after(self.delay_ms(), self._datagram, (source, target, octets))

    def _datagram(self, travelling: tuple[str, str, bytes], number: int) -> None:
        source, target, octets = travelling
        machine = self.machines[target]
        if not machine.running:
            return
        if source != target:
            self.journal.note(Heard(self.clock.now_ms, target, source))
        machine.datagram_arrived(octets)

    # Streams.

    def connect(
        self, client: str, server: str, endpoint: Endpoint, told: Callable[[Stream | None], None]
    ) -> Connecting:
        """Tells the stream, or None when the other machine refuses; nothing while nobody answers."""
        connecting = Connecting(client, server, endpoint)
        connecting.told = told
        self._connecting[connecting] = None
        self.clock.after(self.segment_delay_ms(), self._syn, connecting)
        return connecting

    def _syn(self, connecting: Connecting, number: int) -> None:
        if connecting.given_up:
            self._connecting.pop(connecting, None)
            return
        machine = self.machines[connecting.server]
        if (connecting.client, connecting.server) in self.cuts or not machine.up:
            self.clock.after(_SYN_AGAIN_MS, self._syn, connecting)
            return
        if not machine.running:
            self.clock.after(self.segment_delay_ms(), self._refused, connecting)
            return
        self._opened += 1
        stream = Stream(self, self._opened, connecting.client, connecting.server)
        self._streams[stream.number] = stream
        stream.ends[connecting.client] = connecting.endpoint
        stream.ends[connecting.server] = machine.accept(stream)
        self.clock.after(self.segment_delay_ms(), self._syn_ack, (connecting, stream))

    def _syn_ack(self, travelling: tuple[Connecting, Stream], number: int) -> None:
        connecting, stream = travelling
        if connecting.given_up:
            self._connecting.pop(connecting, None)
            stream.ends[connecting.client] = None
            if self.machines[connecting.client].up:  # otherwise nobody is there to say so
                stream.reset_later(connecting.server)
            return
        if (connecting.server, connecting.client) in self.cuts:
            self.clock.after(_SYN_AGAIN_MS, self._syn_ack, travelling)
            return
        self._connecting.pop(connecting, None)
        if stream.broken:
            connecting.told(None)
            return
        self.journal.note(Opened(self.clock.now_ms, connecting.client, connecting.server, stream.number))
        connecting.told(stream)

    def _refused(self, connecting: Connecting, number: int) -> None:
        if connecting.given_up:
            self._connecting.pop(connecting, None)
            return
        if (connecting.server, connecting.client) in self.cuts:
            self.clock.after(_SYN_AGAIN_MS, self._syn, connecting)
            return
        self._connecting.pop(connecting, None)
        connecting.told(None)

    def forget(self, stream: Stream) -> None:
        """Nobody holds an end of it any more."""
        self._streams.pop(stream.number, None)

    # Faults.

    def cut(self, source: str, target: str) -> None:
        """One way."""
        self.cuts.add((source, target))

    def heal(self, source: str, target: str) -> None:
        """One way; what TCP has kept until now is sent again."""
        self.cuts.discard((source, target))
        self._resume()

    def break_streams(self, one: str, other: str) -> None:
        """Something between the two forgets their connections; both learn of it."""
        for stream in self._of(one):
            if other in stream.ends:
                stream.break_off()

    def process_ended(self, node: str) -> None:
        """The machine's system closes what its process had open."""
        self._give_up_connecting(node)
        for stream in self._of(node):
            stream.close(node)

    def machine_ended(self, node: str) -> None:
        """Nobody tells the others; what was not sent yet never is."""
        self._give_up_connecting(node)
        for stream in self._of(node):
            stream.vanish(node)

    def machine_began(self) -> None:
        """It knows nothing of the streams it had, and says so to whoever still writes."""
        self._resume()

    def _give_up_connecting(self, node: str) -> None:
        for connecting in self._connecting:
            connecting.given_up |= connecting.client == node

    def _of(self, node: str) -> list[Stream]:
        return [stream for stream in self._streams.values() if node in stream.ends]

    def _resume(self) -> None:
        for stream in list(self._streams.values()):
            stream.resume()
