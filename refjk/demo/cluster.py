"""The demo's processes together: nodes, the front before them in this process, and their certain end."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from refjk.base.errors import InputError, Unreachable
from refjk.demo.loopback_group import reserved_port, why_not
from refjk.demo.node_options import MODES, NodeOptions
from refjk.demo.nodes import Node

if TYPE_CHECKING:
    from refjk.demo.entrance import Entrance
    from refjk.demo.versions import Versions

PORT = 8080
WATCH_S = 0.2


class Cluster:
    """A context manager: nodes and front run inside it, and nothing is left after it.

    With `port_may_differ` a free port is taken where `port` is not to be had. `on_event` gets a line about
    that, about missing replication, and when a node ends or returns; with `revive_after_s` None, nodes that
    end stay away. Those that `kill` ended stay away until `start`. The nodes deploy the archives of the
    directory `watch`, or of one of their own, which ends with them.
    """

    def __init__(
        self,
        *,
        nodes: int,
        port: int,
        mode: str = MODES[0],
        port_may_differ: bool = False,
        on_event: Callable[[str], None] = lambda text: None,
        revive_after_s: float | None = None,
        watch: Path | None = None,
    ) -> None:
        self.names = tuple(f"node{number}" for number in range(1, nodes + 1))
        self.nodes: list[Node] = []
        self.mode = mode
        self.port = port
        self.group_port = 0
        self._watch = watch
        self._port_may_differ = port_may_differ
        self._on_event = on_event
        self._revive_after_s = revive_after_s
        self._token = secrets.token_urlsafe(24)
        self._lock = threading.Lock()  # one node is killed or started at a time
        self._held: set[str] = set()  # nodes that were killed to stay away
        self._undo = contextlib.ExitStack()
        self.versions: Versions

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            # Private, as whoever writes there runs code in the nodes.
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="refjk-demo-")))
            watch = (self._watch or folder / "watch").absolute()
            self.group_port = undo.enter_context(reserved_port())
            alone = why_not(self.group_port)
            options = NodeOptions(
                "", self.names, 0, self.mode, self.group_port, self._token, alone, str(folder), str(watch)
            )
            self.nodes += [Node(replace(options, name=name)) for name in self.names]
            for node in self.nodes:
                undo.callback(node.stop)
                node.launch()
            # Loaded only now, so that the nodes start at once.
            from refjk.demo.entrance import Entrance
            from refjk.demo.versions import Versions

            self.versions = Versions(folder, watch)
            for node in self.nodes:
                node.wait_until_serving()
            self._tell_of_replication()
            acts = {"kill": self.kill, "start": self.start, "deploy": self.deploy, "remove": self.remove}
            entrance = Entrance({node.name: node.port for node in self.nodes}, self._token, acts)
            undo.callback(entrance.stop)
            self.port = self._open(entrance)
            if self._revive_after_s is not None:
                leaving = threading.Event()
                arguments = (leaving, self._revive_after_s)
                watcher = threading.Thread(target=self._watch_nodes, args=arguments, daemon=True)
                watcher.start()
                undo.callback(watcher.join)
                undo.callback(leaving.set)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def alone(self) -> str:
        """Why there is no replication; empty when there is."""
        return next((node.alone for node in self.nodes if node.alone), "")

    def node(self, name: str) -> Node:
        """Raises `KeyError`."""
        return {node.name: node for node in self.nodes}[name]

    def kill(self, name: str) -> None:
        """SIGKILL; the node stays away until `start`. Raises `KeyError`."""
        node = self.node(name)
        with self._lock:
            self._held.add(name)
            if node.runs:
                node.kill()
                self._on_event(f"{name} was killed; the others serve its sessions, until it is started")

    def start(self, name: str) -> None:
        """Nothing happens where it runs. Raises `KeyError`, and `Unreachable` when it does not come up."""
        node = self.node(name)
        with self._lock:
            self._held.discard(name)
            if not node.runs:
                self._revive(node)

    def deploy(self, watcher: str) -> None:
        """A new version for the watched directory. Raises `KeyError`, `Unreachable` and `InputError`."""
        self._require_farm(watcher)
        self.versions.drop()

    def remove(self, watcher: str) -> None:
        """Out of the watched directory. Raises as `deploy` does."""
        self._require_farm(watcher)
        self.versions.remove()

    def _require_farm(self, watcher: str) -> None:
        if self.alone:
            raise Unreachable(f"there is no farm without replication: {self.alone}")
        if not self.node(watcher).runs:  # it would not see that a file came and went
            raise Unreachable(f"{watcher} is away, and nobody else looks into the directory")

    def _tell_of_replication(self) -> None:
        for node in self.nodes:
            if node.alone:
                self._on_event(f"{node.name} does not replicate: {node.alone}")

    def _open(self, entrance: Entrance) -> int:
        try:
            return entrance.open(self.port)
        except InputError as error:
            if not self._port_may_differ:
                raise
            port = entrance.open(0)
            self._on_event(f"{error}; the demo takes port {port} instead")
            return port

    def _watch_nodes(self, leaving: threading.Event, revive_after_s: float) -> None:
        """Start nodes again some time after they ended."""
        away: dict[str, float] = {}
        while not leaving.wait(WATCH_S):
            for node in self.nodes:
                with self._lock:
                    if node.runs or node.name in self._held:
                        away.pop(node.name, None)
                        continue
                    if node.name not in away:
                        away[node.name] = revive_after_s
                        self._on_event(
                            f"{node.name} has ended; the others serve its sessions,"
                            f" and it returns in {revive_after_s:g} s"
                        )
                    away[node.name] -= WATCH_S
                    if away[node.name] <= 0:
                        del away[node.name]
                        with contextlib.suppress(Unreachable):  # which was told
                            self._revive(node)

    def _revive(self, node: Node) -> None:
        node.stop()
        node.launch()
        try:
            node.wait_until_serving()
        except Unreachable as error:
            self._on_event(str(error))
            raise
        self._on_event(f"{node.name} is back, PID {node.pid}")
