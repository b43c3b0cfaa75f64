"""The error family: one base, one exit code each, one line of text."""

from __future__ import annotations

import pytest

from refjk import base
from refjk.base import (
    CheckFailed,
    InputError,
    InternalDefect,
    LocalProtocolError,
    Malformed,
    NothingSelected,
    RefjkError,
    Unreachable,
    UsageError,
)

EXIT_CODES = {
    CheckFailed: 1,
    LocalProtocolError: 1,
    UsageError: 2,
    InputError: 3,
    Unreachable: 4,
    NothingSelected: 5,
    InternalDefect: 70,
}


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_each_error_belongs_to_the_family_and_carries_its_exit_code(kind: type[RefjkError]) -> None:
    error = kind("what went wrong")

    assert isinstance(error, RefjkError)
    assert error.exit_code == EXIT_CODES[kind]
    assert str(error) == "what went wrong"


def test_a_complaint_says_clause_offset_expected_and_actual() -> None:
    error = Malformed("AJP-FRM-04", offset=3, expected="12 34", actual="12 35")

    assert (error.clause, error.offset, error.expected, error.actual) == ("AJP-FRM-04", 3, "12 34", "12 35")
    assert str(error) == "AJP-FRM-04 at octet 3: expected 12 34, got 12 35"
    assert isinstance(error, RefjkError)
    assert error.exit_code == 1


def test_the_package_exports_the_whole_family() -> None:
    exported = {getattr(base, name) for name in base.__all__}

    assert exported == {RefjkError, Malformed, *EXIT_CODES}
