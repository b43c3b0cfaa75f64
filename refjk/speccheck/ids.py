"""What a clause id looks like, and where a text names one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CLAUSE_ID = re.compile(r"[A-Z]{2,4}-[A-Z]{2,4}-\d{2}")

# Any count of digits, so that an id with a digit too few or too many is seen (and is then unknown).
_MENTION = re.compile(r"(?<![\w-])([A-Z]{2,4}-[A-Z]{2,4})-(\d+)(?!\w)")
_RANGE = re.compile(rf"{_MENTION.pattern}[\s#]+to[\s#]+(?=\1-(\d+))")


@dataclass(frozen=True, slots=True)
class Mention:
    """An id in a text; `line` counts from 1. Implied: it lies inside `X-Y-01 to X-Y-04`, not written out."""

    id: str
    line: int
    implied: bool = False


def mentioned_ids(text: str) -> Iterator[Mention]:
    """Every id in the order of the text; those within a range follow the id that opens it."""
    for match in _MENTION.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Mention(match[0], line)
        if span := _RANGE.match(text, match.start()):
            for number in range(int(span[2]) + 1, min(int(span[3]), 100)):
                yield Mention(f"{match[1]}-{number:02}", line, implied=True)
