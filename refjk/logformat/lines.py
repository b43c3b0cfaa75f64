"""Lines of mod_jk's log: stamp, who, level, where, text."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.configuration.httpd_model import LogLevel
from refjk.configuration.origins import Profile
from refjk.logformat.entry import Moment
from refjk.logformat.escaping import printed

NO_ID = "NO-ID"
_DOTS = "..."

# LOG-LVL-01
LEVEL_NUMBERS = {level: number for number, level in enumerate(LogLevel)}


@dataclass(frozen=True, slots=True)
class LineForm:
    """How a version of mod_jk writes a line. `size_max` counts octets without the line end."""

    request_id: bool
    threads_always: bool  # else only in a log that is at debug or trace
    size_max: int


# LOG-LIN-01, LOG-LIN-02, LOG-LIN-04
_FORMS = {
    Profile.V1_2_7: LineForm(request_id=False, threads_always=False, size_max=8191),
    Profile.V1_2_50: LineForm(request_id=True, threads_always=True, size_max=1021),
}


@dataclass(frozen=True, slots=True)
class Where:
    """The place in the program that has something to say."""

    function: str
    file: str
    line: int


def line_form(profile: Profile) -> LineForm:
    return _FORMS[profile]


def jk_line(
    form: LineForm,
    stamp: str,
    level: LogLevel,
    where: Where,
    text: str,
    *,
    threshold: LogLevel,
    request_id: str,
    moment: Moment,
) -> str:
    """One line without its end; `threshold` is the level of the log."""
    about = f"[{request_id}] " if form.request_id else ""
    if form.threads_always or LEVEL_NUMBERS[threshold] < LEVEL_NUMBERS[LogLevel.INFO]:
        about += f"[{moment.pid}:{moment.tid}] "
    place = f"{where.function}::{where.file} ({where.line})"
    return _cut(f"{stamp}{printed(f'{about}[{level.value}] {place}: {text}')}", form.size_max)


def request_line(form: LineForm, stamp: str, text: str) -> str:
    """A line of JkRequestLogFormat: the stamp and the text alone. LOG-REQ-01"""
    return _cut(stamp + printed(text), form.size_max)


def _cut(line: str, size_max: int) -> str:
    return line if len(line) < size_max else line[: size_max - len(_DOTS)] + _DOTS
