"""Several processes that serve the same listening sockets, replaced one and all without losing a request.

Supervisor(prepare).run()

`prepare` runs in the parent, at the start and at each reload, and says in a `Plan` what to serve. The
parent itself never starts a thread and never accepts a connection.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from refjk.base.errors import RefjkError, UsageError
from refjk.runtime.addresses import Address
from refjk.runtime.child import ChildControl, install_signals, run_and_exit
from refjk.runtime.listening import open_listeners
from refjk.runtime.signals import Arrivals

__all__ = ["ChildControl", "Plan", "Supervisor"]

PARENT_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCHLD,
)
EARLY_S = 1.0  # a child that dies within this time, or before it serves, was no good from the start
EARLY_DEATHS_MAX = 5
EARLY_WITHIN_S = 10.0
BACK_OFF_S = 0.1  # doubled with each early death
KILL_AFTER_S = 3.0  # beyond the time that a child was given
EXIT_GAVE_UP = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What one state of the configuration comes to.

    `serve` runs in each child, in its main thread, and returns the exit code. `child_died` runs in the parent
    with the slot of a child that did not end in order, before it is replaced. `close` runs in the
    parent when the last child of this plan has gone.
    """

    listen: Sequence[Address]
    serve: Callable[[ChildControl], int]
    processes: int = 1
    child_died: Callable[[int], None] = lambda slot: None
    close: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise UsageError("at least 1 process serves")


@dataclass(slots=True)
class _Child:
    pid: int
    slot: int
    ready_fd: int
    born_at: float
    is_ready: bool = False


@dataclass(slots=True, eq=False)
class _Generation:
    """The children of one plan."""

    plan: Plan
    children: dict[int, _Child] = field(default_factory=dict)  # by process id
    vacant: dict[int, float] = field(default_factory=dict)  # slots, and when they are filled again
    deadline: float | None = None  # to be ready by, or to be gone by
    is_leaving: bool = False

    @property
    def is_ready(self) -> bool:
        return all(child.is_ready for child in self.children.values()) and not self.vacant

    def send(self, number: int) -> None:
        for pid in self.children:
            os.kill(pid, number)


class Supervisor:
    """Times are seconds: `graceful_s` for running requests at a stop, `ready_s` for new processes to begin to
    serve, `retire_s` for connections of old processes after a reload. `sockets` are listening sockets that
    exist already and are served in place of those that plans name. When `lifeline_fd` can be read, whoever
    started this process is gone, and it ends. `announce` gets the addresses that are served, whenever a new
    plan is in force.
    """

    def __init__(
        self,
        prepare: Callable[[], Plan],
        *,
        graceful_s: float = 10.0,
        ready_s: float = 30.0,
        retire_s: float = 60.0,
        sockets: Sequence[socket.socket] = (),
        lifeline_fd: int | None = None,
        announce: Callable[[Sequence[Address]], None] = lambda addresses: None,
    ) -> None:
        self._prepare = prepare
        self._graceful_s = graceful_s
        self._ready_s = ready_s
        self._retire_s = retire_s
        self._inherited = list(sockets)
        self._announce = announce
        self._watched = [] if lifeline_fd is None else [lifeline_fd]
        self._listeners: dict[Address, list[socket.socket]] = {}
        self._arrivals = Arrivals()
        self._lifeline: tuple[int, int] = (-1, -1)
        self._current: _Generation | None = None
        self._coming: _Generation | None = None
        self._leaving: list[_Generation] = []
        self._reload_wanted = False
        self._early_deaths: deque[float] = deque()
        self._exit_code: int | None = None  # once the end has begun

    def run(self) -> int:
        """Serve until a signal ends it; returns the exit code. Only from the main thread, before any other.

        Raises `RefjkError` for a first plan or address that cannot be had.
        """
        # PRC-SUP-01
        plan = self._prepare()
        self._open(plan)
        self._lifeline = os.pipe()
        self._arrivals.install(PARENT_SIGNALS)
        self._start(plan)
        while self._exit_code is None or any(self._generations()):
            fds = [c.ready_fd for g in self._generations() for c in g.children.values() if c.ready_fd >= 0]
            signals, readable = self._arrivals.wait(self._patience(), fds + self._watched)
            if set(self._watched).intersection(readable):
                self._watched = []
                if self._exit_code is None:
                    signals.append(signal.SIGTERM)
            self._note_ready(readable)
            for number in signals:
                self._react(number)
            self._reap()
            self._look_at_the_clock()
        self._arrivals.close()
        for fd in self._lifeline:
            os.close(fd)
        for listener in self._all_sockets():
            listener.close()
        return self._exit_code

    # -- signals --------------------------------------------------------------------------

    def _react(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            if self._exit_code is None:
                _say(f"refjk stops; running requests have {self._graceful_s:g} s")
                self._end(0)
            else:
                # PRC-SUP-04
                _say("refjk: stopped at once")
                self._exit_code = 128 + number
                for generation in self._generations():
                    generation.send(signal.SIGKILL)
        elif number == signal.SIGUSR1:
            for generation in self._generations():
                generation.send(signal.SIGUSR1)
        elif number == signal.SIGHUP and self._exit_code is None:
            self._reload_wanted = True

    def _end(self, exit_code: int) -> None:
        """All children get their orderly stop. PRC-SUP-03"""
        self._exit_code = exit_code
        self._reload_wanted = False
        for generation in list(self._generations()):
            self._dismiss(generation)
        self._current = self._coming = None

    def _dismiss(self, generation: _Generation) -> None:
        """Asked to stop; killed when they do not."""
        generation.send(signal.SIGTERM)
        self._let_leave(generation, self._graceful_s)

    def _let_leave(self, generation: _Generation, within_s: float) -> None:
        generation.deadline = time.monotonic() + within_s + KILL_AFTER_S
        generation.is_leaving = True
        generation.vacant.clear()
        if generation not in self._leaving:
            self._leaving.append(generation)
        if not generation.children:
            self._forget(generation)

    # -- reload ---------------------------------------------------------------------------

    def _reload(self) -> None:
        """Begin to put another plan in the place of the current one."""
        known = set(self._listeners)
        try:
            plan = self._prepare()
        except RefjkError as error:
            # PRC-RLD-01
            _say(f"refjk keeps the old configuration: {error}")
            return
        except Exception:
            # A defect; who is served has nothing to do with it.
            traceback.print_exc()
            _say("refjk keeps the old configuration: an internal error stands above")
            return
        try:
            self._open(plan)
        except RefjkError as error:
            plan.close()
            self._close_listeners(set(self._listeners) - known)
            _say(f"refjk keeps the old configuration: {error}")
        else:
            self._start(plan)

    def _succeed(self, coming: _Generation) -> None:
        """All of the new generation are ready: it takes over."""
        old, self._current, self._coming = self._current, coming, None
        coming.deadline = None
        self._early_deaths.clear()
        if old is not None:
            # PRC-RLD-03
            old.send(signal.SIGUSR2)
            self._let_leave(old, self._retire_s + self._graceful_s)
            self._close_listeners(set(self._listeners) - set(coming.plan.listen))
        self._announce([_address_of(listener) for listener in self._sockets(coming.plan)])

    def _fail(self, coming: _Generation, why: str, exit_code: int) -> None:
        """The new generation is no good: the old one stays. PRC-RLD-02"""
        self._coming = None
        self._dismiss(coming)
        if self._current is None:
            _say(f"refjk cannot start: {why}")
            self._end(exit_code)
            return
        self._close_listeners(set(self._listeners) - set(self._current.plan.listen))
        _say(f"refjk keeps the old configuration: {why}")

    # -- children -------------------------------------------------------------------------

    def _start(self, plan: Plan) -> None:
        self._coming = coming = _Generation(plan, deadline=time.monotonic() + self._ready_s)
        try:
            for slot in range(plan.processes):
                self._fork(coming, slot)
        except OSError as error:
            self._fail(coming, f"no new process: {error.strerror}", EXIT_GAVE_UP)

    def _fork(self, generation: _Generation, slot: int) -> None:
        ready_fd, end = os.pipe()
        # A signal between the fork and the child's own handlers would be the parent's, twice.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, (*PARENT_SIGNALS, signal.SIGUSR2))
        try:
            pid = os.fork()
            if not pid:
                os.close(ready_fd)
                self._be_child(generation, slot, end, held)
        except OSError:
            os.close(ready_fd)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            os.close(end)
        generation.children[pid] = _Child(pid, slot, ready_fd, time.monotonic())

    def _be_child(
        self, generation: _Generation, slot: int, ready_fd: int, held: set[signal.Signals | int]
    ) -> None:
        """In the child: keep what is its own, and serve."""
        try:
            self._arrivals.close()
            arrivals = install_signals()
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            os.close(self._lifeline[1])
            for other in self._generations():
                for child in other.children.values():
                    if child.ready_fd >= 0:
                        os.close(child.ready_fd)
            # An address that is given up must not stay open here.
            for address in set(self._listeners) - set(generation.plan.listen):
                for listener in self._listeners[address]:
                    listener.close()
            control = ChildControl(
                slot=slot,
                sockets=self._sockets(generation.plan),
                listeners={address: self._listeners[address] for address in self._wanted(generation.plan)},
                graceful_s=self._graceful_s,
                retire_s=self._retire_s,
                arrivals=arrivals,
                ready_fd=ready_fd,
                lifeline_fd=self._lifeline[0],
            )
        except BaseException:
            traceback.print_exc()
            os._exit(EXIT_GAVE_UP)
        run_and_exit(generation.plan.serve, control)

    def _note_ready(self, readable: Sequence[int]) -> None:
        for generation in self._generations():
            for child in generation.children.values():
                if child.ready_fd in readable:
                    child.is_ready = os.read(child.ready_fd, 1) != b""
                    os.close(child.ready_fd)
                    child.ready_fd = -1
        if self._coming is not None and self._coming.is_ready:
            self._succeed(self._coming)

    def _reap(self) -> None:
        for generation in list(self._generations()):
            for child in list(generation.children.values()):
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    self._bury(generation, child, os.waitstatus_to_exitcode(status))

    def _bury(self, generation: _Generation, child: _Child, code: int) -> None:
        del generation.children[child.pid]
        if child.ready_fd >= 0:
            os.close(child.ready_fd)
        if code:
            generation.plan.child_died(child.slot)
        if generation.is_leaving:
            if not generation.children:
                self._forget(generation)
            return
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if generation is self._coming:
            self._fail(generation, f"a new process ended with {how} before all were ready", max(code, 1))
            return
        # PRC-SUP-02
        now = time.monotonic()
        wait_s = 0.0
        if now - child.born_at < EARLY_S or not child.is_ready:
            deaths = self._early_deaths
            deaths.append(now)
            while deaths[0] < now - EARLY_WITHIN_S:
                deaths.popleft()
            if len(deaths) >= EARLY_DEATHS_MAX:
                _say(f"refjk gives up: {len(deaths)} processes died within {EARLY_WITHIN_S:g} s")
                self._end(EXIT_GAVE_UP)
                return
            wait_s = BACK_OFF_S * 2 ** (len(deaths) - 1)
        _say(f"refjk: process {child.pid} ended with {how}; another takes its place")
        generation.vacant[child.slot] = now + wait_s

    def _forget(self, generation: _Generation) -> None:
        self._leaving.remove(generation)
        generation.plan.close()

    # -- time -----------------------------------------------------------------------------

    def _patience(self) -> float | None:
        """Seconds until something is due without a signal."""
        if self._reload_wanted and self._coming is None:
            return 0.0
        times = [g.deadline for g in self._generations() if g.deadline is not None]
        times += [at for g in self._generations() for at in g.vacant.values()]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        for generation in list(self._leaving):
            if generation.deadline is not None and generation.deadline <= now:
                _say(f"refjk: {len(generation.children)} processes did not end in time and were killed")
                generation.send(signal.SIGKILL)
                generation.deadline = None
        coming, current = self._coming, self._current
        if coming is not None and coming.deadline is not None and coming.deadline <= now:
            self._fail(coming, f"new processes were not ready within {self._ready_s:g} s", EXIT_GAVE_UP)
        if current is not None:
            for slot in [slot for slot, at in current.vacant.items() if at <= now]:
                self._refill(current, slot)
        if self._reload_wanted and self._coming is None:
            self._reload_wanted = False
            self._reload()

    def _refill(self, generation: _Generation, slot: int) -> None:
        try:
            self._fork(generation, slot)
            del generation.vacant[slot]
        except OSError as error:
            _say(f"refjk: no new process: {error.strerror}")
            generation.vacant[slot] = time.monotonic() + EARLY_S

    # -- listeners and generations --------------------------------------------------------

    def _generations(self) -> Iterator[_Generation]:
        return iter([g for g in (self._current, self._coming, *self._leaving) if g is not None])

    def _wanted(self, plan: Plan) -> list[Address]:
        return [] if self._inherited else list(dict.fromkeys(plan.listen))

    def _open(self, plan: Plan) -> None:
        for address in self._wanted(plan):
            if address not in self._listeners:
                self._listeners[address] = open_listeners(address)

    def _sockets(self, plan: Plan) -> list[socket.socket]:
        return self._inherited or [s for address in self._wanted(plan) for s in self._listeners[address]]

    def _all_sockets(self) -> list[socket.socket]:
        return self._inherited + [s for listeners in self._listeners.values() for s in listeners]

    def _close_listeners(self, addresses: set[Address]) -> None:
        for address in addresses:
            for listener in self._listeners.pop(address):
                listener.close()


def _address_of(listener: socket.socket) -> Address:
    name = listener.getsockname()
    return Address(str(name[0]), int(name[1])) if listener.family != socket.AF_UNIX else Address(str(name), 0)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        # In one write: children say things there too, and `print` may make two.
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
