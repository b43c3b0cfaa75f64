"""The report in the text format 0.0.4 of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from refjk.balancing import WorkerState
from refjk.configuration import StatusWorker
from refjk.status.fields import ACTIVATIONS, STATES, recovery_s
from refjk.status.model import AjpStatus, BalancerStatus, MemberStatus, StatusReport
from refjk.status.rating import Rating, rate

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], int]


@dataclass(frozen=True, slots=True)
class _Count:
    """A value that members and workers alone both have."""

    name: str
    kind: str
    help: str
    of_member: Callable[[MemberStatus], int]
    of_worker: Callable[[AjpStatus], int]


# STA-MET-02: counters end in _total. Reply timeouts are halved in maintenance, so they are none.
COUNTS = (
    _Count(
        "requests_total",
        "counter",
        "Requests that were given to the worker.",
        lambda member: member.snapshot.elected,
        lambda ajp: ajp.traffic.used,
    ),
    _Count(
        "errors_total",
        "counter",
        "Requests that failed at the worker.",
        lambda member: member.snapshot.errors,
        lambda ajp: ajp.traffic.errors,
    ),
    _Count(
        "client_errors_total",
        "counter",
        "Requests that failed at the client.",
        lambda member: member.snapshot.client_errors,
        lambda ajp: ajp.traffic.client_errors,
    ),
    _Count(
        "written_bytes_total",
        "counter",
        "Octets sent to the worker.",
        lambda member: member.snapshot.octets_written,
        lambda ajp: ajp.traffic.octets_written,
    ),
    _Count(
        "read_bytes_total",
        "counter",
        "Octets received from the worker.",
        lambda member: member.snapshot.octets_read,
        lambda ajp: ajp.traffic.octets_read,
    ),
    _Count(
        "reply_timeouts",
        "gauge",
        "Answers that did not come in time, halved from time to time.",
        lambda member: member.snapshot.reply_timeouts,
        lambda ajp: ajp.traffic.reply_timeouts,
    ),
    _Count(
        "busy",
        "gauge",
        "Requests that are open now.",
        lambda member: member.snapshot.open,
        lambda ajp: ajp.traffic.busy,
    ),
    _Count(
        "busy_max",
        "gauge",
        "The most requests that were open at once.",
        lambda member: member.snapshot.open_max,
        lambda ajp: ajp.traffic.busy_max,
    ),
    _Count(
        "connected",
        "gauge",
        "Connections that are open now.",
        lambda member: member.connected,
        lambda ajp: ajp.connected,
    ),
    _Count(
        "connected_max",
        "gauge",
        "The most connections that were open at once.",
        lambda member: member.connected_max,
        lambda ajp: ajp.connected_max,
    ),
)


def metrics_text(report: StatusReport, worker: StatusWorker) -> str:
    """All metrics; `worker` has the patterns that rate members. STA-MET-01"""
    return "".join(f"{line}\n" for line in _lines(report, worker))


def _lines(report: StatusReport, worker: StatusWorker) -> Iterator[str]:
    yield from metric_lines("refjk_info", "gauge", "Name and version.", [({"software": report.software}, 1)])
    yield from _balancer_metrics(report, worker)
    pairs = [(balancer, member) for balancer in report.balancers for member in balancer.members]
    for count in COUNTS:
        samples: list[Sample] = [(_labels(b, m), count.of_member(m)) for b, m in pairs]
        samples += [({"balancer": "", "worker": ajp.name}, count.of_worker(ajp)) for ajp in report.workers]
        yield from metric_lines(f"refjk_worker_{count.name}", count.kind, count.help, samples)
    yield from _member_metrics(report, pairs)


def _balancer_metrics(report: StatusReport, worker: StatusWorker) -> Iterator[str]:
    balancers = report.balancers
    rated: list[Sample] = []
    for balancer in balancers:
        ratings = [rate(member, worker) for member in balancer.members]
        rated += [({"balancer": balancer.name, "rating": r.value}, ratings.count(r)) for r in Rating]
    yield from metric_lines("refjk_balancer_members", "gauge", "Members by how they are doing.", rated)
    open_now: list[Sample] = [({"balancer": b.name}, b.busy) for b in balancers]
    yield from metric_lines("refjk_balancer_busy", "gauge", "Requests that are open now.", open_now)
    open_max: list[Sample] = [({"balancer": b.name}, b.busy_max) for b in balancers]
    yield from metric_lines("refjk_balancer_busy_max", "gauge", "The most requests open at once.", open_max)


def _member_metrics(report: StatusReport, pairs: list[tuple[BalancerStatus, MemberStatus]]) -> Iterator[str]:
    def each(value: Callable[[MemberStatus], int]) -> list[Sample]:
        return [(_labels(balancer, member), value(member)) for balancer, member in pairs]

    sessions = each(lambda member: member.snapshot.sessions)
    yield from metric_lines("refjk_worker_sessions_total", "counter", "Requests without a session.", sessions)
    values = each(lambda member: member.snapshot.value)
    yield from metric_lines("refjk_worker_load_value", "gauge", "The value that the choice compares.", values)
    factors = each(lambda member: member.snapshot.settings.factor)
    yield from metric_lines("refjk_worker_factor", "gauge", "The factor in force.", factors)
    waits = [(_labels(b, m), recovery_s(report, b, m)[0]) for b, m in pairs]
    yield from metric_lines(
        "refjk_worker_recover_seconds", "gauge", "Least time until an error may end.", waits
    )
    # STA-MET-03: one sample for each word, 1 for the one that holds.
    states = [
        (_labels(b, m) | {"state": STATES[state]}, int(m.snapshot.state is state))
        for b, m in pairs
        for state in WorkerState
    ]
    yield from metric_lines("refjk_worker_state", "gauge", "The state, as a 1.", states)
    activations = [
        (
            _labels(b, m) | {"activation": text.lower()},
            int(m.snapshot.settings.activation is word),
        )
        for b, m in pairs
        for word, text in ACTIVATIONS.items()
    ]
    yield from metric_lines("refjk_worker_activation", "gauge", "The activation, as a 1.", activations)


def _labels(balancer: BalancerStatus, member: MemberStatus) -> dict[str, str]:
    return {"balancer": balancer.name, "worker": member.name}


def metric_lines(name: str, kind: str, about: str, samples: Sequence[Sample]) -> Iterator[str]:
    """A metric without samples is left out."""
    if samples:
        yield f"# HELP {name} {about}"
        yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        words = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{words}}} {value}"


def _escaped(text: str) -> str:
    # STA-MET-05
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
