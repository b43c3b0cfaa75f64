"""The workers of a balancer of the algorithm 1.2.50, and what follows from their settings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from refjk.balancing.records import Records
from refjk.balancing.settings import WorkerSettings
from refjk.base.errors import InputError


class Members:
    """Everything by the worker's number. The lists are replaced as a whole and never changed."""

    def __init__(self, workers: Sequence[WorkerSettings], records: Records) -> None:
        self.records = records
        self.numbers = (*range(len(workers)), *range(len(workers)))  # twice, so that a slice goes round
        self.next = 0  # where the search by value begins
        self.adopt(workers)

    def adopt(self, workers: Sequence[WorkerSettings]) -> None:
        """Takes settings; raises `InputError`, with nothing changed, when two workers have one route."""
        by_route: dict[bytes, int] = {}
        for index, worker in enumerate(workers):
            # BAL-CFG-06
            if by_route.setdefault(worker.effective_route.encode(), index) != index:
                raise InputError(
                    f"worker {worker.name}: another worker has the route {worker.effective_route!r}"
                )
        self.by_route = by_route
        self.workers = tuple(workers)
        self.activations = [worker.activation for worker in workers]
        self.distances = [worker.distance for worker in workers]
        # BAL-VAL-04
        multiple = math.lcm(*(worker.factor for worker in workers))
        self.multiplicities = [multiple // worker.factor for worker in workers]
        self.domains = [_domain(worker) for worker in workers]
        self.by_domain: dict[bytes, list[int]] = {}
        for index, domain in enumerate(self.domains):
            if domain:
                self.by_domain.setdefault(domain.encode(), []).append(index)


def _domain(worker: WorkerSettings) -> str:
    """The worker's domain, possibly empty."""
    if worker.domain is not None:
        return worker.domain
    # BAL-CFG-07
    before, dot, _ = worker.effective_route.partition(".")
    return before if dot else ""
