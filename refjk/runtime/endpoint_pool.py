"""The AJP connections of a web server to one container: a bounded number, kept for reuse."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.runtime.endpoint_errors import NoConnectionFree, NoPong

POOL_SIZE_MAX = 64
PING_IDLE_S = 1.0
IDLE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many connections there may be, when CPING checks one, and how long an idle one is kept.

    AJP-PNG-03: `ping_on_connect` and `ping_before_request` need one CPING together on a new
    connection; `ping_idle_s` asks only those that were idle for so long (None: none for that).
    """

    size_max: int = POOL_SIZE_MAX
    ping_on_connect: bool = True
    ping_before_request: bool = False
    ping_idle_s: float | None = PING_IDLE_S
    idle_timeout_s: float | None = IDLE_TIMEOUT_S  # None: kept until the container closes

    def __post_init__(self) -> None:
        if self.size_max < 1:
            raise ValueError(f"size_max {self.size_max} leaves no connection")


@dataclass(slots=True)
class PoolCounters:
    """What happened so far; the last three tell the state of the moment."""

    opened: int = 0
    reused: int = 0
    pings: int = 0
    ping_failures: int = 0
    closed_idle: int = 0  # idle for too long, or beside one that failed its CPING
    found_unusable: int = 0  # closed by the container, or with octets that nobody asked for
    busy: int = 0
    idle: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Waiter:
    wake: threading.Event = field(default_factory=threading.Event)
    granted: bool = False


class EndpointPool:
    """Hands out idle connections, the one used last first, and opens new ones up to `size_max`.

    Every `acquire` is followed by one `release` or `discard`. When all are in use, callers wait
    in the order in which they came. `clock` counts seconds and only judges how long connections
    were idle. The lock guards the lists and is never held while a socket is used.
    """

    def __init__(
        self,
        address: Address,
        endpoint_settings: EndpointSettings,
        settings: PoolSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._endpoint_settings = endpoint_settings
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[tuple[Endpoint, float]] = []  # with the time since when; the oldest first
        self._waiters: deque[_Waiter] = deque()
        self._counters = PoolCounters()
        self._closed = False

    def acquire(self, timeout_s: float) -> Endpoint:
        """A connection fit for a request.

        Waits up to `timeout_s` for a free place (`NoConnectionFree`). An idle connection that
        fails its check is closed and another one tried, a new one at last, so only a new one's
        failure is raised: `ConnectFailed` or `NoPong`. Nothing of a request was sent in all these
        cases.
        """
        self._take_place(timeout_s)
        try:
            while (candidate := self._pop_idle()) is not None:
                endpoint, idle_s = candidate
                if self._fit(endpoint, idle_s):
                    with self._lock:
                        self._counters.reused += 1
                    return endpoint
            return self._open()
        except BaseException:
            self._leave_place()
            raise

    def release(self, endpoint: Endpoint) -> None:
        """Take a connection back; it is kept when its cycle ended well, and closed otherwise."""
        keep = endpoint.idle
        with self._lock:
            keep = keep and not self._closed
            if keep:
                self._idle.append((endpoint, self._clock()))
        if not keep:
            endpoint.close()
        self._leave_place()

    def discard(self, endpoint: Endpoint) -> None:
        """Take a connection back and close it."""
        endpoint.close()
        self._leave_place()

    def tick(self) -> None:
        """Close what has been idle for too long; call it now and then."""
        limit_s = self._settings.idle_timeout_s
        if limit_s is None:
            return
        now = self._clock()
        with self._lock:
            expired = sum(now - since > limit_s for _, since in self._idle)
        self._drop_idle(expired)

    def close_all(self) -> None:
        """The end of the pool: idle connections close now, those in use when they come back."""
        with self._lock:
            self._closed = True
            for waiter in self._waiters:
                waiter.wake.set()
            self._waiters.clear()
        self._drop_idle()

    def counters(self) -> PoolCounters:
        """A copy of the counters."""
        with self._lock:
            return replace(self._counters, idle=len(self._idle), waiting=len(self._waiters))

    # -- places: how many connections may be in use ---------------------------------------

    def _take_place(self, timeout_s: float) -> None:
        with self._lock:
            if self._closed:
                raise NoConnectionFree(f"no more connections to {self.address}: the pool is closed")
            if self._counters.busy < self._settings.size_max:
                self._counters.busy += 1
                return
            waiter = _Waiter()
            self._waiters.append(waiter)
        try:
            waiter.wake.wait(timeout_s)
        except BaseException:
            if self._stop_waiting(waiter):
                self._leave_place()
            raise
        if not self._stop_waiting(waiter):
            reason = "the pool was closed" if self._closed else f"none came free within {timeout_s:g} s"
            raise NoConnectionFree(
                f"all {self._settings.size_max} connections to {self.address} are in use; {reason}"
            )

    def _stop_waiting(self, waiter: _Waiter) -> bool:
        """Whether the waiter has a place, which it may have got when its time had just run out."""
        with self._lock:
            if not waiter.granted and not self._closed:
                self._waiters.remove(waiter)
            return waiter.granted

    def _leave_place(self) -> None:
        """Give the place to the one who has waited longest, if anybody waits."""
        with self._lock:
            if self._waiters:
                waiter = self._waiters.popleft()
                waiter.granted = True
                waiter.wake.set()
            else:
                self._counters.busy -= 1

    # -- connections ----------------------------------------------------------------------

    def _pop_idle(self) -> tuple[Endpoint, float] | None:
        """The connection that was used last, and for how many seconds it has been idle."""
        self.tick()
        with self._lock:
            if not self._idle:
                return None
            endpoint, since = self._idle.pop()
        return endpoint, self._clock() - since

    def _fit(self, endpoint: Endpoint, idle_s: float) -> bool:
        """Whether an idle connection still serves; a failure is no error (AJP-CON-05).

        When CPING fails on one, the others are given up unasked: behind a container that hangs,
        each would cost the full time again.
        """
        if not endpoint.usable():
            with self._lock:
                self._counters.found_unusable += 1
            return False
        settings = self._settings
        if settings.ping_before_request or (
            settings.ping_idle_s is not None and idle_s > settings.ping_idle_s
        ):
            try:
                self._ping(endpoint)
            except NoPong:
                self._drop_idle()
                return False
        return True

    def _open(self) -> Endpoint:
        endpoint = Endpoint.connect(self.address, self._endpoint_settings)
        with self._lock:
            self._counters.opened += 1
        if self._settings.ping_on_connect or self._settings.ping_before_request:
            self._ping(endpoint)
        return endpoint

    def _ping(self, endpoint: Endpoint) -> None:
        with self._lock:
            self._counters.pings += 1
        try:
            endpoint.ping()
        except NoPong:
            with self._lock:
                self._counters.ping_failures += 1
            raise

    def _drop_idle(self, number: int | None = None) -> None:
        """Close idle connections, those that have been idle for longest first; all by default."""
        with self._lock:
            count = len(self._idle) if number is None else min(number, len(self._idle))
            dropped, self._idle = self._idle[:count], self._idle[count:]
            self._counters.closed_idle += count
        for endpoint, _ in dropped:
            endpoint.close()
