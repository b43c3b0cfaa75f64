"""The codec alone: messages per second, no sockets."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable

from refjk.ajp13.codec import decode_to_web_server, encode_send_body_chunk, encode_send_headers
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.messages import ForwardRequest
from tests.bench import report
from tests.bench.app import BODY

REQUEST = ForwardRequest(
    method=b"GET",
    protocol=b"HTTP/1.1",
    req_uri=b"/catalogue/books/17",
    remote_addr=b"192.0.2.10",
    remote_host=None,
    server_name=b"www.example.test",
    server_port=80,
    is_ssl=False,
    headers=(
        (b"host", b"www.example.test"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (b"accept-language", b"en-GB,en;q=0.5"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"cookie", b"JSESSIONID=0123456789ABCDEF0123456789ABCDEF.node1"),
        (b"upgrade-insecure-requests", b"1"),
        (b"content-length", b"0"),
    ),
    attributes=((5, None, b"page=2"), (10, b"AJP_REMOTE_PORT", b"49152")),
)
RESPONSE_HEADERS = ((b"Content-Type", b"text/html; charset=utf-8"), (b"Content-Length", b"1024"))
PACKET_SIZE = 8192


def cases() -> dict[str, Callable[[], object]]:
    """What is repeated, by name."""
    request = encode_forward_request(REQUEST, PACKET_SIZE)
    headers = encode_send_headers(200, b"OK", RESPONSE_HEADERS)
    chunk = encode_send_body_chunk(BODY)
    return {
        "decode FORWARD_REQUEST (8 headers)": lambda: decode_forward_request(request),
        "encode FORWARD_REQUEST (8 headers)": lambda: encode_forward_request(REQUEST, PACKET_SIZE),
        "encode SEND_HEADERS (2 headers)": lambda: encode_send_headers(200, b"OK", RESPONSE_HEADERS),
        "decode SEND_HEADERS (2 headers)": lambda: decode_to_web_server(headers),
        "encode SEND_BODY_CHUNK (1 KiB)": lambda: encode_send_body_chunk(BODY),
        "decode SEND_BODY_CHUNK (1 KiB)": lambda: decode_to_web_server(chunk),
    }


def measure(rounds: int) -> dict[str, list[float]]:
    """Messages per second by case, one number for each round; rounds are interleaved."""
    rates: dict[str, list[float]] = {name: [] for name in cases()}
    for _ in range(rounds):
        for name, call in cases().items():
            count, seconds = timeit.Timer(call).autorange()
            rates[name].append(count / seconds)
    return rates


def as_markdown(rates: dict[str, list[float]]) -> str:
    """The facts and one table."""
    rows = [[name, f"{statistics.median(numbers):.0f}"] for name, numbers in rates.items()]
    facts = report.machine() | {"measured": "median, one thread"}
    return report.facts_as_text(facts) + "\n\n" + report.table(["codec alone", "messages per second"], rows)
