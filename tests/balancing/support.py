"""Requests played against a balancer of either algorithm."""

from __future__ import annotations

from dataclasses import dataclass, field

from refjk.balancing import (
    Algorithm,
    Balancer1250,
    BalancerSettings,
    Decision,
    Outcome,
    RequestFacts,
    Wait,
    WorkerSettings,
)

PLAIN = RequestFacts(b"/app/x")
SUCCESS = Outcome.SUCCESS
FAILURE = Outcome.FAILURE


@dataclass
class Served:
    """What became of a request: its attempts, the pauses between, and whether nobody was left at its end."""

    attempts: list[Decision] = field(default_factory=list)
    waits_ms: list[int] = field(default_factory=list)
    nobody: bool = False
    now_ms: int = 0

    def __str__(self) -> str:
        return " ".join(decision.worker.name for decision in self.attempts)


def balancer(*workers: WorkerSettings | str, **settings: object) -> Balancer1250:
    listed = [WorkerSettings(w) if isinstance(w, str) else w for w in workers]
    return Balancer1250(listed, BalancerSettings(**settings))  # type: ignore[arg-type]


def session(*ids: str) -> RequestFacts:
    """A request with one Cookie header per session id."""
    return RequestFacts(b"/app/x", tuple(f"JSESSIONID={text}".encode() for text in ids))


def serve(subject: Algorithm, facts: RequestFacts = PLAIN, now_ms: int = 0, **outcomes: Outcome) -> Served:
    """One whole request; workers that are not named in `outcomes` succeed."""
    served = Served(now_ms=now_ms)
    answer = subject.choose(facts, now_ms)
    while answer is not None:
        if isinstance(answer, Wait):
            served.waits_ms.append(answer.wait_ms)
            served.now_ms += answer.wait_ms
        else:
            served.attempts.append(answer)
            outcome = outcomes.get(answer.worker.name, SUCCESS)
            if outcome is not Outcome.NO_PLACE:
                subject.start(answer)
            if not subject.report(answer, outcome, served.now_ms):
                return served
        answer = subject.choose(facts, served.now_ms, after=answer)
    served.nobody = True
    return served


def hold(subject: Algorithm, facts: RequestFacts = PLAIN, now_ms: int = 0) -> Decision:
    """A request that waits for its worker."""
    decision = subject.choose(facts, now_ms)
    assert isinstance(decision, Decision)
    subject.start(decision)
    return decision


def sequence(subject: Algorithm, count: int, facts: RequestFacts = PLAIN, now_ms: int = 0) -> str:
    return " ".join(str(serve(subject, facts, now_ms)) for _ in range(count))


def values(subject: Algorithm) -> list[int]:
    return [worker.value for worker in subject.snapshot()]


def states(subject: Algorithm) -> str:
    return " ".join(worker.state.value for worker in subject.snapshot())
