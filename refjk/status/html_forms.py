"""The page of `cmd=edit`."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.status.access import Access
from refjk.status.html_parts import hidden, text
from refjk.status.model import StatusReport
from refjk.status.offer import Entry, entries_of
from refjk.status.request import Command, StatusRequest


def edit_page(request: StatusRequest, report: StatusReport, access: Access) -> Iterator[str]:
    """The form for the worker, member or attribute that the request names. STA-EDT-12"""
    what = f"{request.worker} / {request.member}" if request.member else request.worker
    yield f"<h2>Edit {text(what)}</h2>"
    yield "<p>Edits hold for all requests from now on and are lost at a restart; no file is written.</p>"
    yield '<form method="post" action="?" class="edit">'
    yield hidden(request, access, Command.UPDATE, request.member)
    for entry in entries_of(request, report):
        yield f"<label>{text(entry.label)} {_control(entry)}</label>"
    yield "<p><button>Update</button></p></form>"


def _control(entry: Entry) -> str:
    if not entry.attribute.choices:
        return f'<input name="{entry.parameter}" value="{text(entry.value)}">'
    options = "".join(
        f"<option{' selected' if word == entry.value else ''}>{text(word)}</option>"
        for word in entry.attribute.choices
    )
    return f'<select name="{entry.parameter}">{options}</select>'
