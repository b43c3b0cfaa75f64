"""`refjk simulate sessions`: whole nodes with users on a network that fails, in simulated time."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable

from refjk.cli.simulate_runs import (
    add_run_options,
    begin_run,
    open_journal,
    refuse_beside,
    results_of,
    tell_result,
)
from refjk.cli.values import count
from refjk.session import ORIGINAL, REPAIRED
from refjk.simulation.cluster import Mode
from refjk.simulation.sessions import SessionsPlan, as_document, report, run_plan

HELP = "whole nodes with sessions and users on a network that fails, watched by checkers"

_NODES_MAX = 20
_USERS_MAX = 20  # with more, messages come later than sessions end, which checkers take for faults
_TOLD_MAX = 20  # seeds with objections that are told one by one
_RULES = {"original": ORIGINAL, "refjk": REPAIRED}
_DEFAULTS = SessionsPlan(seed=0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No option has a default here: what stands before the word `sessions` must not be lost."""
    parser.add_argument("--seed", type=count, metavar="N", help="the same seed gives the same output")
    parser.add_argument(
        "--nodes", type=_within(2, _NODES_MAX), metavar="N", help=f"(default {_DEFAULTS.nodes})"
    )
    parser.add_argument(
        # `refjk simulate` has users of its own, by the hundred.
        "--users",
        dest="session_users",
        type=_within(1, _USERS_MAX),
        metavar="N",
        help=f"1 to {_USERS_MAX} (default {_DEFAULTS.users})",
    )
    parser.add_argument(
        "--mode", choices=[mode.value for mode in Mode], help="of the senders (default: the seed chooses)"
    )
    parser.add_argument("--rules", choices=list(_RULES), help="of the session managers (default refjk)")
    add_run_options(parser, "a run of each of these")


def run(options: argparse.Namespace) -> int:
    given = vars(options)
    if given.get("seeds") is not None:
        refuse_beside("--seeds", given, ("seed", "journal", "json"))
        return _run_many(given)
    return _run_one(given)


def _run_one(given: dict[str, object]) -> int:
    seed = begin_run(given)
    with open_journal(given.get("journal")) as write:
        result = run_plan(_plan(given, seed), write=write)
    tell_result(given, as_document(result), report(result))
    return 1 if result.objections else 0


def _plan(given: dict[str, object], seed: int) -> SessionsPlan:
    nodes, users = given.get("nodes") or _DEFAULTS.nodes, given.get("session_users") or _DEFAULTS.users
    assert isinstance(nodes, int) and isinstance(users, int)
    mode = Mode(given["mode"]) if given.get("mode") else None
    return SessionsPlan(seed, nodes, users, mode, _RULES[str(given.get("rules") or "refjk")])


def _run_many(given: dict[str, object]) -> int:
    seeds, processes = given["seeds"], given.get("processes") or 1
    assert isinstance(seeds, range) and isinstance(processes, int)
    print(f"seeds {seeds[0]}..{seeds[-1]}", flush=True)
    began, objected, lost = time.monotonic(), 0, 0
    counts: Counter[str] = Counter()
    for result in results_of(run_plan, [_plan(given, seed) for seed in seeds], processes):
        counts.update(result.counts)
        lost += result.lost
        if result.objections:
            objected += 1
            if objected <= _TOLD_MAX:
                print(f"! seed {result.seed}: {result.objections[0]}", flush=True)
    spent_s = max(time.monotonic() - began, 0.001)
    print(
        f"{len(seeds)} runs, {counts['clicks']} clicks in {counts['sessions']} sessions, "
        f"{counts['states loaded']} nodes began with a state, {lost} last answered clicks that no node has"
    )
    print(f"{objected or 'no'} seeds with objections")
    print(f"seeds {seeds[0]}..{seeds[-1]}")
    print(f"{spent_s:.0f} s for this, {len(seeds) / spent_s:.1f} seeds in a second", file=sys.stderr)
    return 1 if objected else 0


def _within(lowest: int, highest: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        number = count(text)
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"{text} is not within {lowest} to {highest}")
        return number

    return convert
