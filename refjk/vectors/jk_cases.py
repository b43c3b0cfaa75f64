"""What the players of golden decisions of mod_jk have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from refjk.base.errors import CheckFailed, InputError

Kinds = Mapping[str, tuple[str, str, Callable[[Mapping[str, Any]], None]]]
"""By kind: the key of the list of cases, the key of a case's name, and who plays a case."""

_MULTIPLIERS = {"k": 1024, "m": 1024 * 1024}


def play_cases(document: Mapping[str, Any], wanted: str, kinds: Kinds) -> tuple[int, list[str]]:
    """Plays all cases of a document from the source `wanted`.

    Returns how many passed and one line per case that differs. Raises `InputError` when the document is of
    another kind or source or does not keep to its schema.
    """
    source, kind = str(document.get("source")), str(document.get("kind"))
    if wanted not in source or kind not in kinds:
        raise InputError(f"no player for kind {kind!r} of source {source!r}")
    list_key, label, play_case = kinds[kind]
    passed, differences = 0, []
    try:
        for index, case in enumerate(document[list_key]):
            try:
                play_case(case)
                passed += 1
            except CheckFailed as difference:
                differences.append(f"{case.get(label, index)}: {difference}")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a document of kind {kind!r}: {type(error).__name__}: {error}") from error
    return passed, differences


def same(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise CheckFailed(f"{what}: expected {expected!r}, got {actual!r}")


def number(text: str) -> int:
    """Leading digits count, a last k or m multiplies, anything else is 0."""
    digits = re.match(r"\s*[+-]?\d+", text)
    return int(digits.group()) * _MULTIPLIERS.get(text[-1].lower(), 1) if digits else 0
