"""A simulation: users turn to the balancer, the balancer to containers, and containers answer or do not.

Events of a request run in this order, each method naming the next:
`_begin`, `_choose`, `_turn_to`, `_take_place`, `_try`, `_serve`, `_answered`, `_done`; after a failed try
`_try_failed`, which leads to `_try`, `_choose_again` or `_failed`.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

from refjk.balancing import (
    Algorithm,
    Balancer1250,
    Decision,
    Due,
    MaintenanceClock,
    Outcome,
    RequestFacts,
    Wait,
)
from refjk.simulation.agenda import Agenda
from refjk.simulation.container import Container, Group, User
from refjk.simulation.distributions import Exponential
from refjk.simulation.result import Result, Times, WorkerResult
from refjk.simulation.scenario import SECOND_US, Arrivals, Drain, Outage, Replication, Scenario
from refjk.simulation.subject import Subject
from refjk.simulation.tally import BUCKETS, Tally

URI = b"/app/page"
OCTETS_REQUEST, OCTETS_ANSWER = 600, 12_000
LOOK_MS = 100  # how often a request that waits for a place looks for one
STATUS_REFUSED, STATUS_BROKEN, STATUS_LATE = 503, 502, 504
_NEVER_US = 1 << 62


def simulate(subject: Subject, scenario: Scenario) -> Result:
    """Plays a scenario against a new balancer.

    Raises `InputError` when the scenario names a worker that the balancer does not have, or drains one where
    the version cannot.
    """
    for name in scenario.named_workers:
        subject.check_worker(name)
    return _Play(subject, scenario).run()
