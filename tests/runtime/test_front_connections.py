"""Client connections of a running front: pipelining, refusals, slow clients, many clients, stopping."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from refjk.ajp13.messages import ForwardRequest
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import Address
from refjk.runtime.connector import AjpServer
from refjk.speccheck import covers
from tests.interop.peers.client import ask
from tests.runtime.containers import DEADLINE_S, Talk, TinyContainer
from tests.runtime.fronts import (
    answer_of,
    raw_client,
    recording,
    running_front,
    wait_for,
)


@contextlib.contextmanager
def serving(application: Any) -> Iterator[Address]:
    """A container that serves a WSGI application."""
    server = AjpServer(application, "127.0.0.1:0")
    host, port = server.start()
    try:
        yield Address(host, port)
    finally:
        server.stop(2.0)


GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"


def test_pipelined_requests_are_answered_in_their_order() -> None:
    seen: list[ForwardRequest] = []
    with (
        TinyContainer(recording(seen)) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        post = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        client.send(GET % 1 + post + GET % 3 + post.replace(b"abc", b"xyz") + GET % 5)
        assert [answer_of(client)[1] for _ in range(5)] == [b"1", b"2", b"3", b"4", b"5"]
    assert [request.req_uri for request in seen] == [b"/1", b"/p", b"/3", b"/p", b"/5"]


@pytest.mark.parametrize(
    "shape",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        b"Content-Length: 4\r\nContent-Length: 5",
        b"Content-Length: +4",
        b"Content-Length : 4",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding:\x0bchunked",
        b" Transfer-Encoding: chunked",
        b"X: a\r\n\tContent-Length: 4",
        b"X: a\nContent-Length: 4",
        b"Host: other",
    ],
)
def test_requests_of_doubtful_framing_reach_no_container(shape: bytes) -> None:
    seen: list[ForwardRequest] = []
    with (
        TinyContainer(recording(seen)) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + shape + b"\r\n\r\n0\r\n\r\n" + GET % 1)
        answer = client.receive_to_end()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n") and answer.count(b"HTTP/1.1") == 1
        assert b"\r\nServer: refjk\r\n" in answer
        assert running.front.counters["refused_requests"] == 1
    assert seen == [] and container.talks == []


def test_a_chunked_body_that_breaks_off_its_form_is_no_whole_body_to_the_container() -> None:
    ends: list[str] = []

    def script(talk: Talk) -> None:
        talk.request()
        ends.append("begun")
        for _ in talk.body():
            pass
        ends.append("whole")

    with (
        TinyContainer(script) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wait_for(lambda: bool(ends))
        client.send(b"3\r\nabcX" + GET % 1)
        answer = client.receive_to_end()
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
    assert ends == ["begun"]


def test_an_early_answer_keeps_the_connection_when_the_rest_of_the_body_is_small() -> None:
    def early(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer(b"ok", headers=[(b"Content-Length", b"2")])

    with (
        TinyContainer(early) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answer_of(client)[1] == b"ok"
        client.send(b"5\r\nabcde\r\n0\r\n\r\n" + GET % 1)
        assert answer_of(client)[1] == b"ok"


@covers("FWD-STS-06")
def test_a_body_that_stops_coming_gives_408_and_ends_the_connection() -> None:
    with (
        TinyContainer() as container,
        running_front(container.address, read_timeout_s=0.2) as running,
    ):
        for framing, part in ((b"Content-Length: 10", b"abc"), (b"Transfer-Encoding: chunked", b"3\r\nab")):
            with raw_client(running) as client:
                client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n" + part)
                answer = client.receive_to_end()
                assert answer.startswith(b"HTTP/1.1 408 ") and b"Connection: close" in answer
        assert running.front.counters["read_timeouts"] == 2
        assert running.front.snapshot()["balancer"][0].state.value == "ok"


def test_a_head_that_comes_drop_by_drop_has_one_deadline() -> None:
    with (
        TinyContainer() as container,
        running_front(container.address, read_timeout_s=0.5) as running,
        raw_client(running) as client,
    ):
        started = time.monotonic()
        with contextlib.suppress(OSError):
            for octet in GET * 100:
                client.send(bytes([octet]))
                time.sleep(0.1)
        assert client.receive_to_end() == b"" and time.monotonic() - started < 6
        assert running.front.counters["read_timeouts"] == 1


def test_an_idle_connection_ends_without_an_answer() -> None:
    with (
        TinyContainer() as container,
        running_front(container.address, idle_timeout_s=0.3) as running,
        raw_client(running) as client,
    ):
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
        answer_of(client)
        assert client.receive_to_end() == b""
        assert running.front.counters["idle_timeouts"] == 1


def test_a_client_that_takes_nothing_is_given_up() -> None:
    def endless(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", ())
        while True:
            talk.core.send_body(bytes(8000))
            talk.push()

    with (
        TinyContainer(endless) as container,
        running_front(container.address, write_timeout_s=0.2) as running,
        raw_client(running) as client,
    ):
        client.send(GET % 1)
        wait_for(lambda: running.front.counters["write_timeouts"] == 1)
        wait_for(lambda: running.front.pools["a"].counters().busy == 0)
        assert running.front.snapshot()["balancer"][0].state.value == "ok"


def test_slow_clients_do_not_keep_others_waiting() -> None:
    with (
        TinyContainer() as container,
        running_front(container.address, threads=8) as running,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(6):
            slow = stack.enter_context(raw_client(running))
            slow.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        wait_for(lambda: running.front.counters["requests"] == 6)
        started = time.monotonic()
        for _ in range(20):
            assert ask(running.port).status == 200
        assert time.monotonic() - started < 3


def test_two_hundred_clients_at_the_same_time_are_all_served() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        time.sleep(0.002)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(environ["PATH_INFO"]).encode()]

    def client(number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        for turn in range(5):
            connection.request("GET", f"/{number}/{turn}")
            response = connection.getresponse()
            seen["right" if response.read() == f"/{number}/{turn}".encode() else "wrong"] += 1
        connection.close()
        return seen

    with (
        serving(application) as address,
        running_front(address, threads=32) as running,
        ThreadPoolExecutor(200) as clients,
    ):
        total = sum(clients.map(client, range(200)), Counter[str]())
    assert total == {"right": 1000}


@covers("FWD-THR-02")
def test_requests_that_wait_for_a_container_hold_no_thread_of_the_front() -> None:
    go_on = threading.Event()
    inside: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside.append(environ["PATH_INFO"])
        assert go_on.wait(DEADLINE_S)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    with (
        serving(application) as address,
        running_front(address, threads=16) as running,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(raw_client(running)) for _ in range(12)]
        for number, client in enumerate(clients):
            client.send(GET % number)
        wait_for(lambda: len(inside) == 12)
        crew = running.front._crew
        assert crew is not None
        wait_for(lambda: crew._threads == crew._followers + 1)  # all but the one that leads
        go_on.set()
        assert [answer_of(client)[1] for client in clients] == [b"/%d" % number for number in range(12)]


@covers("FWD-STP-01")
def test_a_front_that_stops_finishes_what_runs_and_takes_nothing_new() -> None:
    go_on = threading.Event()

    def waits(talk: Talk) -> None:
        talk.request()
        assert go_on.wait(DEADLINE_S)
        talk.answer(b"late", headers=[(b"Content-Length", b"4")])

    stopped: list[bool] = []
    with (
        TinyContainer(waits) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
        raw_client(running) as idle,
    ):
        client.send(GET % 1)
        wait_for(lambda: len(container.talks) == 1)
        stopping = threading.Thread(target=lambda: stopped.append(running.front.stop(DEADLINE_S)))
        stopping.start()
        assert idle.receive_to_end() == b""
        with pytest.raises(ConnectionRefusedError):
            ask(running.port)
        go_on.set()
        head, content = answer_of(client)
        assert content == b"late" and "\r\nConnection: close\r\n" in head
        assert client.receive_to_end() == b""
        stopping.join(DEADLINE_S)
    assert stopped == [True]


def test_a_front_that_stops_cuts_off_what_does_not_finish_in_time() -> None:
    with (
        TinyContainer(lambda talk: talk.wait_for_end()) as container,
        running_front(container.address, ping_timeout_s=60.0) as running,
        raw_client(running) as client,
    ):
        client.send(GET % 1)
        wait_for(lambda: len(container.talks) == 1)
        assert running.front.stop(0.1) is False
        assert client.receive_to_end() == b""


def test_the_access_log_tells_of_answers_refusals_and_clients_that_went(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"), "timed")
    with TinyContainer() as container, running_front(container.address, access_log=log) as running:
        ask(running.port, '/a"b?q')
        for octets in (b"nonsense\r\n\r\n", b"GET /a%2fb HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"):
            with raw_client(running) as client:
                client.send(octets)
                client.receive_to_end()
        with raw_client(running) as client:
            client.send(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
        wait_for(lambda: running.front.counters["client_failures"] == 1)
    log.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split("] ")[1].rsplit(" ", 2)[0] for line in lines] == [
        '"GET /a\\x22b?q HTTP/1.1" 200 11',
        '"- - -" 400 -',
        '"GET /a%2fb HTTP/1.1" 400 16',
        '"POST /up HTTP/1.1" 499 -',
    ]
    assert lines[0].endswith(" a") and lines[1].endswith(" -")


MEMORY_PROGRAM = """
import resource, sys
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.runtime.addresses import Address
from refjk.balancing import WorkerSettings
from refjk.mapping import parse_mount
worker = FrontWorker(WorkerSettings("a"), Address("127.0.0.1", int(sys.argv[1])))
front = Front(FrontSettings(workers=(worker,), mounts=(parse_mount("/*=balancer"),)), "127.0.0.1:0")
print(front.start()[1], flush=True)
for line in sys.stdin:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
front.stop()
"""


def test_fifty_megabytes_go_both_ways_in_memory_that_stays_the_same() -> None:
    size = 50 << 20
    block = os.urandom(1 << 16)

    def blocks() -> Iterator[bytes]:
        return (block for _ in range(size // len(block)))

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        received = 0
        while data := environ["wsgi.input"].read(1 << 16):
            received += len(data)
        start_response("200 OK", [("X-Received", str(received)), ("Content-Length", str(size))])
        return blocks()

    with serving(application) as address:
        command = [sys.executable, "-c", MEMORY_PROGRAM, str(address.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            port = int(process.stdout.readline())
            peaks = []
            for upload, headers in (
                (b"x", {}),
                (blocks(), {"Content-Length": str(size)}),
                (blocks(), {"Transfer-Encoding": "chunked"}),
            ):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request(
                    "PUT", "/", upload, headers, encode_chunked="Content-Length" not in headers
                )
                response = connection.getresponse()
                assert response.getheader("X-Received") == str(size if headers else 1)
                downloaded = 0
                while data := response.read(1 << 16):
                    downloaded += len(data)
                assert (response.status, downloaded) == (200, size)
                connection.close()
                print("peak", file=process.stdin, flush=True)
                peaks.append(int(process.stdout.readline()))
            process.stdin.close()
    # Kilobytes, as Linux counts them.
    assert max(peaks) - peaks[0] < 8 * 1024
