"""A multicast group of this run of the demo alone, on the loopback interface."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator

from refjk.base.errors import InputError
from refjk.demo.node_options import LOOPBACK, group
from refjk.runtime.multicast import open_multicast

PROBE_S = 1.0
_PROBE = b"refjk demo: does this come back?"


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that no other demo takes meanwhile: bound at another address than the group's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((LOOPBACK, 0))
        # Only now: with it, the system might have given a port that another demo holds.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield holder.getsockname()[1]


def why_not(port: int) -> str:
    """Why nodes could not find each other by this port; empty when what is sent to the group comes back."""
    settings = group(port)
    try:
        opened = open_multicast(settings)
    except InputError as error:
        return str(error)
    with opened, selectors.DefaultSelector() as selector:
        try:
            opened.sendto(_PROBE, (settings.group, port))
        except OSError as error:
            return f"cannot send to {settings.group}: {error.strerror}"
        selector.register(opened, selectors.EVENT_READ)
        deadline = time.monotonic() + PROBE_S
        while selector.select(max(deadline - time.monotonic(), 0)):
            if opened.recv(4096) == _PROBE:
                return ""
        return f"what is sent to {settings.group} on the loopback interface does not come back"
