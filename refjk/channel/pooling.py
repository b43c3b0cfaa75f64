"""Who may use which of a member's connections: the rules of the pooled sender."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

POOL_SIZE = 25
POOL_WAIT_MS = 15_000


@dataclass(frozen=True, slots=True)
class Granted:
    """A place for the caller; its connection may be open or not."""

    caller: Hashable
    place: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The caller gets none: its time is over, or the pool was closed."""

    caller: Hashable
    reason: str


class PlacePool:
    """Places 0 to `size` - 1, each with a connection of its own.

    A caller that gets no place from `acquire` waits until a later call grants or refuses it one.
    """

    def __init__(self, size: int = POOL_SIZE, wait_ms: int = POOL_WAIT_MS) -> None:
        self._size = size
        self._wait_ms = wait_ms
        self._idle: deque[int] = deque()
        self._made = 0
        self._waiting: deque[tuple[Hashable, int]] = deque()
        self._closed = False

    @property
    def made(self) -> int:
        """Places that were ever used."""
        return self._made

    @property
    def in_use(self) -> int:
        """Places that were granted and not released."""
        return self._made - len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def acquire(self, caller: Hashable, now_ms: int) -> Granted | Refused | None:
        """None: wait. CHN-POL-02"""
        if self._closed:
            return Refused(caller, "the pool is closed")
        # Whoever waits longer goes first, even if a place has just become free (CHN-POL-03).
        if not self._waiting:
            if self._idle:
                return Granted(caller, self._idle.popleft())
            if self._made < self._size:  # CHN-POL-01
                self._made += 1
                return Granted(caller, self._made - 1)
        self._waiting.append((caller, now_ms + self._wait_ms))
        return None

    def release(self, place: int, now_ms: int) -> list[Granted | Refused]:
        """The place is free, whatever became of its connection. CHN-POL-05"""
        told = self.expire(now_ms)
        if self._waiting:
            caller, _ = self._waiting.popleft()
            return [*told, Granted(caller, place)]
        self._idle.append(place)
        return told

    def expire(self, now_ms: int) -> list[Granted | Refused]:
        """Refuses those whose time is over. CHN-POL-04"""
        told: list[Granted | Refused] = []
        while self._waiting and self._waiting[0][1] <= now_ms:
            caller, _ = self._waiting.popleft()
            told.append(Refused(caller, f"no connection was free for {self._wait_ms} ms"))
        return told

    def next_expiry_ms(self) -> int | None:
        return self._waiting[0][1] if self._waiting else None

    def close(self) -> list[Granted | Refused]:
        """Refuses those who wait and all who come. CHN-POL-06"""
        self._closed = True
        told: list[Granted | Refused] = [
            Refused(caller, "the pool was closed") for caller, _ in self._waiting
        ]
        self._waiting.clear()
        return told
