"""What a simulated cluster is set to, in the words of scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from refjk.channel import QueueRules, SendingRules, WhenFull
from refjk.simulation.notation import parse_time


class Mode(Enum):
    """The words of `replicationMode`."""

    SYNCHRONOUS = "synchronous"
    POOLED = "pooled"
    ASYNCHRONOUS = "asynchronous"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Times in ms; `loss` and `duplicates` are shares of the datagrams.

    A segment of a stream is never lost: with the probability `loss` it comes `retransmit_ms` later.
    """

    mode: Mode = Mode.SYNCHRONOUS
    frequency_ms: int = 500
    drop_time_ms: int = 3000
    answer_time_ms: int = 15_000
    connect_time_ms: int = 5000
    keep_alive_ms: int = 60_000
    keep_alive_messages: int = 100
    pool_size: int = 25
    pool_wait_ms: int = 15_000
    queue_length: int = 10_000
    when_full: WhenFull = WhenFull.BLOCK
    block_ms: int = 15_000
    retries: int = 3
    retry_pause_ms: int = 500
    threads: int = 6
    delay_ms: tuple[int, int] = (1, 1)
    loss: float = 0.0
    duplicates: float = 0.0
    retransmit_ms: int = 200

    @property
    def sending(self) -> SendingRules:
        """The rules of one connection, as the mode has them."""
        queued = self.mode is Mode.ASYNCHRONOUS
        return SendingRules(
            self.answer_time_ms,
            waits=not queued,
            keep_alive_ms=None if queued else self.keep_alive_ms,
            keep_alive_messages=None if queued else self.keep_alive_messages,
        )

    @property
    def queue(self) -> QueueRules:
        return QueueRules(
            length_max=self.queue_length,
            when_full=self.when_full,
            block_ms=self.block_ms,
            retries_max=self.retries,
            retry_pause_ms=self.retry_pause_ms,
        )

    @property
    def settle_ms(self) -> int:
        """After the last fault and restart: how long until all must see all, and queues are empty."""
        seen = 5 * self.frequency_ms + self.drop_time_ms + self.frequency_ms
        retried = (self.retries + 1) * self.retry_pause_ms * self.retries // 2
        waited = 2 * self.answer_time_ms if self.mode is not Mode.ASYNCHRONOUS else retried
        return seen + waited + self.connect_time_ms + 20 * (self.delay_ms[1] + self.retransmit_ms)


def whole_ms(text: str) -> int:
    """`200ms`, `3s`. Raises `ValueError`."""
    time_us = parse_time(text)
    if time_us % 1000:
        raise ValueError(f"{text!r} is no whole number of ms")
    return time_us // 1000


def above_0(read: Callable[[str], int]) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if (value := read(text)) < 1:
            raise ValueError(f"{text!r} is not above 0")
        return value

    return convert


def whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text!r} is not a number")
    return int(text)


def _span(text: str) -> tuple[int, int]:
    low, dots, high = text.partition("..")
    span = whole_ms(low), whole_ms(high if dots else low)
    if span[0] > span[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return span


def share(text: str) -> float:
    if not text.endswith("%") or whole_number(text[:-1]) > 100:
        raise ValueError(f"{text!r} is not within 0% to 100%")
    return int(text[:-1]) / 100


# What follows `set`: how the value is read, and where it goes.
NAMES: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "mode": (Mode, "mode"),
    "frequency": (above_0(whole_ms), "frequency_ms"),
    "drop-time": (above_0(whole_ms), "drop_time_ms"),
    "answer-time": (above_0(whole_ms), "answer_time_ms"),
    "connect-time": (above_0(whole_ms), "connect_time_ms"),
    "keep-alive-time": (whole_ms, "keep_alive_ms"),
    "keep-alive-count": (whole_number, "keep_alive_messages"),
    "pool-size": (above_0(whole_number), "pool_size"),
    "pool-wait": (whole_ms, "pool_wait_ms"),
    "queue-length": (above_0(whole_number), "queue_length"),
    "when-full": (lambda text: WhenFull(text.replace("-", " ")), "when_full"),
    "block": (whole_ms, "block_ms"),
    "retries": (whole_number, "retries"),
    "retry-pause": (above_0(whole_ms), "retry_pause_ms"),
    "threads": (above_0(whole_number), "threads"),
    "delay": (_span, "delay_ms"),
    "loss": (share, "loss"),
    "duplicates": (share, "duplicates"),
    "retransmit": (whole_ms, "retransmit_ms"),
}
# These are the network's, and may change while nodes run.
OF_THE_NETWORK = ("delay", "loss", "duplicates", "retransmit")


def with_setting(settings: ClusterSettings, name: str, text: str) -> ClusterSettings:
    """Raises `ValueError` for a name or value that does not exist."""
    if name not in NAMES:
        raise ValueError(f"{name!r} cannot be set; what can: {', '.join(NAMES)}")
    read, field = NAMES[name]
    return replace(settings, **{field: read(text)})
