"""Connections whose attendance waits for a third party, without a thread."""

from __future__ import annotations

import math
import selectors
from typing import Generic, Protocol, TypeVar

from refjk.runtime.waiting import Awaited


class Parkable(Protocol):
    """A connection, as far as parking goes."""

    fd: int


Connection = TypeVar("Connection", bound=Parkable)


class Parking(Generic[Connection]):
    """What is parked, and what for; only the thread that waits at the selector uses it.

    A connection's own descriptor stays watched until something comes there: with most, nothing does.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._awaited: dict[Connection, Awaited] = {}
        self._unwatched: set[Connection] = set()

    def __contains__(self, connection: object) -> bool:
        return connection in self._awaited

    def park(self, connection: Connection, awaited: Awaited) -> None:
        """FWD-THR-02"""
        self._awaited[connection] = awaited
        self._selector.register(awaited.fd, selectors.EVENT_READ, connection)

    def stirred(self, connection: Connection, fd: int) -> bool:
        """Something has come; whether it is what was waited for, so that the connection goes on."""
        if fd == self._awaited[connection].fd:
            self.unpark(connection)
            return True
        self._selector.unregister(fd)
        self._unwatched.add(connection)
        return False

    def unpark(self, connection: Connection) -> None:
        self._selector.unregister(self._awaited.pop(connection).fd)
        if connection in self._unwatched:
            self._unwatched.remove(connection)
            self._selector.register(connection.fd, selectors.EVENT_READ, connection)

    def overdue(self, now: float) -> list[Connection]:
        """Those whose time is up."""
        return [connection for connection, awaited in self._awaited.items() if awaited.until <= now]

    def earliest(self) -> float:
        """When the first time is up; infinite for never."""
        return min((awaited.until for awaited in self._awaited.values()), default=math.inf)
