"""`mime=html`: a page without scripts and without anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from refjk.configuration import StatusWorker
from refjk.status.access import Access, may_edit
from refjk.status.fields import dump_fields, local_time
from refjk.status.html_forms import edit_page
from refjk.status.html_parts import link, table, text, toggle
from refjk.status.html_workers import workers_part
from refjk.status.listing import Result
from refjk.status.model import StatusReport
from refjk.status.request import Command, Mime, Option, StatusRequest
from refjk.status.styles import PAGE_STYLE

REFRESH_S_DEFAULT = 10
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")
_LEGEND = (
    ("activation", "ACT: takes all requests; DIS: only those of its sessions; STP: none"),
    ("state", "OK or ERR; IDLE: no request lately, BUSY: all connections in use"),
    ("state, after an error", "REC: may be tried, PRB: is being tried, FRC: tried because nobody is left"),
    ("distance", "farther members serve only when no nearer one can"),
    ("lbfactor, lbmult", "the share that is wanted, and what one request costs because of it"),
    ("lbvalue", "what the choice compares: the least value gets the next request"),
    ("elected, used", "requests given to the worker"),
    ("sessions", "requests among them that had no session"),
    ("errors, client_errors", "requests that failed at the worker, and at the client"),
    ("reply_timeouts", "answers that did not come in time, halved from time to time"),
    ("transferred, read", "octets sent to the worker, and received from it"),
    ("busy, max_busy", "requests open now, and at most"),
    ("connected, max_connected", "connections open now, and at most"),
    ("redirect, domain", "who takes over the sessions of a member that cannot serve"),
    ("recovery", "seconds until an error may end, at the earliest and at the latest"),
)


def page(
    request: StatusRequest, report: StatusReport, access: Access, result: Result, after_change: bool
) -> str:
    """The page for a request that changes nothing; of one that failed, the result alone. STA-FMT-10

    `after_change`: the page follows upon a change, and says how that ended.
    """
    lines = [*head_lines(request, access)]
    if result.is_ok:
        lines += _title(request, report, access)
        if after_change:
            lines.append(f'<p class="result">Result: OK - {text(result.message)}</p>')
        lines += _content(request, report, access)
    else:
        lines.append("<h1>Status</h1>")
        lines.append(f'<p class="result error">Result: ERROR - {text(result.message)}</p>')
        lines.append(f"<p>{link('Back to the list', StatusRequest())}</p>")
    return "\n".join([*lines, "</body></html>", ""])


def style_sources(worker: StatusWorker) -> list[str]:
    """Where styles may come from beside the page: the property `css`."""
    if not worker.css:
        return []
    origin = _ORIGIN.match(worker.css)
    return [origin[0] if origin else "'self'"]


def head_lines(request: StatusRequest, access: Access) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield "<title>Status</title>"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # STA-REQ-09
    if request.refresh_s and request.command in (Command.LIST, Command.SHOW):
        yield f'<meta http-equiv="refresh" content="{request.refresh_s}">'
    yield f"<style>{PAGE_STYLE}</style>"
    if access.policy.worker.css:
        yield f'<link rel="stylesheet" href="{text(access.policy.worker.css)}">'
    yield "</head><body>"


def _title(request: StatusRequest, report: StatusReport, access: Access) -> Iterator[str]:
    view = "" if may_edit(request, access) else " (read only)"
    yield f"<h1>Status of {text(report.server_name)}:{report.server_port}{view}</h1>"
    now = f"{local_time(report, report.now_s):%Y-%m-%d %H:%M:%S %z}"
    yield from table(("software", "time", "unix"), [(text(report.software), now, str(report.now_s))])
    yield from _navigation(request, access)


def _content(request: StatusRequest, report: StatusReport, access: Access) -> Iterator[str]:
    if request.command is Command.EDIT:
        yield from edit_page(request, report, access)
    elif request.command is Command.DUMP:
        yield "<h2>Properties</h2><p>As they were read at the start; edits are not among them.</p>"
        rows = [(text(name), text(value)) for name, value in dump_fields(report)]
        yield from table(("name", "value"), rows)
    elif request.command in (Command.LIST, Command.SHOW):
        yield from workers_part(request, report, access)
        yield f"<h2>Legend {toggle(request, Option.NO_LEGEND)}</h2>"
        if not request.options & Option.NO_LEGEND:
            yield from table(("word", "meaning"), [(text(word), text(about)) for word, about in _LEGEND])


def _navigation(request: StatusRequest, access: Access) -> Iterator[str]:
    yield "<nav>"
    here = request
    if request.command is not Command.LIST:
        yield link("List", StatusRequest(options=request.options))
    for word, command in (("Dump", Command.DUMP), ("Version", Command.VERSION)):
        if request.command is not command:
            yield link(word, StatusRequest(command=command))
    if request.command is not Command.EDIT:
        for mime in (Mime.XML, Mime.TXT, Mime.PROP, Mime.JSON):
            yield link(mime.value, here, mime=mime)
    if request.command in (Command.LIST, Command.SHOW):
        yield link("picture", here, mime=Mime.SVG)
        if request.refresh_s:
            yield link("Stop refreshing", here, refresh_s=0)
        else:
            yield link(f"Refresh every {REFRESH_S_DEFAULT} s", here, refresh_s=REFRESH_S_DEFAULT)
        if access.policy.writable:
            is_off = bool(request.options & Option.READ_ONLY)
            word = "Offer changes" if is_off else "Read only"
            yield link(word, here, options=request.options ^ Option.READ_ONLY)
    yield "</nav>"
