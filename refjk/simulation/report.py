"""A result in text, and the words for what was played."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from refjk.simulation.distributions import Distribution
from refjk.simulation.notation import format_time
from refjk.simulation.result import Result, WorkerResult
from refjk.simulation.scenario import Arrivals, Drain, Outage

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
    coming = "" if scenario.arrivals is None else f", coming {arrivals_words(scenario.arrivals)}"
    yield f"{scenario.users} users{coming}, for {format_time(scenario.duration_us)}"
    yield (
        f"sessions of {scenario.session_length:g} requests, think {distribution_words(scenario.think)},"
        f" response {distribution_words(scenario.response)}, replication {scenario.replication.value}"
    )
    for worker, distribution in scenario.responses.items():
        yield f"{worker}: response {distribution_words(distribution)}"
    for span in scenario.spans:
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


def arrivals_words(arrivals: Arrivals) -> str:
    if arrivals.is_random:
        return f"at random, {1e6 / arrivals.between_us:.4g} in a second"
    return f"every {format_time(arrivals.between_us)}"


def distribution_words(distribution: Distribution) -> str:
    """Its kind and its times."""
    kind, *parts = type(distribution).__name__.lower(), *asdict(distribution).values()
    times = ",".join(format_time(part) if isinstance(part, int) else f"{part:g}" for part in parts)
    return f"{kind} {times}"
