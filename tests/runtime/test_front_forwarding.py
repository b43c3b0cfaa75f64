"""What a container gets of a request and a client of an answer, through a running front."""

from __future__ import annotations

import socket
import threading

import pytest

from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.messages import ForwardRequest
from refjk.speccheck import covers
from tests.interop.peers.client import ask
from tests.runtime.containers import DEADLINE_S, Gone, Talk, TinyContainer, echo
from tests.runtime.fronts import answer_of, head_of, raw_client, recording, running_front, wait_for


def one_answer(headers: list[tuple[bytes, bytes]], *pieces: bytes, status: int = 200) -> TinyContainer:
    """A container that always answers the same."""

    def script(talk: Talk) -> None:
        while True:
            talk.request()
            for _ in talk.body():
                pass
            talk.answer(pieces, status, headers)

    return TinyContainer(script)


def test_method_path_and_body_reach_the_container_and_its_answer_the_client() -> None:
    with TinyContainer() as container, running_front(container.address) as running:
        answer = ask(running.port, "/a/b;v=1?q=2", "PATCH", body=b"body")
        assert (answer.status, answer.reason, answer.body) == (200, "OK", b"PATCH /a/b;v=1 body")
        assert answer.header("transfer-encoding") == "chunked"


@covers("FWD-NAM-01")
def test_the_container_learns_who_asks_and_what_for() -> None:
    seen: list[ForwardRequest] = []
    with TinyContainer(recording(seen)) as container, running_front(container.address) as running:
        with raw_client(running) as client:
            client.send(b"GET /x?a=b HTTP/1.1\r\nHost: www.example:8443\r\nX-A: \xe4\r\n\r\n")
            answer_of(client)
            client.send(b"GET /x HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n\r\n")
            answer_of(client)
        with raw_client(running) as client:
            client.send(b"GET /x HTTP/1.0\r\n\r\n")
            answer_of(client)
    request = seen[0]
    assert (request.server_name, request.server_port, request.is_ssl) == (b"www.example", 8443, False)
    assert (request.remote_addr, request.remote_host) == (b"127.0.0.1", None)
    assert request.attribute(AttributeCode.QUERY_STRING) == b"a=b"
    assert request.attribute(AttributeCode.ROUTE) == b"a"
    assert request.headers == ((b"host", b"www.example:8443"), (b"X-A", b"\xe4"), (b"content-length", b"0"))
    facts = dict(request.request_attributes())
    assert facts.keys() == {b"AJP_REMOTE_PORT", b"AJP_LOCAL_ADDR", b"JK_LB_ACTIVATION"}
    assert (facts[b"JK_LB_ACTIVATION"], facts[b"AJP_LOCAL_ADDR"]) == (b"ACT", b"127.0.0.1")
    assert (seen[1].server_name, seen[1].server_port) == (b"www.example", 80)
    assert seen[1].attribute(AttributeCode.QUERY_STRING) is None
    assert (seen[2].server_name, seen[2].server_port) == (b"127.0.0.1", running.port)
    assert seen[2].protocol == b"HTTP/1.0"


def test_a_worker_that_is_mounted_directly_gets_no_route_and_one_with_explain_the_reason() -> None:
    seen: list[ForwardRequest] = []
    with (
        TinyContainer(recording(seen)) as container,
        running_front(container.address, mounts=("/d/*=a", "/*=balancer"), explain=True) as running,
    ):
        ask(running.port, "/d/x")
        ask(running.port, "/x", headers={"Cookie": "JSESSIONID=1.a"})
    direct, chosen = seen
    assert direct.attribute(AttributeCode.ROUTE) is None
    assert b"JK_LB_ACTIVATION" not in dict(direct.request_attributes())
    assert dict(chosen.request_attributes())[b"refjk.decision"] == b"BAL-STK-01 attempt 1"


@covers("FWD-PTH-01", "FWD-PTH-02", "FWD-PTH-03")
def test_what_belongs_to_no_worker_is_answered_here() -> None:
    seen: list[ForwardRequest] = []
    with (
        TinyContainer(recording(seen)) as container,
        running_front(container.address, mounts=("/app/*=balancer",)) as running,
        raw_client(running) as client,
    ):
        for target, status in (("/a%2fb", 400), ("/app/../../x", 400), ("/other", 404), ("/app", 404)):
            client.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            head, content = answer_of(client)
            assert head.startswith(f"HTTP/1.1 {status} ") and content.startswith(b"%d " % status)
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
        assert answer_of(client)[0].startswith("HTTP/1.1 200 OK\r\n")
        client.send(b"GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n")
        assert answer_of(client)[1] == b"1"


@covers("FWD-HDR-03", "FWD-HDR-04")
def test_the_containers_connection_headers_mean_nothing_and_missing_standard_ones_are_added() -> None:
    headers = [
        (b"Connection", b"close"),
        (b"Content-Length", b"2"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
    ]
    with (
        one_answer(headers, b"ok") as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        for _ in range(2):
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            head, content = answer_of(client)
            assert content == b"ok" and "Connection" not in head
            assert head.count("Set-Cookie: ") == 2
            assert head.count("\r\nDate: ") == 1 and "\r\nServer: refjk\r\n" in head


def test_the_containers_date_and_server_are_kept() -> None:
    headers = [(b"Date", b"then"), (b"Server", b"its own"), (b"Content-Length", b"0")]
    with one_answer(headers) as container, running_front(container.address) as running:
        answer = ask(running.port)
    assert [v for n, v in answer.headers if n in ("Date", "Server")] == ["then", "its own"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_content_leave_the_connection_usable(method: str, status: int) -> None:
    with (
        one_answer([(b"ETag", b'"1"')], b"dropped", status=status) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        for _ in range(3):
            client.send(f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert head_of(client).startswith(f"HTTP/1.1 {status} ")
    assert len(container.talks) == 1


@covers("FWD-ANS-01")
def test_each_piece_of_an_answer_reaches_the_client_before_the_next_is_made() -> None:
    go_on = threading.Semaphore(0)

    def script(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", ())
        talk.core.flush()
        talk.push()
        for piece in (b"one", b"two"):
            assert go_on.acquire(timeout=10)
            talk.core.send_body(piece)
            talk.push()
        assert go_on.acquire(timeout=10)
        talk.core.end_response(True)
        talk.push()

    with (
        TinyContainer(script) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert "Transfer-Encoding: chunked" in head_of(client)
        for chunk in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            go_on.release()
            assert client.receive(len(chunk)) == chunk


def test_a_chunked_body_goes_on_as_it_comes() -> None:
    pieces: list[bytes] = []

    def script(talk: Talk) -> None:
        talk.request()
        pieces.extend(talk.body())
        talk.answer(b"", headers=[(b"Content-Length", b"0")])

    with (
        TinyContainer(script) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wait_for(lambda: pieces == [b"abc"])
        client.send(b"3;ext=1\r\ndef\r\n0\r\nX-Trailer: dropped\r\n\r\n")
        answer_of(client)
    assert pieces == [b"abc", b"def"]


@covers("AJP-BOD-16", "FWD-BOD-01")
def test_100_is_sent_when_the_body_is_asked_for() -> None:
    with (
        TinyContainer(echo) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        for framing, body in (
            (b"Content-Length: 4", b"body"),
            (b"Transfer-Encoding: chunked", b"4\r\nbody\r\n0\r\n\r\n"),
        ):
            client.send(b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" + framing + b"\r\n\r\n")
            assert head_of(client) == "HTTP/1.1 100 Continue\r\n\r\n"
            client.send(body)
            assert head_of(client).startswith("HTTP/1.1 200 OK\r\n")
            assert client.receive_until(b"0\r\n\r\n") == b"a\r\nPUT / body\r\n0\r\n\r\n"


@covers("FWD-BOD-01")
def test_100_is_not_sent_when_nobody_can_have_the_request_or_nobody_reads_the_body() -> None:
    def refuses(talk: Talk) -> None:
        talk.request()
        talk.answer(b"no", 403, [(b"Content-Length", b"2")])

    expecting = b"Host: h\r\nExpect: 100-continue\r\n"
    with TinyContainer(refuses) as container:
        with running_front(container.address) as running, raw_client(running) as client:
            client.send(b"PUT / HTTP/1.1\r\n" + expecting + b"Transfer-Encoding: chunked\r\n\r\n")
            head, _ = answer_of(client)
            assert head.startswith("HTTP/1.1 403 ") and "Connection: close" in head
            assert client.receive_to_end() == b""
        address = container.address
    with running_front(address) as running, raw_client(running) as client:
        client.send(b"PUT / HTTP/1.1\r\n" + expecting + b"Content-Length: 4\r\n\r\n")
        assert answer_of(client)[0].startswith("HTTP/1.1 503 ")


@covers("FWD-BOD-02")
def test_a_slow_upload_holds_no_worker_before_its_first_packet_is_there() -> None:
    with (
        TinyContainer(echo) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo")
        wait_for(lambda: running.front.counters["requests"] == 1)
        ask(running.port, "/other")
        assert running.front.pools["a"].counters().busy == 0 and len(container.talks) == 1
        client.send(b"dy")
        assert client.receive_until(b"0\r\n\r\n").endswith(b"a\r\nPUT / body\r\n0\r\n\r\n")


@covers("FWD-BOD-03")
def test_a_body_that_the_container_does_not_read_stays_with_the_client() -> None:
    asked = threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        next(iter(talk.body()))
        assert asked.wait(10)
        size = sum(len(piece) for piece in talk.body())
        talk.answer(b"%d" % size, headers=[(b"Content-Length", b"8")])

    size = 32 << 20
    with (
        TinyContainer(script) as container,
        running_front(container.address) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=0.5) as client,
    ):
        client.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < size:
                sent += client.send(bytes(min(size - sent, 1 << 20)))
        assert sent < size // 2
        asked.set()
        client.settimeout(DEADLINE_S)
        client.sendall(bytes(size - sent))
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b"\r\n\r\n%d" % (size - 8186))


@covers("AJP-BOD-15", "FWD-OUT-01")
def test_a_client_that_goes_away_in_its_body_costs_one_connection_and_no_worker() -> None:
    ends: list[str] = []

    def script(talk: Talk) -> None:
        talk.request()
        try:
            for _ in talk.body():
                pass
            ends.append("whole")
        except Gone:
            ends.append("gone")

    with TinyContainer(script) as container, running_front(container.address) as running:
        for framing in (b"Content-Length: 100000", b"Transfer-Encoding: chunked"):
            with raw_client(running) as client:
                client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n")
                client.send(b"2000\r\n" + bytes(0x2000) + b"\r\n")
                wait_for(lambda: running.front.pools["a"].counters().busy == 1)
                client.reset()
            wait_for(lambda: running.front.pools["a"].counters().busy == 0)
        wait_for(lambda: len(ends) == 2)
        assert ends == ["gone", "gone"]
        assert running.front.snapshot()["balancer"][0].state.value == "ok"
        assert running.front.counters["client_failures"] == 2


@covers("FWD-OUT-01")
def test_a_client_that_goes_away_in_the_answer_puts_no_worker_in_error() -> None:
    def script(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", ())
        for _ in range(10000):
            talk.core.send_body(bytes(8000))
            talk.push()

    with TinyContainer(script) as container, running_front(container.address) as running:
        with raw_client(running) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            head_of(client)
            client.reset()
        wait_for(lambda: running.front.counters["client_failures"] == 1)
        assert running.front.snapshot()["balancer"][0].state.value == "ok"
