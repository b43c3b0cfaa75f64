"""Programs that belong together: their order, what they say, that they return, and that they end together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.interop.peers.process import PROJECT

DEADLINE_S = 60.0

# A part: says that it is there, and ends when it is told to, or its standard input ends.
PART = """
import os, signal, sys, time
from refjk.runtime.process_group import watch_lifeline
signal.signal(signal.SIGUSR1, lambda *_: print("usr1", flush=True))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
watch_lifeline()
print("ready", os.getpid(), flush=True)
while True:
    time.sleep(0.05)
"""

GROUP = """
import signal, sys
from pathlib import Path
from refjk.runtime.process_group import Part, ProcessGroup
command = [sys.executable, "-c", Path(sys.argv[1]).read_text()]
parts = [
    Part("late", command, stage=1, ready="ready"),
    Part("one", command, ready="ready", forwarded=frozenset({signal.SIGUSR1}), log=Path(sys.argv[2])),
    Part("two", command, ready="ready"),
]
group = ProcessGroup(parts, lambda line: print(line, flush=True), grace_s=5, restart="once" not in sys.argv)
sys.exit(group.run())
"""


class Group:
    """A group in a process of its own, and what it has said."""

    def __init__(self, tmp_path: Path, *words: str) -> None:
        script, part = tmp_path / "group.py", tmp_path / "part.py"
        script.write_text(GROUP)
        part.write_text(PART)
        self.log = tmp_path / "logs" / "one.log"
        self._output = tmp_path / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(script), str(part), str(self.log), *words],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
            )

    @property
    def lines(self) -> list[str]:
        return self._output.read_text().splitlines()

    def pids(self, name: str) -> list[int]:
        """Of all processes of a part so far."""
        found = (re.fullmatch(rf"{name}: ready ([0-9]+)", line) for line in self.lines)
        return [int(match[1]) for match in found if match]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline and self.process.poll() is None, "\n".join(self.lines)
            time.sleep(0.02)

    def is_over(self) -> int:
        return self.process.wait(DEADLINE_S)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(*pids: int) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def started(tmp_path: Path, *words: str) -> Group:
    group = Group(tmp_path, *words)
    group.wait_for(lambda: bool(group.pids("late")))
    return group


def test_parts_of_a_later_stage_wait_and_all_end_together(tmp_path: Path) -> None:
    group = started(tmp_path)
    said = [line.partition(":")[0] for line in group.lines]
    assert set(said[:2]) == {"one", "two"} and said[2] == "late"
    pids = [group.pids(name)[0] for name in ("one", "two", "late")]
    group.process.send_signal(signal.SIGTERM)
    assert group.is_over() == 0
    assert gone(*pids)
    assert group.log.read_text().startswith("ready ")


def test_a_part_that_dies_returns_and_the_others_stay(tmp_path: Path) -> None:
    group = started(tmp_path)
    two = group.pids("two")
    os.kill(group.pids("one")[0], signal.SIGKILL)
    group.wait_for(lambda: len(group.pids("one")) == 2)
    assert group.pids("two") == two
    assert any("one ended with signal 9; it is started again" in line for line in group.lines)
    group.process.send_signal(signal.SIGINT)
    assert group.is_over() == 0


def test_without_restarts_the_end_of_one_is_the_end_of_all(tmp_path: Path) -> None:
    group = started(tmp_path, "once")
    os.kill(group.pids("two")[0], signal.SIGKILL)
    assert group.is_over() == 1
    assert gone(group.pids("one")[0], group.pids("late")[0])


def test_a_signal_goes_to_the_parts_that_want_it(tmp_path: Path) -> None:
    group = started(tmp_path)
    group.process.send_signal(signal.SIGUSR1)
    group.wait_for(lambda: "one: usr1" in group.lines)
    assert "two: usr1" not in group.lines
    group.process.send_signal(signal.SIGTERM)
    assert group.is_over() == 0


def test_parts_end_when_the_group_is_killed(tmp_path: Path) -> None:
    group = started(tmp_path)
    pids = [group.pids(name)[0] for name in ("one", "two", "late")]
    group.process.kill()
    group.is_over()
    assert gone(*pids)
