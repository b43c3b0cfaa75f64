"""What a pattern demands of a path, in the parts that an index can use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

_WILD = re.compile(rb"[*?]")
_STARS = re.compile(rb"\*+")


@dataclass(frozen=True, slots=True)
class Shape:
    """A path matches that begins with `prefix`, ends with `suffix`, has `size_min` octets, passes `test`.

    With `is_exact` the prefix is all of the path. A shape whose `suffix` is None matches nothing.
    """

    prefix: bytes
    suffix: bytes | None = b""
    size_min: int = 0
    test: Callable[[bytes], object] | None = None
    is_exact: bool = False

    def matches(self, path: bytes) -> bool:
        """Whether a path has this shape."""
        if self.is_exact or self.suffix is None:
            return self.is_exact and path == self.prefix
        return (
            path.startswith(self.prefix)
            and path.endswith(self.suffix)
            and len(path) >= self.size_min
            and (self.test is None or bool(self.test(path)))
        )


class Kind(Enum):
    """How 1.2.7 compares a pattern."""

    EXACT = "exact"
    CONTEXT = "context"
    CONTEXT_PATH = "context-path"
    SUFFIX = "suffix"
    GENERAL_SUFFIX = "general-suffix"
    WILDCARD = "wildcard"


def kind_127(pattern: bytes) -> Kind:
    """The kind of a pattern that begins with `/`. MAP-PAT-02"""
    if pattern.count(b"*") > 1 or b"?" in pattern:
        return Kind.WILDCARD
    if pattern.startswith(b"/*/"):
        return Kind.CONTEXT_PATH
    _, star, rest = pattern.partition(b"/*")
    if not star:
        return Kind.EXACT
    if not rest:
        return Kind.CONTEXT
    return Kind.SUFFIX if rest.startswith(b".") else Kind.GENERAL_SUFFIX


def base_of(pattern: bytes, kind: Kind) -> bytes:
    """What stands before the star; all of an exact or wildcard pattern."""
    return pattern if kind in (Kind.EXACT, Kind.WILDCARD) else pattern[: pattern.index(b"*")]


def shape_127(pattern: bytes, kind: Kind) -> Shape:
    """The shape of a pattern of 1.2.7."""
    if kind is Kind.EXACT:
        return _exact(pattern)
    if kind is Kind.WILDCARD:
        return _glob(pattern)
    base = base_of(pattern, kind)
    rest = pattern[len(base) + 1 :]
    if kind is Kind.CONTEXT:
        # MAP-MAT-02
        return Shape(base, size_min=len(base))
    if kind is Kind.CONTEXT_PATH:
        # MAP-PAT-05
        return Shape(base, test=lambda path: (at := path.find(b"/", 1)) > 0 and path.startswith(rest, at))
    # MAP-PAT-03, MAP-PAT-04: the last occurrence of its first octet is the only place where it may begin.
    return Shape(base, suffix=None if rest[:1] in rest[1:] else rest)


def shape_1250(pattern: bytes) -> Shape:
    """The shape of a pattern of 1.2.50. MAP-PAT-07"""
    return _glob(pattern) if _WILD.search(pattern) else _exact(pattern)


def _exact(pattern: bytes) -> Shape:
    # MAP-PAT-01
    return Shape(pattern, is_exact=True)


def _glob(pattern: bytes) -> Shape:
    # MAP-PAT-06
    first, *others = _STARS.split(pattern)
    if len(others) == 1 and b"?" not in pattern:
        return Shape(first, others[0], len(first) + len(others[0]))
    prefix = pattern[: _first_wild(pattern)]
    if not others:
        return Shape(prefix, size_min=len(first), test=re.compile(_literal(first), re.DOTALL).fullmatch)
    # An atomic group commits to the leftmost place, which is never worse: time grows with the path only.
    middle = b"".join([b"(?>.*?" + _literal(part) + b")" for part in others[:-1]])
    expression = _literal(first) + middle + b".*" + _literal(others[-1])
    return Shape(prefix, size_min=len(prefix), test=re.compile(expression, re.DOTALL).fullmatch)


def _first_wild(pattern: bytes) -> int:
    found = _WILD.search(pattern)
    assert found is not None
    return found.start()


def _literal(part: bytes) -> bytes:
    return b".".join(map(re.escape, part.split(b"?")))
