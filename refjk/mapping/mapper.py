"""From a canonical path to the worker: the longest pattern wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refjk.mapping.mount import Mount, MountKind


@dataclass(frozen=True, slots=True)
class Match:
    """The mount that decided, and the clause by which it did."""

    mount: Mount
    clause: str

    @property
    def worker(self) -> str:
        """The worker's name."""
        return self.mount.worker

    def __str__(self) -> str:
        return f"{self.clause}: {self.mount.kind.value} {self.mount.pattern} → {self.mount.worker}"


class Mapper:
    """A set of mounts, ready to be asked; never changes."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._exact: dict[bytes, Match] = {}
        contexts: dict[bytes, Match] = {}
        for mount in mounts:
            # MAP-MAT-04: assignment lets the later one of two equal patterns count.
            if mount.kind is MountKind.EXACT:
                self._exact[mount.base] = Match(mount, "MAP-MAT-01")
            else:
                contexts[mount.base] = Match(mount, "MAP-MAT-02")
        # MAP-MAT-03
        self._contexts = sorted(contexts.items(), key=lambda item: len(item[0]), reverse=True)

    def map(self, path: bytes) -> Match | None:
        """The mount for a path as `normalise_path` gives it; None when it belongs to no worker."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for base, match in self._contexts:
            if path.startswith(base):
                return match
        # MAP-MAT-05
        return None
