"""A real browser that stays open and is driven over pipes, so that it keeps its cookies."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.status.browser import find_browser

DEADLINE_S = 60.0
_POLL_S = 0.05

# It reads commands from 3 and writes to 4, each message with a zero octet behind it.
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    "os.execvp(sys.argv[3], sys.argv[3:])"
)

_LEAVING = "Inspected target navigated or closed"


class Refused(Exception):
    """The browser does not do what it was told."""


class Browser:
    """A context manager; `directory` gets the profile. Skips the test when there is no browser."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._received = b""
        self._session = ""

    def __enter__(self) -> Self:
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--remote-debugging-pipe",
            f"--user-data-dir={self._directory / 'profile'}", "about:blank",
        ]  # fmt: skip
        its_input, self._to = os.pipe()
        self._from, its_output = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (its_input, its_output)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, *map(str, ends), find_browser(), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=ends,
        )
        for end in (its_input, its_output, *ends):
            os.close(end)
        target = self._command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._session = ""
            self._command("Browser.close")
            self._process.wait(DEADLINE_S)
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._to)
            os.close(self._from)

    def open(self, url: str) -> None:
        self._command("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; None where the page is just being left."""
        try:
            said = self._command("Runtime.evaluate", expression=expression, returnByValue=True)
        except Refused as refused:
            if _LEAVING in str(refused):
                return None
            raise
        return said["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of the expression as soon as it is true; what is not there yet is not true yet."""
        deadline = time.monotonic() + DEADLINE_S
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, (expression, self.evaluate("document.body.innerText"))
            time.sleep(_POLL_S)
        return value

    def _command(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == number:
                if "error" in said:
                    raise Refused(said["error"])
                result: dict[str, Any] = said["result"]
                return result

    def _next(self) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            while b"\0" not in self._received:
                assert selector.select(DEADLINE_S), "the browser says nothing"
                piece = os.read(self._from, 65536)
                assert piece, "the browser has ended"
                self._received += piece
        text, _, self._received = self._received.partition(b"\0")
        said: dict[str, Any] = json.loads(text)
        return said
