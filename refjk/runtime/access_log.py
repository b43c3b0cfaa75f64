"""One line per request, in a file that can be reopened after rotation."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from datetime import datetime

from refjk.base.errors import UsageError
from refjk.configuration.complaints import Complaints
from refjk.configuration.log_format import ACCESS_LETTERS, LogItem, parse_log_format
from refjk.configuration.origins import Place
from refjk.logformat import HTTPD, PLAIN, LogEntry, Moment, compile_access, is_logged
from refjk.runtime.log_file import LogFile

__all__ = ["FORMATS", "AccessLog", "LogEntry", "local_time"]

logger = logging.getLogger("refjk.access")

_COMMON = '%h - %u %t "%r" %>s %b'
_NAMED = {
    "common": _COMMON,
    "combined": f'{_COMMON} "%{{Referer}}i" "%{{User-Agent}}i"',
    "timed": f"{_COMMON} %D %{{JK_WORKER_ROUTE}}n",
}
FORMATS = tuple(_NAMED)


class AccessLog:
    """A log file (`-` is standard output).

    The format is `common`, `combined`, `timed` (common followed by the duration in microseconds and
    the route), text with the letters of httpd's LogFormat, or the items of a configuration, whose
    `condition` (`env=NAME`, `env=!NAME`) then tells which requests are written.
    """

    def __init__(
        self, path: str, log_format: str | Sequence[LogItem] = "common", *, condition: str = ""
    ) -> None:
        named = isinstance(log_format, str) and log_format in _NAMED
        items = _items(log_format) if isinstance(log_format, str) else log_format
        self._render = compile_access(items, local_time, PLAIN if named else HTTPD)
        self._condition = condition
        self._file = LogFile(path, "access log", logger.error)

    def write(self, entry: LogEntry, now: float | None = None) -> None:
        """One line; `now` in seconds. A log that cannot be written is said once and harms no request.

        WSG-LOG-04
        """
        if self._condition and not is_logged(self._condition, entry.env):
            return
        now_us = time.time_ns() // 1000 if now is None else int(now * 1_000_000)
        moment = Moment(now_us, os.getpid(), threading.get_native_id())
        self._file.write(self._render(entry, moment) + "\n")

    def reopen(self) -> None:
        """After the file was moved away: go on in a new one of the same name.

        Where that cannot be had, the old one serves on. WSG-LOG-03
        """
        self._file.reopen()

    def close(self) -> None:
        self._file.close()


def local_time(second: int) -> datetime:
    """Seconds since 1970 where this process is."""
    return datetime.fromtimestamp(second).astimezone()


def _items(log_format: str) -> Sequence[LogItem]:
    text = _NAMED.get(log_format, log_format)
    if "%" not in text:
        names = ", ".join(FORMATS)
        raise UsageError(f"no access log format {log_format!r}; there are {names}, and any text with %")
    complaints = Complaints()
    items = parse_log_format(text, ACCESS_LETTERS, Place("format"), log_format, complaints)
    for complaint in complaints.found():
        raise UsageError(f"access log format {log_format!r}: {complaint.text}; {complaint.remedy}")
    return items
