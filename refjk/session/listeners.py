"""Who is told what happens to sessions; names and meanings are those of the servlet API.

A listener of sessions or attributes is added to `Listeners`; values of attributes are told of themselves by
having the methods of `BindingListener` or `ActivationListener`. Every node runs the callbacks on its own
copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from refjk.base.errors import LocalProtocolError

if TYPE_CHECKING:
    from refjk.session.session import Session

_E = TypeVar("_E")


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something happened to a session."""

    session: Session


@dataclass(frozen=True, slots=True)
class BindingEvent:
    """Something happened to an attribute. `value`: the new one if it was added, else the old one."""

    session: Session
    name: str
    value: object


@runtime_checkable
class SessionListener(Protocol):
    """HttpSessionListener."""

    def session_created(self, event: SessionEvent) -> None: ...
    def session_destroyed(self, event: SessionEvent) -> None: ...


@runtime_checkable
class AttributeListener(Protocol):
    """HttpSessionAttributeListener."""

    def attribute_added(self, event: BindingEvent) -> None: ...
    def attribute_removed(self, event: BindingEvent) -> None: ...
    def attribute_replaced(self, event: BindingEvent) -> None: ...


@runtime_checkable
class BindingListener(Protocol):
    """HttpSessionBindingListener; for values."""

    def value_bound(self, event: BindingEvent) -> None: ...
    def value_unbound(self, event: BindingEvent) -> None: ...


@runtime_checkable
class ActivationListener(Protocol):
    """HttpSessionActivationListener; for values."""

    def session_will_passivate(self, event: SessionEvent) -> None: ...
    def session_did_activate(self, event: SessionEvent) -> None: ...


# Whether a class has the methods takes long to find out, and is asked for every value.


@lru_cache(maxsize=1024)
def _is_binding(kind: type[Any]) -> bool:
    return issubclass(kind, BindingListener)


@lru_cache(maxsize=1024)
def _is_activation(kind: type[Any]) -> bool:
    return issubclass(kind, ActivationListener)


def as_binding_listener(value: object) -> BindingListener | None:
    """The value, if it wants to know when it is bound."""
    kind: Any = type(value)
    return cast(BindingListener, value) if _is_binding(kind) else None


def _as_activation_listener(value: object) -> ActivationListener | None:
    kind: Any = type(value)
    return cast(ActivationListener, value) if _is_activation(kind) else None


@dataclass(frozen=True, slots=True)
class ListenerFault:
    """A callback raised; everything else went on. SES-LSN-09"""

    callback: str
    error: Exception


class Listeners:
    """The listeners of one application, in the order in which they were added."""

    def __init__(self, report: Callable[[ListenerFault], None]) -> None:
        self._report = report
        self._of_sessions: list[SessionListener] = []
        self._of_attributes: list[AttributeListener] = []

    def add(self, listener: object) -> None:
        """Raises `LocalProtocolError` for an object that has the methods of neither kind."""
        if not isinstance(listener, SessionListener | AttributeListener):
            raise LocalProtocolError(f"{listener!r} listens to neither sessions nor attributes")
        if isinstance(listener, SessionListener):
            self._of_sessions.append(listener)
        if isinstance(listener, AttributeListener):
            self._of_attributes.append(listener)

    def clear(self) -> None:
        """Nobody listens any more."""
        self._of_sessions.clear()
        self._of_attributes.clear()

    def session_created(self, session: Session) -> None:
        for listener in self._of_sessions:
            self._call(listener.session_created, SessionEvent(session))

    def session_destroyed(self, session: Session) -> None:
        """The last added one first. SES-LSN-02"""
        for listener in reversed(self._of_sessions):
            self._call(listener.session_destroyed, SessionEvent(session))

    def attribute_added(self, event: BindingEvent) -> None:
        for listener in self._of_attributes:
            self._call(listener.attribute_added, event)

    def attribute_removed(self, event: BindingEvent) -> None:
        for listener in self._of_attributes:
            self._call(listener.attribute_removed, event)

    def attribute_replaced(self, event: BindingEvent) -> None:
        for listener in self._of_attributes:
            self._call(listener.attribute_replaced, event)

    def value_bound(self, event: BindingEvent) -> None:
        if (listener := as_binding_listener(event.value)) is not None:
            self._call(listener.value_bound, event)

    def value_unbound(self, event: BindingEvent) -> None:
        if (listener := as_binding_listener(event.value)) is not None:
            self._call(listener.value_unbound, event)

    def will_passivate(self, session: Session, value: object) -> None:
        if (listener := _as_activation_listener(value)) is not None:
            self._call(listener.session_will_passivate, SessionEvent(session))

    def did_activate(self, session: Session, value: object) -> None:
        if (listener := _as_activation_listener(value)) is not None:
            self._call(listener.session_did_activate, SessionEvent(session))

    def _call(self, callback: Callable[[_E], None], event: _E) -> None:
        try:
            callback(event)
        except Exception as error:
            self._report(ListenerFault(getattr(callback, "__qualname__", repr(callback)), error))
