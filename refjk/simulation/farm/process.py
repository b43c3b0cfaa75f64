"""A simulated node with a deployer: what the runtime puts around the farm's cores, without its threads."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from refjk.channel import Bus, Envelope, Fate, MessageClass, MessageRegistry
from refjk.farm import (
    MESSAGE_CLASSES,
    CatalogMessage,
    FarmSteps,
    Layout,
    Member,
    Message,
    Outgoing,
    file_name_of,
    message_of_record,
    record_of_message,
)
from refjk.farm.extension import EXTENSION_LIMITS
from refjk.membership import Event, MemberAdded, MemberDropped
from refjk.simulation.cluster.node import Node, Process
from refjk.simulation.cluster.streams import Stream
from refjk.simulation.cluster.surroundings import Message as Letter
from refjk.simulation.cluster.surroundings import Surroundings
from refjk.simulation.farm.mail import Mail, describe_message
from refjk.simulation.farm.records import Arrived, Failed, FarmJournal, Said
from refjk.simulation.farm.settings import FarmSimulationSettings

_EPOCH_MS = 1_700_000_000_000  # when a simulation begins
_MESSAGES = tuple(MESSAGE_CLASSES.values())


class Sprung(BaseException):
    """The process ends at this step of its disk, whatever its code would catch."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


@dataclass(slots=True)
class Shared:
    """What all nodes of a farm share, beside the surroundings of the channel."""

    about: Surroundings
    journal: FarmJournal
    settings: FarmSimulationSettings
    mail: Mail
    random: random.Random
    registry: MessageRegistry
    steps: type[FarmSteps]
    messages: int = 0


class Machine(Node):
    """The machine of a deployer."""

    def sending(self) -> None:
        """Before each message to a member. Raises `Sprung` where its process ends then."""


class FarmThread(Process, ABC):
    """A process whose one thread takes a message, does what follows, and takes the next.

    A message to a member is sent when the one before has its answer; until then the thread does nothing else.
    """

    def __init__(self, shared: Shared, machine: Machine, names: dict[bytes, str], skew_ms: int) -> None:
        self._shared = shared
        self._machine = machine
        self._skew_ms = skew_ms
        self._inbox: deque[Message] = deque()
        self._members_dirty = True
        self._begun = False
        self._work: Iterator[Outgoing] | None = None
        self._alarm_number = 0
        self.busy_ms = 0  # that the thread has just spent
        super().__init__(shared.about, machine, names)
        self._bus = Bus(shared.registry)
        self._bus.add(self)

    # What a kind of node does.

    @abstractmethod
    def begin(self) -> None:
        """When the others can know this node."""

    @abstractmethod
    def round(self, message: Message | None, members_changed: bool) -> Iterator[Outgoing]:
        """What the thread does with what there is; what it sends meanwhile."""

    @abstractmethod
    def next_wakeup_ms(self) -> int:
        """When a round is due without a message."""

    def understands(self, message: Message) -> bool:
        """Whether messages of this class are read here."""
        return True

    # Time and members.

    @property
    def now_ms(self) -> int:
        return self._about.clock.now_ms

    @property
    def wall_ms(self) -> int:
        """As the clock of the machine has it."""
        return _EPOCH_MS + self._about.clock.now_ms + self._skew_ms

    def own(self) -> Member:
        own = self._membership.own_announcement(self.now_ms)
        assert own is not None
        return Member(self._name, own.host, own.port, own.alive_ms)

    def others(self) -> list[Member]:
        return [
            Member(self._names[one.identity], one.host, one.port, one.alive_ms)
            for one in self._membership.members()
        ]

    def names(self) -> list[str]:
        return [self._names[one.identity] for one in self._membership.members()]

    def _wake(self, subject: object, number: int) -> None:
        super()._wake(subject, number)
        if self.life.running and not self._begun and self._membership.announcing:
            self._begun = True
            self._guarded(self.begin)
            self.look()

    def _take(self, events: Sequence[Event]) -> None:
        super()._take(events)
        if any(isinstance(event, MemberAdded | MemberDropped) for event in events):
            self._members_dirty = True
            self.look()

    # Messages in.

    def accept(self, message: object) -> bool:
        return isinstance(message, _MESSAGES) and self.understands(message)

    def received(self, message: object) -> None:
        assert isinstance(message, _MESSAGES)
        delays_ms = self._shared.mail.delays_ms(self._name, message)
        if not delays_ms:
            self._note_arrival("loses a message", message)
        for delay_ms in delays_ms:
            if delay_ms:
                self._about.clock.after(delay_ms, self._late, message)
            else:
                self._put("takes a message", message)

    def _late(self, message: Message, number: int) -> None:
        if self.life.running:
            self._put("takes a late message", message)

    def _put(self, how: str, message: Message) -> None:
        """As the runtime does, but that nobody waits for room."""
        if len(self._inbox) >= self._shared.settings.queue_max:
            self._note_arrival("has no room for a message", message)
            return
        self._note_arrival(how, message)
        self._inbox.append(message)
        self.look()

    def _note_arrival(self, how: str, message: Message) -> None:
        source = (message.sender and message.sender.name) or "nobody"
        self._shared.journal.note(Arrived(self.now_ms, self._name, source, how, describe_message(message)))

    def _handle(self, envelope: Envelope, stream: Stream) -> bool:
        return not self._bus.receive(envelope.payload).faults

    # The thread.

    def look(self) -> None:
        """There may be something to do; not at once, as whoever says so is in the middle of something."""
        self._about.clock.after(0, self._loop)

    def _loop(self, subject: object, number: int) -> None:
        if not self.life.running or not self._begun or self._work is not None:
            return
        message = self._inbox.popleft() if self._inbox else None
        members_changed, self._members_dirty = self._members_dirty, False
        wakeup_ms = self.next_wakeup_ms()
        if message is None and not members_changed and self.now_ms < wakeup_ms:
            self._alarm_number = self._about.clock.after(wakeup_ms - self.now_ms, self._rouse)
            return
        self._work = self.round(message, members_changed)
        self._go_on(None, 0)

    def _rouse(self, subject: object, number: int) -> None:
        if number == self._alarm_number:
            self._loop(subject, number)

    def _go_on(self, subject: object, number: int) -> None:
        """To the next message that is sent, or to the end of the round."""
        if not self.life.running or self._work is None:
            return
        work, outgoing = self._work, None

        def step() -> None:
            nonlocal outgoing
            outgoing = next(work, None)

        self._guarded(step)
        if not self.life.running:
            return
        busy_ms, self.busy_ms = self.busy_ms, 0
        if outgoing is None:
            self._work = None
            self._about.clock.after(busy_ms, self._loop)
        else:
            self._about.clock.after(busy_ms, self._send, outgoing)

    def _guarded(self, call: Callable[[], None]) -> None:
        """The end of the process at a step of its disk; a defect of a core, which the thread outlives."""
        try:
            call()
        except Sprung as sprung:
            self._machine.crash() if sprung.how == "crash" else self._machine.kill()
        except Exception as error:
            self._shared.journal.note(Failed(self.now_ms, self._name, f"{type(error).__name__}: {error}"))

    # Messages out.

    def _send(self, outgoing: Outgoing, number: int) -> None:
        self._guarded(self._machine.sending)
        if not self.life.running:
            return
        shared, target = self._shared, outgoing.to
        message = replace(outgoing.message, sender=self.own(), timestamp_ms=self.wall_ms)
        dialect = self._about.cores.channel_dialect
        envelope = dialect.wrap(shared.registry.write(message), answered=True, now_ms=self.now_ms)
        shared.messages += 1
        # A key of its own for each message: none takes the place of one that still waits.
        letter = Letter(shared.messages, f"farm#{shared.messages}", dialect.encode_frame(envelope))
        catalog = None
        if isinstance(message, CatalogMessage):
            catalog = [(file_name_of(one.context_path), one.digest) for one in message.entries if one.digest]
        said = Said(self.now_ms, self._name, target, letter.number, describe_message(message), catalog)
        shared.journal.note(said)
        sender = self._senders.get(target)
        if sender is None:
            self._about.clock.after(0, self._go_on)
        else:
            sender.send(letter, self._told)

    def _told(self, fate: Fate, reason: str) -> None:
        if self.life.running:
            self._about.clock.after(0, self._go_on)


class _ReadOnce(MessageRegistry):
    """Reading takes most of the time, and what is written is often what is read."""

    def __init__(self) -> None:
        super().__init__(EXTENSION_LIMITS)
        self._read: dict[bytes, object] = {}

    def read(self, payload: bytes) -> object:
        if payload not in self._read:
            if len(self._read) > 100:
                self._read.clear()
            self._read[payload] = super().read(payload)
        return self._read[payload]


def registry(layout: Layout = Layout.V555) -> MessageRegistry:
    """The messages of the farm."""
    made = _ReadOnce()
    for name, kind in MESSAGE_CLASSES.items():
        made.register(
            MessageClass(name, kind, message_of_record, lambda message: record_of_message(message, layout))
        )
    return made
