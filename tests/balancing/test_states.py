"""The tables of states in the code and in the chapter are the same."""

from __future__ import annotations

import re
from pathlib import Path

from refjk.balancing.model import Outcome, WorkerState
from refjk.balancing.states import ENDS, FAILED, LETTERS, STATES, TABLE, Signal
from refjk.speccheck import covers

CHAPTER = Path(__file__).parents[2] / "spec" / "balancing.md"


def table(header: str) -> list[list[str]]:
    """The rows of the chapter's table whose first cell is `header`."""
    text = CHAPTER.read_text(encoding="utf-8")
    found = re.search(rf"^\| {header} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found is not None
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in found[1].splitlines()]


@covers("BAL-MEM-01")
def test_every_signal_in_every_state_does_what_the_chapter_says() -> None:
    grid = []
    for signal in Signal:
        after = [STATES[LETTERS.index(letter)] for letter in TABLE[signal].split()]
        cells = [
            "–" if state is before else state.value for before, state in zip(WorkerState, after, strict=True)
        ]
        grid.append([signal.value, *cells])
    assert grid == table("what happens")


@covers("BAL-MEM-02")
def test_every_end_of_an_attempt_is_taken_as_the_chapter_says() -> None:
    rows = {row[0]: row[1:] for row in table("end of the attempt")}
    assert rows.keys() == {outcome.value for outcome in Outcome}
    names = {
        tuple(LETTERS.index(letter) for letter in row.split()): signal.value for signal, row in TABLE.items()
    }
    assert names[FAILED] == "failed"
    for outcome, (row, local) in ENDS.items():
        assert names[row] in rows[outcome.value][0]
        assert rows[outcome.value][1].startswith(STATES[local].value)
