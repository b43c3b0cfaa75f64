"""Runs made by seeds: faults first, then none, and all nodes have the same; no checker objects in any phase.

The environment `sim` of tox plays 2 000 of them.
"""

from __future__ import annotations

from collections import Counter

import pytest

from refjk.simulation.cluster import Mode
from refjk.simulation.farm import FarmPlan, run_plan, scenario_left
from refjk.speccheck import covers

SEEDS = 50
AT_ONCE = 10


@covers("FAR-GUA-01", "FAR-GUA-02", "FAR-GUA-03", "FAR-GUA-04", "FAR-LAT-11")
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_no_checker_objects_to_a_seed(first: int) -> None:
    results = [run_plan(FarmPlan(seed)) for seed in range(first, first + AT_ONCE)]
    counts = sum((result.counts for result in results), Counter[str]())

    assert {result.seed: result.objections for result in results if result.objections} == {}
    # Nothing is shown by runs in which nothing happens.
    assert counts["TookOver"] > 100
    assert counts["Stopped"] > 10
    assert counts["Sprung"] > 3
    assert counts["takes a message: part"] > 150
    assert counts["takes a message: octets"] > 20


def test_the_same_seed_gives_the_same_journal_and_another_one_another() -> None:
    journals: list[list[str]] = [[], [], []]
    for seed, journal in zip((3, 3, 4), journals, strict=True):
        run_plan(FarmPlan(seed, nodes=3), write=journal.append)

    assert journals[0] == journals[1]
    assert journals[0] != journals[2]


def test_a_plan_has_the_nodes_and_the_mode_that_are_asked_for() -> None:
    result = run_plan(FarmPlan(5, nodes=2, mode=Mode.POOLED))

    assert result.nodes == ("n1", "n2")
    assert result.settings.cluster.mode is Mode.POOLED
    assert "set mode pooled" in scenario_left(FarmPlan(5, nodes=2, mode=Mode.POOLED), result)
