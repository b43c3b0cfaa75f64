"""`refjk simulate farm`: archives deployed on all nodes of a cluster that fails, in simulated time."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from refjk.cli.simulate_runs import (
    add_run_options,
    begin_run,
    check_keep,
    leave,
    open_journal,
    read_lines,
    refuse_beside,
    results_of,
    tell_result,
)
from refjk.cli.values import count
from refjk.simulation.cluster import Mode
from refjk.simulation.farm import (
    FarmPlan,
    FarmResult,
    as_document,
    parse_scenario,
    play,
    report,
    run_plan,
    scenario_left,
)

HELP = "archives deployed on all nodes of a cluster whose nodes, disks and network fail, watched by checkers"

_NODES_MAX = 20
_TOLD_MAX = 20  # seeds with objections that are told one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No option has a default here: what stands before the word `farm` must not be lost."""
    parser.add_argument("--seed", type=count, metavar="N", help="the same seed gives the same output")
    parser.add_argument(
        "--nodes", type=_nodes, metavar="N", help=f"2 to {_NODES_MAX} (default: the seed chooses 2 to 5)"
    )
    parser.add_argument(
        "--mode", choices=[mode.value for mode in Mode], help="of the senders (default: the seed chooses)"
    )
    parser.add_argument("--scenario", metavar="FILE", help="play this instead of what the seed makes")
    add_run_options(parser, "a run of each of these")
    parser.add_argument(
        "--keep", metavar="FOLDER", help="where a run with objections leaves its scenario (default: here)"
    )


def run(options: argparse.Namespace) -> int:
    given = vars(options)
    check_keep(given)
    if given.get("seeds") is not None:
        refuse_beside("--seeds", given, ("seed", "scenario", "journal", "json"))
        return _run_many(given)
    if given.get("scenario") is not None:
        refuse_beside("--scenario", given, ("nodes", "mode"))
    return _run_one(given)


def _run_one(given: dict[str, object]) -> int:
    seed = begin_run(given)
    with open_journal(given.get("journal")) as write:
        result = _played(given, seed, write)
    tell_result(given, as_document(result), report(result))
    return 1 if result.objections else 0


def _played(given: dict[str, object], seed: int, write: Callable[[str], None] | None) -> FarmResult:
    scenario = given.get("scenario")
    if scenario is not None:
        return play(list(parse_scenario(read_lines(scenario), str(scenario))), seed, write=write)
    plan = _plan(given, seed)
    result = run_plan(plan, write=write)
    _leave(plan, result, given)
    return result


def _plan(given: dict[str, object], seed: int) -> FarmPlan:
    nodes = given.get("nodes")
    assert nodes is None or isinstance(nodes, int)
    return FarmPlan(seed, nodes, Mode(given["mode"]) if given.get("mode") else None)


def _run_many(given: dict[str, object]) -> int:
    seeds, processes = given["seeds"], given.get("processes") or 1
    assert isinstance(seeds, range) and isinstance(processes, int)
    plans = [_plan(given, seed) for seed in seeds]
    print(f"seeds {seeds[0]}..{seeds[-1]}", flush=True)
    began, objected = time.monotonic(), 0
    counts: Counter[str] = Counter()
    for plan, result in zip(plans, results_of(run_plan, plans, processes), strict=True):
        counts.update(result.counts)
        if result.objections:
            objected += 1
            left = _leave(plan, result, given)
            if objected <= _TOLD_MAX:
                print(f"! seed {plan.seed}: {result.objections[0]}; see {left}", flush=True)
    spent_s = max(time.monotonic() - began, 0.001)
    print(
        f"{len(seeds)} runs, {counts['Put']} archives put, {counts['TookOver']} versions took over, "
        f"{counts['Stopped']} times a node ended, {counts['Sprung']} of them at a step of its disk"
    )
    print(f"{objected or 'no'} seeds with objections")
    print(f"seeds {seeds[0]}..{seeds[-1]}")
    print(f"{spent_s:.0f} s for this, {len(seeds) / spent_s:.1f} seeds in a second", file=sys.stderr)
    return 1 if objected else 0


def _leave(plan: FarmPlan, result: FarmResult, given: dict[str, object]) -> Path | None:
    """Writes the scenario of a run with objections."""
    if not result.objections:
        return None
    return leave(f"farm-seed-{plan.seed}.txt", scenario_left(plan, result), given.get("keep"))


def _nodes(text: str) -> int:
    number = count(text)
    if not 2 <= number <= _NODES_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not within 2 to {_NODES_MAX}")
    return number
