"""The balancers alone: decisions per second of processor time, no sockets."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from refjk.balancing import (
    Algorithm,
    Balancer127,
    Balancer1250,
    BalancerSettings,
    Decision,
    Outcome,
    RequestFacts,
    WorkerSettings,
)
from tests.bench import report

COUNTS = (3, 30, 300)
ALGORITHMS: dict[str, Callable[[list[WorkerSettings], BalancerSettings], Algorithm]] = {
    "1.2.7": Balancer127,
    "1.2.50": Balancer1250,
}
SECONDS = 0.2


def requests(count: int, has_session: bool) -> list[RequestFacts]:
    """Some hundred requests, with a session cookie among others or with none."""
    facts = []
    for number in range(300):
        session = f"; JSESSIONID=0123456789ABCDEF0123456789ABCDEF.n{number % count}" if has_session else ""
        facts.append(RequestFacts(b"/app/catalogue/17", (f"theme=dark; lang=en{session}".encode(),)))
    return facts


def rate(algorithm: str, count: int, has_session: bool, seconds: float = SECONDS) -> float:
    """Decisions per second of processor time, each one started and reported."""
    workers = [WorkerSettings(f"n{number}", 1 + number % 3) for number in range(count)]
    subject = ALGORITHMS[algorithm](workers, BalancerSettings())
    facts = requests(count, has_session)
    made, begin = 0, time.process_time()
    while (passed := time.process_time() - begin) < seconds:
        for request in facts:
            decision = subject.choose(request, 0)
            assert isinstance(decision, Decision)
            subject.start(decision)
            subject.report(decision, Outcome.SUCCESS, 0)
        made += len(facts)
    return made / passed


def measure(rounds: int) -> dict[str, list[float]]:
    """Rates by case, one number for each round; rounds are interleaved."""
    cases = [
        (algorithm, count, has_session)
        for algorithm in ALGORITHMS
        for count in COUNTS
        for has_session in (False, True)
    ]
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for algorithm, count, has_session in cases:
            name = f"{algorithm}, {count} workers, {'with' if has_session else 'no'} session"
            rates.setdefault(name, []).append(rate(algorithm, count, has_session))
    return rates


def as_markdown(rates: dict[str, list[float]]) -> str:
    """The facts and one table."""
    rows = [[name, f"{statistics.median(numbers):.0f}"] for name, numbers in rates.items()]
    facts = report.machine() | {"measured": "median, one thread; each decision is started and reported"}
    return (
        report.facts_as_text(facts)
        + "\n\n"
        + report.table(["balancer alone", "decisions per second of processor time"], rows)
    )
