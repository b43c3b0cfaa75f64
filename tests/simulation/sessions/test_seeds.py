"""Runs made by seeds: faults first, then none, then nobody clicks; no checker objects in any phase.

The environment `sim` of tox plays 2 000 of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from refjk.session import ORIGINAL, REPAIRED
from refjk.simulation.cluster import Mode
from refjk.simulation.sessions import SessionsPlan, run_plan, settings_of
from refjk.speccheck import covers

SEEDS = 50
AT_ONCE = 10
USERS = 3


@covers("SES-GUA-01", "SES-GUA-02", "SES-GUA-03", "SES-GUA-04", "SES-GUA-05", "SES-GUA-07")
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_no_checker_objects_to_a_seed(first: int) -> None:
    results = [run_plan(SessionsPlan(seed, users=USERS)) for seed in range(first, first + AT_ONCE)]
    counts = sum((result.counts for result in results), Counter[str]())

    assert {result.seed: result.objections for result in results if result.objections} == {}
    # Nothing is shown by runs in which nothing happens.
    assert counts["clicks"] > 400
    assert counts["states loaded"] > 30
    assert counts["NEW ID"] > 30
    assert counts["complete"] > 50


def test_the_same_seed_gives_the_same_journal_and_another_one_another() -> None:
    journals: list[list[str]] = [[], [], []]
    for seed, journal in zip((3, 3, 4), journals, strict=True):
        run_plan(SessionsPlan(seed, nodes=3, users=2), write=journal.append)

    assert journals[0] == journals[1]
    assert journals[0] != journals[2]


def test_seeds_meet_every_mode() -> None:
    assert {settings_of(SessionsPlan(seed)).cluster.mode for seed in range(20)} == set(Mode)


@pytest.mark.parametrize("seed", [4, 28])
def test_the_originals_rules_lose_updates_and_with_refjks_for_states_and_ids_they_do_not(seed: int) -> None:
    lost = {}
    for rules in (ORIGINAL, replace(ORIGINAL, state_overwrites=False, exact_ids=False), REPAIRED):
        result = run_plan(SessionsPlan(seed, users=4, rules=rules))
        lost[rules] = [one for one in result.objections if one.startswith("no update lost")]

    assert [bool(found) for found in lost.values()] == [True, False, False]
