"""Times, distributions, arrivals, outages and drains as users write them. Raises `ValueError` for users."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from refjk.balancing import Activation
from refjk.simulation.distributions import Constant, Distribution, Exponential, Lognormal
from refjk.simulation.scenario import SECOND_US, Arrivals, Drain, Outage

UNITS_US = {
    "us": 1,
    "ms": 1000,
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": 3600 * SECOND_US,
    "d": 86400 * SECOND_US,
}
TIME_MAX_US = 366 * UNITS_US["d"]
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(us|ms|s|m|h|d)", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_SIGMA_MAX = 5.0
T = TypeVar("T")
_DRAINS = {"disable": Activation.DISABLED, "stop": Activation.STOPPED}


def parse_time(text: str) -> int:
    """`10m`, `1m30s`, `250ms`, and `1.5` for seconds, as microseconds."""
    if _NUMBER.fullmatch(text):
        time_us = round(float(text) * SECOND_US)
    else:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{text!r} is no time: write 250ms, 30s, 10m, 1m30s or 2h")
        time_us = round(sum(float(number) * UNITS_US[unit] for number, unit in parts))
    if time_us > TIME_MAX_US:
        raise ValueError(f"{text!r} is more than 366 days")
    return time_us


def format_time(time_us: int) -> str:
    """In at most two units, as `parse_time` reads it."""
    if time_us < SECOND_US:
        return f"{time_us / 1000:.3g}ms" if time_us else "0s"
    if time_us < UNITS_US["m"]:
        return f"{time_us / SECOND_US:.4g}s"
    parts, rest = [], time_us
    for unit in ("d", "h", "m", "s"):
        number, rest = divmod(rest, UNITS_US[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts[:2])


def parse_distribution(text: str) -> Distribution:
    """`constant:TIME`, `exponential:MEAN`, `lognormal:MEDIAN,SIGMA`; a time alone is an exponential mean."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return Exponential(parse_time(text))
    return _of_kind(_DISTRIBUTIONS, kind, "distribution")(rest)


def _lognormal(text: str) -> Lognormal:
    median, comma, sigma = text.partition(",")
    if not comma:
        sigma = "1"
    if not _NUMBER.fullmatch(sigma) or float(sigma) > _SIGMA_MAX:
        raise ValueError(f"{sigma!r} is no sigma of 0 to {_SIGMA_MAX:g}: write lognormal:MEDIAN,SIGMA")
    return Lognormal(_above_zero(median), float(sigma))


def parse_arrivals(text: str) -> Arrivals:
    """`poisson:RATE`, users in a second, or `every:TIME`."""
    kind, _, rest = text.partition(":")
    return _of_kind(_ARRIVALS, kind, "kind of arrivals")(rest)


def _poisson(text: str) -> Arrivals:
    if not _NUMBER.fullmatch(text) or not 1e-6 <= float(text) <= SECOND_US:
        raise ValueError(f"{text!r} is no rate: write poisson:25 for 25 users in a second")
    return Arrivals(round(SECOND_US / float(text)), is_random=True)


def _every(text: str) -> Arrivals:
    return Arrivals(_above_zero(text), is_random=False)


def parse_outage(text: str) -> Outage:
    """`WORKER@FROM..TO`, or `WORKER@FROM..` for the rest of the time."""
    return Outage(*_span(text, "node2@30s..60s"))


def parse_drain(text: str) -> Drain:
    """Like an outage, and `:disable` (its sessions stay) or `:stop` behind it."""
    span, colon, word = text.partition(":") if "@" not in text else _behind_span(text)
    if colon and word not in _DRAINS:
        raise ValueError(f"{word!r} is no way to drain: write disable or stop")
    return Drain(*_span(span, "node3@40s..90s:stop"), _DRAINS[word] if colon else Activation.DISABLED)


def _behind_span(text: str) -> tuple[str, str, str]:
    worker, _, rest = text.rpartition("@")
    span, colon, word = rest.partition(":")
    return f"{worker}@{span}", colon, word


def _span(text: str, example: str) -> tuple[str, int, int | None]:
    worker, at, span = text.rpartition("@")
    begin, dots, end = span.partition("..")
    if not (worker and at and begin and dots):
        raise ValueError(f"{text!r}: write WORKER@FROM..TO, for instance {example}, or WORKER@FROM..")
    from_us, to_us = parse_time(begin), parse_time(end) if end else None
    if to_us is not None and to_us <= from_us:
        raise ValueError(f"{text!r} ends before it begins")
    return worker, from_us, to_us


def _above_zero(text: str) -> int:
    time_us = parse_time(text)
    if not time_us:
        raise ValueError(f"{text!r}: a time above 0 is needed here")
    return time_us


def _of_kind(kinds: Mapping[str, T], kind: str, what: str) -> T:
    if kind not in kinds:
        raise ValueError(f"{kind!r} is no {what}: write {' or '.join(f'{name}:…' for name in kinds)}")
    return kinds[kind]


_DISTRIBUTIONS: Mapping[str, Callable[[str], Distribution]] = {
    "constant": lambda text: Constant(parse_time(text)),
    "exponential": lambda text: Exponential(parse_time(text)),
    "lognormal": _lognormal,
}
_ARRIVALS: Mapping[str, Callable[[str], Arrivals]] = {"poisson": _poisson, "every": _every}
