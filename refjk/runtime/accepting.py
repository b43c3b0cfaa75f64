"""The listening sockets of a crew: watched while there is room for more connections."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import time

logger = logging.getLogger("refjk.runtime")

PAUSE_S = 0.5  # after the system refused a new connection (out of file descriptors)


class Listeners:
    """Used by the thread that waits at the selector, and before there is one."""

    def __init__(self, sockets: list[socket.socket], selector: selectors.BaseSelector) -> None:
        self._sockets = sockets
        self._selector = selector
        self._again_at = 0.0
        self.watched = False
        for listener in sockets:
            listener.setblocking(False)

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return tuple(self._sockets)

    @property
    def open(self) -> bool:
        return bool(self._sockets)

    def watch(self) -> None:
        """Go on accepting, unless a pause is not over."""
        if self.watched or time.monotonic() < self._again_at:
            return
        for listener in self._sockets:
            self._selector.register(listener, selectors.EVENT_READ, listener)
        self.watched = True

    def pause(self, seconds: float = 0.0) -> None:
        """Leave new connections in the listeners' queues. WSG-LIM-04"""
        self._again_at = time.monotonic() + seconds
        self._unwatch()

    def accept(self, listener: socket.socket) -> socket.socket | None:
        """The next connection; None when there is none now."""
        try:
            return listener.accept()[0]
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None
        except OSError as error:
            logger.warning("cannot accept connections for a moment: %s", error.strerror)
            self.pause(PAUSE_S)
            return None

    def close(self) -> None:
        self._unwatch()
        for listener in self._sockets:
            listener.close()
        self._sockets = []

    def _unwatch(self) -> None:
        if self.watched:
            for listener in self._sockets:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(listener)
        self.watched = False
