"""What an application says, and what of it the web server gets."""

from __future__ import annotations

import io
import logging
import sys
import threading
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.ajp13 import AttributeCode
from refjk.ajp13.events import Flushed, HeadersReceived, ResponseBody, ResponseEnded
from refjk.speccheck import covers
from tests.runtime.connectors import Answer, Application, Environ, forward_request, serving

TEXT = [("Content-Type", "text/plain")]


def saying(
    body: Any, status: str = "200 OK", headers: list[tuple[str, str]] | None = None
) -> Callable[[Environ, Any], Any]:
    """An application with a fixed answer; a callable `body` is called for each request."""

    def application(environ: Environ, start_response: Any) -> Any:
        start_response(status, list(headers or []))
        return body() if callable(body) else body

    return application


def answer_to(application: Application, method: bytes = b"GET", **settings: Any) -> Answer:
    """The answer to one request, after which the connection still has to serve if it is not broken."""
    with serving(application, **settings) as running, running.client() as client:
        answer = client.ask(b"/x", method)
        if answer.reuse:
            assert client.ping()
        return answer


class Closing:
    """An iterable that counts the calls of its `close`."""

    def __init__(self, blocks: Iterable[bytes], fails: bool = False) -> None:
        self.closed = 0
        self._blocks = blocks
        self._fails = fails

    def __iter__(self) -> Iterator[bytes]:
        yield from self._blocks
        if self._fails:
            raise ValueError("in the middle")

    def close(self) -> None:
        self.closed += 1


# -- whole bodies -------------------------------------------------------------------------


@covers("WSG-OUT-02")
@pytest.mark.parametrize(
    ("body", "octets"),
    [([b"hello"], b"hello"), ((b"he", b"", b"llo"), b"hello"), ([], b""), ([b""], b""), ((), b"")],
)
def test_a_body_known_as_a_whole_gets_its_length(body: Any, octets: bytes) -> None:
    answer = answer_to(saying(body, headers=TEXT))
    assert answer.headers == ((b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(octets)))
    assert (answer.status, answer.reason, answer.pieces, answer.reuse) == (200, b"OK", [octets], True)


@covers("WSG-OUT-02")
def test_an_empty_iterable_of_any_kind_gets_the_length_0() -> None:
    assert answer_to(saying(lambda: iter([]))).headers == ((b"Content-Length", b"0"),)
    assert answer_to(saying(lambda: iter([b"", b""]))).headers == ((b"Content-Length", b"0"),)


@covers("WSG-OUT-02")
def test_a_length_that_the_application_gave_is_not_added_again() -> None:
    answer = answer_to(saying([b"hello"], headers=[("content-LENGTH", "5")]))
    assert answer.headers == ((b"Content-Length", b"5"),)


@covers("WSG-OUT-02")
def test_an_iterator_gets_no_length() -> None:
    assert answer_to(saying(lambda: iter([b"a", b"b"]))).headers == ()


@covers("WSG-OUT-02", "AJP-RSP-13")
@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content", "304 Not Modified"])
def test_statuses_without_a_body_get_neither_length_nor_octets(status: str) -> None:
    for body in ([], [b"dropped"], lambda: iter([b"dropped"])):
        answer = answer_to(saying(body, status))
        assert (answer.status, answer.headers, answer.body) == (int(status[:3]), (), b"")
        assert answer.reuse


@covers("WSG-OUT-02", "AJP-RSP-13")
def test_head_gets_the_length_that_is_known_and_no_octets() -> None:
    answer = answer_to(saying([b"hello"]), b"HEAD")
    assert (answer.headers, answer.body) == (((b"Content-Length", b"5"),), b"")
    assert answer_to(saying([]), b"HEAD").headers == ()
    assert answer_to(saying(lambda: iter([b"a"])), b"HEAD").body == b""


@covers("WSG-OUT-07")
def test_a_length_stays_where_the_body_is_left_out() -> None:
    length = [("Content-Length", "1000")]
    assert answer_to(saying([], headers=length), b"HEAD").header(b"content-length") == b"1000"
    head = answer_to(saying(lambda: iter([b"abc"]), headers=length), b"HEAD")
    assert (head.header(b"content-length"), head.body, head.reuse) == (b"1000", b"", True)
    answer = answer_to(saying([], "304 Not Modified", length))
    assert (answer.header(b"content-length"), answer.body, answer.reuse) == (b"1000", b"", True)


# -- lengths that are wrong ---------------------------------------------------------------


@covers("WSG-OUT-03")
def test_octets_beyond_the_announced_length_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    length = [("Content-Length", "5")]
    assert answer_to(saying([b"hello world"], headers=length)).body == b"hello"
    assert answer_to(saying([b"hel", b"lo", b" world"], headers=length)).body == b"hello"
    assert answer_to(saying(lambda: iter([b"hel", b"lo!", b"!"]), headers=length)).body == b"hello"
    nothing = answer_to(saying(lambda: iter([b"x"]), headers=[("Content-Length", "0")]))
    assert (nothing.header(b"content-length"), nothing.body, nothing.reuse) == (b"0", b"", True)
    assert {record.levelname for record in caplog.records} == {"WARNING"}


@covers("WSG-OUT-03", "WSG-OUT-11")
def test_an_iteration_ends_once_the_announced_length_is_exceeded() -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"12345"

    body = Closing(endless())
    assert answer_to(saying(body, headers=[("Content-Length", "12")])).body == b"123451234512"
    assert (len(taken), body.closed) == (4, 1)


@covers("WSG-OUT-04")
def test_a_list_shorter_than_its_announced_length_becomes_a_500() -> None:
    for body in ([b"abc"], (b"a", b"b"), []):
        answer = answer_to(saying(body, headers=[("Content-Length", "5")]))
        assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
        assert answer.reuse


@covers("WSG-OUT-04")
def test_an_iterator_shorter_than_its_announced_length_breaks_the_connection() -> None:
    with serving(saying(lambda: iter([b"abc"]), headers=[("Content-Length", "5")])) as running:
        with running.client() as client:
            answer = client.ask()
        assert (answer.status, answer.body, answer.reuse) == (200, b"abc", None)
        assert running.server.counters["broken_responses"] == 1


@covers("WSG-OUT-07")
@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", "5"), ("content-length", "5")],
        [("Content-Length", "+5")],
        [("Content-Length", "5 ")],
        [("Content-Length", "")],
        [("Content-Length", "٥")],
    ],
)
def test_a_length_that_is_none_becomes_a_500(headers: list[tuple[str, str]]) -> None:
    answer = answer_to(saying([b"hello"], headers=headers))
    assert (answer.status, answer.reuse) == (500, True)


# -- headers ------------------------------------------------------------------------------


def test_repeated_headers_stay_apart_and_in_order() -> None:
    cookies = [("Set-Cookie", "a=1"), ("X-A", "ä"), ("Set-Cookie", "b=2")]
    assert answer_to(saying(lambda: iter([b"x"]), headers=cookies)).headers == (
        (b"Set-Cookie", b"a=1"),
        (b"X-A", b"\xe4"),
        (b"Set-Cookie", b"b=2"),
    )


@covers("WSG-OUT-05")
def test_headers_about_the_connection_are_left_out() -> None:
    names = ("Connection", "keep-alive", "Proxy-Connection", "TE", "Trailer", "Upgrade")
    answer = answer_to(saying([], headers=[*((name, "x") for name in names), ("X-Kept", "1")]))
    assert answer.headers == ((b"X-Kept", b"1"), (b"Content-Length", b"0"))


@covers("WSG-OUT-06")
@pytest.mark.parametrize("name", ["Transfer-Encoding", "transfer-encoding"])
def test_a_transfer_encoding_becomes_a_500(name: str) -> None:
    for body in ([b"0\r\n\r\n"], lambda: iter([b"0\r\n\r\n"])):
        answer = answer_to(saying(body, headers=[(name, "chunked")]))
        assert (answer.status, answer.header(b"transfer-encoding"), answer.reuse) == (500, None, True)


@covers("AJP-RSP-11")
def test_headers_that_fit_no_packet_become_a_500() -> None:
    assert answer_to(saying([], headers=[("X-A", "a" * 8000)])).status == 200
    for size in (8192, 70_000):
        answer = answer_to(saying([b"x"], headers=[("X-A", "a" * size)]))
        assert (answer.status, answer.body, answer.reuse) == (500, b"500 Internal Server Error\n", True)
    assert answer_to(saying([], headers=[("X-A", "a" * 60_000)]), packet_size=65536).status == 200


@covers("AJP-RSP-12")
@pytest.mark.parametrize(
    "header",
    [("X-A", "a\r\nX-B: b"), ("X-A", "\0"), ("X A", "b"), ("X-A\n", "b"), ("", "b"), ("X-A", "\u20ac")],
)
def test_headers_that_would_say_something_else_become_a_500(header: tuple[str, str]) -> None:
    answer = answer_to(saying([b"x"], headers=[header]))
    assert (answer.status, answer.headers[0], answer.reuse) == (500, (b"Content-Type", b"text/plain"), True)


# -- the rules of start_response ----------------------------------------------------------


@covers("WSG-OUT-08")
@pytest.mark.parametrize(
    "status", ["", "OK", "20 OK", "2000 OK", "100 Continue", "1000", "２００ OK", "200\r\nX: y", "-20 x"]
)
def test_a_status_that_is_none_becomes_a_500(status: str) -> None:
    assert answer_to(saying([b"x"], status)).status == 500


@covers("WSG-OUT-08")
def test_statuses_without_a_name_are_passed_on() -> None:
    for status in ("200", "299 Fine", "999 Beyond"):
        assert answer_to(saying([b"x"], status)).status == int(status[:3])


@covers("WSG-OUT-08")
@pytest.mark.parametrize(
    "body", [["text"], [b"a", "text"], "text", b"octets", [1], None, 5, [None], ["", ""], [["a"]], [{}]]
)
def test_a_body_that_does_not_consist_of_octets_becomes_a_500(body: Any) -> None:
    assert answer_to(saying(body)).status == 500


@covers("WSG-OUT-08")
@pytest.mark.parametrize("block", ["text", 1, ["a"], {1: 2}, object()])
def test_an_iterator_whose_first_block_is_not_of_octets_becomes_a_500(
    block: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert answer_to(saying(lambda: iter([block]))).status == 500
    assert f"bytes, not {type(block).__name__}" in caplog.text


@covers("WSG-OUT-08")
def test_start_response_comes_once_and_before_the_body() -> None:
    def twice(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return [b"x"]

    def never(environ: Environ, start_response: Any) -> list[bytes]:
        return [b"x"]

    def never_and_nothing(environ: Environ, start_response: Any) -> list[bytes]:
        return []

    def late(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b"x"
        start_response("200 OK", [])

    for application in (twice, never, never_and_nothing, late):
        assert answer_to(application).status == 500


@covers("WSG-OUT-01")
def test_a_generator_may_call_start_response_with_its_first_block() -> None:
    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("201 Created", [("X-A", "1")])
        yield b""
        yield b"x"

    answer = answer_to(application)
    assert (answer.status, answer.headers, answer.pieces) == (201, ((b"X-A", b"1"),), [b"x", b""])


@covers("WSG-OUT-01", "WSG-OUT-09")
def test_nothing_is_sent_before_the_first_octets_so_the_status_can_change() -> None:
    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("X-A", "1"), ("Content-Length", "3")])
        yield b""
        try:
            raise KeyError("changed its mind")
        except KeyError:
            start_response("503 Service Unavailable", [("X-B", "2")], sys.exc_info())
        yield b"later"

    answer = answer_to(application)
    assert (answer.status, answer.headers, answer.body) == (503, ((b"X-B", b"2"),), b"later")
    assert answer.reuse


@covers("WSG-OUT-09")
def test_exc_info_after_the_first_octets_raises_that_exception() -> None:
    seen: list[BaseException] = []

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        try:
            raise KeyError("too late")
        except KeyError:
            try:
                start_response("500 Oops", [], sys.exc_info())
            except BaseException as error:
                seen.append(error)
                raise

    answer = answer_to(application)
    assert (answer.status, answer.body, answer.reuse) == (200, b"begun", None)
    assert [repr(error) for error in seen] == ["KeyError('too late')"]


@covers("WSG-OUT-09")
def test_exc_info_may_come_with_the_first_call() -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("500 Oops", [], (ValueError, ValueError("x"), None))
        return [b"own page"]

    assert answer_to(application).body == b"own page"


# -- write --------------------------------------------------------------------------------


@covers("WSG-OUT-10", "WSG-OUT-01")
def test_what_is_written_leaves_before_write_returns() -> None:
    read = threading.Event()

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one ")
        assert read.wait(10)
        write(b"two ")
        return [b"three"]

    with serving(application) as running, running.client() as client:
        client.begin(forward_request())
        first = [client.next_event() for _ in range(3)]
        assert first == [HeadersReceived(200, b"OK", ()), ResponseBody(b"one "), Flushed()]
        read.set()
        answer = [client.next_event() for _ in range(4)]
    assert answer == [ResponseBody(b"two "), Flushed(), ResponseBody(b"three"), ResponseEnded(reuse=True)]


@covers("WSG-OUT-10")
@pytest.mark.parametrize("rest", [[], [b""], (), [b"c", b"d"]])
def test_write_and_any_iterable_go_together(rest: Any) -> None:
    def application(environ: Environ, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        write(b"a")
        write(b"b")
        return rest

    answer = answer_to(application)
    assert (answer.body, answer.headers, answer.reuse) == (b"ab" + b"".join(rest), (), True)


@covers("WSG-OUT-10", "WSG-OUT-01")
def test_writing_nothing_sends_the_headers() -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"")
        return []

    assert answer_to(application).headers == ()


@covers("WSG-OUT-10", "WSG-OUT-03")
def test_writing_beyond_the_announced_length_is_cut() -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Content-Length", "3")])
        write(b"ab")
        write(b"cd")
        write(b"ef")
        return [b"g"]

    answer = answer_to(application)
    assert (answer.body, answer.reuse) == (b"abc", True)


# -- close --------------------------------------------------------------------------------


@covers("WSG-OUT-11")
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("blocks", [[], [b"a"], [b"a", b"b"]])
def test_close_is_called_once_whatever_happens(blocks: list[bytes], fails: bool) -> None:
    body = Closing(blocks, fails)
    answer = answer_to(saying(body))
    assert body.closed == 1
    assert answer.status == (500 if fails and not blocks else 200)
    assert answer.reuse is (None if fails and blocks else True)


@covers("WSG-OUT-11")
def test_close_is_called_when_the_headers_are_refused_and_for_head() -> None:
    for application, method in (
        (saying(refused := Closing([b"a"]), headers=[("X A", "")]), b"GET"),
        (saying(for_head := Closing([b"a"])), b"HEAD"),
        (saying(unmodified := Closing([b"a"]), "304 Not Modified"), b"GET"),
    ):
        answer_to(application, method)
    assert [refused.closed, for_head.closed, unmodified.closed] == [1, 1, 1]


class ClosingList(list[bytes]):
    closed = 0

    def close(self) -> None:
        self.closed += 1


@covers("WSG-OUT-11")
def test_a_list_with_close_is_closed_too() -> None:
    body = ClosingList([b"a"])
    assert answer_to(saying(body)).body == b"a"
    assert body.closed == 1


def test_an_error_in_close_breaks_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Closing):
        def close(self) -> None:
            raise OSError("close failed")

    answer = answer_to(saying(Failing([b"a"])))
    assert (answer.body, answer.reuse) == (b"a", None)
    assert "close failed" in caplog.text


# -- blocks and flushes -------------------------------------------------------------------


@covers("WSG-OUT-12")
def test_each_block_leaves_with_a_flush_before_the_next_is_asked_for() -> None:
    go_on = threading.Semaphore(0)

    def blocks() -> Iterator[bytes]:
        for number in range(3):
            yield b"%d" % number
            assert go_on.acquire(timeout=10)

    with serving(saying(blocks)) as running, running.client() as client:
        client.begin(forward_request())
        assert client.next_event() == HeadersReceived(200, b"OK", ())
        for number in (b"0", b"1", b"2"):
            assert [client.next_event(), client.next_event()] == [ResponseBody(number), Flushed()]
            go_on.release()
        assert client.next_event() == ResponseEnded(reuse=True)


@covers("WSG-OUT-12")
def test_a_block_its_headers_and_its_flush_are_one_write() -> None:
    read = threading.Semaphore(0)

    def blocks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 1000
            assert read.acquire(timeout=10)

    with serving(saying(blocks)) as running, running.client() as client:
        client.begin(forward_request())
        for _ in range(20):
            while client.next_event() != Flushed():
                pass
            read.release()
        assert len(client.reads) == 20


@covers("WSG-OUT-12")
def test_large_blocks_are_cut_into_packets() -> None:
    block = bytes(range(256)) * 2000
    answer = answer_to(saying(lambda: iter([block, block])))
    assert answer.pieces == [block, block, b""]


@covers("WSG-OUT-13")
def test_the_last_block_of_an_announced_length_leaves_with_the_end() -> None:
    answer = answer_to(saying(lambda: iter([b"ab", b"c"]), headers=[("Content-Length", "3")]))
    assert answer.pieces == [b"ab", b"c"]


# -- files --------------------------------------------------------------------------------


def sending(file: Any, *words: Any, headers: list[tuple[str, str]] | None = None) -> Application:
    def application(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", headers or [])
        return environ["wsgi.file_wrapper"](file, *words)

    return application


@covers("WSG-OUT-14", "WSG-OUT-11")
def test_a_file_is_sent_from_its_position_without_flushes_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4000)
    with path.open("rb") as file:
        file.seek(7)
        answer = answer_to(sending(file, 3000))
        assert file.closed
    assert answer.pieces == [path.read_bytes()[7:]]
    assert answer.headers == ()


@covers("WSG-OUT-14")
def test_a_file_is_sent_to_its_announced_length(caplog: pytest.LogCaptureFixture) -> None:
    file = io.BytesIO(b"0123456789" * 10)
    answer = answer_to(sending(file, 7, headers=[("Content-Length", "12")]))
    assert (answer.body, answer.reuse, file.closed) == (b"012345678901", True, True)
    assert caplog.records == []


@covers("WSG-OUT-14")
def test_an_empty_file_and_one_that_cannot_close_are_fine() -> None:
    class Reader:
        def __init__(self, blocks: list[bytes]) -> None:
            self.blocks = blocks

        def read(self, size: int) -> bytes:
            return self.blocks.pop(0) if self.blocks else b""

    assert answer_to(sending(io.BytesIO())).header(b"content-length") == b"0"
    assert answer_to(sending(Reader([b"a", b"b"]))).pieces == [b"ab"]


def test_a_file_that_fails_breaks_the_connection() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("disk")

    class FailingLater(Failing):
        def read(self, size: int | None = -1, /) -> bytes:
            return io.BytesIO.read(self, 3) or super().read()

    assert answer_to(sending(Failing(b"abc"))).status == 500
    broken = answer_to(sending(FailingLater(b"abcdef")))
    assert (broken.body, broken.reuse) == (b"abcdef", None)


# -- the whole of WSGI --------------------------------------------------------------------


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"])
@pytest.mark.parametrize("uri", [b"/", b"/app", b"/app/x%20y"])
def test_the_validator_of_wsgiref_has_nothing_to_complain_about(
    method: bytes, uri: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        size = len(body.read(5)) + len(body.readline()) + len(b"".join(body.readlines()))
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        if method != b"HEAD":
            write(b"read ")
        environ["wsgi.errors"].flush()
        return [b"%d" % size] if method != b"HEAD" else []

    checked = wsgiref.validate.validator(application)
    with serving(checked, script_name="/app") as running, running.client() as client:
        for body in (None, b"0123456789\nabc\n", [b"one\ntwo", b"\n"]):
            answer = client.ask(
                uri, method, [(b"host", b"h")], [(AttributeCode.QUERY_STRING, None, b"a=1")], body=body
            )
            assert (answer.status, answer.reuse) == (200, True)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
