"""What the demo tells each of its node processes, as one line of JSON on their standard input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from refjk.runtime.multicast import MulticastSettings

LOOPBACK = "127.0.0.1"
MODES = ("pooled", "synchronous", "asynchronous")
"""Of replication; the first is what the demo takes by itself."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """`port` 0 takes a free one. `alone`: why there is no replication; empty when there is.

    `group_port` is that of the multicast group, of this run of the demo only. `token` is what a request to
    kill or start a node must carry; not on the command line, which everybody on the machine can read.
    """

    name: str
    names: tuple[str, ...]
    port: int
    mode: str
    group_port: int
    token: str
    alone: str = ""

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> NodeOptions:
        values = json.loads(line)
        return cls(**{**values, "names": tuple(values["names"])})


def group(port: int) -> MulticastSettings:
    """On the loopback interface, and with a time to live that ends there."""
    return MulticastSettings(interface=LOOPBACK, ttl=0, port=port)
