"""Counts of a simulation while it runs; their number does not grow with its length."""

from __future__ import annotations

import math

PARTS = 200
_STEPS_PER_E = 50  # the upper edge of a step is 2 % above the lower one
_STEPS = 33 * _STEPS_PER_E  # enough for a year and more


def part_us(duration_us: int) -> int:
    """How long each of `PARTS` equal parts is, so that the last one may end later than the simulation."""
    return -(-duration_us // PARTS)


class Spread:
    """How long many things took, in steps of 2 %."""

    __slots__ = ("_counts", "count", "longest_us", "shortest_us", "sum_us")

    def __init__(self) -> None:
        self._counts = [0] * _STEPS
        self.count = 0
        self.sum_us = 0
        self.longest_us = 0
        self.shortest_us = 1 << 62

    def add(self, time_us: int) -> None:
        """One more."""
        self.count += 1
        self.sum_us += time_us
        if time_us > self.longest_us:
            self.longest_us = time_us
        if time_us < self.shortest_us:
            self.shortest_us = time_us
        self._counts[int(math.log(time_us + 1) * _STEPS_PER_E)] += 1

    def add_all(self, other: Spread) -> None:
        """All of another one."""
        self.count += other.count
        self.sum_us += other.sum_us
        self.longest_us = max(self.longest_us, other.longest_us)
        self.shortest_us = min(self.shortest_us, other.shortest_us)
        for step, count in enumerate(other._counts):
            self._counts[step] += count

    def quantile_us(self, part: float) -> int:
        """The time that this part of all did not exceed; 0 when there was none."""
        due = math.ceil(part * self.count)
        if not due:
            return 0
        for step, count in enumerate(self._counts):
            due -= count
            if due <= 0:
                middle_us = int(math.exp((step + 0.5) / _STEPS_PER_E))
                return min(max(middle_us, self.shortest_us), self.longest_us)
        raise AssertionError("the counts add up to `count`")


class WorkerTally:
    """What one worker did. A series has a number for each of `PARTS` equal parts of the simulation."""

    __slots__ = (
        "failed_attempts",
        "lost_by_move",
        "lost_by_restart",
        "moved_in",
        "moved_out",
        "open_max",
        "series",
        "sessions",
        "times",
    )

    def __init__(self) -> None:
        self.series = [0] * PARTS  # requests served
        self.times = Spread()  # of requests served, as the client sees it
        self.sessions = 0  # begun here
        self.moved_in = 0
        self.moved_out = 0
        self.lost_by_move = 0  # that were here
        self.lost_by_restart = 0
        self.failed_attempts = 0
        self.open_max = 0


class Tally:
    """What happened to everybody together. Waiting is by reason, in microseconds."""

    def __init__(self) -> None:
        self.error_series = [0] * PARTS
        self.move_series = [0] * PARTS
        self.statuses: dict[int, int] = {}
        self.waiting = Spread()  # of requests that had to
        self.place_us = 0
        self.pause_us = 0
        self.thread_us = 0
        self.visits = 0
        self.begun = 0  # requests
        self.turned_away = 0
