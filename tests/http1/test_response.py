"""Answers: what is sent, and what is not."""

from __future__ import annotations

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.http1 import Phase, ServerConnection
from refjk.speccheck import covers
from tests.http1.support import connection_with, get, is_open

KEPT_OLD = get(b"GET / HTTP/1.0", b"Connection: keep-alive")


def refuses_head(status: int, reason: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether this head is refused; a good one is possible afterwards."""
    connection = connection_with(get())
    try:
        connection.send_response(status, reason, headers)
    except LocalProtocolError:
        assert connection.phase is Phase.ANSWER_DUE and connection.data_to_send() == b""
        connection.send_response(200, b"OK", [])
        return True
    return False


@covers("HTP-RSP-01")
def test_headers_that_a_request_could_not_have_are_not_sent() -> None:
    for name, value in ((b"X", b""), (b"x-y", b"a\tb \xff"), (b"Set-Cookie", b"a=b; c")):
        connection = connection_with(get())
        connection.send_response(200, b"OK", [(name, value)])
        assert b"\r\n" + name + b": " + value + b"\r\n" in connection.data_to_send()
    for name, value in (
        (b"", b"a"),
        (b"X ", b"a"),
        (b"X:", b"a"),
        (b"X\r\nY", b"a"),
        (b"\xe4", b"a"),
        (b"X", b"a\r\nY: b"),
        (b"X", b"a\n"),
        (b"X", b"a\r"),
        (b"X", b"\0"),
        (b"X", b"\x7f"),
        (b"Connection", b"close\r\nX: y"),
    ):
        assert refuses_head(200, b"OK", [(b"A", b"b"), (name, value)]), (name, value)


@covers("HTP-RSP-02")
def test_only_final_answers_with_a_clean_reason_are_sent() -> None:
    for status in (200, 299, 404, 600, 999):
        assert not refuses_head(status, b"", [])
    for status in (-1, 0, 99, 100, 101, 199, 1000):
        assert refuses_head(status, b"OK", [])
    assert not refuses_head(200, b"Sehr sch\xf6n\t!", [])
    for reason in (b"a\r\nb", b"a\n", b"\0", b"\x7f"):
        assert refuses_head(200, reason, [])


@covers("HTP-RSP-03")
def test_headers_about_the_connection_are_not_passed_on() -> None:
    connection = connection_with(get())
    headers = [
        (b"Connection", b"keep-alive, X"),
        (b"KEEP-ALIVE", b"timeout=5"),
        (b"Proxy-Connection", b"close"),
        (b"trailer", b"X"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"Content-Length", b"0"),
    ]
    connection.send_response(200, b"OK", headers)
    assert connection.data_to_send() == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert connection.keep_alive

    connection = connection_with(get())
    connection.send_response(200, b"OK", [(b"connection", b"X, Close"), (b"Content-Length", b"0")])
    assert connection.data_to_send().endswith(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
    connection.end_response()
    assert connection.must_close and not connection.answer_broken


@covers("HTP-RSP-04")
def test_content_length_is_sent_once_and_in_digits() -> None:
    assert not refuses_head(200, b"OK", [(b"content-length", b"9223372036854775807")])
    for value in (b"", b"-1", b"1, 1", b"a", b" 1", b"9223372036854775808", b"1" * 20):
        assert refuses_head(200, b"OK", [(b"Content-Length", value)]), value
    assert refuses_head(200, b"OK", [(b"Content-Length", b"1"), (b"content-length", b"1")])


@covers("HTP-RSP-05", "HTP-RSP-08")
@pytest.mark.parametrize(
    ("method", "status", "length", "head"),
    [
        (b"HEAD", 200, b"7", b"HTTP/1.1 200 R\r\nContent-Length: 7\r\n\r\n"),
        (b"HEAD", 200, None, b"HTTP/1.1 200 R\r\n\r\n"),
        (b"GET", 304, b"7", b"HTTP/1.1 304 R\r\nContent-Length: 7\r\n\r\n"),
        (b"GET", 304, None, b"HTTP/1.1 304 R\r\n\r\n"),
        (b"GET", 204, b"0", b"HTTP/1.1 204 R\r\n\r\n"),
        (b"POST", 204, None, b"HTTP/1.1 204 R\r\n\r\n"),
    ],
)
def test_answers_without_content_have_none(
    method: bytes, status: int, length: bytes | None, head: bytes
) -> None:
    connection = connection_with(get(method + b" / HTTP/1.1"))
    connection.send_response(status, b"R", [] if length is None else [(b"Content-Length", length)])
    connection.send_body(b"more than seven")
    connection.end_response()
    assert connection.data_to_send() == head
    assert connection.phase is Phase.ANSWERED


@covers("HTP-RSP-06")
def test_content_of_unknown_length_is_chunked() -> None:
    connection = connection_with(get())
    connection.send_response(200, b"OK", [(b"A", b"b")])
    assert connection.data_to_send() == b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.send_body(b"0123456789abcdef")
    connection.send_body(b"")
    connection.send_body(b"x")
    assert connection.data_to_send() == b"10\r\n0123456789abcdef\r\n1\r\nx\r\n"
    connection.end_response()
    assert connection.data_to_send() == b"0\r\n\r\n"
    assert is_open(connection)


@covers("HTP-RSP-07")
def test_content_of_unknown_length_for_http_1_0_ends_with_the_connection() -> None:
    connection = connection_with(KEPT_OLD)
    connection.send_response(200, b"OK", [])
    connection.send_body(b"abc")
    connection.end_response()
    assert connection.data_to_send() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
    assert connection.must_close and not connection.answer_broken


@covers("HTP-RSP-09")
def test_more_content_than_announced_is_an_error_of_the_caller() -> None:
    connection = connection_with(get())
    connection.send_response(200, b"OK", [(b"Content-Length", b"3")])
    connection.send_body(b"ab")
    connection.data_to_send()
    with pytest.raises(LocalProtocolError):
        connection.send_body(b"cd")
    assert connection.data_to_send() == b""
    connection.send_body(b"c")
    connection.end_response()
    assert connection.data_to_send() == b"c"
    assert is_open(connection)


@covers("HTP-RSP-10")
def test_less_content_than_announced_ends_the_connection() -> None:
    connection = connection_with(get())
    connection.send_response(200, b"OK", [(b"Content-Length", b"3")])
    connection.send_body(b"ab")
    connection.end_response()
    assert connection.must_close and connection.answer_broken
    assert connection.data_to_send().endswith(b"\r\n\r\nab")


@covers("HTP-RSP-11")
@pytest.mark.parametrize("request_octets", [get(), KEPT_OLD])
def test_an_answer_that_is_given_up_has_no_last_chunk(request_octets: bytes) -> None:
    connection = connection_with(request_octets)
    connection.send_response(200, b"OK", [])
    connection.send_body(b"abc")
    connection.abort()
    assert connection.must_close and connection.answer_broken
    assert b"0\r\n\r\n" not in connection.data_to_send()
    connection.abort()
    assert connection.answer_broken
    with pytest.raises(LocalProtocolError):
        connection.end_response()


def test_giving_up_before_an_answer_breaks_none() -> None:
    for connection in (ServerConnection(), connection_with(get()), connection_with(get()[:5])):
        connection.abort()
        assert connection.must_close and not connection.answer_broken
        assert connection.data_to_send() == b""
