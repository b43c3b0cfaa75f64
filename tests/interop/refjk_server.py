"""`refjk serve` as a peer: a process of its own, as a user would start it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.interop.peers import Program, peak_rss

APPLICATION = "tests.interop.applications:app"


class RefjkServer(Program):
    """`refjk serve` on `port` with further `options`; with a `secret` it gets a secret file."""

    def __init__(self, *options: str, application: str = APPLICATION, secret: str | None = None) -> None:
        super().__init__("refjk", self._serve, {"PYTHONUNBUFFERED": "1"})
        self._application = application
        self._options = options
        self._secret = secret

    @property
    def output(self) -> str:
        """What it has written to standard error so far."""
        return (self.directory / "output.log").read_text(errors="backslashreplace")

    @property
    def memory_peak(self) -> int:
        """Octets, since the process began."""
        assert self.process is not None
        return peak_rss(self.process.pid)

    def _prepare(self) -> None:
        if self._secret is not None:
            self._secret_file.write_text(self._secret + "\n")

    def _serve(self, port: int) -> list[str]:
        secret = ["--secret-file", str(self._secret_file)] if self._secret is not None else []
        command = [sys.executable, "-m", "refjk", "serve", self._application]
        return [*command, "--listen", f"127.0.0.1:{port}", *secret, *self._options]

    @property
    def _secret_file(self) -> Path:
        return self.directory / "secret"
