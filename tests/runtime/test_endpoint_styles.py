"""The pool in the styles of mod_jk 1.2.7 and 1.2.50, its maintenance, and changes at run time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codec import CPING_PACKET, CPONG_PACKET
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.runtime.endpoint_errors import NoConnectionFree, NoPong
from refjk.runtime.endpoint_pool import EndpointPool, PoolSettings, PoolStyle
from refjk.speccheck import covers
from tests.runtime.containers import DEADLINE_S, Talk, TinyContainer

REQUEST = build_forward_request(b"GET", b"/a", None, [], ConnectionFacts(b"192.0.2.7", b"www.example", 80))
JK_127 = PoolSettings(size_max=2, style=PoolStyle.V1_2_7, idle_timeout_s=None, ping_on_connect=False)
JK_1250 = PoolSettings(size_max=3, style=PoolStyle.V1_2_50, idle_timeout_s=None, ping_on_connect=False)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container() -> Iterator[TinyContainer]:
    with TinyContainer() as container:
        yield container


Open = Callable[..., EndpointPool]


@pytest.fixture
def open_pool(clock: Clock) -> Iterator[Open]:
    pools: list[EndpointPool] = []

    def create(address: Address, settings: PoolSettings, ping_timeout_s: float = 10) -> EndpointPool:
        pools.append(EndpointPool(address, EndpointSettings(ping_timeout_s=ping_timeout_s), settings, clock))
        return pools[-1]

    yield create
    for pool in pools:
        pool.close_all()


def take(pool: EndpointPool, number: int) -> list[Endpoint]:
    return [pool.acquire(0) for _ in range(number)]


def give_back(pool: EndpointPool, *endpoints: Endpoint) -> None:
    for endpoint in endpoints:
        pool.release(endpoint)


def use(endpoint: Endpoint) -> None:
    assert list(endpoint.exchange(REQUEST))


def hangs_after_a_request(talk: Talk) -> None:
    talk.request()
    talk.answer()
    talk.wait_for_end()


# -- 1.2.7 --------------------------------------------------------------------------------


@covers("EPL-SIZ-02", "EPL-SIZ-03", "EPL-SIZ-04")
def test_1_2_7_connects_without_limit_and_keeps_as_many_as_it_has_slots(
    container: TinyContainer, open_pool: Open
) -> None:
    pool = open_pool(container.address, JK_127)
    a, b, c = take(pool, 3)
    assert not pool.is_full
    give_back(pool, b, a, c)
    assert [endpoint.closed for endpoint in (a, b, c)] == [False, False, True]
    assert take(pool, 2) == [b, a]
    counters = pool.counters()
    assert (counters.open, counters.open_max, counters.busy, counters.idle) == (2, 3, 2, 0)
    give_back(pool, a, b)


@covers("EPL-SIZ-03")
def test_1_2_7_without_slots_makes_a_connection_for_each_request(
    container: TinyContainer, open_pool: Open
) -> None:
    pool = open_pool(container.address, replace(JK_127, size_max=0))
    for _ in range(2):
        endpoint = pool.acquire(0)
        use(endpoint)
        pool.release(endpoint)
        assert endpoint.closed
    assert pool.counters().opened == 2


@covers("EPL-IDL-03")
def test_1_2_7_recycles_what_went_out_too_long_ago(
    container: TinyContainer, open_pool: Open, clock: Clock
) -> None:
    pool = open_pool(container.address, replace(JK_127, recycle_timeout_s=30))
    first = pool.acquire(0)
    clock.now += 20
    pool.release(first)
    clock.now += 10
    assert pool.acquire(0) is first
    clock.now += 20
    pool.release(first)
    clock.now += 10.1
    second = pool.acquire(0)
    assert second is not first and first.closed
    pool.release(second)
    assert pool.counters().closed_idle == 1


@covers("EPL-IDL-04")
def test_1_2_7_closes_later_slots_by_the_age_of_the_first(
    container: TinyContainer, open_pool: Open, clock: Clock
) -> None:
    pool = open_pool(container.address, replace(JK_127, idle_timeout_s=15))
    old = pool.acquire(0)
    clock.now += 16
    young = pool.acquire(0)
    give_back(pool, old, young)
    assert pool.acquire(0) is old
    assert young.closed
    pool.release(old)


@covers("EPL-SIZ-07")
@pytest.mark.parametrize("settings", [JK_127, JK_1250, PoolSettings(ping_on_connect=False)])
def test_an_answer_without_reuse_costs_the_connection_in_every_style(
    open_pool: Open, settings: PoolSettings
) -> None:
    def refuses(talk: Talk) -> None:
        talk.request()
        talk.answer(reuse=False)
        talk.wait_for_end()

    with TinyContainer(refuses) as container:
        pool = open_pool(container.address, settings)
        endpoint = pool.acquire(0)
        use(endpoint)
        pool.release(endpoint)
        assert (pool.counters().idle, pool.counters().open) == (0, 0)


# -- 1.2.50 -------------------------------------------------------------------------------


@covers("EPL-SIZ-05")
def test_1_2_50_takes_the_first_slot_with_an_open_connection(
    container: TinyContainer, open_pool: Open
) -> None:
    pool = open_pool(container.address, JK_1250)
    a, b, c = take(pool, 3)
    give_back(pool, c, b)
    pool.discard(a)
    assert take(pool, 2) == [b, c]
    [d] = take(pool, 1)
    give_back(pool, c, b, d)
    assert take(pool, 3) == [d, b, c]
    give_back(pool, b, c, d)


@covers("EPL-SIZ-01", "EPL-WAI-01", "EPL-WAI-04")
def test_1_2_50_has_no_more_connections_than_slots(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, JK_1250)
    held = take(pool, 3)
    assert pool.is_full
    with pytest.raises(NoConnectionFree, match="all 3 connections"):
        pool.acquire(0)
    pool.release(held[1])
    assert not pool.is_full
    assert pool.acquire(0) is held[1]
    give_back(pool, *held)


@covers("EPL-SIZ-08")
def test_without_reuse_each_request_has_a_connection_of_its_own(
    container: TinyContainer, open_pool: Open
) -> None:
    pool = open_pool(container.address, replace(JK_1250, reuse=False))
    for _ in range(2):
        endpoint = pool.acquire(0)
        use(endpoint)
        pool.release(endpoint)
        assert endpoint.closed
    assert (pool.counters().opened, pool.counters().reused) == (2, 0)


@covers("EPL-PNG-02")
@pytest.mark.parametrize("settings", [JK_127, JK_1250])
def test_each_idle_connection_is_asked_until_one_answers(open_pool: Open, settings: PoolSettings) -> None:
    def healthy(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer()

    with TinyContainer(hangs_after_a_request, healthy) as container:
        pool = open_pool(
            container.address, replace(settings, ping_before_request=True, request_ping_timeout_s=0.1)
        )
        hanging = pool.acquire(0)
        use(hanging)
        well = pool.acquire(0)
        use(well)
        give_back(pool, hanging, well)
        assert pool.acquire(0) is well
        assert hanging.closed
        use(well)
        pool.release(well)
        counters = pool.counters()
        assert (counters.ping_failures, counters.closed_idle, counters.opened) == (1, 0, 2)
        assert (counters.open, counters.idle, counters.busy) == (1, 1, 0)
        assert pool.acquire(0) is well
        pool.release(well)


@covers("EPL-PNG-07")
@pytest.mark.parametrize("limit", ["connect_ping_timeout_s", "request_ping_timeout_s"])
def test_a_new_connection_has_the_time_of_its_reason(open_pool: Open, limit: str) -> None:
    connect = limit.startswith("connect")
    settings = PoolSettings(
        style=PoolStyle.V1_2_50,
        ping_on_connect=connect,
        ping_before_request=not connect,
        connect_ping_timeout_s=0.11 if connect else DEADLINE_S,
        request_ping_timeout_s=DEADLINE_S if connect else 0.11,
    )
    with TinyContainer(Talk.wait_for_end) as container, pytest.raises(NoPong, match=r"within 0\.11 s"):
        open_pool(container.address, settings).acquire(0)


# -- maintenance --------------------------------------------------------------------------


@covers("EPL-IDL-01", "EPL-IDL-02", "EPL-IDL-06")
def test_1_2_50_closes_idle_connections_only_in_maintenance(
    container: TinyContainer, open_pool: Open, clock: Clock
) -> None:
    pool = open_pool(container.address, replace(JK_1250, idle_timeout_s=60, size_min=1))
    held = take(pool, 3)
    clock.now += 100  # in use, not idle
    give_back(pool, *held)
    clock.now += 60
    pool.maintain()
    assert pool.counters().open == 3
    clock.now += 0.1
    assert pool.acquire(0) is held[0]
    pool.maintain()
    assert [endpoint.closed for endpoint in held] == [False, True, True]
    pool.release(held[0])
    assert (pool.counters().open, pool.counters().closed_idle) == (1, 2)


@covers("EPL-PNG-05", "EPL-IDL-06")
def test_1_2_50_asks_idle_connections_in_maintenance_and_closes_the_silent(
    open_pool: Open, clock: Clock
) -> None:
    def healthy(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer()

    with TinyContainer(healthy, hangs_after_a_request) as container:
        pool = open_pool(
            container.address, replace(JK_1250, ping_interval_s=100, idle_timeout_s=150), ping_timeout_s=0.1
        )
        well, hanging = take(pool, 2)
        use(well)
        use(hanging)
        give_back(pool, well, hanging)
        clock.now += 100
        pool.maintain()
        assert pool.counters().pings == 0
        clock.now += 0.1
        pool.maintain()
        counters = pool.counters()
        assert (counters.pings, counters.ping_failures, counters.idle, counters.open) == (2, 1, 1, 1)
        assert hanging.closed and not well.closed
        clock.now += 50  # CPING was no use: the idle time is 150.1 s by now
        pool.maintain()
        assert well.closed


@covers("EPL-PNG-06")
def test_a_request_goes_on_while_maintenance_waits_for_cpong(open_pool: Open, clock: Clock) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        assert talk.receive() == CPING_PACKET
        asked.set()
        assert go_on.wait(DEADLINE_S)
        talk.send(CPONG_PACKET)
        talk.wait_for_end()

    with TinyContainer(slow, Talk.request_forever) as container, ThreadPoolExecutor(1) as threads:
        pool = open_pool(container.address, replace(JK_1250, size_max=2, ping_interval_s=100))
        kept = pool.acquire(0)
        pool.release(kept)
        clock.now += 101
        maintenance = threads.submit(pool.maintain)
        try:
            assert asked.wait(DEADLINE_S)
            other = pool.acquire(0)
            assert other is not kept
            assert pool.is_full  # the place of the one that is asked is taken
        finally:
            go_on.set()
        maintenance.result(DEADLINE_S)
        assert pool.acquire(0) is kept
        give_back(pool, kept, other)


def test_a_pool_that_is_closed_while_it_asks_keeps_nothing(open_pool: Open, clock: Clock) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        talk.receive()
        asked.set()
        assert go_on.wait(DEADLINE_S)
        talk.send(CPONG_PACKET)
        talk.wait_for_end()

    with TinyContainer(slow) as container, ThreadPoolExecutor(1) as threads:
        pool = open_pool(container.address, replace(JK_1250, ping_interval_s=100))
        kept = pool.acquire(0)
        pool.release(kept)
        clock.now += 101
        maintenance = threads.submit(pool.maintain)
        try:
            assert asked.wait(DEADLINE_S)
            pool.close_all()
        finally:
            go_on.set()
        maintenance.result(DEADLINE_S)
        assert kept.closed
        assert (pool.counters().open, pool.counters().busy) == (0, 0)


# -- changes at run time ------------------------------------------------------------------


@covers("EPL-EDT-01", "EPL-EDT-02")
def test_connections_to_a_former_address_are_closed_when_nobody_uses_them(
    container: TinyContainer, open_pool: Open
) -> None:
    pool = open_pool(container.address, JK_1250)
    busy, unused = take(pool, 2)
    pool.release(unused)
    with TinyContainer() as elsewhere:
        pool.adopt(elsewhere.address, EndpointSettings(), JK_1250)
        assert unused.closed and not busy.closed
        use(busy)
        pool.release(busy)
        assert busy.closed
        fresh = pool.acquire(0)
        assert fresh.address == elsewhere.address
        use(fresh)
        pool.release(fresh)
    counters = pool.counters()
    assert (counters.opened, counters.idle, counters.open) == (3, 1, 1)


@covers("EPL-EDT-03")
def test_size_and_style_stay_what_they_were(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, JK_1250)
    pool.adopt(container.address, EndpointSettings(), PoolSettings(size_max=9, ping_on_connect=True))
    held = take(pool, 3)
    assert pool.is_full
    assert pool.counters().pings == 3  # everything else is new
    give_back(pool, *held)


@covers("EPL-EDT-04")
def test_changed_timeouts_count_for_kept_connections(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, JK_1250)
    kept = pool.acquire(0)
    pool.release(kept)
    changed = EndpointSettings(reply_timeout_s=7)
    pool.adopt(container.address, changed, JK_1250)
    assert pool.acquire(0) is kept
    assert kept.settings is changed
    pool.release(kept)


@covers("EPL-EDT-05")
def test_another_packet_size_needs_other_connections(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, JK_1250)
    busy, unused = take(pool, 2)
    pool.release(unused)
    pool.adopt(container.address, EndpointSettings(packet_size=16384), JK_1250)
    pool.release(busy)
    assert busy.closed and unused.closed
    fresh = pool.acquire(0)
    assert fresh.settings.packet_size == 16384
    pool.release(fresh)
