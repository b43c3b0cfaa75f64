"""The two ends joined by an imaginary wire, with somebody at each end who behaves.

An application is a generator: it speaks through the container's end and yields where it waits for
the wire. The client's body is answered to the container piece by piece, as a web server does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from refjk.ajp13 import (
    ContainerConnection,
    ContainerPhase,
    ContainerPolicy,
    EndMarker,
    ForwardRequest,
    WebServerConnection,
)
from refjk.ajp13.codes import request_body_size_max
from refjk.ajp13.events import (
    BodyEnded,
    BodyReceived,
    BodyWanted,
    ContainerEvent,
    Flushed,
    HeadersReceived,
    Ponged,
    RequestReceived,
    ResponseBody,
    ResponseEnded,
    WebServerEvent,
)

Application = Callable[["Served"], Iterator[None]]
Split = Callable[[bytes], Iterable[bytes]]
STEPS_MAX = 100_000


@dataclass
class Served:
    """The container's side of one cycle, as an application sees it."""

    end: ContainerConnection
    request: ForwardRequest
    body: bytearray = field(default_factory=bytearray)
    missing: int | None = None  # None: the body's end was not seen


@dataclass
class Seen:
    """The client's side of one cycle."""

    head: HeadersReceived | None = None
    body: bytearray = field(default_factory=bytearray)
    flushes: int = 0
    wanted: list[int] = field(default_factory=list)
    ended: ResponseEnded | None = None
    served: Served | None = None


class Dialogue:
    """One connection with both ends. What was said is kept, whole, per direction."""

    def __init__(
        self,
        split: Split,
        *,
        packet_size: int = 8192,
        end_marker: EndMarker = EndMarker.EMPTY_PACKET,
        policy: ContainerPolicy | None = None,
        obeys_wanted: bool = True,
    ) -> None:
        self.web_server = WebServerConnection(packet_size, end_marker=end_marker)
        self.container = ContainerConnection(policy, packet_size)
        self.said_to_container: list[bytes] = []
        self.said_to_web_server: list[bytes] = []
        self._split = split
        self._obeys_wanted = obeys_wanted
        self._client_body = memoryview(b"")
        self._application: Application | None = None
        self._running: Iterator[None] | None = None
        self._seen = Seen()
        self._ponged = 0

    def ping(self) -> None:
        self._ponged = 0
        self.web_server.send_ping()
        self._run()
        assert self._ponged == 1

    def cycle(self, request: ForwardRequest, body: bytes, application: Application) -> Seen:
        """One request with its answer; ends when both sides have nothing more to say."""
        self._client_body = memoryview(body)
        self._application = application
        self._seen = Seen()
        self.web_server.send_request(request)
        if self.web_server.first_body_due:
            self._send_body(request_body_size_max(self.web_server.packet_size))
        self._run()
        assert self._seen.ended is not None, "the cycle did not end"
        return self._seen

    def _run(self) -> None:
        for _ in range(STEPS_MAX):
            moved = self._carry()
            if self._running is not None:
                moved = True
                if next(self._running, self) is self:
                    self._running = None
                    self._hear_container(self.container.resume())
            if not moved:
                return
        raise AssertionError("the dialogue does not end")

    def _carry(self) -> bool:
        """Everything that waits to leave, carried to the other side. Whether there was any."""
        to_container = self.web_server.data_to_send()
        to_web_server = self.container.data_to_send()
        if to_container:
            self.said_to_container.append(to_container)
            for piece in self._split(to_container):
                self._hear_container(self.container.receive(piece))
        if to_web_server:
            self.said_to_web_server.append(to_web_server)
            for piece in self._split(to_web_server):
                self._hear_web_server(self.web_server.receive(piece))
        return bool(to_container or to_web_server)

    def _hear_container(self, events: list[ContainerEvent]) -> None:
        for event in events:
            served = self._seen.served
            if isinstance(event, RequestReceived):
                assert served is None
                assert self._application is not None
                self._seen.served = Served(self.container, event.request)
                self._running = self._application(self._seen.served)
            elif isinstance(event, BodyReceived):
                assert served is not None
                assert event.data
                assert served.missing is None
                served.body += event.data
            else:
                assert isinstance(event, BodyEnded), event
                assert served is not None
                assert served.missing is None
                served.missing = event.missing

    def _hear_web_server(self, events: list[WebServerEvent]) -> None:
        seen = self._seen
        for event in events:
            if isinstance(event, HeadersReceived):
                seen.head = event
            elif isinstance(event, ResponseBody):
                seen.body += event.data
            elif isinstance(event, Flushed):
                seen.flushes += 1
            elif isinstance(event, BodyWanted):
                seen.wanted.append(event.size_max)
                self._send_body(event.size_max)
            elif isinstance(event, Ponged):
                self._ponged += 1
            else:
                assert isinstance(event, ResponseEnded), event
                seen.ended = event

    def _send_body(self, wanted: int) -> None:
        most = request_body_size_max(self.web_server.packet_size)
        size = min(wanted, most) if self._obeys_wanted else most
        piece, self._client_body = bytes(self._client_body[:size]), self._client_body[size:]
        if piece:
            self.web_server.send_body(piece)
        else:
            self.web_server.end_body()


def read_body(served: Served, wanted: int | None = None) -> Iterator[None]:
    """Read to the end of the body, asking for `wanted` octets at a time."""
    while not served.end.body_is_over:
        if served.end.phase is ContainerPhase.RUNNING:
            served.end.ask_body(wanted)
        yield


def answer(served: Served, data: bytes = b"", *, reuse: bool = True) -> None:
    """A complete answer of status 200."""
    served.end.send_headers(200, b"OK", [(b"Content-Length", b"%d" % len(data))])
    served.end.send_body(data)
    served.end.end_response(reuse)


def echo(served: Served) -> Iterator[None]:
    """The body back, after all of it has come."""
    yield from read_body(served)
    answer(served, bytes(served.body))


def ignore(served: Served) -> Iterator[None]:
    """An answer at once, the body unread."""
    answer(served, b"ignored")
    return iter(())
