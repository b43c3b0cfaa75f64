"""One WSGI response, from `start_response` to the last octet.

The response is written through a `Channel`; what that does to the wire is the connector's
business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import IO, Any, Protocol

from refjk.runtime.environ import Environ

logger = logging.getLogger("refjk.application")

StartResponse = Callable[..., Callable[[bytes], None]]
WsgiApplication = Callable[[Environ, StartResponse], Iterable[bytes]]
Headers = list[tuple[str, str]]

FILE_BLOCK_SIZE = 1 << 17
NO_BODY = frozenset({204, 205, 304})

# The connection to the client is the web server's; what an application says about it is dropped
# (WSG-OUT-05). Transfer-Encoding speaks about the body: the codec refuses it (WSG-OUT-06).
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"})


_SURPLUS = "the application's body is longer than its Content-Length; the rest is cut"
_PLAIN, _LENGTH, _DROPPED = "plain", "length", "dropped"


class Channel(Protocol):
    """Where a response goes."""

    def send_headers(self, status: int, reason: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Raises `LocalProtocolError`, with nothing sent, when they cannot be said."""

    def send_body(self, data: bytes) -> None:
        """Octets of the body; a bounded amount may be held back until `flush` or the end."""

    def flush(self) -> None:
        """What was sent so far leaves now, and the client shall have it."""


class ApplicationError(Exception):
    """The application broke the rules of WSGI; the text says how. WSG-OUT-08"""


class ResponseBroken(Exception):
    """The response cannot be completed after it has begun; the client must see that."""


class FileWrapper:
    """`wsgi.file_wrapper`: the rest of a file, in blocks. WSG-OUT-14"""

    def __init__(self, filelike: IO[bytes], block_size: int = FILE_BLOCK_SIZE) -> None:
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        while block := self.filelike.read(self.block_size):
            yield block


class Response:
    """What the application says about one request, checked and passed to the channel."""

    __slots__ = ("_channel", "_headers", "_is_head", "_left", "_reason", "begun", "status")

    def __init__(self, channel: Channel, is_head: bool) -> None:
        self._channel = channel
        self._is_head = is_head
        self._headers: list[tuple[bytes, bytes]] = []
        self._reason = b""
        self._left: int | None = None  # octets of the announced length that are still to come
        self.status = 0
        self.begun = False

    def run(self, application: WsgiApplication, environ: Environ) -> None:
        """Call the application and send all it gives; the caller ends the response.

        A block that is yielded leaves with a flush (WSG-OUT-12) unless it is known to be the last
        one (WSG-OUT-13). `close` is called whatever happens (WSG-OUT-11). Raises what the
        application raises, `ApplicationError`, and `ResponseBroken` when the body does not have the
        announced length (WSG-OUT-04).
        """
        result = application(environ, self.start_response)
        try:
            if type(result) is FileWrapper:
                for block in result:
                    self._send(block if self._left is None else block[: self._left])
                    if self._left == 0:
                        break
            elif isinstance(result, (list, tuple)):
                data = result[0] if len(result) == 1 else b"".join(result)
                if not self.begun:  # by `write`
                    self._begin(data, len(data))
                self._send(data)
            else:
                for data in result:
                    if data:
                        if self._left == 0:
                            logger.warning(_SURPLUS)
                            break
                        self._send(data)
                        if self._left != 0:
                            self._channel.flush()
            if not self.begun:
                self._begin(b"", 0)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if self._left and self._lacks(0):
            raise ResponseBroken(f"{self._left} octets of the announced Content-Length never came")

    def start_response(
        self, status: str, headers: Headers, exc_info: Any = None, /
    ) -> Callable[[bytes], None]:
        """WSGI's `start_response`; returns `write`. WSG-OUT-09"""
        if exc_info is not None:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.status:
            raise ApplicationError("start_response was called a second time without exc_info")
        self.status, self._reason = _parse_status(status)
        self._headers, self._left = _encode_headers(headers)
        return self._write

    def _write(self, data: bytes) -> None:
        """WSGI's `write`: the octets leave before it returns. WSG-OUT-10"""
        self._send(data)
        self._channel.flush()

    def _begin(self, data: bytes, body_size: int | None = None) -> None:
        """Send the headers, now that the body begins with `data` (WSG-OUT-01); one that is known as a
        whole gets its length announced (WSG-OUT-02)."""
        if not self.status:
            raise ApplicationError("the application gave a body before it called start_response")
        if not isinstance(data, (bytes, bytearray)):
            raise ApplicationError(f"a WSGI body consists of bytes, not {type(data).__name__}")
        announces = body_size or not self._is_head  # an empty body says nothing about a HEAD's
        if body_size is not None and self._left is None and announces and self.status not in NO_BODY:
            self._headers.append((b"Content-Length", b"%d" % body_size))
            self._left = body_size
        elif body_size is not None and self._lacks(body_size):
            raise ApplicationError(f"a body of {body_size} octets where {self._left} were announced")
        self._channel.send_headers(self.status, self._reason, self._headers)
        self.begun = True

    def _lacks(self, body_size: int) -> bool:
        """Whether `body_size` more octets leave the announced length unmet, where that matters."""
        left = self._left
        return left is not None and left > body_size and not self._is_head and self.status not in NO_BODY

    def _send(self, data: bytes) -> None:
        if not self.begun:
            self._begin(data)
        if self._left is not None:
            if len(data) > self._left:  # WSG-OUT-03
                logger.warning(_SURPLUS)
                data = data[: self._left]
            self._left -= len(data)
        self._channel.send_body(data)


@lru_cache(maxsize=256)
def _parse_status(status: str) -> tuple[int, bytes]:
    code, _, reason = status.partition(" ")
    if len(code) != 3 or not code.isascii() or not code.isdigit() or not 200 <= int(code) <= 999:
        raise ApplicationError(f"not a response status: {status!r}")
    return int(code), reason.encode("latin-1")


def _encode_headers(headers: Headers) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """Names and values as octets, and the announced length of the body. WSG-OUT-07"""
    encoded = []
    length: int | None = None
    for name, value in headers:
        octets, kind = _encode_name(name)
        if kind is _DROPPED:
            continue
        if kind is _LENGTH:
            if length is not None or not value.isascii() or not value.isdigit():
                raise ApplicationError(f"not one Content-Length in digits: {value!r}")
            length = int(value)
        encoded.append((octets, value.encode("latin-1")))
    return encoded, length


@lru_cache(maxsize=1024)
def _encode_name(name: str) -> tuple[bytes, str]:
    """A header's name in octets, and what kind of header it is."""
    lowered = name.lower()
    kind = _DROPPED if lowered in _HOP_BY_HOP else _LENGTH if lowered == "content-length" else _PLAIN
    return name.encode("latin-1"), kind
