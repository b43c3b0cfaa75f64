"""The managers of a node: which of them a message is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refjk.base.errors import LocalProtocolError
from refjk.session.codes import (
    OF_TRANSFER,
    STATE_COMPLETE_ID,
    STATE_COMPLETE_SINCE,
    STATE_ID,
    EventType,
    SingleSignOnAction,
)
from refjk.session.early import EarlyMessages
from refjk.session.manager import SessionManager
from refjk.session.manager_settings import Outgoing
from refjk.session.member_address import MemberAddress
from refjk.session.messages import Message, SessionIdMessage, SessionMessage, SingleSignOnMessage
from refjk.session.reading import StateReading
from refjk.session.session import Session
from refjk.session.state import encode_all_sessions

SingleSignOnListener = Callable[[SingleSignOnMessage, Session | None], None]

_ABOUT_A_SESSION = frozenset(
    {
        SingleSignOnAction.ADD_SESSION,
        SingleSignOnAction.DEREGISTER_SESSION,
        SingleSignOnAction.REMOVE_SESSION,
    }
)


def manager_name(context_path: str, host: str | None = None) -> str:
    """The name of a manager in the cluster. `host`: for a cluster of a whole engine. SES-MSG-11"""
    path = "" if context_path == "/" else context_path
    return path if host is None else f"{host}#{path}"


@dataclass(slots=True)
class ContextCounters:
    """Messages that no manager got."""

    unknown_context: int = 0
    single_sign_on: int = 0
    single_sign_on_dropped: int = 0


class Contexts:
    """The managers by the name of their application."""

    def __init__(self, release: int) -> None:
        self._release = release
        self._managers: dict[str, SessionManager] = {}
        self._single_sign_on: list[SingleSignOnListener] = []
        self._outgoing: list[Outgoing] = []
        self._early = EarlyMessages()
        self._announced = False
        self.counters = ContextCounters()

    def add(self, manager: SessionManager) -> None:
        """Raises `LocalProtocolError` for a name that is taken."""
        name = manager.settings.context_name
        if name in self._managers:
            raise LocalProtocolError(f"there is a manager for {name!r} already")
        self._managers[name] = manager

    def announced(self) -> None:
        """The others can know this node: who sends to it now goes on to do so. SES-XFR-13"""
        self._announced = True

    def begin(self, manager: SessionManager, members: Sequence[MemberAddress], now_ms: int) -> bool:
        """Adds and starts a manager, with what was heard for it before. Raises `LocalProtocolError` as `add`,
        and gives what `SessionManager.start` gives. SES-XFR-13"""
        self.add(manager)
        return manager.start(members, now_ms, self._early.take(manager.settings.context_name, now_ms))

    def remove(self, name: str) -> None:
        self._managers.pop(name, None)

    def get(self, name: str) -> SessionManager | None:
        return self._managers.get(name)

    def managers(self) -> list[SessionManager]:
        return list(self._managers.values())

    def on_single_sign_on(self, listener: SingleSignOnListener) -> None:
        self._single_sign_on.append(listener)

    def receive(self, message: Message, now_ms: int) -> None:
        """SES-MSG-12, SES-SSO-02; what listeners raise passes through."""
        if isinstance(message, SingleSignOnMessage):
            self._receive_single_sign_on(message)
            return
        name = message.context_path if isinstance(message, SessionIdMessage) else message.context_name
        if name is None:
            for manager in self.managers():
                manager.receive(message, now_ms)
            return
        known = self._managers.get(name)
        if known is not None:
            known.receive(message, now_ms)
            return
        self.counters.unknown_context += 1
        if isinstance(message, SessionIdMessage) or message.event_type not in OF_TRANSFER:
            if self._announced:
                self._early.keep(name, message, now_ms)
        elif message.event_type == EventType.GET_ALL:
            self._answer_with_nothing(message)

    def begin_reading(self, message: Message) -> tuple[SessionManager, StateReading] | None:
        """Whose state it is, and how it is read without the lock; None: it goes to `receive`. SES-XFR-15"""
        if not isinstance(message, SessionMessage) or message.context_name is None:
            return None
        manager = self._managers.get(message.context_name)
        reading = None if manager is None else manager.begin_reading(message)
        return None if manager is None or reading is None else (manager, reading)

    def messages_to_send(self) -> list[Outgoing]:
        """Of this table and of all its managers."""
        taken, self._outgoing = self._outgoing, []
        for manager in self.managers():
            taken += manager.messages_to_send()
        return taken

    def _answer_with_nothing(self, message: SessionMessage) -> None:
        """Whoever asks would wait its whole time otherwise. SES-XFR-09"""
        if message.address is None:
            return
        name = message.context_name
        octets = encode_all_sessions([], self._release)
        answers = [SessionMessage(EventType.ALL_SESSION_DATA, name, STATE_ID, octets, f"{STATE_ID}-{name}")]
        if self._release >= STATE_COMPLETE_SINCE:
            answers.append(
                SessionMessage(
                    EventType.STATE_COMPLETE, name, STATE_COMPLETE_ID, None, f"{STATE_COMPLETE_ID}{name}"
                )
            )
        self._outgoing += [Outgoing(answer, message.address) for answer in answers]

    def _receive_single_sign_on(self, message: SingleSignOnMessage) -> None:
        session: Session | None = None
        if message.action in _ABOUT_A_SESSION:
            manager = self._managers.get(message.context_name or "")
            session = None if manager is None else manager.known(message.session_id or "")
            if session is None:
                self.counters.single_sign_on_dropped += 1
                return
        self.counters.single_sign_on += 1
        for listener in self._single_sign_on:
            listener(message, session)
