"""What can be set on the front, with defaults and bounds."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, check_packet_size
from refjk.balancing import Balancer127, BalancerSettings, WorkerSettings
from refjk.balancing.cookies import COOKIE_NAME
from refjk.balancing.settings import RECOVER_TIME_S_DEFAULT
from refjk.base.errors import UsageError
from refjk.mapping import Mount
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import CONNECT_TIMEOUT_S, PING_TIMEOUT_S, REPLY_TIMEOUT_S

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


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """Times are seconds, sizes octets; infinity or None means without bound where allowed.

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
    replay_size: int = 65536  # of a request body, kept for sending it again
    body_size_max: int | None = 1 << 30
    header_count_max: int = 100
    threads: int = 64
    connections_max: int = 1024
    pool_size: int | None = None  # AJP connections to each worker; None: as many as threads
    connect_timeout_s: float = CONNECT_TIMEOUT_S  # also for a free connection of the pool
    ping_timeout_s: float = PING_TIMEOUT_S
    reply_timeout_s: float = REPLY_TIMEOUT_S  # until the worker says something
    read_timeout_s: float = 60.0  # to the end of a head, or the next octets of a body
    write_timeout_s: float = 60.0  # until the client takes more of an answer
    idle_timeout_s: float = 60.0  # between two requests of a client
    explain: bool = False  # tell containers why they were chosen, in a request attribute

    def __post_init__(self) -> None:
        for name in ("threads", "connections_max", "header_count_max"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is at least 1")
        if self.pool_size is not None and self.pool_size < 1:
            raise UsageError("a pool holds at least 1 connection")
        for name in ("retries", "replay_size", "recover_time_s"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is not negative")
        for name in ("connect", "ping", "reply", "read", "write", "idle"):
            value = getattr(self, f"{name}_timeout_s")
            if not value > 0 or math.isnan(value):
                raise UsageError(f"the {name} timeout is more than 0 seconds")
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

    def build_balancers(self) -> dict[str, Balancer127]:
        """Balancers at their start."""
        settings = BalancerSettings(sticky_session=self.sticky_session, recover_time_s=self.recover_time_s)
        by_name = {worker.name: worker.settings for worker in self.workers}
        return {
            name: Balancer127([by_name[member] for member in members], settings)
            for name, members in self.member_names().items()
        }


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
