"""A cluster in simulated time: the cores of membership and channel on a network that fails by chance.

    commands = parse_scenario(["join a b", "pass 3s", "send a k=1", "settle", "expect b has k=1"], "text")
    result = play(commands, seed=7, write=print)         # ClusterResult; `write` gets the journal
    result = run_plan(Plan(seed=7))                      # a scenario that the seed makes
    print("\\n".join(report(result)))
    result.objections                                    # of checkers and of `expect`

The same seed and the same scenario give the same journal. How scenarios are written is told in
docs/howto/simulate-cluster.md. A node is the same cores as under the sockets of `refjk.runtime`, in the
place of its threads the agenda.
"""

from refjk.simulation.cluster.commands import VERBS, Command, parse_scenario
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.play import ClusterResult, play
from refjk.simulation.cluster.report import as_document, report
from refjk.simulation.cluster.seeds import Plan, run_plan, scenario_left
from refjk.simulation.cluster.settings import NAMES, ClusterSettings, Mode
from refjk.simulation.cluster.stage import NODES_MAX

__all__ = [
    "NAMES",
    "NODES_MAX",
    "VERBS",
    "ClusterResult",
    "ClusterSettings",
    "Command",
    "Cores",
    "Mode",
    "Plan",
    "as_document",
    "parse_scenario",
    "play",
    "report",
    "run_plan",
    "scenario_left",
]
