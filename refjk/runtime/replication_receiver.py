"""Messages of the other nodes: accepted, read, handed over and answered."""

from __future__ import annotations

import contextlib
import logging
import queue
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from refjk.base.errors import InputError, UsageError
from refjk.channel import ChannelDialect, ChannelLimits, Envelope, ReceivingConnection
from refjk.runtime.accepting import Listeners
from refjk.runtime.addresses import Address
from refjk.runtime.listening import open_listeners

logger = logging.getLogger("refjk.runtime")

_READ_SIZE = 65536
_READS_AT_ONCE = 32  # of one connection, before its messages are handled


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """`address` is an IP address, or `auto` for that of the host's name; port 0 takes a free one.

    `exposed` allows messages from anybody without TLS. Raises `UsageError`.
    """

    address: str = "127.0.0.1"
    port: int = 0
    threads: int = 6
    selector_timeout_ms: int = 100
    connections_max: int = 1000
    buffered_max: int = 512 * 1024 * 1024  # octets of incomplete frames, of all connections
    limits: ChannelLimits = field(default_factory=ChannelLimits)
    tls: ssl.SSLContext | None = None
    handshake_ms: int = 5000  # for the handshake of TLS
    exposed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 1000:  # CHN-RCV-08
            raise UsageError(f"tcpThreadCount {self.threads} is not within 1 to 1000")
        if self.selector_timeout_ms < 0 or self.connections_max < 1 or not 0 <= self.port <= 65535:
            raise UsageError("tcpSelectorTimeout, tcpListenPort or the number of connections is out of range")


@dataclass(slots=True)
class ReceiverCounters:
    """What has happened since the start; connections that have ended included."""

    connections: int = 0
    failed: int = 0  # connections closed for what they sent
    messages: int = 0
    octets: int = 0
    answers: int = 0
    unhandled: int = 0  # messages whose handler failed


class _Accepted:
    """One connection, owned by the selector's thread or by one worker."""

    def __init__(self, connected: socket.socket, core: ReceivingConnection) -> None:
        self.socket = connected
        self.core = core
        self.accepted_at = time.monotonic()
        self.greeted = False  # whether the TLS handshake is done, where there is one
        self.wants_write = False  # what the handshake waits for
        self.watched = False  # the selector has it; used by its thread alone


class ReplicationReceiver:
    """Listens, and hands each message to `handler`, which tells whether it was handled.

    Messages of one connection are handled one after the other, those of different ones in as many threads
    as the settings say (CHN-RCV-02). What the handler raises is logged and counts as not handled.
    """

    def __init__(
        self,
        dialect: ChannelDialect,
        handler: Callable[[Envelope], bool],
        settings: ReceiverSettings | None = None,
    ) -> None:
        self._dialect = dialect
        self._handler = handler
        self._settings = settings or ReceiverSettings()
        self._selector = selectors.DefaultSelector()
        self._listeners = Listeners([], self._selector)
        self._ready: queue.SimpleQueue[_Accepted | None] = queue.SimpleQueue()
        self._returned: deque[_Accepted] = deque()
        self._connections: dict[_Accepted, int] = {}  # and the octets that each holds
        self._lock = threading.Lock()  # of the two above and the counters
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.counters = ReceiverCounters()

    def start(self) -> Address:
        """Binds and begins; where this node can be reached, which is what is to be announced.

        Raises `InputError` or `UsageError`. CHN-RCV-09
        """
        wanted = Address(_resolved(self._settings.address), self._settings.port)
        if not (wanted.is_loopback() or self._settings.exposed or self._settings.tls):  # CHN-RCV-11
            raise UsageError(
                f"anybody could send messages to {wanted}: give certificates, a loopback address, or "
                "allow it explicitly"
            )
        self._listeners = Listeners(open_listeners(wanted), self._selector)
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._threads = [
            threading.Thread(target=self._watch, name="refjk-receiver", daemon=True),
            *(
                threading.Thread(target=self._work, name=f"refjk-receiver-{number}", daemon=True)
                for number in range(self._settings.threads)
            ),
        ]
        sockets = self._listeners.sockets
        first = next((one for one in sockets if one.family == socket.AF_INET), sockets[0])
        host, port = first.getsockname()[:2]  # not what was wanted, which may be port 0 (CHN-RCV-07)
        for thread in self._threads:
            thread.start()
        return Address(host, port)

    def stop(self, grace_s: float = 5.0) -> None:
        """No new messages; those being handled may end within the time. Then all is closed. CHN-RCV-05"""
        if self._stopping.is_set() or not self._threads:
            return
        self._stopping.set()
        self._wake()
        for _ in self._threads[1:]:
            self._ready.put(None)
        deadline = time.monotonic() + grace_s
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(deadline - time.monotonic(), 0.01))
        with self._lock:
            left = list(self._connections)
        for accepted in left:
            self._close(accepted)
        self._waker.close()

    # The selector's thread.

    def _watch(self) -> None:
        timeout_s = self._settings.selector_timeout_ms / 1000 or None
        try:
            while not self._stopping.is_set():
                with self._lock:
                    room = len(self._connections) < self._settings.connections_max
                    returned = [self._returned.popleft() for _ in range(len(self._returned))]
                for accepted in returned:
                    self._arm(accepted)
                # Those for whom there is no room stay in the system's queue (CHN-RCV-06).
                if room:
                    self._listeners.watch()
                else:
                    self._listeners.pause()
                for key, _ in self._selector.select(timeout_s):
                    self._serve(key)
                if self._settings.tls is not None:
                    self._end_silent()
        finally:
            self._listeners.close()
            self._selector.close()
            self._woken.close()

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._woken:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
        elif isinstance(key.data, _Accepted):
            # Not watched while a worker has it: so its messages stay in order (CHN-RCV-01), and nobody
            # ever waits here for a worker (CHN-RCV-03).
            self._unwatch(key.data)
            self._ready.put(key.data)
        else:
            self._accept(key.data)

    def _accept(self, listener: socket.socket) -> None:
        connected = self._listeners.accept(listener)
        if connected is None:
            return
        try:
            connected.setblocking(False)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # CHN-RCV-13
        except OSError:  # it is gone already
            connected.close()
            return
        accepted = _Accepted(connected, ReceivingConnection(self._dialect, self._settings.limits))
        with self._lock:
            self._connections[accepted] = 0
            self.counters.connections += 1
        self._arm(accepted)

    def _arm(self, accepted: _Accepted) -> None:
        writes = accepted.wants_write or accepted.core.answers_to_send()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writes else 0)
        try:
            self._selector.register(accepted.socket, events, accepted)
        except (ValueError, KeyError, OSError):
            self._close(accepted)
        else:
            accepted.watched = True

    def _unwatch(self, accepted: _Accepted) -> None:
        self._selector.unregister(accepted.socket)
        accepted.watched = False

    def _end_silent(self) -> None:
        """Closes connections whose handshake takes too long. CHN-TLS-03"""
        begun_before = time.monotonic() - self._settings.handshake_ms / 1000
        with self._lock:
            silent = [one for one in self._connections if not one.greeted and one.accepted_at < begun_before]
            silent = [one for one in silent if one.watched]
            self.counters.failed += len(silent)
        for accepted in silent:
            self._unwatch(accepted)
            self._close(accepted)

    # The workers.

    def _work(self) -> None:
        while (accepted := self._ready.get()) is not None:
            if self._stopping.is_set():
                return
            try:
                alive = not self._greet(accepted) or self._round(accepted)
            except OSError:
                alive = False
            except Exception:
                logger.exception("a connection of the receiver failed")
                alive = False
            if not alive:
                self._close(accepted)
                continue
            with self._lock:
                self._returned.append(accepted)
            self._wake()

    def _greet(self, accepted: _Accepted) -> bool:
        """A step of the TLS handshake, where there is one; whether it is done. CHN-TLS-01

        Never waits, as it keeps a worker busy. Raises `OSError` for one that failed.
        """
        if accepted.greeted or self._settings.tls is None:
            return True
        try:
            if not isinstance(accepted.socket, ssl.SSLSocket):
                accepted.socket = self._settings.tls.wrap_socket(
                    accepted.socket, server_side=True, do_handshake_on_connect=False
                )
            accepted.wants_write = False
            accepted.socket.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            accepted.wants_write = True
            return False
        except OSError as error:
            logger.warning("a node was refused by TLS: %s", error)
            with self._lock:
                self.counters.failed += 1
            raise
        accepted.greeted = True
        return True

    def _round(self, accepted: _Accepted) -> bool:
        """Reads what is there, handles what is complete, answers; False when the connection has ended."""
        core, ended, more = accepted.core, False, True
        while more and not ended:
            octets, ended, more = self._read(accepted)
            messages = core.receive(octets)
            self._count(accepted, len(octets), len(messages))
            self._answer(accepted)  # in a dialect that answers before the messages are handled
            # Frames that came before the end of the stream count (CHN-RCV-04).
            for envelope in messages:
                core.processed(envelope, handled=self._handle(envelope))
            self._answer(accepted)
            if core.failure is not None:
                logger.warning("a connection of the receiver is closed: %s", core.failure)
                with self._lock:
                    self.counters.failed += 1
                return False
        return not ended and self._within_bounds(accepted)

    def _read(self, accepted: _Accepted) -> tuple[bytes, bool, bool]:
        """Octets, whether the stream has ended, whether there may be more at once."""
        pieces: list[bytes] = []
        for _ in range(_READS_AT_ONCE):
            try:
                piece = accepted.socket.recv(_READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return b"".join(pieces), False, False
            except ConnectionError:
                return b"".join(pieces), True, False
            if not piece:
                return b"".join(pieces), True, False
            pieces.append(piece)
        # Only TLS holds octets that no selector sees.
        held = isinstance(accepted.socket, ssl.SSLSocket) and accepted.socket.pending() > 0
        return b"".join(pieces), False, held

    def _handle(self, envelope: Envelope) -> bool:
        try:
            handled = self._handler(envelope)
        except Exception:
            logger.exception("the handler of a message failed")
            handled = False
        if not handled:
            with self._lock:
                self.counters.unhandled += 1
        return handled

    def _answer(self, accepted: _Accepted) -> None:
        """Writes what can be written now; a node that does not read its answers does not hold us up."""
        answers = accepted.core.answers_to_send()
        if answers:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ConnectionError):
                sent = accepted.socket.send(answers)
                accepted.core.answers_sent(sent)

    def _count(self, accepted: _Accepted, octets: int, messages: int) -> None:
        with self._lock:
            self.counters.octets += octets
            self.counters.messages += messages
            if accepted in self._connections:
                self._connections[accepted] = accepted.core.buffered

    def _within_bounds(self, accepted: _Accepted) -> bool:
        """CHN-RCV-12"""
        with self._lock:
            if accepted.core.buffered and sum(self._connections.values()) > self._settings.buffered_max:
                self.counters.failed += 1
                return False
        return True

    def _close(self, accepted: _Accepted) -> None:
        with self._lock:
            if self._connections.pop(accepted, None) is None:
                return
            self.counters.answers += accepted.core.answers
        accepted.socket.close()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"x")


def _resolved(address: str) -> str:
    """`auto` is the address of this host's name. CHN-RCV-10"""
    if address != "auto":
        return address
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError as error:
        raise InputError(f"the name of this host has no address: {error.strerror}") from None
