"""The sessions of one application as requests use them: one lock around the core, messages sent after it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from refjk.session import (
    ManagerSettings,
    Outgoing,
    ReplicationFilter,
    ReplicationValve,
    RouteBinder,
    RouteChange,
    Session,
    SessionManager,
    session_ids,
)

T = TypeVar("T")


class Sessions:
    """`send` brings messages to the other nodes; it is called without the lock.

    The messages of an operation are sent before the operation returns, by the thread that caused them.
    """

    def __init__(
        self,
        manager: SessionManager,
        lock: threading.RLock,
        send: Callable[[Sequence[Outgoing]], object],
        *,
        replication_filter: str | None = None,
        turns_routes: bool = True,
    ) -> None:
        self.manager = manager
        self.valve = ReplicationValve(ReplicationFilter(replication_filter))
        settings = manager.settings
        self._binder = RouteBinder(settings.route, settings.context_name, enabled=turns_routes)
        self._lock = lock
        self._send = send

    @classmethod
    def alone(cls, settings: ManagerSettings) -> Sessions:
        """Sessions of this process only, for any WSGI server."""
        manager = SessionManager(settings, session_ids(random.SystemRandom()))
        return cls(manager, threading.RLock(), lambda messages: None)

    @property
    def path(self) -> str:
        """Of the application; empty for the root."""
        return self.manager.settings.context_name

    def do(self, act: Callable[[], T]) -> T:
        """Something with the manager or a session, and what the others must know of it. NOD-SND-01"""
        outgoing: list[Outgoing] = []
        try:
            with self._lock:
                try:
                    return act()
                finally:
                    outgoing = self.manager.messages_to_send()
        finally:
            if outgoing:
                self._send(outgoing)

    def tick(self) -> None:
        """Time passes: sessions that were idle too long end. Of a cluster, its node does this."""
        self.do(lambda: self.manager.tick(_now_ms()))

    def create(self) -> Session:
        """A new one, which the calling request has. Raises `TooManySessions`."""

        def make() -> Session:
            now_ms = _now_ms()
            session = self.manager.create(now_ms)
            self.manager.attach(session, now_ms)
            return session

        return self.do(make)

    def begin(self, session_id: str, *, from_url: bool) -> tuple[Session | None, RouteChange | None]:
        """The session of a request, under this node's route from now on."""

        def find() -> tuple[Session | None, RouteChange | None]:
            now_ms = _now_ms()
            change = self._binder.bind(self.manager, session_id, now_ms, from_url=from_url)
            wanted = session_id if change is None else change.new_id
            return self.manager.begin(wanted, now_ms), change

        return self.do(find)

    def completed(self, session: Session | None, uri: str) -> None:
        """A request has been answered: the others learn what it changed. SES-VLV-02"""
        session_id = session.id if session is not None and session.is_valid else None
        self.do(lambda: self.valve.completed(self.manager, session_id, uri, _now_ms()))

    def end(self, session: Session) -> None:
        """The request has the session no longer."""
        self.do(lambda: self.manager.end(session))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
