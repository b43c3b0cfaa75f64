"""What holds in every run of either algorithm, whatever happens: seeded runs with failures and edits."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from refjk.balancing import (
    Activation,
    Algorithm,
    Balancer127,
    Balancer1250,
    BalancerSettings,
    BalancingRule,
    Decision,
    Due,
    MaintenanceClock,
    Method,
    Outcome,
    RequestFacts,
    Wait,
    WorkerSettings,
    WorkerState,
)
from refjk.balancing.decision_1250 import Decision1250
from refjk.speccheck import covers

USABLE = {WorkerState.IDLE, WorkerState.OK, WorkerState.RECOVERING, WorkerState.FORCED}
OUTCOMES = [*Outcome, *[Outcome.SUCCESS] * 20]
SEEDS = range(40)
BY_VALUE = "BAL-VAL-01"


@dataclass
class Run:
    """Many requests at once against one balancer, in an order that the seed decides."""

    random: random.Random
    subject: Algorithm
    check: Callable[[Algorithm, RequestFacts, Decision, int], None]
    now_ms: int = 0
    open: list[tuple[RequestFacts, Decision]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self) -> None:
        facts = self.facts()
        self.go_on(facts, self.subject.choose(facts, self.now_ms), 1)

    def go_on(self, facts: RequestFacts, answer: Decision | Wait | None, attempt: int) -> None:
        while isinstance(answer, Wait):
            assert answer.wait_ms == self.subject.settings.retry_interval_ms
            answer = self.subject.choose(facts, self.now_ms, after=answer)
        self.said.append("nobody" if answer is None else answer.worker.name)
        if answer is not None:
            assert answer.attempt == attempt
            self.check(self.subject, facts, answer, self.now_ms)
            assert str(answer.why).startswith(answer.clause)
            self.open.append((facts, answer))

    def end(self) -> None:
        facts, decision = self.open.pop(self.random.randrange(len(self.open)))
        outcome = self.random.choice(OUTCOMES)
        if outcome is not Outcome.NO_PLACE:
            self.subject.start(decision)
        octets = self.random.randrange(5000)
        again = self.random.random() < 0.9
        if self.subject.report(decision, outcome, self.now_ms, again=again, octets_read=octets):
            answer = self.subject.choose(facts, self.now_ms, after=decision)
            self.go_on(facts, answer, decision.attempt + 1)

    def facts(self) -> RequestFacts:
        names = [worker.effective_route for worker in self.subject.workers]
        cookies = self.random.choice(
            [(), (), (f"JSESSIONID=1.{self.random.choice([*names, 'zz', 'd0'])}".encode(),)]
        )
        rule = BalancingRule()
        if self.random.random() < 0.1:
            rule = BalancingRule(
                stateless=self.random.random() < 0.5,
                activations={self.random.choice(names): self.random.choice(list(Activation))},
            )
        return RequestFacts(b"/app/x", cookies, rule=rule)

    def play(self, steps: int) -> None:
        clock = MaintenanceClock(60, 0)
        for _ in range(steps):
            self.now_ms += self.random.choice([0, 0, 100, 1_000, 20_000])
            if clock.check(self.now_ms) is Due.GLOBAL:
                self.subject.maintain(self.now_ms, 60)
            if len(self.open) < 6 and (not self.open or self.random.random() < 0.55):
                self.begin()
            else:
                self.end()
        while self.open:
            self.end()


def workers(dice: random.Random) -> list[WorkerSettings]:
    count = dice.randint(1, 6)
    return [
        WorkerSettings(
            f"n{number}",
            factor=dice.choice([1, 1, 2, 5]),
            domain=dice.choice([None, "d0", "d1"]),
            local=dice.random() < 0.2,
            redirect=dice.choice([None, None, f"n{dice.randrange(count)}"]),
            distance=dice.choice([0, 0, 0, 1]),
            activation=dice.choice([*[Activation.ACTIVE] * 6, *Activation]),
        )
        for number in range(count)
    ]


def settings(dice: random.Random) -> BalancerSettings:
    return BalancerSettings(
        sticky_session_force=dice.random() < 0.2,
        method=dice.choice(list(Method)),
        retries=dice.randint(1, 3),
        lb_retries=dice.randint(1, 4),
        error_escalation_time_s=dice.choice([None, 0, 5]),
        max_reply_timeouts=dice.randint(0, 3),
    )


def check_1250(subject: Algorithm, facts: RequestFacts, decision: Decision, now_ms: int) -> None:
    """The decision against the states by which it was made."""
    assert isinstance(decision, Decision1250)
    usable = [state in USABLE for state in decision.states]
    # One that this request probes was usable when it was chosen.
    usable[decision.index] |= decision.probe
    activations = [facts.rule.activations.get(worker.name, worker.activation) for worker in subject.workers]
    assert usable[decision.index]
    assert activations[decision.index] is not Activation.STOPPED
    opened = [
        index
        for index, is_usable in enumerate(usable)
        if is_usable and activations[index] is Activation.ACTIVE
    ]
    if decision.clause == BY_VALUE and len(usable) > 1:
        distance = min(subject.workers[index].distance for index in opened)
        nearest = [index for index in opened if subject.workers[index].distance == distance]
        assert decision.index in nearest
        assert decision.values[decision.index] == min(decision.values[index] for index in nearest)
    limits = subject.settings
    assert decision.attempt <= limits.retries * min(limits.lb_retries, len(usable))
    if facts.cookie_headers and decision.attempt == 1:
        route = facts.cookie_headers[0].partition(b".")[2].decode()
        named = [index for index, worker in enumerate(subject.workers) if worker.effective_route == route]
        if named and usable[named[0]] and activations[named[0]] is not Activation.STOPPED:
            assert decision.index == named[0]
            assert decision.is_sticky


def check_127(subject: Algorithm, facts: RequestFacts, decision: Decision, now_ms: int) -> None:
    """A worker in error is only chosen when it has waited, and then as a probe."""
    worker = subject.snapshot()[decision.index]
    assert (worker.state is WorkerState.PROBING) is decision.probe
    assert worker.state is not WorkerState.ERROR


@covers("BAL-VAL-01", "BAL-VAL-03", "BAL-ACT-01", "BAL-ACT-05", "BAL-RTE-01", "BAL-TRY-02", "BAL-TRY-03")
@pytest.mark.parametrize("seed", SEEDS)
def test_choices_of_1250_keep_to_the_rules_and_all_counts_come_back(seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    subject = Balancer1250(workers(dice), settings(dice))
    run = Run(dice, subject, check_1250)
    run.play(400)
    snapshot = subject.snapshot()
    assert all(worker.open == 0 for worker in snapshot)
    assert all(worker.value >= 0 for worker in snapshot)
    assert all(worker.open_max <= 6 for worker in snapshot)
    if subject.settings.method is Method.BUSYNESS:
        assert all(worker.value == 0 for worker in snapshot)


@covers("BAL-STA-01", "BAL-STA-02")
@pytest.mark.parametrize("seed", SEEDS)
def test_choices_of_127_never_take_a_worker_in_error_before_its_time(seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    subject = Balancer127(workers(dice), settings(dice))
    before = sum(worker.value for worker in subject.snapshot())
    Run(dice, subject, check_127).play(400)
    assert all(worker.state is not WorkerState.PROBING for worker in subject.snapshot())
    assert sum(worker.value for worker in subject.snapshot()) == before


@pytest.mark.parametrize("algorithm", [Balancer127, Balancer1250])
def test_same_seed_gives_the_same_sequence(algorithm: Callable[..., Algorithm]) -> None:
    said = []
    for _ in range(2):
        dice = random.Random(7)
        run = Run(dice, algorithm(workers(dice), settings(dice)), lambda *_: None)
        run.play(300)
        said.append(run.said)
    assert said[0] == said[1]
    assert len(set(said[0])) > 1


@covers("BAL-VAL-01", "BAL-VAL-04")
@pytest.mark.parametrize("seed", SEEDS)
def test_shares_follow_the_factors(seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    factors = [dice.randint(1, 9) for _ in range(dice.randint(2, 7))]
    subject = Balancer1250(
        [WorkerSettings(f"n{number}", factor) for number, factor in enumerate(factors)], BalancerSettings()
    )
    rounds = 20
    facts = RequestFacts(b"/app/x")
    for _ in range(rounds * sum(factors)):
        decision = subject.choose(facts, 0)
        assert isinstance(decision, Decision)
        subject.start(decision)
        subject.report(decision, Outcome.SUCCESS, 0)
    assert [worker.elected for worker in subject.snapshot()] == [rounds * factor for factor in factors]
