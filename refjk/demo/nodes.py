"""The node processes of the demo: started, watched, started again, and certain to end."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from refjk.base.errors import Unreachable
from refjk.demo.node_options import NodeOptions

START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 5.0


class Node:
    """One process at a time; it keeps its port when it is started again.

    `alone`: why it does not replicate, once it serves; empty when it does.
    """

    def __init__(self, options: NodeOptions) -> None:
        self.name = options.name
        self.port = 0
        self.alone = options.alone
        self._options = options
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
            [sys.executable, "-m", "refjk.demo.node"],
            # Its end tells the node to end; only we hold the other side.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": search_path},
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then it has ended, which is seen soon
            self._process.stdin.write(replace(self._options, port=self.port).line())
            self._process.stdin.flush()

    def wait_until_serving(self) -> None:
        """Returns when the node accepts connections; raises `Unreachable` when it does not come up."""
        said = self._first_line()
        if not said.startswith("{"):
            self.stop()
            raise Unreachable(f"{self.name} did not start: {said or 'it said nothing'}")
        told = json.loads(said)
        self.port, self.alone = told["port"], told["alone"]

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
        with contextlib.suppress(BrokenPipeError):
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
        with contextlib.suppress(BrokenPipeError):  # octets that it did not read
            process.stdin.close()
        process.stdout.close()
