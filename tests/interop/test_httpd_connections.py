"""The connections that httpd's two AJP modules keep to `refjk serve`, seen by a tap between them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from refjk.ajp13.codec import CPING_PACKET, CPONG_PACKET, END_RESPONSE_REUSE
from refjk.speccheck import covers
from tests.interop.fronts import FRONTS, BuildFront, fresh_name, noted
from tests.interop.peers import Httpd, JkWorker, ModJk, RawConnection, ask
from tests.interop.refjk_server import RefjkServer
from tests.interop.tap import Tap, packets

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def container() -> Iterator[RefjkServer]:
    with RefjkServer() as server:
        yield server


@pytest.fixture
def tap(container: RefjkServer) -> Iterator[Tap]:
    with Tap(container.port) as between:
        yield between


@pytest.fixture(params=list(FRONTS))
def build_front(request: pytest.FixtureRequest) -> BuildFront:
    return FRONTS[request.param]


@covers("AJP-CON-03", "AJP-END-01")
def test_few_connections_serve_many_requests(build_front: BuildFront, tap: Tap) -> None:
    with Httpd(build_front(tap.port)) as httpd, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda n: ask(httpd.port, f"/echo/{n}").status, range(300)))
    assert answers == [200] * 300
    assert len(tap.connections) <= 24


@covers("AJP-CON-04")
def test_what_clients_say_about_their_connections_does_not_matter(build_front: BuildFront, tap: Tap) -> None:
    with Httpd(build_front(tap.port)) as httpd:
        for request in (
            b"GET /echo HTTP/1.0\r\n\r\n",
            b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        ):
            for _ in range(5):
                with RawConnection(httpd.port) as raw:
                    raw.send(request)
                    assert b" 200 " in raw.receive_to_end()
    assert len(tap.connections) == 1
    assert packets(tap.connections[0], "answer").count(END_RESPONSE_REUSE) == 10


@covers("AJP-ERR-04", "AJP-BOD-12")
def test_failures_before_the_headers_and_unread_bodies_keep_the_connection(
    build_front: BuildFront, tap: Tap
) -> None:
    with Httpd(build_front(tap.port)) as httpd:
        for _ in range(3):
            assert ask(httpd.port, f"/fail?name={fresh_name()}").status == 500
            assert ask(httpd.port, "/unread", "POST", body=b"x" * 100_000).status == 200
            assert ask(httpd.port, "/unread", "POST", body=iter([b"x" * 100_000])).status == 200
            assert ask(httpd.port, "/status?large=8200").status == 500
            assert ask(httpd.port, "/status?code=304").status == 304
            assert ask(httpd.port, "/big?n=100000", "HEAD").status == 200
    assert len(tap.connections) == 1


@covers("AJP-ERR-05")
def test_failures_after_the_headers_end_the_connection_without_end_response(
    build_front: BuildFront, tap: Tap
) -> None:
    with Httpd(build_front(tap.port)) as httpd:
        with pytest.raises(http.client.IncompleteRead):
            ask(httpd.port, f"/fail?after=100&length=5000&name={fresh_name()}")
        assert ask(httpd.port, "/echo").status == 200
    broken, whole = tap.connections
    assert packets(broken, "answer")[0][4] == 4 and packets(broken, "answer")[-1][4] == 3
    assert packets(whole, "answer")[-1] == END_RESPONSE_REUSE


@covers("AJP-PNG-01")
def test_a_front_that_pings_before_every_request_is_answered(build_front: BuildFront, tap: Tap) -> None:
    with Httpd(build_front(tap.port, ping=True)) as httpd:
        for _ in range(10):
            assert ask(httpd.port, "/echo").status == 200
    (connection,) = tap.connections
    pings = packets(connection, "request").count(CPING_PACKET)
    assert pings >= 10
    assert packets(connection, "answer").count(CPONG_PACKET) == pings


@pytest.mark.parametrize(("mode", "pings"), [("C", 1), ("P", 10), ("CP", 10)])
def test_mod_jk_pings_when_its_ping_mode_says(tap: Tap, mode: str, pings: int) -> None:
    with Httpd(ModJk([JkWorker(tap.port, ping_mode=mode, ping_timeout=5000)])) as httpd:
        for _ in range(10):
            assert ask(httpd.port, "/echo").status == 200
    (connection,) = tap.connections
    assert packets(connection, "request").count(CPING_PACKET) == pings
    assert packets(connection, "answer").count(CPONG_PACKET) == pings


@covers("AJP-PNG-01", "AJP-PNG-05")
def test_mod_jk_may_ping_idle_connections_at_an_interval(tap: Tap) -> None:
    worker = JkWorker(tap.port, ping_mode="I", more={"connection_ping_interval": 1})
    often = "JkWatchdogInterval 1\nJkWorkerProperty worker.maintain=1"
    with Httpd(ModJk([worker], as_directives=True, directives=often)) as httpd:
        assert ask(httpd.port, "/echo").status == 200
        assert tap.wait_for(
            lambda: any(packets(frames, "answer").count(CPONG_PACKET) >= 2 for frames in tap.connections)
        )
        assert ask(httpd.port, "/echo").status == 200
    assert len(tap.connections) == 1


def test_a_connection_that_the_container_closed_while_idle_costs_no_request(build_front: BuildFront) -> None:
    with (
        RefjkServer("--idle-timeout", "0.2") as server,
        Tap(server.port) as tap,
        Httpd(build_front(tap.port, ping=True)) as httpd,
    ):
        for number in range(1, 4):
            assert ask(httpd.port, "/echo").status == 200
            assert tap.wait_for(lambda number=number: tap.ended == number)
        assert len(tap.connections) == 3


def test_an_aborted_request_costs_only_its_own_connection(build_front: BuildFront, tap: Tap) -> None:
    name = fresh_name()
    with Httpd(build_front(tap.port)) as httpd:
        raw = RawConnection(httpd.port)
        raw.send(b"POST /read?name=%s HTTP/1.1\r\nHost: h\r\n" % name.encode())
        raw.send(b"Content-Length: 100000\r\n\r\n" + b"x" * 20000)
        assert noted(httpd.port, name, 1) == ["begun"]
        raw.reset()
        assert noted(httpd.port, name, 2)[1] == "failed with BodyUnavailable"
        for _ in range(5):
            assert ask(httpd.port, "/echo").status == 200
    aborted = [frames for frames in tap.connections if END_RESPONSE_REUSE not in packets(frames, "answer")]
    assert len(aborted) == 1
