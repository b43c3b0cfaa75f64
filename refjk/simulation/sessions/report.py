"""A run for people, and for programs."""

from __future__ import annotations

from typing import Any

from refjk.session import ORIGINAL
from refjk.simulation.notation import format_time
from refjk.simulation.sessions.play import SessionsResult


def report(result: SessionsResult) -> list[str]:
    """Lines; the seed is the first and the last."""
    count, settings = result.counts, result.settings
    seed = f"seed {result.seed}"
    rules = "the original's" if settings.rules == ORIGINAL else "refjk's"
    return [
        seed,
        f"{len(result.nodes)} nodes, {settings.cluster.mode.value}, {rules} rules, "
        f"{format_time(result.duration_ms * 1000)} simulated; sessions end after {settings.interval_s}s",
        f"requests: {count['requests']}, {count['failed']} of them failed with their node; "
        f"{count['clicks']} clicks in {count['sessions']} sessions",
        f"users: {count['not found']} times without the session they had, "
        f"{count['went back']} times shown less than before",
        f"messages: {count['CREATED']} created, {count['DELTA']} deltas, {count['ACCESSED']} accessed, "
        f"{count['EXPIRED']} expired, {count['NEW ID']} new ids, {result.overtaken} overtaken",
        f"states: {count['GET_ALL']} asked for, {count['ALL_SESSION_DATA']} given, "
        f"{count['states loaded']} nodes began with one",
        f"in the end: {count['complete']} sessions of which every node was told all, "
        f"{count['compared']} of which several were; {result.lost} last answered clicks that no node has",
        *(f"! {objection}" for objection in result.objections),
        f"checkers: {len(result.objections) or 'no'} objections",
        seed,
    ]


def as_document(result: SessionsResult) -> dict[str, Any]:
    """For `--json`."""
    return {
        "seed": result.seed,
        "mode": result.settings.cluster.mode.value,
        "rules": "original" if result.settings.rules == ORIGINAL else "refjk",
        "nodes": list(result.nodes),
        "simulated_ms": result.duration_ms,
        "interval_s": result.settings.interval_s,
        "counts": dict(sorted(result.counts.items())),
        "lost": result.lost,
        "overtaken": result.overtaken,
        "objections": list(result.objections),
    }
