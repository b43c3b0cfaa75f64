"""Ids in code, marks on tests."""

from __future__ import annotations

import textwrap

import pytest

from refjk import speccheck
from refjk.speccheck.carriers import scan_tests
from refjk.speccheck.code import scan_code
from refjk.speccheck.ids import Mention, mentioned_ids


def places(text: str) -> list[tuple[str, int, str]]:
    found, complaints = scan_code("refjk/x.py", textwrap.dedent(text))
    assert complaints == []
    return [(place.id, place.line, place.scope) for place in found]


def carried(text: str, file: str = "tests/test_x.py") -> list[tuple[str, str]]:
    found, complaints = scan_tests(file, textwrap.dedent(text))
    assert complaints == []
    return [(carrier.id, carrier.test) for carrier in found]


def test_a_place_knows_the_function_class_or_table_around_it() -> None:
    found = places(
        '''\
        """AA-BB-01"""

        # AA-BB-02: a comment above a table
        # is about the table.
        TABLE: dict[str, str] = {
            "a": "AA-BB-03",
        }


        class Box:
            SIZE = 1  # AA-BB-04

            # AA-BB-05
            @property
            def wet(self) -> bool:
                """AA-BB-06"""
                if self:
                    answer = f"AA-BB-07 {self}"
                return bool(answer)  # AA-BB-08
        '''
    )
    assert found == [
        ("AA-BB-01", 1, ""),
        ("AA-BB-02", 3, "TABLE"),
        ("AA-BB-03", 6, "TABLE"),
        ("AA-BB-04", 11, "Box.SIZE"),
        ("AA-BB-05", 13, "Box.wet"),
        ("AA-BB-06", 16, "Box.wet"),
        ("AA-BB-07", 18, "Box.wet"),
        ("AA-BB-08", 19, "Box.wet"),
    ]


def test_a_range_names_all_ids_in_it_even_across_comment_lines() -> None:
    assert list(mentioned_ids("# AA-BB-02 to\n# AA-BB-05, not AA-CC-01 to AA-BB-09")) == [
        Mention("AA-BB-02", 1),
        Mention("AA-BB-03", 1, implied=True),
        Mention("AA-BB-04", 1, implied=True),
        Mention("AA-BB-05", 2),
        Mention("AA-CC-01", 2),
        Mention("AA-BB-09", 2),
    ]


@pytest.mark.parametrize(
    "word", ["UTF-8", "X-AA-BB-01", "AA-BB-01x", "aa-bb-01", "A-BB-01", "AAAAA-BB-01", "AJP-104"]
)
def test_other_words_with_dashes_are_not_ids(word: str) -> None:
    assert list(mentioned_ids(f"see {word}.")) == []


def test_marks_are_read_from_functions_methods_and_classes() -> None:
    assert carried(
        """\
        import refjk.speccheck

        if True:
            @refjk.speccheck.covers("AA-BB-01", "AA-BB-02")
            @covers("AA-BB-01")
            def test_a(): ...

        @covers("AA-BB-03")
        class TestB:
            def test_c(self): ...

            class TestInner:
                @covers("AA-BB-04")
                async def test_d(self): ...

                def helper(self): ...

        def test_without_mark(): ...
        """
    ) == [
        ("AA-BB-01", "tests/test_x.py::test_a"),
        ("AA-BB-02", "tests/test_x.py::test_a"),
        ("AA-BB-01", "tests/test_x.py::test_a"),
        ("AA-BB-03", "tests/test_x.py::TestB::test_c"),
        ("AA-BB-03", "tests/test_x.py::TestB::TestInner::test_d"),
        ("AA-BB-04", "tests/test_x.py::TestB::TestInner::test_d"),
    ]


def test_a_marked_class_without_tests_is_a_complaint() -> None:
    found, complaints = scan_tests(
        "tests/test_x.py", '@covers("AA-BB-01")\nclass TestA:\n    def helper(self): ...\n'
    )
    assert found == []
    assert [complaint.kind for complaint in complaints] == ["not-collected"]


def test_marks_inside_text_are_not_marks() -> None:
    assert carried("TEXT = '''\n@covers(\"AA-BB-01\")\ndef test_a(): ...\n'''\n") == []


def test_covers_hands_back_what_it_marks() -> None:
    def function() -> int:
        return 7

    class Base: ...

    class Derived(Base): ...

    # Not under its own name, which the checker counts only as a decorator.
    mark = speccheck.covers
    marked = mark("AA-BB-01", "AA-BB-02")(function)
    assert marked is function and marked() == 7
    mark("AA-BB-03")(marked)
    assert vars(function)["__covers__"] == ("AA-BB-01", "AA-BB-02", "AA-BB-03")
    assert mark("AA-BB-01")(Base) is Base
    assert mark("AA-BB-02")(Derived) is Derived
    assert vars(Derived)["__covers__"] == ("AA-BB-02",)
