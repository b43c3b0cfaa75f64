"""Hand-written scenarios, and what happens in them, line by line.

A trace is made with `refjk simulate farm --seed 1 --scenario X.scenario --journal X.trace`, and then read.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.simulation.farm import FarmResult, parse_scenario, play
from refjk.speccheck import covers

TRACES = Path(__file__).parent / "traces"
SCENARIOS = sorted(TRACES.glob("*.scenario"))


def played(scenario: Path) -> tuple[FarmResult, list[str]]:
    journal: list[str] = []
    lines = scenario.read_text("utf-8").splitlines()
    result = play(parse_scenario(lines, scenario.name), seed=1, write=journal.append)
    return result, journal


@covers("FAR-GUA-05", "FAR-GUA-06", "FAR-LAT-13", "FAR-LAT-14", "FAR-UND-10", "FAR-DEP-15", "FAR-DEP-16")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_happens_as_its_trace_tells_and_nobody_objects(scenario: Path) -> None:
    result, journal = played(scenario)

    assert list(result.objections) == []
    assert journal == scenario.with_suffix(".trace").read_text("utf-8").splitlines()


def test_every_trace_has_a_scenario() -> None:
    assert len(SCENARIOS) >= 20
    assert [path.with_suffix(".scenario") for path in sorted(TRACES.glob("*.trace"))] == SCENARIOS
