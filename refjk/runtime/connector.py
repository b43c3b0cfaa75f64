"""The container's connector: serves a WSGI application over AJP13.

with AjpServer(application, "127.0.0.1:8009") as server:
    server.serve_forever()
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Sequence

from refjk.ajp13 import ContainerPolicy
from refjk.base.errors import UsageError
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import AJP_PORT_DEFAULT, Address
from refjk.runtime.ajp_connection import AjpConnection
from refjk.runtime.environ import EnvironBuilder
from refjk.runtime.server import Server
from refjk.runtime.settings import ConnectorSettings
from refjk.runtime.wsgi import WsgiApplication

COUNTERS = (
    "requests",
    "pings",
    "refused_requests",
    "violations",
    "headers_too_many",
    "packets_too_long",
    "application_errors",
    "broken_responses",
    "read_timeouts",
    "write_timeouts",
    "idle_timeouts",
    "bodies_too_large",
)


class AjpServer(Server):
    """A connector. A listener that is not on loopback demands a secret; see `Server` for the rest."""

    scheme = "ajp"
    port_default = AJP_PORT_DEFAULT
    counter_names = COUNTERS

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
        super().__init__(
            address,
            sockets=sockets,
            threads=self.settings.threads,
            connections_max=self.settings.connections_max,
        )
        self.access_log = access_log
        self.policy = ContainerPolicy(
            strict=self.settings.strict,
            secret=self.settings.secret,
            allowed_attributes=self.settings.allowed_attributes,
            header_count_max=self.settings.header_count_max,
        )
        self.environs = EnvironBuilder(self.settings, sys.stderr)

    def _check(self, bound: Sequence[Address]) -> None:
        check_exposure(bound, self.settings)

    def _connect(self, sock: socket.socket, peer: Address, local: Address) -> AjpConnection:
        return AjpConnection(self, sock, str(peer))


def check_exposure(addresses: Iterable[Address], settings: ConnectorSettings) -> None:
    """Raises `UsageError` when one of the addresses needs a secret and there is none. AJP-SEC-04"""
    for address in addresses:
        if not settings.secret and not address.is_loopback():
            raise UsageError(
                f"{address.host} is not a loopback address: whoever reaches the port could pose as the"
                " web server. Give both ends a secret (--secret-file FILE) or listen on 127.0.0.1"
            )
