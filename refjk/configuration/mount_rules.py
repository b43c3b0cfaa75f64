"""Rules that give paths to workers: `uriworkermap.properties`, the words of JkMount, rule extensions.

What a pattern matches is told in `spec/uri-mapping.md`; here it is only read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Place, Profile
from refjk.configuration.print_faults import complain_of_curly_quotes
from refjk.configuration.property_text import property_lines
from refjk.configuration.values import parse_list, parse_number, parse_statuses

RULES_MAX = 20_000


class MountSource(Enum):
    """Where a rule stands; of equal patterns the rule of the earlier source counts."""

    FILE = "uriworkermap"
    DIRECTIVE = "JkMount"
    PROPERTY = "worker definition"


@dataclass(frozen=True, slots=True)
class RuleExtensions:
    """What a rule changes for the requests that it matches; None and empty: nothing."""

    reply_timeout: int | None = None  # ms
    active: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    fail_on_status: tuple[int, ...] | None = None
    use_server_errors: int | None = None
    sticky_ignore: bool = False
    stateless: bool = False
    session_cookie: str | None = None
    session_path: str | None = None
    set_session_cookie: bool = False
    session_cookie_path: str | None = None


@dataclass(frozen=True, slots=True)
class MountRule:
    """One rule. `exclude`: what it matches is not mapped to this worker; `disabled`: as if not there."""

    pattern: str
    worker: str
    source: MountSource
    place: Place
    exclude: bool = False
    disabled: bool = False
    extensions: RuleExtensions = RuleExtensions()


def read_mount_file(
    text: str, file: str, complaints: Complaints, profile: Profile = Profile.V1_2_50
) -> tuple[MountRule, ...]:
    """The rules of a `uriworkermap.properties`, in the order in which their names came first.

    CFG-URM-01
    """
    given: dict[str, tuple[Place, str]] = {}
    for place, line in property_lines(text, Place(file), profile):
        content = line.partition("#")[0].strip()
        name, _, value = (part.strip() for part in content.partition("="))
        if not name or not value:
            if content:
                what = f"{shown(content)} is no PATTERN=WORKER: the line has no effect"
                complaints.warning(place, name or content, what, "CFG-URM-01")
            continue
        complain_of_curly_quotes(content, content, place, name, complaints)
        if name in given:
            # CFG-URM-05
            what = f"given again: {shown(value)} takes the place of the worker on line {given[name][0].line}"
            complaints.warning(place, name, what, "CFG-URM-05")
        elif len(given) >= RULES_MAX:
            complaints.error(place, name, f"more than {RULES_MAX} rules", "CFG-PRP-10")
            break
        given[name] = (place, value)
    rules: list[MountRule] = []
    for name, (place, value) in given.items():
        rules += _rules_of_line(name, value, place, complaints)
    return tuple(rules)


def _rules_of_line(name: str, value: str, place: Place, complaints: Complaints) -> list[MountRule]:
    # CFG-URM-02
    rest = name
    disabled = rest.startswith("-")
    rest = rest[1:] if disabled else rest
    exclude = rest.startswith("!")
    rest = rest[1:] if exclude else rest
    # CFG-URM-03
    head, bar, tail = rest.partition("|")
    patterns = [head, head + tail] if bar else [rest]
    if not rest.startswith("/"):
        # CFG-URM-04
        what = f"the pattern {shown(rest)} does not begin with /: the line is left out"
        complaints.warning(place, name, what, "CFG-URM-04", remedy=f"write /{shown(rest)}")
        return []
    worker, extensions = parse_rule_target(value, place, complaints)
    return [
        MountRule(pattern, worker, MountSource.FILE, place, exclude, disabled, extensions)
        for pattern in patterns
    ]


def parse_rule_target(text: str, place: Place, complaints: Complaints) -> tuple[str, RuleExtensions]:
    """What stands behind a pattern: `WORKER;name=value;…`. CFG-URM-06"""
    worker, *parts = text.split(";")
    extensions = RuleExtensions()
    seen: set[str] = set()
    for part in parts:
        name, equals, value = (word.strip() for word in part.partition("="))
        reader = _EXTENSIONS.get(name)
        if reader is None or not equals:
            if part.strip():
                what = f"there is no rule extension {shown(part)}; it has no effect"
                complaints.warning(place, name, what, "CFG-URM-06", complaints.nearest(name, _EXTENSIONS))
            continue
        # CFG-URM-07
        if name in seen:
            kept = "the later" if name in _OVERWRITTEN else "the first"
            complaints.warning(place, name, f"given twice in one rule: {kept} one counts", "CFG-URM-07")
            if name not in _OVERWRITTEN:
                continue
        seen.add(name)
        extensions = replace(extensions, **{name: reader(value)})
    return worker.strip(), extensions


def _names(text: str) -> tuple[str, ...]:
    return parse_list(text, Profile.V1_2_50)


def _statuses(text: str) -> tuple[int, ...]:
    return parse_statuses(text, Profile.V1_2_50)


def _timeout(text: str) -> int | None:
    """A negative one counts as not given."""
    number = parse_number(text)
    return None if number < 0 else number


def _yes(text: str) -> bool:
    return parse_number(text) != 0


_EXTENSIONS: dict[str, Callable[[str], Any]] = {
    "reply_timeout": _timeout,
    "active": _names,
    "disabled": _names,
    "stopped": _names,
    "fail_on_status": _statuses,
    "use_server_errors": parse_number,
    "sticky_ignore": _yes,
    "stateless": _yes,
    "session_cookie": str,
    "session_path": str,
    "set_session_cookie": _yes,
    "session_cookie_path": str,
}
_OVERWRITTEN = frozenset({"reply_timeout", "use_server_errors", "sticky_ignore", "stateless"})
