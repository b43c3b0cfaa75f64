"""The balancer that is simulated, from the user's own configuration."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from refjk.balancing import (
    Activation,
    Algorithm,
    Balancer127,
    Balancer1250,
    BalancerSettings,
    Method,
    WorkerSettings,
)
from refjk.base.errors import InputError, UsageError
from refjk.configuration import BalancerWorker, Profile, RecoveryOption, Workers
from refjk.configuration import Member as ConfiguredMember


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
        _settings(balancer, workers.profile),
        tuple(_member(member, balancer, workers.profile, processes) for member in balancer.members),
        workers.maintain,
    )


def _settings(balancer: BalancerWorker, profile: Profile) -> BalancerSettings:
    if profile is Profile.V1_2_7:
        return BalancerSettings(
            sticky_session=balancer.sticky_session,
            local_worker_only=balancer.local_worker_only,
            recover_time_s=balancer.recover_time,
        )
    return BalancerSettings(
        sticky_session=balancer.sticky_session,
        recover_time_s=balancer.recover_time,
        sticky_session_force=balancer.sticky_session_force,
        method=Method(balancer.method.value[0]),
        retries=balancer.retries,
        retry_interval_ms=balancer.retry_interval,
        lb_retries=balancer.lb_retries,
        error_escalation_time_s=balancer.error_escalation_time,
        max_reply_timeouts=balancer.max_reply_timeouts,
        session_cookie=balancer.session_cookie.encode(),
        session_path=balancer.session_path.encode(),
        set_session_cookie=balancer.set_session_cookie,
        session_cookie_path=balancer.session_cookie_path,
    )


def _member(member: ConfiguredMember, balancer: BalancerWorker, profile: Profile, processes: int) -> Member:
    worker, is_old = member.worker, profile is Profile.V1_2_7
    bits = worker.recovery_options
    is_kept = bool(bits & RecoveryOption.NOT_AFTER_REQUEST)
    if not is_old and bits & RecoveryOption.GET_ALWAYS and not bits & RecoveryOption.HEAD_ALWAYS:
        is_kept = False
    return Member(
        settings=WorkerSettings(
            member.name,
            factor=member.lbfactor,
            domain=member.domain,
            local=member.local_worker,
            route=member.route,
            redirect=member.redirect,
            distance=member.distance,
            activation=Activation[member.activation.name],
            busy_limit=worker.busy_limit,
        ),
        # 1.2.7 opens a connection more than its cache holds whenever it needs one.
        places=None if is_old else worker.connection_pool_size * processes,
        acquire_timeout_ms=worker.connection_acquire_timeout,
        # In 1.2.7 the tries of a member are those of its balancer, and the first three have no pause.
        tries=balancer.retries if is_old else worker.retries,
        pause_ms=100 if is_old else worker.retry_interval,
        pause_from=5 if is_old else 2,
        reply_timeout_ms=worker.reply_timeout,
        is_repeated_when_broken=not is_kept,
        is_repeated_when_late=is_old or not is_kept,
    )
