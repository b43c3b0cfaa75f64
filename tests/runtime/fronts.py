"""Fronts for tests, and scripts for the containers behind them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from refjk.ajp13.messages import ForwardRequest
from refjk.balancing import WorkerSettings
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.front import Front
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from tests.interop.peers.client import RawConnection
from tests.runtime.containers import DEADLINE_S, Script, Talk


@contextlib.contextmanager
def front(*addresses: Address, mounts: tuple[str, ...] = ("/*=balancer",), **settings: Any) -> Iterator[Front]:
    """A front before workers a, b, c… at these addresses; `front_port` tells where it listens."""
    workers = tuple(
        FrontWorker(WorkerSettings(name), address)
        for name, address in zip("abcdefgh", addresses, strict=False)
    )
    whole = FrontSettings(workers=workers, mounts=tuple(parse_mount(text) for text in mounts), **settings)
    running = Front(whole, "127.0.0.1:0")
    _, running.port = running.start()  # type: ignore[attr-defined]
    try:
        yield running
    finally:
        running.stop(2.0)


def port_of(running: Front) -> int:
    """Where a front of `front()` listens."""
    port: int = running.port  # type: ignore[attr-defined]
    return port


@contextlib.contextmanager
def raw_client(running: Front) -> Iterator[RawConnection]:
    """A connection to the front on which any octets can be said."""
    with RawConnection(port_of(running), deadline_s=DEADLINE_S) as connection:
        yield connection


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
