"""An HTTP client for tests: one call that asks, and a raw connection for what no client would send."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; header names as they came, in order."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, None when it is absent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    *,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    tls: ssl.SSLContext | None = None,
    deadline_s: float = DEADLINE_S,
) -> Answer:
    """Ask 127.0.0.1 once on a new connection; an iterable body without Content-Length goes chunked.

    Nothing is added but Host, Connection: close and the framing of the body.
    """
    connection: http.client.HTTPConnection
    if tls is not None:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=deadline_s, context=tls)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=deadline_s)
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in pairs}
    try:
        connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in pairs:
            connection.putheader(name, value)
        if "connection" not in names:
            connection.putheader("Connection", "close")
        chunked = body is not None and not isinstance(body, bytes) and "content-length" not in names
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif isinstance(body, bytes) and "content-length" not in names:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body, encode_chunked=chunked)
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.getheaders(), response.read())
    finally:
        connection.close()


class RawConnection:
    """A TCP (or TLS) connection to 127.0.0.1 whose every wait ends at one common deadline."""

    def __init__(
        self, port: int, *, tls: ssl.SSLContext | None = None, deadline_s: float = DEADLINE_S
    ) -> None:
        self._deadline = time.monotonic() + deadline_s
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=deadline_s)
        self._received = b""
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="127.0.0.1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, octets: bytes) -> None:
        """Send all octets."""
        self._wait_no_longer()
        self._socket.sendall(octets)

    def receive(self, size: int) -> bytes:
        """Exactly `size` octets; `EOFError` when the peer ends before."""
        while len(self._received) < size:
            if not self._fill():
                raise EOFError(f"peer ended after {self._received!r}, {size} octets expected")
        return self._take(size)

    def receive_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`; `EOFError` when the peer ends before."""
        while end not in self._received:
            if not self._fill():
                raise EOFError(f"peer ended after {self._received!r}, {end!r} expected")
        return self._take(self._received.index(end) + len(end))

    def receive_to_end(self) -> bytes:
        """Everything until the peer ends the connection, by FIN or RST."""
        while self._fill():
            pass
        return self._take(len(self._received))

    def shut_write(self) -> None:
        """Send FIN and keep reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave at once with RST, as a client that vanished."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        """Close the socket; may be called again."""
        self._socket.close()

    def _wait_no_longer(self) -> None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("deadline of the raw connection has passed")
        self._socket.settimeout(left_s)

    def _fill(self) -> bool:
        self._wait_no_longer()
        try:
            octets = self._socket.recv(65536)
        except ConnectionError:
            return False
        self._received += octets
        return bool(octets)

    def _take(self, size: int) -> bytes:
        taken, self._received = self._received[:size], self._received[size:]
        return taken
