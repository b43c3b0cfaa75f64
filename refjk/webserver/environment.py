"""What SetHandler and SetEnv say for a path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from refjk.configuration import PathRule

NOT_HANDLED = "no-jk"
HANDLER = "jakarta-servlet"
_WILD = re.compile(r"([*?]|\[[!^]?[^/\]]+\])")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The handler and the variables of one path."""

    handler: str | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


NO_SURROUNDINGS = Surroundings()


class Environment:
    """What holds for the server, then its sections; of two that say something the later one counts."""

    def __init__(self, rules: Iterable[PathRule]) -> None:
        in_order = sorted(rules, key=lambda rule: rule.path is not None)
        self._rules = [(_test_of(rule), rule) for rule in in_order]

    def of(self, path: str) -> Surroundings:
        """What holds for a decoded path. FWD-ENV-01"""
        if not self._rules:
            return NO_SURROUNDINGS
        handler: str | None = None
        variables: dict[str, str] = {}
        for test, rule in self._rules:
            if test(path):
                handler = rule.handler or handler
                variables.update((one.name, one.value or "") for one in rule.variables)
        return Surroundings(handler, variables)


def _wild(part: str) -> str:
    """A piece of a Location with wildcards as a regular expression. A wildcard is never a `/`."""
    if part in ("*", "?"):
        return "[^/]*" if part == "*" else "[^/]"
    if _WILD.fullmatch(part):
        negated = part[1] in "!^"
        signs = re.escape(part[1 + negated : -1]).replace(r"\-", "-")
        return f"(?!/)[{'^' if negated else ''}{signs}]"
    return re.escape(part)


def _test_of(rule: PathRule) -> Callable[[str], bool]:
    path = rule.path
    if path is None:
        return lambda _: True
    if rule.section.lower() == "locationmatch":
        try:
            pattern = re.compile(path)
        except re.error:
            return lambda _: False
        return lambda given: pattern.search(given) is not None
    if rule.section.lower() != "location":
        return lambda _: False  # a folder or file of the disk: containers have none
    if any(sign in path for sign in "*?["):
        wild = re.compile("".join(map(_wild, _WILD.split(path))), re.DOTALL)
        return lambda given: wild.fullmatch(given) is not None
    inner = path.rstrip("/") + "/"
    return lambda given: given == path or given.startswith(inner)
