"""The container's connector: serves a WSGI application over AJP13.

with AjpServer(application, "127.0.0.1:8009") as server:
    server.serve_forever()
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from refjk.ajp13 import ContainerPolicy
from refjk.base.errors import UsageError
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import AJP_PORT_DEFAULT, Address, parse_address
from refjk.runtime.ajp_connection import AjpConnection
from refjk.runtime.crew import Crew
from refjk.runtime.environ import EnvironBuilder
from refjk.runtime.listening import open_listeners
from refjk.runtime.settings import ConnectorSettings
from refjk.runtime.wsgi import WsgiApplication

COUNTERS = (
    "connections",
    "requests",
    "pings",
    "refused_requests",
    "violations",
    "application_errors",
    "broken_responses",
    "read_timeouts",
    "write_timeouts",
    "idle_timeouts",
    "bodies_too_large",
)


class AjpServer:
    """A connector: `start`, then `stop`; or `serve_forever`; or a context manager around both.

    `address` is `HOST:PORT` (port 0 takes a free one); `sockets` are listening sockets that
    exist already and are served instead. A listener that is not on loopback demands a secret.
    """

    def __init__(
        self,
        application: WsgiApplication,
        address: str = "127.0.0.1:8009",
        settings: ConnectorSettings | None = None,
        *,
        sockets: Sequence[socket.socket] = (),
        access_log: AccessLog | None = None,
    ) -> None:
        self.application = application
        self.settings = settings or ConnectorSettings()
        self.access_log = access_log
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        self.policy = ContainerPolicy(
            strict=self.settings.strict,
            secret=self.settings.secret,
            allowed_attributes=self.settings.allowed_attributes,
            header_count_max=self.settings.header_count_max,
        )
        self.environs = EnvironBuilder(self.settings, sys.stderr)
        self._address = address
        self._sockets = list(sockets)
        self._crew: Crew | None = None
        self.stopping = False  # requests that end from now on end their connection too
        self._stopped = threading.Event()

    def start(self) -> tuple[str, int]:
        """Listen and serve in threads of its own; returns host and port of the first listener.

        Raises `UsageError` for an address that would need a secret, `InputError` for one that
        cannot be had.
        """
        listeners = self._sockets or open_listeners(
            parse_address(self._address, port_default=AJP_PORT_DEFAULT, port_min=0)
        )
        bound = [_bound_address(listener) for listener in listeners]
        try:
            check_exposure(bound, self.settings)
        except UsageError:
            for listener in listeners:
                listener.close()
            raise
        self._crew = Crew(
            self._accept,
            threads=self.settings.threads,
            connections_max=self.settings.connections_max,
            name="ajp",
        )
        self._crew.start(listeners)
        return bound[0].host, bound[0].port

    def stop(self, graceful: float = 10.0) -> bool:
        """Finish what runs within `graceful` seconds, then close; True when all had finished."""
        self.stopping = True
        crew, self._crew = self._crew, None
        finished = crew.stop(graceful) if crew is not None else True
        self._stopped.set()
        return finished

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

    @property
    def accept_pauses(self) -> int:
        """How often new connections had to wait for the connection limit or for descriptors."""
        return self._crew.connections_refused if self._crew is not None else 0

    def _accept(self, sock: socket.socket) -> AjpConnection:
        self.counters["connections"] += 1
        sock.setblocking(False)
        peer = "a local socket"
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):  # gone already; the first read will tell
                peer = "{}:{}".format(*sock.getpeername()[:2])
        return AjpConnection(self, sock, peer)


def check_exposure(addresses: Iterable[Address], settings: ConnectorSettings) -> None:
    """Raises `UsageError` when one of the addresses needs a secret and there is none. AJP-SEC-04"""
    for address in addresses:
        if not settings.secret and not address.is_loopback():
            raise UsageError(
                f"{address.host} is not a loopback address: whoever reaches the port could pose as the"
                " web server. Give both ends a secret (--secret-file FILE) or listen on 127.0.0.1"
            )


def _bound_address(listener: socket.socket) -> Address:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return Address("localhost", 0)  # a path in the file system: its permissions guard it
    return Address(str(name[0]), int(name[1]))
