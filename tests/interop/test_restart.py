"""A container is stopped and started again under load, and no request that may be repeated fails."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from refjk.speccheck import covers
from tests.interop.fronts import BalancedProxy
from tests.interop.peers import Httpd, JkWorker, ModJk, Program, RawConnection, ask
from tests.interop.refjk_server import APPLICATION, RefjkServer

pytestmark = pytest.mark.interop

CLIENTS = 8
ROUNDS = 2
WAIT_S = 30.0


class Load:
    """What the clients of a run have seen: requests that failed, and which processes answered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._over = False
        self.answered = 0
        self.failures: list[str] = []
        self.processes: set[int] = set()

    def run(self, port: int) -> None:
        """Ask until it is over. The requests have no query: mod_proxy_ajp repeats only such."""
        while not self._over:
            try:
                answer = ask(port, "/slow")
                outcome = None if answer.status == 200 else f"{answer.status} {answer.body!r}"
            except Exception as error:  # whatever it is, it is a failed request
                outcome = repr(error)
            with self._changed:
                self.answered += 1
                if outcome is None:
                    self.processes.add(int(answer.body))
                else:
                    self.failures.append(outcome)
                self._changed.notify_all()

    def wait_for_more(self) -> None:
        """Until each client has seen some more answers."""
        wanted = self.answered + 10 * CLIENTS
        self._wait(lambda: self.answered >= wanted)

    def wait_for_process(self, server: Program) -> None:
        """Until the process that a server is now has answered."""
        assert server.process is not None
        process = server.process.pid
        self._wait(lambda: process in self.processes)

    def wait_for_processes(self, count: int) -> None:
        """Until that many processes have answered."""
        self._wait(lambda: len(self.processes) >= count)

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S)

    def end(self) -> None:
        self._over = True


@contextmanager
def load_on(port: int) -> Iterator[Load]:
    """Clients that ask until the block ends; afterwards no failure may be among the answers."""
    load = Load()
    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(load.run, port) for _ in range(CLIENTS)]
        try:
            yield load
        finally:
            load.end()
        for client in running:
            client.result(WAIT_S)
    print(f"{load.answered} requests, {len(load.failures)} failed, {len(load.processes)} processes")
    assert load.failures == []


def balanced_mod_jk(*ports: int) -> ModJk:
    workers = [JkWorker(port, f"node{number}", ping_mode="A") for number, port in enumerate(ports)]
    balancer = {"method": "R", "recover_time": 1, "error_escalation_time": 0}
    often = "JkWatchdogInterval 1\nJkWorkerProperty worker.maintain=1"
    return ModJk(workers, balancer=balancer, as_directives=True, directives=often)


def balanced_mod_proxy_ajp(*ports: int) -> BalancedProxy:
    return BalancedProxy(0, ports=ports, parameters="retry=1 ping=5")


@pytest.fixture(params=[balanced_mod_jk, balanced_mod_proxy_ajp], ids=["mod_jk", "mod_proxy_ajp"])
def build_front(request: pytest.FixtureRequest) -> Callable[..., ModJk | BalancedProxy]:
    front: Callable[..., ModJk | BalancedProxy] = request.param
    return front


@covers("WSG-STP-01", "AJP-END-03")
def test_two_containers_restart_in_turn_and_no_request_fails(
    build_front: Callable[..., ModJk | BalancedProxy],
) -> None:
    with (
        RefjkServer() as first,
        RefjkServer() as second,
        Httpd(build_front(first.port, second.port)) as httpd,
        load_on(httpd.port) as load,
    ):
        for server in (first, second) * ROUNDS:
            load.wait_for_more()
            assert server.stop() == 0
            load.wait_for_more()
            server.start()
            load.wait_for_process(server)


@covers("WSG-STP-02", "WSG-STP-05")
def test_one_container_restarts_behind_its_listening_socket_and_no_request_fails(
    build_front: Callable[..., ModJk | BalancedProxy],
) -> None:
    def command(port: int) -> list[str]:
        keeper = [sys.executable, "-m", "tests.interop.socket_keeper", str(port)]
        return [*keeper, sys.executable, "-m", "refjk", "serve", APPLICATION]

    with (
        Program("socket keeper", command) as keeper,
        Httpd(build_front(keeper.port)) as httpd,
        load_on(httpd.port) as load,
    ):
        assert keeper.process is not None
        for restarts in range(ROUNDS):
            load.wait_for_processes(restarts + 1)
            load.wait_for_more()
            keeper.process.send_signal(signal.SIGHUP)
        load.wait_for_processes(ROUNDS + 1)


@covers("WSG-STP-01")
def test_what_runs_is_finished_before_the_container_stops() -> None:
    with (
        RefjkServer() as server,
        Httpd(balanced_mod_jk(server.port)) as httpd,
        RawConnection(httpd.port) as raw,
    ):
        raw.send(b"GET /pause?ms=300 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        raw.receive_until(b"first\n")
        assert server.stop() == 0
        assert raw.receive_to_end().endswith(b"second\n\r\n0\r\n\r\n")


@covers("WSG-STP-04")
def test_a_second_signal_stops_what_runs_at_once() -> None:
    with (
        RefjkServer("--graceful-timeout", "60") as server,
        Httpd(balanced_mod_jk(server.port)) as httpd,
        RawConnection(httpd.port) as raw,
    ):
        raw.send(b"GET /pause?ms=60000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        raw.receive_until(b"first\n")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        server.wait_until(lambda: "refjk stops" in server.output, "begin to stop", WAIT_S)
        assert server.stop() == 128 + signal.SIGTERM
