"""Which process has how many requests open on which worker, so that nothing is lost with a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from refjk.webserver.plan import Plan


class Memory(Protocol):
    """Numbers that several processes share."""

    def part(self, name: str) -> memoryview[int]:
        """One of `WebServer.parts`; of format `q`."""


class Ledger:
    """A row for each process: a number for each member of each balancer, and for each worker by itself."""

    def __init__(self, memory: Memory, slot: int, plan: Plan) -> None:
        self._memory = memory
        self._places = _places(plan)
        self._own = memory.part(_part(slot))

    @staticmethod
    def parts(plan: Plan, processes: int) -> dict[str, int]:
        """What the memory has to hold."""
        return {_part(slot): len(_places(plan)) for slot in range(processes)}

    def add(self, name: str, index: int, count: int) -> None:
        """This process has more, or fewer, requests open."""
        self._own[self._places[name, index]] += count

    def take(self, slot: int) -> Iterator[tuple[str, int, int]]:
        """What a process had open: name, index and number; its row is empty then."""
        row = self._memory.part(_part(slot))
        for (name, index), place in self._places.items():
            count, row[place] = row[place], 0
            if count > 0:
                yield name, index, count


def _places(plan: Plan) -> dict[tuple[str, int], int]:
    keys = [(name, index) for name, one in plan.balancers.items() for index in range(len(one.members))]
    keys += [(name, 0) for name in plan.workers if name not in plan.balancers]
    return {key: place for place, key in enumerate(keys)}


def _part(slot: int) -> str:
    return f"process {slot}"
