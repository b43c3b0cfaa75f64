"""The demo's cluster: some nodes and a front before them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Self

from refjk.balancing import WorkerSettings
from refjk.base.errors import InputError, Unreachable
from refjk.demo.nodes import Node
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker

RECOVER_TIME_S = 2
WATCH_S = 0.2


class Cluster:
    """A context manager: nodes and front run inside it, and nothing is left after it.

    With `port_may_differ` a free port is taken where `port` is not to be had. `on_event` gets a
    line about that, and when a node ends or returns; with `revive_after_s` None, nodes that end
    stay away.
    """

    def __init__(
        self,
        *,
        nodes: int,
        port: int,
        port_may_differ: bool = False,
        on_event: Callable[[str], None] = lambda text: None,
        revive_after_s: float | None = None,
    ) -> None:
        names = [f"node{number}" for number in range(1, nodes + 1)]
        self.nodes = [Node(name, names) for name in names]
        self.port = port
        self._port_may_differ = port_may_differ
        self._on_event = on_event
        self._revive_after_s = revive_after_s
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            for node in self.nodes:
                undo.callback(node.stop)
                node.launch()
            for node in self.nodes:
                node.wait_until_serving()
            undo.callback(self._start_front().stop, 2.0)
            if self._revive_after_s is not None:
                leaving = threading.Event()
                arguments = (leaving, self._revive_after_s)
                watch = threading.Thread(target=self._watch_nodes, args=arguments, daemon=True)
                watch.start()
                undo.callback(watch.join)
                undo.callback(leaving.set)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def _start_front(self) -> Front:
        settings = self._front_settings()
        front = Front(settings, f"127.0.0.1:{self.port}")
        try:
            _, self.port = front.start()
        except InputError as error:
            if not self._port_may_differ:
                raise
            front = Front(settings, "127.0.0.1:0")
            _, self.port = front.start()
            self._on_event(f"{error}; the demo takes port {self.port} instead")
        return front

    def _front_settings(self) -> FrontSettings:
        return FrontSettings(
            workers=tuple(
                FrontWorker(WorkerSettings(node.name), Address("127.0.0.1", node.port)) for node in self.nodes
            ),
            mounts=(parse_mount("/*=balancer"),),
            recover_time_s=RECOVER_TIME_S,
            explain=True,
        )

    def _watch_nodes(self, leaving: threading.Event, revive_after_s: float) -> None:
        """Start nodes again some time after they ended."""
        away: dict[str, float] = {}
        while not leaving.wait(WATCH_S):
            for node in self.nodes:
                if node.runs:
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
                    self._revive(node)

    def _revive(self, node: Node) -> None:
        node.stop()
        node.launch()
        try:
            node.wait_until_serving()
        except Unreachable as error:
            self._on_event(str(error))
        else:
            self._on_event(f"{node.name} is back, PID {node.pid}")
