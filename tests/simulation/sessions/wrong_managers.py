"""Managers with one fault each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from refjk.session import (
    EventType,
    ManagerSettings,
    Outgoing,
    Rules,
    Session,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
)

NewId = Callable[[], str]


def _event(message: object) -> int:
    return message.event_type if isinstance(message, SessionMessage) else 0


class Forgetting(SessionManager):
    """Takes a change, and does not do it."""

    def _execute(self, session: Session, octets: bytes, now_ms: int) -> None:
        session.primary = False


class Secretive(SessionManager):
    """Tells nobody of a new session."""

    def messages_to_send(self) -> list[Outgoing]:
        return [one for one in super().messages_to_send() if _event(one.message) != EventType.CREATED]


class Dropping(SessionManager):
    """Loads all of a state but one session."""

    def receive(self, message: SessionMessage | SessionIdMessage, now_ms: int) -> None:
        super().receive(message, now_ms)
        if _event(message) == EventType.ALL_SESSION_DATA and self._sessions:
            self._sessions.popitem()


class Immortal(SessionManager):
    """Ends no session by time."""

    def tick(self, now_ms: int) -> None:
        """Sees nothing."""


class Reviving(SessionManager):
    """Keeps what has ended."""

    def removed(self, session: Session) -> None:
        self.counters.ended += 1


class Possessive(SessionManager):
    """Takes itself for the primary of all sessions."""

    def receive(self, message: SessionMessage | SessionIdMessage, now_ms: int) -> None:
        super().receive(message, now_ms)
        for session in self.sessions():
            session.primary = True


def impatient(settings: ManagerSettings, new_id: NewId) -> SessionManager:
    """Ends sessions after a quarter of their time."""
    interval = settings.max_inactive_interval // 4
    return SessionManager(replace(settings, max_inactive_interval=interval), new_id)


def silent(settings: ManagerSettings, new_id: NewId) -> SessionManager:
    """Does not tell listeners of what others have changed."""
    return SessionManager(replace(settings, notify_listeners_on_replication=False), new_id)


def vague(settings: ManagerSettings, new_id: NewId) -> SessionManager:
    """Does not tell listeners the value, as the original."""
    return SessionManager(replace(settings, rules=Rules(events_without_value=True)), new_id)
