"""A running `refjk demo` for tests, and what it shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.interop.peers.client import Answer
from tests.interop.peers.process import processes_of_group

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0


@contextmanager
def demo_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], int, list[int]]]:
    """A running demo in a group of its own: its port and the PIDs of its nodes. What it leaves is removed."""
    command = [sys.executable, "-m", "refjk", "demo", *options]
    # Killed with its group, it leaves its files.
    folder = tempfile.TemporaryDirectory()
    settings: Any = {"cwd": PROJECT, "start_new_session": True, "env": {**os.environ, "TMPDIR": folder.name}}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with folder, subprocess.Popen(command, **settings, **pipes) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            while "Ctrl-C" not in lines[-1]:
                assert lines[-1], process.stderr and process.stderr.read()
                lines.append(process.stdout.readline())
            text = "".join(lines)
            port = re.search(r"open http://127\.0\.0\.1:(\d+)/ in a browser", text)
            assert port is not None, text
            yield process, int(port[1]), [int(pid) for pid in re.findall(r"PID (\d+)", text)]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            wait_for(lambda: not processes_of_group(process.pid))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"Cookie": (answer.header("set-cookie") or "").partition(";")[0]}
