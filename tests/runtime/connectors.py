"""Connectors for tests, and a web server's end to talk to them; every wait has a deadline."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from refjk.ajp13 import AttributeCode, ForwardRequest, WebServerConnection
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
from refjk.ajp13.forward_request import encode_forward_request
from refjk.ajp13.messages import Attribute, Header
from refjk.runtime.access_log import AccessLog
from refjk.runtime.connector import AjpServer
from refjk.runtime.settings import ConnectorSettings

DEADLINE_S = 20.0
NOTHING: Iterator[bytes] = iter(())

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class Serving(NamedTuple):
    """A connector that has started, and where."""

    server: AjpServer
    port: int

    def client(self) -> AjpClient:
        return AjpClient(self.port, self.server.settings.packet_size)


@contextlib.contextmanager
def serving(
    application: Application, *, access_log: AccessLog | None = None, **settings: Any
) -> Iterator[Serving]:
    """A connector for an application; settings are those of `ConnectorSettings`."""
    server = AjpServer(application, "127.0.0.1:0", ConnectorSettings(**settings), access_log=access_log)
    _, port = server.start()
    with server:
        yield Serving(server, port)


def request_attribute(name: bytes, value: bytes) -> Attribute:
    return (AttributeCode.REQ_ATTRIBUTE, name, value)


def forward_request(
    uri: bytes = b"/",
    method: bytes = b"GET",
    headers: Sequence[Header] = (),
    attributes: Sequence[Attribute] = (),
    **fields: Any,
) -> ForwardRequest:
    """A request as a web server on this machine would send it."""
    facts: dict[str, Any] = {
        "protocol": b"HTTP/1.1",
        "remote_addr": b"127.0.0.1",
        "remote_host": None,
        "server_name": b"localhost",
        "server_port": 80,
        "is_ssl": False,
    }
    return ForwardRequest(
        method=method, req_uri=uri, headers=tuple(headers), attributes=tuple(attributes), **facts | fields
    )


def request_packet(*words: Any, **fields: Any) -> bytes:
    """`forward_request` in octets."""
    return encode_forward_request(forward_request(*words, **fields), 8192)


@dataclass(slots=True)
class Answer:
    """One answer; `parts` are the chunks between flushes, the last ones those before the end."""

    status: int
    reason: bytes
    headers: tuple[Header, ...]
    parts: list[list[bytes]] = field(default_factory=lambda: [[]])
    reuse: bool | None = None  # None: the connection ended without END_RESPONSE

    @property
    def pieces(self) -> list[bytes]:
        """The octets between flushes."""
        return [b"".join(part) for part in self.parts]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def header(self, name: bytes) -> bytes | None:
        return next((value for known, value in self.headers if known.lower() == name), None)


class AjpClient:
    """The web server's end of one connection."""

    def __init__(self, port: int, packet_size: int = 8192) -> None:
        self.core = WebServerConnection(packet_size)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.reads: list[bytes] = []  # what each read from the socket gave
        self.wanted: list[int] = []  # sizes in GET_BODY_CHUNK
        self._events: list[WebServerEvent] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def push(self) -> None:
        """Write what the core has to say."""
        self.send(self.core.data_to_send())

    def next_event(self) -> WebServerEvent:
        while not self._events:
            try:
                octets = self.socket.recv(1 << 18)
            except ConnectionError:
                octets = b""
            self.reads.append(octets)
            self._events += self.core.receive(octets) if octets else self.core.receive_eof()
            assert self._events or octets, "nothing can come any more"
        return self._events.pop(0)

    def ended(self) -> bool:
        """Whether the connection is closed, which must be all there is left to say."""
        event = self.next_event()
        assert isinstance(event, PeerClosed), event
        return True

    def ping(self) -> bool:
        self.core.send_ping()
        self.push()
        return isinstance(self.next_event(), Ponged)

    def begin(self, request: ForwardRequest) -> None:
        """Only the request; what follows is the caller's."""
        self.core.send_request(request)
        self.push()

    def ask(
        self,
        uri: bytes = b"/",
        method: bytes = b"GET",
        headers: Sequence[Header] = (),
        attributes: Sequence[Attribute] = (),
        *,
        body: bytes | Iterable[bytes] | None = None,
        **fields: Any,
    ) -> Answer:
        """A whole request, its body with content-length when it is `bytes`, and the answer."""
        pieces = NOTHING
        if isinstance(body, bytes):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
            most = self.core.packet_size - 6
            pieces = (body[at : at + most] for at in range(0, len(body), most))
        elif body is not None:
            pieces = iter(body)
        self.begin(forward_request(uri, method, headers, attributes, **fields))
        return self.answer(pieces)

    def answer(self, body: Iterator[bytes] = NOTHING) -> Answer:
        """The answer to what was begun, feeding the request body as it is due."""
        if self.core.first_body_due:
            self._feed(body)
        answer: Answer | None = None
        while True:
            event = self.next_event()
            if isinstance(event, HeadersReceived):
                answer = Answer(event.status, event.reason, event.headers)
            elif isinstance(event, BodyWanted):
                self.wanted.append(event.size_max)
                self._feed(body)
            elif isinstance(event, PeerClosed):
                assert answer is not None, "closed without an answer"
                return answer
            else:
                assert answer is not None, event
                if isinstance(event, ResponseBody):
                    answer.parts[-1].append(event.data)
                elif isinstance(event, Flushed):
                    answer.parts.append([])
                elif isinstance(event, ResponseEnded):
                    answer.reuse = event.reuse
                    return answer
                else:
                    assert not isinstance(event, Violation), event

    def _feed(self, body: Iterator[bytes]) -> None:
        piece = next(body, b"")
        if piece:
            self.core.send_body(piece)
        else:
            self.core.end_body()
        self.push()


def wait_for(condition: Callable[[], bool], what: str = "it") -> None:
    """Until a condition holds, or the test fails."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in time"
        time.sleep(0.002)


def hello(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class Recorder:
    """An application that keeps its environs and answers `200`."""

    def __init__(self) -> None:
        self.environs: list[Environ] = []

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        return hello(environ, start_response)
