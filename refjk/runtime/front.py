"""The web server's side: HTTP toward clients, AJP13 toward the workers of a balancer.

with Front(settings, "127.0.0.1:8080") as front:
    front.serve_forever()
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from types import TracebackType
from typing import Self

from refjk.ajp13.messages import Header
from refjk.balancing import RequestFacts, WorkerSnapshot
from refjk.http1 import Limits
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import parse_address
from refjk.runtime.crew import Crew
from refjk.runtime.endpoint import EndpointSettings
from refjk.runtime.endpoint_pool import EndpointPool, PoolSettings
from refjk.runtime.front_connection import FrontConnection
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.runtime.listening import open_listeners
from refjk.webserver import Ending, Offer, Target, WebServer

HTTP_PORT_DEFAULT = 8080
SERVER_HEADER = (b"Server", b"refjk")

COUNTERS = (
    "connections",
    "requests",
    "refused_requests",
    "client_failures",
    "sent_again",
    "no_worker",
    *(f"ended_{ending.name.lower()}" for ending in Ending if ending.value not in ("served", "client failed")),
    "read_timeouts",
    "write_timeouts",
    "idle_timeouts",
)


class Front:
    """A front: `start`, then `stop`; or `serve_forever`; or a context manager around both.

    `address` is `HOST:PORT` (port 0 takes a free one); `sockets` are listening sockets that exist
    already and are served instead. `trace` gets a line for each decision.
    """

    def __init__(
        self,
        settings: FrontSettings,
        address: str = f"127.0.0.1:{HTTP_PORT_DEFAULT}",
        *,
        sockets: Sequence[socket.socket] = (),
        access_log: AccessLog | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.access_log = access_log
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        self.limits = Limits(body_size_max=settings.body_size_max, header_count_max=settings.header_count_max)
        self.workers: Mapping[str, FrontWorker] = {worker.name: worker for worker in settings.workers}
        self.pools: Mapping[str, EndpointPool] = {
            worker.name: self._build_pool(worker) for worker in settings.workers
        }
        self._web_server = WebServer(settings.mounts, settings.build_balancers(), settings.session_cookie)
        self._lock = threading.Lock()  # guards the balancers
        self._trace = trace
        self._address = address
        self._sockets = list(sockets)
        self._crew: Crew | None = None
        self._stopped = threading.Event()
        self._standing: tuple[int, tuple[Header, Header]] = (0, ((b"Date", b""), SERVER_HEADER))

    def start(self) -> tuple[str, int]:
        """Listen and serve in threads of its own; returns host and port of the first listener.

        Raises `InputError` for an address that cannot be had.
        """
        listeners = self._sockets or open_listeners(
            parse_address(self._address, port_default=HTTP_PORT_DEFAULT, port_min=0)
        )
        name = listeners[0].getsockname()
        self._crew = Crew(
            self._accept,
            threads=self.settings.threads,
            connections_max=self.settings.connections_max,
            name="front",
        )
        self._crew.start(listeners)
        return str(name[0]), int(name[1])

    def stop(self, graceful: float = 10.0) -> bool:
        """Finish what runs within `graceful` seconds, then close; True when all had finished."""
        crew, self._crew = self._crew, None
        finished = crew.stop(graceful) if crew is not None else True
        for pool in self.pools.values():
            pool.close_all()
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
    def stopping(self) -> bool:
        return self._crew is None or self._crew.stopping

    def snapshot(self) -> dict[str, tuple[WorkerSnapshot, ...]]:
        """The state of each balancer's workers at this moment."""
        with self._lock:
            return {name: balancer.snapshot() for name, balancer in self._web_server.balancers.items()}

    # -- for connections ------------------------------------------------------------------

    def standing_headers(self) -> tuple[Header, Header]:
        now = int(time.time())
        made_at, headers = self._standing
        if now != made_at:
            headers = ((b"Date", formatdate(now, usegmt=True).encode("ascii")), SERVER_HEADER)
            self._standing = now, headers
        return headers

    def target(self, raw_path: bytes) -> Target | None:
        return self._web_server.target(raw_path)

    def facts(self, target: Target, cookies: Sequence[bytes]) -> RequestFacts:
        return self._web_server.facts(target, cookies)

    def offer(self, target: Target, facts: RequestFacts, after: Offer | None) -> Offer | None:
        with self._lock:
            return self._web_server.offer(target, facts, _now_ms(), after)

    def report(self, target: Target, offer: Offer, ending: Ending, again: bool) -> None:
        with self._lock:
            self._web_server.report(target, offer, ending, again, _now_ms())

    def note(self, text: Callable[[], str]) -> None:
        """A line for the trace, made only when there is one."""
        if self._trace is not None:
            self._trace(text())

    # -- inside ---------------------------------------------------------------------------

    def _build_pool(self, worker: FrontWorker) -> EndpointPool:
        settings = self.settings
        return EndpointPool(
            worker.address,
            EndpointSettings(
                packet_size=worker.packet_size,
                connect_timeout_s=settings.connect_timeout_s,
                ping_timeout_s=settings.ping_timeout_s,
                reply_timeout_s=settings.reply_timeout_s,
                send_timeout_s=settings.reply_timeout_s,
            ),
            PoolSettings(size_max=settings.pool_size or settings.threads),
        )

    def _accept(self, sock: socket.socket) -> FrontConnection | None:
        self.counters["connections"] += 1
        sock.setblocking(False)
        try:
            if sock.family == socket.AF_UNIX:
                return FrontConnection(self, sock, ("127.0.0.1", 0), ("127.0.0.1", 0))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer, local = sock.getpeername()[:2], sock.getsockname()[:2]
        except OSError:
            # Gone before it was accepted.
            with contextlib.suppress(OSError):
                sock.close()
            return None
        return FrontConnection(self, sock, peer, local)


def _now_ms() -> int:
    return int(time.monotonic() * 1000)
