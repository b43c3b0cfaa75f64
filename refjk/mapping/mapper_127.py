"""Whose a path is by the rules of mod_jk 1.2.7."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Self

from refjk.base.errors import InputError
from refjk.mapping.index import NO_RANK, ShapeIndex
from refjk.mapping.jk_path import cut_path
from refjk.mapping.mapper import MAP_NOBODY, Explanation, Lost, Mapper, Match
from refjk.mapping.rule import E, Rule
from refjk.mapping.shapes import Kind, Shape, base_of, kind_127, shape_127

_FIRST_OF_ITS_SIZE = (Kind.EXACT, Kind.WILDCARD)
_AFTER_SUFFIX = rb"[./ ]"


@dataclass(frozen=True, slots=True)
class _Entry(Generic[E]):
    rule: Rule[E]
    kind: Kind
    base: bytes
    shape: Shape

    @property
    def suffix(self) -> bytes:
        """What a path has at its end, dot included."""
        return self.rule.octets[len(self.base) + 1 :]


class Mapper127(Mapper[E]):
    """The rules of 1.2.7, which knows exclusions but neither disabled rules nor sources.

    Raises `InputError` when one pattern does not begin with `/`.
    """

    normalise = staticmethod(cut_path)

    def __init__(self, rules: Iterable[Rule[E]]) -> None:
        super().__init__(rules)
        for rule in (*self.refused, *(rule for rule in self._given if rule.disabled)):
            # MAP-RUL-05
            raise InputError(f"rule {rule}: a pattern of 1.2.7 begins with /, else no rule of its set counts")
        # MAP-ORD-01, MAP-MAT-03; sorting keeps those of one size as they were defined.
        self._entries = sorted(map(_entry, self._given), key=lambda entry: -len(entry.base))
        self.order = tuple(entry.rule for entry in self._entries)
        self._ranked = [entry for _, entry in sorted(enumerate(self._entries), key=_rank_key)]
        shapes = [(rank, entry.shape, entry.rule.exclude) for rank, entry in enumerate(self._ranked)]
        self._mounts = ShapeIndex((rank, shape) for rank, shape, exclude in shapes if not exclude)
        self._exclusions = ShapeIndex((rank, shape) for rank, shape, exclude in shapes if exclude)
        self._suffixes = [entry for entry in self._entries if entry.kind is Kind.SUFFIX and entry.suffix[1:]]
        self._any_suffix = re.compile(
            b"(?:" + b"|".join([re.escape(entry.suffix) for entry in self._suffixes]) + b")" + _AFTER_SUFFIX
        )

    def decide(self, path: bytes) -> Match[E] | None:
        return self._decide(path, by_exclusions=True)

    def map(self, path: bytes) -> Match[E] | None:
        # MAP-SUS-02
        return self._decide(path, by_exclusions=False)

    def _decide(self, path: bytes, by_exclusions: bool) -> Match[E] | None:
        # MAP-EXC-01
        if self._exclusions.best(path) != NO_RANK:
            return None
        rank = self._mounts.best(path)
        if rank != NO_RANK:
            return Match(self._ranked[rank].rule, "MAP-ORD-01", path, self)
        entry = self._suspected(path, by_exclusions)
        return None if entry is None else Match(entry.rule, "MAP-SUS-01", path, self, suspect=True)

    def _suspected(self, path: bytes, by_exclusions: bool) -> _Entry[E] | None:
        # MAP-SUS-01. Most paths hold no suffix in their middle, and one look tells so.
        if not self._suffixes or self._any_suffix.search(path) is None:
            return None
        for entry in self._suffixes:
            may_decide = by_exclusions or not entry.rule.exclude
            if may_decide and path.startswith(entry.base) and _goes_on_after(entry.suffix, path):
                return entry
        return None

    def explain(self, path: bytes) -> Explanation[E]:
        excluded = self._exclusions.best(path)
        if excluded != NO_RANK:
            exclusion = self._ranked[excluded]
            lost = [Lost(entry.rule, "MAP-EXC-01") for entry in self._having(path) if entry is not exclusion]
            return Explanation(path, "MAP-EXC-01", exclusion=exclusion.rule, lost=tuple(lost))
        match = self.map(path)
        if match is None:
            return Explanation(path, MAP_NOBODY)
        if match.suspect:
            return Explanation(path, match.clause, match.rule)
        winner, *others = self._having(path)
        return Explanation(
            path,
            match.clause,
            winner.rule,
            lost=tuple(Lost(entry.rule, _why_lost(entry, winner)) for entry in others),
        )

    def _having(self, path: bytes) -> list[_Entry[E]]:
        """The rules whose pattern a path has, the best first."""
        return [entry for entry in self._ranked if entry.shape.matches(path)]

    def _with(self, rules: Iterable[Rule[E]]) -> Self:
        return type(self)(rules)


def _goes_on_after(suffix: bytes, path: bytes) -> bool:
    return any(suffix + after in path for after in (b".", b"/", b" "))


def _entry(rule: Rule[E]) -> _Entry[E]:
    pattern = rule.octets
    kind = kind_127(pattern)
    return _Entry(rule, kind, base_of(pattern, kind), shape_127(pattern, kind))


def _rank_key(placed: tuple[int, _Entry[E]]) -> tuple[int, int, int]:
    place, entry = placed
    size = len(entry.base)
    # MAP-ORD-02
    if entry.kind in _FIRST_OF_ITS_SIZE:
        return -size, 0, place
    # MAP-ORD-03
    return (-size, 2, place) if entry.kind is Kind.CONTEXT else (-size, 1, -place)


def _why_lost(loser: _Entry[E], winner: _Entry[E]) -> str:
    if len(loser.base) < len(winner.base):
        return "MAP-ORD-01"
    return "MAP-ORD-02" if winner.kind in _FIRST_OF_ITS_SIZE else "MAP-ORD-03"
