"""`refjk spec check | explain | coverage`: the specification beside the code and its tests."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import re
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from refjk.base.errors import NothingSelected
from refjk.cli.json_file import write_json
from refjk.speccheck.checks import check
from refjk.speccheck.clauses import Clause, WithdrawnClause
from refjk.speccheck.complaints import Complaint, nearest
from refjk.speccheck.coverage import render_coverage, totals
from refjk.speccheck.survey import COVERAGE_FILE, Survey
from refjk.speccheck.tree import find_root, read_survey, write_coverage

HELP = "the specification: compare clauses with code and tests, explain one"

_PREFIX = re.compile(r"[A-Z]{2,4}(-[A-Z]{2,4})?")
_WIDTH = 88


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    what = "compare clauses, code and tests; exit 1 when they do not agree"
    checking = actions.add_parser("check", help=what, description=what, allow_abbrev=False)
    what = "print clauses with their reason, where they are decided and which tests cover them"
    explaining = actions.add_parser("explain", help=what, description=what, allow_abbrev=False)
    explaining.add_argument(
        "ids",
        nargs="+",
        metavar="ID",
        help="a clause (AREA-TOPIC-NN), or a topic (AREA-TOPIC) or area (AREA) to list its clauses",
    )
    what = f"write the table {COVERAGE_FILE}"
    covering = actions.add_parser("coverage", help=what, description=what, allow_abbrev=False)
    covering.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when the table is out of date"
    )
    for action in (checking, explaining, covering):
        action.add_argument(
            "--root", type=Path, metavar="DIR", help="the checkout (default: here or a folder above)"
        )
    for action in (checking, explaining):
        action.add_argument(
            "--json", metavar="FILE", help="also write the result as JSON; - prints only that"
        )


def run(options: argparse.Namespace) -> int:
    root = find_root(options.root, Path.cwd())
    found = read_survey(root)
    if not found.clauses and not any(chapter.broken_ids for chapter in found.chapters):
        raise NothingSelected(f"there is no clause in {root / 'spec'}")
    if options.action == "check":
        return _check(found, options.json)
    if options.action == "explain":
        return _explain(found, options.ids, options.json)
    return _coverage(found, root, only_compare=options.check)


def _check(found: Survey, json_file: str | None) -> int:
    complaints = check(found)
    counts = totals(found, found.clauses)
    tests = len({carrier.test for carrier in found.carriers})
    if json_file is not None:
        summary = {**dataclasses.asdict(counts), "tests": tests, "complaints": len(complaints)}
        write_json(json_file, {"summary": summary, "complaints": [dataclasses.asdict(c) for c in complaints]})
    if json_file != "-":
        _print_grouped(complaints)
        print(
            f"{counts.clauses} clauses; MUST or MUST NOT: {counts.obligations} ({counts.tested} tested,"
            f" {counts.excepted} excepted, {counts.undecided} with no place in the code);"
            f" {tests} tests carry clauses; complaints: {len(complaints)}"
        )
    return 1 if complaints else 0


def _print_grouped(complaints: Iterable[Complaint]) -> None:
    for _, of_file in groupby(complaints, key=lambda complaint: complaint.file):
        for complaint in of_file:
            print(complaint)
        print()


def _explain(found: Survey, wanted: list[str], json_file: str | None) -> int:
    selections = [_select(found, word.upper().rstrip("-")) for word in wanted]
    if json_file is not None:
        chosen = dict.fromkeys(clause for selection in selections for clause in selection)
        write_json(json_file, [_as_json(found, clause) for clause in chosen])
    if json_file != "-":
        for word, selection in zip(wanted, selections, strict=True):
            if _PREFIX.fullmatch(word.upper().rstrip("-")):
                for clause in selection:
                    print(_one_line(clause))
            else:
                print("\n".join(line for clause in selection for line in _in_full(found, clause)))
            print()
    return 0


def _select(found: Survey, word: str) -> list[Clause | WithdrawnClause]:
    """The clauses that a whole id, a topic or an area names. Raises `NothingSelected` where there is none."""
    known: list[Clause | WithdrawnClause] = [*found.clauses, *found.withdrawn]
    known.sort(key=lambda clause: clause.id)
    selected = [clause for clause in known if clause.id == word or clause.id.startswith(f"{word}-")]
    if not selected:
        topics = {clause.id.rpartition("-")[0] for clause in known}
        near = nearest(word, topics | {clause.id for clause in known})
        raise NothingSelected(f"no clause is named {word}" + (f"; near: {', '.join(near)}" if near else ""))
    return selected


def _one_line(clause: Clause | WithdrawnClause) -> str:
    level = clause.level if isinstance(clause, Clause) else "withdrawn"
    return textwrap.shorten(f"{clause.id}  {level}: {clause.text}", width=_WIDTH, placeholder=" …")


def _in_full(found: Survey, clause: Clause | WithdrawnClause) -> Iterable[str]:
    if isinstance(clause, WithdrawnClause):
        yield f"{clause.id}  withdrawn; instead: {', '.join(clause.successors) or 'nothing'}"
        yield f"{clause.file}:{clause.line}"
        yield from _wrapped(clause.text)
        return
    yield f"{clause.id}  {clause.level}; {', '.join(clause.roles)}"
    yield f"{clause.file}:{clause.line}"
    yield from _wrapped(clause.text)
    yield from _wrapped(f"Origin: {', '.join(clause.origins)}")
    if clause.why:
        yield from _wrapped(f"Why: {clause.why}")
    if clause.untested:
        yield from _wrapped(f"Untested: {clause.untested}")
    places = found.places_by_id().get(clause.id, [])
    yield "  Decided in:" if places else "  Decided in: no place in the code"
    for place in places:
        yield f"    {place.file}:{place.line}" + (f" ({place.scope})" if place.scope else "")
    tests = found.tests_by_id().get(clause.id, [])
    yield "  Tests:" if tests else "  Tests: none"
    for test in tests:
        yield f"    {test}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, width=_WIDTH, initial_indent="  ", subsequent_indent="  ")


def _as_json(found: Survey, clause: Clause | WithdrawnClause) -> dict[str, object]:
    places = found.places_by_id().get(clause.id, [])
    return {
        **dataclasses.asdict(clause),
        "withdrawn": isinstance(clause, WithdrawnClause),
        "decided_in": [{"file": place.file, "line": place.line, "scope": place.scope} for place in places],
        "tests": found.tests_by_id().get(clause.id, []),
    }


def _coverage(found: Survey, root: Path, *, only_compare: bool) -> int:
    before, after = found.coverage, render_coverage(found)
    if before == after:
        print(f"{COVERAGE_FILE} is up to date")
        return 0
    if only_compare:
        old = (before or "").splitlines()
        diff = difflib.unified_diff(
            old, after.splitlines(), COVERAGE_FILE, "as it should be", lineterm="", n=0
        )
        print("\n".join(diff))
        state = "missing" if before is None else "out of date"
        print(f"{COVERAGE_FILE} is {state}; run `refjk spec coverage`")
        return 1
    write_coverage(root, after)
    print(f"{COVERAGE_FILE} written: {len(found.clauses)} clauses")
    return 0
