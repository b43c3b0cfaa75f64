"""Threads that take turns at one selector, with connections that tests make slow."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refjk.runtime.crew import Crew
from refjk.speccheck import covers
from tests.runtime.connectors import DEADLINE_S, wait_for


class Echo:
    """A served connection that gives back what it reads, after `before`."""

    def __init__(self, sock: socket.socket, before: Callable[[bytes], None]) -> None:
        self.fd = sock.fileno()
        self.expires_at = float("inf")
        self.socket = sock
        self._before = before

    def attend(self) -> bool:
        try:
            data = self.socket.recv(1000)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            self._before(data)
            with contextlib.suppress(OSError):
                self.socket.sendall(data)
            return True
        self.close()
        return False

    def close(self) -> None:
        self.socket.close()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class Held:
    """Connections that say `hold` wait here until they are let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, data: bytes) -> None:
        if data != b"hold":
            return
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.go.wait(DEADLINE_S)
        with self._lock:
            self.inside -= 1


class Running:
    """A crew with a listener; `client()` gives a connection to it."""

    def __init__(self, crew: Crew, port: int, counters: Counter[str]) -> None:
        self.crew = crew
        self.counters = counters
        self._port = port
        self._clients = contextlib.ExitStack()

    def client(self, *says: bytes) -> socket.socket:
        client = self._clients.enter_context(
            socket.create_connection(("127.0.0.1", self._port), timeout=DEADLINE_S)
        )
        for octets in says:
            client.sendall(octets)
        return client

    def close(self) -> None:
        self._clients.close()


@contextlib.contextmanager
def running(
    before: Callable[[bytes], None] = lambda data: None,
    *,
    threads: int = 4,
    connections_max: int = 100,
    listener: socket.socket | None = None,
) -> Iterator[Running]:
    def accept(sock: socket.socket) -> Echo:
        sock.setblocking(False)
        return Echo(sock, before)

    counters: Counter[str] = Counter()
    crew = Crew(accept, threads=threads, connections_max=connections_max, name="test", counters=counters)
    listener = listener or socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    crew.start([listener])
    here = Running(crew, port, counters)
    try:
        yield here
    finally:
        crew.stop(1.0)
        here.close()


def echoed(client: socket.socket, octets: bytes = b"x") -> bool:
    client.sendall(octets)
    return client.recv(1000) == octets


@covers("WSG-LIM-03")
@pytest.mark.parametrize("slow", [1, 2, 3])
@pytest.mark.parametrize("together", [False, True])
def test_the_lead_is_taken_over_from_connections_that_take_long(slow: int, together: bool) -> None:
    held = Held()
    with running(held) as here:
        quick = here.client()
        assert echoed(quick)
        for number in range(slow):
            here.client(b"hold")
            if not together:
                wait_for(lambda number=number: held.inside == number + 1)
        wait_for(lambda: held.inside == slow)
        for _ in range(300):
            assert echoed(quick)
        assert echoed(here.client())
        held.go.set()
        wait_for(lambda: held.inside == 0)


@covers("WSG-LIM-02", "WSG-LIM-03")
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_as_many_run_as_there_are_threads_and_the_others_follow(threads: int) -> None:
    held = Held()
    with running(held, threads=threads) as here:
        clients = [here.client(b"hold") for _ in range(threads * 3)]
        wait_for(lambda: held.inside == threads)
        held.go.set()
        assert [client.recv(10) for client in clients] == [b"hold"] * threads * 3
        assert held.most == threads


@covers("WSG-LIM-03")
def test_a_leader_that_is_stuck_longer_than_the_watch_stays_awake_is_still_relieved() -> None:
    """All threads are busy at first; when one comes back it must find that nobody leads."""
    first, second = threading.Event(), threading.Event()
    inside = []

    def before(data: bytes) -> None:
        gate = {b"first": first, b"second": second}.get(data)
        if gate:
            inside.append(data)
            assert gate.wait(DEADLINE_S)

    with running(before, threads=2) as here:
        one = here.client(b"first")
        wait_for(lambda: inside == [b"first"])
        two = here.client(b"second")
        wait_for(lambda: inside == [b"first", b"second"])
        time.sleep(1.5)  # longer than the watch waits before it sleeps
        first.set()
        assert one.recv(10) == b"first"
        assert echoed(here.client())
        second.set()
        assert two.recv(10) == b"second"


def test_after_a_quiet_time_a_slow_connection_is_noticed_again() -> None:
    held = Held()
    with running(held) as here:
        quick = here.client()
        assert echoed(quick)
        time.sleep(1.5)  # the watch sleeps now
        here.client(b"hold")
        wait_for(lambda: held.inside == 1)
        assert echoed(quick)
        held.go.set()


@covers("WSG-LIM-04")
def test_above_the_limit_connections_wait_and_are_accepted_when_one_ends() -> None:
    with running(connections_max=2) as here:
        one, two = here.client(), here.client()
        assert echoed(one)
        assert echoed(two)
        waiting = here.client(b"y")
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        assert here.crew.connections == 2
        assert here.counters["accept_pauses"] == 1
        two.close()
        waiting.settimeout(DEADLINE_S)
        assert waiting.recv(1) == b"y"
        assert echoed(one)


@covers("WSG-LIM-04")
def test_above_the_limit_a_connection_that_a_follower_ends_makes_room_too() -> None:
    held = Held()
    with running(held, connections_max=2) as here:
        slow, other = here.client(b"hold"), here.client(b"hold")
        wait_for(lambda: held.inside == 2)
        waiting = here.client(b"y")
        slow.close()
        held.go.set()
        assert waiting.recv(1) == b"y"
        assert other.recv(4) == b"hold"


class Exhausted(socket.socket):
    """A listener whose first `accept` finds no descriptor left."""

    accepts = 0

    def accept(self) -> Any:
        self.accepts += 1
        if self.accepts == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@covers("WSG-LIM-04")
def test_without_descriptors_accepting_pauses_for_a_moment(caplog: pytest.LogCaptureFixture) -> None:
    listener = Exhausted()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with running(listener=listener) as here:
        client = here.client(b"x")
        assert client.recv(1) == b"x"
        assert listener.accepts < 10  # no busy loop
        assert here.counters["accept_pauses"] == 1
    assert "Too many open files" in caplog.text


@covers("WSG-LIM-05")
def test_a_connection_that_has_expired_is_closed_unless_it_is_attended_to() -> None:
    held = Held()
    with running(held) as here:
        idle, busy = here.client(b"x"), here.client(b"hold")
        assert idle.recv(1) == b"x"
        wait_for(lambda: held.inside == 1)
        for served in here.crew._all:
            served.expires_at = time.monotonic()
        assert idle.recv(1) == b""
        held.go.set()
        assert busy.recv(4) == b"hold"


def test_a_defect_in_an_attendance_costs_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    def before(data: bytes) -> None:
        if data == b"defect":
            raise ZeroDivisionError

    with running(before, threads=1) as here:
        broken, other = here.client(b"defect"), here.client()
        assert broken.recv(10) == b""
        assert echoed(other)
    assert "internal error while serving a connection" in caplog.text


@covers("WSG-STP-01")
def test_stopping_waits_for_attendances_and_closes_the_rest() -> None:
    held = Held()
    with running(held) as here:
        idle, busy = here.client(b"x"), here.client(b"hold")
        assert idle.recv(1) == b"x"
        wait_for(lambda: held.inside == 1)
        results: list[bool] = []
        stopper = threading.Thread(target=lambda: results.append(here.crew.stop(DEADLINE_S)))
        stopper.start()
        assert idle.recv(1) == b""
        held.go.set()
        assert busy.recv(4) == b"hold"
        stopper.join(DEADLINE_S)
        assert results == [True]


@covers("WSG-STP-03")
@pytest.mark.parametrize("grace_s", [0.0, 0.2])
def test_stopping_cuts_off_what_does_not_end(grace_s: float) -> None:
    held = Held()
    with running(held, threads=2) as here:
        stuck = [here.client() for _ in range(3)]
        wait_for(lambda: here.crew.connections == 3)  # before all threads are busy
        for client in stuck:
            client.sendall(b"hold")
        wait_for(lambda: held.inside == 2)
        assert not here.crew.stop(grace_s)
        assert stuck[0].recv(1) == b""
        held.go.set()
        wait_for(lambda: held.inside == 0)
        assert stuck[2].recv(1) == b""  # never attended to; the last thread closes it


def test_any_grace_that_a_caller_thinks_of_is_a_time() -> None:
    for grace_s in (1e300, float("inf"), -1.0):
        with running() as here:
            assert here.crew.stop(grace_s) in (True, False)


def test_many_connections_that_come_and_go_are_all_served() -> None:
    failures: list[BaseException] = []

    def run(here: Running) -> None:
        try:
            for _ in range(30):
                with socket.create_connection(("127.0.0.1", here._port), timeout=DEADLINE_S) as client:
                    assert echoed(client, b"one")
                    assert echoed(client, b"two")
        except BaseException as failure:
            failures.append(failure)

    with running(lambda data: time.sleep(0.015) if data == b"two" else None, threads=4) as here:
        threads = [threading.Thread(target=run, args=(here,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        assert failures == []
        wait_for(lambda: here.crew.connections == 0)


@covers("PRC-RLD-05")
def test_a_crew_that_retires_keeps_its_connections_and_accepts_no_more() -> None:
    held = Held()
    with running(held) as here:
        idle, busy = here.client(b"x"), here.client(b"hold")
        assert idle.recv(1) == b"x"
        wait_for(lambda: held.inside == 1)
        here.crew.retire()
        wait_for(lambda: not here.crew._listeners.open)
        with pytest.raises(ConnectionRefusedError):
            here.client()
        assert echoed(idle)
        assert not here.crew.retired
        held.go.set()
        assert busy.recv(4) == b"hold"
        idle.close()
        busy.close()
        wait_for(lambda: here.crew.retired)
        assert here.crew.stop(1.0)


def test_who_waits_to_be_accepted_when_a_crew_retires_is_served_still() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    early = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    with early, running(listener=listener) as here:
        here.crew.retire()
        assert echoed(early)
        early.close()
        wait_for(lambda: here.crew.retired)


@covers("PRC-RLD-06")
def test_a_crew_that_retires_can_be_stopped() -> None:
    with running() as here:
        idle = here.client(b"x")
        assert idle.recv(1) == b"x"
        here.crew.retire()
        assert here.crew.stop(DEADLINE_S)
        assert idle.recv(1) == b""
