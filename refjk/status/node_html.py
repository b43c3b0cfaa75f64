"""The page of a node: without scripts, and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from refjk.status.access import Access
from refjk.status.html_form import REFRESH_S_DEFAULT, head_lines
from refjk.status.html_parts import link, table, text
from refjk.status.node_model import (
    ClusterStatus,
    Counts,
    FarmStatus,
    NodeMember,
    NodeReport,
    SessionRow,
    SessionsStatus,
)
from refjk.status.node_picture import inline_node_picture
from refjk.status.request import Mime, StatusRequest

_SENDER = (
    *("messages", "octets", "resends", "answers_missed", "connects", "failures"),
    *("queue_length", "queue_age_ms", "lost"),
)
_ROW = ("id", "role", "new", "attributes", "requests", "created", "idle_s", "max_inactive_s")
_LEGEND = (
    ("state of a member", "suspect: the last message did not get through; gone: it was dropped meanwhile"),
    ("answers_missed, resends", "acknowledgements that did not come, and messages sent once more for that"),
    ("queue_length, queue_age_ms, lost", "asynchronous senders: what waits, how long, and what was dropped"),
    ("primary, backup", "sessions whose last request was here, and copies of those of other nodes"),
    ("transfer", "waiting: the state of the others is on its way; late: it did not come in time"),
    ("held", "messages that wait until the state is there"),
    ("answers", "acknowledgements of the receiver, on connections that have ended"),
)


def node_page(request: StatusRequest, report: NodeReport, access: Access) -> str:
    """The page. NOD-STS-08"""
    lines = [*head_lines(request, access), f"<h1>Node {text(report.name)}</h1>"]
    now_s = report.now_ms // 1000
    row = (text(report.software), _time(now_s), str(now_s))
    lines += table(("software", "time", "unix"), [row])
    lines += _navigation(request)
    for cluster in report.clusters:
        lines += _cluster(cluster)
    lines += _contexts(report)
    for farm in report.farms:
        lines += _farm(farm)
    lines += _connectors(report)
    lines.append("<h2>Legend</h2>")
    lines += table(("word", "meaning"), [(text(word), text(about)) for word, about in _LEGEND])
    return "\n".join([*lines, "</body></html>", ""])


def _navigation(request: StatusRequest) -> Iterator[str]:
    yield "<nav>"
    yield link("json", request, mime=Mime.JSON, refresh_s=0)
    yield link("picture", request, mime=Mime.SVG, refresh_s=0)
    yield '<a href="metrics">metrics</a>'
    if request.refresh_s:
        yield link("Stop refreshing", request, refresh_s=0)
    else:
        yield link(f"Refresh every {REFRESH_S_DEFAULT} s", request, refresh_s=REFRESH_S_DEFAULT)
    yield "</nav>"


def _cluster(cluster: ClusterStatus) -> Iterator[str]:
    yield f"<h2>Cluster of {text(cluster.name)}</h2>"
    yield from inline_node_picture(cluster)
    own = {"member": cluster.member, "mode": cluster.mode, "domain": cluster.domain or ""}
    yield from _row_of(own | {"alive_s": str(cluster.alive_ms // 1000)}, cluster.counters)
    yield f"<h3>Members and senders: {len(cluster.members)}</h3>"
    yield from table(
        ("name", "address", "domain", "alive_s", "state", *_SENDER),
        [_member(member) for member in cluster.members],
        name="members",
    )
    yield "<h3>Receiver</h3>"
    receiver = cluster.receiver
    yield from _row_of({"address": receiver.address}, receiver.counters, name="receiver")
    yield f"<h3>Replicated applications: {len(cluster.applications)}</h3>"
    for application in cluster.applications:
        yield from _application(application)


def _member(member: NodeMember) -> list[str]:
    alive = "" if member.alive_ms is None else str(member.alive_ms // 1000)
    return [
        *map(text, (member.name, member.address, member.domain or "", alive)),
        f'<span class="{member.rating.value}">{member.state}</span>',
        *("" if member.sender is None else str(getattr(member.sender, name)) for name in _SENDER),
    ]


def _application(one: SessionsStatus) -> Iterator[str]:
    yield f"<h4>{text(one.path or '/')}</h4>"
    transfer = one.transfer
    limit = str(one.limit) if one.limit >= 0 else ""
    yield from table(
        ("sessions", "primary", "backup", "most", "limit", "transfer", "asked", "questions", "held"),
        [
            (
                *(str(count) for count in (one.sessions, one.primary, one.backup, one.sessions_max)),
                *map(text, (limit, transfer.phase, transfer.asked or "")),
                *(str(transfer.questions), str(transfer.held_messages)),
            )
        ],
        name="sessions",
    )
    yield from _row_of({}, one.counters)
    if one.listed:
        yield f"<p>The {len(one.listed)} sessions used last, of {one.sessions}:</p>"
        yield from table(_ROW, [_session_cells(row) for row in one.listed], name="listed")


def _session_cells(row: SessionRow) -> list[str]:
    role = "primary" if row.primary else "backup"
    return [
        *map(text, (row.id, role, "new" if row.is_new else "")),
        *(str(row.attributes), str(row.open), _time(row.created_at_s), str(row.idle_s)),
        str(row.max_inactive_s) if row.max_inactive_s >= 0 else "never ends",
    ]


def _contexts(report: NodeReport) -> Iterator[str]:
    yield f"<h2>Contexts: {len(report.contexts)}</h2>"
    rows = [
        (
            *map(text, (one.host, one.path or "/", one.source)),
            "yes" if one.distributable else "no",
            '<span class="good">started</span>'
            if one.error is None
            else f'<span class="bad">{text(one.error)}</span>',
        )
        for one in report.contexts
    ]
    yield from table(("host", "path", "from", "distributable", "state"), rows, name="contexts")


def _farm(farm: FarmStatus) -> Iterator[str]:
    yield f"<h2>Farm of {text(farm.host)}</h2>"
    places = {"deploys_to": farm.deploys_to, "watches": farm.watches or ""}
    yield from _row_of(places, (("dropped", farm.dropped),), name="farm")
    yield from table(
        ("path", "digest", "octets", "deployed"),
        [
            (*map(text, (one.path or "/", one.digest)), str(one.octets), _time(one.deployed_at_s))
            for one in farm.versions
        ],
        name="versions",
    )
    yield from table(
        ("time", "path", "event"),
        [
            (
                *(_time(one.at_s), text(one.path or "/")),
                f'<span class="{"bad" if one.refused else "good"}">{text(one.text)}</span>',
            )
            for one in reversed(farm.events)
        ],
        name="events",
    )


def _connectors(report: NodeReport) -> Iterator[str]:
    yield f"<h2>Connectors: {len(report.connectors)}</h2>"
    for connector in report.connectors:
        yield f"<h3>{text(connector.name)}</h3>"
        yield from _row_of({}, connector.counters, name="connector")


def _row_of(values: dict[str, str], counters: Counts, name: str = "") -> Iterator[str]:
    """A table of one row: texts, then counters."""
    row = values | {key: str(count) for key, count in counters}
    yield from table(tuple(row), [[text(value) for value in row.values()]], name=name)


def _time(at_s: int) -> str:
    return f"{datetime.fromtimestamp(min(max(at_s, 0), 253402214400), UTC):%Y-%m-%d %H:%M:%S} UTC"
