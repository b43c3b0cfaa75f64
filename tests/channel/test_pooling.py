"""Who gets which connection of a pool, and who waits."""

from __future__ import annotations

import random

from refjk.channel import Granted, PlacePool, Refused
from refjk.speccheck import covers


@covers("CHN-POL-01")
def test_places_are_made_up_to_the_size() -> None:
    pool = PlacePool(size=25)
    places = [pool.acquire(number, 0) for number in range(26)]
    assert places == [*(Granted(number, number) for number in range(25)), None]
    assert (pool.made, pool.in_use, pool.waiting) == (25, 25, 1)


@covers("CHN-POL-02")
def test_the_place_that_is_idle_longest_is_used_before_a_new_one() -> None:
    pool = PlacePool(size=3)
    pool.acquire("a", 0)
    pool.acquire("b", 0)
    pool.release(1, 1)
    pool.release(0, 2)
    assert [pool.acquire(caller, 3) for caller in "cde"] == [
        Granted("c", 1),
        Granted("d", 0),
        Granted("e", 2),
    ]


@covers("CHN-POL-03")
def test_who_waits_longest_gets_the_next_place() -> None:
    pool = PlacePool(size=1)
    pool.acquire("a", 0)
    assert pool.acquire("b", 1) is None
    assert pool.acquire("c", 2) is None
    assert pool.release(0, 3) == [Granted("b", 0)]
    assert pool.acquire("d", 4) is None
    assert pool.release(0, 5) == [Granted("c", 0)]
    assert pool.release(0, 6) == [Granted("d", 0)]


@covers("CHN-POL-04")
def test_a_wait_ends_at_its_deadline() -> None:
    pool = PlacePool(size=1, wait_ms=100)
    pool.acquire("a", 0)
    pool.acquire("b", 10)
    assert pool.next_expiry_ms() == 110
    assert pool.expire(109) == []
    [refused] = pool.expire(110)
    assert isinstance(refused, Refused)
    assert (refused.caller, pool.waiting, pool.next_expiry_ms()) == ("b", 0, None)
    pool.acquire("c", 120)
    assert [type(told) for told in pool.release(0, 300)] == [Refused]
    assert pool.acquire("d", 301) == Granted("d", 0)


@covers("CHN-POL-05")
def test_no_place_is_ever_lost_whatever_becomes_of_its_connection() -> None:
    chance, pool = random.Random(25), PlacePool(size=5, wait_ms=20)
    held: dict[object, int] = {}
    for now_ms in range(5000):
        if held and chance.random() < 0.5:
            place = held.pop(chance.choice(list(held)))
            told = pool.release(place, now_ms)
        else:
            told = [one for one in [pool.acquire(now_ms, now_ms)] if one] + pool.expire(now_ms)
        for one in told:
            if isinstance(one, Granted):
                assert one.place not in held.values()
                held[one.caller] = one.place
        assert len(held) == pool.in_use <= 5
    for place in held.values():
        pool.release(place, 10**6)
    assert [pool.acquire(number, 10**6) for number in range(5)].count(None) == 0


@covers("CHN-POL-06")
def test_a_closed_pool_refuses_those_who_wait_and_those_who_come() -> None:
    pool = PlacePool(size=1)
    pool.acquire("a", 0)
    pool.acquire("b", 0)
    assert [one.caller for one in pool.close()] == ["b"]
    assert isinstance(pool.acquire("c", 1), Refused)
    assert pool.release(0, 2) == []
    assert pool.in_use == 0
