"""The language of scenarios: one command on a line, `#` begins a comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from refjk.base.errors import InputError
from refjk.simulation.cluster.settings import ClusterSettings, whole_ms, with_setting

NAME = r"[a-z][a-z0-9_-]{0,15}"
NAMES = rf"{NAME}(?: {NAME})*"
_PAIR = r"[^\s=]{1,100}=[^\s]{0,1000}"
WORD = r"[^\s]{1,100}"
_NO_NAMES = ("all", "to")

# What may follow each verb; in capitals how it is told to users.
COMMON_VERBS: Mapping[str, tuple[str, str]] = {
    "set": (rf"{WORD} {WORD}", "set SETTING VALUE"),
    "join": (NAMES, "join NODE…"),
    "cut": (rf"{NAME} (?:-> )?{NAME}", "cut NODE NODE, cut NODE -> NODE"),
    "heal": (rf"|{NAME} (?:-> )?{NAME}", "heal, heal NODE NODE, heal NODE -> NODE"),
    "break": (rf"{NAME} {NAME}", "break NODE NODE"),
    "crash": (NAMES, "crash NODE…"),
    "kill": (NAMES, "kill NODE…"),
    "restart": (NAMES, "restart NODE…"),
    "slow": (rf"{NAME} {WORD}", "slow NODE TIME"),
    "pass": (WORD, "pass TIME"),
    "settle": ("", "settle"),
}
VERBS: Mapping[str, tuple[str, str]] = {
    **COMMON_VERBS,
    "send": (rf"{NAME} {_PAIR}(?: to {NAMES})?", "send NODE KEY=VALUE [to NODE…]"),
    "expect": (
        rf"{NAME} (?:sees|misses) {NAMES}|{NAME} has {_PAIR}|all see all"
        rf"|{NAME} -> {NAME} (?:acknowledged|queued|failed)",
        "expect NODE sees|misses NODE…, expect NODE has KEY=VALUE, expect all see all, "
        "expect NODE -> NODE acknowledged|queued|failed",
    ),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a scenario; `place` is where it stands, for people."""

    verb: str
    words: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return " ".join((self.verb, *self.words))


@dataclass(frozen=True, slots=True)
class Language:
    """Verbs, and what is looked at beyond their patterns: `check` raises `ValueError`."""

    verbs: Mapping[str, tuple[str, str]]
    check: Callable[[str, tuple[str, ...]], None]

    def parse(self, lines: Iterable[str], file: str) -> Iterator[Command]:
        """The commands, one after the other. Raises `InputError` with file and line for what is none."""
        for number, line in enumerate(lines, 1):
            text = " ".join(line.partition("#")[0].split())
            if text:
                yield self._parsed(text, f"{file}:{number}")

    def _parsed(self, text: str, place: str) -> Command:
        verb, _, rest = text.partition(" ")
        if verb not in self.verbs:
            raise InputError(f"{place}: {verb!r} is no command; those are {', '.join(self.verbs)}")
        pattern, form = self.verbs[verb]
        if not re.fullmatch(pattern, rest, re.ASCII):
            raise InputError(f"{place}: {text!r}: write {form}")
        words = tuple(rest.split())
        try:
            self.check(verb, words)
        except ValueError as error:
            raise InputError(f"{place}: {error}") from None
        return Command(verb, words, place)


def check_common(verb: str, words: tuple[str, ...]) -> None:
    """Times, and names that mean something else."""
    if verb in ("pass", "slow"):
        whole_ms(words[-1])
    elif verb == "join" and (taken := [word for word in words if word in _NO_NAMES]):
        raise ValueError(f"{taken[0]!r} cannot be the name of a node")


def _check(verb: str, words: tuple[str, ...]) -> None:
    if verb == "set":
        with_setting(ClusterSettings(), *words)
    else:
        check_common(verb, words)


def parse_scenario(lines: Iterable[str], file: str) -> Iterator[Command]:
    """The commands of a scenario of `refjk simulate cluster`, as `Language.parse` gives them."""
    return Language(VERBS, _check).parse(lines, file)
