"""A run for people, and for programs."""

from __future__ import annotations

from typing import Any

from refjk.simulation.farm.play import FarmResult
from refjk.simulation.notation import format_time


def report(result: FarmResult) -> list[str]:
    """Lines; the seed is the first and the last."""
    count, settings = result.counts, result.settings
    seed = f"seed {result.seed}"
    return [
        seed,
        f"{len(result.nodes)} nodes, {settings.cluster.mode.value}, "
        f"{format_time(result.duration_ms * 1000)} simulated; "
        f"looks every {format_time(settings.look_ms * 1000)}, "
        f"catalogs every {format_time(settings.catalog_ms * 1000)}",
        f"archives: {count['Put']} times put, {count['Taken']} times taken out; "
        f"{count['TookOver']} times a version took over, {count['Ended']} times one ended",
        f"nodes: ended {count['Stopped']} times, {count['Sprung']} of them at a step of their disk, "
        f"and began {count['Started']} times",
        f"messages: {count['Said']} sent, {count['takes a message']} taken, "
        f"{count['takes a late message']} late, {count['loses a message']} lost, "
        f"{count['has no room for a message']} without room",
        f"of them taken: {_of(result, 'part')} parts, {_of(result, 'undeploy')} announcements and removals, "
        f"{_of(result, 'catalog')} catalogs, {_of(result, 'octets')} requests and pieces",
        *(f"! {objection}" for objection in result.objections),
        f"checkers: {len(result.objections) or 'no'} objections",
        seed,
    ]


def _of(result: FarmResult, what: str) -> int:
    return sum(result.counts[f"{how}: {what}"] for how in ("takes a message", "takes a late message"))


def as_document(result: FarmResult) -> dict[str, Any]:
    """For `--json`."""
    return {
        "seed": result.seed,
        "mode": result.settings.cluster.mode.value,
        "nodes": list(result.nodes),
        "simulated_ms": result.duration_ms,
        "counts": dict(sorted(result.counts.items())),
        "objections": list(result.objections),
    }
