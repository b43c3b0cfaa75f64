"""Every kind of complaint appears where its fault is, and vanishes with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from refjk.speccheck.checks import check
from refjk.speccheck.complaints import Kind
from refjk.speccheck.tree import find_root, read_survey

SPEC, CODE, TEST, TABLE = (
    "spec/letters.md",
    "refjk/letters/box.py",
    "tests/letters/test_box.py",
    "spec/coverage.md",
)
LAST = "**LET-BOX-05** (withdrawn; no successor) Seals are gone."


def test_a_sound_tree_has_no_complaints(tree: Any) -> None:
    assert tree.complaints() == []


def test_the_tree_itself_has_no_complaints() -> None:
    root = find_root(None, Path(__file__).resolve().parent)
    found = read_survey(root)
    assert found.clauses
    assert [str(complaint) for complaint in check(found)] == []


def added(clause: str) -> tuple[str, str, str]:
    """A further paragraph at line 20 of the chapter."""
    return SPEC, LAST, f"{LAST}\n\n{clause}"


# file, text there, text that breaks it; then kind, file and line of the complaint, words of its sentence
FAULTS: list[tuple[tuple[str, str, str], Kind, str, int, Iterable[str]]] = [
    (
        added("**LET-BOX-01** (MAY; a; observed) It MAY."),
        Kind.DUPLICATE_CLAUSE,
        SPEC,
        20,
        ["LET-BOX-01", f"{SPEC}:5"],
    ),
    (added("**LET-BOX-05** (MAY; a; observed) It MAY."), Kind.DUPLICATE_CLAUSE, SPEC, 20, [f"{SPEC}:18"]),
    (added("**LET-BOX-6** (MAY; a; observed) It MAY."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["AREA-TOPIC-NN"]),
    (added("**let-box-06** (MAY; a; observed) It MAY."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["AREA-TOPIC-NN"]),
    (added("**LET-BOX-06:** (MAY; a; observed) It MAY."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["stars"]),
    (added("**LET-BOX-06** It MAY."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["LET-BOX-06", "parenthesis"]),
    (added("**LET-BOX-06** (MAY; a; observed It MAY."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["not closed"]),
    (
        added("**LET-BOX-06** (MAY; observed) It MAY."),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        20,
        ["(level; role, role;"],
    ),
    (added("**LET-BOX-06** (MAY; a,; observed) It MAY."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["empty"]),
    (added("**LET-BOX-06** (MAY; a; observed)"), Kind.MALFORMED_CLAUSE, SPEC, 20, ["no sentence"]),
    (
        added("**LET-BOX-06** (MAY; a; observed) It MAY.\n*Why:*"),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        20,
        ["nothing"],
    ),
    (
        added("**LET-BOX-06** (MAY; a; observed) It MAY.\n*Wy:* so"),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        20,
        ["*Wy:*"],
    ),
    (
        added("**LET-BOX-06** (MAY; a; observed) It MAY.\n*Why:* a\n*Why:* b"),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        20,
        ["two *Why:*"],
    ),
    (added("**LET-BOX-06** (withdrawn) Gone."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["(withdrawn; successor"]),
    (
        added("**LET-BOX-06** (withdrawn; see above) Gone."),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        20,
        ["(withdrawn; successor"],
    ),
    (
        added("- **LET-BOX-06** (MAY; a; observed) It MAY."),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        20,
        ["**LET-BOX-06**"],
    ),
    (added("LET-BOX-06 (MUST NOT; a; observed) No."), Kind.MALFORMED_CLAUSE, SPEC, 20, ["**LET-BOX-06**"]),
    (
        added("Text.\n**LET-BOX-06** (MAY; a; observed) It MAY."),
        Kind.MALFORMED_CLAUSE,
        SPEC,
        21,
        ["blank line"],
    ),
    (added("*Untested:* a reason"), Kind.STRAY_NOTE, SPEC, 20, ["directly below"]),
    (
        added("**LET-BOX-06** (SHALL; a; observed) It SHALL."),
        Kind.UNKNOWN_LEVEL,
        SPEC,
        20,
        ["'SHALL'", "MUST NOT"],
    ),
    (added("**LET-BOX-06** (MAY; a; rumour: b) It MAY."), Kind.UNKNOWN_ORIGIN, SPEC, 20, ["'rumour: b'"]),
    (added("**LET-BOX-06** (MAY; a; observed Post) It MAY."), Kind.UNKNOWN_ORIGIN, SPEC, 20, ["colon"]),
    (added("**LET-BOX-06** (MAY; a; observed) It can."), Kind.LEVEL_WORD, SPEC, 20, ["it holds none"]),
    (
        added("**LET-BOX-06** (MAY; a; observed) It MAY and\nis REQUIRED."),
        Kind.LEVEL_WORD,
        SPEC,
        20,
        ["2 (MAY, REQUIRED)"],
    ),
    (
        added("**LET-BOX-06** (SHOULD; a; observed) It SHOULD\nNOT."),
        Kind.LEVEL_WORD,
        SPEC,
        20,
        ["says SHOULD NOT"],
    ),
    (added("**LET-BOX-06** (MUST; a; observed) It MUST."), Kind.UNTESTED, SPEC, 20, ["LET-BOX-06", "(MUST)"]),
    (added("**LET-BOX-06** (MUST NOT; a; observed) It MUST NOT."), Kind.UNTESTED, SPEC, 20, ["(MUST NOT)"]),
    (
        added("**LET-BOX-06** (withdrawn; successor LET-BOX-01, LET-BOY-02) Gone."),
        Kind.UNKNOWN_SUCCESSOR,
        SPEC,
        20,
        ["LET-BOY-02", "LET-BOX-02"],
    ),
    (
        added("**LET-BOX-06** (withdrawn; successor LET-BOX-06) Gone."),
        Kind.UNKNOWN_SUCCESSOR,
        SPEC,
        20,
        ["does not exist"],
    ),
    (added("More in LET-BOX-09."), Kind.UNKNOWN_ID, SPEC, 20, ["LET-BOX-09"]),
    (
        (CODE, "(LET-BOX-01)", "(LET-BOX-11)"),
        Kind.UNKNOWN_ID,
        CODE,
        3,
        ["LET-BOX-11", "the nearest is LET-BOX-01"],
    ),
    ((CODE, "(LET-BOX-01)", "(LET-BOX-001)"), Kind.UNKNOWN_ID, CODE, 3, ["LET-BOX-001"]),
    (
        (CODE, "STAMP = 1", 'STAMP = "QQQ-ZZZ-99"'),
        Kind.UNKNOWN_ID,
        CODE,
        4,
        ["no clause QQQ-ZZZ-99 in spec/"],
    ),
    ((CODE, "STAMP = 1", 'STAMP = b"LET-BOX-04"'), Kind.WITHDRAWN_ID, CODE, 4, ["LET-BOX-01 took its place"]),
    ((CODE, "class Box:", "class Box"), Kind.UNREADABLE, CODE, 7, ["not Python"]),
    ((TEST, '"LET-BOX-02",', '"LET-BOY-02",'), Kind.UNKNOWN_ID, TEST, 12, ["the nearest is LET-BOX-02"]),
    ((TEST, '"LET-BOX-02",', '"LET-BOX-05",'), Kind.WITHDRAWN_ID, TEST, 12, ["nothing took its place"]),
    ((TEST, '"LET-BOX-02",', '"LET-BOX-03",'), Kind.NEEDLESS_EXCEPTION, SPEC, 13, ["::TestBox::test_is_dry"]),
    ((TEST, '"LET-BOX-02",', "RULE,"), Kind.BAD_COVERS, TEST, 12, ["string literals only, not RULE"]),
    ((TEST, '"LET-BOX-02",', '*["LET-BOX-02"],'), Kind.BAD_COVERS, TEST, 12, ["string literals"]),
    ((TEST, '"LET-BOX-02",', 'also="LET-BOX-02",'), Kind.BAD_COVERS, TEST, 12, ["string literals"]),
    ((TEST, "class TestBox", "@covers()\nclass TestBox"), Kind.BAD_COVERS, TEST, 9, ["no clause"]),
    ((TEST, "class TestBox", "@covers\nclass TestBox"), Kind.BAD_COVERS, TEST, 9, ["no clause"]),
    (
        (TEST, "class TestBox", 'mark = covers("LET-BOX-02")\nclass TestBox'),
        Kind.BAD_COVERS,
        TEST,
        9,
        ["decorator"],
    ),
    ((TEST, "class TestBox", "class CheckBox"), Kind.NOT_COLLECTED, TEST, 11, ["::CheckBox::test_is_dry"]),
    ((TEST, "def test_is_dry", "def is_dry"), Kind.NOT_COLLECTED, TEST, 11, ["::TestBox::is_dry"]),
    (
        (TEST, "class TestBox:", "class TestBox:\n    def __init__(self) -> None: ..."),
        Kind.NOT_COLLECTED,
        TEST,
        12,
        ["__init__"],
    ),
    (
        (TEST, "    assert True", '    @covers("LET-BOX-02")\n    def test_inner() -> None: ...'),
        Kind.NOT_COLLECTED,
        TEST,
        6,
        ["test_letter_has_stamp::test_inner"],
    ),
]


@pytest.mark.parametrize(
    ("fault", "kind", "file", "line", "words"),
    FAULTS,
    ids=[f"{fault[1]}-{n}" for n, fault in enumerate(FAULTS)],
)
def test_a_fault_gives_one_complaint_which_vanishes_with_it(
    tree: Any, fault: tuple[str, str, str], kind: Kind, file: str, line: int, words: Iterable[str]
) -> None:
    sound = tree.read(fault[0])
    tree.replace(*fault)
    tree.refresh_coverage()

    complaints = tree.complaints()

    assert [(c.kind, c.file, c.line) for c in complaints] == [(kind, file, line)], complaints
    assert all(word in complaints[0].sentence for word in words), complaints[0].sentence

    tree.write(fault[0], sound)
    tree.refresh_coverage()
    assert tree.complaints() == []


def test_every_kind_of_complaint_is_shown() -> None:
    elsewhere = {Kind.LOST_TEST, Kind.STALE_COVERAGE}
    assert {fault[1] for fault in FAULTS} | elsewhere == set(Kind)


@pytest.mark.parametrize("file", ["tests/letters/box_checks.py", "tests/letters/conftest.py"])
def test_marks_in_a_file_that_pytest_does_not_collect_are_refused(tree: Any, file: str) -> None:
    tree.write(file, '@covers("LET-BOX-02")\ndef test_x() -> None: ...\n')
    assert [(c.kind, c.file, c.line) for c in tree.complaints()] == [(Kind.NOT_COLLECTED, file, 1)]


def test_a_test_file_that_is_not_python_is_named(tree: Any) -> None:
    tree.write("tests/test_odd.py", "\n\ndef test_odd()\n")
    assert [(c.kind, c.file, c.line) for c in tree.complaints()] == [
        (Kind.UNREADABLE, "tests/test_odd.py", 3)
    ]


def test_an_exception_from_testing_is_accepted_and_its_loss_is_seen(tree: Any) -> None:
    tree.replace(SPEC, "*Untested:* reading leaves no trace.\n", "")
    tree.refresh_coverage()
    assert [(c.kind, c.line) for c in tree.complaints()] == [(Kind.UNTESTED, 13)]


def test_an_id_inside_a_range_need_not_exist_but_its_ends_must(tree: Any) -> None:
    tree.replace(CODE, "LET-BOX-01 to LET-BOX-03", "LET-BOX-01 to LET-BOX-07")
    complaints = tree.complaints()
    assert [(c.kind, c.line) for c in complaints] == [(Kind.UNKNOWN_ID, 8)]
    assert "LET-BOX-07" in complaints[0].sentence


def test_a_lost_test_is_named_with_its_line_in_the_table(tree: Any) -> None:
    tree.replace(TEST, '        "LET-BOX-02",\n', "")
    lost, line = "tests/letters/test_box.py::TestBox::test_is_dry", 0
    for number, text in enumerate(tree.read(TABLE).splitlines(), start=1):
        line = number if text.startswith("| LET-BOX-02 ") else line

    complaints = tree.complaints()

    assert [(c.kind, c.file, c.line) for c in complaints] == [
        (Kind.STALE_COVERAGE, TABLE, 1),
        (Kind.LOST_TEST, TABLE, line),
    ]
    assert lost in complaints[1].sentence and "LET-BOX-02" in complaints[1].sentence
    tree.refresh_coverage()
    assert tree.complaints() == []


def test_a_new_test_makes_the_table_out_of_date_until_it_is_written(tree: Any) -> None:
    tree.write("tests/letters/test_more.py", '@covers("LET-BOX-02")\ndef test_more() -> None: ...\n')
    complaints = tree.complaints()
    assert [(c.kind, c.file) for c in complaints] == [(Kind.STALE_COVERAGE, TABLE)]
    assert "`refjk spec coverage`" in complaints[0].sentence
    tree.refresh_coverage()
    assert tree.complaints() == []


def test_a_missing_table_is_a_complaint(tree: Any) -> None:
    (tree.root / TABLE).unlink()
    complaints = tree.complaints()
    assert [c.kind for c in complaints] == [Kind.STALE_COVERAGE]
    assert "missing" in complaints[0].sentence


def test_a_broken_clause_is_not_reported_again_where_it_is_used(tree: Any) -> None:
    tree.replace(SPEC, "(SHOULD NOT; sender; decided here)", "(SHOULD NOT; sender)")
    tree.refresh_coverage()
    assert [(c.kind, c.line) for c in tree.complaints()] == [(Kind.MALFORMED_CLAUSE, 10)]


def test_complaints_come_in_the_order_of_files_and_lines(tree: Any) -> None:
    tree.write("refjk/z.py", "# LET-BOX-97\n")
    tree.write("refjk/a.py", "#\n# LET-BOX-98\n# LET-BOX-99\n")
    assert [str(c).partition(": ")[0] for c in tree.complaints()] == [
        "refjk/a.py:2",
        "refjk/a.py:3",
        "refjk/z.py:1",
    ]
