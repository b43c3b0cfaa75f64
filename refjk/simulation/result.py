"""What a simulation came to, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refjk.simulation.scenario import Scenario
from refjk.simulation.subject import Member, Subject
from refjk.simulation.tally import Spread, part_us


@dataclass(frozen=True, slots=True)
class Times:
    """Many times in microseconds; the quantiles are right to 1 %."""

    count: int
    sum_us: int
    median_us: int
    p95_us: int
    p99_us: int
    longest_us: int

    @classmethod
    def of(cls, spread: Spread) -> Times:
        """From counts."""
        median_us, p95_us, p99_us = (spread.quantile_us(part) for part in (0.5, 0.95, 0.99))
        return cls(spread.count, spread.sum_us, median_us, p95_us, p99_us, spread.longest_us)


@dataclass(frozen=True, slots=True)
class WorkerResult:
    """One worker. `moved_out` and the losses are sessions that were here; `sessions` began here.

    `failed_attempts` counts how often it was given a request and did not serve it; `series` has the requests
    served in each equal part of the simulation; `share` is its part of all that were.
    """

    member: Member
    share: float
    sessions: int
    moved_in: int
    moved_out: int
    lost_by_move: int
    lost_by_restart: int
    failed_attempts: int
    open_max: int
    times: Times
    series: tuple[int, ...]

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.member.name

    @property
    def requests(self) -> int:
        """Those served."""
        return self.times.count


@dataclass(frozen=True, slots=True)
class Result:
    """All of it. `workers` are in the order of the configuration.

    `visits` are sessions that users began, `turned_away` the arrivals for whom no user was free, `statuses`
    the errors that users saw, `unfinished` the requests under way at the end. `waiting` has the requests that
    waited at all; the three sums say for what.
    """

    subject: Subject
    scenario: Scenario
    workers: tuple[WorkerResult, ...]
    visits: int
    turned_away: int
    statuses: Mapping[int, int]
    unfinished: int
    times: Times
    waiting: Times
    waiting_for_place_us: int
    waiting_between_tries_us: int
    waiting_for_thread_us: int
    error_series: tuple[int, ...]
    move_series: tuple[int, ...]

    @property
    def part_us(self) -> int:
        """How long each part of the series is."""
        return part_us(self.scenario.duration_us)

    @property
    def errors(self) -> int:
        """Requests that ended with one."""
        return sum(self.statuses.values())

    @property
    def requests(self) -> int:
        """Those that ended, served or not."""
        return self.times.count + self.errors

    @property
    def moves(self) -> int:
        """Sessions that changed the worker, each time it happened."""
        return sum(worker.moved_in for worker in self.workers)

    @property
    def lost_by_move(self) -> int:
        """Of these the ones that the new worker did not know."""
        return sum(worker.lost_by_move for worker in self.workers)

    @property
    def lost_by_restart(self) -> int:
        """Sessions that came back to their worker and were gone."""
        return sum(worker.lost_by_restart for worker in self.workers)
