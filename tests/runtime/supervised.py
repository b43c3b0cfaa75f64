"""A supervised server for tests, run as a program of its own: `python -m tests.runtime.supervised FILE`.

FILE is JSON and read at the start and at each reload. Each request is answered with JSON about the process,
and goes through a balancer of two workers whose records all processes share.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from refjk.balancing import Balancer1250, BalancerSettings, Outcome, Records, RequestFacts, WorkerSettings
from refjk.base.errors import InputError
from refjk.runtime.addresses import Address, parse_address
from refjk.runtime.child import ChildControl
from refjk.runtime.processes import Plan, Supervisor
from refjk.runtime.server import Server
from refjk.runtime.shared_memory import SharedMemory

WORKERS = (WorkerSettings("a"), WorkerSettings("b"))


class Balanced:
    """One child's view of what all share."""

    def __init__(self, memory: SharedMemory, slot: int) -> None:
        self.memory = memory
        self.mine = memory.part(f"open {slot}")
        self.records = Records(2, 0, memory.part("lb"), fresh=False)
        self.balancer = Balancer1250(WORKERS, BalancerSettings(), records=self.records)

    @contextlib.contextmanager
    def request(self) -> Any:
        with self.memory.lock:
            decision = self.balancer.choose(RequestFacts(b"/"), 0)
            assert decision is not None
            self.balancer.start(decision)  # type: ignore[arg-type]
            self.mine[decision.index] += 1  # type: ignore[union-attr]
        yield decision.worker.name  # type: ignore[union-attr]
        with self.memory.lock:
            self.balancer.report(decision, Outcome.SUCCESS, 0)  # type: ignore[arg-type]
            self.mine[decision.index] -= 1  # type: ignore[union-attr]


class Connection:
    """Just enough HTTP: GET, one answer after the other."""

    def __init__(self, server: Tiny, sock: socket.socket) -> None:
        self.fd = sock.fileno()
        self.expires_at = time.monotonic() + 60
        self._server = server
        self._sock = sock
        self._head = b""

    def attend(self) -> bool:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        self._head += data
        if not data:
            self.close()
            return False
        if not self._head.endswith(b"\r\n\r\n"):
            return True
        path = self._head.split()[1].decode()
        self._head = b""
        answer = json.dumps(self._server.answer(path)).encode()
        is_last = self._server.stopping
        close = "Connection: close\r\n" if is_last else ""
        head = f"HTTP/1.1 200 OK\r\n{close}Content-Length: {len(answer)}\r\n\r\n"
        with contextlib.suppress(OSError):
            self._sock.sendall(head.encode() + answer)
        if is_last:
            self.close()
        return not is_last

    def close(self) -> None:
        self._sock.close()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)


class Tiny(Server):
    scheme = "http"
    port_default = 80
    counter_names = ()

    def __init__(self, child: ChildControl, text: str, balanced: Balanced) -> None:
        super().__init__("127.0.0.1:0", sockets=child.sockets, threads=8, connections_max=1000)
        self._child = child
        self._text = text
        self._balanced = balanced

    def answer(self, path: str) -> dict[str, Any]:
        about: dict[str, Any] = {"pid": os.getpid(), "slot": self._child.slot, "text": self._text}
        if path == "/open":
            with self._balanced.memory.lock:
                return about | {"open": list(self._balanced.records.open)}
        with self._balanced.request() as worker:
            if path == "/slow":
                time.sleep(0.7)
            elif path == "/hang":
                time.sleep(60)
        return about | {"worker": worker}

    def _connect(self, sock: socket.socket, peer: Address, local: Address) -> Connection:
        return Connection(self, sock)


def say(line: str) -> None:
    """In one write, because several processes share the pipe; `print` makes two when it is unbuffered."""
    os.write(1, f"{line}\n".encode())


def front(worker: str, child: ChildControl) -> Server:
    from refjk.mapping import parse_mount
    from refjk.runtime.front import Front
    from refjk.runtime.front_settings import FrontSettings, FrontWorker

    workers = (FrontWorker(WorkerSettings("node1"), parse_address(worker, port_default=8009)),)
    return Front(FrontSettings(workers=workers, mounts=(parse_mount("/*=node1"),)), sockets=child.sockets)


def plan_of(file: Path) -> Plan:
    options = json.loads(file.read_text())
    if "fault" in options:
        raise InputError(options["fault"])
    if "defect" in options:
        raise ZeroDivisionError(options["defect"])
    processes = options.get("processes", 2)
    sizes = {"lb": Records.size(2)} | {f"open {slot}": 2 for slot in range(processes)}
    memory = SharedMemory.create(options.get("shm"), sizes, several=processes > 1)
    records = Records(2, 0, memory.part("lb"))

    def serve(child: ChildControl) -> int:
        if "die" in options:
            return int(options["die"])
        if "hang" in options:
            time.sleep(60)
        server: Server
        if "ajp" in options:
            server = front(options["ajp"], child)
        else:
            server = Tiny(child, options.get("text", ""), Balanced(memory, child.slot))
        server.start()
        if "dies_later" in options:
            threading.Timer(options["dies_later"], lambda: os._exit(9)).start()
        return child.attend(server, reopen=lambda: say(f"reopened {child.slot}"))

    def child_died(slot: int) -> None:
        mine = memory.part(f"open {slot}")
        with memory.lock:
            for index in range(2):
                records.open[index] -= mine[index]
                mine[index] = 0

    return Plan(
        [parse_address(text, port_default=80, port_min=0) for text in options.get("listen", ["127.0.0.1:0"])],
        serve,
        processes,
        child_died,
        lambda: say(f"closed {options.get('text', '')}"),
    )


def main(file: Path) -> int:
    options = json.loads(file.read_text())
    supervisor = Supervisor(
        lambda: plan_of(file),
        graceful_s=options.get("graceful_s", 10.0),
        ready_s=options.get("ready_s", 30.0),
        retire_s=options.get("retire_s", 60.0),
        announce=lambda addresses: say(" ".join(["serves", *(str(a.port) for a in addresses)])),
    )
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
