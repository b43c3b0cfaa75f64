"""mod_jk's log: what the front says about itself, request lines, and the traffic in words."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from contextvars import ContextVar

from refjk.configuration.directive_table import DIRECTIVES
from refjk.configuration.httpd_model import LogLevel
from refjk.configuration.origins import DEFAULT_PROFILE, Profile
from refjk.logformat import LEVEL_NUMBERS, Moment, Stamp, Where, jk_line, line_form, request_line
from refjk.logformat.lines import NO_ID
from refjk.runtime.access_log import local_time
from refjk.runtime.log_file import LogFile

current_request_id: ContextVar[str] = ContextVar("current_request_id", default=NO_ID)
"""What stands in the lines of this thread: the id of its request, or a phase (`CONFIG`, `JK_INIT`).

LOG-LIN-03
"""

# LOG-STP-01
_STAMP = next(directive for directive in DIRECTIVES if directive.name == "JkLogStampFormat")

TRACE_NUMBER = 5
"""The level of `logging` that becomes trace."""

# LOG-LVL-03
_LOGGING = {
    LogLevel.TRACE: TRACE_NUMBER,
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.EMERG: logging.CRITICAL,
}


class JkLog:
    """A JkLogFile. Ask `is_on` before making a text that costs something.

    `level` may be set while others write. What is at fault with the file is said on standard error.
    """

    def __init__(
        self,
        path: str,
        level: LogLevel = LogLevel.INFO,
        *,
        profile: Profile = DEFAULT_PROFILE,
        stamp_format: str | None = None,
    ) -> None:
        self.level = level
        self._form = line_form(profile)
        self._stamp = Stamp(_STAMP.default_of(profile) if stamp_format is None else stamp_format, local_time)
        self._file = LogFile(path, "JkLogFile", _to_standard_error)

    def is_on(self, level: LogLevel) -> bool:
        """Whether lines of this level are written. LOG-LVL-02"""
        return LEVEL_NUMBERS[level] >= LEVEL_NUMBERS[self.level]

    def trace(self, text: str) -> None:
        self.log(LogLevel.TRACE, text, 2)

    def debug(self, text: str) -> None:
        self.log(LogLevel.DEBUG, text, 2)

    def info(self, text: str) -> None:
        self.log(LogLevel.INFO, text, 2)

    def warn(self, text: str) -> None:
        self.log(LogLevel.WARN, text, 2)

    def error(self, text: str) -> None:
        self.log(LogLevel.ERROR, text, 2)

    def emerg(self, text: str) -> None:
        self.log(LogLevel.EMERG, text, 2)

    def log(self, level: LogLevel, text: str, depth: int = 1) -> None:
        """A line that names the caller; `depth` 2 names the caller's caller."""
        if self.is_on(level):
            frame = sys._getframe(depth)
            code = frame.f_code
            self.log_from(
                Where(code.co_name, os.path.basename(code.co_filename), frame.f_lineno), level, text
            )

    def log_from(self, where: Where, level: LogLevel, text: str) -> None:
        """A line about a place that the caller names."""
        if not self.is_on(level):
            return
        moment = _now()
        line = jk_line(
            self._form,
            self._stamp.text(moment.now_us),
            level,
            where,
            text,
            threshold=self.level,
            request_id=current_request_id.get(),
            moment=moment,
        )
        self._file.write(line + "\n")

    def request(self, text: str) -> None:
        """A line of JkRequestLogFormat; written at every level. LOG-REQ-01"""
        stamp = self._stamp.text(_now().now_us)
        self._file.write(request_line(self._form, stamp, text) + "\n")

    def reopen(self) -> None:
        """Go on in a new file of the same name, or in the old one where that cannot be had."""
        self._file.reopen()

    def close(self) -> None:
        self._file.close()


class JkLogHandler(logging.Handler):
    """Brings what the loggers `refjk.*` say into a JkLogFile.

    handler = JkLogHandler(log)
    logging.getLogger("refjk").addHandler(handler)
    logging.getLogger("refjk").setLevel(logging_level(log.level))
    """

    def __init__(self, log: JkLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """A traceback is a line for each of its lines. LOG-LIN-06"""
        level = _level_of(record.levelno)
        if not self._log.is_on(level):
            return
        where = Where(record.funcName or "-", record.filename, record.lineno)
        try:
            lines = [record.getMessage()]
            if record.exc_info and record.exc_info[1]:
                lines += "".join(traceback.format_exception(record.exc_info[1])).splitlines()
        except Exception:
            self.handleError(record)
            return
        for line in lines:
            self._log.log_from(where, level, line)


def logging_level(level: LogLevel) -> int:
    """The number for `Logger.setLevel` that lets through what a log of this level writes."""
    return _LOGGING[level]


def _level_of(number: int) -> LogLevel:
    return next((level for level in reversed(LogLevel) if number >= _LOGGING[level]), LogLevel.TRACE)


def _now() -> Moment:
    return Moment(time.time_ns() // 1000, os.getpid(), threading.get_native_id())


def _to_standard_error(text: str) -> None:
    """Not by a logger: it may lead back here."""
    try:
        print(f"refjk: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass
