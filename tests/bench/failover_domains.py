"""Where the balancers send the sessions of a failed node: to one that has a copy of them, or anywhere."""

from __future__ import annotations

import random

from refjk.balancing import (
    Algorithm,
    BalancerSettings,
    Decision,
    Outcome,
    RequestFacts,
    Wait,
    WorkerSettings,
)
from tests.bench.decisions import ALGORITHMS

PLAIN = RequestFacts(b"/shop/")


def found_again(algorithm: str, nodes: int, domain: int, *, told: bool, seed: int) -> float:
    """Of one session at each node, the share that finds its copy after its node has failed.

    Replication is within clusters of `domain` nodes; `told`: the balancer knows them as domains.
    """
    source = random.Random(seed)
    found = 0
    for failed in range(nodes):
        workers = [
            WorkerSettings(f"n{number}", domain=f"d{number // domain}" if told else "")
            for number in range(nodes)
        ]
        subject = ALGORITHMS[algorithm](workers, BalancerSettings())
        for _ in range(source.randrange(2 * nodes)):  # what happens to be next differs
            served_by(subject, PLAIN)
        facts = RequestFacts(b"/shop/", (f"JSESSIONID=0123456789ABCDEF.n{failed}".encode(),))
        by = served_by(subject, facts, f"n{failed}")
        found += int(by[1:]) // domain == failed // domain
    return found / nodes


def served_by(subject: Algorithm, facts: RequestFacts, failed: str = "") -> str:
    """The worker that serves a request in the end."""
    answer = subject.choose(facts, 0)
    while True:
        assert answer is not None, "nobody is left"
        if isinstance(answer, Decision):
            subject.start(answer)
            fails = answer.worker.name == failed
            subject.report(answer, Outcome.FAILURE if fails else Outcome.SUCCESS, 0, again=fails)
            if not fails:
                return answer.worker.name
        assert isinstance(answer, Decision | Wait)
        answer = subject.choose(facts, 0, after=answer)
