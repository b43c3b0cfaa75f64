"""`refjk simulate farm`, as a user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refjk.cli.main import main

LOSING = "join a b\npass 3s\nput a shop=v1\npass 1s\nexpect b has shop=v1\n"


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_same_seed_prints_the_same_and_the_seed_first_and_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["simulate", "farm", "--seed", "7", "--nodes", "3", "--mode", "pooled"]
    assert main(words) == 0
    first = lines_of(capsys)
    assert main(words) == 0

    assert lines_of(capsys) == first
    assert (first[0], first[-1]) == ("seed 7", "seed 7")
    assert first[1].startswith("3 nodes, pooled, ")
    assert "checkers: no objections" in first


def test_json_alone_is_printed_with_a_dash_and_a_journal_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal"
    words = ["simulate", "--seed", "9", "farm", "--nodes", "2", "--json", "-", "--journal", str(journal)]
    assert main(words) == 0

    document = json.loads(capsys.readouterr().out)
    assert (document["seed"], document["objections"]) == (9, [])
    assert document["counts"]["TookOver"] > 2
    assert any("serves shop.war last" in line for line in journal.read_text("utf-8").splitlines())


def test_a_scenario_with_a_false_expectation_ends_with_1_and_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "losing.txt"
    file.write_text(LOSING, "utf-8")

    assert main(["simulate", "farm", "--scenario", str(file)]) == 1
    assert f"! b has shop=none ({file}:5: expect b has shop=v1)" in lines_of(capsys)


def test_many_seeds_are_played_in_several_processes_as_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "farm", "--seeds", "3..4", "--nodes", "2"]) == 0
    alone = lines_of(capsys)
    assert main(["simulate", "farm", "--seeds", "3..4", "--nodes", "2", "--processes", "2"]) == 0

    assert lines_of(capsys) == alone
    assert (alone[0], alone[-1]) == ("seeds 3..4", "seeds 3..4")
    assert alone[-2] == "no seeds with objections"


def test_a_seed_with_objections_leaves_its_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refjk.simulation.farm.seeds.farm_lines", lambda *about: LOSING.splitlines())
    assert main(["simulate", "farm", "--seeds", "5..6", "--keep", str(tmp_path)]) == 1

    lines = lines_of(capsys)
    assert lines[1].startswith("! seed 5: b has shop=none (seed 5:5: expect b has shop=v1); see ")
    assert "2 seeds with objections" in lines
    left = (tmp_path / "farm-seed-6.txt").read_text("utf-8")
    assert left.startswith("# refjk simulate farm --seed 6 --scenario THIS-FILE\n# b has shop=none")
    assert left.endswith(LOSING)


@pytest.mark.parametrize(
    ("words", "exit_code", "complaint"),
    [
        (["--seeds", "1..2", "--seed", "1"], 2, "--seeds and --seed do not go together"),
        (["--scenario", "x", "--nodes", "3"], 2, "--scenario and --nodes do not go together"),
        (["--scenario", "/nonexistent/x"], 3, "cannot read /nonexistent/x"),
        (["--journal", "/nonexistent/x"], 2, "cannot write --journal"),
        (["--journal", "-", "--json", "-"], 2, "cannot both be printed"),
        (["--keep", "/nonexistent/x"], 2, "there is no such folder"),
    ],
)
def test_options_that_make_no_sense_are_told_in_one_line(
    words: list[str], exit_code: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "farm", *words]) == exit_code

    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--nodes", "1"], ["--nodes", "21"], ["--seeds", "9..1"], ["--mode", "x"]])
def test_values_out_of_range_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "farm", *words])

    assert ended.value.code == 2
