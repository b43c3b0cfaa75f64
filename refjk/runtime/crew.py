"""Threads that serve many connections, taking turns at one selector.

One thread *leads*: it waits at the selector and attends to each readable connection itself, so a
short request costs no hand-over between threads. When an attendance lasts longer than a moment,
the watch gives the lead to another thread, which goes on with everybody else; the slow one is no
longer the leader when it comes back. After an attendance that waited for something (a database,
a client) the leader hands connections to other threads at once, until attendances have gone
without waiting for a while. Both cases were measured; see `docs/explanation/performance.md`.

An attendance that has to wait for a third party, like a container, can say so instead (`Awaited`):
the connection is *parked*, and no thread waits. Never more attendances are under way than there
are threads, the parked ones among them: so where all others wait for what the parked ones have, there
is a thread that goes on with those.

A connection is in one place at a time: watched by the selector, parked, attended by one thread, or
in a queue between them. `_lock` guards those moves and is never held during an attendance.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from refjk.runtime.accepting import Listeners
from refjk.runtime.parking import Parking
from refjk.runtime.waiting import Awaited

logger = logging.getLogger("refjk.runtime")

MOMENT_S = 0.010  # how long an attendance may last before the lead goes to another thread
WAIT_S = 0.001  # an attendance of the leader that waited this long held up the others
FOLLOWER_WAIT_S = 0.002
CAUTION = 16  # attendances without waiting that outweigh one with
CAUTION_MAX = 128
QUIET_TICKS = 100  # moments without an attendance until the watch goes to sleep
ACCEPT_BATCH = 64
SWEEP_S = 1.0
_THIS_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
GRACE_MAX_S = 1e6  # as good as for ever, and a time that every clock can take
LET_GO_S = 0.02  # while stopping: requests that are on their way already are waited for this long


class Served(Protocol):
    """One connection as the crew sees it."""

    fd: int
    """Its descriptor's number, kept after closing: the selector knows it by that."""

    expires_at: float
    """When to close it if nothing arrives, on the monotonic clock; infinite for never."""

    def attend(self) -> bool | Awaited:
        """Octets or the end of the stream can be read: go on until nothing more is there.

        Returns whether the connection stays; False when it was closed. May block. Or returns what
        has to be waited for; it is called again when that has come true.
        """
        ...

    def close(self) -> None:
        """Close now; only from the thread that attends, or while nobody does."""
        ...

    def shut(self) -> None:
        """From another thread: make every further read and write of `attend` fail at once."""
        ...


Accept = Callable[[socket.socket], Served | None]
"""Makes a connection of an accepted socket; None when it was refused and closed."""


def _waits() -> int:
    """How often this thread has waited for something, so far.

    Time alone does not tell an attendance that waits from one that the system put aside while
    other programs had the processors.
    """
    return resource.getrusage(_THIS_THREAD).ru_nvcsw


class Crew:
    """The threads, the selector and every connection they serve."""

    def __init__(
        self, accept: Accept, *, threads: int, connections_max: int, name: str, counters: Counter[str]
    ) -> None:
        self._accept = accept
        self._counters = counters
        self._threads_max = threads
        self._connections_max = connections_max
        self._name = name
        self._lock = threading.Lock()
        self._wanted = threading.Condition(self._lock)  # followers wait here for something to do
        self._gone = threading.Condition(self._lock)  # a connection or a thread has ended
        self._selector = selectors.DefaultSelector()
        self._waker, self._waker_end = socket.socketpair()
        self._waker.setblocking(False)
        self._waker_end.setblocking(False)
        self._selector.register(self._waker_end, selectors.EVENT_READ, None)
        self._listeners = Listeners([], self._selector)
        self._threads = 0
        self._followers = 0
        self._starting = 0  # hired, and not yet asking for work
        self._led = False
        self._term = 0  # changes whenever the lead changes hands
        self._ready: deque[Served] = deque()  # readable; the leader's next
        self._postponed: deque[Served] = deque()  # readable, when there is no room for another attendance
        self._under_way: set[Served] = set()  # attendances
        self._handed: deque[Served] = deque()  # for followers
        self._returned: deque[tuple[Served, bool | Awaited]] = deque()  # back to the selector
        self._all: set[Served] = set()
        self._parking: Parking[Served] = Parking(self._selector)
        self._next_sweep = 0.0
        self._running: Served | None = None  # what the leader attends to
        self._attendance = 0  # number of the leader's attendance, for the watch
        self._caution = 0
        self._waits = 0  # of the leader, up to the attendance that runs
        self._watch_wanted = threading.Event()
        self._watch_sleeps = True
        self._stopping = False
        self._retiring = False
        self._quiet_since: dict[Served, float] = {}  # while stopping: watched connections
        self._dismissed = False

    # -- from outside ---------------------------------------------------------------------

    @property
    def connections(self) -> int:
        return len(self._all)

    @property
    def stopping(self) -> bool:
        return self._stopping

    def start(self, listeners: list[socket.socket]) -> None:
        """Begin to accept on `listeners`, which are the crew's from now on."""
        self._listeners = Listeners(listeners, self._selector)
        self._accept_again()
        with self._lock:
            self._hire()
        threading.Thread(target=self._watch, name=f"{self._name}-watch", daemon=True).start()

    def retire(self) -> None:
        """Accept nothing more; connections stay until they end by themselves (`retired`) or `stop` comes."""
        with self._lock:
            self._retiring = True
            self._wake()

    @property
    def retired(self) -> bool:
        """No connection is left, and none can come."""
        return not self._listeners.open and not self._all

    def stop(self, grace_s: float) -> bool:
        """Stop accepting, let attendances finish within `grace_s` seconds, close everything, what
        still runs as well (WSG-STP-03).

        Returns whether everything had finished in time.
        """
        deadline = time.monotonic() + min(grace_s, GRACE_MAX_S)
        with self._lock:
            self._stopping = True
            self._wake()
            while self._all or self._listeners.open:
                left = deadline - time.monotonic()
                if left <= 0 or not self._gone.wait(left):
                    break
            in_time = not self._all
            self._dismissed = True
            self._wanted.notify_all()
            self._wake()
            for served in list(self._all):
                served.shut()
            # Threads that an application keeps busy are daemons: they end with the process.
            while self._threads and (left := deadline + 1.0 - time.monotonic()) > 0:
                self._gone.wait(left)
        self._listeners.close()
        self._watch_wanted.set()
        return in_time

    # -- threads --------------------------------------------------------------------------

    def _hire(self) -> bool:
        """See to it that a thread comes for new work; the lock is held. WSG-LIM-02"""
        # A thread that was called once may not have come yet, and is spoken for.
        work = len(self._handed) + (not self._led)
        if self._followers + self._starting >= work:
            self._wanted.notify()
            return True
        if self._threads >= self._threads_max:
            return False
        self._threads += 1
        self._starting += 1
        threading.Thread(target=self._serve, name=f"{self._name}-{self._threads}", daemon=True).start()
        return True

    def _serve(self) -> None:
        """What every thread does: take a handed connection, or the lead when nobody has it."""
        with self._lock:
            self._starting -= 1
        while True:
            with self._lock:
                while not (self._dismissed or self._handed or not self._led):
                    self._followers += 1
                    self._wanted.wait()
                    self._followers -= 1
                if self._dismissed:
                    self._threads -= 1
                    self._gone.notify_all()
                    if not self._threads:
                        self._release()
                    return
                served = self._handed.popleft() if self._handed else None
                if served is None:
                    self._led = True
                    self._term += 1
                term = self._term
            if served is None:
                self._lead(term)
            else:
                self._follow(served)

    def _release(self) -> None:
        """By the last thread: nobody attends, watches or wakes any more."""
        for served in self._all:
            self._close(served)
        self._all.clear()
        self._selector.close()
        self._waker.close()
        self._waker_end.close()

    def _follow(self, served: Served) -> None:
        waits = _waits()
        started = time.monotonic()
        result = self._attend(served)
        waited = time.monotonic() - started > FOLLOWER_WAIT_S and _waits() != waits
        with self._lock:
            self._weigh(waited)
        self._give_back(served, result)

    def _weigh(self, waited: bool) -> None:
        """An attendance that waited speaks for handing over, one that did not against it; the lock
        is held."""
        change = CAUTION if waited else -1
        self._caution = min(max(self._caution + change, 0), CAUTION_MAX)

    def _lead(self, term: int) -> None:
        try:
            self._lead_until_lost(term)
        except Exception:
            logger.exception("internal error while waiting for connections; another thread goes on")
            with self._lock:
                if self._term == term:
                    self._led = False

    def _lead_until_lost(self, term: int) -> None:
        ready = self._ready
        self._next_sweep = time.monotonic()  # what is due at once is not the last leader's any more
        while not self._dismissed:
            while ready:
                served = ready.popleft()
                if not self._has_room(served):
                    continue
                if self._caution and self._hand_over(served):
                    continue
                if not self._attend_as_leader(served, term):
                    return
            self._take_back()
            self._go_on_with_postponed()
            now = time.monotonic()
            if now >= self._next_sweep:
                self._sweep(now)
            for key, _ in self._selector.select(self._patience_s(now)):
                if isinstance(key.data, socket.socket):
                    self._accept_some(key.data)
                elif key.data is None:
                    self._drain_waker()
                elif key.data in self._parking:
                    if self._parking.stirred(key.data, key.fd):
                        ready.append(key.data)
                elif key.data not in self._under_way:
                    ready.append(key.data)
            self._waits = _waits()
            if self._stopping:
                self._let_go()
            elif self._retiring and self._listeners.open:
                self._close_listeners()

    def _has_room(self, served: Served) -> bool:
        """Whether an attendance goes on, or may begin. WSG-LIM-02, FWD-THR-01"""
        if served not in self._under_way:
            if self._postponed or len(self._under_way) >= self._threads_max:
                self._counters["thread_shortages"] += 1
                self._selector.unregister(served.fd)
                self._postponed.append(served)
                return False
            self._under_way.add(served)
        return True

    def _go_on_with_postponed(self) -> None:
        """Who has waited longest comes first."""
        while self._postponed and len(self._under_way) < self._threads_max:
            served = self._postponed.popleft()
            self._under_way.add(served)
            self._selector.register(served.fd, selectors.EVENT_READ, served)
            self._ready.append(served)

    def _patience_s(self, now: float) -> float:
        if self._ready:
            return 0
        return LET_GO_S if self._stopping else max(self._next_sweep - now, 0)

    def _attend_as_leader(self, served: Served, term: int) -> bool:
        """Returns whether this thread leads still."""
        self._attendance += 1
        self._running = served
        if self._watch_sleeps:
            self._watch_wanted.set()
        started = time.monotonic()
        result = self._attend(served)
        took_long = time.monotonic() - started > WAIT_S
        with self._lock:
            lost = self._term != term
            if not lost:
                self._running = None
                if took_long:
                    waits, self._waits = self._waits, _waits()
                    if waits != self._waits:
                        self._weigh(waited=True)
        if lost:
            self._give_back(served, result)
        elif isinstance(result, Awaited):
            self._park(served, result)
        else:
            self._under_way.remove(served)
            if not result:
                self._forget(served)
        return not lost

    def _attend(self, served: Served) -> bool | Awaited:
        try:
            return served.attend()
        except Exception:
            # An attendance answers for everything expected; this is a defect, and one connection's.
            logger.exception("internal error while serving a connection; it was closed")
            self._close(served)
            return False

    def _close(self, served: Served) -> None:
        try:
            served.close()
        except Exception:
            logger.exception("internal error while closing a connection")

    # -- moves of a connection ------------------------------------------------------------

    def _park(self, served: Served, awaited: Awaited) -> None:
        self._parking.park(served, awaited)
        self._next_sweep = min(self._next_sweep, awaited.until)

    def _hand_over(self, served: Served) -> bool:
        """False when no other thread is free: then it is the leader's own, rather than nobody's."""
        with self._lock:
            self._handed.append(served)
            if not self._hire():
                self._counters["thread_shortages"] += 1
                self._handed.pop()
                return False
            self._selector.unregister(served.fd)
            return True

    def _give_back(self, served: Served, result: bool | Awaited) -> None:
        """From a thread that does not lead."""
        if not isinstance(result, Awaited):
            self._under_way.remove(served)
        if not result:
            self._end(served)
            return
        with self._lock:
            self._returned.append((served, result))
            self._wake()

    def _take_back(self) -> None:
        while self._returned:
            served, result = self._returned.popleft()
            self._selector.register(served.fd, selectors.EVENT_READ, served)
            if isinstance(result, Awaited):
                self._park(served, result)

    def _forget(self, served: Served) -> None:
        """A watched connection is closed; only its number is left in the selector."""
        self._selector.unregister(served.fd)
        self._end(served)

    def _end(self, served: Served) -> None:
        with self._lock:
            self._all.discard(served)
            self._gone.notify_all()
            if self._postponed or not self._listeners.watched:
                self._wake()

    def _sweep(self, now: float) -> None:
        for served in list(self._all):
            if served.expires_at <= now and self._is_watched(served):
                self._close(served)
                self._forget(served)
        for served in self._parking.overdue(now):
            self._parking.unpark(served)
            self._ready.append(served)
        self._next_sweep = min(now + SWEEP_S, self._parking.earliest())
        self._accept_again()

    def _let_go(self) -> None:
        """The crew is stopping: no new connections, and none on which nothing has come for a moment."""
        self._listeners.close()
        now = time.monotonic()
        ready = set(self._ready)
        for served in list(self._all):
            if served in ready or not self._is_watched(served):
                # What was asked a moment ago, by CPING for example, has its time once more.
                self._quiet_since.pop(served, None)
            elif now - self._quiet_since.setdefault(served, now) >= LET_GO_S:
                self._close(served)
                self._forget(served)
        with self._lock:
            self._gone.notify_all()

    def _is_watched(self, served: Served) -> bool:
        key = self._selector.get_map().get(served.fd)
        return key is not None and key.data is served and served not in self._under_way

    # -- listeners ------------------------------------------------------------------------

    def _accept_again(self) -> None:
        if len(self._all) < self._connections_max and not (self._stopping or self._retiring):
            self._listeners.watch()

    def _close_listeners(self) -> None:
        # Nobody else may listen where this crew did: who is connected already gets an answer.
        for listener in self._listeners.sockets:
            self._accept_some(listener)
        self._listeners.close()

    def _accept_some(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_BATCH):
            if len(self._all) >= self._connections_max:
                self._counters["accept_pauses"] += 1
                self._listeners.pause()
                return
            sock = self._listeners.accept(listener)
            if sock is None:
                if not self._listeners.watched:
                    self._counters["accept_pauses"] += 1
                return
            served = self._accept(sock)
            if served is not None:
                with self._lock:
                    self._all.add(served)
                self._selector.register(served.fd, selectors.EVENT_READ, served)

    # -- waking and watching --------------------------------------------------------------

    def _wake(self) -> None:
        # A full pipe means that the leader has a wake-up waiting already, a closed one that all is over.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _drain_waker(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._waker_end.recv(4096)
        self._accept_again()

    def _watch(self) -> None:
        """Look every moment whether the leader still attends to what it attended to before, and give
        the lead away then. WSG-LIM-03"""
        seen = -1
        quiet = 0
        while not self._dismissed:
            if quiet >= QUIET_TICKS:
                self._watch_wanted.clear()
                self._watch_sleeps = True
                # The leader says what it attends to before it looks whether the watch sleeps.
                if self._running is None and not self._dismissed:
                    self._watch_wanted.wait()
                self._watch_sleeps = False
                quiet = 0
            time.sleep(MOMENT_S)
            attendance = self._attendance
            running = self._running is not None
            if attendance == seen and running:
                self._give_lead_away(attendance)
            quiet = quiet + 1 if attendance == seen and not running else 0
            seen = attendance

    def _give_lead_away(self, attendance: int) -> None:
        with self._lock:
            running = self._running
            if running is None or self._attendance != attendance or not self._led:
                return
            # Nobody waits at the selector now, so it may be changed from here.
            self._led = False
            if not self._hire():
                self._led = True  # every thread is busy; the watch tries again
                return
            self._selector.unregister(running.fd)
            self._term += 1
            self._running = None
            self._weigh(waited=True)
