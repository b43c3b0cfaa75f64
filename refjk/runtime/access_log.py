"""One line per request, in a file that can be reopened after rotation."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from dataclasses import dataclass
from typing import TextIO

from refjk.base.errors import InputError, UsageError

logger = logging.getLogger("refjk.access")

# Octets that could end or forge a line are shown as \xNN. WSG-LOG-02
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x22, 0x5C, *range(0x7F, 0x100))}

FORMATS = ("common", "combined", "timed")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What is known about a request when its cycle is over."""

    remote_addr: str
    user: str
    method: str
    target: str
    protocol: str
    status: int
    size: int  # octets of response body
    duration_us: int
    referer: str = ""
    user_agent: str = ""
    route: str = ""


class AccessLog:
    """A log file (`-` is standard output) in Common or Combined Log Format, or `timed`: common
    followed by the duration in microseconds and the route."""

    def __init__(self, path: str, log_format: str = "common") -> None:
        if log_format not in FORMATS:
            raise UsageError(f"no access log format {log_format!r}; there are {', '.join(FORMATS)}")
        self._path = path
        self._format = log_format
        self._lock = threading.RLock()  # `reopen` may be called by a signal handler, in the midst of `close`
        self._file = self._open()
        self._failing = False

    def write(self, entry: LogEntry, now: float | None = None) -> None:
        """One line. A log that cannot be written is said once and harms no request. WSG-LOG-04"""
        line = self._line(entry, time.localtime(now))
        with self._lock:
            try:
                self._file.write(line)
                self._file.flush()
            except (OSError, ValueError) as error:  # ValueError: standard output was closed
                if not self._failing:
                    logger.error("the access log cannot be written: %s", error)
                self._failing = True
            else:
                self._failing = False

    def reopen(self) -> None:
        """After the file was moved away: go on in a new one of the same name.

        Where that cannot be had, the old one serves on. WSG-LOG-03
        """
        if self._path == "-":
            return
        try:
            file = self._open()
        except InputError as error:
            logger.error("%s; going on in the file that is open", error)
            return
        with self._lock:
            old, self._file = self._file, file
        _close(old)

    def close(self) -> None:
        with self._lock:
            if self._path != "-":
                _close(self._file)

    def _open(self) -> TextIO:
        if self._path == "-":
            return sys.stdout
        try:
            return open(self._path, "a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise InputError(f"cannot write the access log {self._path}: {error.strerror}") from None

    def _line(self, entry: LogEntry, now: time.struct_time) -> str:
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S %z", now)
        line = (
            f'{_clean(entry.remote_addr)} - {_clean(entry.user)} [{stamp}] "{_clean(entry.method)}'
            f' {_clean(entry.target)} {_clean(entry.protocol)}" {entry.status} {entry.size or "-"}'
        )
        if self._format == "combined":
            line += f' "{_clean(entry.referer)}" "{_clean(entry.user_agent)}"'
        elif self._format == "timed":
            line += f" {entry.duration_us} {_clean(entry.route)}"
        return line + "\n"


def _close(file: TextIO) -> None:
    with contextlib.suppress(OSError):  # what a full disk did not take is lost
        file.close()


def _clean(text: str) -> str:
    return text.translate(_ESCAPES) if text else "-"
