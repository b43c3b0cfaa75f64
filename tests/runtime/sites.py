"""Fronts for tests that are run from the text of a configuration."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from refjk.balancing import WorkerSnapshot
from refjk.configuration import Configuration, Profile, raise_if_refused, read_httpd
from refjk.runtime.addresses import Address
from refjk.runtime.configured import Site
from refjk.runtime.disk_files import DiskFiles
from refjk.runtime.front import Front
from refjk.runtime.front_logs import FrontLogs
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.listening import open_listeners
from tests.interop.peers.client import Answer, ask
from tests.runtime.fronts import wait_for

NAMES = ("a", "b", "c")


class _Defects(logging.Handler):
    """Keeps what the front says of errors of its own, which clients need not notice."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.seen.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


class RunningSite:
    """A front that has started, where it listens, and the folder of its files."""

    def __init__(self, front: Front, ports: Sequence[int], root: Path) -> None:
        self.front = front
        self.ports = ports
        self.root = root

    @property
    def port(self) -> int:
        return self.ports[0]

    def ask(self, path: str = "/x", method: str = "GET", **more: object) -> Answer:
        return ask(self.port, path, method, **more)  # type: ignore[arg-type]

    def member(self, name: str) -> WorkerSnapshot:
        return next(one for one in self.front.snapshot()["lb"] if one.name == name)

    def states(self) -> list[str]:
        """Those that served are judged a moment after the client has its answer; see `wait_for_states`."""
        return [one.state.value for one in self.front.snapshot()["lb"]]

    def wait_for_states(self, *states: str) -> bool:
        """Until the members have these states; the test fails when they never do."""
        wait_for(lambda: self.states() == list(states))
        return True

    def counted(self, ending: str) -> int:
        return self.front.counters[f"ended_{ending}"]


def balancer(*addresses: Address, more: Sequence[str] = (), members: str = "balance_workers") -> str:
    """A balancer `lb` of workers a, b, c… that pause for a millisecond only; `more` are worker properties."""
    names = NAMES[: len(addresses)]
    lines = ["list=lb", "lb.type=lb", f"lb.{members}={','.join(names)}"]
    for name, address in zip(names, addresses, strict=True):
        lines += [f"{name}.type=ajp13", f"{name}.host={address.host}", f"{name}.port={address.port}"]
        lines += [] if members == "balanced_workers" else [f"{name}.retry_interval=1"]
    if members != "balanced_workers":
        lines.append("lb.retry_interval=1")
    return "".join(f"JkWorkerProperty worker.{line}\n" for line in [*lines, *more])


def read_site(root: Path, text: str, profile: Profile | None = None) -> Configuration:
    """The configuration of a folder, that must not be refused."""
    file = root / "httpd.conf"
    shared = "" if profile is Profile.V1_2_7 else "JkShmFile logs/shm\n"
    file.write_text(f"ServerRoot {root}\n{shared}{text}")
    configuration = read_httpd(str(file), DiskFiles(), profile=profile)
    raise_if_refused(configuration.complaints)
    return configuration


@contextlib.contextmanager
def running_site(
    root: Path,
    text: str,
    *,
    profile: Profile | None = None,
    listeners: int = 1,
    change: Callable[[str, Sequence[int]], str] = lambda text, ports: text,
) -> Iterator[RunningSite]:
    """A front from this text; `change` makes another text of it when the ports are known."""
    sockets = [one for _ in range(listeners) for one in open_listeners(Address("127.0.0.1", 0))]
    ports = [one.getsockname()[1] for one in sockets]
    configuration = read_site(root, change(text, ports), profile)
    logs = FrontLogs(configuration)
    logs.attach()
    front = Site.of(configuration).front(ServingSettings(threads=8), sockets, logs)
    defects = _Defects()
    logging.getLogger("refjk").addHandler(defects)
    front.start()
    try:
        yield RunningSite(front, ports, root)
    finally:
        front.stop(2.0)
        logging.getLogger("refjk").removeHandler(defects)
        logs.close()
        for one in sockets:
            one.close()
    assert defects.seen == []
