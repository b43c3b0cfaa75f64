"""Requests per second of the same 1 KiB application, in interleaved rounds."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench import report
from tests.bench.candidates import Candidate, Running, running
from tests.bench.load import load_program, put_under_load
from tests.interop.peers import ask

APPLICATION = "tests.bench.app:app"
WARM_UP_S = 1


@dataclass(slots=True)
class Result:
    """Requests per second by candidate and connections, one number for each round."""

    rates: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def median(self, name: str, connections: int) -> float:
        """Median over the rounds."""
        return statistics.median(self.rates[name][connections])


def measure(
    candidates: Sequence[Candidate],
    *,
    rounds: int,
    seconds: float,
    connections: Sequence[int],
    threads: int,
    httpd_threads: int,
) -> Result:
    """Round by round every candidate in turn at each number of connections, so that drift hits all."""
    result, program = Result(facts=report.machine()), load_program()
    setting = running(candidates, threads=threads, httpd_threads=httpd_threads, application=APPLICATION)
    with setting as (started, result.remarks):
        result.facts["server threads"] = str(threads)
        result.facts["httpd"] = f"mpm_event, 1 child with {httpd_threads} threads"
        result.facts |= report.versions(started, program)
        result.facts["measured"] = f"median of {rounds} interleaved rounds of {seconds:g} s"
        for one in started:
            _check_answer(one)
            put_under_load(program, _url(one), max(connections), WARM_UP_S)
            result.rates[one.candidate.name] = {number: [] for number in connections}
            result.errors[one.candidate.name] = 0
        for number_of_round in range(1, rounds + 1):
            print(f"round {number_of_round} of {rounds}", file=sys.stderr)
            for number in connections:
                for one in started:
                    load = put_under_load(program, _url(one), number, seconds)
                    result.rates[one.candidate.name][number].append(load.requests_per_s)
                    result.errors[one.candidate.name] += load.errors
    result.remarks += [
        f"{name}: {count} requests without a good answer" for name, count in result.errors.items() if count
    ]
    return result


def as_markdown(result: Result, candidates: Sequence[Candidate], connections: Sequence[int]) -> str:
    """The facts, the table of medians (with the spread over the rounds), and the ratios."""
    measured = [candidate for candidate in candidates if candidate.name in result.rates]
    return with_ratios(result, connections, _ratio_rows(result, measured, connections))


def with_ratios(result: Result, connections: Sequence[int], ratios: Sequence[Sequence[str]]) -> str:
    """The facts, the table of medians with the spread over the rounds, and these rows of ratios if any."""
    header = ["requests per second at … connections", *map(str, connections)]
    rows = [
        [name, *[_median_and_spread(result, name, number) for number in connections]] for name in result.rates
    ]
    parts = [report.facts_as_text(result.facts), report.table(header, rows)]
    if ratios:
        parts.append(report.table(["ratio of medians at … connections", *header[1:]], ratios))
    parts += [f"Remark: {remark}" for remark in result.remarks]
    return "\n\n".join(parts)


def _ratio_rows(result: Result, measured: Sequence[Candidate], connections: Sequence[int]) -> list[list[str]]:
    by_kind = {
        kind: [candidate.name for candidate in measured if candidate.kind == kind]
        for kind in ("own", "peer", "bare")
    }
    rows = []
    for own in by_kind["own"]:
        for kind, words in (("peer", "best peer"), ("bare", "bare")):
            if by_kind[kind]:
                best = [max(result.median(name, number) for name in by_kind[kind]) for number in connections]
                reached = [result.median(own, number) for number in connections]
                ratios = [f"{mine / other:.2f}" for mine, other in zip(reached, best, strict=True)]
                rows.append([f"{own} / {words}", *ratios])
    return rows


def _median_and_spread(result: Result, name: str, number: int) -> str:
    rates = result.rates[name][number]
    return f"{statistics.median(rates):.0f} ({min(rates):.0f}–{max(rates):.0f})"


def _check_answer(one: Running) -> None:
    answer = ask(one.front.port, "/")
    assert (answer.status, len(answer.body)) == (200, 1024), (one.candidate.name, answer)


def _url(one: Running) -> str:
    return f"http://127.0.0.1:{one.front.port}/"
