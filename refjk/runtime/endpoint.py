"""One AJP connection of a web server: a socket around a `WebServerConnection`."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, check_packet_size, request_body_size_max
from refjk.ajp13.events import (
    BodyWanted,
    Flushed,
    HeadersReceived,
    PeerClosed,
    Ponged,
    ResponseBody,
    ResponseEnded,
    Violation,
    WebServerEvent,
)
from refjk.ajp13.messages import ForwardRequest
from refjk.ajp13.rules import WebServerPhase
from refjk.ajp13.web_server import EndMarker, WebServerConnection
from refjk.base.errors import LocalProtocolError
from refjk.runtime.addresses import Address
from refjk.runtime.connecting import SocketOptions, connect
from refjk.runtime.endpoint_errors import (
    BodyIncomplete,
    EndpointError,
    NoPong,
    PeerGone,
    ProtocolBroken,
    ReplyTimeout,
    RequestTooLarge,
    SocketTimeout,
    UnknownPacket,
)
from refjk.runtime.waiting import RECEIVE_SIZE, Awaited

READ_AHEAD_MAX = 1 << 20  # octets taken in while a write is stuck
IDLE_READS_MAX = 4  # looks at what waits on an idle connection

CONNECT_TIMEOUT_S = 5.0
PING_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 60.0
SEND_TIMEOUT_S = 60.0

_POLL_MAX_S = 2e6  # poll() takes no more than 31 bits of milliseconds
_BETWEEN_CYCLES = (WebServerPhase.IDLE, WebServerPhase.CLOSED)

# An unknown prefix code, and a chunk that does not fit its packet: `UnknownPacket`.
_UNKNOWN_PACKET = frozenset({"AJP-FRM-14", "AJP-RSP-03"})

ReadBody = Callable[[int], bytes]
"""Hands out the next octets of a request body, at least one and at most so many; none at its end."""

Trace = Callable[[Literal["sent", "received"], bytes], None]
"""Sees all octets of a connection, in order, as they are written and read."""

ResponseEvent = HeadersReceived | ResponseBody | Flushed
CycleEvent = ResponseEvent | BodyWanted | ResponseEnded


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How to speak with one container. Times in seconds; infinite for no bound.

    `socket_timeout_s` bounds each single wait for octets to come or for room to write. Where a
    reply or CPING timeout bounds the reading, that one alone counts (EPL-SCK-03).
    """

    packet_size: int = PACKET_SIZE_DEFAULT
    strict: bool = True
    end_marker: EndMarker = EndMarker.EMPTY_PACKET
    connect_timeout_s: float = CONNECT_TIMEOUT_S  # for all addresses of a name together
    ping_timeout_s: float = PING_TIMEOUT_S
    reply_timeout_s: float = REPLY_TIMEOUT_S  # until each packet is there as a whole
    send_timeout_s: float = SEND_TIMEOUT_S  # until each write is done
    socket_timeout_s: float | None = None
    keepalive: bool = False
    buffer_size: int = 0  # octets; 0: as the system has it
    source: Address | None = None  # the local end; port 0: any
    prefer_ipv6: bool = False

    def __post_init__(self) -> None:
        check_packet_size(self.packet_size)

    @property
    def socket_options(self) -> SocketOptions:
        return SocketOptions(self.keepalive, self.buffer_size, self.source, self.prefer_ipv6)


class Endpoint:
    """A connection that is used by one thread at a time.

    Either drive a cycle with `exchange`, or with `send`, `next_event` until `ResponseEnded`, and
    one `send_body` or `end_body` for each `BodyWanted`. Whatever fails raises an `EndpointError`
    and leaves the socket closed; `RequestTooLarge` alone changes nothing. `octets_read` and
    `octets_written` count whole packets, with their headers, since the cycle or CPING began.
    """

    def __init__(
        self,
        connected: socket.socket,
        address: Address,
        settings: EndpointSettings,
        trace: Trace | None = None,
    ) -> None:
        self.address = address
        self.settings = settings
        self._socket = connected
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self._trace = trace
        self._core = WebServerConnection(
            settings.packet_size, strict=settings.strict, end_marker=settings.end_marker
        )
        self._events: deque[WebServerEvent] = deque()
        self._spoiled = False  # whatever the container says, no further cycle
        self._begin()

    @classmethod
    def connect(cls, address: Address, settings: EndpointSettings, trace: Trace | None = None) -> Endpoint:
        """A new connection, or `ConnectFailed`."""
        connected = connect(address, settings.connect_timeout_s, settings.socket_options)
        return cls(connected, address, settings, trace)

    @property
    def closed(self) -> bool:
        return self._socket.fileno() < 0

    @property
    def body_size_max(self) -> int:
        """The most octets that one `send_body` takes."""
        return request_body_size_max(self.settings.packet_size)

    @property
    def idle(self) -> bool:
        """Whether the last cycle, if there was one, ended well; says nothing about the container."""
        return self._core.reusable and not self._events and not self._spoiled

    def may_adopt(self, settings: EndpointSettings) -> bool:
        """Whether `settings` may take the place of those that the connection was made with."""
        own = self.settings
        return (own.packet_size, own.strict, own.end_marker) == (
            settings.packet_size,
            settings.strict,
            settings.end_marker,
        )

    def close(self) -> None:
        self._core.close()
        self._events.clear()
        self._socket.close()

    def usable(self) -> bool:
        """Whether the next request may go over this idle connection; closes it when not.

        Looks at what waits on the socket without blocking: the core drops flushes, and anything
        else, like the container's FIN, is the connection's end.
        """
        if self.idle:
            for _ in range(IDLE_READS_MAX):
                try:
                    data = self._socket.recv(RECEIVE_SIZE)
                except BlockingIOError:
                    return True
                except OSError:
                    break
                self._traced("received", data)
                if not data or self._core.receive(data) or not self._core.reusable:
                    break
        self.close()
        return False

    def ping(self, timeout_s: float | None = None) -> float:
        """CPING; the seconds until CPONG came, or `NoPong`. Only between cycles."""
        self._begin()
        self._core.send_ping()
        limit_s = self.settings.ping_timeout_s if timeout_s is None else timeout_s
        started = time.monotonic()
        try:
            self._write(limit_s)
            event = self._next(started + limit_s, limit_s)
        except EndpointError as error:
            raise NoPong(f"no CPONG: {error}", clause=error.clause) from None
        assert isinstance(event, Ponged)  # the core lets nothing else pass
        return time.monotonic() - started

    def send(self, request: ForwardRequest, first_body: bytes = b"") -> None:
        """The request and, if it announces a body, the first part of it, in one write.

        The request comes from `build_forward_request`. `first_body` holds at least one octet
        exactly when the announced length is above 0. Raises `RequestTooLarge` for a request that
        fits no packet.
        """
        if not self.idle:
            raise LocalProtocolError("a request may be sent only on an idle connection")
        self._begin()
        try:
            self._core.send_request(request)
        except LocalProtocolError as complaint:
            raise RequestTooLarge(str(complaint)) from None
        if self._core.first_body_due != bool(first_body):
            self.close()
            raise LocalProtocolError("the first body packet does not agree with the announced length")
        if first_body:
            self._core.send_body(first_body)
        self._write(self.settings.send_timeout_s)

    def send_body(self, data: bytes) -> None:
        """The answer to one `BodyWanted`: 1 to `body_size_max` octets."""
        if not self._answer_is_too_late():
            self._core.send_body(data)
            self._write(self.settings.send_timeout_s)

    def end_body(self) -> None:
        """The answer to one `BodyWanted` when nothing is left."""
        if not self._answer_is_too_late():
            self._core.end_body()
            self._write(self.settings.send_timeout_s)

    def next_event(self, timeout_s: float | None = None) -> CycleEvent:
        """The next thing the container says in this cycle; waits for it if need be."""
        limit_s = self.settings.reply_timeout_s if timeout_s is None else timeout_s
        return self._cycle_event(time.monotonic() + limit_s, limit_s)

    def _cycle_event(self, deadline: float, limit_s: float) -> CycleEvent:
        event = self._next(deadline, limit_s)
        # The core lets no CPONG pass in a cycle, and what ends a connection was raised.
        assert not isinstance(event, Ponged | PeerClosed | Violation)
        if isinstance(event, ResponseEnded) and (self._spoiled or not event.reuse):
            self.close()
            return ResponseEnded(reuse=False)
        return event

    @property
    def has_more(self) -> bool:
        """Whether the next event of the cycle is there already."""
        return bool(self._events)

    def exchange(
        self,
        request: ForwardRequest,
        read_body: ReadBody = lambda size: b"",
        reply_timeout_s: float | None = None,
    ) -> Iterator[ResponseEvent]:
        """A whole cycle: sends the request, feeds the body as it is asked for, yields the response.

        `reply_timeout_s`, where it is given, counts in place of that of the settings (EPL-SCK-08).
        Nothing happens before the first event is taken; after the last one the cycle is over.
        Each body packet holds the smallest of what was asked for, what fits and what is left
        (AJP-BOD-18). A source that raises, or ends too early (`BodyIncomplete`), ends the
        connection without an end marker (AJP-BOD-15); so does a caller that stops listening.
        """
        course = self.course(request, read_body, reply_timeout_s)
        with contextlib.closing(course):
            for event in course:
                if isinstance(event, Awaited):
                    self._poll.poll(_milliseconds_until(event.until))
                else:
                    yield event

    def course(
        self,
        request: ForwardRequest,
        read_body: ReadBody = lambda size: b"",
        reply_timeout_s: float | None = None,
    ) -> Generator[ResponseEvent | Awaited, None, None]:
        """`exchange` for a caller that can do something else while the container is silent.

        Instead of waiting it yields `Awaited`, and wants to go on when that has come true.
        """
        self._begin()
        left = _announced_length(request)
        first_body = b""
        if left:
            first_body = self._read(read_body, min(left, self.body_size_max), left)
            left -= len(first_body)
        self.send(request, first_body)
        limit_s = self.settings.reply_timeout_s if reply_timeout_s is None else reply_timeout_s
        over = False
        try:
            while not over:
                deadline = time.monotonic() + limit_s
                while not self._events:
                    until = self._wait_until(deadline)
                    yield Awaited(self._socket.fileno(), until)
                    self._judge_wait(self._take_in() is not None, until, deadline, limit_s)
                event = self._cycle_event(deadline, limit_s)
                if isinstance(event, BodyWanted):
                    left = self._answer(event, read_body, left)
                elif isinstance(event, ResponseEnded):
                    over = True
                else:
                    yield event
        finally:
            if not over:
                self.close()

    # -- the cycle's details --------------------------------------------------------------

    def _begin(self) -> None:
        self._sent = False
        self._headers_seen = False
        self._body_asked = False
        self.octets_read = 0
        self.octets_written = 0

    def _answer_is_too_late(self) -> bool:
        """Whether the cycle ended, and the event that tells waits behind the `BodyWanted`.

        A container that does not wait for a body packet it asked for could take the next request
        for it, so the connection is not used again.
        """
        too_late = bool(self._events) and self._core.phase in _BETWEEN_CYCLES
        self._spoiled = self._spoiled or too_late
        return too_late

    def _answer(self, wanted: BodyWanted, read_body: ReadBody, left: int | None) -> int | None:
        """One body packet; returns how much is left, None as long as that is unknown."""
        size = min(wanted.size_max, self.body_size_max)
        if left is not None:
            size = min(size, left)
        data = self._read(read_body, size, left) if size else b""
        if not data:
            self.end_body()
            return left if size == 0 else 0
        self.send_body(data)
        return None if left is None else left - len(data)

    def _read(self, read_body: ReadBody, size: int, left: int | None) -> bytes:
        data = read_body(size)
        if left and not data:
            raise self._fail(
                BodyIncomplete, f"the request body ended {left} octets before its announced length"
            )
        return data

    def _next(self, deadline: float, limit_s: float) -> WebServerEvent:
        while not self._events:
            self._receive(deadline, limit_s)
        event = self._events.popleft()
        if isinstance(event, HeadersReceived):
            self._headers_seen = True
        elif isinstance(event, BodyWanted):
            self._body_asked = True
        elif isinstance(event, Violation):
            kind = UnknownPacket if event.clause in _UNKNOWN_PACKET else ProtocolBroken
            raise self._fail(kind, f"{self.address} broke {event}", event.clause)
        elif isinstance(event, PeerClosed):
            raise self._fail(PeerGone, f"{self.address} closed the connection")
        return event

    def _fail(self, kind: type[EndpointError], text: str, clause: str | None = None) -> EndpointError:
        # What came but was not told yet, when a write failed, has come all the same.
        untold = list(self._events)
        self.close()
        return kind(
            text,
            sent=self._sent,
            headers_seen=self._headers_seen or any(isinstance(event, HeadersReceived) for event in untold),
            body_asked=self._body_asked or any(isinstance(event, BodyWanted) for event in untold),
            clause=clause,
        )

    # -- the socket -----------------------------------------------------------------------

    def _receive(self, deadline: float, limit_s: float) -> None:
        """Wait until something can be read, and give it to the core."""
        if self.closed:
            raise LocalProtocolError("the connection is closed")
        # An answer is seldom there when the request has just left: waiting first saves a read for nothing.
        until = self._wait_until(deadline)
        came = bool(self._poll.poll(_milliseconds_until(until)))
        if came:
            self._take_in()
        self._judge_wait(came, until, deadline, limit_s)

    def _wait_until(self, deadline: float) -> float:
        """When a single wait that begins now is over."""
        return self._socket_deadline() if deadline == math.inf else deadline

    def _judge_wait(self, came: bool, until: float, deadline: float, limit_s: float) -> None:
        """Raises when it took too long: octets that come one by one, or make no event, gain no time."""
        if self._events:
            return
        now = time.monotonic()
        if deadline == math.inf and not came and now >= until:
            raise self._socket_timed_out("sent")
        if now >= deadline:
            raise self._fail(ReplyTimeout, f"{self.address} did not answer within {limit_s:g} s")

    def _take_in(self) -> int | None:
        """Give to the core what can be read; how many octets, 0 at their end, None when none are there."""
        try:
            data = self._socket.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._fail(PeerGone, f"{self.address} broke the connection: {error.strerror}") from None
        self._traced("received", data)
        self.octets_read += len(data)
        self._events.extend(self._core.receive(data) if data else self._core.receive_eof())
        return len(data)

    def _write(self, limit_s: float) -> None:
        data = self._core.data_to_send()
        self._traced("sent", data)
        sent = self._write_some(data)
        if sent < len(data):
            self._write_rest(memoryview(data)[sent:], limit_s)

    def _write_some(self, data: bytes | memoryview) -> int:
        """How many octets are off the caller's hands: what the system took, or all once it failed.

        A container that refuses a request may answer and close before it has read all of it, so
        what it said is read before a failed write is reported.
        """
        if self._spoiled:
            return len(data)
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._spoiled = True
            return len(data)
        self._sent = self._sent or self._core.phase is not WebServerPhase.PINGED
        self.octets_written += taken
        return taken

    def _write_rest(self, rest: memoryview, limit_s: float) -> None:
        """Write while the container may be writing too; two ends that only write would wait forever."""
        deadline = time.monotonic() + limit_s
        room_until = self._socket_deadline()
        read_ahead = 0
        while rest:
            reading = select.POLLIN if read_ahead < READ_AHEAD_MAX else 0
            self._poll.modify(self._socket, select.POLLOUT | reading)
            ready = self._poll.poll(_milliseconds_until(min(deadline, room_until)))
            if not ready and room_until < deadline:
                raise self._socket_timed_out("took")
            if not ready:
                raise self._fail(ReplyTimeout, f"{self.address} took no octets for {limit_s:g} s")
            if ready[0][1] & select.POLLIN:
                read_ahead += self._take_in() or 0
                self._spoiled = self._spoiled or self._core.closed
            taken = self._write_some(rest)
            if taken:
                rest = rest[taken:]
                room_until = self._socket_deadline()
        self._poll.modify(self._socket, select.POLLIN)

    def _socket_deadline(self) -> float:
        """When a wait for the socket that begins now has taken too long."""
        limit_s = self.settings.socket_timeout_s
        return math.inf if limit_s is None else time.monotonic() + limit_s

    def _socket_timed_out(self, what: str) -> EndpointError:
        return self._fail(
            SocketTimeout, f"{self.address} {what} not one octet for {self.settings.socket_timeout_s:g} s"
        )

    def _traced(self, direction: Literal["sent", "received"], data: bytes) -> None:
        if self._trace is not None and data:
            self._trace(direction, data)


def _announced_length(request: ForwardRequest) -> int | None:
    values = request.header_values(b"content-length")
    return int(values[0]) if values else None


def _milliseconds_until(deadline: float) -> int:
    left_s = min(deadline - time.monotonic(), _POLL_MAX_S)
    return max(0, math.ceil(left_s * 1000))
