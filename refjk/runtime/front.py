"""The web server's side: HTTP toward clients, AJP13 toward the workers of a balancer.

with Front(settings, "127.0.0.1:8080") as front:
    front.serve_forever()
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from email.utils import formatdate

from refjk.ajp13.messages import Header
from refjk.balancing import RequestFacts, WorkerSnapshot
from refjk.base.errors import UsageError
from refjk.configuration import MountRule
from refjk.http1 import Limits
from refjk.logformat import LogEntry
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Trace
from refjk.runtime.endpoint_pool import EndpointPool
from refjk.runtime.front_chores import Chores
from refjk.runtime.front_connection import FrontConnection
from refjk.runtime.front_forwarding import Answer, Attempt
from refjk.runtime.front_local import LocalAnswer, LocalRequest, LocalService
from refjk.runtime.front_logs import FrontLogs
from refjk.runtime.front_pools import build_pool, place_timeout_s
from refjk.runtime.front_settings import FrontSettings, ServingSettings
from refjk.runtime.server import Server
from refjk.webserver import Ending, Host, Memory, Offer, Plan, Target, Verdict, WebServer, WorkerPlan

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
    """A front; see `Server`. `trace` gets a line for each decision.

    `plan` is what a configuration says (`refjk.webserver.compose`); without one `settings` say all.
    `memory` and `lock` are those that several processes share, `slot` is the number of this one.
    `watchdog_s` is the time between two looks at what is due; 0: each request looks.
    """

    scheme = "http"
    port_default = HTTP_PORT_DEFAULT
    counter_names = COUNTERS

    def __init__(
        self,
        settings: ServingSettings,
        address: str = f"127.0.0.1:{HTTP_PORT_DEFAULT}",
        *,
        plan: Plan | None = None,
        sockets: Sequence[socket.socket] = (),
        access_log: AccessLog | None = None,
        trace: Callable[[str], None] | None = None,
        memory: Memory | None = None,
        slot: int = 0,
        lock: AbstractContextManager[object] | None = None,
        watchdog_s: int = 0,
        read_mount_file: Callable[[str], tuple[MountRule, ...]] | None = None,
        logs: FrontLogs | None = None,
    ) -> None:
        super().__init__(
            address, sockets=sockets, threads=settings.threads, connections_max=settings.connections_max
        )
        self.settings = settings
        self._access_log = access_log
        self._logs = logs
        self.keeps_log = access_log is not None or logs is not None
        self.limits = Limits(body_size_max=settings.body_size_max, header_count_max=settings.header_count_max)
        if plan is None:
            if not isinstance(settings, FrontSettings):
                raise UsageError("a front needs a plan, or settings that name its workers")
            plan = settings.plan()
        self.style = plan.style
        self.web_server = WebServer(plan, now_ms(), memory, slot, fresh=memory is None)
        self.pools: Mapping[str, EndpointPool] = {
            worker.name: build_pool(worker, plan.style, settings) for worker in plan.workers.values()
        }
        self.services: list[LocalService] = []
        self.before_requests: list[Callable[[], None]] = []
        self._full = _Full(self.pools)
        # Guards all that is counted and chosen.
        self.lock = threading.Lock() if lock is None else lock
        self._trace = trace
        self._ends = threading.Event()
        self._looks = watchdog_s <= 0
        self._standing: tuple[int, tuple[Header, Header]] = (0, ((b"Date", b""), SERVER_HEADER))
        self._chores = Chores(self.web_server.hosts, self._maintain, watchdog_s, read_mount_file, now_ms())
        if self._chores.has_files:
            self.before_requests.append(lambda: self._chores.look(now_ms()))

    def log(self, host: Host | None, entry: LogEntry) -> None:
        if self._access_log is not None:
            self._access_log.write(entry)
        if self._logs is not None:
            server = (host or self.web_server.hosts.all[0]).plan.server
            if server is not None:
                self._logs.of[id(server)].write(entry)

    def trace_traffic(self, make: Callable[[str], Trace]) -> None:
        """Each new connection to a worker gets a trace of its own; `make` is told which it is."""
        for pool in self.pools.values():
            pool.trace = make

    def snapshot(self) -> dict[str, tuple[WorkerSnapshot, ...]]:
        """The state of each balancer's workers at this moment."""
        with self.lock:
            return {name: balancer.snapshot() for name, balancer in self.web_server.balancers.items()}

    def start(self) -> tuple[str, int]:
        where = super().start()
        self._chores.start()
        return where

    def stop(self, graceful: float = 10.0) -> bool:
        self._ends.set()
        self._chores.stop()
        return super().stop(graceful)

    # -- for connections ------------------------------------------------------------------

    def standing_headers(self) -> tuple[Header, Header]:
        now = int(time.time())
        made_at, headers = self._standing
        if now != made_at:
            headers = ((b"Date", formatdate(now, usegmt=True).encode("ascii")), SERVER_HEADER)
            self._standing = now, headers
        return headers

    def host(self, name: bytes, local: Address) -> Host:
        for call in self.before_requests:
            call()
        return self.web_server.host(name, local.host, local.port)

    def is_local(self, target: Target) -> bool:
        return target.worker in self.web_server.plan.statuses

    def serve_here(self, request: LocalRequest) -> LocalAnswer | None:
        for service in self.services:
            answer = service(request)
            if answer is not None:
                return answer
        return None

    def facts(self, target: Target, cookies: Sequence[bytes]) -> RequestFacts:
        return self.web_server.facts(target, cookies, self._full)

    def offer(self, target: Target, facts: RequestFacts, after: Answer) -> Answer:
        time_ms = now_ms()
        with self.lock:
            is_due = after is None and self._looks and self.web_server.maintain(time_ms)
            answer = self.web_server.offer(target, facts, time_ms, after)
        if is_due:
            self._maintain_pools()
        return answer

    def start_attempt(self, target: Target, offer: Offer) -> bool:
        with self.lock:
            return self.web_server.start(target, offer)

    def report(self, target: Target, offer: Offer, verdict: Verdict, attempt: Attempt) -> bool:
        with self.lock:
            return self.web_server.report(
                target,
                offer,
                verdict,
                now_ms(),
                started=attempt.started,
                octets_read=attempt.octets_read,
                octets_written=attempt.octets_written,
                reply_timeouts=attempt.reply_timeouts,
            )

    def status_without_worker(self, target: Target) -> int:
        return self.web_server.status_without_worker(target)

    def notes(self, target: Target, offers: Sequence[Offer]) -> dict[str, str]:
        with self.lock:
            return self.web_server.notes(target, offers)

    def place_timeout_s(self, worker: WorkerPlan) -> float:
        return place_timeout_s(worker, self.settings)

    def pause(self, milliseconds: int) -> None:
        if milliseconds > 0:
            self._ends.wait(milliseconds / 1000)

    def note(self, text: Callable[[], str]) -> None:
        """A line for the trace, made only when there is one."""
        if self._trace is not None:
            self._trace(text())

    # -- inside ---------------------------------------------------------------------------

    def _maintain(self, time_ms: int) -> None:
        with self.lock:
            due = self.web_server.maintain(time_ms)
        if due:
            self._maintain_pools()

    def _maintain_pools(self) -> None:
        for pool in self.pools.values():
            pool.maintain()

    def _release(self) -> None:
        for pool in self.pools.values():
            pool.close_all()

    def _connect(self, sock: socket.socket, peer: Address, local: Address) -> FrontConnection:
        return FrontConnection(self, sock, peer, local)


class _Full:
    """The workers to which every connection is in use, at the moment of the question."""

    def __init__(self, pools: Mapping[str, EndpointPool]) -> None:
        self._pools = pools

    def __contains__(self, name: object) -> bool:
        pool = self._pools.get(name) if isinstance(name, str) else None
        return pool is not None and pool.is_full


def now_ms() -> int:
    """The clock of fronts; all processes of a machine share it."""
    return int(time.monotonic() * 1000)
