"""`refjk simulate cluster`: members and messages on a network that fails, in simulated time."""

from __future__ import annotations

import argparse
import sys
import time
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
from refjk.simulation.cluster import (
    NODES_MAX,
    ClusterResult,
    Mode,
    Plan,
    as_document,
    parse_scenario,
    play,
    report,
    run_plan,
    scenario_left,
)

HELP = "a cluster's members and messages on a network that fails, watched by checkers"

_HOUR_MS = 3_600_000
_HOURS_MAX = 8784
_NODES = 3
_TOLD_MAX = 20  # seeds with objections that are told one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No option has a default here: what stands before the word `cluster` must not be lost."""
    parser.add_argument("--seed", type=count, metavar="N", help="the same seed gives the same output")
    parser.add_argument("--nodes", type=_nodes, metavar="N", help=f"2 to {NODES_MAX} (default {_NODES})")
    parser.add_argument("--hours", type=_hours, metavar="H", help="simulated, with faults (default 1)")
    parser.add_argument(
        "--mode", choices=[mode.value for mode in Mode], help="of the senders (default: the seed chooses)"
    )
    parser.add_argument("--scenario", metavar="FILE", help="play this instead of what the seed makes")
    add_run_options(parser, "a short run of each of these, 2 to 5 nodes each")
    parser.add_argument(
        "--keep", metavar="FOLDER", help="where a run with objections leaves its scenario (default: here)"
    )


def run(options: argparse.Namespace) -> int:
    given = vars(options)
    check_keep(given)
    if given.get("seeds") is not None:
        refuse_beside("--seeds", given, ("seed", "hours", "scenario", "journal", "json"))
        return _run_many(given)
    if given.get("scenario") is not None:
        refuse_beside("--scenario", given, ("nodes", "hours", "mode"))
    return _run_one(given)


def _run_one(given: dict[str, object]) -> int:
    seed = begin_run(given)
    began = time.monotonic()
    with open_journal(given.get("journal")) as write:
        result = _played(given, seed, write)
    spent_s = max(time.monotonic() - began, 0.001)
    tell_result(given, as_document(result), report(result))
    speed = result.duration_ms / 1000 / spent_s
    print(f"{spent_s:.1f} s for this; {speed:.0f} s were simulated in a second", file=sys.stderr)
    return 1 if result.objections else 0


def _played(given: dict[str, object], seed: int, write: Callable[[str], None] | None) -> ClusterResult:
    scenario = given.get("scenario")
    if scenario is not None:
        return play(list(parse_scenario(read_lines(scenario), str(scenario))), seed, write=write)
    mode = Mode(given["mode"]) if given.get("mode") else None
    hours = given.get("hours")
    nodes = given.get("nodes") or _NODES
    assert isinstance(nodes, int) and (hours is None or isinstance(hours, float))
    plan = Plan(seed, nodes, mode, round((1.0 if hours is None else hours) * _HOUR_MS))
    result = run_plan(plan, write=write)
    _leave(plan, result, given.get("keep"))
    return result


def _run_many(given: dict[str, object]) -> int:
    seeds = given["seeds"]
    assert isinstance(seeds, range)
    nodes, mode, processes = given.get("nodes"), given.get("mode"), given.get("processes") or 1
    assert isinstance(processes, int) and (nodes is None or isinstance(nodes, int))
    plans = [Plan(seed, nodes, Mode(mode) if mode else None) for seed in seeds]
    print(f"seeds {seeds[0]}..{seeds[-1]}", flush=True)
    began, simulated_ms, objected, messages = time.monotonic(), 0, 0, 0
    for plan, result in zip(plans, results_of(run_plan, plans, processes), strict=True):
        simulated_ms += result.duration_ms
        messages += result.counts["Sending"]
        if result.objections:
            objected += 1
            left = _leave(plan, result, given.get("keep"))
            if objected <= _TOLD_MAX:
                print(f"! seed {plan.seed}: {result.objections[0]}; see {left}", flush=True)
    spent_s = max(time.monotonic() - began, 0.001)
    print(f"{len(seeds)} runs, {simulated_ms / _HOUR_MS:.1f} hours simulated, {messages} messages sent")
    print(f"{objected or 'no'} seeds with objections")
    print(f"seeds {seeds[0]}..{seeds[-1]}")
    print(f"{spent_s:.0f} s for this, {len(seeds) / spent_s:.1f} seeds in a second", file=sys.stderr)
    return 1 if objected else 0


def _leave(plan: Plan, result: ClusterResult, folder: object) -> Path | None:
    """Writes the scenario of a run with objections."""
    if not result.objections:
        return None
    return leave(f"cluster-seed-{plan.seed}.txt", scenario_left(plan, result), folder)


def _nodes(text: str) -> int:
    number = count(text)
    if not 2 <= number <= NODES_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not within 2 to {NODES_MAX}")
    return number


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 < hours <= _HOURS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours up to {_HOURS_MAX}")
    return hours
