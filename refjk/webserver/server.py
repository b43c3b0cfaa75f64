"""Mapping, balancing and the rules for sending a request again, composed; no I/O.

The caller brings the time, and holds one lock around all methods but `host` and `judge`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, replace

from refjk.balancing import (
    Algorithm,
    Balancer127,
    Balancer1250,
    BalancingRule,
    Decision,
    Due,
    MaintenanceClock,
    Outcome,
    RequestFacts,
    Wait,
    WorkerSnapshot,
)
from refjk.balancing.cookies import COOKIE_NAME, session_ids
from refjk.balancing.records import Records
from refjk.webserver.endings import Recovery, Style, Verdict
from refjk.webserver.hosts import Host, Hosts, Target
from refjk.webserver.ledger import Ledger, Memory
from refjk.webserver.plan import BalancerPlan, Plan, WorkerPlan

# FWD-STS-01
STATUS_UNAVAILABLE = 503
# FWD-STS-07
STATUS_NO_WORKER = 500

ROUTE_VARIABLE = "JK_ROUTE"
TIMEOUT_VARIABLE = "JK_REPLY_TIMEOUT"
IGNORE_VARIABLE = "JK_STICKY_IGNORE"
STATELESS_VARIABLE = "JK_STATELESS"


@dataclass(frozen=True, slots=True)
class Offer:
    """One worker that shall have the request; `decision` is None when it is mounted directly."""

    worker: WorkerPlan
    decision: Decision | None
    recovery: Recovery

    @property
    def attempt(self) -> int:
        """Counted from 1."""
        return 1 if self.decision is None else self.decision.attempt

    @property
    def why(self) -> str:
        """The reason, for people. It may hold octets of the client (its session id)."""
        return "mounted directly" if self.decision is None else str(self.decision.why)


class WebServer:
    """Names the worker for each attempt of each request and keeps count.

    `now_ms` is any clock in milliseconds that all processes share, `memory` what they share beside; `slot` is
    the number of this process. The first `WebServer` on a memory has `fresh` on.
    """

    def __init__(
        self, plan: Plan, now_ms: int = 0, memory: Memory | None = None, slot: int = 0, *, fresh: bool = True
    ) -> None:
        self.plan = plan
        self.hosts = Hosts(plan.hosts, plan.style)
        self.workers: dict[str, WorkerPlan] = dict(plan.workers)
        self.direct: Mapping[str, Records] = {
            name: Records(1, now_ms // 1000, _part(memory, f"worker {name}"), fresh) for name in plan.workers
        }
        self.balancers: dict[str, Algorithm] = {
            name: _balancer(one, plan.style, now_ms, memory, fresh) for name, one in plan.balancers.items()
        }
        # Requests open on each balancer, and the most there were.
        self.busy: dict[str, MutableSequence[int] | memoryview] = {
            name: [0, 0] if memory is None else memory.part(f"busy {name}") for name in plan.balancers
        }
        stamp = _part(memory, "maintenance")
        if stamp is not None and fresh:
            stamp[0] = now_ms // 1000
        self._clock = MaintenanceClock(plan.maintain_s, now_ms, stamp)
        self._ledger = None if memory is None else Ledger(memory, slot, plan)

    @staticmethod
    def parts(plan: Plan, processes: int) -> dict[str, int]:
        """What `Memory` has to hold: names, and how many numbers each."""
        parts = {f"balancer {n}": Records.size(len(one.members)) for n, one in plan.balancers.items()}
        parts |= {f"worker {name}": Records.size(1) for name in plan.workers}
        parts |= {f"busy {name}": 2 for name in plan.balancers}
        return parts | {"maintenance": 1} | Ledger.parts(plan, processes)

    # -- one request --------------------------------------------------------------------------

    def host(self, name: bytes, local_host: str, local_port: int) -> Host:
        """The server that a request is for."""
        return self.hosts.find(name, local_host, local_port)

    def facts(
        self, target: Target, cookie_headers: Sequence[bytes], full: Container[str] = ()
    ) -> RequestFacts:
        """What the balancer may look at; `full` holds the workers without a free connection."""
        cookies = tuple(cookie_headers)
        balancer = self.plan.balancers.get(target.worker)
        if balancer is not None and balancer.session_cookie != COOKIE_NAME and cookies:
            # The algorithm knows one name. A value has no `;` or `,` in it, so it stays one value.
            ids = session_ids(cookies, balancer.session_cookie)
            cookies = tuple(COOKIE_NAME + b"=" + value for value in ids)
        variables = target.surroundings.variables
        rule = target.extensions.balancing
        if not variables:
            return RequestFacts(target.uri, cookies, rule=rule, full=full)
        return RequestFacts(
            target.uri,
            cookies,
            route=variables.get(ROUTE_VARIABLE),
            rule=_with_variables(rule, variables),
            full=full,
            is_secure=variables.get("HTTPS") == "on",
        )

    def offer(
        self, target: Target, facts: RequestFacts, now_ms: int, after: Offer | Wait | None = None
    ) -> Offer | Wait | None:
        """The worker for the next attempt; a wait; None when nobody may have the request.

        `after` is what this method said before; an offer must have been reported.
        """
        balancer = self.balancers.get(target.worker)
        if balancer is None:
            worker = self._mounted(target)
            return None if worker is None or after is not None else self._offer(target, worker, None)
        decision = balancer.choose(facts, now_ms, after.decision if isinstance(after, Offer) else after)
        if not isinstance(decision, Decision):
            return decision
        return self._offer(target, self.workers[decision.worker.name], decision)

    def start(self, target: Target, offer: Offer) -> bool:
        """A connection to the worker was got; whether the worker may have the request.

        False: more requests are open on it than its busy_limit; the attempt ends with `Ending.BUSY`.
        """
        if offer.decision is not None:
            balancer = self.balancers[target.worker]
            balancer.start(offer.decision)
            busy = self.busy[target.worker]
            busy[0] += 1
            busy[1] = max(busy[1], busy[0])
            if self._ledger is not None:
                self._ledger.add(target.worker, offer.decision.index, 1)
            number = balancer.records.open[offer.decision.index] if isinstance(balancer, Balancer1250) else 0
        else:
            records = self.direct[offer.worker.name]
            number = records.open[0] = records.open[0] + 1
            records.elected[0] += 1
            records.open_max[0] = max(records.open_max[0], number)
            if self._ledger is not None:
                self._ledger.add(offer.worker.name, 0, 1)
        # EPL-RTY-06
        return not 0 < offer.worker.busy_limit < number

    def report(
        self,
        target: Target,
        offer: Offer,
        verdict: Verdict,
        now_ms: int,
        *,
        started: bool,
        octets_read: int = 0,
        octets_written: int = 0,
        reply_timeouts: int = 0,
    ) -> bool:
        """How an attempt ended; exactly once for each offer. Whether `offer` shall be asked again.

        `started`: `start` was called for it.
        """
        if offer.decision is None:
            if started:
                records = self.direct[offer.worker.name]
                records.open[0] -= 1
                if self._ledger is not None:
                    self._ledger.add(offer.worker.name, 0, -1)
                records.octets_read[0] += octets_read
                records.octets_written[0] += octets_written
                records.client_errors[0] += verdict.outcome is Outcome.CLIENT_ERROR
                records.errors[0] += verdict.outcome not in (Outcome.SUCCESS, Outcome.CLIENT_ERROR)
                records.reply_timeouts[0] += reply_timeouts
                if verdict.outcome not in (Outcome.SUCCESS, Outcome.CLIENT_ERROR):
                    records.last_error_s[0] = now_ms // 1000
            return False
        if started:
            self.busy[target.worker][0] -= 1
            if self._ledger is not None:
                self._ledger.add(target.worker, offer.decision.index, -1)
        outcome = verdict.outcome
        if self.plan.style is Style.JK_1250 and started is (outcome is Outcome.NO_PLACE):
            # A further try may miss the place that an earlier one had.
            outcome = Outcome.BUSY if started else Outcome.NO_PLACE
        return self.balancers[target.worker].report(
            offer.decision,
            outcome,
            now_ms,
            again=verdict.other,
            octets_read=octets_read,
            octets_written=octets_written,
            reply_timeouts=reply_timeouts,
        )

    def notes(self, target: Target, offers: Sequence[Offer]) -> dict[str, str]:
        """What mod_jk notes down about a request for logs. LOG-REQ-04"""
        notes = {"JK_WORKER_NAME": target.worker}
        balancer = self.balancers.get(target.worker)
        if balancer is None:
            return notes if self._mounted(target) is None else notes | {"JK_WORKER_TYPE": "ajp13"}
        notes["JK_WORKER_TYPE"] = "lb"
        workers = balancer.snapshot() if offers else ()
        for which, offer in zip(("FIRST", "LAST"), (offers[:1], offers[-1:]), strict=True):
            decision = offer[0].decision if offer else None
            if decision is not None:
                notes |= _notes_of(f"JK_LB_{which}_", workers[decision.index])
                notes["JK_WORKER_ROUTE"] = decision.worker.effective_route
        return notes

    def status_without_worker(self, target: Target) -> int:
        """For the client when nobody may have the request."""
        balancer = self.balancers.get(target.worker)
        if balancer is not None and self.plan.style is not Style.REFJK:
            return balancer.status_no_worker
        return STATUS_UNAVAILABLE if balancer is not None else STATUS_NO_WORKER

    # -- time -----------------------------------------------------------------------------------

    def maintain(self, now_ms: int) -> bool:
        """What is due at this moment; whether the connections are to be looked after as well."""
        due = self._clock.check(now_ms)
        if due is Due.GLOBAL:
            for balancer in self.balancers.values():
                balancer.maintain(now_ms, self._clock.period_s)
        return due is not Due.NOTHING

    def forget_process(self, slot: int) -> None:
        """The process of this slot has died: what it had under way is over."""
        if self._ledger is None:
            return
        for name, index, count in self._ledger.take(slot):
            balancer = self.balancers.get(name)
            if isinstance(balancer, Balancer1250):
                balancer.abandon(index, count)
                self.busy[name][0] = max(0, self.busy[name][0] - count)
            elif name in self.direct:
                self.direct[name].open[0] = max(0, self.direct[name].open[0] - count)

    # -- inside ---------------------------------------------------------------------------------

    def _mounted(self, target: Target) -> WorkerPlan | None:
        """The worker that has no balancer before it; a member of one is not there for mounts."""
        listed = self.plan.listed
        return self.workers.get(target.worker) if listed is None or target.worker in listed else None

    def _offer(self, target: Target, worker: WorkerPlan, decision: Decision | None) -> Offer:
        extensions, recovery = target.extensions, worker.recovery
        timeout_ms = extensions.reply_timeout_ms
        stated = target.surroundings.variables.get(TIMEOUT_VARIABLE, "")
        if stated.isascii() and stated.isdigit():
            timeout_ms = int(stated[:9])
        if timeout_ms is not None:
            recovery = replace(recovery, reply_timeout_ms=timeout_ms or None)
        if extensions.fail_on_status is not None:
            recovery = replace(recovery, fail_on_status=extensions.fail_on_status)
        return Offer(worker, decision, recovery)


def _part(memory: Memory | None, name: str) -> memoryview | None:
    return None if memory is None else memory.part(name)


def _balancer(plan: BalancerPlan, style: Style, now_ms: int, memory: Memory | None, fresh: bool) -> Algorithm:
    if style is not Style.JK_1250:
        # Values of 1.2.7 are those of one process.
        return Balancer127(plan.members, plan.settings)
    records = None
    if memory is not None:
        part = memory.part(f"balancer {plan.name}")
        records = Records(len(plan.members), now_ms // 1000, part, fresh)
    return Balancer1250(plan.members, plan.settings, now_ms, records)


def _notes_of(prefix: str, worker: WorkerSnapshot) -> dict[str, str]:
    return {
        f"{prefix}NAME": worker.name,
        f"{prefix}VALUE": str(worker.value),
        f"{prefix}ACCESSED": str(worker.elected),
        f"{prefix}SESSIONS": str(worker.sessions),
        f"{prefix}READ": str(worker.octets_read),
        f"{prefix}TRANSFERRED": str(worker.octets_written),
        f"{prefix}ERRORS": str(worker.errors),
        f"{prefix}BUSY": str(worker.open),
        f"{prefix}ACTIVATION": worker.settings.activation.sent,
        f"{prefix}STATE": worker.state.value,
    }


def _with_variables(rule: BalancingRule, variables: Mapping[str, str]) -> BalancingRule:
    """FWD-ENV-04"""
    ignore, stateless = variables.get(IGNORE_VARIABLE), variables.get(STATELESS_VARIABLE)
    if ignore is not None:
        rule = replace(rule, sticky_ignore=ignore != "0")
    if stateless is not None:
        rule = replace(rule, stateless=stateless != "0")
    return rule
