"""What goes into a balancer and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

DOMAIN_DEFAULT = "unknown"
RECOVER_TIME_S_DEFAULT = 60

# BAL-REC-05
STATUS_NO_WORKER = 500


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """One worker of a balancer; raises `ValueError` when the factor is not positive."""

    name: str
    factor: int = 1
    domain: str = DOMAIN_DEFAULT
    local: bool = False
    route: str | None = None  # None: the name is the route

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"factor {self.factor} of worker {self.name} is below 1")


@dataclass(frozen=True, slots=True)
class BalancerSettings:
    """What holds for all workers of a balancer; raises `ValueError` for a negative time."""

    sticky_session: bool = True
    local_worker_only: bool = False
    recover_time_s: int = RECOVER_TIME_S_DEFAULT

    def __post_init__(self) -> None:
        if self.recover_time_s < 0:
            raise ValueError(f"recover time of {self.recover_time_s} s is negative")


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a choice may depend on: the URI as it is forwarded, the values of the Cookie headers in order."""

    uri: bytes
    cookie_headers: tuple[bytes, ...] = ()


class Outcome(Enum):
    """How the offer of a request to a worker ended, whatever status the answer carried (BAL-STA-05)."""

    SUCCESS = "success"
    CLIENT_ERROR = "client error"  # the client's body could not be read or the answer not be written
    FAILURE = "failure"  # another worker may have the request
    FAILURE_FINAL = "final failure"  # too much was sent already: nobody else may have it


class WorkerState(Enum):
    """Error flag and probe flag of a worker in one word."""

    OK = "ok"
    ERROR = "error"
    PROBING = "probing"  # in error, and one request is finding out whether it still is


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """The observable values of one worker; `error_at_s` is None unless it is in error."""

    name: str
    value: int
    state: WorkerState
    error_at_s: int | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker that could have been chosen, with its quota before and after the choice."""

    name: str
    value_before: int
    value_after: int


@dataclass(frozen=True, slots=True)
class Why:
    """The clause that decided, the session id it looked at, and who took part."""

    clause: str
    session_id: bytes | None
    candidates: tuple[Candidate, ...]

    def __str__(self) -> str:
        values = ", ".join(f"{c.name} {c.value_before}→{c.value_after}" for c in self.candidates)
        origin = "" if self.session_id is None else f" for session {self.session_id.decode('latin-1')!r}"
        return f"{self.clause}{origin}: {values}"


@dataclass(slots=True, eq=False)
class Decision:
    """One worker chosen for one attempt of a request; belongs to the balancer that made it.

    `index` is the worker's position in `Balancer.workers` and `position` the one in `eligible`, `attempt`
    counts from 1, `probe` says that the worker was in error and is being tried by this very request.
    """

    worker: WorkerSettings
    index: int
    attempt: int
    probe: bool
    clause: str
    session_id: bytes | None
    eligible: Sequence[WorkerSettings]
    position: int
    values_after: Sequence[int]
    quota_taken: int  # what the chosen worker paid; 0 when it was not chosen by weight
    reported: bool = False

    @property
    def route(self) -> str:
        """The route to send to the worker."""
        # BAL-STK-05
        return self.worker.name if self.worker.route is None else self.worker.route

    @property
    def why(self) -> Why:
        """The reasons, put into words only when somebody asks."""
        candidates = []
        for position, settings in enumerate(self.eligible):
            after = self.values_after[position]
            gained = settings.factor if self.quota_taken else 0
            paid = self.quota_taken if position == self.position else 0
            candidates.append(Candidate(settings.name, after - gained + paid, after))
        return Why(self.clause, self.session_id, tuple(candidates))
