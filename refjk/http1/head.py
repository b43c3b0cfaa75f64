"""A complete request head: from octets to `RequestReceived`, and what its fields mean."""

from __future__ import annotations

from refjk.http1.limits import Limits
from refjk.http1.messages import BodyKind, RequestReceived
from refjk.http1.refusal import Refusal, shown
from refjk.http1.syntax import ABSOLUTE_TARGET, HEADER_LINES, HOST, REQUEST_LINE, TOKEN

CONTENT_LENGTH_MAX = 2**63 - 1
_WATCHED = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect", b"connection"})

Watched = dict[bytes, list[bytes]]


def decode_head(head: bytes, limits: Limits) -> RequestReceived | None:
    """A head up to and with the CR LF of its last line, but without the empty line.

    None when a line or their number is not as it must be: `LineScanner` then says which. Raises
    `Refusal` when the lines are sound and their meaning is not. Sizes of lines are not looked at.

    HTP-FLD-04, HTP-EXP-02
    """
    line_end = head.find(b"\r\n")
    line = REQUEST_LINE.fullmatch(head, 0, line_end)
    if line is None:
        return None
    headers: list[tuple[bytes, bytes]] = HEADER_LINES.findall(head, line_end + 2)
    if len(headers) != head.count(b"\n", line_end + 2) or len(headers) > limits.header_count_max:
        return None
    if b" \r\n" in head or b"\t\r\n" in head:
        headers = [(name, value.rstrip(b" \t")) for name, value in headers]
    watched: Watched = {}
    for name, value in headers:
        key = name.lower()
        if key in _WATCHED:
            watched.setdefault(key, []).append(value)
    method, target, version = line.groups()
    is_current = version == b"HTTP/1.1"
    authority, path, query = _decode_target(method, target)
    host = _host(head, watched, is_current)
    body_kind, body_size = _body(head, watched, is_current, limits)
    return RequestReceived(
        method=method,
        target=target,
        version=version,
        headers=headers,
        authority=host if authority is None else authority,
        path=path,
        query=query,
        body_kind=body_kind,
        body_size=body_size,
        expect_continue=_expects_continue(head, watched) and is_current and body_size != 0,
        persistent=_is_persistent(watched.get(b"connection", ()), is_current),
    )


def connection_options(value: bytes) -> list[bytes]:
    """The options of one Connection value, in small letters."""
    return [option.strip(b" \t") for option in value.lower().split(b",")]


def _decode_target(method: bytes, target: bytes) -> tuple[bytes | None, bytes, bytes | None]:
    """Authority (None unless the target has one), path and query."""
    offset = len(method) + 1
    if method == b"CONNECT":
        raise Refusal(501, "HTP-LIN-07", offset=0, expected="no tunnel", actual="CONNECT")
    if target[0] == 0x2F:
        path, mark, query = target.partition(b"?")
        return None, path, query if mark else None
    if target == b"*" and method == b"OPTIONS":
        return None, target, None
    absolute = ABSOLUTE_TARGET.fullmatch(target)
    if absolute is None:
        clause = "HTP-LIN-06" if target == b"*" else "HTP-LIN-05"
        raise Refusal(
            400, clause, offset=offset, expected="a path or an absolute http target", actual=shown(target)
        )
    authority, path, query = absolute.groups()
    if not _is_host(authority):
        raise Refusal(
            400,
            "HTP-LIN-05",
            offset=offset + absolute.start(1),
            expected="host or host:port in the target",
            actual=shown(authority),
        )
    if not path:
        path = b"*" if method == b"OPTIONS" and query is None else b"/"
    return authority, path, query


def _is_host(value: bytes) -> bool:
    """Whether this is a host with an optional port.  HTP-HST-02"""
    host = HOST.fullmatch(value)
    return host is not None and int(host[1] or 0) <= 0xFFFF


def _host(head: bytes, watched: Watched, is_current: bool) -> bytes:
    """The Host value; empty when HTTP/1.0 leaves it out."""
    hosts = watched.get(b"host", ())
    if len(hosts) != 1:
        if not hosts and not is_current:
            return b""
        raise Refusal(
            400,
            "HTP-HST-01" if is_current else "HTP-HST-03",
            offset=_field_offset(head, b"host", 1),
            expected="one Host",
            actual=str(len(hosts)),
        )
    if not _is_host(hosts[0]):
        raise Refusal(
            400,
            "HTP-HST-02",
            offset=_field_offset(head, b"host"),
            expected="host or host:port",
            actual=shown(hosts[0]),
        )
    return hosts[0]


def _body(head: bytes, watched: Watched, is_current: bool, limits: Limits) -> tuple[BodyKind, int | None]:
    """How the body ends and its size."""
    codings = watched.get(b"transfer-encoding")
    lengths = watched.get(b"content-length")
    if codings:
        if lengths:
            raise Refusal(
                400,
                "HTP-TRE-04",
                offset=_field_offset(head, b"transfer-encoding"),
                expected="no Transfer-Encoding beside Content-Length",
                actual=shown(codings[0]),
            )
        _check_transfer_encoding(head, codings, is_current)
        return BodyKind.CHUNKED, None
    if lengths:
        return BodyKind.LENGTH, _content_length(head, lengths, limits)
    return BodyKind.NONE, 0


def _check_transfer_encoding(head: bytes, codings: list[bytes], is_current: bool) -> None:
    if len(codings) == 1 and codings[0].lower() == b"chunked" and is_current:
        return
    status, clause = 400, "HTP-TRE-01"
    named = [coding.strip(b" \t").lower() for coding in codings[0].split(b",")]
    if not is_current:
        clause = "HTP-TRE-03"
    elif len(codings) > 1:
        clause = "HTP-TRE-05"
    elif b"chunked" not in named[:-1] and all(TOKEN.fullmatch(coding) for coding in named):
        status, clause = 501, "HTP-TRE-02"
    raise Refusal(
        status,
        clause,
        offset=_field_offset(head, b"transfer-encoding", len(codings) - 1),
        expected='"chunked", once, in HTTP/1.1',
        actual=shown(codings[-1]),
    )


def _content_length(head: bytes, lengths: list[bytes], limits: Limits) -> int:
    text = lengths[-1]
    status, clause, expected = 0, "", ""
    if len(lengths) > 1:
        status, clause, expected = 400, "HTP-LEN-02", "one Content-Length"
    elif not text.isdigit():
        status, clause, expected = 400, "HTP-LEN-01", "digits only"
    # Not more digits than the maximum has: an integer of any size costs time to convert.
    elif len(text) > 19 or int(text) > CONTENT_LENGTH_MAX:
        status, clause, expected = 400, "HTP-LEN-03", f"at most {CONTENT_LENGTH_MAX} in at most 19 digits"
    elif limits.body_size_max is not None and int(text) > limits.body_size_max:
        status, clause, expected = 413, "HTP-LIM-05", f"a body of at most {limits.body_size_max} octets"
    if status:
        raise Refusal(
            status,
            clause,
            offset=_field_offset(head, b"content-length", len(lengths) - 1),
            expected=expected,
            actual=shown(text),
        )
    return int(text)


def _expects_continue(head: bytes, watched: Watched) -> bool:
    """Whether the request asks for 100; its version and body are not looked at here."""
    expectations = watched.get(b"expect", ())
    for number, expectation in enumerate(expectations):
        if expectation.lower() != b"100-continue":
            raise Refusal(
                417,
                "HTP-EXP-01",
                offset=_field_offset(head, b"expect", number),
                expected="100-continue",
                actual=shown(expectation),
            )
    return bool(expectations)


def _is_persistent(values: list[bytes] | tuple[()], is_current: bool) -> bool:
    """HTP-CON-01, HTP-CON-02"""
    options = [option for value in values for option in connection_options(value)]
    return b"close" not in options and (is_current or b"keep-alive" in options)


def _field_offset(head: bytes, name: bytes, number: int = 0) -> int:
    """Where the field of this name (in small letters) begins, counted from 0; the head's end if absent."""
    offset = 0
    for line in head.split(b"\r\n")[:-1]:
        if line.partition(b":")[0].lower() == name:
            if number == 0:
                return offset
            number -= 1
        offset += len(line) + 2
    return offset
