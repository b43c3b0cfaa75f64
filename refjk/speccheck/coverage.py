"""The table of clauses, code and tests that is kept under version control.

Without line numbers and in a fixed order, so that its diff shows what changed in meaning: a lost test, a
rule that moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from refjk.speccheck.clauses import Clause
from refjk.speccheck.survey import Survey

_ROW = re.compile(r"\| ([A-Z]+-[A-Z]+-\d+) \|.*\| (.*) \|")
_TEST = re.compile(r"`([^`]+::[^`]+)`")

_INTRODUCTION = """\
# Coverage of the clauses

Written by `refjk spec coverage`, not by hand. Each clause with the places in the code that decide it and the
tests that show it; `refjk spec explain ID` tells more.
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over clauses in force; an obligation is a MUST or MUST NOT."""

    clauses: int
    obligations: int
    tested: int  # obligations with at least one test
    excepted: int  # obligations without a test that say why
    undecided: int  # obligations that no place in the code names


def totals(found: Survey, clauses: Iterable[Clause]) -> Totals:
    """Counts for some of the clauses of the tree."""
    listed = list(clauses)
    obligations = [clause for clause in listed if clause.obliges]
    tests, places = found.tests_by_id(), found.places_by_id()
    return Totals(
        clauses=len(listed),
        obligations=len(obligations),
        tested=sum(clause.id in tests for clause in obligations),
        excepted=sum(bool(clause.untested) and clause.id not in tests for clause in obligations),
        undecided=sum(clause.id not in places for clause in obligations),
    )


def render_coverage(found: Survey) -> str:
    """The whole document; the same tree gives the same octets."""
    return "\n".join([_INTRODUCTION, *_summary(found), *_chapters(found)]) + "\n"


def listed_tests(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, clause id and test for every pair that a coverage table lists."""
    for number, line in enumerate(text.splitlines(), start=1):
        if row := _ROW.fullmatch(line):
            for test in _TEST.findall(row[2]):
                yield number, row[1], test


def _summary(found: Survey) -> Iterator[str]:
    yield "| chapter | clauses | MUST or MUST NOT | tested | excepted | no place in the code |"
    yield "|---|---:|---:|---:|---:|---:|"
    for chapter in found.chapters:
        if chapter.clauses:
            yield _summary_row(f"`{chapter.file}`", totals(found, chapter.clauses))
    yield _summary_row("all", totals(found, found.clauses))


def _summary_row(name: str, counts: Totals) -> str:
    return (
        f"| {name} | {counts.clauses} | {counts.obligations} | {counts.tested}"
        f" | {counts.excepted} | {counts.undecided} |"
    )


def _chapters(found: Survey) -> Iterator[str]:
    places, tests = found.places_by_id(), found.tests_by_id()
    for chapter in found.chapters:
        if not chapter.clauses and not chapter.withdrawn:
            continue
        yield f"\n## {chapter.title or chapter.file}\n"
        yield "| clause | level | decided in | tests |"
        yield "|---|---|---|---|"
        rows = [
            (
                clause.id,
                clause.level,
                _cell(place.stable_name for place in places.get(clause.id, [])),
                _tests_cell(clause, tests.get(clause.id, [])),
            )
            for clause in chapter.clauses
        ]
        rows += [
            (clause.id, f"withdrawn, {' and '.join(clause.successors) or 'nothing'} instead", "–", "–")
            for clause in chapter.withdrawn
        ]
        yield from (f"| {' | '.join(row)} |" for row in sorted(rows))


def _cell(names: Iterable[str]) -> str:
    return "<br>".join(f"`{name}`" for name in sorted(set(names))) or "–"


def _tests_cell(clause: Clause, tests: list[str]) -> str:
    if clause.untested and not tests:
        return f"untested: {clause.untested}".replace("|", "\\|")
    return _cell(tests)
