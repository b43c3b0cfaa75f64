"""The balancer of mod_jk 1.2.7: quotas, sticky sessions, domains, local workers, recovery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refjk.balancing.cookies import request_session_ids, route_of
from refjk.balancing.model import (
    Candidate,
    Decision,
    Outcome,
    RequestFacts,
    Wait,
    Why,
    WorkerSnapshot,
    WorkerState,
)
from refjk.balancing.settings import DOMAIN_DEFAULT, Activation, BalancerSettings, WorkerSettings
from refjk.base.errors import InputError, LocalProtocolError


@dataclass(slots=True, eq=False)
class _Decision(Decision):
    """`position` is the worker's position in `eligible`."""

    eligible: Sequence[WorkerSettings]
    position: int
    values_after: Sequence[int]
    quota_taken: int  # what the chosen worker paid; 0 when it was not chosen by weight

    @property
    def why(self) -> Why:
        candidates = []
        for position, settings in enumerate(self.eligible):
            after = self.values_after[position]
            gained = settings.factor if self.quota_taken else 0
            paid = self.quota_taken if position == self.position else 0
            candidates.append(Candidate(settings.name, after - gained + paid, after))
        return Why(self.clause, self.session_id, tuple(candidates))


class _Member:
    """A worker at run time. Times are whole seconds of the caller's clock."""

    __slots__ = ("domain", "error_at_s", "factor", "in_error", "index", "probing", "settings", "value")

    def __init__(self, index: int, settings: WorkerSettings) -> None:
        self.index = index
        self.settings = settings
        self.factor = settings.factor
        self.domain = DOMAIN_DEFAULT if settings.domain is None else settings.domain
        # BAL-SEL-02
        self.value = settings.factor
        self.in_error = False
        self.probing = False
        self.error_at_s = 0


class Balancer127:
    """Chooses a worker for each attempt of each request and learns from how the attempts end.

    Every decision must be reported exactly once, also when the attempt was given up: a probe that is never
    reported would keep its worker out of use.
    """

    # BAL-REC-05
    status_no_worker = 500

    def __init__(
        self, workers: Sequence[WorkerSettings], settings: BalancerSettings, now_ms: int = 0
    ) -> None:
        if not workers:
            raise InputError("a balancer needs at least one worker")
        self.settings = settings
        self.workers = _working_order(workers)
        # BAL-CFG-03
        self._members = [_Member(index, worker) for index, worker in enumerate(self.workers)]
        self._locals = [m for m in self._members if m.settings.local]
        local_domains = {m.domain for m in self._locals}
        self._others = [m for m in self._members if not m.settings.local]
        self._near_locals = [m for m in self._others if m.domain in local_domains]
        self._by_domain: dict[str, list[_Member]] = {}
        self._by_route: dict[bytes, list[_Member]] = {}
        for member in self._members:
            self._by_domain.setdefault(member.domain, []).append(member)
            self._by_route.setdefault(member.settings.effective_route.encode(), []).append(member)
        # BAL-LOC-04
        self._local_only = settings.local_worker_only and bool(self._locals)
        self._attempts_max = 2 * len(self._members)

    def choose(
        self, facts: RequestFacts, now_ms: int, after: Decision | Wait | None = None
    ) -> Decision | None:
        """The worker for the next attempt, None when nobody may have it.

        `after` is the decision of the previous attempt of the same request; it must have been reported.
        """
        attempt = 1
        if after is not None:
            # This algorithm never says to wait.
            if not isinstance(after, Decision) or not after.reported:
                raise LocalProtocolError("the previous attempt has not been reported")
            # BAL-REC-06
            if after.attempt >= self._attempts_max:
                return None
            attempt = after.attempt + 1
        now_s = now_ms // 1000
        decision = None
        # BAL-STK-03
        if self.settings.sticky_session:
            decision = self._choose_sticky(facts, now_s)
        if decision is None:
            decision = self._choose_unbound(now_s)
            if decision is None:
                return None
        decision.attempt = attempt
        member = self._members[decision.index]
        if member.in_error:
            # BAL-STA-02
            member.probing = decision.probe = True
            member.error_at_s = now_s
        return decision

    def start(self, decision: Decision) -> None:
        """Nothing to this algorithm, and may be left out."""

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
        """Learns how an attempt ended; True when the request may go to another worker."""
        if decision.reported:
            raise LocalProtocolError("this attempt has been reported already")
        decision.reported = True
        member = self._members[decision.index]
        member.probing = False
        if outcome is Outcome.SUCCESS or outcome is Outcome.CLIENT_ERROR:
            # BAL-STA-03
            member.in_error = False
            return False
        # BAL-STA-04
        member.in_error = True
        member.error_at_s = now_ms // 1000
        # BAL-REC-02, BAL-REC-03
        return again

    def maintain(self, now_ms: int, period_s: int) -> int:
        """Nothing to this algorithm: values do not decay, and errors end by being tried."""
        return 0

    def snapshot(self) -> tuple[WorkerSnapshot, ...]:
        """The observable values of all workers, in the order of `workers`."""
        return tuple(
            WorkerSnapshot(
                m.settings.name,
                m.value,
                WorkerState.PROBING if m.probing else WorkerState.ERROR if m.in_error else WorkerState.OK,
                m.error_at_s if m.in_error else None,
                m.settings,
            )
            for m in self._members
        )

    def _choose_sticky(self, facts: RequestFacts, now_s: int) -> Decision | None:
        """By the routes of the request's session ids: the worker itself, then its domain."""
        # BAL-STK-02, BAL-STK-04: nothing is kept between attempts, so all ids count every time.
        for session_id in request_session_ids(facts):
            route = route_of(session_id)
            if route is None:
                continue
            named = self._by_route.get(route, [])
            for member in named:
                # BAL-REC-04: the session's own request ends the waiting.
                if not member.in_error or self._may_probe(member, now_s):
                    return _decision(member, "BAL-STK-01", [member], 0, session_id)
            if named:
                domain, clause = named[0].domain, "BAL-DOM-01"
            else:
                domain, clause = DOMAIN_DEFAULT, "BAL-DOM-02"
            decision = self._by_weight(self._by_domain.get(domain, ()), now_s, clause, session_id)
            if decision is not None:
                return decision
        return None

    def _choose_unbound(self, now_s: int) -> Decision | None:
        """By weight: local workers, then their domains, then everybody else."""
        decision = None
        if self._locals:
            decision = self._by_weight(self._locals, now_s, "BAL-LOC-01")
            if decision is not None or self._local_only:
                return decision
            decision = self._by_weight(self._near_locals, now_s, "BAL-LOC-02")
        return decision or self._by_weight(self._others, now_s, "BAL-SEL-01")

    def _by_weight(
        self, members: Sequence[_Member], now_s: int, clause: str, session_id: bytes | None = None
    ) -> Decision | None:
        # BAL-STA-01, BAL-SEL-03: who is not eligible neither gains nor pays.
        eligible = [m for m in members if not m.in_error or self._may_probe(m, now_s)]
        if not eligible:
            return None
        winner = eligible[0]
        handed_out = 0
        for member in eligible:
            factor = member.factor
            handed_out += factor
            member.value += factor
            # Strictly greater: of equals the first one wins.
            if member.value > winner.value:
                winner = member
        # BAL-SEL-04: values change in this function and nowhere else.
        winner.value -= handed_out
        return _decision(winner, clause, eligible, handed_out, session_id)

    def _may_probe(self, member: _Member, now_s: int) -> bool:
        """Whether a worker in error may be tried again."""
        # BAL-REC-01: strictly longer, in whole seconds.
        return not member.probing and now_s - member.error_at_s > self.settings.recover_time_s


def _working_order(workers: Sequence[WorkerSettings]) -> tuple[WorkerSettings, ...]:
    # BAL-LOC-03: swapped, not moved, so that the others may change places.
    order = list(workers)
    front = 0
    for position, worker in enumerate(order):
        if worker.local:
            order[position], order[front] = order[front], worker
            front += 1
    return tuple(order)


def _decision(
    member: _Member, clause: str, eligible: Sequence[_Member], quota_taken: int, session_id: bytes | None
) -> Decision:
    return _Decision(
        worker=member.settings,
        index=member.index,
        attempt=1,
        probe=False,
        clause=clause,
        session_id=session_id,
        is_sticky=quota_taken == 0,
        # BAL-STK-05
        route=member.settings.effective_route,
        activation=Activation.ACTIVE,
        eligible=[m.settings for m in eligible],
        position=eligible.index(member),
        values_after=[m.value for m in eligible],
        quota_taken=quota_taken,
    )
