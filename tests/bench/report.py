"""Where a measurement was made, and tables in markdown."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from refjk import __version__
from tests.bench.candidates import Running
from tests.interop.peers import ask


def machine() -> dict[str, str]:
    """Date, processor, cores, system, and versions of Python and refjk."""
    information = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*: (.*)", information)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": model[1] if model else platform.processor() or "unknown",
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "refjk": __version__,
    }


def versions(started: Iterable[Running], program: str) -> dict[str, str]:
    """Versions of what was measured and of the load generator."""
    found: dict[str, str] = {}
    for one in started:
        if one.candidate.kind == "peer":
            found[f"version of {one.candidate.module}"] = importlib.metadata.version(one.candidate.module)
        server = ask(one.front.port, "/").header("Server") or ""
        if "Apache" in server:  # Through mod_proxy_http the backend's own name arrives.
            found["version of httpd"] = server
    option = "-v" if program.endswith("wrk") else "-V"
    said = subprocess.run([program, option], capture_output=True, text=True, timeout=10).stdout
    found["load"] = said.splitlines()[0].partition(" Copyright")[0]
    return found


def facts_as_text(facts: dict[str, str]) -> str:
    """One line for each fact."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; the first column is text, the others are numbers."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, marks, *rows])
