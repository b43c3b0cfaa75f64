"""A node with sessions: `python -m tests.interop.cluster_app_node NAME AJP_PORT GROUP_PORT MODE`.

Says `serves` on standard output and goes on until standard input ends. The application counts the requests
of each session at `/count`, and answers with the node's name and the count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from refjk.membership import MembershipSettings
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.connector import AjpServer
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.senders_settings import Mode, SenderSettings
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.session import ManagerSettings


def main(arguments: list[str]) -> None:
    name, ajp_port, group_port, mode = arguments

    def count(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        session = environ["refjk.session"]
        session.set("n", session.get("n", 0) + 1)
        body = f"{name} {session.get('n')}".encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    node = ClusterNode(
        NodeSettings(
            route=name,
            membership=MembershipSettings(frequency_ms=100, drop_time_ms=1000),
            multicast=MulticastSettings(port=int(group_port), interface="127.0.0.1", ttl=0),
            senders=SenderSettings(mode=Mode(mode)),
        )
    )
    node.start()
    sessions = node.add_context(ManagerSettings("", route=name, expire_sessions_on_shutdown=False))
    server = AjpServer(SessionMiddleware(count, sessions), f"127.0.0.1:{ajp_port}")
    server.start()
    print("serves", flush=True)
    sys.stdin.buffer.read()
    server.stop(2.0)
    node.stop(2.0)


if __name__ == "__main__":
    main(sys.argv[1:])
