"""A running connector: cycles, limits, bodies of any size, stopping."""

from __future__ import annotations

import contextlib
import io
import re
import resource
import select
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.ajp13 import AttributeCode
from refjk.ajp13.admission import _kind_of_header
from refjk.ajp13.codec import CPING_PACKET, CPONG_PACKET, END_RESPONSE_REUSE
from refjk.ajp13.events import BodyWanted, ResponseEnded
from refjk.base.errors import LocalProtocolError, UsageError
from refjk.runtime.access_log import AccessLog
from refjk.runtime.ajp_connection import LINGER_S
from refjk.runtime.connector import COUNTERS, AjpServer
from refjk.runtime.server import CREW_COUNTERS
from refjk.runtime.settings import ConnectorSettings
from refjk.speccheck import covers
from tests.runtime.connectors import (
    DEADLINE_S,
    AjpClient,
    Environ,
    Recorder,
    forward_request,
    hello,
    request_attribute,
    request_packet,
    serving,
    wait_for,
)

PROJECT = Path(__file__).resolve().parents[2]
CHUNKED = [(b"transfer-encoding", b"chunked")]


def read_all(environ: Environ, start_response: Any) -> list[bytes]:
    """Answers with the size of the request body."""
    size = sum(map(len, iter(lambda: environ["wsgi.input"].read(1 << 16), b"")))
    start_response("200 OK", [])
    return [b"%d" % size]


def until(sock: socket.socket, ending: bytes) -> bytes:
    """What comes, up to and with `ending`."""
    octets = b""
    while not octets.endswith(ending):
        octets += (piece := sock.recv(65536))
        assert piece, f"the connection ended after {octets!r}"
    return octets


class Gate:
    """An application that reports the path and waits until it is opened; `/quick` does not wait."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside: list[str] = []
        self.most = 0  # that were inside at a time
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        if path != "/quick":
            with self._lock:
                self.inside.append(path)
                self.most = max(self.most, len(self.inside))
            assert self.open.wait(DEADLINE_S)
            with self._lock:
                self.inside.remove(path)
        return hello(environ, start_response)


@contextlib.contextmanager
def asking(running: Any, *paths: bytes) -> Iterator[list[AjpClient]]:
    """A client for each path that has sent its request; the answers have not been read."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in paths]
        for client, path in zip(clients, paths, strict=True):
            client.begin(forward_request(path))
        yield clients


# -- cycles -------------------------------------------------------------------------------


@covers("AJP-CON-01")
def test_the_connector_says_nothing_until_it_is_asked() -> None:
    with serving(hello) as running, running.client() as client:
        client.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(DEADLINE_S)
        assert client.ask().body == b"hello"


def test_one_connection_serves_one_cycle_after_the_other() -> None:
    with serving(read_all) as running, running.client() as client:
        for size in (0, 1, 8186, 20_000):
            assert client.ping()
            assert client.ask(b"/", b"POST", body=bytes(size)).body == b"%d" % size
            assert client.ask(b"/").body == b"0"
        counters = running.server.counters
        assert (counters["connections"], counters["requests"]) == (1, 8)


@covers("AJP-CON-04")
def test_what_a_client_says_about_its_connection_does_not_touch_this_one() -> None:
    with serving(hello) as running, running.client() as client:
        for headers in ((), [(b"connection", b"close")], [(b"connection", b"keep-alive")]):
            for protocol in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/0.9", b""):
                assert client.ask(headers=headers, protocol=protocol).reuse
        assert running.server.counters["connections"] == 1


@covers("AJP-PNG-05")
def test_a_ping_keeps_no_thread() -> None:
    with serving(hello, threads=1) as running, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in range(20)]
        for _ in range(3):
            assert all(client.ping() for client in clients)
            assert clients[7].ask().body == b"hello"


def test_packets_may_come_octet_by_octet() -> None:
    with serving(hello) as running, running.client() as client:
        for octet in CPING_PACKET + request_packet(b"/slow"):
            client.send(bytes((octet,)))
        assert until(client.socket, END_RESPONSE_REUSE).startswith(CPONG_PACKET)


def test_pings_glued_together_and_behind_a_request_are_all_answered() -> None:
    with serving(hello) as running, running.client() as client:
        client.send(CPING_PACKET * 3 + request_packet(b"/") + CPING_PACKET * 2)
        octets = until(client.socket, END_RESPONSE_REUSE + CPONG_PACKET * 2)
        assert octets.startswith(CPONG_PACKET * 3)


def test_a_request_glued_to_another_is_not_served_when_strict() -> None:
    recorder = Recorder()
    with serving(recorder) as running, running.client() as client:
        client.send(request_packet(b"/1") + request_packet(b"/2"))
        assert client.socket.recv(65536).endswith(END_RESPONSE_REUSE)
        assert client.socket.recv(1) == b""
        assert [environ["PATH_INFO"] for environ in recorder.environs] == ["/1"]
        assert running.server.counters["violations"] == 1


def test_requests_glued_together_are_served_in_order_when_lenient() -> None:
    recorder = Recorder()
    with serving(recorder, strict=False) as running, running.client() as client:
        client.send(b"".join(request_packet(b"/%d" % number) for number in range(50)) + CPING_PACKET)
        assert until(client.socket, CPONG_PACKET).count(END_RESPONSE_REUSE) == 50
    assert [environ["PATH_INFO"] for environ in recorder.environs] == [f"/{number}" for number in range(50)]


@covers("AJP-BOD-12")
@pytest.mark.parametrize("size", [1, 8186, 100_000])
def test_a_body_that_was_not_read_is_drained_before_the_next_request(size: int) -> None:
    with serving(hello) as running, running.client() as client:
        for _ in range(3):
            answer = client.ask(b"/", b"POST", body=b"\x12\x34" * (size // 2) + b"x" * (size % 2))
            assert (answer.body, answer.reuse, client.wanted) == (b"hello", True, [])


@covers("AJP-BOD-12")
def test_end_response_waits_for_the_first_body_packet() -> None:
    with serving(hello) as running, running.client() as client:
        client.begin(forward_request(method=b"POST", headers=[(b"content-length", b"10")]))
        client.socket.settimeout(0.2)
        octets = b""
        with pytest.raises(TimeoutError):
            while True:
                octets += client.socket.recv(65536)
        assert octets.endswith(b"hello\0")
        client.socket.settimeout(DEADLINE_S)
        client.send(b"\x12\x34\x00\x0c\x00\x0a" + b"0123456789" + CPING_PACKET)
        assert until(client.socket, CPONG_PACKET) == END_RESPONSE_REUSE + CPONG_PACKET


@covers("AJP-BOD-12")
def test_an_answer_to_a_question_is_drained_when_the_application_gives_up() -> None:
    """The read fails for its size; what was asked for has come. A second cycle shows the count."""
    with serving(read_all, body_size_max=10_000) as running, running.client() as client:
        answer = client.ask(b"/", b"POST", CHUNKED, body=[bytes(8000)] * 5)
        assert (answer.status, answer.reuse, len(client.wanted)) == (413, True, 2)
        assert client.ask(b"/", b"POST", CHUNKED, body=[bytes(8000)]).body == b"8000"


@covers("AJP-ATT-08", "AJP-ATT-10", "AJP-SEC-07", "AJP-REQ-07", "AJP-REQ-04")
def test_facts_and_attributes_arrive_where_they_belong() -> None:
    recorder = Recorder()
    attributes = [
        request_attribute(b"AJP_REMOTE_PORT", b"4711"),
        request_attribute(b"wsgi.input", b"evil"),
        request_attribute(b"PATH_INFO", b"/evil"),
        (3, None, b"root"),
    ]
    with serving(recorder) as running, running.client() as client:
        client.ask(b"http://new/a", headers=[(b"host", b"old")], attributes=attributes, is_ssl=True)
    environ = recorder.environs[0]
    assert (environ["REMOTE_PORT"], environ["PATH_INFO"], environ["HTTP_HOST"]) == ("4711", "/a", "new")
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["wsgi.input"] != "evil"
    assert "REMOTE_USER" not in environ
    assert environ["refjk.attributes"] == {"wsgi.input": "evil", "PATH_INFO": "/evil"}


# -- who may listen where -----------------------------------------------------------------


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@covers("AJP-SEC-04")
@pytest.mark.parametrize("secret", [None, b""])
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_without_a_secret_only_loopback_is_listened_on(address: str, secret: bytes | None) -> None:
    if address.startswith("[") and not has_ipv6():
        pytest.skip("this machine does without IPv6")
    server = AjpServer(hello, address, ConnectorSettings(secret=secret))
    with pytest.raises(UsageError, match=r"is not a loopback address.*--secret-file"):
        server.start()


@covers("AJP-SEC-04")
def test_with_a_secret_any_address_is_listened_on() -> None:
    server = AjpServer(hello, "0.0.0.0:0", ConnectorSettings(secret=b"s"))
    _, port = server.start()
    with server, AjpClient(port) as client:
        assert client.ask(attributes=[(12, None, b"s")]).body == b"hello"
        assert client.ask(attributes=[(12, None, b"wrong")]).status == 403


@covers("AJP-SEC-04")
@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.1.2.3:0", "localhost:0", "[::1]:0"])
def test_loopback_needs_no_secret(address: str) -> None:
    if address.startswith("[") and not has_ipv6():
        pytest.skip("this machine does without IPv6")
    server = AjpServer(hello, address)
    host, port = server.start()
    with server, socket.create_connection((host, port), DEADLINE_S) as client:
        client.sendall(CPING_PACKET)
        assert client.recv(100) == CPONG_PACKET


@covers("WSG-STP-06", "AJP-SEC-04")
def test_inherited_sockets_need_a_secret_too_unless_they_are_loopback_or_files(tmp_path: Path) -> None:
    everywhere = socket.create_server(("0.0.0.0", 0))
    with pytest.raises(UsageError, match="not a loopback address"):
        AjpServer(hello, sockets=[everywhere]).start()
    assert everywhere.fileno() == -1

    path = str(tmp_path / "socket")
    in_the_file_system = socket.socket(socket.AF_UNIX)
    in_the_file_system.bind(path)
    in_the_file_system.listen()
    loopback = socket.create_server(("127.0.0.1", 0))
    port = loopback.getsockname()[1]
    with AjpServer(hello, sockets=[in_the_file_system, loopback]), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE_S)
        client.connect(path)
        client.sendall(CPING_PACKET)
        assert client.recv(100) == CPONG_PACKET
        with AjpClient(port) as other:
            assert other.ask().body == b"hello"


# -- limits -------------------------------------------------------------------------------


@covers("WSG-LIM-01")
def test_the_defaults_are_those_of_the_table() -> None:
    text = (PROJECT / "spec/container.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*? \| (.*?) \| `--([a-z-]+)` \| .*? \| (.*?) \|$", text, re.MULTILINE)
    settings = ConnectorSettings()
    assert [(option, default) for default, option, _ in rows] == [
        ("threads", f"{settings.threads}"),
        ("connections", f"{settings.connections_max}"),
        ("packet-size", f"{settings.packet_size} octets"),
        ("max-headers", f"{settings.header_count_max}"),
        ("max-body", f"{(settings.body_size_max or 0) >> 30} GiB"),
        ("read-timeout", f"{settings.read_timeout_s:g} s"),
        ("write-timeout", f"{settings.write_timeout_s:g} s"),
        ("idle-timeout", f"{settings.idle_timeout_s:g} s"),
    ]
    named = {name for _, _, counter in rows for name in re.findall("`(.*?)`", counter)}
    assert named <= {*COUNTERS, *CREW_COUNTERS}


@covers("WSG-LIM-01")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", 0),
        ("connections_max", 0),
        ("header_count_max", 0),
        ("packet_size", 8191),
        ("packet_size", 65537),
        ("read_timeout_s", 0.0),
        ("write_timeout_s", -1.0),
        ("idle_timeout_s", float("nan")),
        ("script_name", "app"),
        ("script_name", "/app/"),
        ("script_name", "/"),
    ],
)
def test_limits_that_make_no_sense_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError):
        ConnectorSettings(**{name: value})


@covers("WSG-LIM-01")
def test_more_headers_than_allowed_are_refused_and_counted() -> None:
    with serving(hello, header_count_max=3) as running:
        for count, status in ((3, 200), (4, 400)):
            with running.client() as client:
                assert client.ask(headers=[(b"x-a", b"1")] * count).status == status
        assert running.server.counters["refused_requests"] == 1


@covers("WSG-LIM-01")
def test_a_packet_above_the_size_closes_and_is_counted() -> None:
    with serving(hello) as running, running.client() as client:
        client.send(b"\x12\x34\x1f\xfd\x02")
        assert client.ended()
        wait_for(lambda: running.server.counters["violations"] == 1)


@covers("WSG-ERR-05", "WSG-LIM-01")
def test_a_body_announced_above_the_limit_gets_413_and_no_application() -> None:
    recorder = Recorder()
    with serving(recorder, body_size_max=100) as running, running.client() as client:
        assert client.ask(b"/", b"PUT", body=bytes(100)).status == 200
        answer = client.ask(b"/", b"PUT", body=bytes(101))
        assert (answer.status, answer.body, answer.reuse) == (413, b"413 Request Entity Too Large\n", True)
        assert client.ask(b"/", b"PUT", body=bytes(30_000)).status == 413
        assert client.ask().status == 200
        assert running.server.counters["bodies_too_large"] == 2
    assert len(recorder.environs) == 2


@covers("WSG-ERR-05")
def test_there_may_be_no_limit_for_bodies() -> None:
    recorder = Recorder()
    with serving(recorder, body_size_max=None) as running, running.client() as client:
        client.begin(forward_request(method=b"PUT", headers=[(b"content-length", b"9" * 18)]))
        wait_for(lambda: len(recorder.environs) == 1)


@covers("WSG-LIM-02", "WSG-LIM-03")
def test_slow_applications_leave_the_others_served_while_a_thread_is_free() -> None:
    gate = Gate()
    with serving(gate, threads=4) as running, asking(running, b"/1", b"/2", b"/3") as slow:
        wait_for(lambda: len(gate.inside) == 3)
        for _ in range(20):
            with running.client() as client:
                assert client.ping()
                assert [client.ask(b"/quick").body for _ in range(5)] == [b"hello"] * 5
        gate.open.set()
        assert [client.answer().body for client in slow] == [b"hello"] * 3


@covers("WSG-LIM-02")
def test_no_more_applications_run_than_there_are_threads() -> None:
    gate = Gate()
    with serving(gate, threads=3) as running:
        with asking(running, *(b"/%d" % number for number in range(9))) as clients:
            wait_for(lambda: len(gate.inside) == 3)
            with running.client() as late:
                late.begin(forward_request(b"/quick"))
                late.socket.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    late.socket.recv(1)
                assert len(gate.inside) == 3
                gate.open.set()
                late.socket.settimeout(DEADLINE_S)
                assert late.answer().body == b"hello"
            assert [client.answer().body for client in clients] == [b"hello"] * 9
        assert gate.most == 3


@covers("WSG-LIM-03")
def test_a_mixture_of_slow_and_quick_requests_is_answered_completely() -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        time.sleep({"/slow": 0.03, "/slower": 0.06}.get(environ["PATH_INFO"], 0))
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            with running.client() as client:
                for turn in range(25):
                    path = (b"/quick", b"/quick", b"/slow", b"/quick", b"/slower")[(turn + number) % 5]
                    assert client.ask(path).body == path
        except BaseException as failure:
            failures.append(failure)

    with serving(application, threads=6) as running:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        assert failures == []
        assert running.server.counters["requests"] >= 290  # counted without a lock


@covers("WSG-LIM-04")
def test_connections_above_the_limit_wait_for_their_turn() -> None:
    with serving(hello, connections_max=2) as running, running.client() as first, running.client() as second:
        assert first.ping()
        assert second.ping()
        with running.client() as third:
            third.begin(forward_request())
            third.socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                third.socket.recv(1)
            assert first.ask().body == second.ask().body == b"hello"
            assert running.server.counters["accept_pauses"] == 1
            first.socket.close()
            third.socket.settimeout(DEADLINE_S)
            assert third.answer().body == b"hello"


@covers("WSG-LIM-05", "WSG-LIM-01")
@pytest.mark.parametrize("count", [1, 4, 20])
def test_a_packet_that_stays_incomplete_closes_after_the_read_timeout(count: int) -> None:
    with serving(hello, read_timeout_s=0.3) as running, running.client() as client:
        assert client.ping()
        client.send(request_packet(b"/")[:count])
        started = time.monotonic()
        assert client.ended()
        assert 0.25 < time.monotonic() - started < DEADLINE_S / 2
        assert running.server.counters["read_timeouts"] == 1
        assert running.server.counters["idle_timeouts"] == 0


@covers("WSG-LIM-05")
def test_a_packet_that_trickles_does_not_get_more_time_for_each_octet() -> None:
    with serving(hello, read_timeout_s=0.5) as running, running.client() as client:
        client.socket.settimeout(0.05)
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):  # the last octets meet a closed connection
            for octet in request_packet(b"/" + b"x" * 500):
                client.send(bytes((octet,)))
                with contextlib.suppress(TimeoutError):
                    assert client.socket.recv(1) == b""
                    break
        assert time.monotonic() - started < 10
        wait_for(lambda: running.server.counters["read_timeouts"] == 1)
        assert running.server.counters["requests"] == 0


@covers("WSG-LIM-05", "WSG-LIM-01")
def test_an_idle_connection_is_closed_after_the_idle_timeout() -> None:
    with serving(hello, idle_timeout_s=0.3) as running, running.client() as client:
        assert client.ask().body == b"hello"
        assert client.ended()
        assert running.server.counters["idle_timeouts"] == 1


# -- large bodies -------------------------------------------------------------------------

SIZE = 50 * 1000 * 1000
BLOCK = bytes(range(256)) * 256


def blocks(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    return (BLOCK[: min(len(BLOCK), SIZE - at)] for at in range(0, SIZE, len(BLOCK)))


def as_a_file(environ: Environ, start_response: Any) -> Iterable[bytes]:
    class Endless(io.RawIOBase):
        left = SIZE

        def read(self, size: int = -1, /) -> bytes:
            data = bytes(min(size, self.left))
            self.left -= len(data)
            return data

    start_response("200 OK", [("Content-Length", str(SIZE))])
    return environ["wsgi.file_wrapper"](Endless())


def drain(client: AjpClient) -> tuple[int, bool]:
    """The size of a response body that nobody keeps, and whether the connection stays."""
    size = 0
    while not isinstance(event := client.next_event(), ResponseEnded):
        size += len(getattr(event, "data", b""))
        client.reads.clear()
    return size, event.reuse


def peak_of(use: Callable[[], None]) -> int:
    """Octets that were allocated at most at a time, beyond those from before."""
    tracemalloc.start()
    try:
        use()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@covers("WSG-LIM-06")
@pytest.mark.parametrize("application", [blocks, as_a_file])
def test_a_download_of_50_megabytes_needs_little_memory(application: Any) -> None:
    with serving(application, packet_size=65536) as running, running.client() as client:

        def download() -> None:
            client.begin(forward_request())
            assert drain(client) == (SIZE, True)

        assert peak_of(download) < 4_000_000


@covers("WSG-LIM-06")
@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_of_50_megabytes_needs_little_memory(announced: bool) -> None:
    with serving(read_all, packet_size=65536) as running, running.client() as client:

        def upload() -> None:
            headers = [(b"content-length", b"%d" % SIZE)] if announced else CHUNKED
            client.begin(forward_request(method=b"POST", headers=headers))
            left = SIZE
            while left or not announced:
                if not client.core.first_body_due:
                    assert isinstance(client.next_event(), BodyWanted)
                if not left:
                    break
                piece = BLOCK[: min(65530, left)]
                left -= len(piece)
                client.core.send_body(piece)
                client.push()
                client.reads.clear()
            if not announced:
                client.core.end_body()
                client.push()
            assert client.answer().body == b"%d" % SIZE

        assert peak_of(upload) < 4_000_000


@covers("WSG-LIM-06")
def test_a_process_that_moves_50_megabytes_stays_small() -> None:
    """The same from outside, where whatever the interpreter holds counts as well."""
    script = (
        "import resource\n"
        "from tests.runtime.connectors import serving\n"
        "from tests.runtime.test_connector import read_all, blocks, SIZE, CHUNKED, drain, forward_request\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with serving(blocks) as running, running.client() as client:\n"
        "    client.begin(forward_request())\n"
        "    assert drain(client) == (SIZE, True)\n"
        "with serving(read_all) as running, running.client() as client:\n"
        "    pieces = (bytes(8000) for _ in range(SIZE // 8000))\n"
        "    assert client.ask(b'/', b'POST', CHUNKED, body=pieces).body == b'%d' % SIZE\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 10_000  # KiB


# -- stopping -----------------------------------------------------------------------------


@covers("WSG-STP-02", "WSG-STP-01")
def test_a_running_request_finishes_and_ends_its_connection() -> None:
    gate = Gate()
    with serving(gate) as running, running.client() as idle:
        assert idle.ping()
        with asking(running, b"/1") as (client,):
            wait_for(lambda: gate.inside == ["/1"])
            results: list[bool] = []
            stopper = threading.Thread(target=lambda: results.append(running.server.stop(DEADLINE_S)))
            stopper.start()
            assert idle.ended()
            wait_for(lambda: refused(running.port), "the end of listening")
            assert stopper.is_alive()
            gate.open.set()
            answer = client.answer()
            assert (answer.body, answer.reuse) == (b"hello", False)
            assert client.socket.recv(1) == b""
            stopper.join(DEADLINE_S)
            assert results == [True]


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # accepted by the system, closed with the listener
        return False
    return False


@covers("WSG-STP-02")
def test_a_streaming_answer_finishes_while_the_server_stops() -> None:
    go_on = threading.Event()

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one "
        assert go_on.wait(DEADLINE_S)
        yield environ["wsgi.input"].read()

    with serving(application) as running, running.client() as client:
        client.begin(forward_request(method=b"POST", headers=CHUNKED))
        wait_for(lambda: running.server.counters["requests"] == 1)
        stopper = threading.Thread(target=running.server.stop, args=(DEADLINE_S,))
        stopper.start()
        wait_for(lambda: running.server.stopping)
        go_on.set()
        answer = client.answer(iter([b"two"]))
        assert (answer.pieces, answer.reuse) == ([b"one ", b"two", b""], False)
        stopper.join(DEADLINE_S)


@covers("WSG-STP-01")
def test_a_server_that_only_has_idle_connections_stops_at_once() -> None:
    with serving(hello) as running, running.client() as client, running.client() as other:
        assert client.ask().reuse
        assert other.ping()
        started = time.monotonic()
        assert running.server.stop(DEADLINE_S)
        assert time.monotonic() - started < DEADLINE_S / 4
        assert client.ended()
        assert other.ended()
        assert running.server.counters["idle_timeouts"] == 0


@covers("WSG-STP-03")
def test_an_application_that_hangs_is_cut_off_when_the_time_is_over() -> None:
    gate = Gate()
    with serving(gate) as running, asking(running, b"/1") as (client,):
        wait_for(lambda: gate.inside == ["/1"])
        started = time.monotonic()
        assert not running.server.stop(0.2)
        assert time.monotonic() - started < DEADLINE_S / 4
        assert client.ended()
        gate.open.set()  # its thread comes back and finds all closed
        wait_for(lambda: gate.inside == [])


@covers("WSG-STP-03")
def test_stopping_works_while_every_thread_is_busy() -> None:
    gate = Gate()
    with serving(gate, threads=2) as running, asking(running, b"/1", b"/2", b"/3") as clients:
        wait_for(lambda: len(gate.inside) == 2)
        assert not running.server.stop(0.2)
        assert clients[0].ended()
        gate.open.set()


def test_stopping_twice_and_without_a_start_is_harmless() -> None:
    server = AjpServer(hello, "127.0.0.1:0")
    assert server.stop()
    with serving(hello) as running:
        assert running.server.stop()
        assert running.server.stop()


def test_serve_forever_returns_when_another_thread_stops() -> None:
    server = AjpServer(hello, "127.0.0.1:0")
    _, port = server.start()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with AjpClient(port) as client:
        assert client.ask().body == b"hello"
    server.stop()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_a_stopped_server_leaves_no_descriptor_open() -> None:
    with serving(hello):
        pass  # whatever is opened only once
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with serving(hello) as running, running.client() as client:
            assert client.ask().reuse
    wait_for(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before, "closing")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > before


# -- access log ---------------------------------------------------------------------------


@covers("WSG-LOG-01")
def test_each_request_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), "timed")
    with serving(read_all, access_log=log, body_size_max=100) as running, running.client() as client:
        client.ask(b"/a%20b", attributes=[(5, None, b"q=1"), (6, None, b"node1")])
        client.ask(b"/b", b"HEAD")
        client.ask(b"/c", b"PUT", body=bytes(101))
        running.server.stop()
    log.close()
    lines = [re.sub(r"\[.*?\]", "[T]", line) for line in path.read_text().splitlines()]
    assert [re.sub(r" \d+ (\S+)$", r" N \1", line) for line in lines] == [
        '127.0.0.1 - - [T] "GET /a%20b?q=1 HTTP/1.1" 200 1 N node1',
        '127.0.0.1 - - [T] "HEAD /b HTTP/1.1" 200 - N -',
        '127.0.0.1 - - [T] "PUT /c HTTP/1.1" 413 29 N -',
    ]


# -- what peers could hold on to --------------------------------------------------------------


@covers("WSG-LIM-03")
def test_refused_requests_whose_peers_stay_hold_no_thread() -> None:
    with serving(hello, threads=1, secret=b"s3cret") as running, contextlib.ExitStack() as stack:
        for _ in range(10):
            refused = stack.enter_context(running.client())
            refused.send(request_packet(b"/"))
        wait_for(lambda: running.server.counters["refused_requests"] == 10)
        right = [(AttributeCode.SECRET, None, b"s3cret")]
        started = time.monotonic()
        with running.client() as client:
            assert client.ask(attributes=right).status == 200
        assert time.monotonic() - started < LINGER_S  # ten would have lingered one after the other


@covers("WSG-LIM-05")
def test_a_body_whose_packet_trickles_ends_with_the_read_timeout() -> None:
    failures: list[OSError] = []

    def reads(environ: Environ, start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            failures.append(error)
            raise
        return []

    with serving(reads, read_timeout_s=0.3) as running, running.client() as client:
        client.send(request_packet(b"/", b"POST", [(b"content-length", b"10")]))
        packet = b"\x12\x34\x00\x0c\x00\x0a0123456789"
        with contextlib.suppress(OSError):
            for octet in packet[:-1]:
                client.socket.send(bytes((octet,)))
                if client.socket in select.select([client.socket], [], [], 0.1)[0]:
                    break
        wait_for(lambda: bool(failures))
        assert running.server.counters["read_timeouts"] == 1


def test_a_server_serves_once() -> None:
    server = AjpServer(hello, "127.0.0.1:0")
    server.start()
    with pytest.raises(LocalProtocolError):
        server.start()
    server.stop()
    with pytest.raises(LocalProtocolError):
        server.start()


def test_names_too_long_to_be_usual_are_not_remembered() -> None:
    before = _kind_of_header.cache_info().currsize
    with serving(hello) as running, running.client() as client:
        for number in range(5):
            assert client.ask(headers=[(b"x-%d-" % number + b"y" * 200, b"1")]).status == 200
    assert _kind_of_header.cache_info().currsize <= before + 1
