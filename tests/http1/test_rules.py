"""The table of phases and the grid in the document are the same."""

from __future__ import annotations

from pathlib import Path

from refjk.http1.rules import NEXT, Phase, Step

DOCUMENT = Path(__file__).parents[2] / "spec" / "http-front.md"


def test_the_document_shows_the_table_of_phases() -> None:
    rows = [["phase", *(step.value for step in Step)]]
    for phase in Phase:
        fields = [NEXT.get((phase, step)) for step in Step]
        rows.append([phase.value, *(field.value if field else "" for field in fields)])
    text = DOCUMENT.read_text(encoding="utf-8")
    grid = text[text.index("| phase | request |") :].split("\n\n")[0]
    shown = [[field.strip() for field in line.strip("|").split("|")] for line in grid.splitlines()]
    assert [row for row in shown if not row[0].startswith("---")] == rows


def test_every_phase_but_the_last_can_be_closed() -> None:
    assert {phase for phase, step in NEXT if step is Step.CLOSE} == set(Phase) - {Phase.CLOSED}
    assert not any(phase is Phase.CLOSED for phase, _ in NEXT)
