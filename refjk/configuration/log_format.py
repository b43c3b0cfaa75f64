"""Formats of LogFormat, CustomLog and JkRequestLogFormat, parsed once. What is written is told elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Place

# The letters of httpd's mod_log_config, `^ti` and `^to` included; and those of JkRequestLogFormat.
ACCESS_LETTERS = frozenset("aAbBCDefhHikIlLmnoOpPqrRsStTuUvVX") | {"^ti", "^to"}
REQUEST_LETTERS = frozenset("bBHmpqrsTUvVwR")
_ITEM = re.compile(r"%(?:%|(!?[0-9,]*)([<>]?)(?:\{([^}]{0,1000})\})?([<>]?)(\^t[io]|[A-Za-z])|)")
_ESCAPES = {"\\n": "\n", "\\t": "\t"}


@dataclass(frozen=True, slots=True)
class LogItem:
    """One `%` of a format, or literal text with an empty letter.

    `statuses` with `only_if`: written only for those (or, when False, for all others), else `-`.
    `final`: of the last one of internal redirects (`>`), `original`: of the first (`<`).
    """

    letter: str
    argument: str = ""
    statuses: tuple[int, ...] = ()
    only_if: bool = True
    final: bool = False
    original: bool = False


def parse_log_format(
    text: str, letters: frozenset[str], place: Place, name: str, complaints: Complaints
) -> tuple[LogItem, ...]:
    """The items of a format; a `%` that says nothing is complained of and written as it stands."""
    items: list[LogItem] = []
    literal = ""
    at = 0
    for found in _ITEM.finditer(text):
        literal += _literal(text[at : found.start()])
        at = found.end()
        if found[0] == "%%":
            literal += "%"
            continue
        if found[5] is None or found[5] not in letters:
            # CFG-HTD-06
            what = f"{shown(found[0])} says nothing in this format"
            complaints.warning(place, name, what, "CFG-HTD-06", remedy=f"known: {' '.join(sorted(letters))}")
            literal += found[0]
            continue
        if literal:
            items.append(LogItem("", literal))
            literal = ""
        items.append(_item(found))
    literal += _literal(text[at:])
    return (*items, LogItem("", literal)) if literal else tuple(items)


def _item(found: re.Match[str]) -> LogItem:
    condition, marks = found[1] or "", f"{found[2]}{found[4]}"
    statuses = tuple(int(code) for code in condition.lstrip("!").split(",") if 0 < len(code) < 4)
    return LogItem(
        found[5], found[3] or "", statuses, not condition.startswith("!"), ">" in marks, "<" in marks
    )


def _literal(text: str) -> str:
    return re.sub(r"\\[nt]", lambda found: _ESCAPES[found[0]], text)
