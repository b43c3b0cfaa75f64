"""A cluster that grows to 100 nodes in simulated time, all in one and in domains: what a change costs.

Nothing here is timed. The same seed gives the same numbers; what the steps cost, `replication` told.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from refjk.runtime.senders_settings import Mode
from tests.bench import report
from tests.bench.chart import Chart, Curve
from tests.bench.decisions import ALGORITHMS
from tests.bench.failover_domains import found_again
from tests.bench.growth_model import Costs, Load, play

NODES = (2, 3, 4, 6, 10, 20, 50, 100)
SHORT_NODES = (2, 6)
DOMAIN = 4
PER_S = 10.0  # requests at each node
REQUESTS = 400
SHORT_REQUESTS = 40
SEED = 1
# Of a change of a small session, as `replication` measured it: what a request costs its node with one other
# and with five tells `send` and `change` apart; what it costs each of the others is `receive`.
COSTS = {
    Mode.SYNCHRONOUS: Costs(change=130, send=125, receive=370),
    Mode.POOLED: Costs(change=130, send=125, receive=370),
    Mode.ASYNCHRONOUS: Costs(change=155, send=36, receive=230),
}
WHOLE, PARTED = "one cluster", "domains"


@dataclass(slots=True)
class Result:
    """`numbers` by mode, by "one cluster" or "domains", and by the number of nodes.

    `found_again`: of the sessions of failed nodes, the share that a balancer sends to a node with a copy.
    """

    numbers: dict[str, dict[str, dict[int, dict[str, float]]]] = field(default_factory=dict)
    found_again: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


def measure_once(nodes: int, domain: int, mode: Mode, load: Load) -> dict[str, float]:
    """What comes of one cluster, or of several."""
    world, members, seconds = play(nodes, domain, mode, COSTS[mode], load)
    counts = world.counts
    waits = sorted(wait for node in members for wait in node.waits_us)
    busy_us = sum(node.processor.busy_us for node in members)
    return {
        "wait_p50_us": statistics.median(waits),
        "wait_p99_us": waits[min(int(len(waits) * 0.99), len(waits) - 1)],
        "messages_per_change": counts.frames / counts.changes,
        "answers_per_change": counts.answers / counts.changes,
        "octets_per_change": counts.octets / counts.changes,
        "messages_per_s": counts.frames / seconds,
        "mbit_per_s": counts.octets * 8 / seconds / 1e6,
        "busy_share": busy_us / nodes / (seconds * 1e6),
        "requests_per_s_max": nodes * 1e6 / (busy_us / counts.changes),
        "sessions_per_node": statistics.fmean(len(node.manager) for node in members),
    }


def measure(*, short: bool = False) -> Result:
    """Every mode and number of nodes, in one cluster and in domains."""
    load = Load(PER_S, SHORT_REQUESTS if short else REQUESTS, SEED)
    result = Result()
    for mode in Mode:
        print(f"growth, {mode.value}", file=sys.stderr)
        for name in (WHOLE, PARTED):
            result.numbers.setdefault(mode.value, {})[name] = {
                nodes: measure_once(nodes, nodes if name == WHOLE else DOMAIN, mode, load)
                for nodes in (SHORT_NODES if short else NODES)
            }
    most = (SHORT_NODES if short else NODES)[-1]
    result.found_again = {
        f"mod_jk {algorithm}, domains {'told' if told else 'not told'}": found_again(
            algorithm, most, DOMAIN, told=told, seed=SEED
        )
        for algorithm in ALGORITHMS
        for told in (True, False)
    }
    result.facts = {
        "simulated": f"{load.requests} requests for each number of nodes, {PER_S:g} per node and second",
        **{
            f"{mode.value}, costs in µs": ", ".join(
                f"{name} {value}" for name, value in asdict(costs).items()
            )
            for mode, costs in COSTS.items()
        },
        "domains": f"of {DOMAIN} nodes, each a cluster of its own",
        "seed": str(SEED),
    }
    return result


def as_markdown(result: Result) -> str:
    """The facts, how long a request waits, and what the cluster has to carry."""
    parts = [report.facts_as_text(result.facts)]
    for name in (WHOLE, PARTED):
        header = [f"{name}: nodes"]
        header += [f"{mode} p50 / p99 ms" for mode in result.numbers]
        header += ["messages per change", "messages per s", "Mbit/s", "busy", "most requests per s"]
        parts.append(report.table(header, _rows(result, name)))
    rows = [[name, f"{100 * share:.0f} %"] for name, share in result.found_again.items()]
    parts.append(report.table(["sessions of a failed node that find a copy", "share"], rows))
    return "\n\n".join(parts)


def _rows(result: Result, name: str) -> list[list[str]]:
    rows = []
    for nodes, numbers in result.numbers[Mode.POOLED.value][name].items():
        waits = [
            f"{one[name][nodes]['wait_p50_us'] / 1000:.2f} / {one[name][nodes]['wait_p99_us'] / 1000:.2f}"
            for one in result.numbers.values()
        ]
        rows.append(
            [
                str(nodes),
                *waits,
                f"{numbers['messages_per_change']:.1f}",
                f"{numbers['messages_per_s']:.0f}",
                f"{numbers['mbit_per_s']:.1f}",
                f"{100 * numbers['busy_share']:.0f} %",
                f"{numbers['requests_per_s_max']:.0f}",
            ]
        )
    return rows


def charts(result: Result) -> dict[str, Chart]:
    """The curves by the name of their file."""
    about = f"simulated; solid: one cluster, dashed: domains of {DOMAIN} nodes"
    waits = [
        Curve(
            f"{mode}{', domains' if name == PARTED else ''}",
            _points(one[name], 0.001),
            colour,
            name == PARTED,
        )
        for colour, (mode, one) in enumerate(result.numbers.items())
        for name in (WHOLE, PARTED)
    ]
    pooled = result.numbers[Mode.POOLED.value]
    most = [
        Curve(
            name,
            [(float(nodes), one["requests_per_s_max"]) for nodes, one in pooled[name].items()],
            1,
            name == PARTED,
        )
        for name in (WHOLE, PARTED)
    ]
    most.append(Curve("without replication", _alone(list(pooled[WHOLE])), 9))
    return {
        "growth-wait": Chart(
            "How long a request waits for the other nodes, p50",
            f"{about}; synchronous and pooled hardly differ",
            "nodes",
            "wait, ms",
            waits,
            x_log=True,
            y_log=True,
        ),
        "growth-capacity": Chart(
            "Requests per second of all nodes together",
            f"{about}; every request changes its session",
            "nodes",
            "requests per second",
            most,
            x_log=True,
            y_log=True,
        ),
    }


def _points(by_nodes: dict[int, dict[str, float]], factor: float) -> list[tuple[float, float]]:
    return [(float(nodes), one["wait_p50_us"] * factor) for nodes, one in by_nodes.items()]


def _alone(counts: Sequence[int]) -> list[tuple[float, float]]:
    return [(float(nodes), nodes * 1e6 / COSTS[Mode.POOLED].request) for nodes in counts]
