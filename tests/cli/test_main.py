"""The command line itself: version, help, and errors that become exit codes."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refjk import __version__
from refjk.base.errors import (
    CheckFailed,
    InputError,
    InternalDefect,
    LocalProtocolError,
    Malformed,
    NothingSelected,
    RefjkError,
    Unreachable,
    UsageError,
)
from refjk.cli import serve
from refjk.cli.main import COMMANDS, build_parser, main

PROJECT = Path(__file__).resolve().parents[2]


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "refjk", *words],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def failing_serve(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(serve, "run", run)


def test_the_version_is_printed_also_by_python_m() -> None:
    done = python("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"refjk {__version__}\n", "")


def test_the_version_comes_quickly() -> None:
    """The best of five, since other programs run beside this test; 100 ms is what was promised for one."""
    times = []
    for _ in range(5):
        started = time.monotonic()
        assert python("--version").returncode == 0
        times.append(time.monotonic() - started)
    assert min(times) < 0.3


def test_the_version_imports_no_command() -> None:
    script = "import sys, refjk.cli.main\nprint([name for name in sys.modules if name.startswith('refjk.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert set(re.findall(r"'(.*?)'", done.stdout)) == {
        "refjk.base",
        "refjk.base.errors",
        "refjk.cli",
        "refjk.cli.main",
    }


def test_help_names_every_command() -> None:
    text = build_parser(None).format_help()
    assert [name for name in COMMANDS if f"    {name} " not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_its_options_in_full_words(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: refjk {command}")
    module = __import__(f"refjk.cli.{command}", fromlist=["HELP"])
    assert COMMANDS[command] == module.HELP


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--no-such-option"],
        ["no-such-command"],
        ["serve"],
        ["serve", "m:a", "--no-such-option"],
        ["serve", "m:a", "--thread", "3"],  # no abbreviations
        ["serve", "m:a", "--threads", "many"],
        ["serve", "m:a", "more"],
    ],
)
def test_wrong_options_end_with_2_and_say_how_it_goes(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    remarks = capsys.readouterr().err
    assert remarks.startswith("usage: refjk")
    assert ": error: " in remarks.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefjkError("said"), 1),
        (CheckFailed("said"), 1),
        (LocalProtocolError("said"), 1),
        (Malformed("AJP-FRM-04", offset=0, expected="said", actual="not"), 1),
        (UsageError("said"), 2),
        (InputError("said"), 3),
        (Unreachable("said"), 4),
        (NothingSelected("said"), 5),
        (InternalDefect("said"), 70),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_expected_error_is_one_line_and_an_exit_code(
    error: RefjkError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_serve(monkeypatch, error)
    assert main(["serve", "m:a"]) == code
    assert capsys.readouterr().err == f"refjk serve: {error}\n"


def test_an_interrupt_ends_with_130_and_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_serve(monkeypatch, KeyboardInterrupt())
    assert main(["serve", "m:a"]) == 130
    assert capsys.readouterr().err == ""


def test_a_defect_ends_with_70_and_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_serve(monkeypatch, ZeroDivisionError("oops"))
    monkeypatch.delenv("REFJK_TRACEBACK", raising=False)
    assert main(["serve", "m:a"]) == 70
    remarks = capsys.readouterr().err
    assert remarks.startswith("refjk serve: internal error: ZeroDivisionError: oops\n")
    assert "please report it" in remarks
    assert "Traceback" not in remarks
    monkeypatch.setenv("REFJK_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["serve", "m:a"])


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m refjk spec explain AJP | head -1; exit 0"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_the_table_of_exit_codes_is_the_one_in_the_reference() -> None:
    text = (PROJECT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    kinds = [RefjkError, *RefjkError.__subclasses__()]
    assert table == {0, 130, 141, 143} | {kind.exit_code for kind in kinds}
