"""What a play of a recording gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

_EXPECTED_GOT = re.compile(r"(?P<where>.*?): expected (?P<expected>.*), got (?P<actual>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where refjk and a recording part. `expected` is the recording's side."""

    where: str
    expected: str
    actual: str

    @classmethod
    def of_line(cls, line: str) -> Difference:
        """From `WHERE: expected X, got Y`; any other line says where, and nothing of the sides."""
        parts = _EXPECTED_GOT.fullmatch(line)
        return cls(line, "", "") if parts is None else cls(**parts.groupdict())


class Unlike(Exception):
    """Ends the play of a case with its first difference; never leaves this package."""

    def __init__(self, where: str, expected: str, actual: str) -> None:
        super().__init__(where)
        self.difference = Difference(where, expected, actual)


class Verdict(IntEnum):
    """How refjk compares with what a product did on an edge; the greatest of several counts."""

    SAME = 0
    STRICTER = 1  # refjk refused or gave up where the product went on, by a clause
    UNEXPLAINED = 2  # refjk went on where the product refused, or differs without a clause


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one product; a stricter one carries its clause, an unexplained one its difference."""

    product: str
    verdict: Verdict
    clause: str | None = None
    reason: str = ""
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """The result of one document."""

    kind: str
    passed: int
    failed: int
    differences: tuple[Difference, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict, for documents that are judged."""
        return max((judgement.verdict for judgement in self.judgements), default=None)


def played_once(kind: str, difference: Difference | None, notes: tuple[str, ...] = ()) -> Played:
    """The result of a document that holds one case."""
    return Played(kind, int(difference is None), int(difference is not None), _one(difference), (), notes)


def judged_once(kind: str, judgements: list[Judgement]) -> Played:
    """The result of a document that holds one case on an edge: unexplained fails."""
    worst = max(judgements, key=lambda judgement: judgement.verdict)
    failed = worst.verdict is Verdict.UNEXPLAINED
    return Played(kind, int(not failed), int(failed), _one(worst.difference), tuple(judgements))


def _one(difference: Difference | None) -> tuple[Difference, ...]:
    return () if difference is None else (difference,)
