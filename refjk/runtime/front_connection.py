"""One accepted HTTP connection: the core, the socket, and the request that is being answered."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from refjk.ajp13.building import ConnectionFacts
from refjk.ajp13.messages import Header
from refjk.base.errors import LocalProtocolError, Malformed, RefjkError
from refjk.http1 import (
    BodyEnded,
    BodyKind,
    BodyReceived,
    Event,
    Limits,
    Phase,
    Refused,
    RequestReceived,
    ServerConnection,
)
from refjk.logformat import LogEntry
from refjk.runtime.addresses import Address
from refjk.runtime.front_body import Upload
from refjk.runtime.front_forwarding import AnswerUnfit, ClientFailed, Course, Forwarder, Forwarding, Head
from refjk.runtime.front_local import LocalAnswer, LocalRequest
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.waiting import RECEIVE_SIZE, Awaited, receive, send
from refjk.webserver import Host, Target

logger = logging.getLogger("refjk.front")

HTTP_PORT = 80
BODY_RATE_MIN = 500  # octets per second; a slower request body is given up after the read timeout
LINGER_S = 2.0  # how long a connection that ends is read on, so that a reset does not overtake the answer
STATUS_CLIENT_GONE = 499  # only in the access log, as other web servers have it there
RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"  # struct linger: on, zero seconds
CLOSE = (b"Connection", b"close")


class ClientSide(Forwarder, Protocol):
    """What a connection needs of the front that accepted it."""

    settings: ServingSettings
    limits: Limits
    counters: Counter[str]

    @property
    def keeps_log(self) -> bool:
        """Whether `log` does anything."""

    def log(self, host: Host | None, entry: LogEntry) -> None:
        """A request is over; `host` None when it was refused before it was clear for whom it is."""

    @property
    def stopping(self) -> bool: ...

    def standing_headers(self) -> tuple[Header, Header]:
        """Date and Server; the same object within a second."""

    def host(self, name: bytes, local: Address) -> Host:
        """The server that a request for this name is for."""

    def is_local(self, target: Target) -> bool:
        """Whether the front itself has what is mounted there."""

    def serve_here(self, request: LocalRequest) -> LocalAnswer | None:
        """What the front itself answers to a request that no container gets; None: nothing."""


class FrontConnection:
    """Attended to by one thread at a time; see `crew` for when."""

    def __init__(self, front: ClientSide, sock: socket.socket, peer: Address, local: Address) -> None:
        self.fd = sock.fileno()
        self._front = front
        self._sock = sock
        self._peer = peer
        self._local = local
        self._core = ServerConnection(front.limits)
        self._standing: tuple[Header, ...] = ()
        self._events: deque[Event] = deque()
        self._half_head = False
        self._lingers = False
        self.expires_at = time.monotonic() + front.settings.read_timeout_s
        self._known_facts: tuple[bytes, ConnectionFacts] | None = None
        self._course: Course[bool] | None = None  # of what came last, while it waits
        # Of the request under way:
        self._patience_s = 0.0  # how long the client's body may still be waited for
        self._status = 0
        self._size = 0  # octets of content that were sent
        self._answered: Sequence[Header] = ()
        self._variables: Mapping[str, str] = {}  # that hold for its path
        self._number = 0  # of requests on this connection before this one, and then with it

    # -- as the crew sees it --------------------------------------------------------------

    def attend(self) -> bool | Awaited:
        """Read once and answer what came, one request after the other; go on with it the next time
        where a container had to be waited for."""
        if self._course is None:
            self._course = self._answer_what_comes()
        try:
            return next(self._course)
        except StopIteration as end:
            self._course = None
            return bool(end.value)

    def _answer_what_comes(self) -> Course[bool]:
        """Whether the connection stays."""
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
        standing = self._front.standing_headers()
        if standing is not self._standing:
            core.refusal_headers = self._standing = standing
        self._events.extend(core.receive(data) if data else core.receive_eof())
        try:
            while self._events:
                event = self._events.popleft()
                if type(event) is RequestReceived:
                    yield from self._serve(event)
                    if core.phase is Phase.ANSWERED:
                        self._events.extend(core.resume())
                elif type(event) is Refused:
                    self._note_refusal(event)
                    self._log(None, None, event.status, time.monotonic())
            self._write()
        except ClientFailed:
            core.abort()
        return self._leave(seen_end=not data) if core.must_close else self._stay()

    def close(self) -> None:
        if self.expires_at <= time.monotonic() and not self._lingers:
            self._front.counters["read_timeouts" if self._half_head else "idle_timeouts"] += 1
        if self._course is not None:
            self._course.close()
        self._sock.close()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _stay(self) -> bool:
        """Wait for the next request, or the rest of one: a head has one deadline as a whole."""
        half = self._core.buffered_size > 0 or self._core.phase is Phase.DRAINING
        if not (half and self._half_head):
            settings = self._front.settings
            self.expires_at = time.monotonic() + (
                settings.read_timeout_s if half else settings.idle_timeout_s
            )
        self._half_head = half
        return True

    def _leave(self, *, seen_end: bool) -> bool:
        """End the connection so that the client gets what was written, or sees that it is broken."""
        try:
            if self._core.answer_broken:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            elif not seen_end:
                self._sock.shutdown(socket.SHUT_WR)
                self._lingers = True
                self.expires_at = time.monotonic() + LINGER_S
                return True
        except OSError:
            pass  # gone already
        self._sock.close()
        return False

    def _note_refusal(self, refusal: Refused | Malformed) -> None:
        self._front.counters["refused_requests"] += 1
        logger.info("%s: %s", self._peer, refusal)

    # -- one request ----------------------------------------------------------------------

    def _serve(self, request: RequestReceived) -> Course[None]:
        front = self._front
        front.counters["requests"] += 1
        started = time.monotonic()
        self._status = self._size = 0
        self._patience_s = front.settings.read_timeout_s
        self._answered = ()
        self._variables = {}
        self._number += 1
        forwarding = host = None
        try:
            facts = self._facts(request.authority)
            host = front.host(facts.server_name or b"", self._local)
            target = self._find(request, host)
            if target is not None:
                forwarding = Forwarding(front, self, request, host, target, facts, self._upload(request))
                yield from forwarding.run()
        except ClientFailed as error:
            front.counters["client_failures"] += 1
            logger.info("%s: %s", self._peer, error)
            self._tell(error)
        finally:
            # What is left belongs to the body of this request.
            self._events.clear()
            self._log(host, request, self._status or STATUS_CLIENT_GONE, started, forwarding)

    def _find(self, request: RequestReceived, host: Host) -> Target | None:
        """Where the request goes; None when it was answered here."""
        # FWD-PTH-03
        if request.path == b"*":
            self.begin(self._prepare(200, b"OK", [(b"Content-Length", b"0")]))
            self.end()
            return None
        try:
            place = host.place(request.path)
        except Malformed as complaint:
            # FWD-PTH-01
            self._note_refusal(complaint)
            self.answer(400)
            return None
        self._variables = place.surroundings.variables
        if place.target is not None and not self._front.is_local(place.target):
            return place.target
        body = self._body_of(request)
        answer = self._front.serve_here(LocalRequest(host, place, request, self._peer, self._local, body))
        if answer is None:
            # FWD-PTH-02
            self.answer(404)
        else:
            self._pass_on(answer)
        return None

    def _pass_on(self, answer: LocalAnswer) -> None:
        """An answer that was made here."""
        try:
            self.begin(self._prepare(answer.status, reason_of(answer.status), list(answer.headers)))
            for data in answer.body:
                self.send(data)
            self.end()
        except (OSError, RefjkError) as error:
            logger.error("an answer of the front's own is cut short: %s", error)
            self.break_off()
        finally:
            close = getattr(answer.body, "close", None)
            if close is not None:
                close()

    def _facts(self, authority: bytes) -> ConnectionFacts:
        """FWD-NAM-01"""
        if self._known_facts is not None and self._known_facts[0] == authority:
            return self._known_facts[1]
        host, port = split_authority(authority)
        facts = ConnectionFacts(
            remote_addr=self._peer.host.encode(),
            remote_port=self._peer.port,
            local_addr=self._local.host.encode(),
            server_name=host or self._local.host.encode(),
            server_port=port if host else self._local.port,
        )
        self._known_facts = authority, facts
        return facts

    def _upload(self, request: RequestReceived) -> Upload:
        """FWD-BOD-03"""
        return Upload(
            self._body_of(request),
            fills=request.body_size is not None,
            replay_size=self._front.settings.replay_size,
        )

    def _body_of(self, request: RequestReceived) -> Callable[[], bytes]:
        return (lambda: b"") if request.body_kind is BodyKind.NONE else self._more_body

    def _more_body(self) -> bytes:
        """The next octets of the request body; empty at its end.

        AJP-BOD-16, FWD-BOD-01
        """
        core = self._core
        while True:
            if self._events:
                event = self._events.popleft()
                if type(event) is BodyReceived:
                    self._patience_s += len(event.data) / BODY_RATE_MIN
                    return event.data
                if type(event) is BodyEnded:
                    return b""
                if type(event) is Refused:
                    # The core has queued the answer, if one can still be given.
                    self._note_refusal(event)
                    self._status = self._status or event.status
                raise ClientFailed(f"the request body cannot be had: {event}")
            if core.continue_due:
                core.send_continue()
                self._write()
            try:
                started = time.monotonic()
                data = receive(self._sock, min(self._patience_s, self._front.settings.read_timeout_s))
                self._patience_s -= time.monotonic() - started
            except TimeoutError:
                self._front.counters["read_timeouts"] += 1
                raise ClientFailed("the request body does not come, or comes too slowly", 408) from None
            except OSError:
                data = b""
            self._events.extend(core.receive(data) if data else core.receive_eof())

    def _tell(self, error: ClientFailed) -> None:
        """The request is over because of the client: say so if it can still be said, and end.

        FWD-STS-06
        """
        if error.status is not None and self._core.phase in (Phase.BODY_DUE, Phase.ANSWER_DUE):
            with contextlib.suppress(ClientFailed):
                self.answer(error.status, keep=False)
        self._core.abort()

    # -- the answer (a `front_forwarding.Client`) -------------------------------------------

    def prepare(self, status: int, reason: bytes, headers: Sequence[Header]) -> Head:
        """FWD-HDR-03"""
        return self._prepare(
            status, reason, [header for header in headers if header[0].lower() != b"connection"]
        )

    def _prepare(self, status: int, reason: bytes, headers: list[Header]) -> Head:
        """FWD-HDR-04, FWD-STP-01"""
        self._check_open()
        names = {name.lower() for name, _ in headers}
        headers += [header for header in self._front.standing_headers() if header[0].lower() not in names]
        if self._front.stopping:
            headers.append(CLOSE)
        try:
            return Head(status, headers, self._core.prepare_response(status, reason, headers))
        except LocalProtocolError as complaint:
            raise AnswerUnfit(str(complaint)) from None

    def begin(self, head: Head) -> None:
        self._check_open()
        self._core.begin_response(head.encoded)
        self._status = head.status
        if self._front.keeps_log:
            self._answered = head.headers

    def send(self, data: bytes, *, hold: bool = False) -> None:
        self._check_open()
        self._core.send_body(data)
        self._size += len(data)
        if not hold:
            self._write()

    def flush(self) -> None:
        self._check_open()
        self._write()

    def end(self) -> None:
        self._check_open()
        self._core.end_response()
        self._write()

    def answer(self, status: int, headers: Sequence[Header] = (), *, keep: bool = True) -> None:
        reason = reason_of(status)
        text = b"%d %b\n" % (status, reason)
        whole = [
            (b"Content-Type", b"text/plain; charset=us-ascii"),
            (b"Content-Length", b"%d" % len(text)),
            *headers,
        ]
        if not keep:
            whole.append(CLOSE)
        self.begin(self._prepare(status, reason, whole))
        self.send(text)
        self.end()

    def break_off(self) -> None:
        """FWD-ANS-02"""
        self._core.abort()

    def _check_open(self) -> None:
        """The core closes by itself when the request body breaks a rule or ends too early."""
        if self._core.must_close:
            raise ClientFailed("the request body ended or broke a rule while the request ran")

    def _write(self) -> None:
        data = self._core.data_to_send()
        if not data:
            return
        try:
            send(self._sock, data, self._front.settings.write_timeout_s)
        except TimeoutError as error:
            self._front.counters["write_timeouts"] += 1
            self._core.abort()
            raise ClientFailed(f"answer: {error}") from None
        except OSError as error:
            self._core.abort()
            raise ClientFailed(f"the client went away: {error.strerror}") from None

    def _log(
        self,
        host: Host | None,
        request: RequestReceived | None,
        status: int,
        started: float,
        forwarding: Forwarding | None = None,
    ) -> None:
        if not self._front.keeps_log:
            return
        entry = LogEntry(
            remote_addr=self._peer.host,
            user="",
            method=request.method.decode("latin-1") if request else "",
            target=request.target.decode("latin-1") if request else "",
            protocol=request.version.decode("latin-1") if request else "",
            status=status,
            size=self._size if request else 0,
            duration_us=int((time.monotonic() - started) * 1e6),
            route="" if forwarding is None else forwarding.route,
            in_headers=request.headers if request else (),
            out_headers=self._answered,
            notes={} if forwarding is None else forwarding.notes(),
            env=self._variables,
            host=split_authority(request.authority)[0].decode("latin-1") if request else "",
            server_name=host.name if host else "",
            server_port=self._local.port,
            local_addr=self._local.host,
            local_port=self._local.port,
            remote_port=self._peer.port,
            keepalive_number=max(0, self._number - 1),
            connection_state="X" if self._core.answer_broken else "-" if self._core.must_close else "+",
        )
        self._front.log(host, entry)


def reason_of(status: int) -> bytes:
    """What is said beside a status; a worker may have made up its own."""
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b"Unknown"


def split_authority(authority: bytes) -> tuple[bytes, int]:
    """Host and port of an authority that `http1` has let through; without a port that of http."""
    host, colon, port = authority.rpartition(b":")
    if not colon or authority.endswith(b"]"):
        return authority, HTTP_PORT
    return host, int(port) if port else HTTP_PORT
