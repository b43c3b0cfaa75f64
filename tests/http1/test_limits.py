"""Each limit: the largest size that is accepted, and one more."""

from __future__ import annotations

import pytest

from refjk.http1 import Limits, RequestReceived, ServerConnection
from refjk.speccheck import covers
from tests.http1.support import accepted, chunked, get, post, refused


def test_a_negative_limit_is_nonsense() -> None:
    with pytest.raises(ValueError, match="head_size_max -1"):
        Limits(head_size_max=-1)
    assert Limits(body_size_max=0).body_size_max == 0


@covers("HTP-LIM-01")
def test_a_request_line_has_a_limit() -> None:
    limits = Limits(request_line_size_max=40)
    line = b"GET /%b HTTP/1.1"
    assert len(line % (b"a" * 26)) == 40
    assert accepted(get(line % (b"a" * 26)), limits).path == b"/" + b"a" * 26
    assert refused(get(line % (b"a" * 27)), limits) == (414, "HTP-LIM-01")
    assert refused(b"A" * 42, limits) == (414, "HTP-LIM-01"), "no end of line is awaited"
    assert ServerConnection(limits).receive(b"A" * 40 + b"\r") == []
    assert refused(b"A" * 8192) == (414, "HTP-LIM-01")
    assert accepted(get(line % (b"a" * 8176))).method == b"GET"


@covers("HTP-LIM-02")
def test_a_header_line_has_a_limit() -> None:
    limits = Limits(header_line_size_max=10)
    assert accepted(get(b"GET / HTTP/1.1", b"X: 3456789"), limits).headers[1] == (b"X", b"3456789")
    assert refused(get(b"GET / HTTP/1.1", b"X: 34567890"), limits) == (431, "HTP-LIM-02")
    assert refused(get(b"GET / HTTP/1.1")[:-2] + b"X" * 12, limits) == (431, "HTP-LIM-02")
    long_line = b"X: " + b"a" * 24
    assert (
        accepted(chunked(b"0\r\n" + long_line + b"\r\n\r\n"), Limits(header_line_size_max=27)).path == b"/p"
    )
    assert refused(chunked(b"0\r\n" + long_line + b"a\r\n\r\n"), Limits(header_line_size_max=27)) == (
        431,
        "HTP-LIM-02",
    )


@covers("HTP-LIM-03")
def test_a_head_has_a_limit() -> None:
    octets = get(b"GET / HTTP/1.1", b"X: a")
    assert accepted(octets, Limits(head_size_max=len(octets))).path == b"/"
    assert refused(octets, Limits(head_size_max=len(octets) - 1)) == (431, "HTP-LIM-03")
    assert refused(octets[:-2], Limits(head_size_max=len(octets) - 2)) == (431, "HTP-LIM-03")
    assert refused(b"A" * 20, Limits(head_size_max=20)) == (431, "HTP-LIM-03")


@covers("HTP-LIM-04")
def test_headers_and_trailers_are_counted() -> None:
    limits = Limits(header_count_max=3)
    two = (b"A: 1", b"B: 2")
    assert len(accepted(get(b"GET / HTTP/1.1", *two), limits).headers) == 3
    assert refused(get(b"GET / HTTP/1.1", *two, b"C: 3"), limits) == (431, "HTP-LIM-04")
    assert accepted(chunked(b"0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), limits).path == b"/p"
    assert refused(chunked(b"0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n"), limits) == (431, "HTP-LIM-04")


@covers("HTP-LIM-05")
def test_an_announced_body_has_a_limit() -> None:
    limits = Limits(body_size_max=3)
    assert accepted(post(b"Content-Length: 3", body=b"abc"), limits).body_size == 3
    assert refused(post(b"Content-Length: 4", body=b""), limits) == (413, "HTP-LIM-05")
    assert accepted(post(b"Content-Length: 9223372036854775807", body=b"")).body_size == 2**63 - 1


@covers("HTP-LIM-06")
def test_a_chunked_body_has_a_limit() -> None:
    limits = Limits(body_size_max=3)
    assert accepted(chunked(b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), limits).body_size is None
    assert refused(chunked(b"4\r\n"), limits) == (413, "HTP-LIM-06")
    assert refused(chunked(b"1\r\na\r\n3\r\n"), limits) == (413, "HTP-LIM-06")


def test_a_small_header_line_limit_spares_the_request_line() -> None:
    events = ServerConnection(Limits(header_line_size_max=7)).receive(get(b"GET /longer HTTP/1.1"))
    assert [type(event) for event in events] == [RequestReceived]
