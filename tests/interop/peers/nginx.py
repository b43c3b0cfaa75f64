"""nginx with upstreams of weighted HTTP servers, each behind a path of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.interop.peers.process import Peer, find_program, free_port

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True, slots=True)
class Upstream:
    """One HTTP server of an upstream; after `fails_max` failures it is left alone for an hour (0: never)."""

    port: int
    weight: int = 1
    fails_max: int = 0

    def __str__(self) -> str:
        return (
            f"server 127.0.0.1:{self.port} weight={self.weight} max_fails={self.fails_max} fail_timeout=1h;"
        )


class Nginx(Peer):
    """`/NAME` goes to the servers of `upstreams[NAME]`, by nginx's own choice by weight.

    One worker process, so that each upstream has one state.
    """

    name = "nginx"

    def __init__(self, upstreams: Mapping[str, Sequence[Upstream]]) -> None:
        super().__init__()
        self.upstreams = dict(upstreams)
        self.port = 0
        self._program = find_program("nginx", "nginx")

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _prepare(self) -> None:
        upstreams = "\n".join(
            f"upstream {name} {{ {' '.join(map(str, servers))} }}" for name, servers in self.upstreams.items()
        )
        locations = "\n".join(
            f"location = /{name} {{ proxy_pass http://{name}; }}" for name in self.upstreams
        )
        temporary = "\n".join(f"{kind}_temp_path {self.directory}/{kind};" for kind in TEMPORARY)
        (self.directory / "nginx.conf").write_text(f"""\
daemon off;
worker_processes 1;
pid {self.directory}/nginx.pid;
error_log {self.directory}/error.log info;
events {{ worker_connections 256; }}
http {{
access_log {self.directory}/access.log;
{temporary}
{upstreams}
server {{
listen 127.0.0.1:{self.port};
{locations}
}}
}}
""")

    def _command(self) -> Sequence[str]:
        # Without -e it would first open the log of the system's own nginx.
        where = ["-p", str(self.directory), "-c", str(self.directory / "nginx.conf")]
        return [self._program, *where, "-e", str(self.directory / "error.log")]

    def _listening(self) -> Sequence[int]:
        return [self.port]
