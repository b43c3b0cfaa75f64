"""Every complaint about a tree."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.speccheck.clauses import Clause, WithdrawnClause
from refjk.speccheck.complaints import Complaint, Kind, nearest_hint
from refjk.speccheck.coverage import listed_tests, render_coverage
from refjk.speccheck.survey import COVERAGE_FILE, Survey


def check(found: Survey) -> list[Complaint]:
    """All complaints, sorted by file and line; an empty list means that all three sets agree."""
    complaints = [
        *found.complaints,
        *_duplicates(found),
        *_uses(found),
        *_successors(found),
        *_obligations(found),
        *_coverage(found),
    ]
    return sorted(set(complaints))


def _duplicates(found: Survey) -> Iterator[Complaint]:
    first: dict[str, str] = {}
    for chapter in found.chapters:
        given: list[Clause | WithdrawnClause] = [*chapter.clauses, *chapter.withdrawn]
        for clause in sorted(given, key=lambda clause: clause.line):
            if clause.id in first:
                yield Complaint(
                    clause.file,
                    clause.line,
                    Kind.DUPLICATE_CLAUSE,
                    f"clause {clause.id} was already given at {first[clause.id]}; a number is given once",
                )
            else:
                first[clause.id] = f"{clause.file}:{clause.line}"


def _uses(found: Survey) -> Iterator[Complaint]:
    """Ids in code, tests and prose against those of the clauses. A document may speak of a withdrawn id."""
    in_force = {clause.id for clause in found.clauses}
    withdrawn = {clause.id: clause for clause in found.withdrawn}
    # A clause that does not parse has its own complaint; its uses need no second one.
    broken = {id_ for chapter in found.chapters for id_ in chapter.broken_ids}
    # Likewise a successor that does not exist.
    successors = {id_ for clause in found.withdrawn for id_ in clause.successors}
    for chapter in found.chapters:
        for id_, line in chapter.references:
            if id_ not in in_force | withdrawn.keys() | broken | successors:
                yield _unknown(chapter.file, line, id_, in_force)
    uses = [(place.file, place.line, place.id) for place in found.places if not place.implied]
    uses += [(carrier.file, carrier.line, carrier.id) for carrier in found.carriers]
    for file, line, id_ in uses:
        if id_ in in_force | broken:
            continue
        if id_ in withdrawn:
            instead = " and ".join(withdrawn[id_].successors)
            hint = f"; {instead} took its place" if instead else "; nothing took its place"
            yield Complaint(file, line, Kind.WITHDRAWN_ID, f"clause {id_} is withdrawn{hint}")
        else:
            yield _unknown(file, line, id_, in_force)


def _unknown(file: str, line: int, id_: str, known: set[str]) -> Complaint:
    hint = nearest_hint(id_, known)
    return Complaint(file, line, Kind.UNKNOWN_ID, f"there is no clause {id_} in spec/{hint}")


def _successors(found: Survey) -> Iterator[Complaint]:
    known = {clause.id for clause in found.clauses} | {clause.id for clause in found.withdrawn}
    for clause in found.withdrawn:
        for successor in clause.successors:
            if successor not in known or successor == clause.id:
                hint = nearest_hint(successor, known - {clause.id})
                yield Complaint(
                    clause.file,
                    clause.line,
                    Kind.UNKNOWN_SUCCESSOR,
                    f"the successor {successor} of the withdrawn clause {clause.id} does not exist{hint}",
                )


def _obligations(found: Survey) -> Iterator[Complaint]:
    tests = found.tests_by_id()
    for clause in found.clauses:
        if clause.obliges and clause.id not in tests and not clause.untested:
            yield Complaint(
                clause.file,
                clause.line,
                Kind.UNTESTED,
                f"no test carries {clause.id} ({clause.level}); write one with @covers, or state *Untested:*",
            )
        if clause.untested and clause.id in tests:
            yield Complaint(
                clause.file,
                clause.line,
                Kind.NEEDLESS_EXCEPTION,
                f"clause {clause.id} says *Untested:*, but {tests[clause.id][0]} carries it",
            )


def _coverage(found: Survey) -> Iterator[Complaint]:
    if found.coverage is None:
        yield Complaint(
            COVERAGE_FILE, 1, Kind.STALE_COVERAGE, "the coverage table is missing; run `refjk spec coverage`"
        )
        return
    tests = found.tests_by_id()
    for line, id_, test in listed_tests(found.coverage):
        if test not in tests.get(id_, []):
            yield Complaint(
                COVERAGE_FILE,
                line,
                Kind.LOST_TEST,
                f"{test} no longer carries {id_}; where that is meant, run `refjk spec coverage`",
            )
    if found.coverage != render_coverage(found):
        yield Complaint(
            COVERAGE_FILE,
            1,
            Kind.STALE_COVERAGE,
            "the coverage table is out of date; run `refjk spec coverage`",
        )
