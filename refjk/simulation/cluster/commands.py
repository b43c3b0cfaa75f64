"""The language of scenarios: one command on a line, `#` begins a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from refjk.base.errors import InputError
from refjk.simulation.cluster.settings import ClusterSettings, whole_ms, with_setting

_NAME = r"[a-z][a-z0-9_-]{0,15}"
_NAMES = rf"{_NAME}(?: {_NAME})*"
_PAIR = r"[^\s=]{1,100}=[^\s]{0,1000}"
_WORD = r"[^\s]{1,100}"
_NO_NAMES = ("all", "to")

# What may follow each verb; in capitals how it is told to users.
VERBS: Mapping[str, tuple[str, str]] = {
    "set": (rf"{_WORD} {_WORD}", "set SETTING VALUE"),
    "join": (_NAMES, "join NODE…"),
    "cut": (rf"{_NAME} (?:-> )?{_NAME}", "cut NODE NODE, cut NODE -> NODE"),
    "heal": (rf"|{_NAME} (?:-> )?{_NAME}", "heal, heal NODE NODE, heal NODE -> NODE"),
    "break": (rf"{_NAME} {_NAME}", "break NODE NODE"),
    "crash": (_NAMES, "crash NODE…"),
    "kill": (_NAMES, "kill NODE…"),
    "restart": (_NAMES, "restart NODE…"),
    "slow": (rf"{_NAME} {_WORD}", "slow NODE TIME"),
    "send": (rf"{_NAME} {_PAIR}(?: to {_NAMES})?", "send NODE KEY=VALUE [to NODE…]"),
    "pass": (_WORD, "pass TIME"),
    "settle": ("", "settle"),
    "expect": (
        rf"{_NAME} (?:sees|misses) {_NAMES}|{_NAME} has {_PAIR}|all see all"
        rf"|{_NAME} -> {_NAME} (?:acknowledged|queued|failed)",
        "expect NODE sees|misses NODE…, expect NODE has KEY=VALUE, expect all see all, "
        "expect NODE -> NODE acknowledged|queued|failed",
    ),
}
_PATTERNS = {verb: re.compile(pattern, re.ASCII) for verb, (pattern, _) in VERBS.items()}


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a scenario; `place` is where it stands, for people."""

    verb: str
    words: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return " ".join((self.verb, *self.words))


def parse_scenario(lines: Iterable[str], file: str) -> Iterator[Command]:
    """The commands, one after the other. Raises `InputError` with file and line for what is none."""
    for number, line in enumerate(lines, 1):
        text = " ".join(line.partition("#")[0].split())
        if text:
            yield _parsed(text, f"{file}:{number}")


def _parsed(text: str, place: str) -> Command:
    verb, _, rest = text.partition(" ")
    if verb not in VERBS:
        raise InputError(f"{place}: {verb!r} is no command; those are {', '.join(VERBS)}")
    if not _PATTERNS[verb].fullmatch(rest):
        raise InputError(f"{place}: {text!r}: write {VERBS[verb][1]}")
    words = tuple(rest.split())
    try:
        _check_values(verb, words)
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None
    return Command(verb, words, place)


def _check_values(verb: str, words: tuple[str, ...]) -> None:
    if verb == "set":
        with_setting(ClusterSettings(), *words)
    elif verb in ("pass", "slow"):
        whole_ms(words[-1])
    elif verb == "join" and (taken := [word for word in words if word in _NO_NAMES]):
        raise ValueError(f"{taken[0]!r} cannot be the name of a node")
