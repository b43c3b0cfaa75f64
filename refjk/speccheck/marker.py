"""The mark by which a test says which clauses it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Target = TypeVar("_Target", bound=Callable[..., object])  # a function, a method or a class

ATTRIBUTE = "__covers__"


def covers(*ids: str) -> Callable[[_Target], _Target]:
    """Record the clause ids in `__covers__` (a tuple) and hand the function or class back unchanged.

    Ids are string literals, because the checker reads them from the syntax tree.
    """

    def record(target: _Target) -> _Target:
        # vars(), not getattr(): a class must not repeat the ids of its base class.
        setattr(target, ATTRIBUTE, (*vars(target).get(ATTRIBUTE, ()), *ids))
        return target

    return record
