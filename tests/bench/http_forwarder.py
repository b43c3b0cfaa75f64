"""The front with plain HTTP behind it: `python -m tests.bench.http_forwarder PORT BACKEND_PORT`.

For comparison only. Everything up to the connection to the backend is the front as it is: HTTP toward the
client, mapping, balancing, threads, pools, the course of a request. Only the connections in the pools are
others: they write the request as HTTP/1.1 and read the answer as HTTP, with the checks that the front makes
of headers from either side. The front makes a `ForwardRequest` of each
request here too, more than plain HTTP would need; `cost_of_forward_request` tells how much.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import time
import timeit
from collections.abc import Callable, Iterator

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.events import HeadersReceived, ResponseBody
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.balancing import WorkerSettings
from refjk.http1.syntax import HEADER_LINES
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.connecting import connect
from refjk.runtime.endpoint import EndpointSettings, Trace
from refjk.runtime.endpoint_errors import PeerGone, ProtocolBroken, ReplyTimeout
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.runtime.waiting import Awaited, receive, send

TIMEOUT_S = 60.0
BODY_PIECE_SIZE = 65536
WITHOUT_BODY = (b"GET", b"HEAD")
EMPTY_BODY = (b"content-length", b"0")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)")


def encode_request(request: ForwardRequest) -> bytes:
    """The head as HTTP/1.1; the client's address goes along, as other proxies tell it."""
    queries = [value for code, _, value in request.attributes if code == AttributeCode.QUERY_STRING]
    target = b"?".join([request.req_uri, *(query for query in queries if isinstance(query, bytes))])
    lines = [b"%b %b HTTP/1.1" % (request.method, target)]
    is_bodiless = request.method in WITHOUT_BODY
    lines += [b"%b: %b" % header for header in request.headers if not (is_bodiless and header == EMPTY_BODY)]
    lines.append(b"X-Forwarded-For: %b" % (request.remote_addr or b"unknown"))
    return b"\r\n".join([*lines, b"", b""])


def decode_head(head: bytes) -> tuple[int, bytes, list[Header]]:
    """Status, reason and headers of an answer's head, up to and with the CR LF of its last line."""
    line_end = head.find(b"\r\n")
    line = STATUS_LINE.fullmatch(head, 0, line_end)
    headers: list[Header] = HEADER_LINES.findall(head, line_end + 2)
    if line is None or len(headers) != head.count(b"\n", line_end + 2):
        raise ProtocolBroken("the head of the answer is none", sent=True)
    return int(line[1]), line[2], headers


class HttpConnection:
    """One kept connection, in the place of an `Endpoint`. Answers with Content-Length only."""

    def __init__(self, address: Address, settings: EndpointSettings, trace: Trace | None = None) -> None:
        self.address = address
        self.settings = settings
        self.idle = True
        self.has_more = False
        self.octets_read = self.octets_written = 0
        self._socket = connect(address, settings.connect_timeout_s)
        self._socket.setblocking(False)

    def may_adopt(self, settings: EndpointSettings) -> bool:
        return True

    def ping(self, timeout_s: float | None = None) -> float:
        """HTTP has nothing like it."""
        return 0.0

    def usable(self) -> bool:
        """Whether the backend has kept it open and said nothing unasked."""
        with contextlib.suppress(BlockingIOError):
            self._socket.recv(1, socket.MSG_PEEK)
            return False
        return True

    def close(self) -> None:
        self._socket.close()

    def course(
        self,
        request: ForwardRequest,
        read_body: Callable[[int], bytes] = lambda size: b"",
        timeout_s: float = TIMEOUT_S,
    ) -> Iterator[HeadersReceived | ResponseBody | Awaited]:
        """Sends the request with its body, and yields the answer as it comes, and what it waits for."""
        self.idle = self.has_more = False
        try:
            yield from self._cycle(request, read_body)
        except TimeoutError as error:
            raise ReplyTimeout(str(error), sent=True) from None
        except OSError as error:
            raise PeerGone(f"the backend broke the connection: {error}", sent=True) from None

    def _cycle(
        self, request: ForwardRequest, read_body: Callable[[int], bytes]
    ) -> Iterator[HeadersReceived | ResponseBody | Awaited]:
        self._send(encode_request(request))
        while piece := read_body(BODY_PIECE_SIZE):
            self._send(piece)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            yield self._awaited()
            data += self._receive()
        status, reason, headers = decode_head(data[: end + 2])
        yield HeadersReceived(status, reason, tuple(headers))
        fields = {name.lower(): value for name, value in headers}
        left = _body_size(request.method, status, fields)
        data = data[end + 4 :]
        while left > 0:
            if data:
                left -= len(data)
                self.has_more = left == 0
                yield ResponseBody(data)
            if left > 0:
                yield self._awaited()
                data = self._receive()
        self.idle = left == 0 and fields.get(b"connection", b"").lower() != b"close"

    def _awaited(self) -> Awaited:
        return Awaited(self._socket.fileno(), time.monotonic() + TIMEOUT_S)

    def _send(self, data: bytes) -> None:
        send(self._socket, data, TIMEOUT_S)
        self.octets_written += len(data)

    def _receive(self) -> bytes:
        data = receive(self._socket, TIMEOUT_S)
        if not data:
            raise ConnectionResetError("closed by the backend")
        self.octets_read += len(data)
        return data


def _body_size(method: bytes, status: int, fields: dict[bytes, bytes]) -> int:
    if method == b"HEAD" or status in (204, 304):
        return 0
    if b"content-length" not in fields:
        raise ProtocolBroken("an answer without Content-Length is not for this comparison", sent=True)
    return int(fields[b"content-length"])


class HttpForwardingFront(Front):
    """The front with other connections in its pools."""

    def __init__(self, port: int, backend_port: int) -> None:
        worker = FrontWorker(WorkerSettings("backend"), Address("127.0.0.1", backend_port))
        settings = FrontSettings(workers=(worker,), mounts=(parse_mount("/*=balancer"),))
        super().__init__(settings, f"127.0.0.1:{port}")
        for pool in self.pools.values():
            pool.connect = HttpConnection  # type: ignore[assignment]


def cost_of_forward_request() -> float:
    """Microseconds that making a `ForwardRequest` takes."""
    headers = [(b"Host", b"127.0.0.1:8080")]
    facts = ConnectionFacts(b"127.0.0.1", b"127.0.0.1", 8080, remote_port=40000, local_addr=b"127.0.0.1")
    build = timeit.Timer(
        lambda: build_forward_request(b"GET", b"/", None, headers, facts, route=b"a", activation=b"ACT")
    )
    count, seconds = build.autorange()
    return seconds / count * 1e6


if __name__ == "__main__":
    HttpForwardingFront(int(sys.argv[1]), int(sys.argv[2])).serve_forever()
