"""What a request for a stored content asks for: all of it, a part, nothing new, or nothing at all.

Pure decisions from the headers of a request and the validators of the content (`spec/static-files.md`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Headers = Sequence[tuple[bytes, bytes]]

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_TIME = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = (
    re.compile(rb"[A-Z][a-z]{2}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) " + _TIME + rb" GMT"),
    re.compile(rb"[A-Z][a-z]+day, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{2})-(?P<year>\d\d) " + _TIME + rb" GMT"),
    re.compile(rb"[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) " + _TIME + rb" (?P<year>\d{4})"),
)
_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_TAGS = re.compile(rb"[ \t,]*(?:" + _TAG.pattern + rb"[ \t]*(?:,[ \t,]*|\Z))+")
_RANGE = re.compile(rb"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.IGNORECASE)
_YEAR_PIVOT = 70  # a year of two digits from here on is one of the last century


@dataclass(frozen=True, slots=True)
class Content:
    """What there is: its size in octets, when it changed last (Unix seconds), and its entity tag."""

    size: int
    modified_s: int
    tag: bytes


@dataclass(frozen=True, slots=True)
class Selection:
    """Which status to answer with, and for 200 and 206 which octets of the content belong to the answer."""

    status: int  # 200, 206, 304, 412 or 416
    start: int = 0
    size: int = 0


def select(headers: Headers, is_get: bool, content: Content) -> Selection:
    """What to answer to GET (or HEAD, if not `is_get`), in the order of RFC 9110 section 13.2.2."""
    if not _is_as_expected(headers, content):
        return Selection(412)
    if _is_known(headers, content):
        return Selection(304)
    whole = Selection(200, 0, content.size)
    # SFI-RNG-04: the size of HEAD is that of the whole.
    if not is_get or not _range_holds(headers, content):
        return whole
    match = _RANGE.fullmatch(_only(headers, b"range") or b"")
    # SFI-RNG-03
    if match is None or content.size == 0:
        return whole
    return _part(match, content.size) or whole


def parse_date(text: bytes) -> int | None:
    """Unix seconds of an HTTP date in one of its three forms; None for anything else."""
    for form in _DATES:
        match = form.fullmatch(text)
        if match is not None and match["month"] in _MONTHS:
            year = int(match["year"])
            if len(match["year"]) == 2:
                year += 1900 if year >= _YEAR_PIVOT else 2000
            month = _MONTHS.index(match["month"]) + 1
            day, hour, minute, second = (int(match[name]) for name in ("day", "hour", "minute", "second"))
            try:
                when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                return None
            return int(when.timestamp())
    return None


def _is_as_expected(headers: Headers, content: Content) -> bool:
    """SFI-CND-05"""
    tags = _joined(headers, b"if-match")
    if tags is not None:
        is_strong = not content.tag.startswith(b"W/")
        return tags == b"*" or (is_strong and content.tag in _tags(tags))
    date = parse_date(_only(headers, b"if-unmodified-since") or b"")
    return date is None or content.modified_s <= date


def _is_known(headers: Headers, content: Content) -> bool:
    """Whether the client has the content already."""
    # SFI-CND-03
    tags = _joined(headers, b"if-none-match")
    if tags is not None:
        opaque = content.tag.removeprefix(b"W/")
        return tags == b"*" or opaque in [tag.removeprefix(b"W/") for tag in _tags(tags)]
    # SFI-CND-04
    date = parse_date(_only(headers, b"if-modified-since") or b"")
    return date is not None and content.modified_s <= date


def _range_holds(headers: Headers, content: Content) -> bool:
    """SFI-RNG-05"""
    condition = _joined(headers, b"if-range")
    # A tag that is weak now says that the file may change within the unit of its date.
    is_strong = not content.tag.startswith(b"W/")
    return condition is None or (
        is_strong and (condition == content.tag or parse_date(condition) == content.modified_s)
    )


def _part(match: re.Match[bytes], size: int) -> Selection | None:
    """SFI-RNG-01, SFI-RNG-02"""
    first, last, from_end = match.groups()
    if from_end is not None:
        # No octet from the end is no range that could be answered.
        part = min(int(from_end), size)
        return Selection(206, size - part, part) if part else Selection(416)
    start = int(first)
    end = int(last) if last else size - 1
    if last and end < start:
        return None
    return Selection(416) if start >= size else Selection(206, start, min(end, size - 1) - start + 1)


def _tags(text: bytes) -> list[bytes]:
    """The entity tags of a list; none when it is not one."""
    return _TAG.findall(text) if _TAGS.fullmatch(text) else []


def _joined(headers: Headers, name: bytes) -> bytes | None:
    values = [value for key, value in headers if key.lower() == name]
    return b", ".join(values) if values else None


def _only(headers: Headers, name: bytes) -> bytes | None:
    """The value of a header that may be there once."""
    values = [value for key, value in headers if key.lower() == name]
    return values[0] if len(values) == 1 else None
