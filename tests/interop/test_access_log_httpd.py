"""The lines of refjk's access log and request log beside those that httpd writes of the same requests."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from refjk.configuration.complaints import Complaints
from refjk.configuration.log_format import ACCESS_LETTERS, REQUEST_LETTERS, parse_log_format
from refjk.configuration.origins import Place
from refjk.logformat import LogEntry, Moment, compile_access, compile_request_log, is_logged
from refjk.runtime.access_log import local_time
from refjk.runtime.jk_log import JkLog
from refjk.speccheck import covers
from tests.interop.peers import Httpd, JkWorker, ModJk, RawConnection
from tests.interop.refjk_server import RefjkServer

pytestmark = pytest.mark.interop

FACTS = [
    "%a",
    "%A",
    "%b",
    "%B",
    "%f",
    "%h",
    "%H",
    "%k",
    "%l",
    "%m",
    "%p",
    "%q",
    "%r",
    "%R",
    "%s",
    "%<s",
    "%>s",
    "%u",
    "%U",
    "%v",
    "%V",
    "%X",
    "%I",
    "%O",
    "%S",
    "%%",
    "%{local}p",
    "%{remote}p",
    "%{canonical}p",
    "%{nonsense}p",
    "%{nonsense}T",
    "%{c}a",
    "%{Referer}i",
    "%{x-odd}i",
    "%{X-Two}i",
    "%{X-Reply}o",
    "%{Content-Type}o",
    "%{Set-Cookie}o",
    "%{None}o",
    "%{None}i",
    "%{COLOUR}e",
    "%{None}e",
    "%{one}C",
    "%{TWO}C",
    "%{none}C",
    "%400,404{X-Odd}i",
    "%!404{X-Odd}i",
    "%200b",
    "%{None}n",
    "%{X-End}^ti",
    "%{X-End}^to",
    "a\\tb",
]
TIMES = [
    "%t",
    "%{begin}t",
    "%{end}t",
    "%{sec}t",
    "%{begin:sec}t",
    "%{end:msec}t",
    "%{usec}t",
    "%{msec_frac}t",
    "%{end:usec_frac}t",
    "%{%Y-%m-%dT%H:%M:%S%z}t",
    "%{end:%d_%b_%a_%Z}t",
    "%T",
    "%D",
    "%{s}T",
    "%{ms}T",
    "%{us}T",
    "%P",
    "%{pid}P",
    "%{tid}P",
]
SEPARATOR = " | "
CHUNKED = b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-End: e"nd\r\n\r\n'

REQUESTS = {
    "plain": b"GET /a.txt HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n\r\n",
    "http/1.0": b"GET /a.txt HTTP/1.0\r\n\r\n",
    "query": b'GET /a.txt?x="1\\2"&y HTTP/1.1\r\nHost: h:8080\r\nConnection: close\r\n\r\n',
    "empty query": b"GET /a.txt? HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "odd headers": b'GET /a.txt HTTP/1.1\r\nHost: h\r\nX-Odd: \xe4"\\\tb\xff~ \r\nX-Two: 1\r\nx-two: 2\r\n'
    b"Referer:\r\nConnection: close\r\n\r\n",
    "cookies": b"GET /a.txt HTTP/1.1\r\nHost: h\r\nCookie: one = 1 2 ; two=a=b;three\r\n"
    b"Connection: close\r\n\r\n",
    "head": b"HEAD /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "missing": b"GET /no%20%22such%C3%A4 HTTP/1.1\r\nHost: h\r\nX-Odd: o\r\nConnection: close\r\n\r\n",
    "absolute": b"GET http://other.example/a.txt?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "post": b"POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    "chunked": b"POST /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + CHUNKED,
    "user": b"GET /private/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
    b"Authorization: Basic YWxpY2U6d29uZGVy\r\n\r\n",
    "empty file": b"GET /empty HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "method": b"GE-T /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
}


@dataclass(frozen=True)
class Exchange:
    """What went over the wire, and from which port."""

    request: bytes
    answer: bytes
    port: int


@pytest.fixture(scope="module")
def httpd() -> Iterator[Httpd]:
    quoted = SEPARATOR.join(FACTS).replace("\\", "\\\\")
    directives = f"""
CustomLog facts.log "{quoted}"
CustomLog times.log "{SEPARATOR.join(TIMES)}"
CustomLog with.log "%U" env=COLOUR
CustomLog without.log "%U" env=!COLOUR
UseCanonicalName Off
SetEnvIf Host www COLOUR=red
AddType "text/plain; charset=utf-8" .txt
Header set X-Reply "a\\"b"
Header add Set-Cookie "x=1; Path=/"
Header add Set-Cookie "y=2"
"""
    with Httpd(users={"alice": "wonder"}, directives=directives) as peer:
        (peer.documents / "a.txt").write_bytes(b"hello")
        (peer.documents / "empty").write_bytes(b"")
        (peer.documents / "private").mkdir()
        (peer.documents / "private" / "index.html").write_bytes(b"secret")
        yield peer


def exchange(httpd: Httpd, request: bytes) -> Exchange:
    with socket.create_connection(("127.0.0.1", httpd.port), timeout=10) as client:
        client.sendall(request)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        return Exchange(request, answer, client.getsockname()[1])


def new_lines(httpd: Httpd, name: str, before: int, count: int) -> list[str]:
    path: Path = httpd.directory / name

    def whole() -> list[str]:
        return path.read_text("ascii").splitlines() if path.exists() else []

    httpd.wait_until(lambda: len(whole()) >= before + count, f"{count} lines in {name}", 10)
    return whole()[before:]


def line_count(httpd: Httpd, name: str) -> int:
    path: Path = httpd.directory / name
    return len(path.read_text("ascii").splitlines()) if path.exists() else 0


def headers_of(head: bytes) -> list[tuple[bytes, bytes]]:
    pairs = [line.split(b":", 1) for line in head.split(b"\r\n")[1:] if line]
    return [(name, value.strip(b" \t")) for name, value in pairs]


def entry_of(httpd: Httpd, seen: Exchange, number: int = 0, state: Literal["X", "+", "-"] = "-") -> LogEntry:
    """What refjk would know of such a request."""
    head, _, _ = seen.request.partition(b"\r\n\r\n")
    method, target, protocol = head.split(b"\r\n")[0].decode("latin-1").split(" ")
    headers = headers_of(head)
    answer_head, _, body = seen.answer.partition(b"\r\n\r\n")
    host = next((value.decode() for name, value in headers if name == b"Host"), "127.0.0.1")
    if "://" in target:
        host = target.split("/")[2]
    path = LogEntry("", "", method, target, protocol, 0, 0, 0).decoded_path
    on_disk = f"{httpd.documents}{path}"
    return LogEntry(
        remote_addr="127.0.0.1",
        user="alice" if b"Authorization" in head else "",
        method=method,
        target=target,
        protocol=protocol,
        status=int(answer_head.split(b" ")[1]),
        size=len(body),
        duration_us=1,
        in_headers=headers,
        out_headers=headers_of(answer_head),
        in_trailers=[(b"X-End", b'e"nd')] if CHUNKED in seen.request else [],
        env={"COLOUR": "red"} if host == "www.example" else {},
        filename=on_disk,
        host=host.partition(":")[0],
        server_name="127.0.0.1",
        server_port=80,
        local_addr="127.0.0.1",
        local_port=httpd.port,
        remote_port=seen.port,
        keepalive_number=number,
        connection_state=state,
        octets_in=len(seen.request),
        octets_out=len(seen.answer),
    )


def rendered(formats: Sequence[str], entry: LogEntry) -> list[str]:
    complaints = Complaints()
    items = parse_log_format(SEPARATOR.join(formats), ACCESS_LETTERS, Place("x"), "x", complaints)
    assert complaints.found() == ()
    moment = Moment(1_700_000_000_123_456, os.getpid(), 7)
    return compile_access(items, local_time)(entry, moment).split(SEPARATOR)


def compared(line: str, formats: Sequence[str], entry: LogEntry) -> dict[str, tuple[str, str]]:
    """Where the two differ: httpd's and refjk's."""
    theirs, ours = line.split(SEPARATOR), rendered(formats, entry)
    assert len(theirs) == len(ours) == len(formats)
    return {
        letter: (one, other) for letter, one, other in zip(formats, theirs, ours, strict=True) if one != other
    }


@covers("LOG-ACC-01", "LOG-ACC-02", "LOG-ACC-03", "LOG-ACC-04", "LOG-ACC-05")
@pytest.mark.parametrize("name", list(REQUESTS))
def test_every_letter_says_what_httpd_says(httpd: Httpd, name: str) -> None:
    before = line_count(httpd, "facts.log")
    seen = exchange(httpd, REQUESTS[name])
    (line,) = new_lines(httpd, "facts.log", before, 1)
    assert compared(line, FACTS, entry_of(httpd, seen)) == {}


@covers("LOG-ACC-01")
def test_requests_on_one_connection_are_counted_and_say_whether_it_goes_on(httpd: Httpd) -> None:
    before = line_count(httpd, "facts.log")
    requests = [b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"] * 2 + [REQUESTS["plain"]]
    answers = []
    with RawConnection(httpd.port) as connection:
        for request in requests:
            connection.send(request)
            answers.append(connection.receive_until(b"\r\n\r\n") + connection.receive(5))
    lines = new_lines(httpd, "facts.log", before, 3)
    for number, line in enumerate(lines):
        seen = Exchange(requests[number], answers[number], 0)
        entry = entry_of(httpd, seen, number, "-" if number == 2 else "+")
        # httpd may count an octet of the next request that it has looked at.
        assert compared(line, FACTS, entry).keys() <= {"%{remote}p", "%I", "%S"}


@covers("LOG-ACC-01")
def test_behind_an_error_page_the_first_and_the_last_answer_have_letters_of_their_own() -> None:
    directives = """
CustomLog status.log "%s %<s %>s %U %m"
ErrorDocument 404 /page.html
"""
    with Httpd(directives=directives) as httpd:
        (httpd.documents / "page.html").write_bytes(b"sorry")
        seen = exchange(httpd, REQUESTS["missing"])
        (line,) = new_lines(httpd, "status.log", 0, 1)
        entry = replace(entry_of(httpd, seen), original_status=404)
    assert seen.answer.endswith(b"sorry")
    assert rendered(["%s %<s %>s %U %m"], entry) == [line]


@covers("LOG-ACC-06", "LOG-ACC-07")
def test_times_have_the_form_of_httpds(httpd: Httpd) -> None:
    before = line_count(httpd, "times.log")
    entry = entry_of(httpd, exchange(httpd, REQUESTS["plain"]))
    (line,) = new_lines(httpd, "times.log", before, 1)
    complaints = Complaints()
    items = parse_log_format(SEPARATOR.join(TIMES), ACCESS_LETTERS, Place("x"), "x", complaints)
    theirs = line.split(SEPARATOR)
    now_us = int(theirs[TIMES.index("%{usec}t")])
    pid, tid = (int(theirs[TIMES.index(letter)]) for letter in ("%P", "%{tid}P"))
    duration_us = int(theirs[TIMES.index("%D")])
    entry = replace(entry, duration_us=duration_us)
    line = compile_access(items, local_time)(entry, Moment(now_us + duration_us, pid, tid))
    assert dict(zip(TIMES, line.split(SEPARATOR), strict=True)) == dict(zip(TIMES, theirs, strict=True))


@covers("LOG-ACC-08")
def test_a_condition_lets_through_what_httpd_lets_through(httpd: Httpd) -> None:
    before = {name: line_count(httpd, name) for name in ("with.log", "without.log", "facts.log")}
    entries = [entry_of(httpd, exchange(httpd, REQUESTS[name])) for name in ("plain", "query")]
    new_lines(httpd, "facts.log", before["facts.log"], 2)
    for name, condition in (("with.log", "env=COLOUR"), ("without.log", "env=!COLOUR")):
        lines = new_lines(httpd, name, before[name], 1)
        ours = [entry.decoded_path for entry in entries if is_logged(condition, entry.env)]
        assert lines == ours == ["/a.txt"]


@covers("LOG-REQ-01", "LOG-REQ-02", "LOG-STP-01")
def test_the_request_log_says_what_mod_jk_says(tmp_path: Path) -> None:
    letters = [f"%{letter}" for letter in sorted(REQUEST_LETTERS)]
    directives = f'JkRequestLogFormat "{SEPARATOR.join(letters)}"\nUseCanonicalName Off'
    requests = [REQUESTS[name] for name in ("plain", "query", "odd headers", "absolute", "post")]
    requests = [request.replace(b"/a.txt", b"/echo").replace(b'"1\\2"', b"%201") for request in requests]
    with RefjkServer() as container:
        worker = JkWorker(container.port, name="r1")
        front = ModJk([worker], balancer={"method": "R"}, mounts=["/echo"], directives=directives)
        with Httpd(front) as httpd:
            seen = [exchange(httpd, request) for request in [*requests, REQUESTS["plain"]]]
            httpd.wait_until(lambda: httpd.jk_log.count(SEPARATOR) >= 5 * 13, "five lines", 10)
            lines = [line for line in httpd.jk_log.splitlines() if SEPARATOR in line]
            assert httpd.jk_log.count("\n") > len(lines)
            entries = [entry_of(httpd, one) for one in seen[:-1]]
    complaints = Complaints()
    items = parse_log_format(SEPARATOR.join(letters), REQUEST_LETTERS, Place("x"), "x", complaints)
    log = JkLog(str(tmp_path / "log"))
    for line, entry in zip(lines, entries, strict=True):
        seconds, us = line.split(SEPARATOR)[letters.index("%T")].split(".")
        duration_us = int(seconds) * 1_000_000 + int(us)
        entry = replace(entry, notes={"JK_WORKER_NAME": "balancer"}, route="r1", duration_us=duration_us)
        log.request(compile_request_log(items)(entry))
    log.close()
    ours = (tmp_path / "log").read_text().splitlines()
    stamp = r"\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{3} \d{4}\] "
    assert [re.sub(stamp, "[T] ", line) for line in ours] == [re.sub(stamp, "[T] ", line) for line in lines]
    assert all(re.match(stamp, line) for line in lines)
