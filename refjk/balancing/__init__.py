"""Which worker serves a request: `spec/balancing.md`. Pure and fed with the time; no I/O.

    balancer = Balancer1250(workers, settings, now_ms)      # or Balancer127
    facts = RequestFacts(uri, cookie_headers)
    answer = balancer.choose(facts, now_ms)
    while answer is not None:
        if isinstance(answer, Wait):
            …                              # let answer.wait_ms pass
        else:
            …                              # get a place at answer.worker; without one report NO_PLACE
            balancer.start(answer)
            …                              # offer it the request
            if not balancer.report(answer, outcome, now_ms, again=…):
                break                      # served, or failed for good: this outcome is the end
        answer = balancer.choose(facts, now_ms, after=answer)
    else:
        …                                  # nobody is left: balancer.status_no_worker

Beside the requests, whenever `MaintenanceClock.check` says GLOBAL: `balancer.maintain(now_ms, period_s)`.
One balancer belongs to one lock: all its methods but `snapshot` change it.
"""

from refjk.balancing.algorithm_127 import Balancer127
from refjk.balancing.algorithm_1250 import Balancer1250
from refjk.balancing.maintenance import Due, MaintenanceClock
from refjk.balancing.model import (
    NO_RULE,
    Algorithm,
    BalancingRule,
    Candidate,
    Decision,
    Outcome,
    PassedOver,
    RequestFacts,
    Wait,
    Why,
    WorkerSnapshot,
    WorkerState,
)
from refjk.balancing.records import Records
from refjk.balancing.settings import Activation, BalancerSettings, Method, WorkerSettings

__all__ = [
    "NO_RULE",
    "Activation",
    "Algorithm",
    "Balancer127",
    "Balancer1250",
    "BalancerSettings",
    "BalancingRule",
    "Candidate",
    "Decision",
    "Due",
    "MaintenanceClock",
    "Method",
    "Outcome",
    "PassedOver",
    "Records",
    "RequestFacts",
    "Wait",
    "Why",
    "WorkerSettings",
    "WorkerSnapshot",
    "WorkerState",
]
