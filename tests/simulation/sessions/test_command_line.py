"""`refjk simulate sessions`, as a user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refjk.cli.main import main
from refjk.simulation.sessions import SessionsPlan


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_same_seed_prints_the_same_and_the_seed_first_and_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["simulate", "sessions", "--seed", "7", "--nodes", "3", "--users", "2", "--mode", "pooled"]
    assert main(words) == 0
    first = lines_of(capsys)
    assert main(words) == 0

    assert lines_of(capsys) == first
    assert (first[0], first[-1]) == ("seed 7", "seed 7")
    assert first[1].startswith("3 nodes, pooled, refjk's rules, ")
    assert "checkers: no objections" in first


def test_json_alone_is_printed_with_a_dash_and_a_journal_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal"
    words = ["simulate", "--seed", "9", "sessions", "--nodes", "2", "--users", "2", "--json", "-"]
    assert main([*words, "--journal", str(journal)]) == 0

    document = json.loads(capsys.readouterr().out)
    assert (document["seed"], document["objections"]) == (9, [])
    assert document["counts"]["clicks"] > 10
    assert any("tells" in line and "DELTA" in line for line in journal.read_text("utf-8").splitlines())


def test_many_seeds_are_played_in_several_processes_as_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "sessions", "--nodes", "2", "--users", "1", "--seeds", "3..4"]
    assert main(words) == 0
    alone = lines_of(capsys)
    assert main([*words, "--processes", "2"]) == 0

    assert lines_of(capsys) == alone
    assert (alone[0], alone[-1]) == ("seeds 3..4", "seeds 3..4")
    assert alone[-2] == "no seeds with objections"


def test_a_run_with_objections_ends_with_1_and_tells_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "sessions", "--nodes", "2", "--users", "1", "--rules", "original"]
    assert main([*words, "--seed", "1"]) == 1
    assert any(line.startswith("! listeners: at ") for line in lines_of(capsys))
    assert main([*words, "--seeds", "1..1"]) == 1
    assert "1 seeds with objections" in lines_of(capsys)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--seeds", "1..2", "--seed", "1"], "--seeds and --seed do not go together"),
        (["--journal", "/nonexistent/x"], "cannot write --journal"),
        (["--journal", "-", "--json", "-"], "cannot both be printed"),
    ],
)
def test_options_that_make_no_sense_are_told_in_one_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "sessions", *words]) == 2

    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--nodes", "1"], ["--users", "0"], ["--users", "21"], ["--rules", "mine"]]
)
def test_values_out_of_range_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "sessions", *words])

    assert ended.value.code == 2


def test_it_has_its_own_number_of_users_and_not_that_of_the_balancer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "sessions", "--seeds", "1500..1500"]) == 0
    by_itself = lines_of(capsys)
    assert main(["simulate", "sessions", "--seeds", "1500..1500", "--users", str(SessionsPlan(0).users)]) == 0
    assert lines_of(capsys) == by_itself
