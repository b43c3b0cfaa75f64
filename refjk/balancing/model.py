"""What goes into a balancer and what comes out of it, whichever algorithm decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from refjk.balancing.settings import Activation, BalancerSettings, WorkerSettings


@dataclass(frozen=True, slots=True)
class BalancingRule:
    """What the mount rule of a request changes for this request; only the algorithm 1.2.50 looks at it.

    `activations` is by name of the worker, `session_cookie` and `session_path` replace those of the balancer.
    """

    stateless: bool = False
    sticky_ignore: bool = False
    activations: Mapping[str, Activation] = field(default_factory=lambda: MappingProxyType({}))
    session_cookie: bytes | None = None
    session_path: bytes | None = None
    set_session_cookie: bool = False


NO_RULE = BalancingRule()


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a choice may depend on: the URI as it is forwarded, the values of the Cookie headers in order.

    The rest is for the algorithm 1.2.50: `route` is one that the web server itself has set for the request,
    `full` names the workers to which every connection of this process is in use, `is_secure` says that the
    client came by TLS.
    """

    uri: bytes
    cookie_headers: tuple[bytes, ...] = ()
    route: str | None = None
    rule: BalancingRule = NO_RULE
    full: Container[str] = ()
    is_secure: bool = False


class Outcome(Enum):
    """How the offer of a request to a worker ended.

    The algorithm 1.2.7 knows three kinds only: served, the client failed, and any failure of the worker.
    """

    SUCCESS = "success"  # answered, whatever the status (BAL-STA-05)
    CLIENT_ERROR = "client error"  # the client's body could not be read or the answer not be written
    FAILURE = "failure"  # no connection, or lost, or no CPONG, or an unknown packet
    NO_PLACE = "no place"  # every connection to the worker was in use for too long; nothing was sent
    BUSY = "busy"  # more requests are open on the worker than its busy_limit
    STATUS_FATAL = "fatal status"  # a status that puts the worker in error (fail_on_status)
    STATUS_SOFT = "soft status"  # a status for which only another worker is asked (fail_on_status, negative)
    REPLY_TIMEOUT = "reply timeout"
    PROTOCOL_ERROR = "protocol error"  # octets that are no packet
    SERVER_ERROR = "server error"  # the web server's own


class WorkerState(Enum):
    """What a balancer thinks of a worker. 1.2.7 knows ok, error and probing."""

    IDLE = "idle"  # ok, and not used for a while
    OK = "ok"
    RECOVERING = "recovering"  # was in error, and the next request may find out whether it still is
    FORCED = "forced"  # in error, and tried because nobody else is left
    BUSY = "busy"  # no place was free
    ERROR = "error"
    PROBING = "probing"  # a request is finding out whether the error is over


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """The observable values of one worker. Times are whole seconds, None when unset.

    `error_at_s` is the time of the last error and None when the worker has none. What follows it belongs to
    the algorithm 1.2.50; `settings` are those in force after edits.
    """

    name: str
    value: int
    state: WorkerState
    error_at_s: int | None
    settings: WorkerSettings
    first_error_at_s: int | None = None
    multiplicity: int = 1
    open: int = 0  # requests at this moment
    open_max: int = 0
    elected: int = 0
    sessions: int = 0
    errors: int = 0
    client_errors: int = 0
    reply_timeouts: int = 0
    octets_read: int = 0
    octets_written: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker that could have been chosen, with its value before and after the choice."""

    name: str
    value_before: int
    value_after: int


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A worker that was looked at and could not be chosen, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Why:
    """The clause that decided, the session id it looked at, and who took part."""

    clause: str
    session_id: bytes | None
    candidates: tuple[Candidate, ...]
    passed_over: tuple[PassedOver, ...] = ()

    def __str__(self) -> str:
        parts = [f"{c.name} {c.value_before}→{c.value_after}" for c in self.candidates]
        parts += [f"not {other.name} ({other.reason})" for other in self.passed_over]
        origin = "" if self.session_id is None else f" for session {self.session_id.decode('latin-1')!r}"
        return f"{self.clause}{origin}: {', '.join(parts)}"


@dataclass(slots=True, eq=False)
class Decision(ABC):
    """One worker chosen for one attempt of a request; belongs to the balancer that made it.

    `index` is the worker's position in `workers` of the balancer, `attempt` counts from 1, `probe` says that
    the worker was in error and is being tried by this very request, `is_sticky` that a session id named it.
    `route` is the route to send to the worker, `session_cookie` the value of a Set-Cookie header to send to
    the client, if any.
    """

    worker: WorkerSettings
    index: int
    attempt: int
    probe: bool
    clause: str
    session_id: bytes | None
    is_sticky: bool
    route: str
    activation: Activation
    session_cookie: str | None = field(default=None, init=False)
    is_started: bool = field(default=False, init=False)
    reported: bool = field(default=False, init=False)

    @property
    @abstractmethod
    def why(self) -> Why:
        """The reasons, put into words only when somebody asks."""


@dataclass(slots=True, eq=False)
class Wait:
    """Nobody now: ask again, with this in the place of the last decision, when `wait_ms` have passed."""

    wait_ms: int
    clause: str


class Algorithm(Protocol):
    """One balancer, whichever algorithm it follows. See the package for the order of calls."""

    @property
    def settings(self) -> BalancerSettings: ...

    @property
    def workers(self) -> tuple[WorkerSettings, ...]: ...

    @property
    def status_no_worker(self) -> int:
        """For the client when `choose` has answered None."""

    def choose(
        self, facts: RequestFacts, now_ms: int, after: Decision | Wait | None = None
    ) -> Decision | Wait | None:
        """The worker for the next attempt; a wait; None when nobody may have the request.

        `after` is what this method said before about the same request; a decision must have been reported.
        """

    def start(self, decision: Decision) -> None:
        """A place at the chosen worker was got, and the request is on its way to it."""

    def report(
        self,
        decision: Decision,
        outcome: Outcome,
        now_ms: int,
        *,
        again: bool = True,
        octets_read: int = 0,
        octets_written: int = 0,
        reply_timeouts: int = 0,
    ) -> bool:
        """Learns how an attempt ended; True when `choose` shall be asked again for this request.

        `again` off: too much was sent, no other worker may have the request. The octets are those between web
        server and worker in this attempt; `reply_timeouts` counts the tries of this attempt that waited in
        vain, if there was more than one.
        """

    def maintain(self, now_ms: int, period_s: int) -> int:
        """The regular work on values and states; returns by how many halvings values were lowered."""

    def snapshot(self) -> tuple[WorkerSnapshot, ...]:
        """The observable values of all workers, in the order of `workers`."""
