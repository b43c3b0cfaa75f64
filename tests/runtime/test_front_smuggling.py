"""The shapes of request smuggling against a whole front: what the container sees, and the next client.

One front and one container serve all shapes, so that what one leaves behind on an AJP connection would
meet the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from refjk.http1 import Limits
from refjk.speccheck import covers
from tests.http1.support import NEXT_REQUEST, get
from tests.http1.test_front_mutations import CLEAR, LIMITED
from tests.http1.test_smuggling import REFUSED, SEEN
from tests.interop.peers.client import ask
from tests.runtime.containers import Script, Talk, TinyContainer
from tests.runtime.fronts import Running, raw_client, running_front

LAST_REQUEST = get(b"GET /last HTTP/1.1", b"Connection: close")
OVERSIZED = {
    "an oversized request line": (get(b"GET /" + b"a" * 9000 + b" HTTP/1.1"), 414),
    "an oversized header line": (get(b"GET / HTTP/1.1", b"X: " + b"a" * 9000), 431),
    "an oversized head": (get(b"GET / HTTP/1.1", *[b"X: " + b"a" * 8000] * 9), 431),
    "too many headers": (get(b"GET / HTTP/1.1", *[b"X: y"] * 100), 431),
    "an oversized chunk line": (
        get(b"POST /p HTTP/1.1", b"Transfer-Encoding: chunked", body=b"0;" + b"x" * 300 + b"\r\n\r\n"),
        400,
    ),
    "oversized trailers": (
        get(b"POST /p HTTP/1.1", b"Transfer-Encoding: chunked", body=b"0\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
        431,
    ),
}
# Those of the core's table that need no other limits than the front has.
ODD = {name: (octets, status) for name, (limits, octets, status, _) in LIMITED.items() if limits == Limits()}
ALL_REFUSED = {**REFUSED, **OVERSIZED, **ODD}
ALL_SEEN = {**{name: octets for name, (octets, _) in SEEN.items()}, **CLEAR}


def recording(seen: list[bytes]) -> Script:
    """A container that keeps each request's path and answers with what it read."""

    def script(talk: Talk) -> None:
        while True:
            request = talk.request().request
            seen.append(request.req_uri)
            whole = request.method + b" " + request.req_uri + b" " + b"".join(talk.body())
            talk.answer(whole, headers=[(b"Content-Length", b"%d" % len(whole))])

    return script


@pytest.fixture(scope="module")
def seen() -> list[bytes]:
    return []


@pytest.fixture(scope="module")
def running(seen: list[bytes]) -> Iterator[Running]:
    with TinyContainer(recording(seen)) as container, running_front(container.address) as front:
        yield front


def exchange(running: Running, octets: bytes) -> bytes:
    """All that the front answers until it ends the connection."""
    with raw_client(running) as client:
        client.send(octets)
        return client.receive_to_end()


def honest_client_is_served(running: Running) -> bool:
    answer = ask(running.port, "/honest", "POST", body=b"mine")
    return (answer.status, answer.body) == (200, b"POST /honest mine")


@covers("HTP-REF-04", "HTP-REF-01")
@pytest.mark.parametrize("name", ALL_REFUSED)
def test_a_container_sees_at_most_the_request_whose_body_is_wrong(
    name: str, running: Running, seen: list[bytes]
) -> None:
    octets, status = ALL_REFUSED[name]
    seen.clear()
    answers = exchange(running, octets + NEXT_REQUEST)
    assert answers.startswith(b"HTTP/1.1 %d " % status)
    assert answers.count(b"HTTP/1.1 ") == 1 and b"\r\nConnection: close\r\n" in answers
    assert seen in ([], [b"/"], [b"/p"])
    assert honest_client_is_served(running)
    assert seen.count(b"/honest") == 1 and b"/next" not in seen and len(seen) <= 2


@covers("HTP-PIP-01")
@pytest.mark.parametrize("name", ALL_SEEN)
def test_a_container_sees_an_odd_but_clear_request_and_the_next(
    name: str, running: Running, seen: list[bytes]
) -> None:
    octets = ALL_SEEN[name]
    seen.clear()
    answers = exchange(running, octets + LAST_REQUEST)
    assert len(seen) == 2 and seen[1] == b"/last", seen
    assert answers.count(b"HTTP/1.1 200 ") == 2 and answers.endswith(b"\r\n\r\nGET /last ")
    assert honest_client_is_served(running)


@covers("HTP-EOF-01", "HTP-EOF-02")
@pytest.mark.parametrize("cut", [1, 2, 5, 20])
def test_a_request_without_its_end_is_not_answered_and_harms_nobody(
    cut: int, running: Running, seen: list[bytes]
) -> None:
    seen.clear()
    with raw_client(running) as client:
        client.send(get(b"GET /cut HTTP/1.1")[:-cut])
        client.shut_write()
        assert client.receive_to_end() == b""
    assert honest_client_is_served(running) and seen == [b"/honest"]
