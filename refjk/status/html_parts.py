"""Small pieces of a page. What they take and give is HTML unless it says text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import urlencode

from refjk.status.access import Access
from refjk.status.request import Command, Mime, Option, StatusRequest


def text(plain: str) -> str:
    """Text as HTML, for contents and attributes."""
    # STA-FMT-09
    return escape("".join(character if character.isprintable() else "?" for character in plain))


def link(words: str, request: StatusRequest, **changes: Any) -> str:
    """A link to the same page with another query; `words` is text."""
    return f'<a href="{text("?" + query_of(replace(request, **changes)))}">{text(words)}</a>'


def query_of(request: StatusRequest) -> str:
    """The query that asks for the same again."""
    parts = [("cmd", request.command.value)]
    parts += [("mime", request.mime.value)] if request.mime is not Mime.HTML else []
    parts += [("w", request.worker)] if request.worker else []
    parts += [("sw", request.member)] if request.member else []
    parts += [("att", request.attribute)] if request.attribute else []
    parts += [("from", request.came_from.value)] if request.command is Command.EDIT else []
    parts += [("re", str(request.refresh_s))] if request.refresh_s else []
    parts += [("opt", str(int(request.options)))] if request.options else []
    return urlencode(parts, errors="replace")


def toggle(request: StatusRequest, option: Option) -> str:
    """A link that hides or shows a part."""
    word = "show" if request.options & option else "hide"
    return f"<small>[{link(word, request, options=request.options ^ option)}]</small>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], name: str = "") -> Iterator[str]:
    """A table; `headings` are text."""
    yield f'<div class="wide"><table{f" class={name}" if name else ""}>'
    yield (
        "<thead><tr>" + "".join(f"<th>{text(heading)}</th>" for heading in headings) + "</tr></thead><tbody>"
    )
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</tbody></table></div>"


def hidden(request: StatusRequest, access: Access, command: Command, member: str) -> str:
    """The invisible fields of a form that changes something."""
    fields = {
        "cmd": command.value,
        "w": request.worker,
        "sw": member,
        "att": request.attribute if command is Command.UPDATE else "",
        "from": request.came_from.value,
        "opt": str(int(request.options)) if request.options else "",
        "token": access.token(request.worker),
    }
    return "".join(
        f'<input type="hidden" name="{name}" value="{text(value)}">'
        for name, value in fields.items()
        if value
    )


def button(words: str, request: StatusRequest, access: Access, command: Command, member: str = "") -> str:
    """A form that is nothing but a button; `words` is text."""
    fields = hidden(request, access, command, member)
    return f'<form method="post" action="?">{fields}<button>{text(words)}</button></form>'
