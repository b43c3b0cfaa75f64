"""A file that lines are added to: reopened after rotation, and never the reason why a request fails."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from refjk.base.errors import InputError


class LogFile:
    """A file by its name; `-` is standard output. `what` it is ("access log") stands in complaints,
    which go to `complain`. A name that cannot be opened is an `InputError`."""

    def __init__(self, path: str, what: str, complain: Callable[[str], None]) -> None:
        self._path = path
        self._what = what
        self._complain = complain
        self._lock = threading.RLock()  # `reopen` may be called by a signal handler, in the midst of `close`
        self._file = self._open()
        self._failing = False

    def write(self, text: str) -> None:
        """Adds whole lines. That this fails is said once, until it goes well again. LOG-LIN-08"""
        with self._lock:
            try:
                self._file.write(text)
                self._file.flush()
            except (OSError, ValueError) as error:  # ValueError: standard output was closed
                if not self._failing:
                    self._complain(f"the {self._what} cannot be written: {error}")
                self._failing = True
            else:
                self._failing = False

    def reopen(self) -> None:
        """After the file was moved away: go on in a new one of the same name, or in the old one where
        that cannot be had. LOG-LIN-09"""
        if self._path == "-":
            return
        try:
            file = self._open()
        except InputError as error:
            self._complain(f"{error}; going on in the file that is open")
            return
        with self._lock:
            old, self._file = self._file, file
        _close(old)

    def close(self) -> None:
        with self._lock:
            if self._path != "-":
                _close(self._file)

    def _open(self) -> TextIO:
        if self._path.startswith("|"):
            # LOG-LIN-07
            raise InputError(
                f"the {self._what} {self._path}: refjk runs no programs for logs;"
                " write to a file, and let it be rotated and reopened"
            )
        if self._path == "-":
            return sys.stdout
        try:
            return open(self._path, "a", encoding="utf-8", errors="backslashreplace")
        except (OSError, ValueError) as error:  # ValueError: a zero octet in the name
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"cannot write the {self._what} {self._path}: {reason}") from None


def _close(file: TextIO) -> None:
    with contextlib.suppress(OSError):  # what a full disk did not take is lost
        file.close()
