"""What a status worker shows: live values, gathered by the caller under its lock.

Times are whole seconds since 1970 unless the name says milliseconds; 0 where mod_jk shows 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from refjk.balancing import BalancerSettings, WorkerSnapshot
from refjk.configuration import AjpWorker, Lock, MountRule


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counters of a worker that no balancer counts for."""

    used: int = 0
    errors: int = 0
    client_errors: int = 0
    reply_timeouts: int = 0
    octets_written: int = 0
    octets_read: int = 0
    busy: int = 0
    busy_max: int = 0
    error_at_s: int | None = None


@dataclass(frozen=True, slots=True)
class AjpStatus:
    """A worker that rules lead to directly. `worker` holds the settings in force, after edits.

    `address` is `HOST:PORT` as it was resolved; empty: as it was written.
    """

    worker: AjpWorker
    traffic: Traffic = Traffic()
    connected: int = 0
    connected_max: int = 0
    last_reset_s: int = 0
    address: str = ""

    @property
    def name(self) -> str:
        return self.worker.name


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A worker of a balancer: what the balancer knows, and the connector's settings in force."""

    snapshot: WorkerSnapshot
    worker: AjpWorker
    connected: int = 0
    connected_max: int = 0
    last_reset_s: int = 0
    address: str = ""

    @property
    def name(self) -> str:
        return self.snapshot.name

    @property
    def domain(self) -> str:
        """The domain in force, possibly empty: of the settings, or what stands before a dot of the route."""
        settings = self.snapshot.settings
        if settings.domain is not None:
            return settings.domain
        head, dot, _ = settings.effective_route.partition(".")
        return head if dot else ""

    @property
    def error_at_s(self) -> int | None:
        """The first error of those that count now; an algorithm that keeps one time only has the last."""
        first = self.snapshot.first_error_at_s
        return self.snapshot.error_at_s if first is None else first


@dataclass(frozen=True, slots=True)
class BalancerStatus:
    """A balancer with the settings in force. `maintain_s` is the period of maintenance."""

    name: str
    settings: BalancerSettings
    members: tuple[MemberStatus, ...]
    lock: Lock = Lock.OPTIMISTIC
    busy: int = 0
    busy_max: int = 0
    maintain_s: int = 60
    maintained_at_s: int = 0
    last_reset_s: int = 0

    def member(self, name: str) -> MemberStatus | None:
        """The member of that name."""
        return next((member for member in self.members if member.name == name), None)


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """A rule and the name of the server whose rule it is."""

    rule: MountRule
    server: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything that can be asked for. `software` is the name and version of the front.

    `now_ms` is the time since 1970, `utc_offset_s` how far the local clock is ahead of UTC. `properties` are
    name and value as they were read at the start; secrets among them are left out when shown.
    """

    server_name: str
    server_port: int
    software: str
    now_ms: int
    balancers: tuple[BalancerStatus, ...] = ()
    workers: tuple[AjpStatus, ...] = ()
    rules: tuple[RuleStatus, ...] = ()
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    utc_offset_s: int = 0

    @property
    def now_s(self) -> int:
        return self.now_ms // 1000

    def find(self, name: str) -> BalancerStatus | AjpStatus | None:
        """The balancer or worker of that name."""
        known: tuple[BalancerStatus | AjpStatus, ...] = self.balancers + self.workers
        return next((found for found in known if found.name == name), None)

    def rules_of(self, name: str) -> Iterator[RuleStatus]:
        """The rules that name a worker, and those that count for all."""
        return (entry for entry in self.rules if entry.rule.worker in (name, "*"))
