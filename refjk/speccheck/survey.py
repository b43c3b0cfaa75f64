"""Clauses, places in the code and tests of one tree, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refjk.speccheck.carriers import Carrier, scan_tests
from refjk.speccheck.clauses import Chapter, Clause, WithdrawnClause, parse_chapter
from refjk.speccheck.code import Place, scan_code
from refjk.speccheck.complaints import Complaint

COVERAGE_FILE = "spec/coverage.md"


@dataclass(frozen=True, slots=True)
class Texts:
    """The text of every file that matters, by its path relative to the root, with slashes.

    `coverage` is the table under version control, None where there is none yet.
    """

    spec: Mapping[str, str]
    code: Mapping[str, str]
    tests: Mapping[str, str]
    coverage: str | None


@dataclass(slots=True)
class Survey:
    """What was found; `complaints` are those about the form of single files."""

    chapters: list[Chapter] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    carriers: list[Carrier] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    coverage: str | None = None

    @property
    def clauses(self) -> list[Clause]:
        """Those in force, in the order of the documents."""
        return [clause for chapter in self.chapters for clause in chapter.clauses]

    @property
    def withdrawn(self) -> list[WithdrawnClause]:
        return [clause for chapter in self.chapters for clause in chapter.withdrawn]

    def places_by_id(self) -> dict[str, list[Place]]:
        found: dict[str, list[Place]] = {}
        for place in sorted(self.places):
            found.setdefault(place.id, []).append(place)
        return found

    def tests_by_id(self) -> dict[str, list[str]]:
        """Names of tests, sorted, each once."""
        found: dict[str, dict[str, None]] = {}
        for carrier in sorted(self.carriers):
            found.setdefault(carrier.id, {})[carrier.test] = None
        return {id_: list(tests) for id_, tests in found.items()}


def survey(texts: Texts) -> Survey:
    """Read everything once; files in the order of their names."""
    found = Survey(coverage=texts.coverage)
    for file, text in sorted(texts.spec.items()):
        chapter = parse_chapter(file, text)
        found.chapters.append(chapter)
        found.complaints += chapter.complaints
    for file, text in sorted(texts.code.items()):
        places, complaints = scan_code(file, text)
        found.places += places
        found.complaints += complaints
    for file, text in sorted(texts.tests.items()):
        carriers, complaints = scan_tests(file, text)
        found.carriers += carriers
        found.complaints += complaints
    return found
