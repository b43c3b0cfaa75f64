"""The rules of a pool: which connection goes out, comes back, is asked or is closed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from refjk.ajp13.pooling import (
    Checkout,
    Idle,
    Ping,
    PoolSettings,
    PoolStyle,
    check_out,
    closed_in_maintenance,
    next_idle,
    ping_due,
    pinged_in_maintenance,
    slot_for_return,
    slot_for_use,
)
from refjk.speccheck import covers

REFJK = PoolSettings(size_max=4, idle_timeout_s=60)
JK_127 = PoolSettings(size_max=4, style=PoolStyle.V1_2_7, idle_timeout_s=15)
JK_1250 = PoolSettings(size_max=4, style=PoolStyle.V1_2_50, idle_timeout_s=60)


def idle(slot: int, idle_s: float = 0, taken_s: float = 0, turn: int = 0) -> Idle:
    return Idle(slot, turn, idle_s, taken_s)


def slots(chosen: Sequence[Idle]) -> list[int]:
    return [one.slot for one in chosen]


# -- size ---------------------------------------------------------------------------------


@covers("EPL-SIZ-01", "EPL-SIZ-02")
@pytest.mark.parametrize(("settings", "places"), [(REFJK, 4), (JK_1250, 4), (JK_127, math.inf)])
def test_the_size_bounds_what_is_in_use_except_in_1_2_7(settings: PoolSettings, places: float) -> None:
    assert settings.places == places


@pytest.mark.parametrize("style", PoolStyle)
def test_only_1_2_7_may_keep_nothing(style: PoolStyle) -> None:
    if style is PoolStyle.V1_2_7:
        assert PoolSettings(size_max=0, style=style).places == math.inf
    else:
        with pytest.raises(ValueError, match="size_max 0"):
            PoolSettings(size_max=0, style=style)


# -- going out ----------------------------------------------------------------------------


@covers("EPL-SIZ-04", "EPL-SIZ-05", "EPL-SIZ-06")
@pytest.mark.parametrize(("settings", "slot"), [(REFJK, 2), (JK_127, 1), (JK_1250, 1)])
def test_the_first_slot_goes_out_or_in_refjk_the_one_that_came_back_last(
    settings: PoolSettings, slot: int
) -> None:
    kept = [idle(3, turn=5), idle(1, turn=6), idle(2, turn=7)]
    found = check_out(settings, kept)
    assert found.take is not None and (found.take.slot, found.close) == (slot, ())
    following = next_idle(settings.style, [one for one in kept if one.slot != slot])
    assert following is not None and following.slot == (1 if settings is REFJK else 2)


@pytest.mark.parametrize("settings", [REFJK, JK_127, JK_1250])
def test_where_nothing_is_kept_a_new_connection_is_made(settings: PoolSettings) -> None:
    assert check_out(settings, []) == Checkout(None)


@covers("EPL-SIZ-05")
def test_a_new_connection_gets_the_first_free_slot() -> None:
    assert slot_for_use(JK_1250, None, {0, 1, 3}) == 2
    assert slot_for_use(REFJK, None, set()) == 0
    assert slot_for_use(JK_1250, idle(3), {0}) == 3
    assert slot_for_use(JK_127, None, set()) is slot_for_use(JK_127, idle(3), set()) is None


@covers("EPL-IDL-05")
def test_refjk_closes_before_it_takes() -> None:
    kept = [idle(0, 60.1, turn=3), idle(1, 60, turn=2), idle(2, 70, turn=1)]
    found = check_out(REFJK, kept)
    assert found == Checkout(kept[1], (kept[0], kept[2]))
    assert check_out(replace(REFJK, idle_timeout_s=None), kept) == Checkout(kept[0])


@covers("EPL-IDL-03")
@pytest.mark.parametrize(("age_s", "taken"), [(30, True), (30.1, False)])
def test_1_2_7_recycles_by_the_time_since_a_connection_went_out(age_s: float, taken: bool) -> None:
    kept = [idle(0, idle_s=0, taken_s=age_s), idle(1, idle_s=90, taken_s=90)]
    found = check_out(replace(JK_127, recycle_timeout_s=30, idle_timeout_s=None), kept)
    assert found == (Checkout(kept[0]) if taken else Checkout(None, (kept[0],)))


@covers("EPL-IDL-04")
@pytest.mark.parametrize(("age_s", "closed"), [(15, []), (15.1, [2, 3])])
def test_1_2_7_closes_later_slots_by_the_age_of_the_one_taken(age_s: float, closed: list[int]) -> None:
    kept = [idle(1, taken_s=age_s), idle(2, taken_s=0), idle(3, taken_s=99)]
    found = check_out(JK_127, kept)
    assert found.take is kept[0]
    assert slots(found.close) == closed


def test_1_2_7_may_recycle_one_and_close_the_later_ones_at_once() -> None:
    kept = [idle(0, taken_s=40), idle(2, taken_s=0)]
    assert check_out(replace(JK_127, recycle_timeout_s=30), kept) == Checkout(None, (kept[0], kept[1]))


def test_1_2_50_closes_nothing_when_a_request_comes() -> None:
    kept = [idle(0, 1e6, 1e6), idle(1)]
    assert check_out(JK_1250, kept) == Checkout(kept[0])


# -- coming back --------------------------------------------------------------------------


@covers("EPL-SIZ-03")
@pytest.mark.parametrize(
    ("size", "filled", "slot"), [(3, [], 0), (3, [0, 2], 1), (2, [0, 1], None), (0, [], None)]
)
def test_1_2_7_fills_the_first_empty_slot(size: int, filled: list[int], slot: int | None) -> None:
    assert slot_for_return(replace(JK_127, size_max=size), None, filled) == slot


@covers("EPL-SIZ-05")
@pytest.mark.parametrize("settings", [REFJK, JK_1250])
def test_elsewhere_a_connection_goes_back_where_it_was(settings: PoolSettings) -> None:
    assert slot_for_return(settings, 2, []) == 2


@covers("EPL-SIZ-08")
@pytest.mark.parametrize(("settings", "own"), [(REFJK, 0), (JK_1250, 0), (JK_127, None)])
def test_without_reuse_nothing_stays(settings: PoolSettings, own: int | None) -> None:
    assert slot_for_return(replace(settings, reuse=False), own, []) is None


# -- CPING --------------------------------------------------------------------------------

NEW, FRESH, LONG_IDLE = None, 5.0, 5.1
Pings = tuple[Ping | None, Ping | None, Ping | None]
EXPECTED: dict[
    PoolStyle, dict[tuple[bool, bool], Pings]
] = {  # (connect, request) configured -> for a new, a recently used, a long idle connection
    PoolStyle.REFJK: {
        (False, False): (None, None, Ping.IDLE),
        (True, False): (Ping.CONNECT, None, Ping.IDLE),
        (False, True): (Ping.REQUEST, Ping.REQUEST, Ping.REQUEST),
        (True, True): (Ping.CONNECT, Ping.REQUEST, Ping.REQUEST),
    },
    PoolStyle.V1_2_7: {
        (False, False): (None, None, None),
        (True, False): (Ping.CONNECT, None, None),
        (False, True): (None, Ping.REQUEST, Ping.REQUEST),
        (True, True): (Ping.CONNECT, Ping.REQUEST, Ping.REQUEST),
    },
    PoolStyle.V1_2_50: {
        (False, False): (None, None, None),
        (True, False): (Ping.CONNECT, None, None),
        (False, True): (Ping.REQUEST, Ping.REQUEST, Ping.REQUEST),
        (True, True): (Ping.CONNECT, Ping.REQUEST, Ping.REQUEST),
    },
}


@covers("EPL-PNG-01")
@pytest.mark.parametrize(
    ("style", "connect", "request_"), list(product(PoolStyle, [False, True], [False, True]))
)
def test_cping_is_sent_for_the_first_reason_that_is_configured(
    style: PoolStyle, connect: bool, request_: bool
) -> None:
    settings = PoolSettings(style=style, ping_on_connect=connect, ping_before_request=request_, ping_idle_s=5)
    found = tuple(ping_due(settings, idle_s) for idle_s in (NEW, FRESH, LONG_IDLE))
    assert found == EXPECTED[style][connect, request_]


@covers("EPL-PNG-07")
def test_each_reason_has_its_timeout() -> None:
    settings = PoolSettings(connect_ping_timeout_s=1, request_ping_timeout_s=2)
    assert {ping: settings.ping_timeout_s(ping) for ping in Ping} == {
        Ping.CONNECT: 1,
        Ping.REQUEST: 2,
        Ping.IDLE: None,
        Ping.INTERVAL: None,
    }


# -- maintenance --------------------------------------------------------------------------


@covers("EPL-IDL-01")
def test_1_2_50_closes_what_is_idle_for_more_than_the_timeout_from_the_last_slot_down() -> None:
    kept = [idle(0, 60.1), idle(1, 60), idle(3, 99)]
    assert slots(closed_in_maintenance(JK_1250, kept, open_now=4)) == [3, 0]


@covers("EPL-IDL-02")
@pytest.mark.parametrize(
    ("size_min", "open_now", "closed"),
    [
        (0, 4, [3, 2, 1, 0]),
        (2, 4, [3, 2]),
        (3, 4, [3]),
        (4, 4, [3]),  # the look comes after the slot
        (9, 4, [3]),
    ],
)
def test_1_2_50_stops_closing_at_the_least_size(size_min: int, open_now: int, closed: list[int]) -> None:
    kept = [idle(slot, 99) for slot in range(4)]
    settings = replace(JK_1250, size_min=size_min)
    assert slots(closed_in_maintenance(settings, kept, open_now)) == closed


@covers("EPL-IDL-02")
def test_1_2_50_counts_connections_in_use_and_looks_after_empty_slots_too() -> None:
    kept = [idle(0, 99), idle(1, 99)]
    assert slots(closed_in_maintenance(replace(JK_1250, size_min=2), kept, open_now=3)) == [1]
    assert slots(closed_in_maintenance(replace(JK_1250, size_min=2), kept, open_now=2)) == []


@covers("EPL-IDL-05")
def test_refjk_closes_in_maintenance_too_and_1_2_7_has_none() -> None:
    kept = [idle(0, 60), idle(1, 60.1), idle(2, 99)]
    assert slots(closed_in_maintenance(REFJK, kept, 3)) == [1, 2]
    assert closed_in_maintenance(JK_127, kept, 3) == ()
    assert closed_in_maintenance(replace(JK_1250, idle_timeout_s=None), kept, 3) == ()


@covers("EPL-PNG-05")
def test_1_2_50_asks_what_was_idle_for_more_than_the_interval_from_the_last_slot_down() -> None:
    kept = [idle(0, 101), idle(1, 100), idle(2, 100.1)]
    assert slots(pinged_in_maintenance(replace(JK_1250, ping_interval_s=100), kept)) == [2, 0]
    assert pinged_in_maintenance(JK_1250, kept) == ()
    for settings in (REFJK, JK_127):
        assert pinged_in_maintenance(replace(settings, ping_interval_s=100), kept) == ()
