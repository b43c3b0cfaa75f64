"""Configuration files on a disk, bounded."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from refjk.base.errors import InputError

FILE_SIZE_MAX = 4 * 1024 * 1024


class DiskFiles:
    """`refjk.configuration.Files` of this machine.

    UTF-8, or one character per octet where a file is not UTF-8: old files were written so.
    """

    def read(self, path: str) -> str:
        """The text of a regular file; raises `InputError` that names it."""
        try:
            if not Path(path).is_file():
                raise InputError(f"{path}: no such file")
            if Path(path).stat().st_size > FILE_SIZE_MAX:
                raise InputError(f"{path}: more than {FILE_SIZE_MAX} octets")
            octets = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            return octets.decode("utf-8-sig")
        except UnicodeDecodeError:
            return octets.decode("latin-1")

    def expand(self, path: str) -> Sequence[str]:
        """The file, all files below a folder, or what matches a pattern; sorted."""
        try:
            if os.path.isdir(path):
                return sorted(str(found) for found in Path(path).rglob("*") if found.is_file())
            if os.path.exists(path):
                return [path]
            if any(character in path for character in "*?["):
                return [file for found in sorted(glob.glob(path)) for file in self.expand(found)]
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {error}") from error
        raise InputError(f"{path}: no such file")
