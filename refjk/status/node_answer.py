"""From a request to the answer of a node's status page, which changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from refjk.configuration import StatusWorker
from refjk.status.access import Access, Policy, Refusal, refuse_visitor
from refjk.status.answer import PLAIN_TYPE, TYPES, StatusAnswer, headers_of
from refjk.status.metrics import METRICS_TYPE
from refjk.status.node_html import node_page
from refjk.status.node_metrics import node_metrics_text
from refjk.status.node_model import NodeReport
from refjk.status.node_picture import node_picture
from refjk.status.request import Command, Mime, StatusRequest, parse_request

METHODS = ("GET", "HEAD")
PAGES = ("/", "/status")
METRICS = "/metrics"


def node_policy(key: bytes, *, remote: bool = False, hosts: frozenset[str] = frozenset()) -> Policy:
    """The rules of a status worker for one that nobody has configured; see `Policy`."""
    worker = StatusWorker(
        name="node",
        css=None,
        read_only=True,
        user=(),
        user_case_insensitive=False,
        good=(),
        bad=(),
        ns="",
        xmlns="",
        doctype=None,
        prefix="node",
        origins={},
    )
    return Policy(worker, key, remote=remote, hosts=hosts)


def answer_node(path: str, query: bytes, access: Access, gather: Callable[[], NodeReport]) -> StatusAnswer:
    """The answer; `gather` is called for those only who may look, and for what there is.

    With HEAD the body is not sent. That is left to the caller, as is the rest of HTTP.
    """
    request = parse_request(query)
    refusal = _refuse(path, request, access)
    if refusal is not None:
        return refused(refusal, access)
    report = gather()
    if path == METRICS:
        return _answer(METRICS_TYPE, Mime.TXT, node_metrics_text(report), access)
    mime = request.mime
    return _answer(TYPES[mime], mime, _FORMS[mime](request, report, access), access)


def refused(refusal: Refusal, access: Access) -> StatusAnswer:
    """The answer that says why not."""
    got = _answer(PLAIN_TYPE, Mime.TXT, f"{refusal.message}\n", access)
    allow = (("Allow", ", ".join(METHODS)),) if refusal.status == 405 else ()
    return StatusAnswer(refusal.status, got.headers + allow, got.body)


def _refuse(path: str, request: StatusRequest, access: Access) -> Refusal | None:
    # NOD-STS-12
    if access.method not in METHODS:
        return Refusal(405, "Use GET or HEAD.")
    # NOD-STS-02
    refusal = refuse_visitor(access)
    if refusal is not None:
        return refusal
    # NOD-STS-13
    if path != METRICS and path not in PAGES:
        return Refusal(404, f"There is nothing here; see {', '.join((*PAGES, METRICS))}.")
    if request.fault:
        return Refusal(400, request.fault)
    if request.command is not Command.LIST or request.mime not in _FORMS:
        return Refusal(400, "A node has no commands, and the forms html, json and svg.")
    return None


def _json_text(request: StatusRequest, report: NodeReport, access: Access) -> str:
    """One object with the names and values of the report. NOD-STS-09"""
    document = asdict(report)
    owners = [*document["connectors"]]
    for cluster, shown in zip(document["clusters"], report.clusters, strict=True):
        owners += [cluster, cluster["receiver"], *cluster["applications"]]
        for member, of_member in zip(cluster["members"], shown.members, strict=True):
            member["state"] = of_member.state
    for owner in owners:
        owner["counters"] = dict(owner["counters"])
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def _picture(request: StatusRequest, report: NodeReport, access: Access) -> str:
    return node_picture(report)


_FORMS: dict[Mime, Callable[[StatusRequest, NodeReport, Access], str]] = {
    Mime.HTML: node_page,
    Mime.JSON: _json_text,
    Mime.SVG: _picture,
}


def _answer(content_type: str, mime: Mime, body: str, access: Access) -> StatusAnswer:
    return StatusAnswer(200, headers_of(content_type, mime, access), body.encode("utf-8", "replace"))
