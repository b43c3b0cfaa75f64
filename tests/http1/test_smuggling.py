"""Shapes with which two programs can be made to see different requests, with the answers to them.

Each is followed by a request that must never be taken up when the first is refused.
"""

from __future__ import annotations

import pytest

from refjk.http1 import RequestReceived
from refjk.speccheck import covers
from tests.http1.support import NEXT_REQUEST, answer, connection_with, feed, is_open, refused

POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    "length and chunked": (CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\n", 400),
    "chunked and length": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 30\r\n\r\n", 400),
    "two equal lengths": (POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    "a list of lengths": (POST + b"Content-Length: 0, 0\r\n\r\n", 400),
    "a signed length": (POST + b"Content-Length: +0\r\n\r\n", 400),
    "a length in hexadecimal": (POST + b"Content-Length: 0x0\r\n\r\n", 400),
    "a huge length": (POST + b"Content-Length: 18446744073709551616\r\n\r\n", 400),
    "a space before the colon": (POST + b"Content-Length : 30\r\n\r\n", 400),
    "a tab before the colon": (POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
    "a length in a folded line": (POST + b"X: a\r\n Content-Length: 30\r\n\r\n", 400),
    "a folded coding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "a name with NUL": (POST + b"Content-Length\0: 30\r\n\r\n", 400),
    "a value with NUL": (POST + b"Content-Length: 30\0\r\n\r\n", 400),
    "a coding behind a vertical tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    "a coding behind a form feed": (POST + b"Transfer-Encoding: chunked\x0c\r\n\r\n", 400),
    "a coding with high octets": (POST + b"Transfer-Encoding: chunked\xff\r\n\r\n", 400),
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "identity and chunked": (POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked and identity": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked and a second coding": (CHUNKED + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n", 400),
    "a quoted coding": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 400),
    "an empty coding": (POST + b"Transfer-Encoding:\r\nContent-Length: 0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a bare LF between headers": (POST + b"X: a\nContent-Length: 30\r\n\r\n", 400),
    "a bare CR between headers": (POST + b"X: a\rContent-Length: 30\r\n\r\n", 400),
    "a head that ends with bare LFs": (b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
    "CR CR LF": (b"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400),
    "a request in the target": (b"GET /\r\n\r\nHost: h\r\n\r\n", 400),
    "a request line with a bare LF": (b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400),
    "a space before the first name": (b"GET / HTTP/1.1\r\n Content-Length: 30\r\nHost: h\r\n\r\n", 400),
    "a line without a colon": (POST + b"Content-Length 30\r\n\r\n", 400),
    "an empty name": (POST + b": a\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a host with a path": (b"GET / HTTP/1.1\r\nHost: h/a\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n", 400),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a tunnel": (b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    "a chunk size with a sign": (CHUNKED + b"\r\n+0\r\n\r\n", 400),
    "a chunk size with 0x": (CHUNKED + b"\r\n0x0\r\n\r\n", 400),
    "a chunk size that wraps round": (CHUNKED + b"\r\n10000000000000000\r\n\r\n", 400),
    "a chunk size with a space": (CHUNKED + b"\r\n0 \r\n\r\n", 400),
    "an empty chunk size": (CHUNKED + b"\r\n\r\n0\r\n\r\n", 400),
    "a chunk extension with a bare LF": (CHUNKED + b"\r\n1;\nxx\r\n0\r\n\r\n", 400),
    "a chunk extension with a bare CR": (CHUNKED + b"\r\n1;\rxx\r\n0\r\n\r\n", 400),
    "a chunk longer than its size": (CHUNKED + b"\r\n1\r\nab\r\n0\r\n\r\n", 400),
    "a chunk that ends with a bare LF": (CHUNKED + b"\r\n1\r\na\n0\r\n\r\n", 400),
    "trailers that end with a bare LF": (CHUNKED + b"\r\n0\r\n\n", 400),
    "a request among the trailers": (CHUNKED + b"\r\n0\r\n" + NEXT_REQUEST, 400),
}

SEEN = {
    "a length for GET": (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /", [b"GET", b"GET"]),
    "chunked for HEAD": (
        b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [b"HEAD", b"GET"],
    ),
    "a request in a body": (POST + b"Content-Length: 31\r\n\r\n" + NEXT_REQUEST, [b"POST", b"GET"]),
    "a length in the trailers": (CHUNKED + b"\r\n0\r\nContent-Length: 30\r\n\r\n", [b"POST", b"GET"]),
    "an underscore": (POST + b"Content_Length: 30\r\n\r\n", [b"POST", b"GET"]),
    "a TE header": (POST + b"TE: chunked\r\n\r\n", [b"POST", b"GET"]),
    "a length that Connection names": (
        POST + b"Connection: content-length\r\nContent-Length: 2\r\n\r\nab",
        [b"POST", b"GET"],
    ),
}


@covers("HTP-REF-04", "HTP-TRE-04", "HTP-LEN-02")
@pytest.mark.parametrize("name", REFUSED)
def test_a_smuggling_shape_is_refused_and_what_follows_is_no_request(name: str) -> None:
    octets, status = REFUSED[name]
    assert refused(octets + NEXT_REQUEST)[0] == status
    requests = [event for event in feed(octets + NEXT_REQUEST) if isinstance(event, RequestReceived)]
    assert all(request.path != b"/next" for request in requests)
    assert len(requests) <= 1, "the body of one request can be what is wrong"


@covers("HTP-PIP-01")
@pytest.mark.parametrize("name", SEEN)
def test_an_odd_but_clear_request_ends_where_the_standard_says(name: str) -> None:
    octets, methods = SEEN[name]
    connection = connection_with(octets + NEXT_REQUEST)
    seen = []
    events = [event for event in feed(octets + NEXT_REQUEST) if isinstance(event, RequestReceived)]
    while events:
        seen.append(events[0].method)
        answer(connection)
        events = [event for event in connection.resume() if isinstance(event, RequestReceived)]
    assert seen == methods
    assert is_open(connection) and connection.buffered_size == 0
