"""When a node announces itself."""

from __future__ import annotations


class HeartbeatSchedule:
    """First listens for a pause, then announces at once and every `frequency_ms` after the last time.

    MEM-HBT-02
    """

    def __init__(self, frequency_ms: int, pause_ms: int) -> None:
        self._frequency_ms = frequency_ms
        self._pause_ms = pause_ms
        self._next_ms: int | None = None
        self._since_ms: int | None = None

    def start(self, now_ms: int) -> None:
        """The group was joined: level 1. MEM-HBT-01"""
        self._next_ms = now_ms + self._pause_ms
        self._since_ms = None

    def stop(self) -> None:
        self._next_ms = self._since_ms = None

    def due(self, now_ms: int) -> int | None:
        """The alive time to announce now, or None.

        One announcement is due however late the call comes (MEM-HBT-06), and the next one a full
        frequency later, whether or not this one can be sent (MEM-HBT-04).
        """
        if self._next_ms is None or now_ms < self._next_ms:
            return None
        if self._since_ms is None:
            self._since_ms = now_ms  # level 2 begins (MEM-HBT-03)
        self._next_ms = now_ms + self._frequency_ms
        return now_ms - self._since_ms

    @property
    def announcing(self) -> bool:
        """Whether level 2 has begun."""
        return self._since_ms is not None

    def alive_ms(self, now_ms: int) -> int:
        """How long this node has been announcing itself; 0 before."""
        return 0 if self._since_ms is None else now_ms - self._since_ms

    def next_wakeup_ms(self) -> int | None:
        return self._next_ms
