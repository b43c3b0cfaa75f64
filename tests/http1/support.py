"""Feeding a connection in several ways, and requests to feed it with."""

from __future__ import annotations

from refjk.http1 import (
    BodyReceived,
    Event,
    Limits,
    Phase,
    Refused,
    RequestReceived,
    ServerConnection,
)

NEXT_REQUEST = b"GET /next HTTP/1.1\r\nHost: n\r\n\r\n"


def get(line: bytes = b"GET / HTTP/1.1", *headers: bytes, body: bytes = b"") -> bytes:
    """A request with `Host: h` and more header lines."""
    return b"\r\n".join([line, b"Host: h", *headers, b"", body])


def post(*headers: bytes, body: bytes) -> bytes:
    return get(b"POST /p HTTP/1.1", *headers, body=body)


def chunked(body: bytes, *headers: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", *headers, body=body)


def joined(events: list[Event]) -> list[Event]:
    """The same events with neighbouring pieces of a body in one."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, BodyReceived) and isinstance(last, BodyReceived):
            result[-1] = BodyReceived(last.data + event.data)
        else:
            result.append(event)
    return result


def feed(octets: bytes, limits: Limits | None = None) -> list[Event]:
    """The events of one request, whole; octet by octet and in threes they are the same."""
    events = joined(ServerConnection(limits or Limits()).receive(octets))
    for size in (1, 3):
        connection = ServerConnection(limits or Limits())
        pieces: list[Event] = []
        for start in range(0, len(octets), size):
            pieces += connection.receive(octets[start : start + size])
        assert joined(pieces) == events, f"other events in pieces of {size}"
    return events


def accepted(octets: bytes, limits: Limits | None = None) -> RequestReceived:
    """The request in these octets, which must be fine to the end."""
    events = feed(octets, limits)
    assert events and isinstance(events[0], RequestReceived), events
    assert not any(isinstance(event, Refused) for event in events), events
    return events[0]


def refused(octets: bytes, limits: Limits | None = None) -> tuple[int, str]:
    """Status and clause of the refusal with which these octets end."""
    events = feed(octets, limits)
    assert events and isinstance(events[-1], Refused), events
    assert 0 <= events[-1].offset <= len(octets)
    return events[-1].status, events[-1].clause


def connection_with(octets: bytes, limits: Limits | None = None) -> ServerConnection:
    """A connection that has received this, without a refusal."""
    connection = ServerConnection(limits or Limits())
    events = connection.receive(octets)
    assert not any(isinstance(event, Refused) for event in events), events
    return connection


def answer(connection: ServerConnection, body: bytes = b"ok") -> bytes:
    """Answer the request under way; returns what left."""
    connection.send_response(200, b"OK", [(b"Content-Length", b"%d" % len(body))])
    connection.send_body(body)
    connection.end_response()
    return connection.data_to_send()


def is_open(connection: ServerConnection) -> bool:
    return connection.phase is not Phase.CLOSED
