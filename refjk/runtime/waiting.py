"""Reading from and writing to a non-blocking socket with a deadline.

A socket with a timeout of Python's own asks the system twice for every read. Here the read is
tried first, and only where nothing is there it is waited for.
"""

from __future__ import annotations

import select
import socket
import time
from typing import NamedTuple

RECEIVE_SIZE = 65536


class Awaited(NamedTuple):
    """What somebody waits for who could do something else meanwhile."""

    fd: int
    """The descriptor that is going to be readable."""

    until: float
    """When the wait is over in any case, on the monotonic clock; infinite for never."""


def wait_readable(sock: socket.socket, timeout_s: float) -> bool:
    """Whether something can be read within the time."""
    return _wait(sock, select.POLLIN, timeout_s)


def receive(sock: socket.socket, timeout_s: float) -> bytes:
    """What has come; empty at the end of the stream. Raises `TimeoutError`."""
    while True:
        try:
            return sock.recv(RECEIVE_SIZE)
        except BlockingIOError:
            if not _wait(sock, select.POLLIN, timeout_s):
                raise TimeoutError(f"nothing came within {timeout_s:g} s") from None


def send(sock: socket.socket, data: bytes, timeout_s: float) -> None:
    """All of it. Raises `TimeoutError` when the peer takes nothing for that long."""
    try:
        sent = sock.send(data)
    except BlockingIOError:
        sent = 0
    if sent == len(data):
        return
    view = memoryview(data)[sent:]
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            if not _wait(sock, select.POLLOUT, timeout_s):
                raise TimeoutError(f"the peer took nothing for {timeout_s:g} s") from None


def _wait(sock: socket.socket, event: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(sock, event)
    deadline = time.monotonic() + timeout_s
    left = timeout_s
    while left > 0:
        if poll.poll(min(left, 3600.0) * 1000):
            return True
        left = deadline - time.monotonic()
    return False
