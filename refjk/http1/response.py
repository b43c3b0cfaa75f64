"""The head of an answer, and how the end of its content is shown to the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from refjk.base.errors import LocalProtocolError
from refjk.http1.head import CONTENT_LENGTH_MAX, connection_options
from refjk.http1.syntax import TOKEN, VALUE

# They speak about one connection, which is the core's business.
_CONNECTION_FIELDS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"trailer", b"transfer-encoding", b"upgrade"}
)


class Framing(Enum):
    """How the content of an answer ends."""

    EMPTY = "empty"  # no content, whatever the headers say
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """An encoded head and what it promises."""

    octets: bytes
    framing: Framing
    size: int  # of the content when framing is LENGTH
    keep_alive: bool


def check_headers(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raise `LocalProtocolError` when a name or value must not be sent.

    HTP-RSP-01
    """
    for name, value in headers:
        if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise LocalProtocolError(f"header {name!r}: {value[:64]!r} cannot be sent")


def encode_answer_head(
    status: int,
    reason: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    *,
    method: bytes,
    version: bytes,
    keep_alive: bool,
) -> AnswerHead:
    """The head for the answer to a request of this method and version.

    Raises `LocalProtocolError` for what must not be sent.

    HTP-RSP-02, HTP-RSP-03, HTP-RSP-08
    """
    if not 200 <= status <= 999:
        raise LocalProtocolError(f"status {status} is not that of a final answer")
    if not VALUE.fullmatch(reason):
        raise LocalProtocolError(f"reason {reason[:64]!r} cannot be sent")
    check_headers(headers)
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    size: int | None = None
    for name, value in headers:
        key = name.lower()
        if key in _CONNECTION_FIELDS:
            if key == b"connection" and b"close" in connection_options(value):
                keep_alive = False
            continue
        if key == b"content-length":
            size = _announced_size(value, size)
            if status == 204:
                continue
        lines.append(b"%b: %b\r\n" % (name, value))
    framing = _framing(status, method, version, size)
    keep_alive = keep_alive and framing is not Framing.CLOSE
    if framing is Framing.CHUNKED:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    lines.append(_connection_line(version, keep_alive))
    return AnswerHead(b"".join(lines), framing, size or 0, keep_alive)


def _announced_size(value: bytes, previous: int | None) -> int:
    """HTP-RSP-04"""
    if previous is not None or not value.isdigit() or len(value) > 19 or int(value) > CONTENT_LENGTH_MAX:
        raise LocalProtocolError(f"Content-Length {value[:64]!r} cannot be sent")
    return int(value)


def _framing(status: int, method: bytes, version: bytes, size: int | None) -> Framing:
    """HTP-RSP-05, HTP-RSP-06, HTP-RSP-07"""
    if method == b"HEAD" or status in (204, 304):
        return Framing.EMPTY
    if size is not None:
        return Framing.LENGTH
    return Framing.CHUNKED if version == b"HTTP/1.1" else Framing.CLOSE


def _connection_line(version: bytes, keep_alive: bool) -> bytes:
    """The last header and the empty line.  HTP-CON-03"""
    if not keep_alive:
        return b"Connection: close\r\n\r\n"
    return b"\r\n" if version == b"HTTP/1.1" else b"Connection: keep-alive\r\n\r\n"
