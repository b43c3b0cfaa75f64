"""One connection to one member: the socket under `SendingConnection`."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass, field

from refjk.base.errors import Malformed
from refjk.channel import Answer, ChannelDialect, SendingConnection, SendingCounters, SendingRules, Step
from refjk.runtime.addresses import Address
from refjk.runtime.connecting import connect
from refjk.runtime.endpoint_errors import ConnectFailed

_READ_SIZE = 4096
_LINGER_S = 5.0  # for the other side to read the rest, when a connection has had its time


@dataclass(frozen=True, slots=True)
class CarrierSettings:
    """`tls`: a context that shows this node's certificate and checks the other's."""

    connect_timeout_ms: int = 5000
    rules: SendingRules = field(default_factory=SendingRules)
    tls: ssl.SSLContext | None = None


class Carrier:
    """Used by one thread at a time; connects when it has to."""

    def __init__(self, address: Address, dialect: ChannelDialect, settings: CarrierSettings) -> None:
        self._address = address
        self._dialect = dialect
        self._settings = settings
        self._core = SendingConnection(settings.rules)
        self._socket: socket.socket | None = None
        self._reason = ""
        self._ended = False

    @property
    def counters(self) -> SendingCounters:
        return self._core.counters

    def carry(self, frame: bytes) -> str | None:
        """Sends one frame as the rules say; why that failed, or None."""
        self._look()
        steps = deque(self._core.begin(_now_ms()))
        broken = False
        while True:
            step = steps.popleft()
            if step is Step.DONE:
                return None
            if step is Step.GIVE_UP:
                return self._reason
            if step is Step.CLOSE:
                self.finish(0 if broken else _LINGER_S)
                continue
            try:
                written = self._do(step, frame)
            except (ConnectFailed, OSError, Malformed) as error:
                text = (isinstance(error, OSError) and error.strerror) or str(error)
                broken = True
                self._reason = f"{step.value} failed: {text or type(error).__name__}"
                steps.extend(self._core.failed())
            else:
                broken = False
                steps.extend(self._core.succeeded(_now_ms(), written))

    def close(self) -> None:
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()

    def finish(self, grace_s: float) -> None:
        """Closes when the other side has read everything, or the time is over. CHN-ASY-15

        Who waits for answers knows it already.
        """
        if self._socket is not None and not self._settings.rules.waits:
            _wait_for_end(self._socket, grace_s)
        self.close()

    def end(self) -> None:
        """Called by another thread: a send that waits fails at once, and so do all that follow."""
        self._ended = True
        opened = self._socket
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def _do(self, step: Step, frame: bytes) -> int:
        """Octets written by it. Raises what makes the step fail."""
        if step is Step.CONNECT:
            self._socket = self._connected()
            return 0
        opened = self._socket
        if opened is None or self._ended:
            raise ConnectionAbortedError("the connection was closed")
        if step is Step.WRITE:
            opened.settimeout(self._settings.rules.answer_time_ms / 1000)
            opened.sendall(frame)
            return len(frame)
        self._await(opened)
        return 0

    def _connected(self) -> socket.socket:
        if self._ended:
            raise ConnectionAbortedError("the sender was closed")
        timeout_s = self._settings.connect_timeout_ms / 1000
        connected = connect(self._address, timeout_s)
        if self._settings.tls is None:
            return connected
        connected.settimeout(timeout_s)
        return self._settings.tls.wrap_socket(connected, server_hostname=self._address.host)

    def _await(self, opened: socket.socket) -> None:
        """Returns when the answer says yes."""
        reader = self._dialect.answer_reader()
        deadline = time.monotonic() + self._core.answer_time_ms / 1000
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"no answer within {self._core.answer_time_ms} ms")
            opened.settimeout(left_s)
            try:
                octets = opened.recv(_READ_SIZE)
            except TimeoutError:
                continue
            answer = reader.receive(octets) if octets else reader.receive_eof()
            if answer is Answer.REJECTED:
                raise ConnectionError("the other node could not handle the message")
            if answer is Answer.ACCEPTED:
                return
            if not octets:
                raise ConnectionError("the connection was closed before the answer")

    def _look(self) -> None:
        """Notices that the other side has closed since the last message, before this one is lost to it.

        Answers that nobody waited for are taken in on the way. CHN-ASY-11
        """
        opened = self._socket
        if opened is None:
            self._core.lost()
            return
        opened.settimeout(0)
        try:
            while opened.recv(_READ_SIZE):
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            pass
        self.close()
        self._core.lost()


def _wait_for_end(opened: socket.socket, grace_s: float) -> None:
    """Writes no more, and takes in answers until the other side closes."""
    deadline = time.monotonic() + grace_s
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_WR)
        while (left_s := deadline - time.monotonic()) > 0:
            opened.settimeout(left_s)
            if not opened.recv(_READ_SIZE):
                return


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
