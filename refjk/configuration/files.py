"""What the readers ask for files; whoever has a disk brings it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from refjk.base.errors import InputError


class Files(Protocol):
    """Text files by path. Relative paths have been made absolute, or start where the caller's do."""

    def read(self, path: str) -> str:
        """The text; raises `InputError` when there is no such file or it cannot be read."""
        ...

    def expand(self, path: str) -> Sequence[str]:
        """The files that an Include means, sorted.

        The file itself; all files below a folder; what matches a pattern with `*`, `?` or `[`. Empty when
        a pattern or a folder has none; raises `InputError` when a path without pattern does not exist.
        """
        ...


class FilesInMemory:
    """Files of a mapping from path to text, for tests and for text that stands in no file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    def read(self, path: str) -> str:
        """The text of a path."""
        if path not in self._texts:
            raise InputError(f"{path}: no such file")
        return self._texts[path]

    def expand(self, path: str) -> Sequence[str]:
        """As `Files.expand`."""
        if path in self._texts:
            return [path]
        if any(character in path for character in "*?["):
            depth = path.count("/")
            found = (name for name in self._texts if name.count("/") == depth and fnmatchcase(name, path))
            return sorted(found)
        below = sorted(name for name in self._texts if name.startswith(path.rstrip("/") + "/"))
        if not below:
            self.read(path)
        return below
