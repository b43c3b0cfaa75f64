"""The WSGI applications that are measured; every server serves these same two."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

BODY = bytes(range(32, 96)) * 16  # 1 KiB
HEADERS = [("Content-Type", "text/plain; charset=us-ascii"), ("Content-Length", str(len(BODY)))]
BLOCK = bytes(65536)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """1 KiB, whatever is asked."""
    start_response("200 OK", list(HEADERS))
    return [BODY]


def transfer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """POST: reads the body and answers its size. GET with the query `N`: N octets in blocks of 64 KiB."""
    if environ["REQUEST_METHOD"] == "POST":
        size = sum(map(len, iter(lambda: environ["wsgi.input"].read(len(BLOCK)), b"")))
        answer = str(size).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
        return [answer]
    size = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))])
    return (BLOCK[: min(len(BLOCK), size - at)] for at in range(0, size, len(BLOCK)))
