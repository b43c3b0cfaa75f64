"""Times in lines of logs, made once a second and then remembered."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from refjk.base.errors import InputError

LocalTime = Callable[[int], datetime]
"""The local time, with its offset, of so many seconds since 1970."""

_CONVERSION = re.compile(r"%(.)", re.DOTALL)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
US_PER_S = 1_000_000


class Stamp:
    """A strftime pattern in which the first `%Q` stands for milliseconds or, without one, the first
    `%q` for microseconds. A pattern that strftime refuses is an `InputError`.

    LOG-STP-02
    """

    def __init__(self, pattern: str, local_time: LocalTime) -> None:
        self._local_time = local_time
        self._before, self._digits, self._after = _split(pattern)
        self._second = _Remembered(self._text_of)
        try:
            self._second(0)
        except ValueError as error:
            raise InputError(f"{pattern!r} is no format for a time: {error}") from None

    def text(self, now_us: int) -> str:
        second, us = divmod(now_us, US_PER_S)
        before, after = self._second(second)
        if not self._digits:
            return before
        return f"{before}{us // 1000:03d}{after}" if self._digits == 3 else f"{before}{us:06d}{after}"

    def _text_of(self, second: int) -> tuple[str, str]:
        local = self._local_time(second)
        return local.strftime(self._before), local.strftime(self._after)


class ClfStamp:
    """`[14/Dec/2004:10:00:00 +0100]`"""

    def __init__(self, local_time: LocalTime) -> None:
        self._local_time = local_time
        self._second = _Remembered(self._text_of)

    def text(self, now_us: int) -> str:
        return self._second(now_us // US_PER_S)[0]

    def _text_of(self, second: int) -> tuple[str, str]:
        local = self._local_time(second)
        # Names of months do not follow the locale.
        return f"[{local:%d}/{_MONTHS[local.month - 1]}/{local:%Y:%H:%M:%S %z}]", ""


class _Remembered:
    """The text of the last second; replaced in one step, so that threads need no lock."""

    def __init__(self, make: Callable[[int], tuple[str, str]]) -> None:
        self._make = make
        self._last: tuple[int, tuple[str, str]] | None = None

    def __call__(self, second: int) -> tuple[str, str]:
        last = self._last
        if last is None or last[0] != second:
            last = self._last = (second, self._make(second))
        return last[1]


def _split(pattern: str) -> tuple[str, int, str]:
    """What stands before and after the fraction of a second, and how many digits that has."""
    found = list(_CONVERSION.finditer(pattern))
    for letter, digits in (("Q", 3), ("q", 6)):
        for conversion in found:
            if conversion[1] == letter:
                return pattern[: conversion.start()], digits, pattern[conversion.end() :]
    return pattern, 0, ""
