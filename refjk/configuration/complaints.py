"""What is wrong in a configuration, as values: place, name, the nearest known name, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from refjk.base.errors import InputError
from refjk.configuration.origins import Place

COMPLAINTS_MAX = 1000
COMPARISONS_MAX = 50_000
_SHOWN_MAX = 200  # characters of foreign text in a complaint


class Severity(Enum):
    """An error is what the product refuses; a warning what it deprecates, ignores, or takes otherwise."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One fault. `name` is the directive, property or pattern; `clause` the rule in `spec/configuration.md`.

    CFG-CMP-01
    """

    severity: Severity
    place: Place
    name: str
    text: str
    clause: str
    nearest: str | None = None
    remedy: str = ""

    def __str__(self) -> str:
        hint = f"; the nearest known name is {self.nearest}" if self.nearest else ""
        mend = f"; {self.remedy}" if self.remedy else ""
        line = f"{self.place}: {self.severity.value}: {self.text}{hint}{mend} [{self.clause}]"
        return "".join(character if character.isprintable() else "?" for character in line)


class Complaints:
    """Collects complaints in the order in which they are found; the same one is kept once.

    At most `COMPLAINTS_MAX`: what a file can bring about is bounded.
    """

    def __init__(self) -> None:
        self._found: dict[Complaint, None] = {}
        self._comparisons_left = COMPARISONS_MAX

    def error(
        self, place: Place, name: str, text: str, clause: str, nearest: str | None = None, remedy: str = ""
    ) -> None:
        """Adds what is refused."""
        self.add(Complaint(Severity.ERROR, place, shown(name), text, clause, nearest, remedy))

    def warning(
        self, place: Place, name: str, text: str, clause: str, nearest: str | None = None, remedy: str = ""
    ) -> None:
        """Adds what passes."""
        self.add(Complaint(Severity.WARNING, place, shown(name), text, clause, nearest, remedy))

    def add(self, complaint: Complaint) -> None:
        """Adds one; an error is never left out for a warning."""
        if len(self._found) >= COMPLAINTS_MAX:
            if complaint.severity is Severity.WARNING or self.refused:
                return
            self._found.popitem()
        self._found.setdefault(complaint)

    def nearest(self, name: str, known: Iterable[str]) -> str | None:
        """The known name most like `name`, without regard to case; None when nothing is like it.

        Nor when there have been so many questions that a text is making work on purpose.
        """
        by_lower = {candidate.lower(): candidate for candidate in known}
        self._comparisons_left -= len(by_lower)
        if self._comparisons_left < 0:
            return None
        matches = difflib.get_close_matches(name.lower()[:_SHOWN_MAX], by_lower, n=1, cutoff=0.7)
        return by_lower[matches[0]] if matches else None

    @property
    def refused(self) -> bool:
        """Whether an error is among them."""
        return any(complaint.severity is Severity.ERROR for complaint in self._found)

    def found(self) -> tuple[Complaint, ...]:
        """All of them so far."""
        return tuple(self._found)


def raise_if_refused(complaints: Iterable[Complaint]) -> None:
    """Raises `InputError` with the first error, if there is one."""
    errors = [complaint for complaint in complaints if complaint.severity is Severity.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"{errors[0]}{more}")


def shown(text: str) -> str:
    """Foreign text for a complaint: not longer than a line or two."""
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
