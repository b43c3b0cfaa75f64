"""What the mappers of both versions have in common: rules in, a match out, and a reason for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Self

from refjk.base.errors import InputError
from refjk.mapping.rule import E, Rule, Source

MAP_NOBODY = "MAP-MAT-05"


@dataclass(frozen=True, slots=True)
class Match(Generic[E]):
    """The rule that decided and the clause by which it did.

    `suspect`: the path was written as if to slip past a suffix rule; worth a line in the log.
    """

    rule: Rule[E]
    clause: str
    path: bytes
    mapper: Mapper[E] = field(repr=False, compare=False)
    suspect: bool = False

    @property
    def worker(self) -> str:
        """The worker's name."""
        return self.rule.worker

    @property
    def extensions(self) -> E:
        """What the rule brings along."""
        # MAP-EXT-01
        return self.rule.extensions

    def explain(self) -> Explanation[E]:
        """This match with all rules that lost."""
        return self.mapper.explain(self.path)

    def __str__(self) -> str:
        return f"{self.clause}: {self.rule}"


@dataclass(frozen=True, slots=True)
class Lost(Generic[E]):
    """A rule whose pattern the path has, and the clause by which it did not decide."""

    rule: Rule[E]
    clause: str

    def __str__(self) -> str:
        return f"{self.rule}, not by {self.clause}"


@dataclass(frozen=True, slots=True)
class Explanation(Generic[E]):
    """Why a path belongs to a worker, or (`rule` None) to nobody.

    `exclusion` is the rule that kept the path from a worker. `lost` is in the order in which rules are asked.
    """

    path: bytes
    clause: str
    rule: Rule[E] | None = None
    exclusion: Rule[E] | None = None
    lost: tuple[Lost[E], ...] = ()

    def __str__(self) -> str:
        path = self.path.decode("utf-8", "backslashreplace")
        decided = self.rule or self.exclusion
        lines = [f"{path}: {'nobody' if self.rule is None else self.rule.worker} by {self.clause}"]
        lines += [] if decided is None else [f"  decided: {decided}"]
        return "\n".join([*lines, *(f"  lost: {one}" for one in self.lost)])


class Mapper(ABC, Generic[E]):
    """A set of rules, ready to be asked; never changes, so any number of threads may ask.

    `order` holds the rules in the order in which this version asks them, `refused` those it left out.
    `version` counts how often the rules were replaced.
    """

    version: int = 0

    def __init__(self, rules: Iterable[Rule[E]]) -> None:
        given: dict[tuple[Source, bool, bool, str], Rule[E]] = {}
        for rule in rules:
            # MAP-ORD-04: the later worker takes the place that the earlier one had.
            given[rule.source, rule.disabled, rule.exclude, rule.pattern] = rule
        self.refused: tuple[Rule[E], ...] = tuple(
            rule for rule in given.values() if not rule.pattern.startswith("/")
        )
        self._given = tuple(rule for rule in given.values() if rule.pattern.startswith("/"))
        self.order: tuple[Rule[E], ...] = ()

    @staticmethod
    @abstractmethod
    def normalise(decoded: bytes) -> bytes:
        """What this version of mod_jk compares when a server gives it this decoded path.

        Raises `Malformed` where it answers 400. Not for canonical paths, which need nothing more.
        """

    @abstractmethod
    def decide(self, path: bytes) -> Match[E] | None:
        """What this version of mod_jk decides about a path that is normalised, faults included."""

    def map(self, path: bytes) -> Match[E] | None:
        """Whose a canonical path is; None when it belongs to nobody."""
        return self.decide(path)

    @abstractmethod
    def explain(self, path: bytes) -> Explanation[E]:
        """What `map` says, with all rules that the path has. Looks at every rule: not for each request."""

    @abstractmethod
    def _with(self, rules: Iterable[Rule[E]]) -> Self:
        """A mapper like this one with other rules."""

    def replaced(self, rules: Iterable[Rule[E]], source: Source | None = None) -> Self:
        """A mapper of the next version: the rules of one source, or all of them, are these now.

        Raises as the constructor does; this mapper stays as it is.
        """
        # MAP-RLD-03
        kept = () if source is None else tuple(rule for rule in self._given if rule.source != source)
        rules = tuple(rules)
        for rule in rules:
            if source is not None and rule.source is not source:
                raise InputError(f"rule {rule}: not of the source {source.name} that is replaced")
        mapper = self._with((*kept, *rules))
        mapper.version = self.version + 1
        return mapper
