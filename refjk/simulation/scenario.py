"""What happens to a balancer in a simulation: who comes, how long things take, what fails."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from refjk.balancing import Activation
from refjk.simulation.distributions import Distribution, Exponential

SECOND_US = 1_000_000
USERS_MAX = 200_000
THREADS_DEFAULT = 200
THINK_MIN_US = 1000
THINK_DEFAULT = Exponential(5 * SECOND_US)
RESPONSE_DEFAULT = Exponential(50_000)


class Replication(Enum):
    """Which containers have the sessions of a container."""

    NONE = "none"  # it alone
    DOMAIN = "domain"  # those of its domain
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When users come: the time from one to the next, a mean of it if `is_random`."""

    between_us: int
    is_random: bool


@dataclass(frozen=True, slots=True)
class Outage:
    """A container is dead: it refuses connections, and what it was serving breaks off. None: to the end."""

    worker: str
    from_us: int
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class Drain:
    """An operator sets the activation of a worker, and sets it back. None: to the end."""

    worker: str
    from_us: int
    to_us: int | None = None
    activation: Activation = Activation.DISABLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A simulation, but for the balancer. Raises `ValueError` for numbers that make no sense.

    Without `arrivals` all `users` are there all the time, and each begins a new session after the last one.
    With them a user comes, has one session and goes; `users` is how many can be there at once.
    `session_length` is the mean number of requests in a session, `responses` is by name of the worker and
    goes before `response`, `threads` is what each container has (0: any number).
    """

    seed: int
    users: int = 1000
    duration_us: int = 600 * SECOND_US
    arrivals: Arrivals | None = None
    session_length: float = 20.0
    think: Distribution = THINK_DEFAULT
    response: Distribution = RESPONSE_DEFAULT
    responses: Mapping[str, Distribution] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    drains: tuple[Drain, ...] = ()
    replication: Replication = Replication.NONE
    threads: int = THREADS_DEFAULT

    def __post_init__(self) -> None:
        if not 1 <= self.users <= USERS_MAX:
            raise ValueError(f"{self.users} users are not within 1 to {USERS_MAX}")
        if self.duration_us < 1:
            raise ValueError("a duration of 0 leaves nothing to simulate")
        if not 1 <= self.session_length < 1e9:
            raise ValueError("a session has at least 1 request, and less than 1e9")
        # Who is refused at once and asks again at once would stop the time.
        if self.think.typical_us < THINK_MIN_US:
            raise ValueError(f"users think for at least {THINK_MIN_US // 1000} ms between requests")
        for span in self.spans:
            if span.from_us >= self.duration_us:
                raise ValueError(f"what begins at {span.from_us / SECOND_US:g} s is never played")
        _check_apart("outages", self.outages)
        _check_apart("drains", self.drains)

    @property
    def spans(self) -> list[Outage | Drain]:
        """All of both."""
        return [*self.outages, *self.drains]

    @property
    def named_workers(self) -> list[str]:
        """The workers that it speaks of."""
        return [*self.responses, *(span.worker for span in self.spans)]


def _check_apart(what: str, spans: Iterable[Outage | Drain]) -> None:
    ends: dict[str, float] = {}
    for span in sorted(spans, key=lambda one: one.from_us):
        if span.from_us < ends.get(span.worker, 0):
            raise ValueError(f"{what} of {span.worker} overlap")
        ends[span.worker] = math.inf if span.to_us is None else span.to_us
