"""The page of the demo: which node answered, what all know of the session, what they tell each other."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template
from urllib.parse import quote

from refjk.demo.flow import shortened, together
from refjk.demo.gossip import Report
from refjk.demo.hello import hue_of

FLOWS_SHOWN = 12

_REASONS = {
    "BAL-STK-01": "the session id names this node",
    "BAL-DOM-01": "the node that the session id names is not available; chosen by weight",
    "BAL-DOM-02": "nobody has the route in the session id; chosen by weight",
    "BAL-SEL-01": "no session yet; chosen by weight",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer tells of itself."""

    node: str
    pid: int
    route: str  # what the front sent
    session: str
    count: int  # of this session
    came_from: str  # the route in the session id that came, where it was another node's
    found: bool  # whether this node knew that session
    clause: str  # that decided for this node
    attempt: int
    mode: str  # of replication; empty without

    @property
    def reason(self) -> str:
        return _REASONS.get(self.clause, "as the front has decided")


class Page:
    """`mode`, `alone` and `watch` as in `Surroundings`; without `token` there are no buttons for nodes."""

    def __init__(self, nodes: Sequence[str], mode: str, alone: str, token: str, watch: str) -> None:
        self._nodes = list(nodes)
        self._mode = mode
        self._alone = alone
        self._token = token
        self._watch = watch
        self._shell = Template(resources.files("refjk.demo").joinpath("page.html").read_text("utf-8"))

    def whole(self, shown: Shown, reports: Sequence[Report], local: bool, nonce: str) -> str:
        """`local`: whether the page may hold the token."""
        return self._shell.substitute(
            node=html.escape(shown.node), nonce=nonce, view=self.view(shown, reports, local)
        )

    def view(self, shown: Shown, reports: Sequence[Report], local: bool) -> str:
        """The part that changes by itself."""
        parts = [
            f'<div class="view" style="--hue:{self._hue(shown.node)}">',
            *self._head(shown),
            *self._remarks(shown),
            *self._table(shown, reports, local),
            *self._farm(reports, local),
            *self._flows(reports),
            *_facts(shown),
            "</div>",
        ]
        return "\n".join(parts)

    def _hue(self, node: str) -> int:
        index = self._nodes.index(node) if node in self._nodes else 0
        return int(210 + index * 360 / max(len(self._nodes), 3)) % 360

    def _head(self, shown: Shown) -> Iterator[str]:
        times = "time" if shown.count == 1 else "times"
        yield f'<header><h1 id="node">{html.escape(shown.node)}</h1>'
        if shown.session:
            yield (
                '<p>has your session, which was counted <span class="count">'
                f'<span id="count">{shown.count}</span> {times}</span>.</p></header>'
            )
        else:
            yield "<p>answered; you have no session yet.</p></header>"

    def _remarks(self, shown: Shown) -> Iterator[str]:
        if self._mode:
            yield f'<p class="mode">Sessions are replicated to all nodes, <b>{self._mode}</b>.</p>'
        else:
            yield (
                f'<p class="remark warning" id="alone"><b>No replication:</b> {html.escape(self._alone)}.'
                " Each node has sessions of its own, and a killed one takes them along.</p>"
            )
        if shown.attempt > 1:
            yield f'<p class="remark">This was attempt {shown.attempt}: one before failed.</p>'
        if shown.came_from and shown.found:
            yield (
                f'<p class="remark">The session came from <b>{html.escape(shown.came_from)}</b> and goes on'
                " here, from the copy that this node had.</p>"
            )
        elif shown.came_from:
            yield (
                f'<p class="remark">The session came from <b>{html.escape(shown.came_from)}</b>, and this'
                " node does not know it.</p>"
            )

    def _table(self, shown: Shown, reports: Sequence[Report], local: bool) -> Iterator[str]:
        by_node = {report.node: report for report in reports}
        yield '<table id="members"><caption>The cluster, as this node sees it</caption>'
        yield "<thead><tr><th>Node</th><th>Member</th><th>Your session there</th>"
        yield f"{'<th>Deployed</th>' if self._watch else ''}<th></th></tr></thead>"
        yield "<tbody>"
        for node in self._nodes:
            report = by_node.get(node)
            yield f'<tr id="row-{node}" style="--hue:{self._hue(node)}">'
            yield f'<th scope="row">{html.escape(node)}</th>'
            yield f"<td>{self._membership(node, shown, reports)}</td>"
            yield f'<td id="copy-{node}">{_copy(report)}</td>'
            if self._watch:
                yield f'<td id="farm-{node}">{_deployed(report)}</td>'
            yield f"<td>{self._buttons(node, report, shown) if local and self._token else ''}</td></tr>"
        yield "</tbody></table>"

    def _membership(self, node: str, shown: Shown, reports: Sequence[Report]) -> str:
        if not self._mode:
            return "this node" if node == shown.node else "not known here"
        report = next((one for one in reports if one.node == node), None)
        if report is None:
            names = _names(reports)
            still = node in [names.get(member) for member in reports[0].members]
            return f'<span class="away">{"a member, but does not answer" if still else "no member"}</span>'
        many = "session" if report.sessions == 1 else "sessions"
        alive = f"{report.member}, for {report.alive_ms / 1000:.0f} s; {report.sessions} {many}"
        return f"{'this node, ' if node == shown.node else ''}{html.escape(alive)}"

    def _buttons(self, node: str, report: Report | None, shown: Shown) -> str:
        acts = ["kill"] if node == shown.node or report is not None else ["start"]
        if not self._mode and node != shown.node:
            acts = ["kill", "start"]
        return "".join(self._button(act, node, f"{act.capitalize()} {node}") for act in acts)

    def _button(self, act: str, node: str, words: str) -> str:
        return (
            f'<form action="/control/{act}" method="post"><input type="hidden" name="node" value="{node}">'
            f'<input type="hidden" name="token" value="{self._token}">'
            f'<button id="{act}-{node}" class="small">{words}</button></form>'
        )

    def _farm(self, reports: Sequence[Report], local: bool) -> Iterator[str]:
        if not (self._watch and self._token and local):
            return
        watcher = self._nodes[0]
        yield (
            f'<section id="farm"><p>What is put into <code>{html.escape(self._watch)}</code> is found by'
            f" {watcher} and deployed on all nodes; what is taken out there is gone from all.</p>"
        )
        for report in reports:
            for text in report.refused:
                yield f'<p class="warning">{html.escape(report.node)}: {html.escape(text)}</p>'
        if any(report.node == watcher for report in reports):
            yield self._button("deploy", watcher, "Deploy a new version of /hello")
            yield self._button("remove", watcher, "Remove /hello")
        else:
            yield f'<p class="away">{watcher} is away: nobody looks there.</p>'
        yield "</section>"

    def _flows(self, reports: Sequence[Report]) -> Iterator[str]:
        if not self._mode:
            return
        names = _names(reports)
        flows = together([flow for report in reports for flow in report.flows], FLOWS_SHOWN)
        yield '<table id="flows"><caption>Messages between the nodes, the newest first</caption>'
        yield (
            "<thead><tr><th>Time</th><th>Message</th><th>From</th><th>To</th><th>Session</th></tr></thead><tbody>"
        )
        for flow, receivers in flows:
            to = ", ".join(sorted(_name(one, names) for one in receivers))
            what = f"{html.escape(flow.kind)} <span class=quiet>{html.escape(flow.text)}</span>"
            cells = (_clock(flow.at_ms), what, _name(flow.sender, names), to, html.escape(flow.session))
            yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        if not flows:
            yield '<tr><td colspan="5">none yet</td></tr>'
        yield "</tbody></table>"


def _names(reports: Sequence[Report]) -> dict[str, str]:
    """The nodes by the names that they have or had as members."""
    return {member: node for report in reports for member, node in report.known.items()}


def _copy(report: Report | None) -> str:
    if report is None:
        return "–"
    if report.copy is None:
        return "no copy"
    role = "primary" if report.copy.primary else "backup"
    return f"<b>{report.copy.count}</b> <code>{html.escape(report.copy.session)}</code> {role}"


def _deployed(report: Report | None) -> str:
    if report is None:
        return "–"
    return "<br>".join(
        f'<a href="{quote(one.path)}/">{html.escape(one.path)}</a>'
        f' <b class="version" style="--hue:{hue_of(one.name)}">{html.escape(one.name)}</b>'
        f"{f' <span class=quiet>since {_clock(one.at_ms)}</span>' if one.at_ms else ''}"
        for one in report.applications
    )


def _facts(shown: Shown) -> Iterator[str]:
    facts = (
        ("Why this node", f"{shown.reason} <code>{html.escape(shown.clause)}</code>"),
        ("Route", f'<code id="route">{html.escape(shown.route)}</code>'),
        ("Session id", f"<code>{html.escape(shortened(shown.session))}</code>"),
        ("Process", f"<code>{shown.pid}</code>: <code>kill -9 {shown.pid}</code> ends it as a crash would"),
    )
    yield "<dl>"
    yield from (f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    yield "</dl>"


def _name(member: str, names: Mapping[str, str]) -> str:
    return html.escape(names.get(member, member.removeprefix("tcp://")))


def _clock(at_ms: int) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(at_ms // 1000))}.{at_ms % 1000:03d}"
