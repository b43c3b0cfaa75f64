"""Scenarios made by seeds: faults first, then none; no checker objects in either phase.

The environment `sim` of tox plays 10 000 of them.
"""

from __future__ import annotations

import pytest

from refjk.simulation.cluster import Mode, Plan, parse_scenario, play, run_plan, scenario_left

SEEDS = 200
AT_ONCE = 20


def journal_of(seed: int) -> list[str]:
    journal: list[str] = []
    run_plan(Plan(seed), write=journal.append)
    return journal


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_no_checker_objects_to_a_seed(first: int) -> None:
    results = [run_plan(Plan(seed)) for seed in range(first, first + AT_ONCE)]

    assert {result.seed: result.objections for result in results if result.objections} == {}
    # Nothing is shown by runs in which nothing happens.
    assert sum(result.counts["Handed"] for result in results) > 500
    assert sum(result.counts["Dropped"] for result in results) > 20
    assert sum(result.counts["DatagramLost"] for result in results) > 200


def test_the_same_seed_gives_the_same_journal_and_another_one_another() -> None:
    assert journal_of(3) == journal_of(3)
    assert journal_of(3) != journal_of(4)


def test_seeds_meet_every_mode_and_every_number_of_nodes() -> None:
    plans = [list(Plan(seed).lines()) for seed in range(60)]

    assert {lines[0] for lines in plans} == {f"set mode {mode.value}" for mode in Mode}
    assert {sum(line.startswith("join") for line in lines) for lines in plans} == {2, 3, 4, 5}


@pytest.mark.parametrize("mode", Mode)
def test_a_long_run_has_its_phases_in_turn(mode: Mode) -> None:
    plan = Plan(seed=11, nodes=4, mode=mode, duration_ms=150_000)
    lines = list(plan.lines())
    result = run_plan(plan)

    assert lines.count("settle") == 2 * 3
    assert result.objections == ()
    assert result.duration_ms > 150_000
    assert result.nodes == ("n1", "n2", "n3", "n4")


def test_what_a_run_leaves_plays_the_same_run_again() -> None:
    plan = Plan(5)
    first: list[str] = []
    again: list[str] = []
    result = run_plan(plan, write=first.append)
    text = scenario_left(plan, result)
    play(parse_scenario(text.splitlines(), "left"), plan.seed, write=again.append)

    assert text.startswith("# refjk simulate cluster --seed 5 --scenario THIS-FILE\n")
    assert again == first
