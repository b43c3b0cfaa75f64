"""What the demo tells each of its node processes, as one line of JSON on their standard input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from refjk.runtime.multicast import MulticastSettings

LOOPBACK = "127.0.0.1"
MODES = ("pooled", "synchronous", "asynchronous")
"""Of replication; the first is what the demo takes by itself."""
DEPLOY = "deploy"
TICK_S = 0.4  # from one look at the watched directory to the next


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """`port` 0 takes a free one. `alone`: why there is no replication; empty when there is.

    `group_port` is that of the multicast group, of this run of the demo only. `token` is what a request to
    kill or start a node must carry; not on the command line, which everybody on the machine can read.
    `folder` is for the files of all nodes, `watch` the directory whose archives they deploy.
    """

    name: str
    names: tuple[str, ...]
    port: int
    mode: str
    group_port: int
    token: str
    alone: str = ""
    folder: str = ""
    watch: str = ""

    @property
    def watches(self) -> bool:
        """Whether this is the one node that looks at the directory; the others hear of it from it."""
        return self.name == self.names[0]

    def watched(self) -> Path:
        return Path(self.watch)

    def own_folder(self) -> Path:
        return Path(self.folder, self.name)

    def deploy_directory(self, name: str) -> Path:
        """That of any node."""
        return Path(self.folder, name, DEPLOY)

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> NodeOptions:
        values = json.loads(line)
        return cls(**{**values, "names": tuple(values["names"])})


def group(port: int) -> MulticastSettings:
    """On the loopback interface, and with a time to live that ends there."""
    return MulticastSettings(interface=LOOPBACK, ttl=0, port=port)
