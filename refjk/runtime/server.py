"""What the container's connector and the front have in common: to start, to serve and to stop."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from refjk.base.errors import LocalProtocolError
from refjk.runtime.addresses import Address, parse_address
from refjk.runtime.crew import Crew, Served
from refjk.runtime.listening import open_listeners

# `accept_pauses`: new connections had to wait for the connection limit or for descriptors;
# `thread_shortages`: one had to wait because all threads were busy.
CREW_COUNTERS = ("connections", "accept_pauses", "thread_shortages")


class Server(ABC):
    """`start`, then `stop`; or `serve_forever`; or a context manager around both.

    `address` is `HOST:PORT` (port 0 takes a free one); `sockets` are listening sockets that exist
    already and are served instead.
    """

    scheme: str
    port_default: int
    counter_names: Sequence[str]

    def __init__(
        self, address: str, *, sockets: Sequence[socket.socket], threads: int, connections_max: int
    ) -> None:
        self.counters: Counter[str] = Counter(dict.fromkeys((*CREW_COUNTERS, *self.counter_names), 0))
        self.stopping = False  # requests that end from now on end their connection too
        self._address = address
        self._sockets = list(sockets)
        self._threads = threads
        self._connections_max = connections_max
        self._crew: Crew | None = None
        self._stopped = threading.Event()

    def start(self) -> tuple[str, int]:
        """Listen and serve in threads of its own; returns host and port of the first listener.

        Raises `UsageError` for an address that is not allowed, `InputError` for one that cannot
        be had, and `LocalProtocolError` when it was started before: a server serves once.
        """
        if self._crew is not None or self.stopping:
            raise LocalProtocolError("this server was started before; make a new one")
        listeners = self._sockets or open_listeners(
            parse_address(self._address, port_default=self.port_default, port_min=0)
        )
        bound = [_bound_address(listener) for listener in listeners]
        try:
            self._check(bound)
        except BaseException:
            for listener in listeners:
                listener.close()
            raise
        self._crew = Crew(
            self._accept_counted,
            threads=self._threads,
            connections_max=self._connections_max,
            name=self.scheme,
            counters=self.counters,
        )
        self._crew.start(listeners)
        return bound[0].host, bound[0].port

    def stop(self, graceful: float = 10.0) -> bool:
        """Finish what runs within `graceful` seconds, then close; True when all had finished."""
        self.stopping = True
        crew, self._crew = self._crew, None
        finished = crew.stop(graceful) if crew is not None else True
        self._release()
        self._stopped.set()
        return finished

    def retire(self) -> None:
        """Accept nothing more, and end each connection with its next answer; those that are idle stay.

        PRC-RLD-05; `retired` tells when all is over, and `stop` must follow in any case.
        """
        self.stopping = True
        if self._crew is not None:
            self._crew.retire()

    @property
    def retired(self) -> bool:
        """Whether no connection is left after `retire`."""
        return self._crew is None or self._crew.retired

    def serve_forever(self) -> None:
        """Start if need be and return when another thread or a signal handler calls `stop`."""
        if self._crew is None and not self._stopped.is_set():
            self.start()
        self._stopped.wait()

    def __enter__(self) -> Self:
        if self._crew is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _connect(self, sock: socket.socket, peer: Address, local: Address) -> Served:
        """The connection behind an accepted socket."""

    def _check(self, bound: Sequence[Address]) -> None:  # noqa: B027 (a hook)
        """Raises what speaks against serving on these addresses."""

    def _release(self) -> None:  # noqa: B027 (a hook)
        """After the last connection is closed."""

    def _accept_counted(self, sock: socket.socket) -> Served | None:
        self.counters["connections"] += 1
        try:
            sock.setblocking(False)
            if sock.family == socket.AF_UNIX:
                return self._connect(sock, _LOCAL, _LOCAL)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer, local = sock.getpeername(), sock.getsockname()
        except OSError:
            # Gone before it was accepted.
            with contextlib.suppress(OSError):
                sock.close()
            return None
        return self._connect(sock, Address(peer[0], peer[1]), Address(local[0], local[1]))


_LOCAL = Address("127.0.0.1", 0)  # a path in the file system: its permissions guard it


def _bound_address(listener: socket.socket) -> Address:
    name = listener.getsockname()
    return _LOCAL if listener.family == socket.AF_UNIX else Address(str(name[0]), int(name[1]))
