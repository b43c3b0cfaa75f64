"""One rule: a pattern, whom it leads to, and what it brings along."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeAlias, TypeVar

from refjk.base.errors import InputError

E = TypeVar("E")

ANY_WORKER = "*"
"""The worker of an exclusion that counts against the mounts of every worker."""


class Source(IntEnum):
    """Where a rule stands; of 1.2.50's equal rules the one of the lower number decides."""

    FILE = 1  # the mount file
    DIRECTIVE = 2  # JkMount, JkUnMount
    PROPERTY = 3  # the property `mount` of a worker


# Without slots, because Python 3.11 cannot call a generic alias, `Mount(…)`, of a frozen class that has them.
@dataclass(frozen=True)
class Rule(Generic[E]):
    """A mount, or with `exclude` an exclusion. A `disabled` rule is known and takes no part.

    `pattern` has no marks, escapes or bar in it. `extensions` is whatever the rule changes for the requests
    that it wins; it is carried and never looked at.
    """

    pattern: str
    worker: str
    extensions: E
    exclude: bool = False
    disabled: bool = False
    source: Source = Source.DIRECTIVE

    @property
    def octets(self) -> bytes:
        """The pattern as it is compared with paths."""
        return self.pattern.encode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        marks = ("-" if self.disabled else "") + ("!" if self.exclude else "")
        return f"{marks}{self.pattern} → {self.worker}"


Mount: TypeAlias = Rule[None]
"""A rule without extensions."""


def rules_as_written(
    text: str, worker: str, extensions: E, source: Source = Source.DIRECTIVE
) -> tuple[Rule[E], ...]:
    """The rules of 1.2.50 that `-` and `!` before a pattern and a bar in it stand for; one, or two."""
    # MAP-RUL-09
    disabled, rest = text.startswith("-"), text.removeprefix("-")
    exclude, rest = rest.startswith("!"), rest.removeprefix("!")
    # MAP-RUL-08
    head, bar, tail = rest.partition("|")
    patterns = (head, head + tail) if bar else (head,)
    return tuple(Rule(pattern, worker, extensions, exclude, disabled, source) for pattern in patterns)


def parse_mount(text: str) -> Mount:
    """A rule from `PATTERN=WORKER`; raises `InputError` that names the text and what is wrong with it."""
    pattern, equals, worker = (part.strip() for part in text.partition("="))
    if not equals or not pattern or not worker:
        raise InputError(f"mount {text!r}: write it as PATTERN=WORKER, for example /app/*=balancer")
    if "|" in pattern:
        raise InputError(f"mount {text!r}: write two mounts, one without and one with what follows the bar")
    (rule,) = rules_as_written(pattern, worker, None)
    # MAP-RUL-01
    if not rule.pattern.startswith("/"):
        raise InputError(f"mount {text!r}: a pattern begins with /")
    # MAP-RUL-07
    if is_out_of_reach(rule.pattern):
        raise InputError(f"mount {text!r}: no canonical path can match this pattern")
    return rule


def is_out_of_reach(pattern: str) -> bool:
    """Whether no canonical path can match, by an empty or dotted segment, a backslash or a zero octet."""
    *inner, last = pattern[1:].split("/")
    return "" in inner or bool({".", ".."} & {*inner, last}) or "\\" in pattern or "\0" in pattern
