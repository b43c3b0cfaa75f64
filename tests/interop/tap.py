"""A look at what a web server and a container say to each other, without a part in it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from tests.interop.peers import Frame

MAGICS = {"request": b"\x12\x34", "answer": b"AB"}
HEADER_SIZE = 4
WAIT_S = 20.0


class Tap:
    """Passes connections on from `port` to 127.0.0.1:`target` and keeps what passed, per connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._sockets: list[socket.socket] = []
        self.connections: list[list[Frame]] = []
        self.ended = 0  # connections that the container has closed
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for opened in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Whether the condition comes true as octets pass by, before a deadline."""
        with self._changed:
            return self._changed.wait_for(condition, WAIT_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                web_server, _ = self._listener.accept()
                try:
                    container = socket.create_connection(("127.0.0.1", self._target), timeout=10)
                except OSError:
                    web_server.close()
                    continue
                container.settimeout(None)
                self._sockets += [web_server, container]
                frames: list[Frame] = []
                self.connections.append(frames)
                for source, sink, direction in (
                    (web_server, container, "request"),
                    (container, web_server, "answer"),
                ):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(
                        target=self._pass, args=(source, sink, direction, frames), daemon=True
                    ).start()

    def _pass(
        self,
        source: socket.socket,
        sink: socket.socket,
        direction: Literal["request", "answer"],
        frames: list[Frame],
    ) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(1 << 16):
                # Noted first: whoever got an answer finds the question in the list.
                with self._changed:
                    frames.append(Frame(direction, octets))
                    self._changed.notify_all()
                sink.sendall(octets)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        if direction == "answer":
            with self._changed:
                self.ended += 1
                self._changed.notify_all()


def packets(frames: list[Frame], direction: str) -> list[bytes]:
    """The whole packets of one direction of a connection."""
    return [frame.octets for frame in by_packets(frames) if frame.direction == direction]


def by_packets(frames: list[Frame]) -> list[Frame]:
    """The same octets with one whole packet in each frame, in the order of the packets' ends."""
    waiting = {"request": b"", "answer": b""}
    cut: list[Frame] = []
    for frame in list(frames):
        octets = waiting[frame.direction] + frame.octets
        while len(octets) >= HEADER_SIZE and len(octets) >= (size := _size(octets, frame.direction)):
            cut.append(Frame(frame.direction, octets[:size]))
            octets = octets[size:]
        waiting[frame.direction] = octets
    return cut


def _size(octets: bytes, direction: str) -> int:
    assert octets[:2] == MAGICS[direction]
    return HEADER_SIZE + int.from_bytes(octets[2:4], "big")
