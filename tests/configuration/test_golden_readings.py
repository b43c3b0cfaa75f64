"""Every recorded reading of mod_jk passes, and a changed one does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors import play, read_document
from refjk.vectors.jk_configuration import play as play_readings

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"
FILES = {"jk-1.2.7/conf.json": 57, "jk-1.2.50/conf.json": 57, "jk-1.2.50/uriworkermap.json": 8}


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return found


@covers(
    "CFG-PRP-01",
    "CFG-PRP-02",
    "CFG-PRP-03",
    "CFG-PRP-04",
    "CFG-PRP-05",
    "CFG-PRP-06",
    "CFG-PRP-07",
    "CFG-PRP-08",
    "CFG-PRP-09",
    "CFG-PRP-12",
    "CFG-PRP-13",
    "CFG-VAL-01",
    "CFG-VAL-02",
    "CFG-VAL-03",
    "CFG-VAL-06",
    "CFG-VAL-08",
    "CFG-WRK-02",
    "CFG-WRK-05",
    "CFG-URM-01",
    "CFG-URM-02",
    "CFG-URM-03",
    "CFG-URM-04",
    "CFG-URM-05",
)
@pytest.mark.parametrize("name", FILES)
def test_every_recorded_reading_passes(name: str) -> None:
    played = play(read_document((VECTORS / name).read_text("utf-8")))
    assert played.differences == ()
    assert (played.passed, played.failed) == (FILES[name], 0)


def first(cases: list[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    return next(case for case in cases if wanted(case))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda case: case["map"].append(["x", "y"]), "map"),
        (lambda case: case["workers"]["n1"].update(port=1), "port of n1"),
        (lambda case: case["workers"]["lb"].update(maintain=1), "maintain of lb"),
        (
            lambda case: case["workers"]["lb"]["member_settings"]["n1"].update(lb_mult=9),
            "member_settings of lb",
        ),
        (lambda case: case["workers"].pop("n1"), "names of the workers"),
        (lambda case: case.update(started=False), "started"),
        (lambda case: case.update(accepted=False), "accepted"),
        (lambda case: case.update(references=False), "references resolved"),
        (lambda case: case["messages"].append(["warn", "The attribute 'x' is old"]), "names complained of"),
        (lambda case: case["mounts"].append(["/x", "lb"]), "mounts"),
    ],
)
def test_a_changed_reading_fails_at_its_place(change: Callable[[Any], object], difference: str) -> None:
    changed = document("jk-1.2.50/conf.json")
    case = first(changed["cases"], lambda case: "lb" in case.get("workers", {}) and "n1" in case["workers"])
    change(case)
    passed, lines = play_readings(changed)
    assert passed == 56
    assert lines[0].startswith(f"{case['id']}: {difference}: expected ")


def test_a_changed_rule_fails() -> None:
    changed = document("jk-1.2.50/uriworkermap.json")
    changed["sets"][0]["order"][0]["type"] = "Exact"
    assert play_readings(changed)[1][0].startswith("basic: rules: expected ")


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "conf", "source": "mod_jk 1.2.50"},
        {"kind": "conf", "source": "another program", "cases": []},
        {"kind": "conf", "source": "mod_jk 1.2.50", "cases": [{"id": "x"}]},
        {"kind": "uriworkermap", "source": "mod_jk 1.2.50", "sets": [{"file_lines": 5}]},
    ],
)
def test_what_is_no_recording_cannot_be_played(broken: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        play(read_document(json.dumps(broken)))
