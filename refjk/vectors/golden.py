"""What the players of golden data have in common."""

from __future__ import annotations

from collections.abc import Callable

from refjk.vectors.document import Node, shorten
from refjk.vectors.result import Difference, Played, Unlike


def play_all(document: Node, kind: str, play: Callable[[Node], None]) -> Played:
    """Plays every entry; `play` raises `Unlike` for one that differs."""
    vectors = document["vectors"].items()
    differences = []
    for vector in vectors:
        try:
            play(vector)
        except Unlike as unlike:
            found = unlike.difference
            where = f"{vector['id'].text()}: {found.where}"
            differences.append(Difference(where, found.expected, found.actual))
    return Played(kind, len(vectors) - len(differences), len(differences), tuple(differences))


def same(where: str, expected: object, actual: object) -> None:
    """Raises `Unlike` unless both are equal."""
    if expected != actual:
        raise Unlike(where, shorten(expected), shorten(actual))
