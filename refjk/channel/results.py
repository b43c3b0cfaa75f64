"""What `send` answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fate(Enum):
    """What is known of a message to one member."""

    ACKNOWLEDGED = "acknowledged"
    WRITTEN = "written"
    QUEUED = "queued"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MemberResult:
    """One member's share of a send; `reason` tells why it failed, `replaced` that it took a place."""

    member: bytes
    fate: Fate
    reason: str = ""
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class SendResult:
    """One entry for each member that the message was for, in their order. CHN-CNT-04"""

    members: tuple[MemberResult, ...] = ()

    def of(self, fate: Fate) -> tuple[bytes, ...]:
        """The members whose message came to this."""
        return tuple(result.member for result in self.members if result.fate is fate)

    @property
    def complete(self) -> bool:
        """Whether it failed at nobody."""
        return not self.of(Fate.FAILED)


class Suspicion:
    """Whether the last message to a member failed. CHN-CNT-02"""

    def __init__(self) -> None:
        self.suspect = False

    def judge(self, fate: Fate) -> bool:
        """Takes in a result; whether this is the first failure in a row, which is worth a warning."""
        before, self.suspect = self.suspect, fate is Fate.FAILED
        return self.suspect and not before
