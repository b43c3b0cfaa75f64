"""The balancer of mod_jk 1.2.50: values by method, states, routes, domains, redirects, rounds of tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refjk.balancing.accounting import count_end, count_start, counts, forgive, judge
from refjk.balancing.choice import Choice, Course, choose
from refjk.balancing.decision_1250 import Decision1250, Wait1250
from refjk.balancing.maintenance import maintain
from refjk.balancing.members import Members
from refjk.balancing.model import (
    Decision,
    Outcome,
    RequestFacts,
    Wait,
    WorkerSnapshot,
)
from refjk.balancing.records import UNSET, Records
from refjk.balancing.session_ids import find_session_ids
from refjk.balancing.settings import BalancerSettings, Method, WorkerSettings
from refjk.balancing.states import (
    ABANDONED,
    BUSY,
    CHOSEN,
    ENDS,
    ERROR,
    FAILED,
    FORCED,
    NOBODY_LEFT,
    PLACE_FREE,
    RECOVER,
    RECOVERING,
    SERVED,
    STATES,
)
from refjk.base.errors import InputError, LocalProtocolError


class Balancer1250:
    """Chooses a worker for each attempt of each request and learns from how the attempts end.

    `choose` counts nothing: `start` does, when a place at the worker was got. `report` must follow exactly
    once, without `start` only for `Outcome.NO_PLACE`. Raises `InputError` when two workers have one route.
    `records` are given when several processes share them.
    """

    # BAL-TRY-07
    status_no_worker = 503

    def __init__(
        self,
        workers: Sequence[WorkerSettings],
        settings: BalancerSettings,
        now_ms: int = 0,
        records: Records | None = None,
    ) -> None:
        if not workers:
            raise InputError("a balancer needs at least one worker")
        self._records = Records(len(workers), now_ms // 1000) if records is None else records
        self._members = Members(workers, self._records)
        self.adopt(settings)

    def adopt(self, settings: BalancerSettings) -> None:
        """Other settings from now on; requests under way may follow either."""
        self.settings = settings
        # BAL-TRY-02
        self._tries_max = min(len(self._members.workers), settings.lb_retries)

    @property
    def records(self) -> Records:
        """What is remembered of the workers, in the same order; to be read."""
        return self._records

    @property
    def workers(self) -> tuple[WorkerSettings, ...]:
        """The settings in force, in the order of the list."""
        return self._members.workers

    def choose(
        self, facts: RequestFacts, now_ms: int, after: Decision | Wait | None = None
    ) -> Decision | Wait | None:
        """The worker for the next attempt; a wait between two rounds; None when nobody is left.

        Raises `LocalProtocolError` when `after` is not the latest answer about its request, or unreported.
        """
        course = self._begin(facts) if after is None else self._go_on(after)
        while True:
            if course.tries >= self._tries_max:
                course.rounds += 1
                if course.rounds >= self.settings.retries:
                    course.latest = None
                    return None
                course.latest = wait = Wait1250(self.settings.retry_interval_ms, "BAL-TRY-03", course)
                return wait
            choice = choose(self._members, course)
            if choice is not None:
                return self._decide(course, choice)
            # BAL-TRY-04
            if not course.has_forced:
                course.has_forced = True
                if self._force(course):
                    continue
            # BAL-TRY-05
            course.tries += 1

    def start(self, decision: Decision) -> None:
        """Counts the attempt: a place at the worker was got, and the request is on its way to it."""
        if decision.is_started or decision.reported:
            raise LocalProtocolError("this attempt was started or reported already")
        assert isinstance(decision, Decision1250)
        decision.is_started = True
        count_start(self._records, decision.index, decision.added, is_new=not decision.course.has_session)

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

        `now_ms` is the time of the end. `reply_timeouts` is at least 1 where the outcome is a timeout.
        """
        if decision.reported:
            raise LocalProtocolError("this attempt has been reported already")
        if decision.is_started is (outcome is Outcome.NO_PLACE):
            raise LocalProtocolError(f"{outcome.value} of an attempt that was started: {decision.is_started}")
        assert isinstance(decision, Decision1250)
        decision.reported = True
        course, index, records = decision.course, decision.index, self._records
        row, local = ENDS[outcome]
        # BAL-CNT-03
        if decision.is_started:
            if outcome is Outcome.REPLY_TIMEOUT:
                reply_timeouts = max(1, reply_timeouts)
            records.reply_timeouts[index] += reply_timeouts
            count_end(self._members, index, self.settings.method, octets_read, octets_written)
            if row is SERVED:
                forgive(records, index)
                records.client_errors[index] += outcome is Outcome.CLIENT_ERROR
            elif judge(records, index, self.settings, outcome, now_ms // 1000):
                row = FAILED
        elif records.state[index] == ERROR:
            # BAL-MEM-07
            local = course.local[index]
        records.state[index] = row[records.state[index]]
        course.local[index] = local
        # BAL-TRY-06
        is_over = not again or outcome is Outcome.SUCCESS or outcome is Outcome.CLIENT_ERROR
        if is_over or (course.tries >= self._tries_max and course.rounds + 1 >= self.settings.retries):
            course.latest = None
            return False
        return True

    def maintain(self, now_ms: int, period_s: int) -> int:
        """The regular work on values and states, by how many halvings values were lowered.

        For a run that is due for all processes (`MaintenanceClock`), by one of them.
        """
        return maintain(self._members, self.settings, now_ms // 1000, period_s)

    def edit(self, workers: Sequence[WorkerSettings], *, elsewhere: bool = False) -> None:
        """Other settings for the same workers, as many and in the same order.

        `elsewhere`: another process that shares the records has had the edit first.

        Raises `InputError`, with nothing changed, when two would have one route.
        """
        if len(workers) != len(self.workers):
            raise LocalProtocolError(f"{len(workers)} workers in the place of {len(self.workers)}")
        before = self._members.activations
        self._members.adopt(workers)
        # BAL-ACT-03
        if (
            not elsewhere
            and self._members.activations != before
            and self.settings.method is not Method.BUSYNESS
        ):
            for index in range(len(workers)):
                self._records.value[index] = 0

    def edit_worker(self, index: int, *, elsewhere: bool = False, **changes: object) -> None:
        """Other settings for one worker: fields of `WorkerSettings`."""
        workers = list(self.workers)
        workers[index] = replace(workers[index], **changes)  # type: ignore[arg-type]
        self.edit(workers, elsewhere=elsewhere)

    def reset(self, index: int) -> None:
        """Value, counters, state and times of errors of a worker as they were at the start."""
        self._records.clear(index)

    def recover(self, index: int) -> None:
        """Ends the waiting of a worker in error."""
        records = self._records
        # BAL-MNT-10
        if records.state[index] == ERROR and self.settings.method is not Method.BUSYNESS:
            records.value[index] = max(records.value)
        records.state[index] = RECOVER[records.state[index]]

    def abandon(self, index: int, count: int) -> None:
        """So many requests that were open on a worker will never be reported."""
        records = self._records
        # BAL-MNT-11
        records.open[index] = max(0, records.open[index] - count)
        if self.settings.method is Method.BUSYNESS:
            lost = count * self._members.multiplicities[index]
            records.value[index] = max(0, records.value[index] - lost)
        records.state[index] = ABANDONED[records.state[index]]

    def snapshot(self) -> tuple[WorkerSnapshot, ...]:
        """The observable values of all workers, in the order of `workers`."""
        r = self._records
        return tuple(
            WorkerSnapshot(
                name=worker.name,
                value=r.value[i],
                state=STATES[r.state[i]],
                error_at_s=_time(r.last_error_s[i]),
                settings=worker,
                first_error_at_s=_time(r.first_error_s[i]),
                multiplicity=self._members.multiplicities[i],
                open=r.open[i],
                open_max=r.open_max[i],
                elected=r.elected[i],
                sessions=r.sessions[i],
                errors=r.errors[i],
                client_errors=r.client_errors[i],
                reply_timeouts=r.reply_timeouts[i],
                octets_read=r.octets_read[i],
                octets_written=r.octets_written[i],
            )
            for i, worker in enumerate(self.workers)
        )

    def _begin(self, facts: RequestFacts) -> Course:
        members, records, rule = self._members, self._records, facts.rule
        if BUSY in records.state:
            self._free_busy(facts)
        ids = find_session_ids(facts, self.settings)
        activations = members.activations
        # BAL-ACT-02
        if rule.activations:
            activations = [rule.activations.get(w.name, w.activation) for w in members.workers]
        return Course(
            ids=ids,
            # BAL-TRY-01
            local=list(records.state),
            activations=activations,
            is_stateless=rule.stateless,
            is_forced_sticky=self.settings.sticky_session_force,
            is_secure=facts.is_secure,
            route=facts.route,
            has_session=bool(ids) or rule.stateless,
            sets_cookie=self.settings.set_session_cookie or rule.set_session_cookie,
        )

    def _go_on(self, after: Decision | Wait) -> Course:
        if not isinstance(after, (Decision1250, Wait1250)) or after.course.latest is not after:
            raise LocalProtocolError("this was not the latest answer about a request")
        course = after.course
        if isinstance(after, Wait1250):
            course.tries = 0
            course.local = list(self._records.state)
        elif not after.reported:
            raise LocalProtocolError("the previous attempt has not been reported")
        return course

    def _decide(self, course: Course, choice: Choice) -> Decision1250:
        members, records, index = self._members, self._records, choice.index
        worker = members.workers[index]
        # BAL-RTE-08
        if course.route is None:
            course.route = worker.effective_route
        course.tries += 1
        course.attempts += 1
        added = members.multiplicities[index] if counts(self.settings.method, course.has_session) else 0
        probe = records.state[index] in (RECOVERING, FORCED)
        # BAL-MEM-06
        if records.state[index] == RECOVERING:
            records.state[index] = course.local[index] = CHOSEN[RECOVERING]
        decision = Decision1250(
            worker=worker,
            index=index,
            attempt=course.attempts,
            probe=probe,
            clause=choice.clause,
            session_id=choice.session_id,
            is_sticky=choice.is_sticky,
            route=course.route,
            activation=course.activations[index],
            course=course,
            choice=choice,
            added=added,
            workers=members.workers,
            state_numbers=list(course.local),
            values=list(records.value),
            activations=course.activations,
            domains=members.domains,
        )
        # BAL-RTE-13
        if course.sets_cookie and not choice.is_sticky:
            decision.session_cookie = self._session_cookie(worker, course.is_secure)
        course.latest = decision
        return decision

    def _session_cookie(self, worker: WorkerSettings, is_secure: bool) -> str:
        name = self.settings.session_cookie.decode("latin-1")
        path = f";PATH={self.settings.session_cookie_path}" if self.settings.session_cookie_path else ""
        return f"{name}=.{worker.effective_route}{path};HttpOnly{';Secure' if is_secure else ''}"

    def _free_busy(self, facts: RequestFacts) -> None:
        state, is_open = self._records.state, self._records.open
        for index, worker in enumerate(self.workers):
            # BAL-MEM-08
            has_room = worker.busy_limit <= 0 or is_open[index] < worker.busy_limit
            if state[index] == BUSY and has_room and worker.name not in facts.full:
                state[index] = PLACE_FREE[BUSY]

    def _force(self, course: Course) -> bool:
        records, any_forced = self._records, False
        for index, state in enumerate(records.state):
            if state == ERROR:
                records.state[index] = course.local[index] = NOBODY_LEFT[ERROR]
                records.reply_timeouts[index] = 0
                any_forced = True
        return any_forced


def _time(seconds: int) -> int | None:
    return None if seconds == UNSET else seconds
