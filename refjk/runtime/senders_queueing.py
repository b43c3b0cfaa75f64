"""The asynchronous sender."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from refjk.channel import ChannelDialect, Entry, Fate, MemberResult, Offer, SendQueue, Suspicion, WhenFull
from refjk.runtime.addresses import Address
from refjk.runtime.senders_carrier import Carrier
from refjk.runtime.senders_settings import END_S, SenderSettings, SenderSnapshot, now_ms, snapshot_of, warn_of

logger = logging.getLogger("refjk.runtime")

_IDLE_S = 60.0


class QueueingSender:
    """Leaves messages to a thread of its own and returns at once. CHN-ASY-01"""

    def __init__(
        self, member: bytes, address: Address, dialect: ChannelDialect, settings: SenderSettings
    ) -> None:
        self._member = member
        self._address = address
        self._rules = settings.queue
        self._queue = SendQueue(settings.queue)
        self._carrier = Carrier(address, dialect, settings.carrier_in_use)
        self._suspicion = Suspicion()
        self._changed = threading.Condition()  # its lock guards queue and suspicion
        self._closing = False
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="refjk-sender", daemon=True)
        self._thread.start()

    def send(self, frame: bytes, key: str | None) -> MemberResult:
        """Waits only for room, and only where the rules say so."""
        deadline_ms = now_ms() + self._rules.block_ms
        blocks = self._rules.when_full is WhenFull.BLOCK
        with self._changed:
            while not self._closing:
                offer = self._queue.offer(key, frame, now_ms())
                if offer is not Offer.FULL:
                    self._changed.notify_all()
                    return MemberResult(self._member, Fate.QUEUED, replaced=offer is Offer.REPLACED)
                left_ms = deadline_ms - now_ms()
                if not blocks or left_ms <= 0:
                    if blocks:
                        self._queue.refuse()
                    return MemberResult(self._member, Fate.FAILED, "the queue is full")
                self._changed.wait(left_ms / 1000)
            return MemberResult(self._member, Fate.FAILED, "the sender was closed")

    def close(self, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue.idle, grace_s)
            self._stopped = True
            lost = self._queue.abandon()
            self._changed.notify_all()
        if lost:
            self._carrier.end()
        self._thread.join(END_S)
        if not self._thread.is_alive():
            self._carrier.finish(max(deadline - time.monotonic(), 0))
        if lost:
            logger.warning("%d messages to %s were not sent", lost, self._member.decode("utf-8", "replace"))

    def snapshot(self) -> SenderSnapshot:
        sums = self._carrier.counters
        with self._changed:
            return replace(
                snapshot_of(self._member, self._address, self._suspicion.suspect, sums, 0),
                resends=sums.resends + self._queue.counters.retries,
                queue_length=len(self._queue),
                queue_age_ms=self._queue.age_ms(now_ms()),
                lost=self._queue.counters.lost,
            )

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            reason = self._carrier.carry(entry.frame)
            with self._changed:
                if self._stopped:
                    return
                if reason is None:
                    self._queue.sent()
                    kept = True
                else:
                    kept = self._queue.failed(now_ms())
                warn = self._suspicion.judge(Fate.WRITTEN if reason is None else Fate.FAILED)
                self._changed.notify_all()
            if warn and reason is not None:
                warn_of(self._member, reason)
            if not kept:  # CHN-ASY-09
                logger.warning("a message to %s is lost: %s", self._member.decode("utf-8", "replace"), reason)

    def _next(self) -> Entry | None:
        with self._changed:
            while not self._stopped:
                entry = self._queue.take(now_ms())
                if entry is not None:
                    self._changed.notify_all()  # there may be room now
                    return entry
                wakeup_ms = self._queue.next_wakeup_ms()
                self._changed.wait(_IDLE_S if wakeup_ms is None else max(wakeup_ms - now_ms(), 1) / 1000)
            return None
