"""refjk's front before real Tomcats."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from refjk.balancing import WorkerSettings
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from tests.interop.peers import Answer, Tomcat, ask

pytestmark = pytest.mark.interop

FIFTY_MB = 50 << 20
BLOCK = os.urandom(1 << 16)


class RunningFront:
    """A front before some Tomcats, as a context manager; `ask` asks it."""

    def __init__(
        self, *tomcats: Tomcat, packet_size: int = 8192, secret: bytes | None = None, **settings: Any
    ) -> None:
        workers = tuple(
            FrontWorker(
                WorkerSettings(tomcat.jvm_route or f"worker{number}"),
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
        assert front.front.counters["ended_cut_short"] == 1


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
        assert failures == [] and asked.total() > 300


def wait_for_requests(asked: Counter[str], total: int) -> None:
    deadline = time.monotonic() + 60
    while asked.total() < total:
        assert time.monotonic() < deadline
        time.sleep(0.01)
