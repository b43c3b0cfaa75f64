"""The two AJP modules of httpd, set up alike, and what tests ask through them."""

from __future__ import annotations

import hashlib
import http.client
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.applications import BLOCK_SIZE, pattern
from tests.interop.peers import Answer, JkWorker, ModJk, ModProxyAjp, ask
from tests.interop.peers.client import DEADLINE_S

Front = ModJk | ModProxyAjp
BuildFront = Callable[..., Front]

_names = itertools.count()


def mod_jk(
    port: int,
    *,
    secret: str | None = None,
    packet_size: int | None = None,
    ping: bool = False,
    colour: str | None = None,
) -> ModJk:
    """An answer that broke after it had begun is not asked for again (recovery_options bit 2)."""
    worker = JkWorker(
        port,
        secret=secret,
        max_packet_size=packet_size,
        ping_mode="A" if ping else None,
        more={"recovery_options": 2},
    )
    return ModJk([worker], environment={"COLOUR": colour} if colour else {})


def mod_proxy_ajp(
    port: int,
    *,
    secret: str | None = None,
    packet_size: int | None = None,
    ping: bool = False,
    colour: str | None = None,
) -> ModProxyAjp:
    """A container that failed once is asked again with the next request (retry=0).

    httpd from 2.4.59 on passes a container's Content-Length on only where it is told to.
    """
    directives = ["SetEnv ap_trust_cgilike_cl 1"]
    directives += [f"SetEnv AJP_COLOUR {colour}"] if colour else []
    return ModProxyAjp(
        port,
        secret=secret,
        io_buffer_size=packet_size,
        ping="5" if ping else None,
        parameters="retry=0",
        directives="\n".join(directives),
    )


FRONTS: dict[str, BuildFront] = {"mod_jk": mod_jk, "mod_proxy_ajp": mod_proxy_ajp}


@dataclass(frozen=True)
class BalancedProxy(ModProxyAjp):
    """mod_proxy_balancer over several containers, each tried again at once after a failure."""

    ports: tuple[int, ...] = ()

    modules = ("proxy", "proxy_ajp", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests")

    def configuration(self, directory: Path) -> str:
        """The part of httpd.conf; each port becomes a member."""
        members = [f"BalancerMember ajp://127.0.0.1:{port} {self.parameters}" for port in self.ports]
        lines = ["<Proxy balancer://nodes>", *members, "</Proxy>", "ProxyPass / balancer://nodes/"]
        return "\n".join([*lines, self.directives])


def fresh_name() -> str:
    """A name under which nobody has left notes yet."""
    return f"n{next(_names)}"


def noted(port: int, name: str, count: int) -> list[str]:
    """The notes under a name, once there are `count` of them or the application's deadline has passed."""
    notes: list[str] = ask(port, f"/noted?name={name}&count={count}").json()
    return notes


class Upload:
    """A body of `size` octets, made as it is sent; `digest` is that of what was sent."""

    def __init__(self, size: int, block_size: int = BLOCK_SIZE) -> None:
        self.size = size
        self._block_size = block_size
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for block in pattern(self.size, self._block_size):
            self._digest.update(block)
            yield block

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def download(port: int, path: str) -> tuple[int, str]:
    """Size and SHA-256 of a body that is not kept; `IncompleteRead` when it ends early."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    digest = hashlib.sha256()
    size = 0
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        while data := response.read(BLOCK_SIZE):
            digest.update(data)
            size += len(data)
    finally:
        connection.close()
    return size, digest.hexdigest()


def environ_of(answer: Answer) -> dict[str, str]:
    """The environ of an answer of the application `echo`."""
    assert answer.status == 200, answer
    environ: dict[str, str] = answer.json()["environ"]
    return environ
