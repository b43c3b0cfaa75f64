"""Settings of a balancer and its workers, for both algorithms: each looks at those it knows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

DOMAIN_DEFAULT = "unknown"
RECOVER_TIME_S_DEFAULT = 60


class Activation(IntEnum):
    """What a worker may be given."""

    ACTIVE = 0  # everything
    DISABLED = 1  # requests of its own sessions
    STOPPED = 2  # nothing

    @property
    def sent(self) -> str:
        """The word that is sent to the worker."""
        return ("ACT", "DIS", "STP")[self]


class Method(Enum):
    """What the values of 1.2.50 count."""

    REQUESTS = "R"
    TRAFFIC = "T"  # octets
    BUSYNESS = "B"  # requests open at this moment
    SESSIONS = "S"  # requests without a session
    NEXT = "N"  # the same, and values sink by the least of them instead of being halved


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """One worker of a balancer; raises `ValueError` when a number makes no sense.

    `local` is for 1.2.7; `redirect` (a route), `distance`, `activation` and `busy_limit` are for 1.2.50.
    Without a `route` the name is the route. Without a `domain` the domain is `unknown` in 1.2.7; in 1.2.50 it
    is what stands before the first dot of the route, if there is a dot.
    """

    name: str
    factor: int = 1
    domain: str | None = None
    local: bool = False
    route: str | None = None
    redirect: str | None = None
    distance: int = 0
    activation: Activation = Activation.ACTIVE
    busy_limit: int = 0  # 0: none

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"factor {self.factor} of worker {self.name} is below 1")

    @property
    def effective_route(self) -> str:
        return self.name if self.route is None else self.route


@dataclass(frozen=True, slots=True)
class BalancerSettings:
    """What holds for all workers of a balancer; raises `ValueError` when a number makes no sense.

    1.2.7 looks at `sticky_session`, `local_worker_only` and `recover_time_s`; 1.2.50 at all but
    `local_worker_only`. `retries` counts rounds, `lb_retries` the tries of each.
    """

    sticky_session: bool = True
    local_worker_only: bool = False
    recover_time_s: int = RECOVER_TIME_S_DEFAULT
    sticky_session_force: bool = False
    method: Method = Method.REQUESTS
    retries: int = 2
    retry_interval_ms: int = 100
    lb_retries: int = 2
    error_escalation_time_s: int | None = None  # None: half of recover_time_s
    max_reply_timeouts: int = 0
    session_cookie: bytes = b"JSESSIONID"
    session_path: bytes = b";jsessionid"
    set_session_cookie: bool = False
    session_cookie_path: str = "/"

    def __post_init__(self) -> None:
        if self.recover_time_s < 0:
            raise ValueError(f"recover time of {self.recover_time_s} s is negative")
        if self.retries < 1 or self.lb_retries < 1:
            raise ValueError("a request needs at least one try")
        if self.retry_interval_ms < 0:
            raise ValueError(f"retry interval of {self.retry_interval_ms} ms is negative")

    @property
    def escalation_time_s(self) -> int:
        # BAL-CFG-05
        if self.error_escalation_time_s is None:
            return self.recover_time_s // 2
        return self.error_escalation_time_s
