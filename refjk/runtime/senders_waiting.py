"""The synchronous and the pooled sender."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from refjk.channel import (
    ChannelDialect,
    Fate,
    Granted,
    MemberResult,
    PlacePool,
    Refused,
    SendingCounters,
    Suspicion,
)
from refjk.runtime.addresses import Address
from refjk.runtime.senders_carrier import Carrier
from refjk.runtime.senders_settings import END_S, SenderSettings, SenderSnapshot, now_ms, snapshot_of, warn_of


class WaitingSender:
    """Sends in the caller's thread over one of `size` connections; one is the synchronous sender."""

    def __init__(
        self, member: bytes, address: Address, dialect: ChannelDialect, settings: SenderSettings, size: int
    ) -> None:
        self._member = member
        self._address = address
        self._pool = PlacePool(size, settings.pool_wait_ms)
        self._carriers = [Carrier(address, dialect, settings.carrier_in_use) for _ in range(size)]
        self._fate = Fate.ACKNOWLEDGED if settings.answered else Fate.WRITTEN
        self._suspicion = Suspicion()
        self._told = threading.Condition()  # its lock guards pool, told ones and suspicion
        self._answers: dict[object, Granted | Refused] = {}
        self._unsent = 0

    def send(self, frame: bytes, key: str | None) -> MemberResult:
        """Waits for a free connection and then, if the rules say so, for the answer."""
        told = self._place()
        if isinstance(told, Refused):
            with self._told:
                self._unsent += 1
            return self._judged(MemberResult(self._member, Fate.FAILED, told.reason))
        try:
            reason = self._carriers[told.place].carry(frame)
        finally:
            with self._told:
                self._note(self._pool.release(told.place, now_ms()))
                self._told.notify_all()  # whoever closes waits for this
        if reason is not None:
            return self._judged(MemberResult(self._member, Fate.FAILED, reason))
        return self._judged(MemberResult(self._member, self._fate))

    def close(self, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s
        with self._told:
            self._note(self._pool.close())
            ended = self._told.wait_for(lambda: not self._pool.in_use, grace_s)
        if not ended:
            for carrier in self._carriers:
                carrier.end()
            with self._told:
                ended = self._told.wait_for(lambda: not self._pool.in_use, END_S)
        for carrier in self._carriers:
            if ended:
                carrier.finish(max(deadline - time.monotonic(), 0))

    def snapshot(self) -> SenderSnapshot:
        sums = _sums(carrier.counters for carrier in self._carriers)
        with self._told:
            return snapshot_of(self._member, self._address, self._suspicion.suspect, sums, self._unsent)

    def _place(self) -> Granted | Refused:
        caller = object()
        with self._told:
            told = self._pool.acquire(caller, now_ms())
            while told is None:
                expiry_ms = self._pool.next_expiry_ms() or 0
                self._told.wait(max(expiry_ms - now_ms(), 0) / 1000 + 0.001)
                self._note(self._pool.expire(now_ms()))
                told = self._answers.pop(caller, None)
            return told

    def _note(self, told: Iterable[Granted | Refused]) -> None:
        """Lets those who wait know; nobody else is woken, as they would wake each other without end."""
        for one in told:
            self._answers[one.caller] = one
            self._told.notify_all()

    def _judged(self, result: MemberResult) -> MemberResult:
        with self._told:
            warn = self._suspicion.judge(result.fate)
        if warn:
            warn_of(self._member, result.reason)
        return result


def _sums(counters: Iterable[SendingCounters]) -> SendingCounters:
    total = SendingCounters()
    for one in counters:
        total.messages += one.messages
        total.octets += one.octets
        total.resends += one.resends
        total.answers_missed += one.answers_missed
        total.connects += one.connects
        total.failures += one.failures
    return total
