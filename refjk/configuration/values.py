"""How a value is read: numbers, flags and lists, as each version reads them. Nothing here complains."""

from __future__ import annotations

import re

from refjk.configuration.origins import Profile

NUMBER_MAX = 2**31 - 1
NUMBER_MIN = -(2**31)
_NUMBER = re.compile(r"[ \t]*([+-]?)([0-9]*)")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+[kKmM]?")
_MULTIPLIERS = {"k": 1024, "m": 1024 * 1024}


def parse_number(text: str) -> int:
    """Leading digits with an optional sign, times 1024 or 1024² for a last letter k or m; text reads as 0.

    Kept within 32 bits. CFG-VAL-01
    """
    found = _NUMBER.match(text)
    if found is None or not found[2]:
        return 0
    # Twelve digits are beyond 32 bits already; more of them are not worth their time.
    number = int(found[2][:12]) * _MULTIPLIERS.get(text[-1:].lower(), 1)
    return min(max(-number if found[1] == "-" else number, NUMBER_MIN), NUMBER_MAX)


def is_whole_number(text: str) -> bool:
    """Whether a number says everything that the text says."""
    return _WHOLE_NUMBER.fullmatch(text) is not None and NUMBER_MIN < parse_number(text) < NUMBER_MAX


def parse_flag(text: str, profile: Profile) -> bool | None:
    """The flag that a word stands for; None when it says nothing and the default counts."""
    if profile is Profile.V1_2_7:
        # CFG-VAL-02
        return text.lower() == "true" or text[:1] in ("Y", "y", "1")
    # CFG-VAL-03
    if text.lower() == "off" or text[:1] in ("F", "f", "N", "n") or text == "0":
        return False
    if text.lower() == "on" or text[:1] in ("T", "t", "Y", "y") or text == "1":
        return True
    return None


def parse_list(text: str, profile: Profile) -> tuple[str, ...]:
    """The parts of a list, in order. CFG-VAL-04"""
    separators = "[ \t,*]+" if profile is Profile.V1_2_7 else "[ \t,]+"
    return tuple(part for part in re.split(separators, text) if part)


def parse_statuses(text: str, profile: Profile) -> tuple[int, ...]:
    """A list of HTTP statuses, negative ones included."""
    return tuple(parse_number(part) for part in parse_list(text, profile))
