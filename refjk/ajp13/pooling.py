"""Which of a pool's connections goes out, comes back, is asked or is closed.

The chapter is `spec/endpoint-pool.md`. A pool has numbered slots, from 0. All rules are functions of
the idle connections and their times, in seconds; whoever calls them owns the connections and the clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

POOL_SIZE_MAX = 64
PING_IDLE_S = 1.0
IDLE_TIMEOUT_S = 60.0


class PoolStyle(Enum):
    """Whose rules a pool follows."""

    REFJK = "refjk"
    V1_2_7 = "1.2.7"
    V1_2_50 = "1.2.50"


class Ping(Enum):
    """What a CPING is sent for."""

    CONNECT = "a new connection"
    REQUEST = "the request that follows"
    IDLE = "a request after an idle time"
    INTERVAL = "an idle time without a request"


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many connections there may be, when CPING checks one, and how long an idle one is kept.

    Times in seconds; None for one of them is never, and for the timeout of a CPING that of the
    endpoint's settings. `size_max` 0 is for style 1.2.7 only: a new connection for each request.
    """

    size_max: int = POOL_SIZE_MAX
    size_min: int = 0  # 1.2.50: no idle close below it
    style: PoolStyle = PoolStyle.REFJK
    idle_timeout_s: float | None = IDLE_TIMEOUT_S
    recycle_timeout_s: float | None = None  # 1.2.7
    ping_on_connect: bool = True
    ping_before_request: bool = False
    ping_idle_s: float | None = PING_IDLE_S  # refjk
    ping_interval_s: float | None = None  # 1.2.50
    connect_ping_timeout_s: float | None = None
    request_ping_timeout_s: float | None = None
    reuse: bool = True

    def __post_init__(self) -> None:
        if self.size_max < (self.style is not PoolStyle.V1_2_7):
            raise ValueError(f"size_max {self.size_max} leaves no connection")

    @property
    def places(self) -> float:
        """How many connections may be in use at once. EPL-SIZ-01, EPL-SIZ-02"""
        return math.inf if self.style is PoolStyle.V1_2_7 else self.size_max

    def ping_timeout_s(self, ping: Ping) -> float | None:
        """The limit for one CPING; None: that of the endpoint's settings. EPL-PNG-07"""
        limits = {Ping.CONNECT: self.connect_ping_timeout_s, Ping.REQUEST: self.request_ping_timeout_s}
        return limits.get(ping)


# Made for all idle connections whenever one is needed, so it is of the kind that is made fastest.
class Idle(NamedTuple):
    """An open connection that nobody uses, and its times."""

    slot: int
    turn: int  # counts all that came back; the greatest came last
    idle_s: float  # since it came back (EPL-IDL-06)
    taken_s: float  # since it was connected or handed out


@dataclass(frozen=True, slots=True)
class Checkout:
    """What to do with the idle connections when a request needs one."""

    take: Idle | None  # None: connect
    close: tuple[Idle, ...] = ()


def longer(time_s: float, limit_s: float | None) -> bool:
    """Whether a time is over: strictly, and never without a limit."""
    return limit_s is not None and time_s > limit_s


# -- a request takes a connection ---------------------------------------------------------


def _refjk_checkout(settings: PoolSettings, idle: Sequence[Idle]) -> Checkout:
    expired = _expired(settings, idle)
    return Checkout(next_idle(settings.style, [one for one in idle if one not in expired]), expired)


def _checkout_127(settings: PoolSettings, idle: Sequence[Idle]) -> Checkout:
    """The age of the one that is taken decides about itself (EPL-IDL-03) and all later slots (EPL-IDL-04)."""
    take = next_idle(settings.style, idle)
    if take is None:
        return Checkout(None)
    over = longer(take.taken_s, settings.idle_timeout_s)
    later = tuple(one for one in idle if over and one.slot > take.slot)
    if longer(take.taken_s, settings.recycle_timeout_s):
        return Checkout(None, (take, *later))
    return Checkout(take, later)


def _checkout_1250(settings: PoolSettings, idle: Sequence[Idle]) -> Checkout:
    return Checkout(next_idle(settings.style, idle))


_CHECKOUT: Mapping[PoolStyle, Callable[[PoolSettings, Sequence[Idle]], Checkout]] = {
    PoolStyle.REFJK: _refjk_checkout,
    PoolStyle.V1_2_7: _checkout_127,
    PoolStyle.V1_2_50: _checkout_1250,
}

# The idle connection with the smallest of these goes out first.
_ORDER: Mapping[PoolStyle, Callable[[Idle], int]] = {
    PoolStyle.REFJK: lambda idle: -idle.turn,  # EPL-SIZ-06
    PoolStyle.V1_2_7: lambda idle: idle.slot,  # EPL-SIZ-04
    PoolStyle.V1_2_50: lambda idle: idle.slot,  # EPL-SIZ-05
}


def check_out(settings: PoolSettings, idle: Sequence[Idle]) -> Checkout:
    """For a request's first look at the pool."""
    return _CHECKOUT[settings.style](settings, idle)


def next_idle(style: PoolStyle, idle: Sequence[Idle]) -> Idle | None:
    """The one that is taken; also the next one, when that failed its check. EPL-PNG-02"""
    return min(idle, key=_ORDER[style], default=None)


def slot_for_use(settings: PoolSettings, take: Idle | None, taken: Collection[int]) -> int | None:
    """The slot that is a request's own until its connection comes back: the idle one's, or the first free.

    None in 1.2.7, where the slot is empty then and takes whatever comes back next.
    """
    if settings.style is PoolStyle.V1_2_7:
        return None
    if take is not None:
        return take.slot
    return next(slot for slot in range(settings.size_max) if slot not in taken)


# -- a connection comes back --------------------------------------------------------------


def slot_for_return(settings: PoolSettings, own: int | None, filled: Collection[int]) -> int | None:
    """Where a connection stays that may be used again: its own slot, else the first empty one.

    None: in no slot, so it is closed. EPL-SIZ-03, EPL-SIZ-08
    """
    if not settings.reuse:
        return None
    if own is not None:
        return own
    return next((slot for slot in range(settings.size_max) if slot not in filled), None)


# -- CPING --------------------------------------------------------------------------------

# Style and whether the connection is new -> what CPING may be sent for; the first that applies is
# enough (AJP-PNG-03). EPL-PNG-01
_PINGS: Mapping[tuple[PoolStyle, bool], tuple[Ping, ...]] = {
    (PoolStyle.REFJK, True): (Ping.CONNECT, Ping.REQUEST),
    (PoolStyle.REFJK, False): (Ping.REQUEST, Ping.IDLE),
    (PoolStyle.V1_2_7, True): (Ping.CONNECT,),
    (PoolStyle.V1_2_7, False): (Ping.REQUEST,),
    (PoolStyle.V1_2_50, True): (Ping.CONNECT, Ping.REQUEST),
    (PoolStyle.V1_2_50, False): (Ping.REQUEST,),
}

OTHERS_GIVEN_UP = frozenset({PoolStyle.REFJK})
"""Where a kept connection's missing CPONG costs all other idle ones, unasked. EPL-PNG-03"""


def ping_due(settings: PoolSettings, idle_s: float | None) -> Ping | None:
    """What a connection is asked for before a request; `idle_s` is None for a new one."""
    wanted = {
        Ping.CONNECT: settings.ping_on_connect,
        Ping.REQUEST: settings.ping_before_request,
        Ping.IDLE: idle_s is not None and longer(idle_s, settings.ping_idle_s),
    }
    return next((ping for ping in _PINGS[settings.style, idle_s is None] if wanted[ping]), None)


# -- maintenance --------------------------------------------------------------------------


def closed_in_maintenance(settings: PoolSettings, idle: Sequence[Idle], open_now: int) -> tuple[Idle, ...]:
    """Which idle connections have been kept for too long; `open_now` counts those in use as well."""
    if settings.style is PoolStyle.REFJK:
        return _expired(settings, idle)
    if settings.style is PoolStyle.V1_2_7 or settings.idle_timeout_s is None:
        return ()
    by_slot = {one.slot: one for one in idle}
    closed: list[Idle] = []
    for slot in reversed(range(settings.size_max)):
        one = by_slot.get(slot)
        if one is not None and longer(one.idle_s, settings.idle_timeout_s):  # EPL-IDL-01
            closed.append(one)
        # After the slot and not before it, so one may go although no more than size_min are open.
        if open_now - len(closed) <= settings.size_min:  # EPL-IDL-02
            break
    return tuple(closed)


def pinged_in_maintenance(settings: PoolSettings, idle: Sequence[Idle]) -> tuple[Idle, ...]:
    """Which idle connections are asked, the last slot first. EPL-PNG-05"""
    if settings.style is not PoolStyle.V1_2_50:
        return ()
    due = [one for one in idle if longer(one.idle_s, settings.ping_interval_s)]
    return tuple(sorted(due, key=lambda one: -one.slot))


def _expired(settings: PoolSettings, idle: Sequence[Idle]) -> tuple[Idle, ...]:
    """EPL-IDL-05"""
    return tuple(one for one in idle if longer(one.idle_s, settings.idle_timeout_s))
