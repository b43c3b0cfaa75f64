"""A result as a document for programs; `docs/howto/simulate.md` tells what is in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from refjk.simulation.distributions import Distribution
from refjk.simulation.result import Result, Times, WorkerResult
from refjk.simulation.scenario import Arrivals, Outage, Scenario

FORMAT = "refjk simulation 1"


def as_document(result: Result) -> dict[str, Any]:
    """Plain values; times in seconds."""
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
        "think": _distribution(scenario.think),
        "response": _distribution(scenario.response),
        "responses": {worker: _distribution(one) for worker, one in scenario.responses.items()},
        "replication": scenario.replication.value,
        "threads": scenario.threads,
        "spans": [
            {
                "worker": span.worker,
                "kind": "down" if isinstance(span, Outage) else span.activation.name.lower(),
                "from_s": span.from_us / 1e6,
                "to_s": None if span.to_us is None else span.to_us / 1e6,
            }
            for span in scenario.spans
        ],
    }


def _arrivals(arrivals: Arrivals) -> dict[str, Any]:
    return {"kind": "poisson" if arrivals.is_random else "every", "between_s": arrivals.between_us / 1e6}


def _distribution(distribution: Distribution) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": type(distribution).__name__.lower()}
    for name, value in asdict(distribution).items():
        stem, unit, _ = name.partition("_us")
        document[f"{stem}_s" if unit else name] = value / 1e6 if unit else value
    return document


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
