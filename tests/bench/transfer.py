"""Large bodies both ways: MB/s, and the highest memory use of the server's processes."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import report
from tests.bench.app import BLOCK
from tests.bench.candidates import Candidate, Running, running
from tests.interop.peers import peak_rss, processes_of_group

APPLICATION = "tests.bench.app:transfer"
SIZES = (1 << 20, 50_000_000)
DEADLINE_S = 120
RESET_PEAK = "5"  # proc(5), clear_refs


@dataclass(slots=True)
class Result:
    """`rates` in MB/s of the largest size, `peaks` in octets by direction and body size."""

    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    peaks: dict[str, dict[str, dict[int, int]]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def upload(port: int, size: int) -> None:
    """POST `size` octets with Content-Length; the answer must tell that size."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    for at in range(0, size, len(BLOCK)):
        connection.send(BLOCK[: min(len(BLOCK), size - at)])
    answer = connection.getresponse()
    received = int(answer.read())
    connection.close()
    assert (answer.status, received) == (200, size), (answer.status, received)


def download(port: int, size: int) -> None:
    """GET `size` octets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    connection.request("GET", f"/?{size}")
    answer = connection.getresponse()
    buffer, received = bytearray(len(BLOCK)), 0
    while count := answer.readinto(buffer):
        received += count
    connection.close()
    assert (answer.status, received) == (200, size), (answer.status, received)


DIRECTIONS: dict[str, Callable[[int, int], None]] = {"upload": upload, "download": download}


def measure(candidates: Sequence[Candidate], *, rounds: int, threads: int, httpd_threads: int) -> Result:
    """Every candidate in turn, both directions, in rounds; memory is looked at after each size."""
    result = Result(facts=report.machine())
    able = [candidate for candidate in candidates if candidate.kind != "bare"]
    setting = running(able, threads=threads, httpd_threads=httpd_threads, application=APPLICATION)
    with setting as (started, result.remarks):
        for one in started:
            result.rates[one.candidate.name] = {direction: [] for direction in DIRECTIONS}
            result.peaks[one.candidate.name] = {direction: {} for direction in DIRECTIONS}
        for _ in range(rounds):
            for direction in DIRECTIONS:
                for one in started:
                    _transfer_once(one, direction, result)
    result.facts["measured"] = (
        f"median of {rounds} interleaved rounds; {SIZES[-1]} octets over one connection"
    )
    return result


def as_markdown(result: Result) -> str:
    """The facts and one table."""
    header = ["", *[f"{direction} MB/s" for direction in DIRECTIONS]]
    header += [f"peak MiB, {direction} {size / 1e6:.0f} MB" for direction in DIRECTIONS for size in SIZES]
    rows = []
    for name, rates in result.rates.items():
        cells = [f"{statistics.median(rates[direction]):.0f}" for direction in DIRECTIONS]
        cells += [
            f"{result.peaks[name][direction][size] / 2**20:.1f}" for direction in DIRECTIONS for size in SIZES
        ]
        rows.append([name, *cells])
    parts = [report.facts_as_text(result.facts), report.table(header, rows)]
    return "\n\n".join([*parts, *[f"Remark: {remark}" for remark in result.remarks]])


def _transfer_once(one: Running, direction: str, result: Result) -> None:
    peaks = result.peaks[one.candidate.name][direction]
    for size in SIZES:
        _forget_peak(one)
        started_at = time.perf_counter()
        DIRECTIONS[direction](one.front.port, size)
        seconds = time.perf_counter() - started_at
        peaks[size] = max(peaks.get(size, 0), _peak(one))
    result.rates[one.candidate.name][direction].append(SIZES[-1] / seconds / 1e6)


def _processes(one: Running) -> list[int]:
    assert one.server.process is not None
    return processes_of_group(one.server.process.pid)


def _peak(one: Running) -> int:
    """Of the largest process (gunicorn has two)."""
    return max(map(peak_rss, _processes(one)))


def _forget_peak(one: Running) -> None:
    for process in _processes(one):
        Path(f"/proc/{process}/clear_refs").write_text(RESET_PEAK)
