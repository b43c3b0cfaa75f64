"""A TCP relay between a web server and a container that passes octets on and lets others look.

One thread, one selector. Each direction of a connection has a buffer; while it is full nothing
more is read from its sender, so that TCP slows that sender as it would without the relay.
Whoever looks does so from a `Tap`, which is bounded and drops what nobody takes in time: looking
never slows what is looked at.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from refjk.base.errors import Unreachable
from refjk.runtime.addresses import Address
from refjk.runtime.listening import open_listeners
from refjk.runtime.relay_tap import RelayEnded, RelayEvent, RelayFailed, RelayOpened, RelayPassed, Tap

BUFFER_SIZE_MAX = 1 << 18  # octets of one direction that may wait for their receiver
RECEIVE_SIZE = 1 << 16
CONNECTIONS_MAX = 512
CONNECT_TIMEOUT_S = 10.0
_WAKEUP_S = 0.5
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Relay:
    """`start`, then `stop`."""

    def __init__(
        self, listen: Address, target: Address, taps: Sequence[Tap], *, connections_max: int = CONNECTIONS_MAX
    ) -> None:
        self._listen = listen
        self._target = target
        self._taps = taps
        self._connections_max = connections_max
        self._listeners: list[socket.socket] = []
        self._accepting = False
        self._accept_again_at = 0.0
        self._links: set[_Link] = set()
        self._number = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="refjk-relay", daemon=True)

    def start(self) -> Address:
        """Listen and relay; returns the bound address.

        Raises `InputError` when it cannot listen, `Unreachable` when the target's name is unknown.
        """
        self._family, self._where = _resolve(self._target)
        self._listeners = open_listeners(self._listen)
        for listener in self._listeners:
            listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._waker, self._waker_end = socket.socketpair()
        self._selector.register(self._waker_end, selectors.EVENT_READ)
        self._watch_listeners()
        self._thread.start()
        host, port = self._listeners[0].getsockname()[:2]
        return Address(host, port)

    def ask_stop(self) -> None:
        """Begin to stop; returns at once, so that a signal handler may call it."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def stop(self) -> None:
        """Close everything; what waits in a tap can still be taken."""
        self.ask_stop()
        self._thread.join()

    # -- in the relay's thread ------------------------------------------------------------

    def tell(self, event: RelayEvent) -> None:
        """Let all taps know."""
        for tap in self._taps:
            tap.put(event)

    def forget(self, link: _Link) -> None:
        """A connection is over."""
        self._links.discard(link)

    def _run(self) -> None:
        try:
            while not self._stopping:
                for key, ready in self._selector.select(_WAKEUP_S):
                    if isinstance(key.data, _Link):
                        key.data.go_on(key.fd, ready)
                    elif key.data is not None:
                        self._accept(key.data)
                self._give_up_connecting()
                self._watch_listeners()
        finally:
            self._close_all()

    def _close_all(self) -> None:
        for link in list(self._links):
            link.close()
        for opened in (*self._listeners, self._waker, self._waker_end):
            opened.close()
        self._selector.close()
        for tap in self._taps:
            tap.close()

    def _watch_listeners(self) -> None:
        """Accept only while there is room; the rest waits in the system's queue."""
        wanted = len(self._links) < self._connections_max and time.monotonic() >= self._accept_again_at
        if wanted is self._accepting:
            return
        for listener in self._listeners:
            if wanted:
                self._selector.register(listener, selectors.EVENT_READ, listener)
            else:
                self._selector.unregister(listener)
        self._accepting = wanted

    def _accept(self, listener: socket.socket) -> None:
        try:
            web_server, address = listener.accept()
            container = socket.socket(self._family, socket.SOCK_STREAM)
        except BlockingIOError:
            return
        except OSError:
            # Out of descriptors: the listener would stay readable and turn the loop into a spin.
            self._accept_again_at = time.monotonic() + _WAKEUP_S
            return
        self._number += 1
        link = _Link(self, self._selector, self._number, web_server, container)
        self._links.add(link)
        link.connect(address[:2], self._where)

    def _give_up_connecting(self) -> None:
        now = time.monotonic()
        for link in [link for link in self._links if link.connect_until < now]:
            link.fail("no answer in time")


@dataclass(slots=True)
class _Way:
    """One direction: where octets come from, where they go, and what waits in between."""

    source: socket.socket
    target: socket.socket
    toward_container: bool
    pending: bytearray = field(default_factory=bytearray)
    ended: bool = False  # the source said its last octet
    end_passed: bool = False
    broken: bool = False  # the target takes nothing any more


class _Link:
    """One connection of a web server, and the one made for it to the container."""

    def __init__(
        self,
        relay: Relay,
        selector: selectors.BaseSelector,
        number: int,
        web_server: socket.socket,
        container: socket.socket,
    ) -> None:
        self._relay = relay
        self._selector = selector
        self._number = number
        self._container = container
        self._up = _Way(web_server, container, True)
        self._down = _Way(container, web_server, False)
        self._ends: tuple[tuple[str, int], tuple[str, int]] = ("", 0), ("", 0)
        self._closed = False
        self.connect_until = time.monotonic() + CONNECT_TIMEOUT_S

    def connect(self, web_server: tuple[str, int], where: tuple[str, int]) -> None:
        """Begin to connect to the container; what the web server says waits in the system until then."""
        self._ends = web_server, where
        for way in (self._up, self._down):
            way.source.setblocking(False)
        try:
            with contextlib.suppress(BlockingIOError):
                self._container.connect(where)
        except OSError as error:
            self.fail(str(error.strerror))
            return
        self._selector.register(self._container, selectors.EVENT_WRITE, self)

    def fail(self, reason: str) -> None:
        """The container cannot be reached."""
        self._relay.tell(RelayFailed(self._number, time.time_ns(), reason))
        self.close()

    def go_on(self, fd: int, ready: int) -> None:
        """One of the two sockets can be read or written."""
        if self._closed:
            return  # by the other one's event of the same round
        if self.connect_until != math.inf:
            self._connected()
            return
        way, back = (self._up, self._down) if fd == self._up.source.fileno() else (self._down, self._up)
        if ready & selectors.EVENT_WRITE:
            self._write(back)
        if ready & selectors.EVENT_READ and not self._closed:
            self._read(way)
        if not self._closed:
            self._watch()

    def _connected(self) -> None:
        error = self._container.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.fail(os.strerror(error))
            return
        if self._container.getsockname() == self._container.getpeername():
            # Nobody listens there, and the system gave that very port to this connection.
            self.fail("Connection refused")
            return
        self.connect_until = math.inf
        for way in (self._up, self._down):
            way.source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._relay.tell(RelayOpened(self._number, time.time_ns(), *self._ends))
        self._watch()

    def _read(self, way: _Way) -> None:
        try:
            data = way.source.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:
            self._reset(way)
            return
        now = time.time_ns()
        if data:
            self._relay.tell(RelayPassed(self._number, now, way.toward_container, data))
            if not way.broken:
                way.pending += data
        else:
            way.ended = True
            self._relay.tell(RelayEnded(self._number, now, way.toward_container, reset=False))
        self._write(way)

    def _write(self, way: _Way) -> None:
        """Pass on what waits, and the end once everything before it is on its way."""
        try:
            if way.pending:
                del way.pending[: way.target.send(way.pending)]
            if way.ended and not way.pending and not way.end_passed:
                way.end_passed = True
                way.target.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            # The target is gone, but what it said before may still wait to be read; the end of that
            # tells how it went.
            way.broken = True
            way.pending.clear()
            other = self._down if way is self._up else self._up
            if other.ended:
                self._reset(other)

    def _reset(self, way: _Way) -> None:
        """The source of this direction gave up: the target learns it the same way."""
        self._relay.tell(RelayEnded(self._number, time.time_ns(), way.toward_container, reset=True))
        with contextlib.suppress(OSError):
            way.target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()

    def _watch(self) -> None:
        """Tell the selector what matters now; close when both directions are through."""
        if self._up.end_passed and self._down.end_passed:
            self.close()
            return
        for way, back in ((self._up, self._down), (self._down, self._up)):
            wanted = 0
            if not way.ended and len(way.pending) < BUFFER_SIZE_MAX:
                wanted |= selectors.EVENT_READ
            if back.pending:
                wanted |= selectors.EVENT_WRITE
            known = self._selector.get_map().get(way.source)
            if known is None and wanted:
                self._selector.register(way.source, wanted, self)
            elif known is not None and not wanted:
                self._selector.unregister(way.source)
            elif known is not None and known.events != wanted:
                self._selector.modify(way.source, wanted, self)

    def close(self) -> None:
        """Close both connections at once."""
        self._closed = True
        for way in (self._up, self._down):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(way.source)
            way.source.close()
        self._relay.forget(self)


def _resolve(address: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"no address for {address.host}") from error
    return found[0], (str(found[4][0]), address.port)
