"""A small container for tests: scripts in threads, each with one accepted connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Self

from refjk.ajp13 import ContainerConnection, ContainerPhase, ContainerPolicy
from refjk.ajp13.events import BodyEnded, BodyReceived, ContainerEvent, RequestReceived
from refjk.ajp13.messages import Header
from refjk.runtime.addresses import Address

DEADLINE_S = 10.0
ARRIVALS_MAX = 100


class Gone(Exception):
    """The web server closed the connection."""


class Talk:
    """One accepted connection and the container's core on it; all waits have a deadline."""

    def __init__(self, accepted: socket.socket, policy: ContainerPolicy | None, packet_size: int) -> None:
        self.socket = accepted
        self.socket.settimeout(DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.core = ContainerConnection(policy, packet_size)
        self.arrivals: list[bytes] = []  # what the first reads from the socket gave
        self._events: list[ContainerEvent] = []
        self._body_comes = False

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def push(self) -> None:
        """Write what the core has to say."""
        self.send(self.core.data_to_send())

    def receive(self) -> bytes:
        """The next octets, past the core. Raises `Gone`."""
        try:
            octets = self.socket.recv(65536)
        except ConnectionError:
            octets = b""
        if not octets:
            raise Gone
        if len(self.arrivals) < ARRIVALS_MAX:
            self.arrivals.append(octets)
        return octets

    def next_event(self) -> ContainerEvent:
        """What the core makes of what comes; CPING is answered on the way. Raises `Gone`."""
        while not self._events:
            self._events += self.core.receive(self.receive())
            self.push()
        return self._events.pop(0)

    def request(self) -> RequestReceived:
        event = self.next_event()
        while isinstance(event, BodyReceived | BodyEnded):  # of the request before, left unread
            event = self.next_event()
        if not isinstance(event, RequestReceived):
            raise Gone  # refused by the core, which has answered
        self._body_comes = event.content_length != 0
        return event

    def body(self, size_max: int | None = None) -> Iterable[bytes]:
        """The request body, piece by piece, asked for as long as there is more."""
        while self._body_comes:
            if not self._events and self.core.phase is ContainerPhase.RUNNING:
                self.core.ask_body(size_max)
                self.push()
            event = self.next_event()
            if isinstance(event, BodyReceived):
                yield event.data
            elif isinstance(event, BodyEnded):
                return
            else:
                raise Gone

    def answer(
        self,
        body: bytes | Iterable[bytes] = b"",
        status: int = 200,
        headers: Iterable[Header] = (),
        *,
        reuse: bool = True,
    ) -> None:
        """A whole response."""
        self.core.send_headers(status, b"", tuple(headers))
        for piece in [body] if isinstance(body, bytes) else body:
            self.core.send_body(piece)
            self.push()
        self.core.end_response(reuse)
        self.push()

    def wait_for_end(self) -> None:
        """Read until the web server closes."""
        with contextlib.suppress(Gone):
            while True:
                self.receive()

    def request_forever(self) -> None:
        """Take requests, and CPING between them, until the web server goes."""
        while True:
            self.request()


Script = Callable[[Talk], None]


def echo(talk: Talk) -> None:
    """Answer each request with its method, path and body, until the web server goes."""
    while True:
        received = talk.request()
        body = b"".join(talk.body())
        talk.answer(received.request.method + b" " + received.request.req_uri + b" " + body)


class TinyContainer:
    """Listens on 127.0.0.1; each connection gets the next of `scripts`, or the last one again.

    `talks` are the connections so far, `buffers` is the size of their socket buffers. A script
    that fails makes the test fail when the container is left.
    """

    def __init__(
        self,
        *scripts: Script,
        policy: ContainerPolicy | None = None,
        packet_size: int = 8192,
        buffers: int | None = None,
    ) -> None:
        self.talks: list[Talk] = []
        self._scripts = scripts or (echo,)
        self._policy = policy
        self._packet_size = packet_size
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        if buffers is not None:  # accepted sockets inherit it
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        # The list grows while the first thread, which accepts, still runs; it is joined first.
        for thread in self._threads:
            for talk in self.talks:
                with contextlib.suppress(OSError):
                    talk.socket.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        self._listener.close()
        for talk in self.talks:
            talk.socket.close()
        if self._failures and error[0] is None:
            raise self._failures[0]

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            talk = Talk(accepted, self._policy, self._packet_size)
            script = self._scripts[min(len(self.talks), len(self._scripts) - 1)]
            self.talks.append(talk)
            self._start(self._play, script, talk)

    def _play(self, script: Script, talk: Talk) -> None:
        try:
            script(talk)
        except (Gone, ConnectionError):
            pass  # the web server went away
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            with contextlib.suppress(OSError):
                talk.socket.shutdown(socket.SHUT_RDWR)
