"""Fronts for tests, and scripts for the containers behind them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from refjk.ajp13.messages import ForwardRequest
from refjk.balancing import WorkerSettings
from refjk.mapping import parse_mount
from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import Address
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from tests.interop.peers.client import RawConnection
from tests.runtime.containers import DEADLINE_S, Script, Talk


class Running(NamedTuple):
    """A front that has started, and where."""

    front: Front
    port: int


@contextlib.contextmanager
def running_front(
    *addresses: Address,
    mounts: tuple[str, ...] = ("/*=balancer",),
    access_log: AccessLog | None = None,
    trace: Callable[[str], None] | None = None,
    **settings: Any,
) -> Iterator[Running]:
    """A front before workers a, b, c… at these addresses."""
    workers = tuple(
        FrontWorker(WorkerSettings(name), address)
        for name, address in zip("abcdefgh", addresses, strict=False)
    )
    whole = FrontSettings(workers=workers, mounts=tuple(parse_mount(text) for text in mounts), **settings)
    front = Front(whole, "127.0.0.1:0", access_log=access_log, trace=trace)
    _, port = front.start()
    try:
        yield Running(front, port)
    finally:
        front.stop(2.0)


def raw_client(running: Running) -> RawConnection:
    """A connection to the front on which any octets can be said."""
    return RawConnection(running.port, deadline_s=DEADLINE_S)


def head_of(client: RawConnection) -> str:
    """The next head, status line and headers."""
    return client.receive_until(b"\r\n\r\n").decode("latin-1")


def answer_of(client: RawConnection) -> tuple[str, bytes]:
    """The next answer with a Content-Length: head and content."""
    head = head_of(client)
    size = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
    return head, client.receive(size)


def recording(seen: list[ForwardRequest]) -> Script:
    """A container that keeps each request and answers 200 with its own number."""

    def script(talk: Talk) -> None:
        while True:
            seen.append(talk.request().request)
            for _ in talk.body():
                pass
            talk.answer(b"%d" % len(seen), headers=[(b"Content-Length", b"%d" % len(str(len(seen))))])

    return script


def wait_for(condition: Callable[[], bool]) -> None:
    """Until a condition holds, or the test fails."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)
