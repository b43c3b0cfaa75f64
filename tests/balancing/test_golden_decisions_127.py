"""The recorded decisions of mod_jk 1.2.7, and proof that the player can say no."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors.jk127 import play

FOLDER = Path(__file__).parents[2] / "spec" / "vectors" / "jk-1.2.7"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


@covers("BAL-CFG-01", "BAL-CFG-02", "BAL-STA-05")
@pytest.mark.parametrize(
    ("name", "count"), [("lb-hand.json", 71), ("lb-random.json", 24), ("route.json", 73)]
)
def test_every_recorded_decision_is_repeated(name: str, count: int) -> None:
    assert play(load(name)) == (count, [])


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("attempts", [{"w": "n2", "res": "ok"}], "worker: expected 'n2', got 'n1'"),
        ("attempts", [{"w": "n1", "res": "fail", "recoverable": False}], "result: expected 'ok', got 'fail'"),
        ("attempts", [{"w": "n1", "res": "ok"}, {"w": "n2", "res": "ok"}], "attempts: expected 2, got 1"),
        ("attempts", [], "worker: expected None, got 'n1'"),
        ("lb", [0, 0, 0], "values: expected [0, 0, 0], got [-1, 2, 2]"),
        ("st", "eoo", "states: expected 'eoo', got 'ooo'"),
    ],
)
def test_player_reports_the_first_difference_with_both_sides(field: str, value: object, text: str) -> None:
    document = load("lb-hand.json")
    document["scenarios"] = copy.deepcopy(document["scenarios"][:1])
    document["scenarios"][0]["events"][0][field] = value
    passed, differences = play(document)
    assert passed == 0
    assert len(differences) == 1
    assert differences[0].startswith("weights-equal-3: event 1 (request r1), ")
    assert differences[0].endswith(text)


def test_player_reports_a_route_that_differs() -> None:
    document = load("route.json")
    document["cases"][0]["routes_tried"] = ["n2"]
    passed, differences = play(document)
    assert passed == 72
    assert differences == ["plain: routes: expected ['n2'], got ['n1']"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "map", "source": "mod_jk 1.2.7-beta-3", "sets": []},
        {"kind": "lb", "source": "mod_jk 1.2.50", "scenarios": []},
    ],
)
def test_player_refuses_other_kinds_and_sources_by_name(document: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no player for kind"):
        play(document)


@pytest.mark.parametrize("scenarios", [None, 5, [1], [{}], [{"properties": [], "workers": []}]])
def test_player_refuses_documents_that_break_the_schema(scenarios: object) -> None:
    with pytest.raises(InputError):
        play({"kind": "lb", "source": "mod_jk 1.2.7", "scenarios": scenarios})
