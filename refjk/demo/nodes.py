"""The node processes of the demo: started, watched, started again, and certain to end."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from refjk.base.errors import Unreachable

START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 5.0


class Node:
    """One process at a time; it keeps its port when it is started again."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self.name = name
        self.port = 0
        self._names = names
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start the process without waiting for it."""
        root = str(Path(__file__).resolve().parents[2])
        search_path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "refjk.demo.node", self.name, str(self.port), ",".join(self._names)],
            # Its end tells the node to end; only we hold the other side.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": search_path},
        )

    def wait_until_serving(self) -> None:
        """Returns when the node accepts connections; raises `Unreachable` when it does not come up."""
        said = self._first_line()
        if not said.isdigit():
            self.stop()
            raise Unreachable(f"{self.name} did not start: {said or 'it said nothing'}")
        self.port = int(said)

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        assert self._process is not None
        self._process.kill()
        self._reap()

    def stop(self) -> None:
        """Ask the process to end, and see to it that it does."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
        self._reap()

    def _first_line(self) -> str:
        """What the process prints first, as far as it comes in time."""
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + START_DEADLINE_S
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n") and selector.select(max(deadline - time.monotonic(), 0)):
                piece = os.read(self._process.stdout.fileno(), 4096)
                if not piece:
                    break
                said += piece
        return said.decode(errors="replace").strip()

    def _reap(self) -> None:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.wait()
        process.stdin.close()
        process.stdout.close()
