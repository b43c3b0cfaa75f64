"""Each checker objects to steps that do what it watches for, and not to right ones."""

from __future__ import annotations

import pytest

from refjk.farm import FarmSteps
from refjk.simulation.farm import FarmPlan, parse_scenario, play, run_plan
from tests.simulation.farm import wrong_steps as wrong

CASES: list[tuple[str, type[FarmSteps]]] = [
    ("whole or none", wrong.Trusting),
    ("takes over whole", wrong.Impatient),
    ("takes over whole", wrong.Repeating),
    ("same everywhere", wrong.Deaf),
    ("nothing left", wrong.Untidy),
    ("nothing left", wrong.Hoarding),
    ("catalog true", wrong.Boasting),
    ("no defect", wrong.Clumsy),
]
SCENARIO = """
set catalog 2s
set silent 1s
set transfer 10s
set fetch 500ms
set answer-time 500ms
version shop=v1 20000
version shop=v2 20000
join a b
pass 3s
put a shop=v1
pass 3s
join c
pass 5s
lose b part 2
lose b undeploy 2
lose b part 3
put a shop=v2
pass 3s
put a shop=v1
pass 3s
put a shop=v3
pass 3s
put a shop=v4
pass 3s
lose c part 1
put a shop=v5
pass 3s
settle
"""


def objecting(steps: type[FarmSteps]) -> set[str]:
    """Two nodes, a third that comes later, versions of which parts are lost."""
    result = play(parse_scenario(SCENARIO.splitlines(), "scenario"), 1, steps=steps)
    return {objection.partition(":")[0] for objection in result.objections}


def test_nobody_objects_to_the_right_steps() -> None:
    assert objecting(FarmSteps) == set()


@pytest.mark.parametrize(("checker", "steps"), CASES, ids=[steps.__name__ for _, steps in CASES])
def test_a_checker_objects_to_wrong_steps(checker: str, steps: type[FarmSteps]) -> None:
    assert checker in objecting(steps)


@pytest.mark.parametrize("steps", [wrong.Impatient, wrong.Deaf, wrong.Untidy, wrong.Boasting])
def test_a_few_seeds_find_wrong_steps(steps: type[FarmSteps]) -> None:
    assert any(run_plan(FarmPlan(seed), steps=steps).objections for seed in range(4))


@pytest.mark.parametrize(
    ("lines", "objection"),
    [
        (["join a", "pass 3s", "put a shop=v1", "expect a has shop=v1"], "a has shop=none"),
        (["join a", "expect a ended"], "a runs"),
        (["join a b", "pass 3s", "fail b read 1", "expect all serves shop=v1"], "a serves shop=none"),
    ],
)
def test_what_is_expected_and_does_not_hold_is_an_objection(lines: list[str], objection: str) -> None:
    (told, *_) = play(parse_scenario(lines, "mine"), 1).objections
    assert told.startswith(objection)
