"""The recorded decisions of mod_jk 1.2.50, and proof that the player can say no."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from refjk.balancing import Activation, Method
from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors.jk1250 import play
from refjk.vectors.jk1250_setup import read_rule, read_settings

FOLDER = Path(__file__).parents[2] / "spec" / "vectors" / "jk-1.2.50"
MEMBERS = "worker.lb.balance_workers=a,b"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def scenario(name: str) -> dict[str, Any]:
    document = load("lb-hand.json")
    document["scenarios"] = [copy.deepcopy(s) for s in document["scenarios"] if s["id"] == name]
    assert len(document["scenarios"]) == 1
    return document  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "count"), [("lb-hand.json", 98), ("lb-random.json", 26), ("route.json", 81)]
)
def test_every_recorded_decision_is_repeated(name: str, count: int) -> None:
    assert play(load(name)) == (count, [])


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("attempts", [{"w": "n2", "res": "ok"}], "attempt 1, worker: expected 'n2', got 'n1'"),
        (
            "attempts",
            [{"w": "n1", "res": "ok", "sticky": True}],
            "attempt 1, sticky: expected True, got False",
        ),
        ("attempts", [{"w": "n1", "res": "ok", "route": "x"}], "attempt 1, route: expected 'x', got 'n1'"),
        (
            "attempts",
            [{"w": "n1", "res": "fail", "recoverable": False}],
            "result: expected 'ok', got 'fail'",
        ),
        ("attempts", [{"w": "n1", "res": "ok"}] * 2, "attempts: expected 2, got 1"),
        ("attempts", [], "attempt 1, worker: expected None, got 'n1'"),
        ("set_cookie", "x", "cookie: expected 'x', got None"),
        ("activation_sent", "DIS", "activation: expected 'DIS', got 'ACT'"),
        ("maintained", 1, "maintained: expected 1, got 0"),
        ("lb", [0, 0, 0], "values: expected [0, 0, 0], got [1, 0, 0]"),
        ("st", "eii", "states: expected 'eii', got 'oii'"),
        ("busy", [1, 0, 0], "open requests: expected [1, 0, 0], got [0, 0, 0]"),
    ],
)
def test_player_reports_the_first_difference_with_both_sides(field: str, value: object, text: str) -> None:
    document = scenario("weights-equal")
    document["scenarios"][0]["events"][0][field] = value
    assert play(document) == (0, [f"weights-equal: event 1 (request r1), {text}"])


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("lb_at_choice", [9, 9], "attempt 2, values: expected [9, 9], got [1, 0]"),
        ("local", "pp", "attempt 2, states seen by the request: expected 'pp', got 'ei'"),
    ],
)
def test_player_compares_what_a_later_attempt_saw(field: str, value: object, text: str) -> None:
    document = scenario("probing")
    document["scenarios"][0]["events"][1]["attempts"][1][field] = value
    assert play(document) == (0, [f"probing: event 2 (request r1), {text}"])


def test_player_reports_starts_maintenance_and_ends_that_differ() -> None:
    document = scenario("route-duplicate")
    del document["scenarios"][0]["init"]
    assert play(document) == (0, ["route-duplicate: start: expected 'done', got 'failed'"])
    document = scenario("probing")
    document["scenarios"][0]["events"][4]["exponent"] = 7
    assert play(document)[1] == ["probing: event 5 (maintain ), exponent: expected 7, got 1"]
    document = scenario("probing")
    document["scenarios"][0]["final"]["n1"]["errors"] = 7
    assert play(document)[1] == ["probing: errors of n1 at the end: expected 7, got 1"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "map", "source": "mod_jk 1.2.50", "sets": []},
        {"kind": "lb", "source": "mod_jk 1.2.7", "scenarios": []},
    ],
)
def test_player_refuses_other_kinds_and_sources_by_name(document: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no player for kind"):
        play(document)


@pytest.mark.parametrize("scenarios", [None, 5, [1], [{}], [{"properties": [], "workers": []}]])
def test_player_refuses_documents_that_break_the_schema(scenarios: object) -> None:
    with pytest.raises(InputError):
        play({"kind": "lb", "source": "mod_jk 1.2.50", "scenarios": scenarios})


@covers("BAL-CFG-01", "BAL-CFG-04", "BAL-CFG-05")
def test_numbers_below_the_least_are_raised_and_the_escalation_time_follows_the_recover_time() -> None:
    low = [
        "worker.lb.recover_time=0",
        "worker.lb.retries=x",
        "worker.lb.lb_retries=-1",
        "worker.a.lbfactor=0",
    ]
    setup = read_settings([MEMBERS, *low])
    settings = setup.settings
    assert (settings.recover_time_s, settings.retries, settings.lb_retries) == (1, 1, 1)
    assert setup.workers[0].factor == 1
    assert settings.escalation_time_s == 0
    assert read_settings([MEMBERS, "worker.lb.recover_time=91"]).settings.escalation_time_s == 45
    assert read_settings([MEMBERS, "worker.lb.error_escalation_time=7"]).settings.escalation_time_s == 7


@covers("BAL-CFG-08")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Activation.ACTIVE),
        (["activation=disabled"], Activation.DISABLED),
        (["activation=2"], Activation.STOPPED),
        (["activation=x", "stopped=1"], Activation.ACTIVE),
        (["disabled=1", "stopped=1"], Activation.STOPPED),
        (["disabled=True"], Activation.DISABLED),
        (["port=0", "activation=A"], Activation.STOPPED),
    ],
)
def test_activation_comes_from_port_word_and_older_flags(lines: list[str], expected: Activation) -> None:
    setup = read_settings([MEMBERS, *(f"worker.a.{line}" for line in lines)])
    assert setup.workers[0].activation is expected


@covers("BAL-ACT-04")
def test_last_of_the_lists_of_a_rule_counts() -> None:
    rule = read_rule("lb;stopped=a,b;active=a,c;disabled=b")
    assert rule.activations == {"a": Activation.STOPPED, "b": Activation.STOPPED, "c": Activation.ACTIVE}


@pytest.mark.parametrize(
    ("word", "method"), [("Next", Method.NEXT), ("2", Method.BUSYNESS), ("x", Method.REQUESTS)]
)
def test_first_letter_of_the_method_counts(word: str, method: Method) -> None:
    assert read_settings([MEMBERS, f"worker.lb.method={word}"]).settings.method is method
