"""A run for people, and for programs."""

from __future__ import annotations

from typing import Any

from refjk.simulation.cluster.play import ClusterResult
from refjk.simulation.notation import format_time


def report(result: ClusterResult) -> list[str]:
    """Lines; the seed is the first and the last."""
    count, settings = result.counts, result.settings
    seed = f"seed {result.seed}"
    times = f"heartbeat every {_time(settings.frequency_ms)}, drop time {_time(settings.drop_time_ms)}"
    return [
        seed,
        f"{len(result.nodes)} nodes, {settings.mode.value}, {_time(result.duration_ms)} simulated; {times}",
        f"members: {count['Added']} added, {count['Dropped']} dropped; "
        f"nodes ended {count['Stopped']} times and began {count['Started']} times",
        f"heartbeats: {count['Heard']} heard, {count['DatagramLost']} lost",
        f"messages: {count['Sending']} sent, {count['Written']} times written to {count['Opened']} streams, "
        f"{count['Resent']} of them as resends; {count['Handed']} handed over",
        f"results: {_words(result.fates)}",
        *(f"  {number:>7}  {reason}" for reason, number in sorted(result.reasons.items())),
        f"duplicates: {result.duplicates} handed over once more, "
        f"{count['OutOfOrder']} handed over after a newer one of their key",
        f"losses: {count['QueueLost']} counted by queues; {count['Undelivered']} times a stream ended with "
        f"octets unread; {result.overtaken} last values overtaken by older ones",
        *(f"! {objection}" for objection in result.objections),
        f"checkers: {len(result.objections) or 'no'} objections",
        seed,
    ]


def as_document(result: ClusterResult) -> dict[str, Any]:
    """For `--json`."""
    return {
        "seed": result.seed,
        "mode": result.settings.mode.value,
        "nodes": list(result.nodes),
        "simulated_ms": result.duration_ms,
        "frequency_ms": result.settings.frequency_ms,
        "drop_time_ms": result.settings.drop_time_ms,
        "counts": dict(sorted(result.counts.items())),
        "results": dict(sorted(result.fates.items())),
        "reasons": dict(sorted(result.reasons.items())),
        "duplicates": result.duplicates,
        "overtaken": result.overtaken,
        "objections": list(result.objections),
    }


def _time(time_ms: int) -> str:
    return format_time(time_ms * 1000)


def _words(numbers: Any) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(numbers.items())) or "none"
