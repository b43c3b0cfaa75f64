"""What can be set on the front, with defaults and bounds."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, check_packet_size
from refjk.balancing import BalancerSettings, WorkerSettings
from refjk.balancing.cookies import COOKIE_NAME
from refjk.balancing.settings import RECOVER_TIME_S_DEFAULT
from refjk.base.errors import UsageError
from refjk.mapping import Mount, Rule
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import CONNECT_TIMEOUT_S, PING_TIMEOUT_S, REPLY_TIMEOUT_S
from refjk.webserver import NO_EXTENSIONS, BalancerPlan, HostPlan, Plan, Recovery, Style, WorkerPlan

BALANCER_DEFAULT = "balancer"


@dataclass(frozen=True, slots=True)
class FrontWorker:
    """One container: where it is, how to speak with it, and what its balancer has to know."""

    settings: WorkerSettings
    address: Address
    secret: bytes | None = None
    packet_size: int = PACKET_SIZE_DEFAULT

    def __post_init__(self) -> None:
        try:
            check_packet_size(self.packet_size)
        except ValueError as error:
            raise UsageError(f"worker {self.name}: {error}") from None

    @property
    def name(self) -> str:
        return self.settings.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSettings:
    """What holds for clients and for the front itself, wherever its plan comes from.

    Times are seconds, sizes octets; infinity or None means without bound where allowed. Raises `UsageError`.
    """

    replay_size: int = 65536  # of a request body, kept for sending it again
    body_size_max: int | None = 1 << 30
    header_count_max: int = 100
    threads: int = 64
    connections_max: int = 1024
    read_timeout_s: float = 60.0  # to the end of a head, or the next octets of a body
    write_timeout_s: float = 60.0  # until the client takes more of an answer
    idle_timeout_s: float = 60.0  # between two requests of a client
    explain: bool = False  # tell containers why they were chosen, in a request attribute

    def __post_init__(self) -> None:
        for name in ("threads", "connections_max", "header_count_max"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is at least 1")
        _check_not_negative(self, "replay_size")
        _check_timeouts(self, "read", "write", "idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontSettings(ServingSettings):
    """A front without files: workers, mounts and balancers are given here.

    `balancers` maps names to the names of their workers; without any, one called `balancer`
    has them all. Raises `UsageError` for what does not fit together.
    """

    workers: tuple[FrontWorker, ...]
    mounts: tuple[Mount, ...]
    balancers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sticky_session: bool = True
    session_cookie: bytes = COOKIE_NAME
    recover_time_s: int = RECOVER_TIME_S_DEFAULT
    retries: int = 1  # further tries with the same worker when a connection broke
    pool_size: int | None = None  # AJP connections to each worker; None: as many as threads
    connect_timeout_s: float = CONNECT_TIMEOUT_S  # also for a free connection of the pool
    ping_timeout_s: float = PING_TIMEOUT_S
    reply_timeout_s: float = REPLY_TIMEOUT_S  # until the worker says something

    def __post_init__(self) -> None:
        ServingSettings.__post_init__(self)
        if self.pool_size is not None and self.pool_size < 1:
            raise UsageError("a pool holds at least 1 connection")
        _check_not_negative(self, "retries", "recover_time_s")
        _check_timeouts(self, "connect", "ping", "reply")
        self._check_names()

    def _check_names(self) -> None:
        if not self.workers:
            raise UsageError("no worker; name one with --worker NAME=HOST:PORT")
        if not self.mounts:
            raise UsageError(f"no mount; give all paths away with --mount '/*={BALANCER_DEFAULT}'")
        names = [worker.name for worker in self.workers]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"two workers are called {name}")
        for balancer, members in self.member_names().items():
            if balancer in names:
                raise UsageError(f"{balancer} is the name of a worker and of a balancer")
            for member in members:
                if member not in names:
                    raise UsageError(f"balancer {balancer}: no worker {member!r}{_nearest(member, names)}")
        known = [*self.member_names(), *names]
        for mount in self.mounts:
            if mount.worker not in known:
                raise UsageError(
                    f"mount {mount.pattern}: no worker or balancer {mount.worker!r}"
                    f"{_nearest(mount.worker, known)}"
                )

    def member_names(self) -> Mapping[str, tuple[str, ...]]:
        """The workers of each balancer."""
        return self.balancers or {BALANCER_DEFAULT: tuple(worker.name for worker in self.workers)}

    def plan(self) -> Plan:
        """What is to be done, by refjk's own rules for sending again (FWD-RTY)."""
        settings = BalancerSettings(sticky_session=self.sticky_session, recover_time_s=self.recover_time_s)
        by_name = {worker.name: worker.settings for worker in self.workers}
        timeout_ms = None if math.isinf(self.reply_timeout_s) else int(self.reply_timeout_s * 1000)
        recovery = Recovery(tries=self.retries + 1, reply_timeout_ms=timeout_ms)
        mounts = tuple(
            Rule(rule.pattern, rule.worker, NO_EXTENSIONS, rule.exclude, rule.disabled, rule.source)
            for rule in self.mounts
        )
        return Plan(
            style=Style.REFJK,
            hosts=(HostPlan(mounts=mounts),),
            workers={
                worker.name: WorkerPlan(
                    worker.name,
                    worker.address.host,
                    worker.address.port,
                    worker.secret,
                    worker.packet_size,
                    recovery=recovery,
                )
                for worker in self.workers
            },
            balancers={
                name: BalancerPlan(
                    name, settings, tuple(by_name[member] for member in members), self.session_cookie
                )
                for name, members in self.member_names().items()
            },
        )


def _check_not_negative(settings: object, *names: str) -> None:
    for name in names:
        if getattr(settings, name) < 0:
            raise UsageError(f"{name} is not negative")


def _check_timeouts(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, f"{name}_timeout_s")
        if not value > 0 or math.isnan(value):
            raise UsageError(f"the {name} timeout is more than 0 seconds")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
