"""The containers of a scenario: refjk's, in this process, each stopped and started again on its port."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, quote

from refjk.runtime.connector import AjpServer
from tests.interop.peers import free_port

NODE_HEADER = "X-Node"
ROUTE_HEADER = "X-Route"


class Node:
    """Answers with its name and the route it was told; `status` is what it answers everything with.

    The query `size=N` asks for N octets of content.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.port = free_port()
        self._server: AjpServer | None = None

    def start(self) -> None:
        assert self._server is None, f"{self.name} is not down"
        self._server = AjpServer(self._answer, f"127.0.0.1:{self.port}")
        self._server.start()

    def kill(self) -> None:
        """Connections end, and new ones are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(0)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        content = b"x" * int(parse_qs(environ["QUERY_STRING"]).get("size", ["10"])[0])
        headers = [
            ("Content-Length", str(len(content))),
            (NODE_HEADER, self.name),
            (ROUTE_HEADER, quote(environ.get("refjk.route", ""))),
        ]
        start_response(f"{self.status} As Told", headers)
        return [content]


@contextlib.contextmanager
def running_nodes(names: Sequence[str]) -> Iterator[dict[str, Node]]:
    """All of them serving at first."""
    nodes: dict[str, Node] = {}
    try:
        for name in names:
            nodes[name] = Node(name)
            nodes[name].start()  # before the next one looks for a free port
        yield nodes
    finally:
        for node in nodes.values():
            node.kill()
