"""The report of a node in the text format 0.0.4 of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from refjk.status.metrics import Sample, metric_lines
from refjk.status.node_model import (
    TRANSFER_PHASES,
    ClusterStatus,
    Counts,
    NodeMember,
    NodeReport,
    SenderStatus,
    SessionsStatus,
)

Labels = dict[str, str]

# Name, kind, help, value; the counters among them end in _total.
_SENDER: tuple[tuple[str, str, str, Callable[[SenderStatus], int]], ...] = (
    ("suspect", "gauge", "1 while messages do not get through.", lambda sender: int(sender.suspect)),
    ("messages_total", "counter", "Messages for the member.", lambda sender: sender.messages),
    ("bytes_total", "counter", "Octets sent to the member.", lambda sender: sender.octets),
    ("resends_total", "counter", "Messages that were sent once more.", lambda sender: sender.resends),
    ("answers_missed_total", "counter", "Answers that did not come.", lambda sender: sender.answers_missed),
    ("connects_total", "counter", "Connections made.", lambda sender: sender.connects),
    ("failures_total", "counter", "Messages that could not be sent.", lambda sender: sender.failures),
    ("lost_total", "counter", "Messages that were dropped while they waited.", lambda sender: sender.lost),
    ("queue_length", "gauge", "Messages that wait.", lambda sender: sender.queue_length),
    ("queue_age_ms", "gauge", "Since when the first one waits.", lambda sender: sender.queue_age_ms),
)
_SESSIONS: tuple[tuple[str, str, Callable[[SessionsStatus], int]], ...] = (
    ("sessions_max", "The most sessions that there were at once.", lambda one: one.sessions_max),
    ("sessions_limit", "The limit; below 0: none.", lambda one: one.limit),
    ("transfer_held", "Messages that wait for the state.", lambda one: one.transfer.held_messages),
)


def node_metrics_text(report: NodeReport) -> str:
    """All metrics. NOD-STS-11"""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: NodeReport) -> Iterator[str]:
    about: list[Sample] = [({"node": report.name, "software": report.software}, 1)]
    yield from metric_lines("refjk_node_info", "gauge", "Name and version.", about)
    yield from _member_metrics(report)
    yield from _events(
        "receiver",
        "What the receiver counts.",
        [(_of(one), one.receiver.counters) for one in report.clusters],
    )
    yield from _events(
        "message", "What became of messages.", [(_of(one), one.counters) for one in report.clusters]
    )
    yield from _session_metrics(report)
    failed: list[Sample] = [
        ({"host": one.host, "application": one.path or "/"}, int(one.error is None))
        for one in report.contexts
    ]
    yield from metric_lines(
        "refjk_node_context_up", "gauge", "1 for an application that was started.", failed
    )
    versions: list[Sample] = [
        ({"host": farm.host, "application": one.path or "/", "digest": one.digest}, 1)
        for farm in report.farms
        for one in farm.versions
    ]
    yield from metric_lines("refjk_node_farm_version_info", "gauge", "What the farm has deployed.", versions)
    connectors = [({"connector": one.name}, one.counters) for one in report.connectors]
    yield from _events("connector", "What a connector counts.", connectors)


def _member_metrics(report: NodeReport) -> Iterator[str]:
    present: list[Sample] = [
        (_of(cluster), sum(member.alive_ms is not None for member in cluster.members))
        for cluster in report.clusters
    ]
    yield from metric_lines("refjk_node_members", "gauge", "The other members that are known now.", present)
    pairs = [(cluster, member) for cluster in report.clusters for member in cluster.members]
    alive: list[Sample] = [
        (_of_member(cluster, member), member.alive_ms // 1000)
        for cluster, member in pairs
        if member.alive_ms is not None
    ]
    yield from metric_lines("refjk_node_member_alive_seconds", "gauge", "Since when a member runs.", alive)
    for name, kind, about, value in _SENDER:
        samples: list[Sample] = [
            (_of_member(cluster, member), value(member.sender))
            for cluster, member in pairs
            if member.sender is not None
        ]
        yield from metric_lines(f"refjk_node_sender_{name}", kind, about, samples)


def _session_metrics(report: NodeReport) -> Iterator[str]:
    pairs = [(_of(cluster) | {"application": one.path or "/"}, one) for cluster, one in report.applications()]
    roles: list[Sample] = []
    for labels, one in pairs:
        roles += [(labels | {"role": "primary"}, one.primary), (labels | {"role": "backup"}, one.backup)]
    yield from metric_lines("refjk_node_sessions", "gauge", "Sessions by the role of this node.", roles)
    for name, about, value in _SESSIONS:
        yield from metric_lines(
            f"refjk_node_{name}", "gauge", about, [(labels, value(o)) for labels, o in pairs]
        )
    phases: list[Sample] = [
        (labels | {"phase": phase}, int(one.transfer.phase == phase))
        for labels, one in pairs
        for phase in TRANSFER_PHASES
    ]
    yield from metric_lines("refjk_node_transfer_phase", "gauge", "The state transfer, as a 1.", phases)
    yield from _events("session", "What a manager counts.", [(labels, one.counters) for labels, one in pairs])


def _events(what: str, about: str, counted: list[tuple[Labels, Counts]]) -> Iterator[str]:
    """Counters that have their names in a label."""
    samples: list[Sample] = [
        (labels | {"event": event}, count) for labels, counts in counted for event, count in counts
    ]
    yield from metric_lines(f"refjk_node_{what}_events_total", "counter", about, samples)


def _of(cluster: ClusterStatus) -> Labels:
    return {"cluster": cluster.name}


def _of_member(cluster: ClusterStatus, member: NodeMember) -> Labels:
    return {"cluster": cluster.name, "member": member.name}
