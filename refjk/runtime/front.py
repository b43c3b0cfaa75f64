"""The web server's side: HTTP toward clients, AJP13 toward the workers of a balancer.

with Front(settings, "127.0.0.1:8080") as front:
    front.serve_forever()
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate

from refjk.ajp13.messages import Header
from refjk.balancing import RequestFacts, WorkerSnapshot
from refjk.http1 import Limits
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import EndpointSettings
from refjk.runtime.endpoint_pool import EndpointPool, PoolSettings
from refjk.runtime.front_connection import FrontConnection
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.runtime.server import Server
from refjk.webserver import Ending, Offer, Target, WebServer

HTTP_PORT_DEFAULT = 8080
SERVER_HEADER = (b"Server", b"refjk")

COUNTERS = (
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


class Front(Server):
    """A front; see `Server`. `trace` gets a line for each decision."""

    scheme = "http"
    port_default = HTTP_PORT_DEFAULT
    counter_names = COUNTERS

    def __init__(
        self,
        settings: FrontSettings,
        address: str = f"127.0.0.1:{HTTP_PORT_DEFAULT}",
        *,
        sockets: Sequence[socket.socket] = (),
        access_log: AccessLog | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            address, sockets=sockets, threads=settings.threads, connections_max=settings.connections_max
        )
        self.settings = settings
        self.access_log = access_log
        self.limits = Limits(body_size_max=settings.body_size_max, header_count_max=settings.header_count_max)
        self.workers: Mapping[str, FrontWorker] = {worker.name: worker for worker in settings.workers}
        self.pools: Mapping[str, EndpointPool] = {
            worker.name: self._build_pool(worker) for worker in settings.workers
        }
        self._web_server = WebServer(settings.mounts, settings.build_balancers(), settings.session_cookie)
        self._lock = threading.Lock()  # guards the balancers
        self._trace = trace
        self._standing: tuple[int, tuple[Header, Header]] = (0, ((b"Date", b""), SERVER_HEADER))

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

    def _release(self) -> None:
        for pool in self.pools.values():
            pool.close_all()

    def _connect(self, sock: socket.socket, peer: Address, local: Address) -> FrontConnection:
        return FrontConnection(self, sock, peer, local)

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


def _now_ms() -> int:
    return int(time.monotonic() * 1000)
