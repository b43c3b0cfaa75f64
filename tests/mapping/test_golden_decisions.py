"""The recorded decisions of mod_jk about paths, and proof that the player can say no."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors import play as play_any
from refjk.vectors import read_document
from refjk.vectors.jk_mapping import play

VECTORS = Path(__file__).parents[2] / "spec" / "vectors"
FILES = {
    "jk-1.2.7/map.json": 32,
    "jk-1.2.50/map.json": 32,
    "jk-1.2.50/uriworkermap.json": 8,
    "jk-1.2.50/strings.json": 71,
}


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


@covers(
    "MAP-RUL-05",
    "MAP-RUL-08",
    "MAP-RUL-09",
    "MAP-PAT-01",
    "MAP-PAT-02",
    "MAP-PAT-06",
    "MAP-ORD-01",
    "MAP-ORD-10",
    "MAP-EXC-01",
    "MAP-EXC-02",
    "MAP-DEC-01",
    "MAP-DEC-02",
    "MAP-FWD-03",
    "MAP-SSN-01",
)
@pytest.mark.parametrize(("name", "count"), list(FILES.items()))
def test_every_recorded_decision_is_repeated(name: str, count: int) -> None:
    assert play(load(name)) == (count, [])


@pytest.mark.parametrize("name", list(FILES))
def test_the_command_finds_the_player_by_kind_and_source(name: str) -> None:
    played = play_any(read_document((VECTORS / name).read_text("utf-8")))
    assert (played.passed, played.failed) == (FILES[name], 0)


def test_first_path_that_differs_is_named_with_both_sides() -> None:
    document = load("jk-1.2.50/map.json")
    paths = document["sets"][0]["cases"]
    paths[1]["worker"], paths[2]["worker"] = "other", "another"
    passed, lines = play(document)
    assert passed == 31
    assert lines == ["article: '/ClusterTest/', worker: expected 'other', got 'balancer'"]


@pytest.mark.parametrize("name", [name for name in FILES if "strings" not in name])
def test_every_change_of_a_recorded_decision_is_seen(name: str) -> None:
    seed = 50
    print(f"seed {seed}")
    chance = random.Random(seed)
    document = load(name)
    for _ in range(150):
        changed = {**document, "sets": [copy.deepcopy(chance.choice(document["sets"]))]}
        case = changed["sets"][0]
        path = chance.choice(case["cases"])
        if path.get("http") == 400:
            path["http"] = 200
        elif chance.random() < 0.2 and case["order"]:
            chance.choice(case["order"])["worker"] = "changed"
        else:
            path["worker"] = "changed" if path["worker"] is None or chance.random() < 0.5 else None
        passed, lines = play(changed)
        assert passed == 0
        assert len(lines) == 1
        assert "expected" in lines[0]


@pytest.mark.parametrize(
    ("what", "wrong", "text"),
    [
        ("normalise", {"in": "/..", "out": None, "rc": -1}, "rc: expected -1, got -2"),
        ("strip", {"in": "/a;jsessionid=1", "out": "/"}, "out: expected '/', got '/a'"),
        ("encode", {"in": "/a b", "out": "/a+b"}, "out: expected '/a+b', got '/a%20b'"),
    ],
)
def test_wrong_string_is_named(what: str, wrong: dict[str, object], text: str) -> None:
    document = {"kind": "strings", "source": "mod_jk 1.2.50", "normalise": [], "strip": [], "encode": []}
    assert play({**document, what: [wrong]}) == (0, [f"{what} {wrong['in']!r}: {text}"])


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "map", "source": "mod_jk 1.2.50"},
        {"kind": "map", "source": "mod_jk 1.2.7", "sets": [{"id": "x"}]},
        {"kind": "map", "source": "nginx", "sets": []},
        {"kind": "uriworkermap", "source": "mod_jk 1.2.7", "sets": []},
        {"kind": "strings", "source": "mod_jk 1.2.50", "normalise": []},
    ],
)
def test_document_that_breaks_its_schema_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InputError):
        play(document)
