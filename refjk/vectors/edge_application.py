"""The applications that stood behind the recorded containers, in miniature.

They are chosen by the last part of the path, read the body as they did, and answer with the
status they had; what they say in the body is no matter of the protocol and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.container import ContainerConnection
from refjk.ajp13.messages import ForwardRequest
from refjk.ajp13.rules import ContainerPhase
from refjk.base.errors import LocalProtocolError

HEADER_COUNT_MAX = 1000
HEADER_SIZE_MAX = 10_000
STATUS_MAX = 999


class BodyIncomplete(Exception):
    """The application's read failed: the body ended before its announced length."""


class HeadersTooBig(Exception):
    """The response headers fit no packet."""


class ApplicationFailed(Exception):
    """The application raised something that it does not catch."""


@dataclass(slots=True)
class Call:
    """One call of an application. `asks_recorded`: GET_BODY_CHUNKs that the recorded container sent."""

    connection: ContainerConnection
    request: ForwardRequest
    content_length: int | None
    asks_recorded: int
    query: Mapping[str, str]
    body_received: int = 0
    body_missing: int = 0
    asks: int = 0

    def number(self, name: str, default: int) -> int:
        value = self.query.get(name, "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else default


Steps = Generator[int | None, None, None]
"""What a call waits for: None for octets of the web server, else milliseconds."""


def application(
    connection: ContainerConnection, request: ForwardRequest, content_length: int | None, asks_recorded: int
) -> tuple[Call, Steps]:
    """The call of the application that a request is for, and its steps."""
    query = request.attribute(AttributeCode.QUERY_STRING)
    pairs = parse_qsl(query.decode("latin-1")) if isinstance(query, bytes) else []
    call = Call(connection, request, content_length, asks_recorded, dict(pairs))
    _, found, rest = unquote_to_bytes(request.req_uri).partition(b"/p/")
    name = rest.partition(b"/")[0].partition(b";")[0].decode("latin-1") if found else ""
    if request.method == b"TRACE":
        return call, _answer(call, 405)
    if request.req_uri == b"*":  # OPTIONS for the container itself, which no application sees
        return call, _answer(call)
    return call, _APPLICATIONS.get(name, _not_found)(call)


def _read(call: Call, size_max: int | None = None) -> Steps:
    """Read the body to its end, or at least `size_max` octets.

    A read to the end of the stream may ask once more although all announced octets are there.
    It does so as often as the recorded container did, since the recorded answers are still to come.
    """
    connection = call.connection
    while call.content_length != 0:
        if connection.phase is not ContainerPhase.RUNNING:
            yield None
            continue
        if call.body_missing:
            raise BodyIncomplete(f"{call.body_missing} octets of the announced length never came")
        if size_max is not None and call.body_received >= size_max:
            return
        if connection.body_is_over and call.asks >= call.asks_recorded:
            return
        connection.ask_body()
        call.asks += 1


def _answer(call: Call, status: int = 200) -> Steps:
    call.connection.send_headers(status, b"%d" % status, [])
    call.connection.end_response()
    return
    yield


def _not_found(call: Call) -> Steps:
    return _answer(call, 404)


def _echo(call: Call) -> Steps:
    yield from _read(call)
    yield from _answer(call)


def _part_read(call: Call) -> Steps:
    yield from _read(call, call.number("n", 1))
    yield from _answer(call)


def _early_write(call: Call) -> Steps:
    call.connection.send_headers(200, b"200", [])
    call.connection.flush()
    yield from _read(call)
    call.connection.end_response()


def _status(call: Call) -> Steps:
    return _answer(call, min(max(call.number("code", 200), 200), STATUS_MAX))


def _sleep(call: Call) -> Steps:
    yield call.number("ms", 0)
    yield from _answer(call)


def _headers(call: Call) -> Steps:
    value = b"x" * min(call.number("l", 1), HEADER_SIZE_MAX)
    count = min(call.number("n", 1), HEADER_COUNT_MAX)
    try:
        call.connection.send_headers(200, b"200", [(b"X-H-%d" % number, value) for number in range(count)])
    except LocalProtocolError as error:
        raise HeadersTooBig(str(error)) from None
    call.connection.end_response()
    return
    yield


def _redirect(call: Call) -> Steps:
    return _answer(call, 302)


def _error(call: Call) -> Steps:
    return _answer(call, min(max(call.number("code", 500), 400), STATUS_MAX))


def _throw(call: Call) -> Steps:
    raise ApplicationFailed("before SEND_HEADERS")
    yield


def _throw_late(call: Call) -> Steps:
    call.connection.send_headers(200, b"200", [])
    call.connection.flush()
    raise ApplicationFailed("after SEND_HEADERS")
    yield


_APPLICATIONS: dict[str, Callable[[Call], Steps]] = {
    "echo": _echo,
    "partread": _part_read,
    "earlywrite": _early_write,
    "status": _status,
    "sleep": _sleep,
    "hdrs": _headers,
    "redirect": _redirect,
    "error": _error,
    "throw": _throw,
    "throwlate": _throw_late,
    **dict.fromkeys(("noread", "big", "flush", "cookies", "binhdr", "session", "forward"), _answer),
}
