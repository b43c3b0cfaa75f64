"""Whose a path is by the rules of mod_jk 1.2.50."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from refjk.mapping.index import NO_RANK, ShapeIndex
from refjk.mapping.jk_path import resolve_path
from refjk.mapping.mapper import MAP_NOBODY, Explanation, Lost, Mapper, Match
from refjk.mapping.rule import ANY_WORKER, E, Rule
from refjk.mapping.shapes import Shape, shape_1250

PATH_SIZE_MAX = 4095

_ORDER_CLAUSES = ("MAP-ORD-11", "MAP-ORD-12", "MAP-ORD-13", "MAP-ORD-14")


class Mapper1250(Mapper[E]):
    """The rules of 1.2.50. A pattern without leading slash is left out; see `refused`.

    `reject_unsafe` is the option RejectUnsafeURI.
    """

    normalise = staticmethod(resolve_path)

    def __init__(self, rules: Iterable[Rule[E]], *, reject_unsafe: bool = False) -> None:
        # MAP-RUL-06: what `refused` holds is not asked.
        super().__init__(rules)
        self._reject_unsafe = reject_unsafe
        self.order = tuple(sorted(self._given, key=_order_key))
        self._shapes = [shape_1250(rule.octets) for rule in self.order]
        mounts: list[tuple[int, Shape]] = []
        exclusions: dict[str, list[tuple[int, Shape]]] = {}
        for rank, (rule, shape) in enumerate(zip(self.order, self._shapes, strict=True)):
            # MAP-DIS-01
            if not rule.disabled:
                into = exclusions.setdefault(rule.worker, []) if rule.exclude else mounts
                into.append((rank, shape))
        self._mounts = ShapeIndex(mounts)
        self._exclusions = {worker: ShapeIndex(shapes) for worker, shapes in exclusions.items()}

    def decide(self, path: bytes) -> Match[E] | None:
        if self._reason_against(path) is not None:
            return None
        rank = self._mounts.best(path)
        if rank == NO_RANK or self._excluded(path, self.order[rank].worker) != NO_RANK:
            return None
        return Match(self.order[rank], "MAP-ORD-10", path, self)

    def explain(self, path: bytes) -> Explanation[E]:
        against = self._reason_against(path)
        if against is not None:
            return Explanation(path, against)
        rank = self._mounts.best(path)
        if rank == NO_RANK:
            return Explanation(path, MAP_NOBODY, lost=self._lost(path, None, None))
        winner, excluded = self.order[rank], self._excluded(path, self.order[rank].worker)
        if excluded == NO_RANK:
            return Explanation(path, "MAP-ORD-10", winner, lost=self._lost(path, winner, None))
        exclusion = self.order[excluded]
        return Explanation(path, "MAP-EXC-02", exclusion=exclusion, lost=self._lost(path, winner, exclusion))

    def _reason_against(self, path: bytes) -> str | None:
        """The clause by which a path belongs to nobody, whatever the rules are."""
        # MAP-DEC-05
        if len(path) > PATH_SIZE_MAX:
            return "MAP-DEC-05"
        # MAP-DEC-06
        if self._reject_unsafe and (b"%" in path or b"\\" in path):
            return "MAP-DEC-06"
        return None

    def _excluded(self, path: bytes, worker: str) -> int:
        # MAP-EXC-02
        for name in (worker, ANY_WORKER):
            index = self._exclusions.get(name)
            if index is not None:
                rank = index.best(path)
                if rank != NO_RANK:
                    return rank
        return NO_RANK

    def _lost(self, path: bytes, winner: Rule[E] | None, exclusion: Rule[E] | None) -> tuple[Lost[E], ...]:
        return tuple(
            Lost(rule, self._why_lost(rule, winner, exclusion))
            for rule, shape in zip(self.order, self._shapes, strict=True)
            if shape.matches(path) and rule is not exclusion and (rule is not winner or exclusion is not None)
        )

    @staticmethod
    def _why_lost(rule: Rule[E], winner: Rule[E] | None, exclusion: Rule[E] | None) -> str:
        if rule.disabled:
            return "MAP-DIS-01"
        if rule.exclude or rule is winner or winner is None:
            return "MAP-EXC-02"
        if exclusion is not None:
            return "MAP-EXC-03"
        keys = zip(_order_key(winner), _order_key(rule), strict=True)
        differing = (number for number, (one, other) in enumerate(keys) if one != other)
        return _ORDER_CLAUSES[next(differing, 3)]

    def _with(self, rules: Iterable[Rule[E]]) -> Self:
        return type(self)(rules, reject_unsafe=self._reject_unsafe)


def _order_key(rule: Rule[E]) -> tuple[int, int, int]:
    pattern = rule.octets
    # MAP-ORD-11, MAP-ORD-12, MAP-ORD-13; sorting keeps equal rules as they were defined, MAP-ORD-14.
    return -pattern.count(b"/"), -len(pattern), rule.source
