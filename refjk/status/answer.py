"""From a request to an answer, in two steps, so that a change can be applied between them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from refjk.base.errors import InputError
from refjk.status.access import Access, refuse, refuse_visitor
from refjk.status.edits import Edit, check_names, edits_of
from refjk.status.html_form import page, style_sources
from refjk.status.json_form import json_text
from refjk.status.listing import Result, listing_of
from refjk.status.metrics import METRICS_TYPE, metrics_text
from refjk.status.model import StatusReport
from refjk.status.offer import offered
from refjk.status.picture import picture
from refjk.status.plain_form import property_lines, text_lines
from refjk.status.request import Command, Mime, StatusRequest
from refjk.status.styles import PAGE_STYLE, PICTURE_STYLE
from refjk.status.xml_form import xml_lines

Headers = tuple[tuple[str, str], ...]

TYPES = {
    Mime.HTML: "text/html; charset=utf-8",
    Mime.XML: "text/xml; charset=utf-8",
    Mime.JSON: "application/json",
    Mime.SVG: "image/svg+xml",
}
DONE = Result()
PLAIN_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about a request: status of the answer, result, and what to apply before that."""

    status: int = 200
    result: Result = DONE
    edits: tuple[Edit, ...] = ()

    def failed(self, message: str) -> Verdict:
        """The same when the caller could not apply the edits."""
        return Verdict(self.status, Result(False, message))


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """An answer; Content-Length and the rest of HTTP are the caller's. With HEAD the body is not sent."""

    status: int
    headers: Headers
    body: bytes
    edits: tuple[Edit, ...] = ()


def decide(request: StatusRequest, report: StatusReport, access: Access) -> Verdict:
    """Whether the request is granted, and the edits to apply before `render`; never raises."""
    # STA-REQ-07
    refusal = refuse(request, access)
    if refusal is not None:
        return Verdict(refusal.status, Result(False, refusal.message))
    if request.fault:
        return Verdict(result=Result(False, request.fault))
    # STA-REQ-08
    if request.command is Command.UNKNOWN:
        return Verdict(result=Result(False, f"Invalid command. Known are {_words(Command)}."))
    if request.mime is Mime.UNKNOWN:
        return Verdict(result=Result(False, f"Invalid mime type. Known are {_words(Mime)}."))
    if request.mime is Mime.SVG and request.command not in (Command.LIST, Command.SHOW):
        return Verdict(result=Result(False, f"There is no picture of {request.command.value}."))
    try:
        if request.command.needs_worker:
            check_names(request, report)
        return Verdict(edits=edits_of(request, report) if request.command.changes else ())
    except InputError as error:
        return Verdict(result=Result(False, str(error)))


def render(request: StatusRequest, report: StatusReport, access: Access, verdict: Verdict) -> StatusAnswer:
    """The answer; `report` is built anew when there were edits."""
    mime = request.mime
    if mime is Mime.SVG and not verdict.result.is_ok:
        mime = Mime.TXT
    body = _body(mime, request, report, access, verdict.result).encode("utf-8", "replace")
    headers = headers_of(TYPES.get(mime, PLAIN_TYPE), mime, access)
    if verdict.status == 405:
        headers += (("Allow", "GET, HEAD, POST"),)
    return StatusAnswer(verdict.status, headers, body, verdict.edits)


def answer(request: StatusRequest, report: StatusReport, access: Access) -> StatusAnswer:
    """Both steps at once, with the values of `report`, from before any edit."""
    return render(request, report, access, decide(request, report, access))


def answer_metrics(report: StatusReport, access: Access) -> StatusAnswer:
    """The answer for a program that collects metrics."""
    # STA-MET-04
    refusal = refuse_visitor(access)
    if refusal is not None:
        headers = headers_of(PLAIN_TYPE, Mime.TXT, access)
        return StatusAnswer(refusal.status, headers, f"{refusal.message}\n".encode())
    body = metrics_text(report, access.policy.worker).encode("utf-8", "replace")
    return StatusAnswer(200, headers_of(METRICS_TYPE, Mime.TXT, access), body)


def _body(mime: Mime, request: StatusRequest, report: StatusReport, access: Access, result: Result) -> str:
    worker = access.policy.worker
    if mime is Mime.HTML:
        # STA-EDT-11
        after_change = result.is_ok and request.command.changes
        if after_change:
            request = replace(request, command=request.came_from, member="", refresh_s=0)
        return page(request, report, access, result, after_change)
    if mime is Mime.SVG:
        return picture(report, worker, only=request.worker if request.command is Command.SHOW else "")
    listing = listing_of(request, report, worker, result, is_xml=mime is Mime.XML)
    if mime is Mime.XML:
        return _joined(xml_lines(listing, worker))
    if mime is Mime.JSON:
        is_form = result.is_ok and request.command is Command.EDIT
        return json_text(listing, offered(request, report, access) if is_form else {})
    if mime is Mime.TXT:
        return _joined(text_lines(listing))
    return _joined(property_lines(listing, worker.prefix))


def headers_of(content_type: str, mime: Mime, access: Access) -> Headers:
    # STA-FMT-11
    sources = "'none'"
    if mime is Mime.HTML:
        sources = " ".join([_hash(PAGE_STYLE), *style_sources(access.policy.worker)])
    elif mime is Mime.SVG:
        sources = _hash(PICTURE_STYLE)
    rules = f"default-src 'none'; style-src {sources}; form-action 'self'; base-uri 'none'"
    return (
        ("Content-Type", content_type),
        ("Cache-Control", "no-cache, no-store"),
        ("Pragma", "no-cache"),
        ("Content-Security-Policy", f"{rules}; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        # Stricter ones make browsers hide the origin of a form.
        ("Referrer-Policy", "same-origin"),
    )


def _hash(style: str) -> str:
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


def _words(kind: Iterable[Command] | Iterable[Mime]) -> str:
    return ", ".join(member.value for member in kind if member.value)


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
