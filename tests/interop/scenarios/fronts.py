"""The fronts that play scenarios. Both read the same httpd.conf; only folder and port differ."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.interop.peers import Httpd, JkWorker, ModJk
from tests.interop.peers.process import PROJECT


@dataclass(frozen=True)
class JkFiles(ModJk):
    """The texts of a scenario with ports filled in; `httpd_conf` names `workers.properties`."""

    workers: Sequence[JkWorker] = ()
    httpd_conf: str = ""
    workers_properties: str = ""

    def configuration(self, directory: Path) -> str:
        """The part of httpd.conf; writes the workers file beside it."""
        (directory / "workers.properties").write_text(self.workers_properties)
        return self.httpd_conf


class RunningFront(Protocol):
    @property
    def port(self) -> int: ...


FrontUnderTest = Callable[[JkFiles], AbstractContextManager[RunningFront]]
"""Started with the files on entry, stopped on exit."""


class HttpdFront(Httpd):
    """httpd with mod_jk; one process, so that there is one set of values."""

    def __init__(self, files: JkFiles) -> None:
        super().__init__(files, threads=16)


class RefjkFront(HttpdFront):
    """`refjk front` with the very httpd.conf that httpd would get."""

    name = "refjk-front"

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-m", "refjk", "front", "--config", str(self.directory / "httpd.conf")]

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1"}

    def _working_directory(self) -> Path:
        return PROJECT
