"""One accepted AJP13 connection: the core, the socket, and the response that is being written."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from refjk.ajp13 import ContainerConnection, ContainerPhase, ContainerPolicy
from refjk.ajp13.events import BodyEnded, BodyReceived, ContainerEvent, PeerClosed, RequestReceived, Violation
from refjk.ajp13.rules import response_has_body
from refjk.base.errors import LocalProtocolError
from refjk.runtime.access_log import AccessLog, LogEntry
from refjk.runtime.environ import Environ, EnvironBuilder
from refjk.runtime.request_body import RequestBody
from refjk.runtime.settings import ConnectorSettings
from refjk.runtime.waiting import RECEIVE_SIZE, receive, send
from refjk.runtime.wsgi import FileWrapper, Response, ResponseBroken, WsgiApplication

logger = logging.getLogger("refjk.connector")

# Looked up on every request; see `refjk.ajp13.container` for why they have names here.
_RUNNING, _DRAINING = ContainerPhase.RUNNING, ContainerPhase.DRAINING
_CLOSED = ContainerPhase.CLOSED

PUSH_SIZE = 1 << 17  # octets of response that may gather before they are written (WSG-LIM-06)
LINGER_S = 1.0  # how long a refused connection is read on
_COUNTED_CLAUSES = {"AJP-HDR-08": "headers_too_many", "AJP-FRM-09": "packets_too_long"}


class Connector(Protocol):
    """What a connection needs of the server that accepted it."""

    application: WsgiApplication
    settings: ConnectorSettings
    policy: ContainerPolicy
    environs: EnvironBuilder
    counters: Counter[str]
    access_log: AccessLog | None
    stopping: bool


class BodyUnavailable(OSError):
    """What an application gets from `wsgi.input` when the request body cannot be had.

    `status` is what the client is told if the application says nothing itself. WSG-ERR-04
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class ClientGone(OSError):
    """What an application gets from writing when the web server no longer listens. WSG-ERR-06"""


class AjpConnection:
    """Attended to by one thread at a time; see `crew` for when."""

    def __init__(self, server: Connector, sock: socket.socket, peer: str) -> None:
        self.fd = sock.fileno()
        self._server = server
        self._sock = sock
        self._peer = peer
        self._core = ContainerConnection(server.policy, server.settings.packet_size)
        self._half_packet = False
        self._lingers = False  # refused, and read on only so that a reset does not overtake the answer
        self.expires_at = time.monotonic() + server.settings.idle_timeout_s
        # Of the request that runs:
        self._body_events: deque[ContainerEvent] = deque()
        self._body_size = 0
        self._pending = 0  # octets of the response that wait to be written
        self._sent = 0  # octets of response body

    # -- as the crew sees it --------------------------------------------------------------

    def attend(self) -> bool:
        """Read once and serve what came; one request after the other.

        A packet that has begun keeps its time, however often a part of it comes. WSG-LIM-05
        """
        try:
            data = self._sock.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if self._lingers:
            if not data:
                self._sock.close()
            return bool(data)
        core = self._core
        events = core.receive(data) if data else core.receive_eof()
        try:
            while events:
                first = events[0]
                if type(first) is RequestReceived:
                    self._serve(first, events)
                else:
                    self._end(first)
                events = core.resume() if core.holds_octets else []
            self._write()
        except OSError:
            core.abort()
        if core.pings:
            self._server.counters["pings"] += core.pings
            core.pings = 0
        if core.phase is _CLOSED:
            return self._leave()
        half = core.holds_octets
        if not (half and self._half_packet):
            settings = self._server.settings
            self.expires_at = time.monotonic() + (
                settings.read_timeout_s if half else settings.idle_timeout_s
            )
        self._half_packet = half
        return True

    def close(self) -> None:
        if self.expires_at <= time.monotonic() and not self._lingers:
            self._server.counters["read_timeouts" if self._half_packet else "idle_timeouts"] += 1
        self._sock.close()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _end(self, event: ContainerEvent) -> None:
        """The connection is over between requests: said so, or broken by the web server."""
        if not isinstance(event, Violation):
            return
        self._count(event)
        logger.warning("%s: %s", self._peer, event)
        if event.status is not None:
            self._write()
            self._lingers = True

    def _leave(self) -> bool:
        """Close; after a refusal only when the web server has had time to read the answer."""
        if self._lingers:
            try:
                self._sock.shutdown(socket.SHUT_WR)
                self.expires_at = time.monotonic() + LINGER_S
                return True
            except OSError:
                pass  # gone already
        self._sock.close()
        return False

    def _count(self, violation: Violation) -> None:
        counters = self._server.counters
        counters["violations" if violation.status is None else "refused_requests"] += 1
        if violation.clause in _COUNTED_CLAUSES:
            counters[_COUNTED_CLAUSES[violation.clause]] += 1

    # -- one request ----------------------------------------------------------------------

    def _serve(self, received: RequestReceived, events: Sequence[ContainerEvent]) -> None:
        server = self._server
        server.counters["requests"] += 1
        started = time.monotonic()
        self._body_events.clear()
        self._body_events.extend(events[1:])
        self._body_size = self._pending = self._sent = 0
        request = received.request
        environ = server.environs.build(request)
        environ["wsgi.input"] = RequestBody(self._more_body)
        environ["wsgi.file_wrapper"] = FileWrapper
        response = Response(self, request.method == b"HEAD")
        limit = server.settings.body_size_max
        if limit is not None and received.content_length is not None and received.content_length > limit:
            server.counters["bodies_too_large"] += 1
            self._answer(413, response)  # WSG-ERR-05
        else:
            self._run(response, environ)
        try:
            if self._core.phase is not _CLOSED:
                self._finish()
        finally:  # WSG-LOG-01
            if server.access_log is not None:
                server.access_log.write(self._log_entry(environ, response.status, started))

    def _run(self, response: Response, environ: Environ) -> None:
        """Call the application; whatever it does, the connection is in a defined state after it.

        A failure before SEND_HEADERS becomes an answer of its own (AJP-ERR-04, AJP-RSP-11); after
        it the connection is given up, so that the web server sees a broken answer (AJP-ERR-05).
        What the application raises is not told to the client (WSG-ERR-01), and whatever its class
        is, it ends this request only (WSG-ERR-03).
        """
        counters = self._server.counters
        try:
            response.run(self._server.application, environ)
            return
        except ClientGone as error:
            logger.info("%s: %s", self._peer, error)
            self._core.abort()
            return
        except BodyUnavailable as error:
            logger.info("%s: the application could not read the request body: %s", self._peer, error)
            status = error.status
        except ResponseBroken as error:
            logger.error("%s %s: %s", environ["REQUEST_METHOD"], environ["REQUEST_URI"], error)
            counters["application_errors"] += 1
            status = 500
        except BaseException as error:
            if self._core.phase is _CLOSED and isinstance(error, LocalProtocolError):
                logger.info("%s: an answer to a connection that is closed", self._peer)
                return
            logger.exception(
                "%s %s: error in the application", environ["REQUEST_METHOD"], environ["REQUEST_URI"]
            )
            counters["application_errors"] += 1
            status = 500
        if self._core.headers_sent:
            counters["broken_responses"] += 1
            # SEND_HEADERS may wait here still. A web server that saw nothing of the answer would
            # take the request for one that was not served, and send it again. WSG-ERR-02
            with contextlib.suppress(ClientGone):
                self._write()
            self._core.abort()
        elif self._core.phase is not _CLOSED:
            self._answer(status, response)
        else:
            response.status = status  # for the access log; nobody can be told any more

    def _answer(self, status: int, response: Response) -> None:
        """An answer in place of the application's."""
        response.status = status
        phrase = HTTPStatus(status).phrase
        text = f"{status} {phrase}\n".encode("ascii")
        headers = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(text))]
        self._core.send_headers(status, phrase.encode("ascii"), headers)
        self.send_body(text)

    def _finish(self) -> None:
        """END_RESPONSE, after an outstanding body packet was read and dropped; without reuse while
        the server stops (WSG-STP-02).

        If that does not come in time, the connection is closed without END_RESPONSE. AJP-BOD-13
        """
        core = self._core
        core.end_response(reuse=not self._server.stopping)
        deadline = time.monotonic() + self._server.settings.read_timeout_s
        while core.phase is _DRAINING:
            self._write()
            for event in self._receive(deadline):
                if isinstance(event, Violation):
                    logger.warning("%s: %s", self._peer, event)

    def _log_entry(self, environ: Environ, status: int, started: float) -> LogEntry:
        has_body = response_has_body(environ["REQUEST_METHOD"].encode("latin-1"), status)
        return LogEntry(
            remote_addr=environ["REMOTE_ADDR"],
            user=environ.get("REMOTE_USER", ""),
            method=environ["REQUEST_METHOD"],
            target=environ["REQUEST_URI"],
            protocol=environ["SERVER_PROTOCOL"],
            status=status,
            size=self._sent if has_body else 0,
            duration_us=int((time.monotonic() - started) * 1e6),
            referer=environ.get("HTTP_REFERER", ""),
            user_agent=environ.get("HTTP_USER_AGENT", ""),
            route=environ.get("refjk.route", ""),
        )

    # -- the request body, for the application --------------------------------------------

    def _more_body(self) -> bytes:
        """The next octets of the body, asked for if need be; empty at the end. WSG-INP-01"""
        core = self._core
        deadline = time.monotonic() + self._server.settings.read_timeout_s
        while True:
            if self._body_events:
                event = self._body_events.popleft()
                if isinstance(event, BodyReceived):
                    return self._counted(event.data)
                self._body_over(event)
                return b""
            if core.body_is_over:
                return b""
            if core.phase is _RUNNING:
                core.ask_body()
            elif core.phase is _CLOSED:
                raise BodyUnavailable("the connection is closed", 400)
            self._write()
            self._body_events.extend(self._receive(deadline))

    def _counted(self, data: bytes) -> bytes:
        self._body_size += len(data)
        limit = self._server.settings.body_size_max
        if limit is not None and self._body_size > limit:
            self._server.counters["bodies_too_large"] += 1
            raise BodyUnavailable(f"the request body is longer than {limit} octets", 413)
        return data

    def _body_over(self, event: ContainerEvent) -> None:
        """The end of the body, which is an error unless it came where it was announced.

        AJP-BOD-11
        """
        if isinstance(event, BodyEnded):
            if event.missing:
                self._body_events.appendleft(event)  # the next read fails as well (WSG-INP-04)
                raise BodyUnavailable(f"{event.missing} octets of the request body never came", 400)
            return
        if isinstance(event, Violation):
            self._count(event)
            logger.warning("%s: %s", self._peer, event)
            raise BodyUnavailable(str(event), 400)
        assert isinstance(event, PeerClosed)
        raise BodyUnavailable("the web server closed the connection", 400)

    def _receive(self, deadline: float) -> list[ContainerEvent]:
        """What comes next; when a packet is not whole by its deadline, however its octets trickle,
        the connection is over. AJP-ERR-03"""
        try:
            data = receive(self._sock, deadline - time.monotonic())
        except TimeoutError:
            self._server.counters["read_timeouts"] += 1
            self._core.abort()
            text = f"no whole packet within {self._server.settings.read_timeout_s:g} s"
            raise BodyUnavailable(text, 408) from None
        except OSError:
            data = b""
        return self._core.receive(data) if data else self._core.receive_eof()

    # -- the response, from the application (a `wsgi.Channel`) ----------------------------

    def send_headers(self, status: int, reason: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._core.send_headers(status, reason, headers)

    def send_body(self, data: bytes) -> None:
        self._sent += len(data)
        if len(data) + self._pending <= PUSH_SIZE:
            self._core.send_body(data)
            self._pending += len(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), PUSH_SIZE):
            self._core.send_body(view[start : start + PUSH_SIZE])
            self._write()

    def flush(self) -> None:
        self._core.flush()
        self._write()

    def _write(self) -> None:
        self._pending = 0
        data = self._core.data_to_send()
        if not data:
            return
        try:
            send(self._sock, data, self._server.settings.write_timeout_s)
        except TimeoutError as error:
            self._server.counters["write_timeouts"] += 1
            self._core.abort()
            raise ClientGone(str(error)) from None
        except OSError as error:
            self._core.abort()
            raise ClientGone(f"the web server went away: {error.strerror}") from None
