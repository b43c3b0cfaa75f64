"""Which worker serves a request: `spec/balancing.md`. Pure and fed with the time; no I/O.

    balancer = Balancer(workers, settings)
    facts = RequestFacts(uri, cookie_headers)
    decision = balancer.choose(facts, now_ms)
    while decision is not None:
        outcome = …                        # offer the request to decision.worker
        if not balancer.report(decision, outcome, now_ms):
            break                          # served, or not to be repeated
        decision = balancer.choose(facts, now_ms, after=decision)
    else:
        …                                  # nobody is left: answer with STATUS_NO_WORKER

One balancer belongs to one lock: `choose` and `report` change it.
"""

from refjk.balancing.balancer import Balancer
from refjk.balancing.model import (
    STATUS_NO_WORKER,
    BalancerSettings,
    Candidate,
    Decision,
    Outcome,
    RequestFacts,
    Why,
    WorkerSettings,
    WorkerSnapshot,
    WorkerState,
)

__all__ = [
    "STATUS_NO_WORKER",
    "Balancer",
    "BalancerSettings",
    "Candidate",
    "Decision",
    "Outcome",
    "RequestFacts",
    "Why",
    "WorkerSettings",
    "WorkerSnapshot",
    "WorkerState",
]
