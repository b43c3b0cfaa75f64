"""`refjk spec` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refjk.cli.main import main


def run(tree: Any, *words: str) -> int:
    return main(["spec", words[0], "--root", str(tree.root), *words[1:]])


def test_check_of_a_sound_tree_ends_with_0(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "check") == 0
    assert capsys.readouterr().out == (
        "3 clauses; MUST or MUST NOT: 2 (1 tested, 1 excepted, 0 with no place in the code);"
        " 2 tests carry clauses; complaints: 0\n"
    )


def test_check_prints_each_complaint_with_its_place_and_ends_with_1(
    tree: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.write("refjk/a.py", "# LET-BOX-98\n# LET-BOX-99\n")
    tree.write("refjk/b.py", "# LET-BOX-97\n")
    assert run(tree, "check") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("refjk/a.py:1: there is no clause LET-BOX-98 in spec/; the nearest is ")
    assert lines[1].startswith("refjk/a.py:2: ")
    assert lines[2] == ""
    assert lines[3].startswith("refjk/b.py:1: ")
    assert lines[-1].endswith("; complaints: 3")


def test_check_writes_the_same_as_json(tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree.write("refjk/a.py", "# LET-BOX-98\n")
    report = tmp_path / "report.json"
    assert run(tree, "check", "--json", str(report)) == 1
    assert "refjk/a.py:1: " in capsys.readouterr().out
    written = json.loads(report.read_text())
    assert written["summary"] == {
        "clauses": 3,
        "obligations": 2,
        "tested": 1,
        "excepted": 1,
        "undecided": 0,
        "tests": 2,
        "complaints": 1,
    }
    assert [(c["file"], c["line"], c["kind"]) for c in written["complaints"]] == [
        ("refjk/a.py", 1, "unknown-id")
    ]

    assert run(tree, "check", "--json", "-") == 1
    assert json.loads(capsys.readouterr().out) == written


def test_a_tree_without_clauses_ends_with_5(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.write("spec/letters.md", "# Letters\n\nNo rules yet.\n")
    for words in (["check"], ["explain", "LET"], ["coverage"]):
        assert run(tree, *words) == 5
        assert "there is no clause in" in capsys.readouterr().err


def test_a_folder_that_is_no_checkout_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["spec", "check", "--root", str(tmp_path)]) == 3
    assert f"{tmp_path} is not a checkout of refjk" in capsys.readouterr().err


def test_an_installed_refjk_says_that_it_carries_no_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["spec", "explain", "LET-BOX-01"]) == 3
    message = capsys.readouterr().err
    assert "an installed refjk carries no specification" in message and "--root DIR" in message


def test_the_checkout_is_found_from_a_folder_inside_it(
    tree: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tree.root / "refjk" / "letters")
    assert main(["spec", "check"]) == 0
    assert capsys.readouterr().out.startswith("3 clauses")


def test_a_file_that_is_not_utf_8_is_named(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tree.root / "spec" / "odd.md").write_bytes(b"ab\xff")
    assert run(tree, "check") == 3
    assert "odd.md: octet 2 is not UTF-8" in capsys.readouterr().err


def test_explain_shows_the_clause_where_it_is_decided_and_its_tests(
    tree: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tree, "explain", "let-box-01", "LET-BOX-03") == 0
    assert (
        capsys.readouterr().out
        == """\
LET-BOX-01  MUST; sender, carrier
spec/letters.md:5
  A letter MUST carry a stamp; `MAY` is a month.
  Origin: documented: The Book (2nd edition), observed: Post 1.0, Post 2.0
  Why: nobody carries it for nothing.
  Decided in:
    refjk/letters/box.py:3 (STAMP)
    refjk/letters/box.py:8 (Box)
  Tests:
    tests/letters/test_box.py::TestBox::test_is_dry
    tests/letters/test_box.py::test_letter_has_stamp

LET-BOX-03  MUST NOT; carrier
spec/letters.md:13
  A carrier MUST NOT read.
  Origin: read in source: post.c
  Untested: reading leaves no trace.
  Decided in:
    refjk/letters/box.py:8 (Box)
  Tests: none

"""
    )


def test_explain_of_a_withdrawn_clause_names_what_took_its_place(
    tree: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tree, "explain", "LET-BOX-04") == 0
    assert capsys.readouterr().out.startswith("LET-BOX-04  withdrawn; instead: LET-BOX-01\n")


@pytest.mark.parametrize("prefix", ["LET", "LET-BOX", "let-box-"])
def test_explain_of_a_topic_lists_its_clauses_one_line_each(
    tree: Any, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tree, "explain", prefix) == 0
    assert capsys.readouterr().out.splitlines() == [
        "LET-BOX-01 MUST: A letter MUST carry a stamp; `MAY` is a month.",
        "LET-BOX-02 SHOULD NOT: A letter SHOULD NOT be wet.",
        "LET-BOX-03 MUST NOT: A carrier MUST NOT read.",
        "LET-BOX-04 withdrawn: The stamp was a coin once.",
        "LET-BOX-05 withdrawn: Seals are gone.",
        "",
    ]


@pytest.mark.parametrize(
    ("word", "near"), [("LET-BOX-11", "LET-BOX-01"), ("LET-BOY", "LET-BOX"), ("stamp?", "")]
)
def test_explain_of_nothing_known_ends_with_5_and_what_is_near(
    tree: Any, word: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tree, "explain", "LET-BOX-01", word) == 5
    output = capsys.readouterr()
    assert (output.out, near in output.err) == ("", True)
    assert f"no clause is named {word.upper()}" in output.err


def test_explain_writes_json(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "explain", "LET-BOX-01", "LET-BOX-04", "LET", "--json", "-") == 0
    written = json.loads(capsys.readouterr().out)
    assert [clause["id"] for clause in written] == [f"LET-BOX-0{n}" for n in (1, 4, 2, 3, 5)]
    assert written[0]["decided_in"][0] == {"file": "refjk/letters/box.py", "line": 3, "scope": "STAMP"}
    assert len(written[0]["tests"]) == 2
    assert [clause["withdrawn"] for clause in written] == [False, True, False, False, True]


def test_json_that_cannot_be_written_is_a_usage_error(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "check", "--json", str(tree.root)) == 2
    assert "--json" in capsys.readouterr().err


def test_coverage_is_written_once_and_then_up_to_date(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.write("spec/coverage.md", "old\n")
    assert run(tree, "coverage", "--check") == 1
    assert "-old" in capsys.readouterr().out.splitlines()
    assert tree.read("spec/coverage.md") == "old\n"
    assert run(tree, "coverage") == 0
    assert "written: 3 clauses" in capsys.readouterr().out
    assert run(tree, "coverage", "--check") == 0
    assert run(tree, "check") == 0


def test_coverage_check_of_a_missing_table_ends_with_1(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tree.root / "spec" / "coverage.md").unlink()
    assert run(tree, "coverage", "--check") == 1
    assert "is missing" in capsys.readouterr().out
