"""refjk's front before real Tomcats."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codec import CPING_PACKET, CPONG_PACKET, END_RESPONSE_REUSE
from refjk.ajp13.events import HeadersReceived
from refjk.balancing import WorkerSettings
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.runtime.endpoint_pool import PING_IDLE_S, EndpointPool, PoolCounters, PoolSettings
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.speccheck import covers
from tests.interop.peers import Answer, RawConnection, Tomcat, ask
from tests.interop.tap import Tap, packets

pytestmark = pytest.mark.interop

FIFTY_MB = 50 << 20
BLOCK = os.urandom(1 << 16)
CLIENTS = 200
END_OF_BODY = b"\x12\x34\0\0"
ECHO = build_forward_request(b"GET", b"/echo", None, [], ConnectionFacts(b"192.0.2.7", b"www.example", 80))


class RunningFront:
    """A front before some Tomcats, or taps before them, as a context manager; `ask` asks it."""

    def __init__(
        self, *tomcats: Tomcat | Tap, packet_size: int = 8192, secret: bytes | None = None, **settings: Any
    ) -> None:
        workers = tuple(
            FrontWorker(
                WorkerSettings((isinstance(tomcat, Tomcat) and tomcat.jvm_route) or f"worker{number}"),
                Address("127.0.0.1", tomcat.port),
                secret,
                packet_size,
            )
            for number, tomcat in enumerate(tomcats)
        )
        whole = FrontSettings(workers=workers, mounts=(parse_mount("/*=balancer"),), **settings)
        self.front = Front(whole, "127.0.0.1:0")
        self.port = 0

    def __enter__(self) -> RunningFront:
        _, self.port = self.front.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.front.stop(5.0)

    def ask(self, path: str = "/", method: str = "GET", **more: Any) -> Answer:
        return ask(self.port, path, method, **more)

    def pool(self, worker: str = "worker0") -> PoolCounters:
        """The counters when no connection is in use; a client may have its answer a moment before."""
        wait_for(lambda: self.front.pools[worker].counters().busy == 0)
        return self.front.pools[worker].counters()

    def states(self) -> list[str]:
        return [worker.state.value for worker in self.front.snapshot()["balancer"]]


@pytest.fixture(scope="module")
def front(tomcat: Tomcat) -> Iterator[RunningFront]:
    with RunningFront(tomcat) as running:
        yield running


def blocks(size: int) -> Iterator[bytes]:
    """So many random octets, the same each time."""
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]


def sha256(size: int) -> str:
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


@pytest.mark.parametrize(
    "method",
    ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "REPORT", "BASELINE-CONTROL", "BREW"],
)
def test_every_method_arrives_with_its_body(front: RunningFront, method: str) -> None:
    seen = front.ask("/echo/%7Ea%20b;v=1?x=%2F&y=", method, body=b"some octets").json()
    assert (seen["method"], seen["uri"], seen["query"]) == (method, "/echo/~a%20b;v=1", "x=%2F&y=")
    assert (seen["body"]["length"], seen["body"]["head"], seen["content_length"]) == (11, "some octets", 11)
    assert (seen["scheme"], seen["server_name"], seen["server_port"]) == ("http", "127.0.0.1", front.port)
    assert (seen["remote_addr"], seen["protocol"]) == ("127.0.0.1", "HTTP/1.1")


@pytest.mark.parametrize("size", [0, 1, 8185, 8186, 8187, 16372, 100_000, FIFTY_MB])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_uploads_arrive_whole(front: RunningFront, size: int, framing: str) -> None:
    headers = {"Content-Length": str(size)} if framing == "length" else {}
    seen = front.ask("/echo", "PUT", body=blocks(size), headers=headers).json()
    assert (seen["body"]["length"], seen["body"]["sha256"]) == (size, sha256(size))
    assert seen["content_length"] == (size if framing == "length" else -1)


@pytest.mark.parametrize("size", [0, 1, 8184, 8188, 8192, 100_000, FIFTY_MB])
@pytest.mark.parametrize("framing", ["", "&length=no"])
def test_downloads_arrive_whole(front: RunningFront, size: int, framing: str) -> None:
    answer = front.ask(f"/big?n={size}{framing}")
    assert answer.status == 200 and len(answer.body) == size
    pattern = bytes(i % 251 for i in range(251))
    assert answer.body == (pattern * (size // 251 + 1))[:size]


def test_answers_without_content_keep_the_connection(front: RunningFront) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    for method, path, status in (
        ("HEAD", "/big?n=5000", 200),
        ("GET", "/status?code=204", 204),
        ("GET", "/status?code=304", 304),
        ("HEAD", "/status?code=404", 404),
        ("GET", "/status?code=404", 404),
    ):
        for _ in range(2):
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read()
            assert (response.status, body) == (
                status,
                b"status 404\n" if (method, status) == ("GET", 404) else b"",
            )
            if path == "/big?n=5000":
                assert response.getheader("Content-Length") == "5000"
    sock = connection.sock
    connection.request("GET", "/echo")
    assert connection.getresponse().read() and connection.sock is sock
    connection.close()


def test_repeated_and_large_headers_arrive_in_both_directions(front: RunningFront) -> None:
    large = "v" * 6000
    answer = front.ask(
        "/echo?header=X-One:1&header=X-One:2&header=Set-Cookie:a=b&header=Set-Cookie:c=d",
        headers=[("X-Many", "1"), ("X-Many", "2"), ("X-Large", large), ("Cookie", "a=1"), ("Cookie", "b=2")],
    )
    seen = answer.json()["headers"]
    assert [value for name, value in seen if name.lower() == "x-many"] == ["1", "2"]
    assert [value for name, value in seen if name.lower() == "x-large"] == [large]
    assert [value for name, value in seen if name.lower() == "cookie"] == ["a=1", "b=2"]
    assert [value for name, value in answer.headers if name == "X-One"] == ["1", "2"]
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=b", "c=d"]


def test_a_head_that_fits_no_packet_is_refused_and_the_worker_stays(front: RunningFront) -> None:
    assert front.ask("/echo", headers={"X-1": "v" * 5000, "X-2": "v" * 5000}).status == 413
    assert front.ask("/echo").status == 200


def test_large_packets_carry_large_headers_and_bodies() -> None:
    with Tomcat(packet_size=65536) as tomcat, RunningFront(tomcat, packet_size=65536) as front:
        headers = {f"X-{number}": "v" * 7000 for number in range(8)}
        seen = front.ask("/echo", "POST", body=blocks(1_000_000), headers=headers).json()
        assert seen["body"]["sha256"] == sha256(1_000_000)
        assert sum(len(value) for name, value in seen["headers"] if name.lower().startswith("x-")) == 56000
        assert len(front.ask("/big?n=1000000").body) == 1_000_000


def test_each_flush_reaches_the_client_while_the_answer_is_made(front: RunningFront) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    connection.request("GET", "/flush?n=3&ms=300")
    response = connection.getresponse()
    came = []
    for _ in range(3):
        came.append((response.readline(), time.monotonic()))
    assert [line for line, _ in came] == [b"piece 0\n", b"piece 1\n", b"piece 2\n"]
    assert all(later - earlier > 0.15 for (_, earlier), (_, later) in itertools.pairwise(came))
    connection.close()


def test_an_answer_that_is_never_completed_is_visibly_incomplete(tomcat: Tomcat) -> None:
    with RunningFront(tomcat, reply_timeout_s=1.0, recover_time_s=0) as front:
        assert front.ask("/fail").status == 500
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            front.ask("/fail?late=5000")
        assert front.front.counters["ended_stalled"] == 1


def test_100_continue_is_given_before_the_body(front: RunningFront) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    connection.connect()
    connection.sock.sendall(
        b"POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    )
    assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sock.sendall(b"body")
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 200 ")
    connection.close()


@pytest.mark.parametrize(("secret", "status"), [(b"right", 200), (b"wrong", 403), (None, 403)])
def test_the_secret_decides(secret: bytes | None, status: int, secret_tomcat: Tomcat) -> None:
    with RunningFront(secret_tomcat, secret=secret) as front:
        assert front.ask("/echo").status == status
        assert front.ask("/echo").status == status


@pytest.fixture(scope="module")
def secret_tomcat() -> Iterator[Tomcat]:
    with Tomcat(secret="right") as tomcat:
        yield tomcat


class SessionClient:
    """Counts in a session."""

    def __init__(self, front: RunningFront) -> None:
        self._front = front
        self.cookie = ""
        self.route = ""
        self.count = 0

    def ask(self) -> None:
        answer = self._front.ask("/session", headers={"Cookie": self.cookie} if self.cookie else {})
        assert answer.status == 200
        self.cookie = (answer.header("set-cookie") or self.cookie).partition(";")[0]
        seen = answer.json()
        self.route, self.count = seen["id"].partition(".")[2], seen["count"]


def test_sessions_stick_and_a_killed_tomcat_costs_no_idempotent_request() -> None:
    with (
        Tomcat(jvm_route="left") as left,
        Tomcat(jvm_route="right") as right,
        RunningFront(left, right, recover_time_s=1) as front,
    ):
        clients = [SessionClient(front) for _ in range(8)]
        for turn in range(1, 4):
            for client in clients:
                client.ask()
                assert client.count == turn
        assert Counter(client.route for client in clients) == {"left": 4, "right": 4}

        failures: list[str] = []
        asked = Counter[str]()
        over = threading.Event()

        def load(name: str) -> None:
            while not over.is_set():
                try:
                    answer = front.ask("/sleep?ms=5")
                    if answer.status != 200:
                        failures.append(f"{answer.status} {answer.reason}")
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
                asked[name] += 1

        threads = [threading.Thread(target=load, args=(str(number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            wait_for_requests(asked, 100)
            left.kill()
            wait_for_requests(asked, asked.total() + 200)
            for client in clients:
                client.ask()
            assert {client.route for client in clients} == {"right"}
            assert sorted(client.count for client in clients) == [1] * 4 + [4] * 4
            left.start()
            newcomers = set()
            deadline = time.monotonic() + 30
            while "left" not in newcomers:
                assert time.monotonic() < deadline, "nobody got to the Tomcat that is back"
                newcomer = SessionClient(front)
                newcomer.ask()
                newcomers.add(newcomer.route)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        # An answer that had begun cannot be had from another Tomcat (AJP-ERR-07); nothing else may fail.
        counters = front.front.counters
        assert len(failures) == counters["ended_cut_short"] < len(threads), (failures, counters)
        assert asked.total() > 300


def wait_for_requests(asked: Counter[str], total: int) -> None:
    wait_for(lambda: asked.total() >= total)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("threads", [64, CLIENTS])
def test_two_hundred_clients_at_once_each_get_their_own_answer(tomcat: Tomcat, threads: int) -> None:
    together = threading.Barrier(CLIENTS)

    def ask_three_times(front: RunningFront, number: int) -> list[tuple[Any, ...]]:
        """What came back of what only this client sent."""
        together.wait(60)
        returned = []
        for turn in range(3):
            own = f"client {number}, turn {turn}"
            answer = front.ask(f"/sleep/{number}?ms=200&header=X-Own:{number}", "POST", body=own.encode())
            seen = answer.json()
            returned.append((answer.status, answer.header("x-own"), seen["uri"], seen["body"]["head"]))
        return returned

    with RunningFront(tomcat, threads=threads) as front, ThreadPoolExecutor(CLIENTS) as clients:
        results = clients.map(lambda number: ask_three_times(front, number), range(CLIENTS))
        for number, returned in enumerate(results):
            assert returned == [
                (200, str(number), f"/sleep/{number}", f"client {number}, turn {turn}") for turn in range(3)
            ]
        pool = front.pool()
        assert pool.opened + pool.reused == 3 * CLIENTS
        assert 32 < pool.opened <= threads
        assert front.states() == ["ok"]


@covers("AJP-BOD-15", "FWD-OUT-01")
@pytest.mark.parametrize("leave", [RawConnection.reset, RawConnection.close], ids=["reset", "close"])
@pytest.mark.parametrize("framing", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
def test_an_upload_whose_client_goes_away_costs_one_connection_and_no_worker(
    tomcat: Tomcat, framing: bytes, leave: Callable[[RawConnection], None]
) -> None:
    with Tap(tomcat.port) as tap, RunningFront(tap) as front:
        assert front.ask("/echo").status == 200
        with RawConnection(front.port) as raw:
            raw.send(b"PUT /echo HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n")
            raw.send(b"%x\r\n" % 20000 + b"x" * 20000 + b"\r\n")
            # The front has to wait for the client before it can answer Tomcat's third demand.
            assert tap.wait_for(lambda: len(body_packets(tap, 0)) >= 2)
            leave(raw)
        assert tap.wait_for(lambda: tap.ended == 1)
        assert front.ask("/echo").status == 200
        assert front.states() == ["ok"]
        wait_for(lambda: front.front.counters["client_failures"] == 1)
        assert (front.pool().opened, front.pool().idle) == (2, 1)

    broken, whole = tap.connections
    assert END_OF_BODY not in packets(broken, "request")
    assert packets(broken, "answer").count(END_RESPONSE_REUSE) == 1
    assert packets(whole, "answer")[-1] == END_RESPONSE_REUSE


def body_packets(tap: Tap, connection: int) -> list[bytes]:
    """The packets with parts of request bodies of an upload of x."""
    return [packet for packet in packets(tap.connections[connection], "request") if packet.endswith(b"xxx")]


@covers("FWD-OUT-01")
@pytest.mark.parametrize("leave", [RawConnection.reset, RawConnection.close], ids=["reset", "close"])
@pytest.mark.parametrize("framing", ["", "&length=no"])
def test_a_download_whose_client_goes_away_costs_one_connection_and_no_worker(
    tomcat: Tomcat, framing: str, leave: Callable[[RawConnection], None]
) -> None:
    with Tap(tomcat.port) as tap, RunningFront(tap) as front:
        with RawConnection(front.port) as raw:
            raw.send(f"GET /big?n={FIFTY_MB}{framing} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            raw.receive(100_000)
            leave(raw)
        assert tap.wait_for(lambda: tap.ended == 1)
        assert front.ask("/echo").status == 200
        assert front.states() == ["ok"]
        wait_for(lambda: front.front.counters["client_failures"] == 1)
        assert (front.pool().opened, front.pool().idle) == (2, 1)

    broken, whole = tap.connections
    assert END_RESPONSE_REUSE not in packets(broken, "answer")
    assert sum(len(frame.octets) for frame in broken) < FIFTY_MB
    assert packets(whole, "answer")[-1] == END_RESPONSE_REUSE


@covers("AJP-PNG-01", "AJP-PNG-03")
def test_a_pool_that_pings_before_each_request_sends_one_cping_for_each_use(tomcat: Tomcat) -> None:
    with Tap(tomcat.port) as tap:
        pool = EndpointPool(
            Address("127.0.0.1", tap.port), EndpointSettings(), PoolSettings(ping_before_request=True)
        )
        for _ in range(10):
            endpoint: Endpoint = pool.acquire(10)
            events = list(endpoint.exchange(ECHO))
            assert isinstance(events[0], HeadersReceived) and events[0].status == 200
            pool.release(endpoint)
        counters = pool.counters()
        pool.close_all()

    (connection,) = tap.connections
    assert packets(connection, "request").count(CPING_PACKET) == 10
    assert packets(connection, "answer").count(CPONG_PACKET) == 10
    assert packets(connection, "answer").count(END_RESPONSE_REUSE) == 10
    assert (counters.pings, counters.ping_failures, counters.opened, counters.reused) == (10, 0, 1, 9)


@covers("AJP-PNG-03")
def test_the_front_pings_new_connections_and_those_that_were_idle_for_long(tomcat: Tomcat) -> None:
    with Tap(tomcat.port) as tap, RunningFront(tap) as front:
        began = time.monotonic()
        for _ in range(5):
            assert front.ask("/echo").status == 200
            at_once = front.pool().pings
        assert at_once == 1 or time.monotonic() - began > PING_IDLE_S
        assert packets(tap.connections[0], "request").count(CPING_PACKET) == at_once
        time.sleep(PING_IDLE_S + 0.1)
        assert front.ask("/echo").status == 200
        assert front.pool().pings == at_once + 1

    (connection,) = tap.connections
    assert packets(connection, "request").count(CPING_PACKET) == at_once + 1
    assert packets(connection, "answer").count(CPONG_PACKET) == at_once + 1


def fill_pool(front: RunningFront, connections: int = 8) -> None:
    """Several requests at once leave several idle connections behind."""
    with ThreadPoolExecutor(connections) as clients:
        answers = list(clients.map(lambda _: front.ask("/sleep?ms=300"), range(connections)))
    assert [answer.status for answer in answers] == [200] * connections


@covers("AJP-CON-05")
@pytest.mark.parametrize("end", [Tomcat.stop, Tomcat.kill], ids=["stopped", "killed"])
def test_a_tomcat_that_was_restarted_costs_no_request(end: Callable[[Tomcat], object]) -> None:
    with Tomcat() as tomcat, RunningFront(tomcat) as front:
        fill_pool(front)
        idle = front.pool().idle
        assert idle > 1
        end(tomcat)
        tomcat.start()
        assert [front.ask("/echo", method).status for method in ("GET", "POST") * 10] == [200] * 20
        pool = front.pool()
        assert pool.found_unusable + pool.ping_failures + pool.closed_idle == idle
        assert front.front.counters["sent_again"] == 0
        assert front.states() == ["ok"]


@covers("AJP-PNG-04")
def test_a_tomcat_that_hangs_is_found_by_cping_before_a_request_is_lost() -> None:
    """Its connections look sound: the system takes octets for it and opens new connections."""
    with (
        Tomcat(jvm_route="left") as left,
        Tomcat(jvm_route="right") as right,
        RunningFront(left, right, ping_timeout_s=1.0, recover_time_s=60) as front,
    ):
        fill_pool(front)
        before = front.pool("left")
        assert before.idle > 1
        time.sleep(PING_IDLE_S + 0.1)
        with suspended(left):
            assert [front.ask("/echo", method).status for method in ("GET", "POST") * 10] == [200] * 20
        after = front.pool("left")
        # One idle connection is asked, the others are given up with it, and a new one decides.
        assert after.ping_failures == 2 and after.idle == 0
        assert after.closed_idle == before.idle - 1
        assert front.states() == ["error", "ok"]


@contextlib.contextmanager
def suspended(tomcat: Tomcat) -> Iterator[None]:
    process = tomcat.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
