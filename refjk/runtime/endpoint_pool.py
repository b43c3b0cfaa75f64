"""The AJP connections of a web server to one container, kept for reuse as `refjk.ajp13.pooling` decides."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from refjk.ajp13.pooling import (
    IDLE_TIMEOUT_S,
    OTHERS_GIVEN_UP,
    PING_IDLE_S,
    POOL_SIZE_MAX,
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
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings, Trace
from refjk.runtime.endpoint_errors import NoConnectionFree, NoPong

SWEEP_S = 1.0

__all__ = [
    "IDLE_TIMEOUT_S",
    "PING_IDLE_S",
    "POOL_SIZE_MAX",
    "EndpointPool",
    "PoolCounters",
    "PoolSettings",
    "PoolStyle",
]


@dataclass(slots=True)
class PoolCounters:
    """What happened so far, and from `busy` on the state of the moment.

    A connection counts as open until the pool has it back, even if it broke in use.
    """

    opened: int = 0
    reused: int = 0
    pings: int = 0
    ping_failures: int = 0
    closed_idle: int = 0  # idle or used for too long, to a former address, or given up with another
    found_unusable: int = 0  # closed by the container, or with octets that nobody asked for
    open_max: int = 0  # the most that were open at once
    busy: int = 0
    idle: int = 0
    waiting: int = 0
    open: int = 0


@dataclass(slots=True)
class _Waiter:
    wake: threading.Event = field(default_factory=threading.Event)
    granted: bool = False


@dataclass(slots=True)
class _Kept:
    """An idle connection; times by the pool's clock."""

    endpoint: Endpoint
    turn: int
    since: float
    taken_at: float


@dataclass(slots=True)
class _Use:
    """What the pool remembers of a connection that is in use."""

    slot: int | None
    taken_at: float


class EndpointPool:
    """Hands out idle connections and opens new ones.

    Every `acquire` is followed by one `release` or `discard`. When all are in use, callers wait
    in the order in which they came. `clock` counts seconds and only judges how long connections
    were idle. The lock guards the tables and is never held while a socket is used.
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
        self._kept: dict[int, _Kept] = {}  # by slot
        self._taken: set[int] = (
            set()
        )  # slots that belong to a connection in use, or to one that is to be made
        self._uses: dict[Endpoint, _Use] = {}
        self._turns = 0
        self._swept_at = -math.inf
        self._waiters: deque[_Waiter] = deque()
        self._counters = PoolCounters()
        self._closed = False
        self.trace: Callable[[str], Trace] | None = None  # makes one for each new connection
        self.connect: Callable[[Address, EndpointSettings, Trace | None], Endpoint] = Endpoint.connect

    @property
    def is_full(self) -> bool:
        """Whether a request would have to wait for a connection now."""
        with self._lock:
            return self._counters.busy >= self._settings.places

    def acquire(self, timeout_s: float, on_place: Callable[[], None] = lambda: None) -> Endpoint:
        """A connection fit for a request.

        Waits up to `timeout_s` for a free place (`NoConnectionFree`). An idle connection that
        fails its check is closed and another one tried, a new one at last, so only a new one's
        failure is raised: `ConnectFailed` or `NoPong`. Nothing of a request was sent in all these
        cases. `on_place` is called when there is a place, before a connection is looked for; what it
        raises gives the place back.
        """
        self._take_place(timeout_s)
        slot: int | None = None
        try:
            on_place()
            slot, kept = self._check_out()
            while kept is not None:
                if self._fit(kept):
                    return self._hand_out(kept.endpoint, slot, reused=True)
                kept = self._take_over()
            return self._hand_out(self._open(), slot)
        except BaseException:
            self._leave_place(slot)
            raise

    def release(self, endpoint: Endpoint) -> None:
        """Take a connection back; it is kept when its cycle ended well, and closed otherwise. EPL-SIZ-07"""
        with self._lock:
            use = self._uses.pop(endpoint)
            # Together: whoever finds the connection in its slot takes both.
            if use.slot is not None:
                self._taken.remove(use.slot)
            kept = endpoint.idle and self._keep(endpoint, use.slot, self._clock(), use.taken_at)
        if not kept:
            self._close(endpoint)
        self._leave_place(None)

    def discard(self, endpoint: Endpoint) -> None:
        """Take a connection back and close it."""
        with self._lock:
            use = self._uses.pop(endpoint)
        self._close(endpoint)
        self._leave_place(use.slot)

    def maintain(self) -> None:
        """Close what has been idle for too long, ask what has been idle for a while; call it now and then."""
        with self._lock:
            closed = self._pop(closed_in_maintenance(self._settings, self._idle_now(), self._counters.open))
            due = [
                (one.slot, self._kept[one.slot])
                for one in pinged_in_maintenance(self._settings, self._idle_now())
            ]
        self._give_up(closed)
        for slot, kept in due:
            self._ping_kept(slot, kept)

    def adopt(self, address: Address, endpoint_settings: EndpointSettings, settings: PoolSettings) -> None:
        """Other settings from now on; size and style stay.

        Connections that they do not fit are closed, those in use when they come back.
        EPL-EDT-01, EPL-EDT-03
        """
        with self._lock:
            self.address = address
            self._endpoint_settings = endpoint_settings
            self._settings = replace(settings, size_max=self._settings.size_max, style=self._settings.style)
            outdated = [
                self._kept.pop(slot)
                for slot, kept in list(self._kept.items())
                if self._outdated(kept.endpoint)
            ]
        self._give_up(outdated)

    def close_all(self) -> None:
        """The end of the pool: idle connections close now, those in use when they come back."""
        with self._lock:
            self._closed = True
            for waiter in self._waiters:
                waiter.wake.set()
            self._waiters.clear()
        self._give_up_all()

    def counters(self) -> PoolCounters:
        """A copy of the counters."""
        with self._lock:
            return replace(self._counters, idle=len(self._kept), waiting=len(self._waiters))

    # -- places: how many connections may be in use ---------------------------------------

    def _take_place(self, timeout_s: float) -> None:
        """EPL-WAI-01, EPL-WAI-04"""
        with self._lock:
            if self._closed:
                raise NoConnectionFree(f"no more connections to {self.address}: the pool is closed")
            if self._counters.busy < self._settings.places:
                self._counters.busy += 1
                return
            waiter = _Waiter()
            self._waiters.append(waiter)
        try:
            waiter.wake.wait(min(timeout_s, threading.TIMEOUT_MAX))
        except BaseException:
            if self._stop_waiting(waiter):
                self._leave_place(None)
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

    def _leave_place(self, slot: int | None) -> None:
        """Give the place to the one who has waited longest, if anybody waits. EPL-WAI-02"""
        with self._lock:
            if slot is not None:
                self._taken.remove(slot)
            if self._waiters:
                waiter = self._waiters.popleft()
                waiter.granted = True
                waiter.wake.set()
            else:
                self._counters.busy -= 1

    # -- idle connections; the lock is held -----------------------------------------------

    def _idle_now(self) -> list[Idle]:
        """The idle connections as the rules see them."""
        now = self._clock()
        return [
            Idle(slot, kept.turn, now - kept.since, now - kept.taken_at) for slot, kept in self._kept.items()
        ]

    def _candidates(self) -> list[Idle]:
        """As many of the idle connections as the rules need to choose one."""
        kept = self._kept
        if not kept or self._settings.style is PoolStyle.V1_2_7:
            return self._idle_now()
        # Connections that came back later stand later.
        slot = min(kept) if self._settings.style is PoolStyle.V1_2_50 else next(reversed(kept))
        one, now = kept[slot], self._clock()
        return [Idle(slot, one.turn, now - one.since, now - one.taken_at)]

    def _sweep(self) -> list[_Kept]:
        """Style refjk, now and then: what has been idle for too long. EPL-IDL-05"""
        now = self._clock()
        if self._settings.style is not PoolStyle.REFJK or now - self._swept_at < SWEEP_S:
            return []
        self._swept_at = now
        return self._pop(closed_in_maintenance(self._settings, self._idle_now(), self._counters.open))

    def _pop(self, chosen: Iterable[Idle]) -> list[_Kept]:
        return [self._kept.pop(one.slot) for one in chosen]

    def _keep(self, endpoint: Endpoint, own: int | None, since: float, taken_at: float) -> bool:
        """Put a connection into a slot, if it may stay."""
        slot = slot_for_return(self._settings, own, self._kept)
        if slot is None or self._closed or self._outdated(endpoint):
            return False
        self._turns += 1
        self._kept[slot] = _Kept(endpoint, self._turns, since, taken_at)
        return True

    def _outdated(self, endpoint: Endpoint) -> bool:
        """Whether a connection was made for what the pool had before `adopt`. EPL-EDT-02, EPL-EDT-05"""
        return endpoint.address != self.address or not endpoint.may_adopt(self._endpoint_settings)

    # -- connections ----------------------------------------------------------------------

    def _check_out(self) -> tuple[int | None, _Kept | None]:
        """The slot that the caller has from now on, if any, and an idle connection, if there is one."""
        with self._lock:
            expired = self._sweep()
            found = check_out(self._settings, self._candidates())
            closed = expired + self._pop(found.close)
            kept = None if found.take is None else self._kept.pop(found.take.slot)
            slot = slot_for_use(self._settings, found.take, self._taken)
            if slot is not None:
                self._taken.add(slot)
        self._give_up(closed)
        return slot, kept

    def _take_over(self) -> _Kept | None:
        """Another idle connection in place of one that failed; its own slot is empty then."""
        with self._lock:
            found = next_idle(self._settings.style, self._idle_now())
            return None if found is None else self._kept.pop(found.slot)

    def _hand_out(self, endpoint: Endpoint, slot: int | None, *, reused: bool = False) -> Endpoint:
        with self._lock:
            self._counters.reused += reused
            self._uses[endpoint] = _Use(slot, self._clock())
            if endpoint.may_adopt(self._endpoint_settings):
                endpoint.settings = self._endpoint_settings  # EPL-EDT-04
        return endpoint

    def _fit(self, kept: _Kept) -> bool:
        """Whether an idle connection still serves; a failure is no error (AJP-CON-05)."""
        endpoint = kept.endpoint
        if not endpoint.usable():  # EPL-IDL-07
            with self._lock:
                self._counters.found_unusable += 1
            self._close(endpoint)
            return False
        ping = ping_due(self._settings, self._clock() - kept.since)
        if ping is None:
            return True
        try:
            self._ping(endpoint, ping)
        except NoPong:
            if self._settings.style in OTHERS_GIVEN_UP:
                self._give_up_all()
            return False
        return True

    def _open(self) -> Endpoint:
        with self._lock:
            address, endpoint_settings = self.address, self._endpoint_settings
        trace = None if self.trace is None else self.trace(f"{address} #{self._counters.opened + 1}")
        endpoint = self.connect(address, endpoint_settings, trace)
        with self._lock:
            counters = self._counters
            counters.opened += 1
            counters.open += 1
            counters.open_max = max(counters.open_max, counters.open)
        ping = ping_due(self._settings, None)
        if ping is not None:
            self._ping(endpoint, ping)  # EPL-PNG-04
        return endpoint

    def _ping(self, endpoint: Endpoint, ping: Ping) -> None:
        """CPING; raises `NoPong` with the connection closed and counted."""
        with self._lock:
            self._counters.pings += 1
        try:
            endpoint.ping(self._settings.ping_timeout_s(ping))
        except BaseException as error:
            with self._lock:
                self._counters.ping_failures += isinstance(error, NoPong)
            self._close(endpoint)
            raise

    def _ping_kept(self, slot: int, kept: _Kept) -> None:
        """CPING on an idle connection that nobody has taken meanwhile.

        It takes a place for that, so that there are never more connections than places; when
        none is free, those who wait are about to use the connection anyway. The lock is not held
        while CPONG is waited for (EPL-PNG-06).
        """
        with self._lock:
            if self._kept.get(slot) is not kept or self._counters.busy >= self._settings.places:
                return
            del self._kept[slot]
            self._taken.add(slot)
            self._counters.busy += 1
        try:
            self._ping(kept.endpoint, Ping.INTERVAL)
        except NoPong:
            pass  # closed and counted
        else:
            with self._lock:
                # EPL-IDL-06: the time of its last use is still the same.
                stays = self._keep(kept.endpoint, slot, kept.since, kept.taken_at)
            if not stays:
                self._close(kept.endpoint)
        finally:
            self._leave_place(slot)

    def _give_up_all(self) -> None:
        with self._lock:
            kept = list(self._kept.values())
            self._kept.clear()
        self._give_up(kept)

    def _give_up(self, kept: Iterable[_Kept]) -> None:
        """Close connections that were idle."""
        for one in kept:
            with self._lock:
                self._counters.closed_idle += 1
            self._close(one.endpoint)

    def _close(self, endpoint: Endpoint) -> None:
        endpoint.close()
        with self._lock:
            self._counters.open -= 1
