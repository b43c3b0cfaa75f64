"""Every recording of the repository passes, and the verdicts on the edges are the known ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.speccheck import covers
from refjk.speccheck.tree import read_survey
from refjk.vectors import Played, Verdict, play, read_document

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "spec" / "vectors"
EXCHANGES = sorted((VECTORS / "ajp13").glob("*.json"))
EDGES = sorted((VECTORS / "ajp13-edge").glob("*.json"))
GOLDEN = Path(__file__).parent / "golden" / "edge_verdicts.txt"

# Recordings in which the recorded container refuses, and refjk with it.
REFUSED = {"j7-post-empty": "AJP-HDR-07", "jk-hdr-101": "AJP-HDR-08", "jk-secret-wrong": "AJP-SEC-02"}


def played(path: Path) -> Played:
    return play(read_document(path.read_text("utf-8")))


def test_the_repository_holds_recordings_of_both_kinds() -> None:
    assert len(EXCHANGES) > 100
    assert len(EDGES) > 150


@covers(
    "AJP-FRM-01",
    "AJP-FRM-02",
    "AJP-FRM-03",
    "AJP-FRM-05",
    "AJP-FRM-06",
    "AJP-REQ-01",
    "AJP-MTH-01",
    "AJP-MTH-02",
    "AJP-MTH-03",
    "AJP-HDR-01",
    "AJP-HDR-02",
    "AJP-HDR-05",
    "AJP-RSP-01",
    "AJP-RSP-02",
    "AJP-RSP-08",
    "AJP-RSP-10",
    "AJP-BOD-01",
    "AJP-BOD-02",
    "AJP-BOD-03",
    "AJP-BOD-04",
    "AJP-BOD-05",
    "AJP-FLU-01",
    "AJP-PNG-01",
    "AJP-END-01",
)
@pytest.mark.parametrize("path", EXCHANGES, ids=lambda path: path.stem)
def test_both_ends_follow_a_recorded_exchange_however_it_is_cut(path: Path) -> None:
    result = played(path)

    assert result.differences == ()
    assert (result.passed, result.failed) == (1, 0)
    refusals = [note for note in result.notes if note.startswith("refused")]
    assert [clause for clause in REFUSED.values() if any(clause in note for note in refusals)] == (
        [REFUSED[path.stem]] if path.stem in REFUSED else []
    )


@covers(
    "AJP-CON-07",
    "AJP-FRM-04",
    "AJP-FRM-09",
    "AJP-FRM-10",
    "AJP-FRM-12",
    "AJP-FRM-13",
    "AJP-FRM-14",
    "AJP-FRM-15",
    "AJP-STR-04",
    "AJP-STR-07",
    "AJP-REQ-02",
    "AJP-REQ-03",
    "AJP-REQ-04",
    "AJP-REQ-06",
    "AJP-MTH-04",
    "AJP-MTH-05",
    "AJP-MTH-06",
    "AJP-HDR-03",
    "AJP-HDR-09",
    "AJP-HDR-11",
    "AJP-HDR-13",
    "AJP-ATT-02",
    "AJP-ATT-04",
    "AJP-ATT-07",
    "AJP-ATT-13",
    "AJP-RSP-03",
    "AJP-RSP-05",
    "AJP-RSP-09",
    "AJP-RSP-16",
    "AJP-RSP-17",
    "AJP-RSP-18",
    "AJP-RSP-19",
    "AJP-RSP-21",
    "AJP-BOD-06",
    "AJP-BOD-09",
    "AJP-BOD-10",
    "AJP-BOD-11",
    "AJP-BOD-13",
    "AJP-FLU-02",
    "AJP-FLU-03",
    "AJP-PNG-02",
    "AJP-PNG-04",
    "AJP-PNG-07",
    "AJP-SEC-02",
    "AJP-SEC-06",
    "AJP-END-02",
    "AJP-END-03",
    "AJP-END-05",
)
@pytest.mark.parametrize("line", GOLDEN.read_text("utf-8").splitlines(), ids=lambda line: line.split()[0])
def test_the_verdict_on_an_edge_is_the_known_one(line: str) -> None:
    name, verdict, *clauses = line.split()

    result = played(VECTORS / "ajp13-edge" / f"{name}.json")

    assert result.failed == 0
    assert result.verdict is Verdict[verdict.upper()]
    if result.verdict is Verdict.STRICTER:
        assert [judgement.clause or "-" for judgement in result.judgements] == clauses


def test_every_edge_has_a_known_verdict() -> None:
    known = [line.split()[0] for line in GOLDEN.read_text("utf-8").splitlines()]

    assert [path.stem for path in EDGES] == known


def test_every_clause_that_a_stricter_verdict_names_is_in_the_specification() -> None:
    named = {judgement.clause for path in EDGES for judgement in played(path).judgements} - {None}

    assert named - {clause.id for clause in read_survey(ROOT).clauses} == set()
    assert len(named) > 25
