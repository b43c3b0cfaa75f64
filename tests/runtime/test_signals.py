"""Signals to a process that serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from refjk.speccheck import covers

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = """
import os, signal, sys, time
from refjk.runtime.signals import StopSignals

signals = StopSignals(reopen={reopen}, report={report})
signals.install()
print("ready", flush=True)
signals.wait()
print("asked", flush=True)
{after}
"""


class Child:
    """A Python process that waits for signals; never longer than its deadline."""

    def __init__(self, after: str = "", reopen: str = "None", report: str = "None") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(after=after, reopen=reopen, report=report)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Exit code and what it said on standard error."""
        try:
            _, remarks = self._process.communicate(timeout=20)
        finally:
            self._process.kill()
        return self._process.returncode, remarks


@covers("WSG-STP-01")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_waiting(number: int) -> None:
    child = Child()
    child.send(number)
    assert child.line() == "asked"
    assert child.end() == (0, "")


@covers("WSG-STP-04")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_the_process(first: int, number: int, code: int) -> None:
    child = Child(after="time.sleep(60)")
    child.send(first)
    assert child.line() == "asked"
    child.send(number)
    assert child.end() == (code, "refjk: stopped at once\n")


@covers("WSG-LOG-03")
def test_sighup_reopens_and_nothing_else() -> None:
    child = Child(reopen="lambda: print('reopened', flush=True)")
    for _ in range(3):
        child.send(signal.SIGHUP)
        assert child.line() == "reopened"
    child.send(signal.SIGTERM)
    assert child.line() == "asked"
    assert child.end()[0] == 0


def test_sighup_without_anything_to_reopen_is_ignored() -> None:
    child = Child()
    child.send(signal.SIGHUP)
    child.send(signal.SIGTERM)
    assert child.line() == "asked"
    assert child.end()[0] == 0


@covers("WSG-STP-01")
def test_a_signal_is_never_lost_wherever_it_meets_the_waiting_thread() -> None:
    """It comes before `wait`, while `wait` begins, or later, as a timer has it."""
    script = (
        "import signal, sys\n"
        "from refjk.runtime.signals import StopSignals\n"
        "signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(signal.SIGTERM))\n"
        "for turn in range(3000):\n"
        "    signals = StopSignals()\n"
        "    signals.install()\n"
        "    signal.setitimer(signal.ITIMER_REAL, 1e-6 + turn % 100 * 1e-6)\n"
        "    signals.wait()\n"
        "print('all came')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.stdout, done.stderr) == ("all came\n", "")


def test_sigusr1_asks_for_a_report_and_goes_on() -> None:
    child = Child(report="lambda: print('reported', flush=True)")
    child.send(signal.SIGUSR1)
    assert child.line() == "reported"
    child.send(signal.SIGTERM)
    assert child.line() == "asked"
    assert child.end()[0] == 0
