"""What happened in a simulated cluster, as those who watch it from outside are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from refjk.channel import Fate


@dataclass(frozen=True, slots=True)
class Started:
    """A node's process began; `again` after it had ended."""

    at_ms: int
    node: str
    again: bool

    def __str__(self) -> str:
        return f"{self.node} starts{' again' if self.again else ''}"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A node's process ended; `machine`: with the machine below it, so that nothing tells the others."""

    at_ms: int
    node: str
    machine: bool

    def __str__(self) -> str:
        return f"{self.node} {'crashes' if self.machine else 'is killed'}"


@dataclass(frozen=True, slots=True)
class Heard:
    """A datagram of a member arrived at a node."""

    at_ms: int
    node: str
    member: str

    def __str__(self) -> str:
        return f"{self.node} hears {self.member}"


@dataclass(frozen=True, slots=True)
class Added:
    """A node reported a new member."""

    at_ms: int
    node: str
    member: str

    def __str__(self) -> str:
        return f"{self.node} adds {self.member}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A node reported that a member is one no longer."""

    at_ms: int
    node: str
    member: str

    def __str__(self) -> str:
        return f"{self.node} drops {self.member}"


@dataclass(frozen=True, slots=True)
class DatagramLost:
    """The network lost a datagram, by chance or by a cut."""

    at_ms: int
    node: str
    target: str

    def __str__(self) -> str:
        return f"a datagram of {self.node} to {self.target} is lost"


@dataclass(frozen=True, slots=True)
class Sending:
    """A node began to send a message to all of its members, or to those that were named."""

    at_ms: int
    node: str
    message: int
    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.node} sends message {self.message}: {self.key}={self.value}"


@dataclass(frozen=True, slots=True)
class Written:
    """A frame was given to a stream; `again` as a resend."""

    at_ms: int
    node: str
    target: str
    message: int
    stream: int
    again: bool

    def __str__(self) -> str:
        verb = "writes again" if self.again else "writes"
        return f"{self.node} {verb} message {self.message} to {self.target} on stream {self.stream}"


@dataclass(frozen=True, slots=True)
class Resulted:
    """What a sender told of a message to one member."""

    at_ms: int
    node: str
    target: str
    message: int
    key: str
    fate: Fate
    reason: str

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"{self.node} is told: message {self.message} to {self.target} {self.fate.value}{why}"


@dataclass(frozen=True, slots=True)
class Handed:
    """A message was handed to the listener of a node."""

    at_ms: int
    node: str
    source: str
    message: int
    key: str
    value: str
    stream: int

    def __str__(self) -> str:
        return f"{self.node} gets message {self.message} of {self.source}: {self.key}={self.value}"


@dataclass(frozen=True, slots=True)
class QueueLost:
    """A sender counted messages that were queued and will not be sent."""

    at_ms: int
    node: str
    target: str
    count: int

    def __str__(self) -> str:
        return f"{self.node} counts {self.count} lost on the way to {self.target}"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A stream ended with octets that nobody will read; `answers`: to whoever opened it."""

    at_ms: int
    node: str
    target: str
    octets: int
    stream: int
    answers: bool

    def __str__(self) -> str:
        return f"{self.octets} octets of {self.node} to {self.target} end with stream {self.stream}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream was opened."""

    at_ms: int
    node: str
    target: str
    stream: int

    def __str__(self) -> str:
        return f"{self.node} opens stream {self.stream} to {self.target}"


Record = (
    Started
    | Stopped
    | Heard
    | Added
    | Dropped
    | DatagramLost
    | Sending
    | Written
    | Resulted
    | Handed
    | QueueLost
    | Undelivered
    | Opened
)


class Watcher(Protocol):
    """Somebody who is told what it wants to know, in the order of time."""

    def interests(self) -> Mapping[type[Any], Callable[[Any], None]]:
        """What to call with each kind of record."""


class Journal:
    """Tells each record to the watchers, and writes it as a line where lines are wanted.

    Heartbeats that are heard or lost are told but not written: they would be nearly all of it.
    """

    def __init__(self, watchers: Sequence[Watcher], write: Callable[[str], None] | None = None) -> None:
        self._write = write
        self._told: dict[type[Any], list[Callable[[Any], None]]] = {}
        for watcher in watchers:
            for kind, tell in watcher.interests().items():
                self._told.setdefault(kind, []).append(tell)

    def note(self, record: Record) -> None:
        for tell in self._told.get(type(record), ()):
            tell(record)
        if self._write is not None and not isinstance(record, Heard | DatagramLost):
            self._write(f"{record.at_ms:>9}  {record}")

    def remark(self, text: str) -> None:
        """A line that is no record: what the scenario says, what a checker objects to."""
        if self._write is not None:
            self._write(text)
