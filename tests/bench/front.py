"""What the way from the front to the application costs: AJP beside plain HTTP, refjk's front beside httpd."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from tests.bench.candidates import CANDIDATES, Candidate
from tests.bench.http_forwarder import cost_of_forward_request
from tests.bench.throughput import Result, measure, with_ratios
from tests.interop.peers import Program

AJP = "front-refjk"
HTTP = "front_http-waitress"


def _front(port: int) -> Program:
    worker = ["--worker", f"node=127.0.0.1:{port}", "--mount", "/*=balancer"]
    command = [sys.executable, "-m", "refjk", "front", *worker]
    return Program("refjk-front", lambda own: [*command, "--listen", f"127.0.0.1:{own}"])


def _http_front(port: int) -> Program:
    command = [sys.executable, "-m", "tests.bench.http_forwarder"]
    return Program("front-http", lambda own: [*command, str(own), str(port)])


def _candidates() -> tuple[Candidate, ...]:
    """The two ways of the front, and the same two ways of httpd."""
    by_name = {candidate.name: candidate for candidate in CANDIDATES}
    mod_jk, mod_proxy_http = by_name["mod_jk-refjk"], by_name["mod_proxy_http-waitress"]
    return (
        replace(mod_jk, name=AJP, front=_front),
        replace(mod_proxy_http, name=HTTP, front=_http_front),
        replace(mod_jk, kind="reference"),
        mod_proxy_http,
    )


FRONT_CANDIDATES = _candidates()


def measure_fronts(
    candidates: Sequence[Candidate],
    *,
    rounds: int,
    seconds: float,
    connections: Sequence[int],
    threads: int,
    httpd_threads: int,
) -> Result:
    """As `measure` does it, with what the plain HTTP way of the front pays in vain among the facts."""
    result = measure(
        candidates,
        rounds=rounds,
        seconds=seconds,
        connections=connections,
        threads=threads,
        httpd_threads=httpd_threads,
    )
    if HTTP in result.rates:
        result.facts[f"of a request's time in {HTTP}, not needed there"] = (
            f"{cost_of_forward_request():.0f} µs"
        )
    return result


def as_markdown(result: Result, connections: Sequence[int]) -> str:
    """The facts, the medians, and how many times as fast the front over AJP is as each of the others."""
    others = [name for name in result.rates if name != AJP and AJP in result.rates]
    ratios = [
        [f"{AJP} / {name}", *[f"{result.median(AJP, n) / result.median(name, n):.2f}" for n in connections]]
        for name in others
    ]
    return with_ratios(result, connections, ratios)
