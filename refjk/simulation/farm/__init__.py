"""Deployers in simulated time: the farm's cores on the channel and its members, with disks that outlive them.

    result = run_plan(FarmPlan(seed=7))                  # faults by chance, then none
    print("\\n".join(report(result)))
    result.objections                                    # of the checkers

    commands = parse_scenario(["join a b", "pass 3s", "put a shop=v1", "settle"], "mine")
    play(commands, seed=1, write=print)

The same seed gives the same journal. Scenarios and checkers are told in docs/howto/simulate-farm.md.
"""

from refjk.simulation.farm.commands import VERBS, parse_scenario
from refjk.simulation.farm.play import FarmResult, play
from refjk.simulation.farm.report import as_document, report
from refjk.simulation.farm.seeds import FarmPlan, run_plan, scenario_left
from refjk.simulation.farm.settings import FARM_NAMES, FarmSimulationSettings

__all__ = [
    "FARM_NAMES",
    "VERBS",
    "FarmPlan",
    "FarmResult",
    "FarmSimulationSettings",
    "as_document",
    "parse_scenario",
    "play",
    "report",
    "run_plan",
    "scenario_left",
]
