"""Load from wrk, or from ab where wrk is not installed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from tests.interop.peers import PeerMissing, find_program


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement; `errors` counts answers that were not 2xx and requests without an answer."""

    requests_per_s: float
    errors: int


def load_program() -> str:
    """Path of wrk or ab."""
    try:
        return find_program("wrk", "wrk")
    except PeerMissing:
        return find_program("wrk", "ab")


def put_under_load(program: str, url: str, connections: int, seconds: float) -> Load:
    """Ask `url` again and again over `connections` kept connections."""
    if program.endswith("wrk"):
        command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", url]
    else:
        command = [program, "-k", "-q", "-c", str(connections), "-t", str(max(1, round(seconds)))]
        command += ["-n", "100000000", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
    return read_wrk(done.stdout) if program.endswith("wrk") else read_ab(done.stdout)


def read_wrk(report: str) -> Load:
    """wrk's report."""
    bad = _number(r"Non-2xx or 3xx responses: (\d+)", report)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    lost = sum(map(int, sockets.groups())) if sockets else 0
    return Load(_number(r"Requests/sec: +([\d.]+)", report), int(bad) + lost)


def read_ab(report: str) -> Load:
    """ab's report."""
    bad = _number(r"Non-2xx responses: +(\d+)", report)
    lost = _number(r"Failed requests: +(\d+)", report)
    return Load(_number(r"Requests per second: +([\d.]+)", report), int(bad) + int(lost))


def _number(pattern: str, report: str) -> float:
    found = re.search(pattern, report)
    return float(found[1]) if found else 0.0
