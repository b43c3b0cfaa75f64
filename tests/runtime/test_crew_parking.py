"""Attendances that wait for a third party without a thread."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

from refjk.runtime.crew import Crew
from refjk.runtime.waiting import Awaited
from refjk.speccheck import covers
from tests.runtime.connectors import DEADLINE_S, wait_for


class Asking:
    """A served connection that asks an oracle what to answer, and waits for that.

    `late` is what it says when the oracle took too long.
    """

    def __init__(self, sock: socket.socket, patience_s: float) -> None:
        self.fd = sock.fileno()
        self.expires_at = math.inf
        self.closed_while_waiting = False
        self.attended: list[int] = []  # by which threads
        self.oracle, self._asked = socket.socketpair()
        self.oracle.settimeout(DEADLINE_S)
        self._asked.setblocking(False)
        self._socket = sock
        self._patience_s = patience_s
        self._waits = False

    def attend(self) -> bool | Awaited:
        self.attended.append(threading.get_ident())
        if self._waits:
            self._waits = False
            try:
                answer = self._asked.recv(1000)
            except BlockingIOError:
                answer = b"late"
            self._socket.sendall(answer)
            return True
        data = self._socket.recv(1000)
        if not data:
            self.close()
            return False
        self._asked.sendall(data)
        self._waits = True
        return Awaited(self._asked.fileno(), time.monotonic() + self._patience_s)

    def close(self) -> None:
        self.closed_while_waiting = self._waits
        for opened in (self._socket, self._asked, self.oracle):
            opened.close()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Running:
    """A crew of such connections, in the order in which they were accepted."""

    def __init__(self, *, threads: int, patience_s: float) -> None:
        self.counters: Counter[str] = Counter()
        self.served: list[Asking] = []
        self._patience_s = patience_s
        self.crew = Crew(
            self._accept, threads=threads, connections_max=100, name="test", counters=self.counters
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.crew.start([self._listener])
        self._clients = contextlib.ExitStack()

    def _accept(self, sock: socket.socket) -> Asking:
        sock.setblocking(False)
        self.served.append(Asking(sock, self._patience_s))
        return self.served[-1]

    def client(self, says: bytes) -> socket.socket:
        """Its connection is the last of `served` when this returns."""
        before = len(self.served)
        client = socket.create_connection(self.address, timeout=DEADLINE_S)
        self._clients.enter_context(client)
        wait_for(lambda: len(self.served) == before + 1)
        client.sendall(says)
        return client

    def close(self) -> None:
        self.crew.stop(1.0)
        self._clients.close()


@contextlib.contextmanager
def running(*, threads: int = 4, patience_s: float = DEADLINE_S) -> Iterator[Running]:
    here = Running(threads=threads, patience_s=patience_s)
    try:
        yield here
    finally:
        here.close()


@covers("FWD-THR-02")
def test_who_waits_holds_no_thread() -> None:
    with running(threads=8) as here:
        clients = [here.client(b"%d" % number) for number in range(8)]
        for number, served in enumerate(here.served):
            assert served.oracle.recv(10) == b"%d" % number
        # In another order than they asked in.
        for number in (7, 3, 0, 1, 2, 6, 5, 4):
            here.served[number].oracle.sendall(b"answer %d" % number)
            assert clients[number].recv(100) == b"answer %d" % number
        assert len({thread for served in here.served for thread in served.attended}) == 1


@covers("FWD-THR-01")
def test_no_more_wait_than_there_are_threads_and_the_others_follow() -> None:
    with running(threads=2) as here:
        clients = [here.client(b"%d" % number) for number in range(5)]
        for served in here.served[:2]:
            assert served.oracle.recv(10)
        here.served[2].oracle.settimeout(0.1)
        wait_for(lambda: here.counters["thread_shortages"] == 3)
        assert [len(served.attended) for served in here.served] == [1, 1, 0, 0, 0]
        here.served[0].oracle.sendall(b"first")
        assert clients[0].recv(100) == b"first"
        for number in (2, 3, 4):
            here.served[number].oracle.settimeout(DEADLINE_S)
            assert here.served[number].oracle.recv(10) == b"%d" % number
            here.served[number].oracle.sendall(b"later")
            assert clients[number].recv(100) == b"later"


def test_who_waits_for_room_does_not_expire() -> None:
    with running(threads=1) as here:
        first = here.client(b"one")
        assert here.served[0].oracle.recv(10) == b"one"
        second = here.client(b"two")
        wait_for(lambda: here.counters["thread_shortages"] == 1)
        here.served[1].expires_at = time.monotonic()
        here.crew._next_sweep = 0.0  # the sweep comes when there is room
        here.served[0].oracle.sendall(b"1")
        assert first.recv(10) == b"1"
        assert here.served[1].oracle.recv(10) == b"two"
        here.served[1].oracle.sendall(b"2")
        assert second.recv(10) == b"2"


def test_a_wait_ends_with_its_time() -> None:
    with running(patience_s=0.05) as here:
        late = here.client(b"x")
        assert late.recv(100) == b"late"
        assert here.served[0].oracle.recv(10) == b"x"
        late.sendall(b"y")
        assert here.served[0].oracle.recv(10) == b"y"
        assert late.recv(100) == b"late"


def test_what_a_client_says_meanwhile_is_looked_at_afterwards() -> None:
    with running() as here:
        client = here.client(b"one")
        assert here.served[0].oracle.recv(10) == b"one"
        client.sendall(b"two")
        here.client(b"other")
        assert here.served[1].oracle.recv(10) == b"other"
        assert len(here.served[0].attended) == 1
        here.served[0].oracle.sendall(b"1")
        assert here.served[0].oracle.recv(10) == b"two"
        here.served[0].oracle.sendall(b"2")
        answers = client.recv(1)
        answers += client.recv(1)
        assert answers == b"12"
        assert len(here.served[0].attended) == 4


def test_a_client_that_goes_meanwhile_makes_nobody_busy() -> None:
    with running() as here:
        client = here.client(b"one")
        assert here.served[0].oracle.recv(10) == b"one"
        client.shutdown(socket.SHUT_WR)
        other = here.client(b"other")
        here.served[1].oracle.sendall(b"yes")
        assert other.recv(10) == b"yes"
        assert len(here.served[0].attended) == 1
        here.served[0].oracle.sendall(b"answer")
        assert client.recv(10) == b"answer"
        assert client.recv(10) == b""
        wait_for(lambda: here.crew.connections == 1)


def test_who_waits_does_not_expire() -> None:
    with running() as here:
        client = here.client(b"one")
        assert here.served[0].oracle.recv(10) == b"one"
        here.served[0].expires_at = time.monotonic()
        other = here.client(b"other")
        here.served[1].oracle.sendall(b"yes")
        assert other.recv(10) == b"yes"
        here.served[1].expires_at = time.monotonic()
        assert other.recv(10) == b""  # the sweep came by
        here.served[0].expires_at = math.inf
        here.served[0].oracle.sendall(b"answer")
        assert client.recv(10) == b"answer"


@covers("FWD-STP-01")
def test_a_crew_that_stops_lets_waits_end() -> None:
    with running() as here:
        client = here.client(b"one")
        assert here.served[0].oracle.recv(10) == b"one"
        results: list[bool] = []
        stopper = threading.Thread(target=lambda: results.append(here.crew.stop(DEADLINE_S)))
        stopper.start()
        wait_for(lambda: not here.crew._listeners.open)
        here.served[0].oracle.sendall(b"answer")
        assert client.recv(10) == b"answer"
        stopper.join(DEADLINE_S)
        assert results == [True]


def test_a_crew_that_stops_at_once_closes_who_waits() -> None:
    with running() as here:
        client = here.client(b"one")
        assert here.served[0].oracle.recv(10) == b"one"
        assert not here.crew.stop(0)
        assert client.recv(10) == b""
        wait_for(lambda: here.served[0].closed_while_waiting)
