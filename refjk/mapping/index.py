"""The best of many shapes that a path has, without asking all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from refjk.mapping.shapes import Shape

NO_RANK = 1 << 62
"""Worse than every rank."""


@dataclass(slots=True)
class _Bucket:
    """The shapes of one prefix: by suffix, or in `tests`. All lists begin with the best rank."""

    best: int = NO_RANK
    suffixes: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)  # (rank, least size)
    sizes: list[int] = field(default_factory=list)  # of the suffixes
    tests: list[tuple[int, Callable[[bytes], object]]] = field(default_factory=list)

    def add(self, rank: int, shape: Shape) -> None:
        assert shape.suffix is not None
        self.best = min(self.best, rank)
        if shape.test is not None:
            self.tests.append((rank, shape.test))
        else:
            self.suffixes.setdefault(shape.suffix, []).append((rank, shape.size_min))
            self.sizes = sorted({*self.sizes, len(shape.suffix)})

    def better(self, path: bytes, rank: int) -> int:
        """The best rank that a path has here, when it is better than `rank`."""
        size = len(path)
        for suffix_size in self.sizes:
            if suffix_size > size:
                break
            for found, size_min in self.suffixes.get(path[size - suffix_size :], ()):
                if found >= rank:
                    break
                if size >= size_min:
                    rank = found
                    break
        for found, test in self.tests:
            if found >= rank:
                break
            if test(path):
                return found
        return rank


class ShapeIndex:
    """Shapes by rank, a lower one being better; never changes.

    A question costs two look-ups for each size that prefixes have, and a test for each shape that is more
    than a beginning and an end and has the beginning of the path.
    """

    def __init__(self, shapes: Iterable[tuple[int, Shape]]) -> None:
        exact: dict[bytes, int] = {}
        buckets: dict[bytes, _Bucket] = {}
        for rank, shape in sorted(shapes, key=lambda entry: entry[0]):
            if shape.is_exact:
                exact.setdefault(shape.prefix, rank)
            elif shape.suffix is not None:
                buckets.setdefault(shape.prefix, _Bucket()).add(rank, shape)
        self._exact: Mapping[bytes, int] = exact
        self._buckets: Mapping[bytes, _Bucket] = buckets
        self._sizes = sorted({len(prefix) for prefix in buckets})

    def best(self, path: bytes) -> int:
        """The best rank of all shapes that a path has; `NO_RANK` when it has none of them."""
        rank = self._exact.get(path, NO_RANK)
        size = len(path)
        for prefix_size in self._sizes:
            if prefix_size > size:
                break
            bucket = self._buckets.get(path[:prefix_size])
            if bucket is not None and bucket.best < rank:
                rank = bucket.better(path, rank)
        return rank
