"""`mime=xml`: elements as mod_jk nests and names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

from refjk.configuration import StatusWorker
from refjk.status.fields import Value
from refjk.status.listing import Listing, Section

NAMESPACE = "http://tomcat.apache.org"
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*:")
_DECLARATION = re.compile(r"""xmlns(:[A-Za-z_][A-Za-z0-9_.-]*)?=("[^"<&]*"|'[^'<&]*')""")
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_lines(listing: Listing, worker: StatusWorker) -> Iterator[str]:
    """The document; `ns`, `xmlns` and `doctype` of the status worker are honoured. STA-FMT-02"""
    prefix = worker_prefix(worker)
    yield '<?xml version="1.0" encoding="UTF-8" ?>'
    if worker.doctype:
        yield _clean(worker.doctype)
    yield f"<{prefix}status"
    yield from _declarations(worker, prefix)
    yield ">"
    yield from _elements(listing, prefix)
    yield f"</{prefix}status>"


def worker_prefix(worker: StatusWorker) -> str:
    """What stands before the names of elements."""
    # STA-FMT-07
    if not worker.ns or worker.ns.startswith("-"):
        return ""
    return worker.ns if _PREFIX.fullmatch(worker.ns) else "jk:"


def _declarations(worker: StatusWorker, prefix: str) -> Iterator[str]:
    given = worker.xmlns
    if not given or given.startswith("-"):
        return
    if _DECLARATION.fullmatch(given):
        yield f"  {given}"
    else:
        name = f"xmlns:{prefix.removesuffix(':')}" if prefix else "xmlns"
        yield f"  {name}={_quoted(given)}"


def _elements(listing: Listing, prefix: str) -> Iterator[str]:
    """Members and rules stand inside their balancer; rules of a worker alone stand behind it."""
    group = balancer = ""
    for section in listing.sections:
        if balancer and section.kind not in ("member", "map"):
            yield f"  </{prefix}{balancer}>"
            balancer = ""
        if group and section.kind in ("ajp_workers", "result"):
            yield f"</{prefix}{group}>"
            group = ""
        is_open = section.kind in ("balancers", "ajp_workers", "balancer")
        yield from _element(section, prefix, is_open)
        if section.kind == "balancer":
            balancer = section.kind
        elif is_open:
            group = section.kind


def _element(section: Section, prefix: str, is_open: bool) -> Iterator[str]:
    indent = " " * {"balancer": 2, "ajp": 2, "configuration": 2, "result": 2, "member": 6, "map": 6}.get(
        section.kind, 0
    )
    yield f"{indent}<{prefix}{section.kind}"
    for name, value in section.fields:
        yield f"{indent}  {name}={_quoted(value)}"
    # Properties of a dump are attributes; their names are free text.
    names: set[str] = set()
    for key, text in section.properties:
        name = _NO_NAME.sub("_", key)
        name = name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"
        if name not in names:
            names.add(name)
            yield f"{indent}  {name}={_quoted(text)}"
    yield f"{indent}>" if is_open else f"{indent}/>"


def _quoted(value: Value) -> str:
    return '"' + escape(_clean(str(value)), {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}) + '"'


def _clean(text: str) -> str:
    """Characters that no XML document may hold become question marks."""
    return _NO_XML.sub("?", text)
