"""One seed, one run: a scenario by chance, played; what is kept of it when a checker objects."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from refjk.simulation.cluster.commands import parse_scenario
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.faults import cluster_lines
from refjk.simulation.cluster.play import ClusterResult, play
from refjk.simulation.cluster.settings import Mode

SHORT_MS = 15_000  # of faults in a run of many
_FAULTY_MS = 60_000  # of faults at a stretch, in a long run


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be; `nodes` None takes 2 to 5, `mode` None any, both by the seed."""

    seed: int
    nodes: int | None = None
    mode: Mode | None = None
    duration_ms: int = SHORT_MS

    def lines(self) -> Iterator[str]:
        """The scenario, which needs no more than these to be made again."""
        nodes = self.nodes or random.Random(f"nodes {self.seed}").randint(2, 5)
        return cluster_lines(self.seed, nodes, self.duration_ms, self.mode, faulty_ms=_FAULTY_MS)


def run_plan(
    plan: Plan, *, write: Callable[[str], None] | None = None, cores: Cores | None = None
) -> ClusterResult:
    """Plays the scenario of a plan."""
    return play(parse_scenario(plan.lines(), f"seed {plan.seed}"), plan.seed, write=write, cores=cores)


def scenario_left(plan: Plan, result: ClusterResult) -> str:
    """A file that plays the same run again, with what was objected to."""
    head = [f"# refjk simulate cluster --seed {plan.seed} --scenario THIS-FILE"]
    head += [f"# {objection}" for objection in result.objections]
    return "\n".join([*head, *plan.lines()]) + "\n"
