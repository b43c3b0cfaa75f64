"""Simulated time: a heap of what will happen."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

# What is called when the time has come: with its subject, and the number under which it was added.
Handler = Callable[[Any, int], None]


class Agenda:
    """Events in the order of their times; of equal times in the order in which they were added."""

    __slots__ = ("_added", "_heap", "now_us")

    def __init__(self) -> None:
        self.now_us = 0
        self._heap: list[tuple[int, int, Handler, Any]] = []
        self._added = 0

    def add(self, delay_us: int, handler: Handler, subject: Any = None) -> int:
        """Calls the handler so much later; returns the event's number, above 0 and never repeated."""
        self._added = number = self._added + 1
        heapq.heappush(self._heap, (self.now_us + delay_us, number, handler, subject))
        return number

    def run(self, until_us: int) -> None:
        """Lets everything happen that is due before `until_us`."""
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] < until_us:
            self.now_us, number, handler, subject = pop(heap)
            handler(subject, number)
        self.now_us = until_us
