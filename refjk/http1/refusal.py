"""Requests that break a rule: the internal exception, and the answer the client gets."""

from __future__ import annotations

from collections.abc import Sequence

from refjk.base.errors import Malformed

REASONS = {
    400: b"Bad Request",
    413: b"Content Too Large",
    414: b"URI Too Long",
    417: b"Expectation Failed",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    505: b"HTTP Version Not Supported",
}


class Refusal(Malformed):
    """A `Malformed` request with the status it is answered with."""

    def __init__(self, status: int, clause: str, *, offset: int, expected: str, actual: str) -> None:
        super().__init__(clause, offset=offset, expected=expected, actual=actual)
        self.status = status


def shown(octets: bytes | bytearray) -> str:
    """Octets of a client as short printable text."""
    return repr(bytes(octets[:32]))[1:]


def encode_refusal(refusal: Refusal, headers: Sequence[tuple[bytes, bytes]], *, with_text: bool) -> bytes:
    """A complete answer that ends the connection; only status and clause, no octet of the client.

    HTP-REF-01
    """
    reason = REASONS[refusal.status]
    text = b"%d %b (%b)\n" % (refusal.status, reason, refusal.clause.encode("ascii"))
    lines = [b"HTTP/1.1 %d %b\r\n" % (refusal.status, reason)]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"Content-Type: text/plain; charset=us-ascii\r\nContent-Length: %d\r\n" % len(text))
    lines.append(b"Connection: close\r\n\r\n")
    if with_text:
        lines.append(text)
    return b"".join(lines)
