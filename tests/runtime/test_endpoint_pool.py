"""The pool of AJP connections to one container."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.runtime import endpoint_pool
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.runtime.endpoint_errors import ConnectFailed, NoConnectionFree, NoPong
from refjk.runtime.endpoint_pool import EndpointPool, PoolSettings
from refjk.speccheck import covers
from tests.runtime.containers import Talk, TinyContainer

REQUEST = build_forward_request(b"GET", b"/a", None, [], ConnectionFacts(b"192.0.2.7", b"www.example", 80))
UNPINGED = PoolSettings(ping_on_connect=False, ping_idle_s=None)


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


def use(endpoint: Endpoint) -> None:
    assert list(endpoint.exchange(REQUEST))


def wait_until_waiting(pool: EndpointPool, number: int) -> None:
    tries = threading.Event()
    for _ in range(1000):
        if pool.counters().waiting == number:
            return
        tries.wait(0.01)
    raise AssertionError(f"{pool.counters().waiting} wait, not {number}")


def test_a_connection_that_came_back_is_used_again(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, UNPINGED)
    first = pool.acquire(1)
    use(first)
    pool.release(first)
    assert pool.acquire(1) is first
    pool.release(first)
    counters = pool.counters()
    assert (counters.opened, counters.reused, counters.busy, counters.idle) == (1, 1, 0, 1)


@covers("EPL-SIZ-06")
def test_the_one_used_last_goes_out_first(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, UNPINGED)
    a, b = pool.acquire(1), pool.acquire(1)
    pool.release(b)
    pool.release(a)
    assert [pool.acquire(1), pool.acquire(1)] == [a, b]
    pool.release(a)
    pool.release(b)


@covers("EPL-SIZ-07")
def test_a_connection_in_the_middle_of_a_cycle_is_not_kept(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, UNPINGED)
    endpoint = pool.acquire(1)
    endpoint.send(REQUEST)
    pool.release(endpoint)
    assert endpoint.closed
    assert pool.counters().idle == 0


def test_a_discarded_connection_is_closed_and_makes_room(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, PoolSettings(size_max=1, ping_on_connect=False))
    endpoint = pool.acquire(1)
    pool.discard(endpoint)
    assert endpoint.closed
    fresh = pool.acquire(1)
    assert not fresh.closed
    pool.release(fresh)


@covers("EPL-WAI-01")
def test_when_all_are_in_use_the_wait_has_an_end(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, PoolSettings(size_max=2, ping_on_connect=False))
    held = [pool.acquire(1), pool.acquire(1)]
    with pytest.raises(NoConnectionFree, match=r"all 2 connections to 127.* none came free within 0.05 s"):
        pool.acquire(0.05)
    pool.release(held[0])
    assert pool.acquire(0.05) is held[0]
    assert pool.counters().waiting == 0
    for endpoint in held:
        pool.release(endpoint)


@covers("EPL-WAI-02")
def test_those_who_wait_are_served_in_their_order(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, PoolSettings(size_max=1, ping_on_connect=False))
    served: list[int] = []

    def work(number: int) -> None:
        endpoint = pool.acquire(10)
        served.append(number)
        use(endpoint)
        pool.release(endpoint)

    held = pool.acquire(1)
    with ThreadPoolExecutor(5) as threads:
        work_done: list[Future[None]] = []
        for number in range(5):
            work_done.append(threads.submit(work, number))
            wait_until_waiting(pool, number + 1)
        pool.release(held)
        for done in work_done:
            done.result(10)
    assert served == [0, 1, 2, 3, 4]
    assert pool.counters().opened == 1


@covers("EPL-SIZ-01")
def test_many_threads_never_hold_more_than_the_bound(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, PoolSettings(size_max=3, ping_before_request=True))

    def work(_: int) -> None:
        for number in range(20):
            endpoint = pool.acquire(10)
            use(endpoint)
            assert pool.counters().busy <= 3
            if number % 7 == 0:
                pool.discard(endpoint)
            else:
                pool.release(endpoint)

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(work, range(12), timeout=30))
    counters = pool.counters()
    assert (counters.busy, counters.waiting) == (0, 0)
    assert counters.idle == counters.open <= counters.open_max <= 3
    assert counters.opened + counters.reused == 240
    assert counters.pings == 240


@covers("AJP-PNG-03")
@pytest.mark.parametrize(
    ("settings", "pings_new", "pings_reused"),
    [
        (UNPINGED, 0, 0),
        (PoolSettings(ping_on_connect=True, ping_idle_s=None), 1, 0),
        (PoolSettings(ping_on_connect=False, ping_before_request=True), 1, 1),
        (PoolSettings(ping_on_connect=True, ping_before_request=True), 1, 1),
    ],
)
def test_the_settings_say_when_cping_is_sent(
    container: TinyContainer, open_pool: Open, settings: PoolSettings, pings_new: int, pings_reused: int
) -> None:
    pool = open_pool(container.address, settings)
    pool.release(pool.acquire(1))
    assert pool.counters().pings == pings_new
    pool.release(pool.acquire(1))
    assert pool.counters().pings == pings_new + pings_reused


def test_a_connection_that_was_idle_for_a_while_is_asked_first(
    container: TinyContainer, open_pool: Open, clock: Clock
) -> None:
    pool = open_pool(container.address, PoolSettings(ping_on_connect=False, ping_idle_s=5))
    pool.release(pool.acquire(1))
    clock.now += 5
    pool.release(pool.acquire(1))
    assert pool.counters().pings == 0
    clock.now += 5.1
    pool.release(pool.acquire(1))
    assert pool.counters().pings == 1


@covers("EPL-IDL-05")
def test_idle_connections_are_closed_after_their_time(
    container: TinyContainer, open_pool: Open, clock: Clock
) -> None:
    pool = open_pool(
        container.address, PoolSettings(ping_on_connect=False, ping_idle_s=None, idle_timeout_s=60)
    )
    old, young = pool.acquire(1), pool.acquire(1)
    pool.release(old)
    clock.now += 30
    pool.release(young)
    clock.now += 30
    pool.maintain()
    assert not old.closed
    clock.now += 0.1
    pool.maintain()
    assert old.closed and not young.closed
    clock.now += 30
    pool.release(pool.acquire(1))
    counters = pool.counters()
    assert young.closed
    assert (counters.closed_idle, counters.opened, counters.idle) == (2, 3, 1)


def test_without_an_idle_time_connections_stay(
    container: TinyContainer, open_pool: Open, clock: Clock
) -> None:
    pool = open_pool(container.address, PoolSettings(ping_idle_s=None, idle_timeout_s=None))
    endpoint = pool.acquire(1)
    pool.release(endpoint)
    clock.now += 1e9
    pool.maintain()
    assert pool.acquire(1) is endpoint
    pool.release(endpoint)


@covers("AJP-CON-05", "EPL-IDL-07")
def test_connections_that_the_container_closed_are_passed_over_in_silence(open_pool: Open) -> None:
    def once(talk: Talk) -> None:
        talk.request()
        talk.answer()

    with TinyContainer(once) as container:
        pool = open_pool(container.address, UNPINGED)
        held = [pool.acquire(1) for _ in range(3)]
        for endpoint in held:
            use(endpoint)
            endpoint._poll.poll(10_000)  # the container's FIN
            pool.release(endpoint)
        fresh = pool.acquire(1)
        use(fresh)
        pool.release(fresh)
        counters = pool.counters()
        assert (counters.found_unusable, counters.opened, counters.reused) == (3, 4, 0)
        assert all(endpoint.closed for endpoint in held)


def falls_silent(talk: Talk) -> None:
    talk.request()
    talk.answer()
    talk.wait_for_end()


@covers("AJP-PNG-04", "EPL-PNG-03")
def test_after_a_missing_cpong_a_new_connection_is_taken_and_the_other_idle_ones_are_given_up(
    open_pool: Open, clock: Clock
) -> None:
    def healthy(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer()

    with TinyContainer(falls_silent, falls_silent, healthy) as container:
        pool = open_pool(container.address, PoolSettings(ping_on_connect=False, ping_idle_s=1), 0.2)
        held = [pool.acquire(1), pool.acquire(1)]
        for endpoint in held:
            use(endpoint)
            pool.release(endpoint)
        clock.now += 2
        fresh = pool.acquire(1)
        use(fresh)
        pool.release(fresh)
        counters = pool.counters()
        assert (counters.pings, counters.ping_failures, counters.closed_idle) == (1, 1, 1)
        assert all(endpoint.closed for endpoint in held)


@covers("EPL-PNG-04")
def test_a_new_connection_without_cpong_is_a_failure_that_keeps_no_place(open_pool: Open) -> None:
    with TinyContainer(Talk.wait_for_end) as container:
        pool = open_pool(container.address, PoolSettings(size_max=1), 0.2)
        for _ in range(2):
            with pytest.raises(NoPong):
                pool.acquire(1)
        counters = pool.counters()
        assert (counters.busy, counters.opened, counters.ping_failures) == (0, 2, 2)
        assert (counters.open, counters.open_max) == (0, 1)


@covers("EPL-PNG-04")
def test_a_failed_connect_keeps_no_place(open_pool: Open) -> None:
    with TinyContainer() as container:
        address = container.address
    pool = open_pool(address, PoolSettings(size_max=1))
    for _ in range(2):
        with pytest.raises(ConnectFailed):
            pool.acquire(1)
    assert pool.counters().busy == 0


def test_a_closed_pool_lets_nobody_wait_and_closes_what_comes_back(
    container: TinyContainer, open_pool: Open
) -> None:
    pool = open_pool(container.address, PoolSettings(size_max=2, ping_on_connect=False))
    busy, idle = pool.acquire(1), pool.acquire(1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.acquire, 10)
        wait_until_waiting(pool, 1)
        pool.close_all()
        with pytest.raises(NoConnectionFree, match="the pool was closed"):
            waiting.result(10)
    pool.release(idle)
    pool.release(busy)
    assert busy.closed and idle.closed
    with pytest.raises(NoConnectionFree, match="the pool is closed"):
        pool.acquire(1)
    counters = pool.counters()
    assert (counters.busy, counters.idle, counters.waiting) == (0, 0, 0)


def test_closing_the_pool_closes_idle_connections(container: TinyContainer, open_pool: Open) -> None:
    pool = open_pool(container.address, UNPINGED)
    endpoint = pool.acquire(1)
    pool.release(endpoint)
    pool.close_all()
    assert endpoint.closed


def test_an_interrupted_wait_leaves_nothing_behind(
    container: TinyContainer, open_pool: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    waiter = endpoint_pool._Waiter
    monkeypatch.setattr(endpoint_pool, "_Waiter", lambda: waiter(wake=Interrupted()))
    pool = open_pool(container.address, PoolSettings(size_max=1, ping_on_connect=False))
    held = pool.acquire(1)
    with pytest.raises(KeyboardInterrupt):
        pool.acquire(1)
    assert pool.counters().waiting == 0
    pool.release(held)
    assert pool.counters().busy == 0


def test_a_pool_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="size_max 0"):
        PoolSettings(size_max=0)
