"""The balancer that is simulated, from the user's own configuration."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from refjk.balancing import Algorithm, Balancer127, Balancer1250, BalancerSettings, WorkerSettings
from refjk.base.errors import InputError, UsageError
from refjk.configuration import BalancerWorker, Profile, Workers
from refjk.configuration import Member as ConfiguredMember
from refjk.webserver import Ending, balancer_settings, judge, member_settings, recovery_of


@dataclass(frozen=True, slots=True)
class Member:
    """A worker, and what the web server does with it beside balancing. Times in ms.

    `places`: how many requests it may be given at once (None: any number), for which a request waits up to
    `acquire_timeout_ms`. A request has `tries`, with a pause before each from number `pause_from` on. The
    rest says whether it may be tried again once it was sent; requests are taken for GET without a body.
    """

    settings: WorkerSettings
    places: int | None
    acquire_timeout_ms: int
    tries: int
    pause_ms: int
    pause_from: int
    reply_timeout_ms: int
    is_repeated_when_broken: bool
    is_repeated_when_late: bool

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.settings.name


@dataclass(frozen=True, slots=True)
class Subject:
    """A balancer before anything has happened. Members stand as they are written."""

    name: str
    profile: Profile
    settings: BalancerSettings
    members: tuple[Member, ...]
    maintain_s: int

    def balancer(self) -> Algorithm:
        """A new one; its workers may have another order."""
        workers = [member.settings for member in self.members]
        if self.profile is Profile.V1_2_7:
            return Balancer127(workers, self.settings)
        return Balancer1250(workers, self.settings)

    @property
    def can_drain(self) -> bool:
        """Whether the activation of a worker can be set while the web server runs."""
        return self.profile is not Profile.V1_2_7

    def check_worker(self, name: str) -> None:
        """Raises `UsageError` when there is no such member."""
        names = [member.name for member in self.members]
        if name not in names:
            raise UsageError(f"the balancer {self.name} has no worker {name!r}; {_hint(name, names)}")


def choose_balancer(workers: Workers, name: str | None = None) -> BalancerWorker:
    """The balancer of that name, or the only one.

    Raises `InputError` when there is no balancer at all, `UsageError` when one has to be chosen.
    """
    balancers = {key: one for key, one in workers.workers.items() if isinstance(one, BalancerWorker)}
    if name is None and len(balancers) == 1:
        return next(iter(balancers.values()))
    if name in balancers:
        return balancers[name]
    if not balancers:
        raise InputError("there is no balancer to simulate: no worker of type lb is in the worker.list")
    if name is None:
        raise UsageError(f"choose one of the balancers {', '.join(balancers)}")
    raise UsageError(f"there is no balancer {name!r}; {_hint(name, list(balancers))}")


def _hint(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f"the nearest name is {near[0]}" if near else f"there are {', '.join(names[:20])}"


def read_subject(workers: Workers, name: str | None = None, processes: int = 1) -> Subject:
    """What is to be simulated of `choose_balancer`; `processes` of the web server share the load."""
    balancer = choose_balancer(workers, name)
    return Subject(
        balancer.name,
        workers.profile,
        balancer_settings(balancer, workers.profile),
        tuple(_member(member, balancer, workers.profile, processes) for member in balancer.members),
        workers.maintain,
    )


def _member(member: ConfiguredMember, balancer: BalancerWorker, profile: Profile, processes: int) -> Member:
    worker, is_old = member.worker, profile is Profile.V1_2_7
    recovery = recovery_of(worker, profile, balancer)
    return Member(
        settings=member_settings(member),
        # 1.2.7 opens a connection more than its cache holds whenever it needs one.
        places=None if is_old else worker.connection_pool_size * processes,
        acquire_timeout_ms=worker.connection_acquire_timeout,
        tries=recovery.tries,
        pause_ms=recovery.pause_ms,
        pause_from=recovery.pause_from,
        reply_timeout_ms=worker.reply_timeout,
        is_repeated_when_broken=judge(Ending.BROKEN, recovery, b"GET", is_held=True).other,
        is_repeated_when_late=judge(Ending.SILENT, recovery, b"GET", is_held=True).other,
    )
