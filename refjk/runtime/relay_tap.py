"""What a relay has seen, and the bounded queue through which another thread looks at it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

SIZE_MAX = 16 << 20  # octets that may wait to be looked at
COUNT_MAX = 1 << 16  # events
_WAKEUP_S = 0.5


@dataclass(frozen=True, slots=True)
class RelayOpened:
    """A connection through the relay; numbers count from 1. Addresses are what TCP says."""

    connection: int
    time_ns: int
    web_server: tuple[str, int]
    container: tuple[str, int]


@dataclass(frozen=True, slots=True)
class RelayPassed:
    """Octets that were read from one side. `lost` octets of that side before them were dropped."""

    connection: int
    time_ns: int
    toward_container: bool
    data: bytes
    lost: int = 0


@dataclass(frozen=True, slots=True)
class RelayEnded:
    """One side ended the connection, orderly or not; `lost` as above."""

    connection: int
    time_ns: int
    by_web_server: bool
    reset: bool
    lost: int = 0


@dataclass(frozen=True, slots=True)
class RelayFailed:
    """The container could not be reached, so the web server's connection was closed."""

    connection: int
    time_ns: int
    reason: str


_Losing = TypeVar("_Losing", RelayPassed, RelayEnded)
RelayEvent = RelayOpened | RelayPassed | RelayEnded | RelayFailed


class Tap:
    """Where to look from: a bounded queue between the relay's thread and another one."""

    def __init__(self, size_max: int = SIZE_MAX, count_max: int = COUNT_MAX) -> None:
        self._size_max = size_max
        self._count_max = count_max
        self._condition = threading.Condition()
        self._events: deque[RelayEvent] = deque()
        self._size = 0
        self._lost: dict[tuple[int, bool], int] = {}
        self._closed = False
        self.octets_lost = 0
        self.events_lost = 0

    def put(self, event: RelayEvent) -> None:
        """Add an event; the octets of one that finds no room are counted and dropped.

        Events without octets have a little more room, so that ends are told even then.
        """
        with self._condition:
            if len(self._events) >= 2 * self._count_max:
                self.events_lost += 1
                return
            if isinstance(event, RelayPassed):
                size = len(event.data)
                if self._size + size > self._size_max or len(self._events) >= self._count_max:
                    self._lose(event.connection, event.toward_container, size)
                    return
                self._size += size
                event = self._with_lost(event, event.toward_container)
            elif isinstance(event, RelayEnded):
                event = self._with_lost(event, event.by_web_server)
                if event.reset:
                    self._lost.pop((event.connection, not event.by_web_server), None)
            self._events.append(event)
            self._condition.notify()

    def _lose(self, connection: int, toward_container: bool, size: int) -> None:
        key = (connection, toward_container)
        self._lost[key] = self._lost.get(key, 0) + size
        self.octets_lost += size

    def _with_lost(self, event: _Losing, toward_container: bool) -> _Losing:
        lost = self._lost.pop((event.connection, toward_container), 0)
        return replace(event, lost=lost) if lost else event

    def take(self, timeout_s: float) -> RelayEvent | None:
        """The next event; None when none came in time, or none is left after `close`."""
        with self._condition:
            if not self._events and not self._closed:
                self._condition.wait(timeout_s)
            if not self._events:
                return None
            event = self._events.popleft()
            if isinstance(event, RelayPassed):
                self._size -= len(event.data)
            return event

    @property
    def untold(self) -> Mapping[tuple[int, bool], int]:
        """Octets lost by connection and direction (toward the container or not) since the last event
        that told of a loss there."""
        return self._lost

    def close(self) -> None:
        """Nothing will be added any more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def events(self) -> Iterator[RelayEvent]:
        """All events, as they come, until `close`."""
        while True:
            event = self.take(_WAKEUP_S)
            if event is not None:
                yield event
            elif self._closed:
                return
