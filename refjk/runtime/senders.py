"""The set of senders that reaches all members."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from refjk.base.errors import LocalProtocolError
from refjk.channel import ChannelDialect, Fate, MemberResult, SendResult
from refjk.runtime.addresses import Address
from refjk.runtime.senders_queueing import QueueingSender
from refjk.runtime.senders_settings import END_S, Mode, Sender, SenderSettings, SenderSnapshot
from refjk.runtime.senders_waiting import WaitingSender

__all__ = ["Mode", "SenderSettings", "SenderSnapshot", "Senders"]


class Senders:
    """The ways to all members, in the order in which they were added."""

    def __init__(self, dialect: ChannelDialect, settings: SenderSettings | None = None) -> None:
        self._dialect = dialect
        self._settings = settings or SenderSettings()
        self._senders: dict[bytes, Sender] = {}
        self._lock = threading.Lock()
        self._closing: list[threading.Thread] = []
        self._stopped = False

    @property
    def answered(self) -> bool:
        """Whether a send waits for answers."""
        return self._settings.answered

    def add(self, member: bytes, address: Address) -> None:
        """Makes a sender if there is none; no connection yet. CHN-SND-01"""
        with self._lock:
            if not self._stopped and member not in self._senders:
                self._senders[member] = self._made(member, address)

    def remove(self, member: bytes) -> None:
        """Closes the sender of a member that is gone; what waits for it is lost. CHN-ASY-12

        Returns at once: whoever tells of members has heartbeats to send.
        """
        with self._lock:
            sender = self._senders.pop(member, None)
            if sender is None:
                return
            closing = threading.Thread(target=sender.close, args=(0,), name="refjk-sender-end", daemon=True)
            self._closing = [thread for thread in self._closing if thread.is_alive()] + [closing]
            closing.start()

    def members(self) -> tuple[bytes, ...]:
        with self._lock:
            return tuple(self._senders)

    def send(self, frame: bytes, to: Iterable[bytes] | None = None, key: str | None = None) -> SendResult:
        """One frame to all members, or to those named; one after the other.

        `key`: messages of the same key may replace each other while they wait. Raises `LocalProtocolError`
        once stopped, and never for what happens at a member (CHN-CNT-05).
        """
        with self._lock:
            if self._stopped:
                raise LocalProtocolError("the senders are stopped")
            wanted = dict.fromkeys(self._senders if to is None else to)
            senders = [(member, self._senders.get(member)) for member in wanted]
        return SendResult(
            tuple(
                MemberResult(member, Fate.FAILED, "no such member")  # CHN-SND-03
                if sender is None
                else sender.send(frame, key)
                for member, sender in senders
            )
        )

    def snapshots(self) -> tuple[SenderSnapshot, ...]:
        """One for each member."""
        with self._lock:
            senders = list(self._senders.values())
        return tuple(sender.snapshot() for sender in senders)

    def stop(self, grace_s: float = 5.0) -> None:
        """Sends what waits within the time, all members sharing it."""
        deadline = time.monotonic() + grace_s
        with self._lock:
            self._stopped = True
            senders = list(self._senders.values())
            self._senders.clear()
        for sender in senders:
            sender.close(max(deadline - time.monotonic(), 0))
        for thread in self._closing:
            thread.join(max(deadline - time.monotonic(), END_S))

    def _made(self, member: bytes, address: Address) -> Sender:
        settings = self._settings
        if settings.mode is Mode.ASYNCHRONOUS:
            return QueueingSender(member, address, self._dialect, settings)
        size = 1 if settings.mode is Mode.SYNCHRONOUS else settings.pool_size
        return WaitingSender(member, address, self._dialect, settings, size)
