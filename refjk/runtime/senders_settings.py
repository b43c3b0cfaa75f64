"""What can be chosen about senders, and what they tell of themselves."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from refjk.base.errors import UsageError
from refjk.channel import MemberResult, QueueRules, SendingCounters
from refjk.channel.pooling import POOL_SIZE, POOL_WAIT_MS
from refjk.runtime.addresses import Address
from refjk.runtime.senders_carrier import CarrierSettings

logger = logging.getLogger("refjk.runtime")

END_S = 5.0  # a thread that was told to end does so much sooner


class Mode(Enum):
    """The words of `replicationMode`."""

    SYNCHRONOUS = "synchronous"
    POOLED = "pooled"
    ASYNCHRONOUS = "asynchronous"


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """`waits`: whether an answer is awaited; None: in all modes but the asynchronous one.

    `pool_wait_ms` bounds the wait for a connection, in the other two. Raises `UsageError`.
    """

    mode: Mode = Mode.POOLED
    waits: bool | None = None
    carrier: CarrierSettings = field(default_factory=CarrierSettings)
    pool_size: int = POOL_SIZE
    pool_wait_ms: int = POOL_WAIT_MS
    queue: QueueRules = field(default_factory=QueueRules)

    def __post_init__(self) -> None:
        if self.pool_size < 1 or self.pool_wait_ms < 0 or self.queue.length_max < 1:
            raise UsageError("a pool and a queue have room for at least one")

    @property
    def carrier_in_use(self) -> CarrierSettings:
        """An asynchronous sender's connection has no limits to its life. CHN-ASY-14"""
        rules = replace(self.carrier.rules, waits=self.answered)
        if self.mode is Mode.ASYNCHRONOUS:
            rules = replace(rules, keep_alive_ms=None, keep_alive_messages=None)
        return replace(self.carrier, rules=rules)

    @property
    def answered(self) -> bool:
        """Whether a sender waits for the answer."""
        return self.mode is not Mode.ASYNCHRONOUS if self.waits is None else self.waits


@dataclass(frozen=True, slots=True)
class SenderSnapshot:
    """One member's sender at a moment. CHN-CNT-01, CHN-CNT-06"""

    member: bytes
    address: Address
    suspect: bool
    messages: int
    octets: int
    resends: int
    answers_missed: int
    connects: int
    failures: int
    queue_length: int = 0
    queue_age_ms: int = 0
    lost: int = 0


class Sender(Protocol):
    """The way to one member."""

    def send(self, frame: bytes, key: str | None) -> MemberResult:
        """Never raises for what the network does."""

    def close(self, grace_s: float) -> None:
        """Sends what waits within the time; what is left then is lost, and counted."""

    def snapshot(self) -> SenderSnapshot:
        """Counters and state."""


def snapshot_of(
    member: bytes, address: Address, suspect: bool, sums: SendingCounters, unsent: int
) -> SenderSnapshot:
    return SenderSnapshot(
        member,
        address,
        suspect,
        sums.messages + unsent,
        sums.octets,
        sums.resends,
        sums.answers_missed,
        sums.connects,
        sums.failures + unsent,
    )


def warn_of(member: bytes, reason: str) -> None:
    """Once, until a message gets through again. CHN-CNT-03"""
    logger.warning("%s is suspect: %s", member.decode("utf-8", "replace"), reason)


def now_ms() -> int:
    """The clock of all senders."""
    return time.monotonic_ns() // 1_000_000
