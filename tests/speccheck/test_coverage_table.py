"""The table under version control."""

from __future__ import annotations

from typing import Any

from refjk.speccheck.coverage import Totals, listed_tests, render_coverage, totals

TABLE = """\
# Coverage of the clauses

Written by `refjk spec coverage`, not by hand. Each clause with the places in the code that decide it and the
tests that show it; `refjk spec explain ID` tells more.

| chapter | clauses | MUST or MUST NOT | tested | excepted | no place in the code |
|---|---:|---:|---:|---:|---:|
| `spec/letters.md` | 3 | 2 | 1 | 1 | 0 |
| all | 3 | 2 | 1 | 1 | 0 |

## Letters

| clause | level | decided in | tests |
|---|---|---|---|
| LET-BOX-01 | MUST | `refjk/letters/box.py::Box`<br>`refjk/letters/box.py::STAMP` | \
`tests/letters/test_box.py::TestBox::test_is_dry`<br>`tests/letters/test_box.py::test_letter_has_stamp` |
| LET-BOX-02 | SHOULD NOT | `refjk/letters/box.py::Box` | `tests/letters/test_box.py::TestBox::test_is_dry` |
| LET-BOX-03 | MUST NOT | `refjk/letters/box.py::Box` | untested: reading leaves no trace. |
| LET-BOX-04 | withdrawn, LET-BOX-01 instead | – | – |
| LET-BOX-05 | withdrawn, nothing instead | – | – |
"""


def test_the_table_shows_level_places_tests_and_exceptions(tree: Any) -> None:
    assert render_coverage(tree.survey()) == TABLE


def test_a_line_more_above_changes_nothing(tree: Any) -> None:
    for file in ("spec/letters.md", "refjk/letters/box.py", "tests/letters/test_box.py"):
        tree.write(file, "\n" + tree.read(file))
    assert render_coverage(tree.survey()) == TABLE


def test_the_tests_of_a_table_are_read_back() -> None:
    number = TABLE.splitlines().index(next(line for line in TABLE.splitlines() if "LET-BOX-01 |" in line)) + 1
    test = "tests/letters/test_box.py::"
    assert list(listed_tests(TABLE)) == [
        (number, "LET-BOX-01", f"{test}TestBox::test_is_dry"),
        (number, "LET-BOX-01", f"{test}test_letter_has_stamp"),
        (number + 1, "LET-BOX-02", f"{test}TestBox::test_is_dry"),
    ]


def test_an_obligation_without_place_in_the_code_is_counted_and_no_complaint(tree: Any) -> None:
    tree.replace("refjk/letters/box.py", "LET-BOX-01 to LET-BOX-03", "all of them")
    tree.refresh_coverage()
    found = tree.survey()
    assert totals(found, found.clauses) == Totals(clauses=3, obligations=2, tested=1, excepted=1, undecided=1)
    assert tree.complaints() == []
    assert "| LET-BOX-02 | SHOULD NOT | – | `tests" in render_coverage(found)
