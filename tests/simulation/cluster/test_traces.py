"""Hand-written scenarios, and what happens in them, line by line.

A trace is made with `refjk simulate cluster --seed 1 --scenario X.scenario --journal X.trace`, and then read.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.simulation.cluster import ClusterResult, parse_scenario, play

TRACES = Path(__file__).parent / "traces"
SCENARIOS = sorted(TRACES.glob("*.scenario"))


def played(scenario: Path) -> tuple[ClusterResult, list[str]]:
    journal: list[str] = []
    lines = scenario.read_text("utf-8").splitlines()
    result = play(parse_scenario(lines, scenario.name), seed=1, write=journal.append)
    return result, journal


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_happens_as_its_trace_tells_and_nobody_objects(scenario: Path) -> None:
    result, journal = played(scenario)

    assert list(result.objections) == []
    assert journal == scenario.with_suffix(".trace").read_text("utf-8").splitlines()


def test_every_trace_has_a_scenario() -> None:
    assert len(SCENARIOS) >= 10
    assert [path.with_suffix(".scenario") for path in sorted(TRACES.glob("*.trace"))] == SCENARIOS


def test_a_value_that_an_older_one_has_overtaken_is_counted() -> None:
    result, _ = played(TRACES / "asynchronous-overtaken.scenario")

    assert result.overtaken == 1
    assert result.counts["OutOfOrder"] == 1


def test_a_resend_that_is_handed_over_again_is_counted() -> None:
    result, _ = played(TRACES / "lost-answer-resend.scenario")

    assert result.duplicates == 1
    assert result.counts["Resent"] == 1


def test_octets_that_a_stream_took_with_it_are_counted() -> None:
    result, _ = played(TRACES / "asynchronous-half-open.scenario")

    assert result.counts["Undelivered"] == 1
    assert result.counts["QueueLost"] == 0
