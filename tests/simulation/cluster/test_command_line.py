"""`refjk simulate cluster`, as a user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refjk.cli.main import main

LOSING = "join a b\npass 3s\nexpect a misses b\n"


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_same_seed_prints_the_same_and_the_seed_first_and_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["simulate", "cluster", "--seed", "7", "--hours", "0.02", "--nodes", "4", "--mode", "pooled"]
    assert main(words) == 0
    first = lines_of(capsys)
    assert main(words) == 0

    assert lines_of(capsys) == first
    assert (first[0], first[-1]) == ("seed 7", "seed 7")
    assert first[1].startswith("4 nodes, pooled, ")
    assert "checkers: no objections" in first


def test_without_a_seed_one_is_made_up_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "cluster", "--hours", "0.001"]) == 0
    lines = lines_of(capsys)

    assert lines[0] == lines[-1]
    assert lines[0].startswith("seed ")


def test_a_seed_before_the_word_cluster_counts_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seed", "9", "cluster", "--hours", "0.001"]) == 0

    assert lines_of(capsys)[0] == "seed 9"


def test_a_scenario_with_a_false_expectation_ends_with_1_and_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "losing.txt"
    file.write_text(LOSING, "utf-8")
    journal, document = tmp_path / "journal", tmp_path / "result.json"
    words = ["simulate", "cluster", "--scenario", str(file), "--journal", str(journal)]

    assert main([*words, "--json", str(document)]) == 1
    told = f"a sees b ({file}:3: expect a misses b)"
    assert f"! {told}" in lines_of(capsys)
    assert json.loads(document.read_text("utf-8"))["objections"] == [told]
    assert journal.read_text("utf-8").splitlines()[-2:] == ["> expect a misses b", f"! {told}"]


def test_json_alone_is_printed_with_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "cluster", "--seed", "1", "--hours", "0.01", "--json", "-"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["seed"] == 1
    assert document["objections"] == []
    assert document["counts"]["Started"] >= 3


def test_many_seeds_are_played_in_several_processes_as_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "cluster", "--seeds", "3..6"]) == 0
    alone = lines_of(capsys)
    assert main(["simulate", "cluster", "--seeds", "3..6", "--processes", "2"]) == 0

    assert lines_of(capsys) == alone
    assert (alone[0], alone[-1]) == ("seeds 3..6", "seeds 3..6")
    assert alone[-2] == "no seeds with objections"


def test_a_seed_with_objections_leaves_its_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "refjk.simulation.cluster.seeds.cluster_lines", lambda *about, **more: LOSING.splitlines()
    )
    assert main(["simulate", "cluster", "--seeds", "5..6", "--keep", str(tmp_path)]) == 1

    lines = lines_of(capsys)
    assert lines[1].startswith("! seed 5: a sees b (seed 5:3: expect a misses b); see ")
    assert "2 seeds with objections" in lines
    left = (tmp_path / "cluster-seed-6.txt").read_text("utf-8")
    assert left.startswith("# refjk simulate cluster --seed 6 --scenario THIS-FILE\n# a sees b")
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
    assert main(["simulate", "cluster", *words]) == exit_code

    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--nodes", "1"], ["--hours", "0"], ["--seeds", "9..1"], ["--processes", "0"], ["--mode", "fast"]],
)
def test_values_out_of_range_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "cluster", *words])

    assert ended.value.code == 2
