"""Where requests come in: the front before the nodes, and what kills, starts and deploys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from refjk.balancing import WorkerSettings
from refjk.demo.control import Control
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.connector import AjpServer
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.runtime.settings import ConnectorSettings

RECOVER_TIME_S = 2

_CONTROL = "control"
_CONTROL_THREADS = 4
_GRACE_S = 2.0


class Entrance:
    """`ports` of the nodes by name, `acts` as in `Control`. `stop` also if `open` has failed."""

    def __init__(
        self,
        ports: Mapping[str, int],
        token: str,
        acts: Mapping[str, Callable[[str], None]],
    ) -> None:
        control = Control(token, acts)
        self._control = AjpServer(control, "127.0.0.1:0", ConnectorSettings(threads=_CONTROL_THREADS))
        _, control_port = self._control.start()
        self._front: Front | None = None
        self._settings = _settings(ports, control_port)

    def open(self, port: int) -> int:
        """The port that the front has; raises `InputError` when this one is not to be had."""
        front = Front(self._settings, f"127.0.0.1:{port}")
        _, bound = front.start()
        self._front = front
        return bound

    def stop(self) -> None:
        if self._front is not None:
            self._front.stop(_GRACE_S)
        self._control.stop(_GRACE_S)


def _settings(ports: Mapping[str, int], control_port: int) -> FrontSettings:
    return FrontSettings(
        workers=tuple(
            FrontWorker(WorkerSettings(name), Address("127.0.0.1", port))
            for name, port in {**ports, _CONTROL: control_port}.items()
        ),
        balancers={"balancer": tuple(ports)},
        mounts=(parse_mount("/*=balancer"), parse_mount(f"/{_CONTROL}/*={_CONTROL}")),
        recover_time_s=RECOVER_TIME_S,
        explain=True,
    )
