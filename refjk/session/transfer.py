"""What a starting manager does with what it hears before it has the state of the others.

The original drops a change that overtakes the state, and lets the state bring back what has ended
meanwhile. Here everything heard while the state is on its way waits and is done after it, in order.
"""

from __future__ import annotations

from collections import Counter
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
    pause_ms: int | None  # from a question without answer to the next; None: no further question
    held: HeldMessages
    phase: TransferPhase = TransferPhase.NONE
    asked: MemberAddress | None = None
    asked_at_ms: int = 0  # since when this wait lasts
    quiet_since_ms: int = 0  # the last question, or part of a state
    repeated: bool = False  # the member that is asked was asked twice
    asked_names: set[str | None] = field(default_factory=set)
    questions: int = 0
    gaps: int = 0  # questions of these because what was kept had one
    owed: Counter[str | None] = field(default_factory=Counter)  # answers that are to come, by member
    outdated: Counter[str | None] = field(default_factory=Counter)  # those of them from before a gap
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
        self.asked_at_ms = now_ms
        if self.held.overflowed:
            # What was written before the gap ends has nothing of what was lost in it. SES-XFR-17
            self.outdated = Counter(self.owed)
        self.held.overflowed = False
        self.repeated = False
        self._ask(member, now_ms)

    def ask_again(self, member: MemberAddress, now_ms: int) -> None:
        """The wait, and a gap in what was kept, stay as they are: an earlier state may still come.

        Not one from before a gap: two questions may have had one answer, and none is waited for any more.
        """
        self.outdated.clear()
        self.repeated = self.asked is not None and member.name == self.asked.name
        self._ask(member, now_ms)

    def _ask(self, member: MemberAddress, now_ms: int) -> None:
        self.asked, self.quiet_since_ms = member, now_ms
        self.asked_names.add(member.name)
        self.owed[member.name] += 1
        self.questions += 1

    def stale(self, member: MemberAddress | None) -> bool:
        """Whether the answer that this member gives now is one from before a gap."""
        return self.outdated[self._name(member)] > 0

    def answered(self, member: MemberAddress | None) -> None:
        """An answer of this member is complete."""
        name = self._name(member)
        for count in (self.owed, self.outdated):
            count[name] = max(0, count[name] - 1)

    def _name(self, member: MemberAddress | None) -> str | None:
        """Of who answers; a message that does not say it comes from the one that was asked last."""
        known = self.asked if member is None else member
        return None if known is None else known.name

    def deadline_ms(self) -> int | None:
        """When the phase ends by itself; not while a state is being read."""
        if self.reading:
            return None
        if self.phase is TransferPhase.WAITING and self.timeout_ms >= 0:
            return self.asked_at_ms + self.timeout_ms
        if self.phase is TransferPhase.LATE:
            return self.asked_at_ms + self.timeout_ms + self.late_ms
        return None

    def again_ms(self) -> int | None:
        """When the next question is due; none while a state is being read."""
        if self.phase is not TransferPhase.WAITING or self.pause_ms is None or self.reading:
            return None
        return self.quiet_since_ms + self.pause_ms

    def next_wakeup_ms(self) -> int | None:
        return min((at for at in (self.deadline_ms(), self.again_ms()) if at is not None), default=None)

    def finish(self) -> list[Heldable]:
        """The state is complete, or will not come: what waited is due."""
        self.phase, self.asked = TransferPhase.DONE, None
        self.ended.clear()
        self.asked_names.clear()
        self.owed.clear()
        self.outdated.clear()
        return self.held.take()
