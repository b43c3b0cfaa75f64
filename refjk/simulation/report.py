"""A result in text for people and as a document for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from refjk.simulation.distributions import Distribution
from refjk.simulation.notation import format_time
from refjk.simulation.result import Result, Times, WorkerResult
from refjk.simulation.scenario import Arrivals, Drain, Outage, Scenario

FORMAT = "refjk simulation 1"
_HEADINGS = (
    "worker",
    "factor",
    "share",
    "requests",
    "sessions",
    "moved in",
    "moved out",
    "lost",
    "failed",
    "open max",
    "median",
    "95 %",
)


def report(result: Result) -> list[str]:
    """Lines; the first and the last one say the seed."""
    seed = f"seed {result.scenario.seed}"
    return [
        seed,
        *_about(result),
        "",
        *_table([_HEADINGS, *(_row(worker) for worker in result.workers)]),
        "",
        *_totals(result),
        seed,
    ]


def _about(result: Result) -> Iterator[str]:
    subject, scenario = result.subject, result.scenario
    method = f", method {subject.settings.method.value}" if subject.can_drain else ""
    sticky = "sticky" if subject.settings.sticky_session else "no sticky"
    yield (
        f"balancer {subject.name} of mod_jk {subject.profile.value}{method}, {sticky} sessions,"
        f" {len(subject.members)} workers"
    )
    coming = "" if scenario.arrivals is None else f", coming {_arrivals(scenario.arrivals)}"
    yield f"{scenario.users} users{coming}, for {format_time(scenario.duration_us)}"
    yield (
        f"sessions of {scenario.session_length:g} requests, think {_words(scenario.think)},"
        f" response {_words(scenario.response)}, replication {scenario.replication.value}"
    )
    for worker, distribution in scenario.responses.items():
        yield f"{worker}: response {_words(distribution)}"
    for span in (*scenario.outages, *scenario.drains):
        yield f"{span.worker}: {span_words(span)}"


def span_words(span: Outage | Drain) -> str:
    """What an outage or a drain is, and when."""
    what = "down" if isinstance(span, Outage) else span.activation.name.lower()
    end = "the end" if span.to_us is None else format_time(span.to_us)
    return f"{what} from {format_time(span.from_us)} to {end}"


def _row(worker: WorkerResult) -> tuple[str, ...]:
    numbers = (
        worker.requests,
        worker.sessions,
        worker.moved_in,
        worker.moved_out,
        worker.lost_by_move + worker.lost_by_restart,
        worker.failed_attempts,
        worker.open_max,
    )
    return (
        worker.name,
        str(worker.member.settings.factor),
        f"{worker.share:.1%}",
        *map(str, numbers),
        _time(worker.times.median_us),
        _time(worker.times.p95_us),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join(cells)


def _totals(result: Result) -> Iterator[str]:
    statuses = ", ".join(f"{count} × {status}" for status, count in result.statuses.items())
    errors = f"{result.errors} errors" + (f" ({statuses})" if statuses else "")
    yield f"requests: {result.requests}, {errors}, {result.unfinished} under way at the end"
    times = result.times
    yield (
        f"response times: median {_time(times.median_us)}, 95 % {_time(times.p95_us)},"
        f" 99 % {_time(times.p99_us)}, longest {_time(times.longest_us)}"
    )
    away = f", {result.turned_away} arrivals without a free user" if result.turned_away else ""
    yield f"sessions: {result.visits} begun by users{away}"
    yield (
        f"moves: {result.moves} times a session changed its worker; {result.lost_by_move} were lost by it,"
        f" {result.lost_by_restart} by a restart of their worker"
    )
    waiting = result.waiting
    part = waiting.count / result.requests if result.requests else 0.0
    yield f"waiting: {waiting.count} requests ({part:.2%})" + (
        f", longest {_time(waiting.longest_us)}; together for a place {_time(result.waiting_for_place_us)},"
        f" between tries {_time(result.waiting_between_tries_us)},"
        f" for a thread {_time(result.waiting_for_thread_us)}"
        if waiting.count
        else ""
    )


def _time(time_us: int) -> str:
    return format_time(time_us) if time_us else "0"


def _arrivals(arrivals: Arrivals) -> str:
    if arrivals.is_random:
        return f"at random, {1e6 / arrivals.between_us:.4g} in a second"
    return f"every {format_time(arrivals.between_us)}"


def _words(distribution: Distribution) -> str:
    kind, *parts = type(distribution).__name__.lower(), *asdict(distribution).values()
    times = ",".join(
        format_time(part) if isinstance(part, int) else f"{part:g}" for part in parts
    )
    return f"{kind} {times}"


def as_document(result: Result) -> dict[str, Any]:
    """For JSON; see `docs/howto/simulate.md`. Times in seconds."""
    subject = result.subject
    return {
        "format": FORMAT,
        "seed": result.scenario.seed,
        "balancer": {
            "name": subject.name,
            "profile": subject.profile.value,
            "method": subject.settings.method.name.lower() if subject.can_drain else None,
            "sticky_session": subject.settings.sticky_session,
        },
        "scenario": _scenario(result.scenario),
        "totals": {
            "requests": result.requests,
            "served": result.times.count,
            "errors": {str(status): count for status, count in result.statuses.items()},
            "unfinished": result.unfinished,
            "sessions": result.visits,
            "turned_away": result.turned_away,
            "moves": result.moves,
            "lost_by_move": result.lost_by_move,
            "lost_by_restart": result.lost_by_restart,
            "response_times": _times(result.times),
            "waiting": {
                **_times(result.waiting),
                "for_place_s": result.waiting_for_place_us / 1e6,
                "between_tries_s": result.waiting_between_tries_us / 1e6,
                "for_thread_s": result.waiting_for_thread_us / 1e6,
            },
        },
        "workers": [_worker(worker) for worker in result.workers],
        "series": {
            "part_s": result.part_us / 1e6,
            "served": {worker.name: list(worker.series) for worker in result.workers},
            "errors": list(result.error_series),
            "moves": list(result.move_series),
        },
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "users": scenario.users,
        "duration_s": scenario.duration_us / 1e6,
        "arrivals": None if scenario.arrivals is None else _arrivals(scenario.arrivals),
        "session_length": scenario.session_length,
        "think": _words(scenario.think),
        "response": _words(scenario.response),
        "responses": {worker: _words(one) for worker, one in scenario.responses.items()},
        "replication": scenario.replication.value,
        "threads": scenario.threads,
        "spans": [
            {
                "worker": span.worker,
                "kind": "down" if isinstance(span, Outage) else span.activation.name.lower(),
                "from_s": span.from_us / 1e6,
                "to_s": None if span.to_us is None else span.to_us / 1e6,
            }
            for span in (*scenario.outages, *scenario.drains)
        ],
    }


def _worker(worker: WorkerResult) -> dict[str, Any]:
    settings = worker.member.settings
    return {
        "name": worker.name,
        "factor": settings.factor,
        "route": settings.effective_route,
        "domain": settings.domain,
        "share": round(worker.share, 6),
        "requests": worker.requests,
        "sessions": worker.sessions,
        "moved_in": worker.moved_in,
        "moved_out": worker.moved_out,
        "lost_by_move": worker.lost_by_move,
        "lost_by_restart": worker.lost_by_restart,
        "failed_attempts": worker.failed_attempts,
        "open_max": worker.open_max,
        "response_times": _times(worker.times),
    }


def _times(times: Times) -> dict[str, Any]:
    return {
        "count": times.count,
        "mean_s": times.sum_us / times.count / 1e6 if times.count else 0.0,
        "median_s": times.median_us / 1e6,
        "p95_s": times.p95_us / 1e6,
        "p99_s": times.p99_us / 1e6,
        "longest_s": times.longest_us / 1e6,
    }
