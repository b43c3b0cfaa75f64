"""What goes wrong at a running connector: applications, clients, web servers; and what is left standing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.ajp13.codec import END_RESPONSE_CLOSE
from refjk.ajp13.events import Flushed, HeadersReceived, ResponseBody
from refjk.runtime.access_log import AccessLog
from refjk.speccheck import covers
from tests.runtime.connectors import (
    AjpClient,
    Environ,
    Recorder,
    forward_request,
    hello,
    request_packet,
    serving,
    wait_for,
)

CHUNKED = [(b"transfer-encoding", b"chunked")]
REFUSED_500 = b"500 Internal Server Error\n"


def failing(error: BaseException, after: int = 0) -> Any:
    """An application that raises after so many blocks; without any, before start_response."""

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        if not after:
            raise error
        start_response("200 OK", [])
        for _ in range(after):
            yield b"block"
        raise error

    return application


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def reset(client: AjpClient) -> None:
    """Close with a reset, as a web server that crashes."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


# -- the application fails ----------------------------------------------------------------


@covers("AJP-ERR-04", "WSG-ERR-01")
def test_an_error_before_the_headers_is_a_500_and_one_record(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-A", "1")])
        raise ValueError("the secret plan")

    with serving(application) as running, running.client() as client:
        for turn in (1, 2):
            answer = client.ask(b"/a/../%62", attributes=[(5, None, b"q")])
            assert (answer.status, answer.body, answer.reuse) == (500, REFUSED_500, True)
            assert answer.headers == ((b"Content-Type", b"text/plain"), (b"Content-Length", b"26"))
            assert running.server.counters["application_errors"] == turn
    assert len(errors(caplog)) == 2
    assert "GET /a/../%62?q" in caplog.text
    assert "the secret plan" in caplog.text
    assert "Traceback" in caplog.text


@covers("AJP-ERR-05", "WSG-ERR-02", "WSG-ERR-01")
@pytest.mark.parametrize("blocks", [1, 3])
def test_an_error_after_the_headers_closes_behind_what_was_said(
    blocks: int, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(failing(ValueError("late"), blocks)) as running:
        with running.client() as client:
            answer = client.ask()
        assert (answer.status, answer.body, answer.reuse) == (200, b"block" * blocks, None)
        assert running.server.counters["broken_responses"] == 1
        assert running.server.counters["application_errors"] == 1
        with running.client() as client:
            assert client.ask().reuse is None
    assert len(errors(caplog)) == 2


@covers("WSG-ERR-02", "AJP-ERR-05")
def test_what_waits_to_be_written_leaves_before_the_connection_is_closed() -> None:
    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "5")])
        yield b"block"  # complete, so it waits for the end
        raise ValueError("late")

    with serving(application) as running, running.client() as client:
        answer = client.ask()
    assert (answer.status, answer.body, answer.reuse) == (200, b"block", None)


@covers("WSG-ERR-03")
@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        RecursionError(),
        MemoryError(),
        OSError(5, "disk"),
        TimeoutError("of the application's own"),
        ConnectionResetError("of its database"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("blocks", [0, 1])
def test_an_exception_of_any_class_ends_its_request_only(error: BaseException, blocks: int) -> None:
    application = failing(error, blocks)

    def quick_or_failing(environ: Environ, start_response: Any) -> Any:
        return (hello if environ["PATH_INFO"] == "/quick" else application)(environ, start_response)

    with serving(quick_or_failing, threads=1) as running:
        with running.client() as client:
            answer = client.ask()
            assert (answer.status, answer.reuse) == ((500, True) if not blocks else (200, None))
        with running.client() as client:
            assert client.ask(b"/quick").body == b"hello"
        assert running.server.counters["application_errors"] == 1


def test_an_error_for_head_has_no_body() -> None:
    with serving(failing(ValueError())) as running, running.client() as client:
        answer = client.ask(method=b"HEAD")
        assert (answer.status, answer.body, answer.reuse) == (500, b"", True)
        assert client.ping()


@covers("AJP-ERR-04", "AJP-BOD-12")
def test_an_error_with_an_unread_body_still_drains_it() -> None:
    with serving(failing(ValueError())) as running, running.client() as client:
        for _ in range(2):
            answer = client.ask(b"/", b"POST", body=bytes(20_000))
            assert (answer.status, answer.reuse) == (500, True)


# -- the body cannot be had ---------------------------------------------------------------


def read_all(environ: Environ, start_response: Any) -> list[bytes]:
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [])
    return [b"%d" % size]


def announce(client: AjpClient, length: int) -> None:
    client.begin(forward_request(method=b"POST", headers=[(b"content-length", b"%d" % length)]))


@covers("WSG-ERR-04", "AJP-BOD-11")
@pytest.mark.parametrize("pieces", [[], [b"x" * 9], [b"x" * 5000, b"x" * 4999]])
def test_a_body_that_is_shorter_than_announced_gets_400(
    pieces: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with serving(read_all) as running, running.client() as client:
        announce(client, 10_000)
        answer = client.answer(iter(pieces))
        assert (answer.status, answer.body, answer.reuse) == (400, b"400 Bad Request\n", True)
        assert client.ask(b"/", b"POST", body=b"abc").body == b"3"
        assert running.server.counters["application_errors"] == 0
    assert errors(caplog) == []


@covers("WSG-ERR-04")
def test_a_body_of_unknown_length_above_the_limit_gets_413() -> None:
    with serving(read_all, body_size_max=10_000) as running, running.client() as client:
        assert client.ask(b"/", b"POST", CHUNKED, body=[bytes(5000)] * 2).body == b"10000"
        answer = client.ask(b"/", b"POST", CHUNKED, body=[bytes(5000), bytes(5001), bytes(5000)])
        assert (answer.status, answer.body, answer.reuse) == (413, b"413 Request Entity Too Large\n", True)
        assert client.ask().status == 200
        assert running.server.counters["bodies_too_large"] == 1


@covers("WSG-ERR-04", "AJP-ERR-05")
def test_a_body_that_fails_after_the_headers_closes() -> None:
    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        yield environ["wsgi.input"].read()

    with serving(application, body_size_max=10) as running, running.client() as client:
        answer = client.ask(b"/", b"POST", CHUNKED, body=[bytes(11)])
        assert (answer.status, answer.body, answer.reuse) == (200, b"begun", None)


@covers("AJP-ERR-03", "AJP-BOD-13")
@pytest.mark.parametrize("application", [hello, read_all])
@pytest.mark.parametrize("part", [b"", b"\x12\x34\x00\x0c\x00\x0a12"])
def test_a_body_packet_that_does_not_come_closes_after_the_read_timeout(
    application: Any, part: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(application, read_timeout_s=0.3) as running, running.client() as client:
        announce(client, 10)
        client.send(part)
        started = time.monotonic()
        octets = b""
        while piece := client.socket.recv(65536):
            octets += piece
        assert 0.25 < time.monotonic() - started < 10
        assert b"\x41\x42\x00\x02\x05" not in octets  # END_RESPONSE
        assert (octets != b"") == (application is hello)
        assert running.server.counters["read_timeouts"] == 1
        assert running.server.counters["application_errors"] == 0
    assert errors(caplog) == []


@covers("AJP-ERR-03")
def test_an_answer_to_get_body_chunk_that_does_not_come_closes_after_the_read_timeout() -> None:
    with serving(read_all, read_timeout_s=0.3) as running, running.client() as client:
        client.begin(forward_request(method=b"POST", headers=CHUNKED))
        assert client.socket.recv(100) == b"\x41\x42\x00\x03\x06\x1f\xfa"
        assert client.socket.recv(100) == b""
        assert running.server.counters["read_timeouts"] == 1


@covers("WSG-LOG-01")
def test_requests_that_get_no_answer_are_in_the_access_log(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    with serving(read_all, access_log=log, read_timeout_s=0.2) as running:
        with running.client() as client:
            announce(client, 10)
            assert client.ended()
        with running.client() as client:
            announce(client, 10)
            wait_for(lambda: running.server.counters["requests"] == 2)  # a reset may overtake a request
            reset(client)
            wait_for(lambda: len((tmp_path / "log").read_text().splitlines()) == 2)
    with serving(hello, access_log=log, read_timeout_s=0.2) as running, running.client() as client:
        announce(client, 10)
        assert client.answer(iter([b""])).reuse  # the end marker is an answer as well
    with serving(hello, access_log=log, read_timeout_s=0.2) as running, running.client() as client:
        client.send(request_packet(b"/", b"POST", [(b"content-length", b"10")]))
        while client.socket.recv(65536):
            pass
    log.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split('"')[2] for line in lines] == [" 408 -", " 400 -", " 200 5", " 200 5"]


# -- the web server goes ------------------------------------------------------------------


@covers("WSG-ERR-06", "WSG-OUT-11")
@pytest.mark.parametrize("rude", [False, True])
def test_a_web_server_that_goes_while_an_answer_streams_ends_the_application(
    rude: bool, caplog: pytest.LogCaptureFixture
) -> None:
    closed = threading.Event()

    def endless(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(100_000)
        finally:
            closed.set()

    with serving(endless) as running:
        with running.client() as client:
            client.begin(forward_request())
            assert client.next_event() == HeadersReceived(200, b"OK", ())
            if rude:
                reset(client)
        assert closed.wait(10)
        assert running.server.stop(10)
        assert running.server.counters["application_errors"] == 0
    assert errors(caplog) == []


@covers("WSG-ERR-06")
def test_write_raises_when_the_web_server_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    gone = threading.Event()
    raised: list[OSError] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one")
        assert gone.wait(10)
        try:
            for _ in range(1000):
                write(bytes(1000))
        except OSError as error:
            raised.append(error)
        write(b"goes on regardless")
        return [b"and on"]

    with serving(application) as running:
        with running.client() as client:
            client.begin(forward_request())
            assert client.next_event() == HeadersReceived(200, b"OK", ())
            reset(client)
        gone.set()
        assert running.server.stop(10)
        assert running.server.counters["application_errors"] == 0
    assert len(raised) == 1
    assert errors(caplog) == []


@covers("WSG-ERR-06", "WSG-LIM-01")
def test_a_web_server_that_takes_nothing_is_given_up_after_the_write_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = threading.Event()

    def endless(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(1_000_000)
        finally:
            closed.set()

    with serving(endless, write_timeout_s=0.3) as running, running.client() as client:
        client.begin(forward_request())
        assert closed.wait(15)
        wait_for(lambda: running.server.counters["write_timeouts"] == 1)
        assert running.server.counters["application_errors"] == 0
    assert errors(caplog) == []


def test_a_web_server_that_takes_its_time_gets_everything() -> None:
    data = bytes(range(256)) * 20_000

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield data

    with serving(application, write_timeout_s=5) as running, running.client() as client:
        client.begin(forward_request())
        time.sleep(0.3)  # the connector waits; how long does not matter
        assert client.answer().body == data


def test_a_web_server_that_half_closes_still_gets_its_answer() -> None:
    with serving(hello) as running, running.client() as client:
        client.begin(forward_request())
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().body == b"hello"
        assert client.ended()


def test_connections_that_end_between_and_within_packets_leave_nothing_behind() -> None:
    with serving(hello) as running:
        packet = request_packet(b"/", b"POST", [(b"content-length", b"5")])
        for count in range(0, len(packet) + 1, 5):
            for rude in (False, True):
                with running.client() as client:
                    client.send(packet[:count])
                    if rude:
                        reset(client)
        with running.client() as client:
            assert client.ask().body == b"hello"
        assert running.server.stop(10)
        assert running.server.counters["application_errors"] == 0


# -- the web server breaks a rule ---------------------------------------------------------


@covers("AJP-ERR-01")
def test_an_error_at_packet_level_closes_and_the_others_are_served(caplog: pytest.LogCaptureFixture) -> None:
    with serving(hello) as running, running.client() as other:
        for octets in (b"GET / HTTP/1.1\r\n", b"\x12\x34\x00\x00", b"\x12\x34\x00\x01\x07"):
            with running.client() as client:
                client.send(octets)
                assert client.ended()
            assert other.ask().body == b"hello"
        wait_for(lambda: running.server.counters["violations"] == 3)
    assert "AJP-FRM-04 at octet 0" in caplog.text
    assert "127.0.0.1:" in caplog.text


@covers("AJP-REQ-06", "AJP-SEC-02", "AJP-SEC-06")
def test_a_refused_request_gets_its_answer_although_more_is_on_its_way() -> None:
    recorder = Recorder()
    with serving(recorder, secret=b"right") as running:
        for _ in range(20):
            with running.client() as client:
                client.send(request_packet(b"/", attributes=[(12, None, b"wrong")]) + bytes(200_000))
                octets = b""
                with contextlib.suppress(ConnectionResetError):
                    while piece := client.socket.recv(65536):
                        octets += piece
                assert octets.endswith(END_RESPONSE_CLOSE)
                assert b"\x01\x93" in octets  # 403
        assert running.server.counters["refused_requests"] == 20
    assert recorder.environs == []


@covers("AJP-BOD-10")
def test_more_body_than_announced_closes() -> None:
    with serving(read_all) as running, running.client() as client:
        announce(client, 5)
        client.send(b"\x12\x34\x00\x08\x00\x06abcdef")
        assert client.ended()
        assert running.server.counters["violations"] == 1
        assert running.server.counters["application_errors"] == 0


def test_a_flood_of_octets_behind_a_request_is_not_kept() -> None:
    gate = threading.Event()

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        gate.wait(10)
        yield environ["wsgi.input"].read(1)

    with serving(application) as running, running.client() as client:
        client.begin(forward_request(method=b"POST", headers=CHUNKED))
        events = [client.next_event() for _ in range(3)]
        assert events == [HeadersReceived(200, b"OK", ()), ResponseBody(b"begun"), Flushed()]
        packet = b"\x12\x34\x00\x03\x00\x01x"
        client.send(packet * 20_000)
        gate.set()
        with contextlib.suppress(ConnectionResetError):
            while client.socket.recv(65536):
                pass
        assert running.server.stop(10)
        assert running.server.counters["violations"] == 1


@covers("WSG-LOG-04")
def test_an_access_log_on_a_full_disk_harms_no_request(caplog: pytest.LogCaptureFixture) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    log = AccessLog("/dev/full")
    with serving(hello, access_log=log) as running, running.client() as client:
        for _ in range(3):
            answer = client.ask()
            assert (answer.body, answer.reuse) == (b"hello", True)
    assert [record.getMessage() for record in errors(caplog)] == [
        "the access log cannot be written: [Errno 28] No space left on device"
    ]
    log.close()
