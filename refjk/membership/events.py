"""What a membership reports to whoever holds it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from refjk.membership.announcement import Announcement


class Refusal(Enum):
    """Why a datagram was refused."""

    MALFORMED = "malformed"
    TOO_LONG = "too long"
    NONSENSE = "nonsense"
    OTHER_CLUSTER = "other cluster"
    OWN_NAME = "own name claimed"
    NOT_AUTHENTIC = "not authentic"
    TABLE_FULL = "table full"


class Departure(Enum):
    """Why a member is one no longer."""

    SILENT = "silent"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """A member that was not known, or that was dropped before."""

    member: Announcement


@dataclass(frozen=True, slots=True)
class MemberHeard:
    """A known member was heard again, `gap_ms` after the last time."""

    member: Announcement
    gap_ms: int


@dataclass(frozen=True, slots=True)
class MemberDropped:
    """A member is one no longer."""

    member: Announcement
    reason: Departure


@dataclass(frozen=True, slots=True)
class DatagramRefused:
    """A datagram that changed nothing; `detail` is one line for people."""

    reason: Refusal
    detail: str


Event = MemberAdded | MemberHeard | MemberDropped | DatagramRefused
