"""One seed, one run: a scenario by chance, played; what is kept of it when a checker objects."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from refjk.farm import FarmSteps
from refjk.simulation.cluster.settings import Mode
from refjk.simulation.farm.commands import parse_scenario
from refjk.simulation.farm.faults import farm_lines
from refjk.simulation.farm.play import FarmResult, play

FAULTY_MS = 25_000


@dataclass(frozen=True, slots=True)
class FarmPlan:
    """What a run is to be; `nodes` None takes 2 to 5, `mode` None any, both by the seed."""

    seed: int
    nodes: int | None = None
    mode: Mode | None = None

    def lines(self) -> Iterator[str]:
        """The scenario, which needs no more than these to be made again."""
        nodes = self.nodes or random.Random(f"nodes {self.seed}").randint(2, 5)
        return farm_lines(self.seed, nodes, FAULTY_MS, self.mode)


def run_plan(
    plan: FarmPlan, *, write: Callable[[str], None] | None = None, steps: type[FarmSteps] = FarmSteps
) -> FarmResult:
    """Plays the scenario of a plan."""
    commands = parse_scenario(plan.lines(), f"seed {plan.seed}")
    return play(commands, plan.seed, write=write, steps=steps)


def scenario_left(plan: FarmPlan, result: FarmResult) -> str:
    """A file that plays the same run again, with what was objected to."""
    head = [f"# refjk simulate farm --seed {plan.seed} --scenario THIS-FILE"]
    head += [f"# {objection}" for objection in result.objections]
    return "\n".join([*head, *plan.lines()]) + "\n"
