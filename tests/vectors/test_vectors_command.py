"""`refjk vectors check`: what it prints, writes and returns."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from refjk.cli.main import main

Document = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path, vectors: Path) -> Path:
    """A folder with one exchange, two edges, a decision file in a folder below, and a page to read."""
    for name in ("ajp13/jk-get-basic", "ajp13-edge/c-cping", "ajp13-edge/s-te"):
        shutil.copy(vectors / f"{name}.json", tmp_path)
    (tmp_path / "below").mkdir()
    shutil.copy(vectors / "jk-1.2.7" / "route.json", tmp_path / "below")
    (tmp_path / "README.md").write_text("# not a recording\n")
    return tmp_path


def spoil(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    document["decoded"][1]["status"] = 201
    path.write_text(json.dumps(document), "utf-8")


def check(*arguments: object) -> int:
    return main(["vectors", "check", *map(str, arguments)])


def test_a_folder_is_played_with_a_line_per_file_and_a_sum(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = check(folder)

    *lines, edges, total = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines == [
        f"{folder}/c-cping.json: 1 passed, 0 failed (1 same, 0 stricter, 0 unexplained)",
        f"{folder}/jk-get-basic.json: 1 passed, 0 failed",
        f"{folder}/s-te.json: 1 passed, 0 failed (0 same, 1 stricter, 0 unexplained)",
        f"{folder}/below/route.json: 73 passed, 0 failed",
    ]
    assert edges == "on the edges: 1 same, 1 stricter, 0 unexplained"
    assert total == "76 passed, 0 failed"


def test_a_failure_shows_the_first_difference_with_both_sides_and_gives_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder / "jk-get-basic.json")

    code = check(folder / "jk-get-basic.json")

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/jk-get-basic.json: 0 passed, 1 failed",
        "  first difference: decoded[1].status",
        "    expected: 201",
        "    actual:   200",
        "0 passed, 1 failed",
    ]


def test_decisions_that_differ_show_both_sides_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "below" / "route.json"
    document = json.loads(path.read_text("utf-8"))
    document["cases"][0]["session_ids"] = ["none.such"]
    document["cases"][1]["session_ids"] = ["none.such"]
    path.write_text(json.dumps(document), "utf-8")

    code = check(path)

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[0] == f"{path}: 71 passed, 2 failed"
    assert lines[1].startswith("  first difference: ")
    assert lines[2] == "    expected: ['none.such']"
    assert lines[3].startswith("    actual:   ")
    assert lines[4] == "  and 1 more that differ"


def test_verbose_names_the_product_the_verdict_and_the_clause(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--verbose", folder / "s-te.json") == 0

    assert "  mod_proxy_ajp 2.4.71: stricter, AJP-RSP-16: " in capsys.readouterr().out


def test_verbose_tells_what_was_refused_on_both_sides(
    vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--verbose", vectors / "ajp13" / "jk-hdr-101.json") == 0

    assert "  note: refused like the recorded container: AJP-HDR-08" in capsys.readouterr().out


@pytest.mark.parametrize("named", ["folder", "file"])
def test_a_file_of_an_unknown_kind_is_refused_by_name_and_the_rest_is_played(
    folder: Path, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    unknown = folder / "below" / "another.json"
    unknown.write_text('{"weather": "fine"}')

    code = check(folder) if named == "folder" else check(unknown, folder / "c-cping.json")

    captured = capsys.readouterr()
    assert code == 3
    assert f"{unknown}: no known kind of recording; its keys are weather" in captured.err
    assert f"{folder}/c-cping.json: 1 passed" in captured.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"{", "line 1 column 2: no JSON"),
        (b"[]", "expected an object, got []"),
        (b"\xff", "octet 0: no UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (
            b'{"frames": 1, "decoded": [], "setup": {"container": {}, "web_server": {}}}',
            "frames: expected a list",
        ),
        (b'{"source": "mod_jk 1.2.7", "kind": "lb"}', "lb"),
        (b'{"source": "mod_jk 1.2.7", "kind": {}}', "kind"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_name_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: bytes, complaint: str
) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(text)

    code = check(path)

    captured = capsys.readouterr()
    assert code == 3
    assert f"refjk vectors: {path}: " in captured.err
    assert complaint in captured.err
    assert "Traceback" not in captured.err


def test_a_path_that_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path / "nowhere.json") == 3
    assert f"{tmp_path}/nowhere.json: No such file or directory" in capsys.readouterr().err


def test_a_failure_counts_before_a_file_that_cannot_be_played(folder: Path) -> None:
    spoil(folder / "jk-get-basic.json")
    (folder / "another.json").write_text("{}")

    assert check(folder) == 1


def test_a_folder_with_nothing_to_play_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("nothing here\n")

    assert check(tmp_path) == 5
    assert f"nothing to play in {tmp_path}" in capsys.readouterr().err


def test_a_file_is_played_once_although_it_is_named_twice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(folder / "c-cping.json", folder / "c-cping.json") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_json_holds_everything(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(folder / "jk-get-basic.json")
    (folder / "another.json").write_text("{}")
    result_file = tmp_path / "result.txt"

    code = check("--json", result_file, folder)

    result = json.loads(result_file.read_text("utf-8"))
    assert code == 1
    counts = [result[key] for key in ("passed", "failed", "same", "stricter", "unexplained")]
    assert counts == [75, 1, 1, 1, 0]
    assert [entry["file"] for entry in result["not_played"]] == [f"{folder}/another.json"]
    files: dict[str, Document] = {Path(entry["file"]).stem: entry for entry in result["files"]}
    assert files["jk-get-basic"]["differences"] == [
        {"where": "decoded[1].status", "expected": "201", "actual": "200"}
    ]
    assert files["c-cping"]["verdict"] == "same"
    assert files["route"]["verdict"] is None
    assert {judgement["clause"] for judgement in files["s-te"]["judgements"]} == {"AJP-END-05", "AJP-RSP-16"}
    assert capsys.readouterr().out.splitlines()[-1] == "75 passed, 1 failed"


def test_json_to_standard_output_is_all_that_is_printed_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--json", "-", folder) == 0

    assert json.loads(capsys.readouterr().out)["passed"] == 76


def test_json_into_a_place_that_does_not_exist_is_wrong_use(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--json", tmp_path / "none" / "x.json", folder) == 2
    assert "--json" in capsys.readouterr().err
