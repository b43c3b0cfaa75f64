"""The status page of a node, served on a port of its own.

status = NodeStatus("127.0.0.1:9090", name="node1", nodes={"Catalina/localhost": node}, servers=…, hosts=…)
status.start()
...
status.stop()
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from refjk.base.errors import RefjkError, UsageError
from refjk.runtime.accepting import PAUSE_S
from refjk.runtime.addresses import Address, parse_address
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.connector import AjpServer
from refjk.runtime.contexts import Hosts
from refjk.runtime.farm_node import FarmNode
from refjk.runtime.listening import open_listeners, resolve
from refjk.runtime.node_status_report import SOFTWARE, node_report
from refjk.status.access import Access, Policy, Refusal
from refjk.status.answer import StatusAnswer
from refjk.status.node_answer import answer_node, node_policy, refused
from refjk.status.node_model import NodeReport

logger = logging.getLogger("refjk.runtime")

VISITORS_MAX = 32
VISITOR_TIMEOUT_S = 10.0  # for the next octets of a request, or until the visitor takes more of the answer


class NodeStatus:
    """`start`, then `stop`. Nodes, servers, hosts and farms are by the names under which they are shown.

    `remote` allows an address, and visitors, that are not on loopback.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str,
        nodes: Mapping[str, ClusterNode],
        servers: Mapping[str, AjpServer],
        hosts: Mapping[str, Hosts],
        farms: Mapping[str, FarmNode] | None = None,
        remote: bool = False,
    ) -> None:
        self._address = parse_address(address, port_min=0)
        self._gather = partial(node_report, name, nodes, servers, hosts, farms or {})
        self._host_names = {name for one in hosts.values() for name in one.hosts}
        self._remote = remote
        self._listening: list[tuple[_HttpServer, threading.Thread]] = []

    def start(self) -> Address:
        """Listens and serves; where. Raises `UsageError`, and `InputError` for what cannot be had."""
        # NOD-STS-01
        for _, host in resolve(self._address):
            if not (self._remote or Address(host, self._address.port).is_loopback()):
                raise UsageError(
                    f"{host} is not a loopback address: whoever reaches the port would see the status. Use"
                    " 127.0.0.1, or allow it with --status-remote"
                )
        names = frozenset({self._address.host, *self._host_names})
        policy = node_policy(secrets.token_bytes(32), remote=self._remote, hosts=names)
        listeners = open_listeners(self._address)
        for listener in listeners:
            server = _HttpServer(listener, policy, self._gather)
            thread = threading.Thread(
                target=server.serve_forever, args=(0.1,), name="refjk-status", daemon=True
            )
            self._listening.append((server, thread))
            thread.start()
        host, port = listeners[0].getsockname()[:2]
        return Address(host, port)

    def stop(self) -> None:
        """Listens no more; an answer that is being written may be cut off when the process ends."""
        for server, thread in self._listening:
            server.shutdown()
            thread.join()
            server.server_close()
        self._listening.clear()


class _HttpServer(ThreadingHTTPServer):
    """One listener. Each visitor has a thread, and asks one question."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, policy: Policy, gather: Callable[[], NodeReport]) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.socket.setblocking(False)  # a visitor may be gone before it is accepted
        self.policy = policy
        self.gather = gather
        self._room = threading.BoundedSemaphore(VISITORS_MAX)

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except BlockingIOError:
            raise
        except OSError:
            time.sleep(PAUSE_S)  # out of descriptors, most likely: the listener stays ready all the time
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        # NOD-STS-14
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called while an exception is handled; one of the network is the visitor's."""
        logger.debug("a visitor of the status page got no answer", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, so that a connection ends with its answer."""

    server: _HttpServer
    timeout = VISITOR_TIMEOUT_S
    default_request_version = "HTTP/1.0"  # an answer to what is no HTTP has a status too

    def do_GET(self) -> None:
        access = self._access()
        path, _, query = self.path.partition("?")
        try:
            got = answer_node(path, query.encode("latin-1"), access, self.server.gather)
        except RefjkError as error:
            got = refused(Refusal(503, str(error)), access)
        except Exception:
            logger.exception("the status page failed")
            got = refused(Refusal(500, "The status page failed; see the log."), access)
        self._send(got)

    do_HEAD = do_GET

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself: methods without a function above, and what is no HTTP."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self.do_GET()
        else:
            self._send(refused(Refusal(code, HTTPStatus(code).phrase), self._access()))

    def version_string(self) -> str:
        return SOFTWARE

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: whoever collects metrics comes every few seconds."""

    def _access(self) -> Access:
        headers = getattr(self, "headers", None)
        named = [] if headers is None else headers.get_all("Host", [])
        # Of several names none is the right one.
        host = ", ".join(named) if named else None
        return Access(self.server.policy, self.command or "", str(self.client_address[0]), host=host)

    def _send(self, got: StatusAnswer) -> None:
        self.send_response(got.status)
        for name, value in (*got.headers, ("Content-Length", str(len(got.body))), ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(got.body)
