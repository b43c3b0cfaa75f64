"""The bench harness reads its tools' reports rightly, and runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.framing import PacketBuffer
from refjk.ajp13.messages import EndResponse, SendBodyChunk, SendHeaders
from tests.bench import front
from tests.bench.app import BODY
from tests.bench.bare import fixed_answer
from tests.bench.candidates import CANDIDATES
from tests.bench.http_forwarder import HttpForwardingFront
from tests.bench.load import Load, read_ab, read_wrk
from tests.bench.throughput import Result, as_markdown
from tests.interop.peers import ask, find_program
from tests.interop.peers.process import PROJECT, PeerMissing

WRK_REPORT = """\
Running 1s test @ http://127.0.0.1:1/
  4025 requests in 1.10s, 4.71MB read
  Socket errors: connect 0, read 2, write 1, timeout 4
  Non-2xx or 3xx responses: 10
Requests/sec:   3658.70
Transfer/sec:      4.28MB
"""
AB_REPORT = """\
Complete requests:      4000
Failed requests:        3
Non-2xx responses:      5
Requests per second:    1234.56 [#/sec] (mean)
"""


def test_reports_of_wrk_and_ab_give_rate_and_errors() -> None:
    assert read_wrk(WRK_REPORT) == Load(3658.70, 17)
    assert read_ab(AB_REPORT) == Load(1234.56, 8)


def test_the_bare_loop_says_what_the_application_says() -> None:
    buffer = PacketBuffer(b"AB", 8192)
    buffer.feed(fixed_answer())
    packets = [buffer.next_packet() for _ in range(3)]
    headers, chunk, end = (decode_to_web_server(packet) for packet in packets if packet is not None)
    assert isinstance(headers, SendHeaders)
    assert (headers.status, len(headers.headers)) == (200, 2)
    assert chunk == SendBodyChunk(BODY)
    assert end == EndResponse(True)
    assert len(buffer) == 0


def test_the_table_compares_with_the_best_peer_and_the_bare_loop() -> None:
    rates = {"mod_jk-refjk": 60.0, "mod_proxy_http-waitress": 30.0, "mod_proxy_http-cheroot": 20.0}
    rates["mod_jk-bare"] = 80.0
    result = Result(rates={name: {16: [rate - 1, rate, rate + 5]} for name, rate in rates.items()})
    lines = as_markdown(result, CANDIDATES, [16]).splitlines()
    assert "| mod_jk-refjk | 60 (59–65) |" in lines
    assert "| mod_jk-refjk / best peer | 2.00 |" in lines
    assert "| mod_jk-refjk / bare | 0.75 |" in lines


def test_the_front_is_compared_with_each_of_the_others() -> None:
    rates = {front.AJP: 60.0, front.HTTP: 40.0, "mod_jk-refjk": 120.0}
    lines = front.as_markdown(
        Result(rates={name: {1: [rate]} for name, rate in rates.items()}), [1]
    ).splitlines()
    assert f"| {front.AJP} | 60 (60–60) |" in lines
    assert f"| {front.AJP} / {front.HTTP} | 1.50 |" in lines
    assert f"| {front.AJP} / mod_jk-refjk | 0.50 |" in lines


class Echo(BaseHTTPRequestHandler):
    """Answers what it was sent, three times over, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])) * 3
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Target", self.path)
        self.send_header("X-For", self.headers["X-Forwarded-For"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_the_front_with_http_behind_it_forwards_requests_and_answers_whole() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as backend:
        thread = threading.Thread(target=backend.serve_forever, args=(0.05,))
        thread.start()
        try:
            forwarding = HttpForwardingFront(0, backend.server_port)
            _, port = forwarding.start()
            for size in (1, 100_000, 1):
                answer = ask(port, "/a/b?c=d", "POST", body=b"x" * size)
                assert (answer.status, answer.body) == (201, b"xxx" * size)
                assert (answer.header("X-Target"), answer.header("X-For")) == ("/a/b?c=d", "127.0.0.1")
            forwarding.stop()
        finally:
            backend.shutdown()
            thread.join()


@pytest.mark.interop
@pytest.mark.parametrize(
    ("what", "names"), [("requests", ["mod_jk-bare"]), ("front", [front.AJP, "mod_jk-refjk"])]
)
def test_a_short_run_measures(what: str, names: list[str], tmp_path: Path) -> None:
    try:
        find_program("apache2", "apache2", "httpd")
    except PeerMissing as missing:
        pytest.skip(str(missing))
    command = [sys.executable, "-m", "tests.bench", what, "--only", ",".join(names), "--rounds", "1"]
    command += ["--seconds", "1", "--connections", "2", "--json", str(tmp_path / "numbers.json")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["errors"] == dict.fromkeys(names, 0)
    for name in names:
        assert numbers["rates"][name]["2"][0] > 0
        assert f"| {name} |" in done.stdout
