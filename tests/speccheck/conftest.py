"""A made-up checkout without complaints, to be broken in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from refjk.speccheck.checks import check
from refjk.speccheck.complaints import Complaint
from refjk.speccheck.coverage import render_coverage
from refjk.speccheck.survey import Survey
from refjk.speccheck.tree import read_survey, write_coverage

SPEC = """\
# Letters

How letters travel; `LET-BOX-01` is the rule that all others need.

**LET-BOX-01** (MUST; sender, carrier; documented: The Book (2nd edition), observed: Post 1.0, Post 2.0) A
letter MUST carry a stamp; `MAY` is a month.
*Why:* nobody carries it
for nothing.

**LET-BOX-02** (SHOULD NOT; sender; decided here) A letter SHOULD
NOT be wet.

**LET-BOX-03** (MUST NOT; carrier; read in source: post.c) A carrier MUST NOT read.
*Untested:* reading leaves no trace.

**LET-BOX-04** (withdrawn; successor LET-BOX-01) The stamp was a coin once.

**LET-BOX-05** (withdrawn; no successor) Seals are gone.

```
**LET-BOX-01** (MUST; example; nowhere) A fenced line is no clause, whatever it says of LET-XXX-77.
```
"""

CODE = '''\
"""Letters."""

# The price of carriage (LET-BOX-01).
STAMP = 1


class Box:
    """Keeps letters dry: LET-BOX-01 to LET-BOX-03."""
'''

TEST = """\
from refjk.speccheck import covers


@covers("LET-BOX-01")
def test_letter_has_stamp() -> None:
    assert True


class TestBox:
    @covers(
        "LET-BOX-01",
        "LET-BOX-02",
    )
    async def test_is_dry(self) -> None:
        assert True
"""


@dataclass
class MadeUpTree:
    root: Path

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8")

    def replace(self, file: str, old: str, new: str) -> None:
        text = self.read(file)
        assert text.count(old) >= 1, f"{old!r} is not in {file}"
        self.write(file, text.replace(old, new, 1))

    def survey(self) -> Survey:
        return read_survey(self.root)

    def complaints(self) -> list[Complaint]:
        return check(self.survey())

    def refresh_coverage(self) -> None:
        write_coverage(self.root, render_coverage(self.survey()))


@pytest.fixture
def tree(tmp_path: Path) -> MadeUpTree:
    made_up = MadeUpTree(tmp_path / "checkout")
    made_up.write("spec/letters.md", SPEC)
    made_up.write("refjk/letters/box.py", CODE)
    made_up.write("tests/letters/test_box.py", TEST)
    made_up.refresh_coverage()
    return made_up
