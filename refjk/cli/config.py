"""`refjk config check` and `show`: what is wrong in configuration files, and what they come to."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from refjk.base.errors import InputError
from refjk.cli.json_file import write_json
from refjk.configuration import (
    DEFAULT_PROFILE,
    Complaint,
    Complaints,
    Profile,
    Severity,
    parse_profile,
    raise_if_refused,
    read_httpd,
    read_mount_file,
    read_server_xml,
    read_web_xml,
    read_workers,
    stated_profile,
)
from refjk.configuration.container_rows import application_rows, container_rows
from refjk.configuration.show import Row, configuration_rows, rule_rows, worker_rows
from refjk.runtime.contexts import node_properties
from refjk.runtime.disk_files import DiskFiles

HELP = "read the files of httpd, mod_jk and Tomcat: what is wrong in them, what they come to"


class Kind(Enum):
    """What a file is."""

    HTTPD = "httpd"
    WORKERS = "workers"
    MOUNTS = "mounts"
    SERVER = "server"
    WEBAPP = "webapp"


@dataclass(frozen=True, slots=True)
class _Read:
    """A file, what is wrong in it, and what it comes to."""

    file: str
    kind: Kind
    complaints: tuple[Complaint, ...]
    rows: tuple[Row, ...]

    def count(self, severity: Severity) -> int:
        return sum(complaint.severity is severity for complaint in self.complaints)


_XML_ROOT = re.compile(r"<([A-Za-z][\w.-]*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = "report errors and warnings; exit 1 when there is an error, 3 when a file cannot be read"
    show = "print the effective value of everything and where it comes from; exit 3 when there is an error"
    for name, what in (("check", check), ("show", show)):
        action = actions.add_parser(name, help=what, description=what, allow_abbrev=False)
        action.add_argument(
            "files", nargs="+", metavar="FILE", help="httpd.conf, a file of properties, server.xml or web.xml"
        )
        action.add_argument(
            "--json", metavar="FILE", help="also write the result as JSON; - prints only that"
        )
        action.add_argument(
            "--profile",
            type=profile_argument,
            help="the version whose rules apply: 1.2.7 or 1.2.50 (default: what the file states, or 1.2.50)",
        )
        action.add_argument(
            "--kind",
            type=Kind,
            choices=list(Kind),
            metavar="KIND",
            help="httpd, workers, mounts, server or webapp (default: told by name and content)",
        )
        action.add_argument(
            "--define",
            action="append",
            default=[],
            metavar="NAME",
            help="a name that <IfDefine> takes for defined, as with httpd -D; may be repeated",
        )


def profile_argument(text: str) -> Profile:
    """For `add_argument`."""
    try:
        return parse_profile(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(options: argparse.Namespace) -> int:
    results = [_read(file, options) for file in options.files]
    quiet = options.json == "-"
    if options.json is not None:
        write_json(options.json, [_as_json(result, options.action) for result in results])
    if options.action == "show":
        return _show(results, quiet)
    return _check(results, quiet)


def _check(results: Sequence[_Read], quiet: bool) -> int:
    for result in results if not quiet else ():
        for complaint in result.complaints:
            print(complaint)
    errors = sum(result.count(Severity.ERROR) for result in results)
    warnings = sum(result.count(Severity.WARNING) for result in results)
    if not quiet:
        print(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    return 1 if errors else 0


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _show(results: Sequence[_Read], quiet: bool) -> int:
    for result in results:
        for complaint in result.complaints:
            print(complaint, file=sys.stderr)
        if not quiet:
            for line in _lines(result.rows):
                print(line)
    raise_if_refused(complaint for result in results for complaint in result.complaints)
    return 0


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    scope = ""
    pairs = [(row, f"{row.name} = {_text(row)}") for row in rows]
    width = min(max((len(text) for _, text in pairs), default=0), 60)
    for row, text in pairs:
        if row.scope != scope:
            scope = row.scope
            yield f"{scope or 'workers'}:"
        indent = "  " if scope else ""
        yield f"{indent}{text:<{width}}  {row.origin}"


def _text(row: Row) -> str:
    value = row.value
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(str, value)) or "(none)"
    return f"{value} {row.unit}".rstrip() if isinstance(value, int) else repr(value)[1:-1] or '""'


def _read(file: str, options: argparse.Namespace) -> _Read:
    files = DiskFiles()
    text = files.read(file)
    kind = options.kind or _kind_of(file, text)
    if kind is Kind.HTTPD:
        configuration = read_httpd(
            file, files, profile=options.profile, environment=os.environ, defines=options.define
        )
        return _Read(file, kind, configuration.complaints, tuple(configuration_rows(configuration)))
    if kind is Kind.SERVER:
        container = read_server_xml(text, file, node_properties(file))
        return _Read(file, kind, container.complaints, tuple(container_rows(container)))
    if kind is Kind.WEBAPP:
        application = read_web_xml(text, file)
        return _Read(file, kind, application.complaints, tuple(application_rows(application)))
    profile = options.profile or stated_profile(text) or DEFAULT_PROFILE
    if kind is Kind.WORKERS:
        workers = read_workers(text, file, profile=profile, environment=os.environ)
        return _Read(file, kind, workers.complaints, tuple(worker_rows(workers)))
    complaints = Complaints()
    rules = read_mount_file(text, file, complaints, profile)
    return _Read(file, kind, complaints.found(), tuple(rule_rows("", rules)))


def _kind_of(file: str, text: str) -> Kind:
    """By the name; a file of properties by the first line that says something."""
    name = os.path.basename(file).lower()
    if name.endswith(".xml"):
        return (
            Kind.WEBAPP
            if name == "web.xml" or ((root := _XML_ROOT.search(text)) is not None and root[1] == "web-app")
            else Kind.SERVER
        )
    if not name.endswith(".properties"):
        return Kind.HTTPD
    if name.startswith("uriworkermap"):
        return Kind.MOUNTS
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return Kind.MOUNTS if first.startswith(("/", "!", "-")) else Kind.WORKERS


def _as_json(result: _Read, action: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": result.file,
        "kind": result.kind.value,
        "errors": result.count(Severity.ERROR),
        "warnings": result.count(Severity.WARNING),
        "complaints": [_complaint_as_json(complaint) for complaint in result.complaints],
    }
    if action == "show":
        document["values"] = [_row_as_json(row) for row in result.rows]
    return document


def _complaint_as_json(complaint: Complaint) -> dict[str, Any]:
    return {
        "severity": complaint.severity.value,
        "file": complaint.place.file,
        "line": complaint.place.line,
        "name": complaint.name,
        "text": complaint.text,
        "clause": complaint.clause,
        "nearest": complaint.nearest,
        "remedy": complaint.remedy,
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    place = row.origin.place
    return {
        "scope": row.scope,
        "name": row.name,
        "value": row.value,
        "unit": row.unit,
        "source": row.origin.source.value,
        "file": None if place is None else place.file,
        "line": None if place is None else place.line,
    }
