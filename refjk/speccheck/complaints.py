"""What the checker objects to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """One word per complaint, stable for tools that read the JSON report."""

    MALFORMED_CLAUSE = "malformed-clause"
    DUPLICATE_CLAUSE = "duplicate-clause"
    UNKNOWN_LEVEL = "unknown-level"
    UNKNOWN_ORIGIN = "unknown-origin"
    LEVEL_WORD = "level-word"
    STRAY_NOTE = "stray-note"
    UNKNOWN_ID = "unknown-id"
    WITHDRAWN_ID = "withdrawn-id"
    UNKNOWN_SUCCESSOR = "unknown-successor"
    UNTESTED = "untested"
    NEEDLESS_EXCEPTION = "needless-exception"
    NOT_COLLECTED = "not-collected"
    BAD_COVERS = "bad-covers"
    UNREADABLE = "unreadable"
    LOST_TEST = "lost-test"
    STALE_COVERAGE = "stale-coverage"


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One sentence about one line; `file` is relative to the root of the tree, with slashes."""

    file: str
    line: int
    kind: Kind
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known words that look most like `word`, best first."""
    return difflib.get_close_matches(word, sorted(set(known)), n=3, cutoff=0.7)


def nearest_hint(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a tail for a sentence; empty when none is near."""
    near = nearest(word, known)
    return f"; the nearest is {near[0]}" if near else ""
