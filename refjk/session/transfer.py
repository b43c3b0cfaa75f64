"""What a starting manager does with what it hears before it has the state of the others.

The original drops a change that overtakes the state, and lets the state bring back what has ended
meanwhile. Here everything heard while the state is on its way waits and is done after it, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique

from refjk.session.member_address import MemberAddress
from refjk.session.messages import SessionIdMessage, SessionMessage

Heldable = SessionMessage | SessionIdMessage


@unique
class TransferPhase(Enum):
    """Where the transfer of the state stands."""

    NONE = "none"  # nobody was asked
    WAITING = "waiting"  # asked; what others say waits
    LATE = "late"  # not come in time: the application runs, and the state may still come
    DONE = "done"


@dataclass(slots=True)
class HeldMessages:
    """Messages in the order in which they came, within bounds. SES-XFR-07"""

    messages_max: int
    octets_max: int
    messages: list[Heldable] = field(default_factory=list)
    octets: int = 0
    overflowed: bool = False

    def add(self, message: Heldable) -> None:
        size = len(message.octets or b"") if isinstance(message, SessionMessage) else 0
        if len(self.messages) >= self.messages_max or self.octets + size > self.octets_max:
            # What is left would be a history with a gap; only a state asked for later can close it.
            self.clear()
            self.overflowed = True
            return
        self.messages.append(message)
        self.octets += size

    def take(self) -> list[Heldable]:
        taken = self.messages
        self.clear()
        return taken

    def clear(self) -> None:
        self.messages, self.octets = [], 0


@dataclass(slots=True)
class StateTransfer:
    """The transfer of one manager. Times in ms."""

    timeout_ms: int  # negative: wait for ever
    late_ms: int
    held: HeldMessages
    phase: TransferPhase = TransferPhase.NONE
    asked: MemberAddress | None = None
    asked_at_ms: int = 0
    asked_names: set[str | None] = field(default_factory=set)
    questions: int = 0
    ended: set[str] = field(default_factory=set)  # sessions that ended here since the question
    reading: bool = False  # a state has come and is being read

    @property
    def waiting(self) -> bool:
        return self.phase is TransferPhase.WAITING

    @property
    def open(self) -> bool:
        return self.phase in (TransferPhase.WAITING, TransferPhase.LATE)

    def ask(self, member: MemberAddress, now_ms: int) -> None:
        if self.phase is not TransferPhase.LATE:  # an application that runs goes on running
            self.phase = TransferPhase.WAITING
        self.asked, self.asked_at_ms = member, now_ms
        self.asked_names.add(member.name)
        self.questions += 1
        self.held.overflowed = False

    def deadline_ms(self) -> int | None:
        """When the phase ends by itself; not while a state is being read."""
        if self.reading:
            return None
        if self.phase is TransferPhase.WAITING and self.timeout_ms >= 0:
            return self.asked_at_ms + self.timeout_ms
        if self.phase is TransferPhase.LATE:
            return self.asked_at_ms + self.timeout_ms + self.late_ms
        return None

    def finish(self) -> list[Heldable]:
        """The state is complete, or will not come: what waited is due."""
        self.phase, self.asked = TransferPhase.DONE, None
        self.ended.clear()
        self.asked_names.clear()
        return self.held.take()
