"""Receivers, and a hand-made node, for the tests of the channel's sockets; every wait has a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from refjk.channel import ChannelDialect, ChannelLimits, Envelope, Tomcat55Channel
from refjk.runtime.addresses import Address
from refjk.runtime.replication_receiver import ReceiverSettings, ReplicationReceiver

DEADLINE_S = 20.0
ACK = b"\x06\x02\x03"
DIALECT = Tomcat55Channel()


def frame_of(payload: bytes) -> bytes:
    return DIALECT.encode_frame(DIALECT.wrap(payload, answered=True, now_ms=0))


def until(condition: Callable[[], bool]) -> bool:
    """Whether it came true within the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


class Inbox:
    """A handler that keeps what it gets, and can be held up."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self.at_once = 0
        self.at_once_max = 0
        self._lock = threading.Lock()

    def __call__(self, envelope: Envelope) -> bool:
        with self._lock:
            self.at_once += 1
            self.at_once_max = max(self.at_once, self.at_once_max)
        assert self.gate.wait(DEADLINE_S)
        with self._lock:
            self.payloads.append(envelope.payload)
            self.at_once -= 1
        if envelope.payload == b"raise":
            raise RuntimeError("handler")
        return envelope.payload != b"unwanted"


@contextlib.contextmanager
def receiving(
    inbox: Callable[[Envelope], bool],
    settings: ReceiverSettings | None = None,
    dialect: ChannelDialect = DIALECT,
) -> Iterator[tuple[ReplicationReceiver, Address]]:
    receiver = ReplicationReceiver(dialect, inbox, settings)
    address = receiver.start()
    try:
        yield receiver, address
    finally:
        receiver.stop()


def dial(address: Address) -> socket.socket:
    return socket.create_connection((address.host, address.port), timeout=DEADLINE_S)


def read_exactly(connected: socket.socket, size: int) -> bytes:
    """So many octets, or fewer where the stream ends before."""
    octets = b""
    while len(octets) < size and (piece := connected.recv(size - len(octets))):
        octets += piece
    return octets


class Scripted:
    """A node that does for each frame what the next word of its script says; the last word is repeated.

    `ack`, `junk`, `silent`, `close` (instead of an answer), `close-after` (the answer).
    """

    def __init__(self, *script: str) -> None:
        self._script = list(script)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        self.payloads: list[bytes] = []
        self.connections = 0
        self.closed = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Scripted:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                connected.settimeout(DEADLINE_S)
                self.connections += 1
                self._open.append(connected)
                thread = threading.Thread(target=self._serve, args=(connected,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError), connected:
            self._converse(connected)
        self.closed += 1

    def _converse(self, connected: socket.socket) -> None:
        reader = DIALECT.frame_reader(ChannelLimits())
        while octets := connected.recv(65536):
            for envelope in reader.receive(octets):
                self.payloads.append(envelope.payload)
                word = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                if word == "close":
                    return
                connected.sendall({"silent": b"", "junk": b"hello" + ACK}.get(word, ACK))
                if word == "close-after":
                    return
