"""One simulated node: a machine, and the process on it that is a member."""

from __future__ import annotations

from collections.abc import Sequence

from refjk.channel import Bus, Envelope, Fate, MessageRegistry
from refjk.membership import Event, MemberAdded, MemberDropped, MembershipSettings
from refjk.simulation.cluster.journal import Added, Dropped, Handed, Resulted, Sending, Started, Stopped
from refjk.simulation.cluster.receiver import Accepted, Receiver
from refjk.simulation.cluster.senders import Sender, make_sender
from refjk.simulation.cluster.streams import Stream
from refjk.simulation.cluster.surroundings import Life, Message, Surroundings

PORT = 4000


class Node:
    """A machine with its address; what a listener got is kept until the process ends."""

    def __init__(self, about: Surroundings, name: str, number: int) -> None:
        self._about = about
        self.name = name
        self.host = f"10.0.{number // 200}.{number % 200 + 1}"
        self.up = False
        self._handling_ms = 0
        self._process: Process | None = None
        self._started = False

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, names: dict[bytes, str]) -> None:
        """`names` are those of the nodes by what identifies them in an announcement."""
        again, self._started = self._started, True
        was_up, self.up = self.up, True
        self._about.journal.note(Started(self._about.clock.now_ms, self.name, again))
        self._process = Process(self._about, self, names)
        self._process.receiver.handling_ms = self._handling_ms
        if not was_up:
            self._about.network.machine_began()

    def kill(self) -> None:
        """The process ends; its machine tells the others."""
        self._end(machine=False)
        self._about.network.process_ended(self.name)

    def crash(self) -> None:
        """The machine ends; nobody is told."""
        self.up = False
        self._end(machine=True)
        self._about.network.machine_ended(self.name)

    def slow(self, handling_ms: int) -> None:
        """From now on each message takes its listener so long."""
        self._handling_ms = handling_ms
        if self._process is not None:
            self._process.receiver.handling_ms = handling_ms

    def send(self, number: int, key: str, value: str, to: Sequence[str] | None) -> None:
        assert self._process is not None
        self._process.send(number, key, value, to)

    def members(self) -> tuple[str, ...]:
        """Whom it lists, the oldest first."""
        return () if self._process is None else self._process.members()

    def holds(self, key: str) -> str | None:
        """The last value that its listener got for a key."""
        return None if self._process is None else self._process.values.get(key)

    def datagram_arrived(self, octets: bytes) -> None:
        assert self._process is not None
        self._process.datagram_arrived(octets)

    def accept(self, stream: Stream) -> Accepted:
        assert self._process is not None
        return self._process.receiver.accept(stream)

    def _end(self, *, machine: bool) -> None:
        if self._process is not None:
            self._process.life.running = False
            self._process = None
        self._about.journal.note(Stopped(self._about.clock.now_ms, self.name, machine))


class Process:
    """Membership, receiver, bus and senders of one run of a node."""

    def __init__(self, about: Surroundings, node: Node, names: dict[bytes, str]) -> None:
        self._about = about
        self._name = node.name
        self._names = names
        self.life = Life()
        self.values: dict[str, str] = {}
        self.receiver = Receiver(about, self.life, node.name, self._handle)
        self._senders: dict[str, Sender] = {}
        self._bus = Bus(MessageRegistry())
        self._bus.add(self)
        self._stream: Stream | None = None
        dialect = about.cores.membership_dialect
        settings = MembershipSettings(about.settings.frequency_ms, about.settings.drop_time_ms)
        self._membership = about.cores.membership(dialect, dialect.introduce(node.host, PORT), settings)
        self._alarm = 0
        self._take(self._membership.start(about.clock.now_ms))
        self._set_alarm()

    # Membership.

    def members(self) -> tuple[str, ...]:
        return tuple(self._names[member.identity] for member in self._membership.members())

    def datagram_arrived(self, octets: bytes) -> None:
        self._take(self._membership.receive_datagram(octets, self._about.clock.now_ms))

    def _set_alarm(self) -> None:
        wakeup_ms = self._membership.next_wakeup_ms()
        if wakeup_ms is not None:
            delay_ms = max(wakeup_ms - self._about.clock.now_ms, 0)
            self._alarm = self._about.clock.after(delay_ms, self._wake)

    def _wake(self, subject: object, number: int) -> None:
        if not self.life.running or number != self._alarm:
            return
        events = self._membership.tick(self._about.clock.now_ms)
        for datagram in self._membership.datagrams_to_send():
            self._about.network.multicast(self._name, datagram)
        self._take(events)
        self._set_alarm()

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            now_ms = self._about.clock.now_ms
            if isinstance(event, MemberAdded):
                member = self._names[event.member.identity]
                self._about.journal.note(Added(now_ms, self._name, member))
                self._senders[member] = make_sender(self._about, self.life, self._name, member)
                # Only a new member can make the next check due earlier than was thought.
                self._set_alarm()
            elif isinstance(event, MemberDropped):
                member = self._names[event.member.identity]
                self._about.journal.note(Dropped(now_ms, self._name, member))
                sender = self._senders.pop(member, None)
                if sender is not None:
                    sender.close()

    # Messages in. The process is the bus's listener.

    def accept(self, message: object) -> bool:
        return isinstance(message, str)

    def received(self, message: object) -> None:
        assert isinstance(message, str) and self._stream is not None
        source, number, key, value = message.split(" ", 3)
        self.values[key] = value
        handed = Handed(
            self._about.clock.now_ms, self._name, source, int(number), key, value, self._stream.number
        )
        self._about.journal.note(handed)

    def _handle(self, envelope: Envelope, stream: Stream) -> bool:
        self._stream = stream
        return not self._bus.receive(envelope.payload).faults

    # Messages out.

    def send(self, number: int, key: str, value: str, to: Sequence[str] | None) -> None:
        """To one member after the other, each when the one before is known."""
        dialect = self._about.cores.channel_dialect
        payload = self._bus.registry.write(f"{self._name} {number} {key} {value}")
        frame = dialect.encode_frame(dialect.wrap(payload, answered=True, now_ms=self._about.clock.now_ms))
        self._about.journal.note(Sending(self._about.clock.now_ms, self._name, number, key, value))
        self._send_next(Message(number, key, frame), list(self._senders if to is None else to))

    def _send_next(self, message: Message, left: list[str]) -> None:
        if not left:
            return
        target = left.pop(0)

        def told(fate: Fate, reason: str) -> None:
            now_ms = self._about.clock.now_ms
            self._about.journal.note(
                Resulted(now_ms, self._name, target, message.number, message.key, fate, reason)
            )
            self._send_next(message, left)

        sender = self._senders.get(target)
        if sender is None:
            told(Fate.FAILED, "no such member")
        else:
            sender.send(message, told)
