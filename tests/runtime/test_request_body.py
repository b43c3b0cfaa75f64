"""`wsgi.input`: its methods alone, and what they cause on the wire."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from refjk.ajp13.events import BodyWanted, Flushed, HeadersReceived, ResponseBody, ResponseEnded
from refjk.runtime.request_body import RequestBody
from refjk.speccheck import covers
from tests.runtime.connectors import AjpClient, Environ, forward_request, serving

TEXT = b"one\ntwo\n\nfour\nlast without end"


def body_of(*pieces: bytes) -> RequestBody:
    """A body that comes in these pieces."""
    left = iter(pieces)
    return RequestBody(lambda: next(left, b""))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


# -- the file-like object -----------------------------------------------------------------


@covers("WSG-INP-02")
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, len(TEXT)])
def test_it_reads_like_a_file_however_its_octets_come(size: int) -> None:
    uses: list[Callable[[Any], Any]] = [
        lambda body: body.read(),
        lambda body: body.read(-1),
        lambda body: body.read(None),
        lambda body: [body.read(5), body.read(0), body.read(5), body.read(100), body.read(1), body.read()],
        lambda body: list(body),
        lambda body: body.readlines(),
        lambda body: [body.readlines(5), body.readlines(0), body.readlines()],
        lambda body: [body.readline(), body.readline(2), body.readline(0), body.readline(-1), body.read()],
        lambda body: [body.readline(None), next(iter(body)), body.read(3), body.readline(), body.readline()],
        lambda body: [body.readline(1000) for _ in range(7)],
    ]
    for use in uses:
        assert use(body_of(*cut(TEXT, size))) == use(io.BytesIO(TEXT))


@covers("WSG-INP-02")
def test_a_read_is_short_only_at_the_end() -> None:
    body = body_of(b"abc", b"d", b"efgh")
    assert [body.read(5), body.read(2), body.read(5), body.read(5)] == [b"abcde", b"fg", b"h", b""]


@covers("WSG-INP-03")
def test_after_the_end_nothing_more_is_asked_for() -> None:
    asked = []

    def more() -> bytes:
        asked.append(1)
        return b"" if len(asked) > 1 else b"x"

    body = RequestBody(more)
    assert [body.read(), body.read(), body.read(1), body.readline()] == [b"x", b"", b"", b""]
    assert len(asked) == 2


@covers("WSG-INP-01")
def test_no_more_pieces_are_taken_than_a_read_needs() -> None:
    given: list[bytes] = []

    def more() -> bytes:
        given.append(b"0123456789")
        return given[-1]

    body = RequestBody(more)
    for size, pieces in ((1, 1), (9, 1), (1, 2), (19, 3)):
        assert len(body.read(size)) == size
        assert len(given) == pieces


# -- on the wire --------------------------------------------------------------------------

CHUNKED = [(b"transfer-encoding", b"chunked")]


def reading(*reads: Callable[[Any], bytes]) -> Callable[[Environ, Any], Iterable[bytes]]:
    """An application that answers with what these reads give."""

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        gave = b"|".join(read(environ["wsgi.input"]) for read in reads)
        start_response("200 OK", [])
        return [gave]

    return application


@covers("WSG-INP-01")
def test_a_body_of_unknown_length_is_asked_for_only_when_it_is_read() -> None:
    def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"before "
        yield environ["wsgi.input"].read(3)

    with serving(application) as running, running.client() as client:
        client.begin(forward_request(method=b"POST", headers=CHUNKED))
        first = [client.next_event() for _ in range(4)]
        assert first == [
            HeadersReceived(200, b"OK", ()),
            ResponseBody(b"before "),
            Flushed(),
            BodyWanted(8186),
        ]
        client.core.send_body(b"abc")
        client.push()
        rest = [client.next_event() for _ in range(3)]
        assert rest == [ResponseBody(b"abc"), Flushed(), ResponseEnded(reuse=True)]


@covers("WSG-INP-01")
def test_a_body_that_nobody_reads_is_not_asked_for() -> None:
    with serving(reading()) as running, running.client() as client:
        assert client.ask(b"/", b"POST", CHUNKED, body=[b"a"]).reuse
        assert client.ask(b"/", b"PUT", body=bytes(30000)).reuse  # its first packet comes unasked
        assert client.wanted == []


@covers("WSG-INP-01")
def test_one_read_asks_for_what_it_needs_and_no_more() -> None:
    with serving(reading(lambda body: body.read(8186 + 1))) as running, running.client() as client:
        answer = client.ask(b"/", b"PUT", body=bytes(30000))
    assert answer.body == bytes(8187)
    assert client.wanted == [8186]


@covers("WSG-INP-03")
@pytest.mark.parametrize("sizes", [[], [1], [300, 8186, 1, 5], [8186] * 3])
def test_a_body_of_unknown_length_ends_where_the_web_server_says_so(sizes: list[int]) -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        assert environ["wsgi.input_terminated"] is True
        assert "CONTENT_LENGTH" not in environ
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"%d and then %d" % (size, len(environ["wsgi.input"].read()))]

    with serving(application) as running, running.client() as client:
        answer = client.ask(b"/", b"POST", CHUNKED, body=[bytes(size) for size in sizes])
        assert answer.body == b"%d and then 0" % sum(sizes)
        assert len(client.wanted) == len(sizes) + 1


@covers("WSG-INP-03")
def test_an_announced_body_ends_at_its_length_without_another_question() -> None:
    with serving(reading(lambda body: body.read(), lambda body: body.read(5))) as running:
        for size in (0, 1, 8186, 8187, 100_000):
            with running.client() as client:
                data = bytes(range(256)) * (size // 256 + 1)
                assert client.ask(b"/", b"POST", body=data[:size]).body == data[:size] + b"|"
                assert len(client.wanted) == max(0, -(-size // 8186) - 1)


def test_larger_packets_carry_larger_parts_of_a_body() -> None:
    data = bytes(200_000)
    with (
        serving(reading(lambda body: body.read()), packet_size=65536) as running,
        running.client() as client,
    ):
        assert client.ask(b"/", b"POST", body=data).body == data
        assert client.wanted == [65530] * 3


def test_reading_may_go_on_while_the_answer_is_under_way() -> None:
    def echo(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield from iter(lambda: environ["wsgi.input"].read(7), b"")

    with serving(echo) as running, running.client() as client:
        answer = client.ask(b"/", b"POST", CHUNKED, body=[b"0123456789", b"abcd"])
    assert answer.pieces == [b"0123456", b"789abcd", b""]


# -- bodies that cannot be had ------------------------------------------------------------


def two_tries(seen: list[str]) -> Callable[[Environ, Any], Iterable[bytes]]:
    """An application that reads on after an error, as some frameworks do."""

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        for read in (environ["wsgi.input"].read, environ["wsgi.input"].readline):
            try:
                seen.append(f"got {len(read())}")
            except OSError as error:
                seen.append(str(error))
        start_response("200 OK", [])
        return [b"done"]

    return application


def announce(client: AjpClient, length: int) -> None:
    client.begin(forward_request(method=b"POST", headers=[(b"content-length", b"%d" % length)]))


@covers("WSG-INP-04", "AJP-BOD-11")
def test_an_early_end_fails_every_read() -> None:
    seen: list[str] = []
    with serving(two_tries(seen)) as running, running.client() as client:
        announce(client, 100)
        answer = client.answer(iter([b"x" * 40]))
        assert (answer.body, answer.reuse) == (b"done", True)
        assert client.ask(b"/", b"POST", body=b"next").body == b"done"
    assert seen == ["60 octets of the request body never came"] * 2 + ["got 4", "got 0"]


@covers("WSG-INP-04")
def test_a_web_server_that_goes_away_fails_every_read() -> None:
    seen: list[str] = []
    with serving(two_tries(seen)) as running:
        with running.client() as client:
            announce(client, 100)
        running.server.stop()
    assert seen == ["the web server closed the connection", "the connection is closed"]


@covers("WSG-INP-04")
def test_a_body_packet_that_breaks_a_rule_fails_every_read() -> None:
    seen: list[str] = []
    with serving(two_tries(seen)) as running, running.client() as client:
        announce(client, 100)
        client.send(b"\x12\x34\x00\x04\x00\x09ab")
        assert client.ended()
        assert running.server.counters["violations"] == 1
        assert running.server.counters["application_errors"] == 0
    assert seen[0].startswith("AJP-BOD-09 at octet 4")
    assert seen[1:] == ["the connection is closed"]
