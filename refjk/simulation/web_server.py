"""The web server's end of a simulation: it asks the balancer, tries, waits, tries again, and reports.

A request goes through `begin`, `_turn_to`, `_take_place`, `_try`, `_serve` and `_answered`; after a failed
try `_try_failed` leads to `_try`, to `_choose_again` or to `_give_up`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from refjk.balancing import Algorithm, Decision, Due, MaintenanceClock, Outcome, RequestFacts, Wait
from refjk.simulation.agenda import Agenda
from refjk.simulation.container import Container, User
from refjk.simulation.scenario import SECOND_US
from refjk.simulation.tally import Tally

OCTETS_REQUEST, OCTETS_ANSWER = 600, 12_000
LOOK_US = 100_000  # how often a request that waits for a place looks for one
_NEVER_US = 1 << 62


class Flaw(Enum):
    """What became of a try that failed: the status that it is worth, and the outcome for the balancer."""

    REFUSED = (503, Outcome.FAILURE)
    BROKEN = (502, Outcome.FAILURE)
    LATE = (504, Outcome.REPLY_TIMEOUT)


class WebServer:
    """Has requests served by containers, which stand in the order of the balancer's workers.

    `stranger` is what a request without session looks like; `full` is where its and all other facts find who
    has no place left. `on_end` is called with each user whose request has ended.
    """

    def __init__(
        self,
        agenda: Agenda,
        balancer: Algorithm,
        maintain_s: int,
        containers: Sequence[Container],
        stranger: RequestFacts,
        full: set[str],
        tally: Tally,
        part_us: int,
        on_end: Callable[[User], None],
    ) -> None:
        self._agenda = agenda
        self._balancer = balancer
        self._clock = MaintenanceClock(maintain_s, 0)
        self._maintenance_us = 0 if maintain_s > 0 else _NEVER_US
        self._containers = containers
        self._stranger = stranger
        self._full = full
        self._tally = tally
        self._part_us = part_us
        self._on_end = on_end
        self._answer = self._answered  # bound once, not for each request

    def begin(self, user: User, _number: int) -> None:
        """A user sends a request."""
        now_us = self._agenda.now_us
        if now_us >= self._maintenance_us:
            self._maintain(now_us)
        self._tally.begun += 1
        user.begun_us = now_us
        user.waited_us = 0
        home = user.session_at
        facts = self._stranger if home is None else home.facts
        self._turn_to(user, self._balancer.choose(facts, now_us // 1000))

    def break_off(self, users: Sequence[User], container: Container) -> None:
        """A container has gone down: tries that it had have failed."""
        for user in users:
            if user.at is container:
                self._try_failed(user, container, Flaw.BROKEN)

    def _maintain(self, now_us: int) -> None:
        # The web server looks at each request; it cannot be due before the next period.
        now_ms = now_us // 1000
        if self._clock.check(now_ms) is Due.GLOBAL:
            self._balancer.maintain(now_ms, self._clock.period_s)
        self._maintenance_us = (now_ms // 1000 + self._clock.period_s) * SECOND_US

    def _choose_again(self, user: User, _number: int) -> None:
        home, before = user.session_at, user.answer
        facts = self._stranger if home is None else home.facts
        self._turn_to(user, self._balancer.choose(facts, self._agenda.now_us // 1000, after=before))

    def _turn_to(self, user: User, answer: Decision | Wait | None) -> None:
        user.answer = answer
        if isinstance(answer, Decision):
            user.looks = 0
            self._take_place(user, 0)
        elif answer is None:
            self._give_up(user, self._balancer.status_no_worker)
        else:
            self._pause(user, answer.wait_ms * 1000)
            self._agenda.add(answer.wait_ms * 1000, self._choose_again, user)

    def _take_place(self, user: User, _number: int) -> None:
        decision = user.answer
        assert isinstance(decision, Decision)
        container = self._containers[decision.index]
        member = container.member
        if container.taken == member.places:
            self._wait_for_place(user, decision, container)
            return
        container.taken = taken = container.taken + 1
        if taken == member.places:
            self._full.add(member.name)
        if taken > container.tally.open_max:
            container.tally.open_max = taken
        self._balancer.start(decision)
        user.tries = user.timeouts = 0
        if member.settings.busy_limit and taken > member.settings.busy_limit:
            self._report_failure(user, container, Outcome.BUSY, Flaw.REFUSED, again=True)
        else:
            self._try(user, 0)

    def _wait_for_place(self, user: User, decision: Decision, container: Container) -> None:
        if user.looks * LOOK_US < container.member.acquire_timeout_ms * 1000:
            user.looks += 1
            user.waited_us += LOOK_US
            self._tally.place_us += LOOK_US
            self._agenda.add(LOOK_US, self._take_place, user)
            return
        container.tally.failed_attempts += 1
        if self._balancer.report(decision, Outcome.NO_PLACE, self._agenda.now_us // 1000):
            self._agenda.add(0, self._choose_again, user)
        else:
            self._give_up(user, Flaw.REFUSED.value[0])

    def _try(self, user: User, _number: int) -> None:
        assert isinstance(user.answer, Decision)
        container = self._containers[user.answer.index]
        user.tries += 1
        if container.down:
            self._try_failed(user, container, Flaw.REFUSED)
            return
        user.at = container
        agenda = self._agenda
        if container.reply_timeout_us > 0:
            user.deadline_us = agenda.now_us + container.reply_timeout_us
            user.due = agenda.add(container.reply_timeout_us, self._late, user)
        if container.threads and container.running >= container.threads:
            container.queue[user] = agenda.now_us
        else:
            self._serve(user, container)

    def _serve(self, user: User, container: Container) -> None:
        container.running += 1
        time_us = container.sample()
        if container.reply_timeout_us > 0 and self._agenda.now_us + time_us > user.deadline_us:
            # Nobody waits for the answer, but the thread does not know.
            self._agenda.add(time_us, self._finish, (container, container.boots))
        else:
            user.due = self._agenda.add(time_us, self._answer, user)

    def _answered(self, user: User, number: int) -> None:
        if user.due != number:
            return
        container, decision, now_us = user.at, user.answer, self._agenda.now_us
        assert container is not None and isinstance(decision, Decision)
        user.at = None
        self._free_thread(container)
        self._free_place(container)
        self._balancer.report(
            decision,
            Outcome.SUCCESS,
            now_us // 1000,
            octets_read=OCTETS_ANSWER,
            octets_written=OCTETS_REQUEST,
            reply_timeouts=user.timeouts,
        )
        part = now_us // self._part_us
        tally = container.tally
        tally.series[part] += 1
        tally.times.add(now_us - user.begun_us)
        if user.session_at is not container or user.epoch != container.group.epoch:
            self._bind(user, container, part)
        if user.waited_us:
            self._tally.waiting.add(user.waited_us)
        self._on_end(user)

    def _bind(self, user: User, container: Container, part: int) -> None:
        """The session begins at the container, or goes over to it, or has to begin anew."""
        home, group = user.session_at, container.group
        is_known = home is not None and home.group is group and user.epoch == group.epoch
        if not is_known:
            container.tally.sessions += 1
        if home is not None and home is not container:
            home.tally.moved_out += 1
            home.tally.lost_by_move += not is_known
            container.tally.moved_in += 1
            self._tally.move_series[part] += 1
        elif home is container:
            home.tally.lost_by_restart += 1
        user.session_at = container
        user.epoch = group.epoch

    def _late(self, user: User, number: int) -> None:
        container = user.at
        if user.due != number or container is None:
            return
        container.queue.pop(user, None)
        user.timeouts += 1
        self._try_failed(user, container, Flaw.LATE)

    def _try_failed(self, user: User, container: Container, flaw: Flaw) -> None:
        user.at, user.due = None, 0
        member = container.member
        again = (
            flaw is Flaw.REFUSED
            or (flaw is Flaw.BROKEN and member.is_repeated_when_broken)
            or (flaw is Flaw.LATE and member.is_repeated_when_late)
        )
        if again and user.tries < member.tries:
            pause_us = member.pause_ms * 1000 if user.tries + 1 >= member.pause_from else 0
            self._pause(user, pause_us)
            self._agenda.add(pause_us, self._try, user)
        else:
            self._report_failure(user, container, flaw.value[1], flaw, again)

    def _report_failure(
        self, user: User, container: Container, outcome: Outcome, flaw: Flaw, again: bool
    ) -> None:
        assert isinstance(user.answer, Decision)
        self._free_place(container)
        container.tally.failed_attempts += 1
        now_ms = self._agenda.now_us // 1000
        if self._balancer.report(user.answer, outcome, now_ms, again=again, reply_timeouts=user.timeouts):
            # Not at once: a long row of failures would be as deep as it is long.
            self._agenda.add(0, self._choose_again, user)
        else:
            self._give_up(user, flaw.value[0])

    def _give_up(self, user: User, status: int) -> None:
        statuses = self._tally.statuses
        statuses[status] = statuses.get(status, 0) + 1
        self._tally.error_series[self._agenda.now_us // self._part_us] += 1
        if user.waited_us:
            self._tally.waiting.add(user.waited_us)
        self._on_end(user)

    def _pause(self, user: User, time_us: int) -> None:
        user.waited_us += time_us
        self._tally.pause_us += time_us

    def _free_place(self, container: Container) -> None:
        if container.taken == container.member.places:
            self._full.discard(container.member.name)
        container.taken -= 1

    def _finish(self, thread: tuple[Container, int], _number: int) -> None:
        """A thread has done its work for nobody, if its container has not gone down since."""
        container, boots = thread
        if container.boots == boots:
            self._free_thread(container)

    def _free_thread(self, container: Container) -> None:
        container.running -= 1
        if container.queue:
            user = next(iter(container.queue))
            waited_us = self._agenda.now_us - container.queue.pop(user)
            user.waited_us += waited_us
            self._tally.thread_us += waited_us
            self._serve(user, container)
