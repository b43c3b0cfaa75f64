"""`%t` and what its argument may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from refjk.logformat.entry import LogEntry, Moment
from refjk.logformat.stamps import US_PER_S, ClfStamp, LocalTime, Stamp

_NUMBERS: Mapping[str, Callable[[int], str]] = {
    "sec": lambda at_us: str(at_us // US_PER_S),
    "msec": lambda at_us: str(at_us // 1000),
    "usec": lambda at_us: str(at_us),
    "msec_frac": lambda at_us: f"{at_us % US_PER_S // 1000:03d}",
    "usec_frac": lambda at_us: f"{at_us % US_PER_S:06d}",
}


def time_item(argument: str, local_time: LocalTime) -> Callable[[LogEntry, Moment], str]:
    """When the request came or, with `end`, when its line is written. LOG-ACC-06"""
    of_end, pattern = _which(argument)
    write: Callable[[int], str]
    if pattern in _NUMBERS:
        write = _NUMBERS[pattern]
    elif pattern:
        write = Stamp(pattern, local_time).text
    else:
        write = ClfStamp(local_time).text
    if of_end:
        return lambda entry, moment: write(moment.now_us)
    return lambda entry, moment: write(moment.now_us - entry.duration_us)


def _which(argument: str) -> tuple[bool, str]:
    """Whether the end is meant, and the pattern."""
    for word in ("begin", "end"):
        if argument == word or argument.startswith(f"{word}:"):
            return word == "end", argument[len(word) + 1 :]
    return False, argument
