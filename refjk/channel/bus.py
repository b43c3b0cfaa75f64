"""The open bus: messages as objects, for whoever wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from refjk.base.errors import LocalProtocolError
from refjk.objectstream import JavaObject, Limits, read_object, write_object


@dataclass(frozen=True, slots=True)
class MessageClass:
    """How objects of one Java class and of one Python type become each other.

    `decode` takes the `JavaObject` and raises `Malformed` for one that does not fit; `encode` gives the
    record to write.
    """

    name: str
    type: type[Any]
    decode: Callable[[JavaObject], object]
    encode: Callable[[Any], object]


class MessageRegistry:
    """The message classes that this node knows by name."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._by_name: dict[str, MessageClass] = {}
        self._by_type: dict[type[Any], MessageClass] = {}

    def register(self, message_class: MessageClass) -> None:
        """Raises `LocalProtocolError` for a name or type that is taken."""
        if message_class.name in self._by_name or message_class.type in self._by_type:
            raise LocalProtocolError(f"{message_class.name} or its type is registered already")
        self._by_name[message_class.name] = message_class
        self._by_type[message_class.type] = message_class

    def write(self, message: object) -> bytes:
        """The payload of a message: of a registered type, or anything that has an object stream."""
        known = self._by_type.get(type(message))
        return write_object(message if known is None else known.encode(message))

    def read(self, payload: bytes) -> object:
        """The message of a payload; a `JavaObject` where its class is not registered. CHN-BUS-02

        Raises `Malformed`, and whatever a `decode` of the user raises.
        """
        value = read_object(payload, limits=self._limits)
        if isinstance(value, JavaObject):
            known = self._by_name.get(value.description.name)
            return value if known is None else known.decode(value)
        return value


class Listener(Protocol):
    """Somebody who wants messages."""

    def accept(self, message: object) -> bool:
        """Whether this one is wanted."""

    def received(self, message: object) -> None:
        """Called in the order of the connection that the message came on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a listener or codec raised; `who` is the listener, None for the codec."""

    who: Listener | None
    error: Exception


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one message: how many took it, and what went wrong."""

    message: object
    takers: int = 0
    faults: tuple[Fault, ...] = ()


class Bus:
    """Gives each message to every listener that accepts it, in the order of their registration.

    CHN-BUS-01
    """

    def __init__(self, registry: MessageRegistry) -> None:
        self.registry = registry
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> None:
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        self._listeners = tuple(kept for kept in self._listeners if kept is not listener)

    def receive(self, payload: bytes, *, is_object: bool = True) -> Handled:
        """Reads and delivers; what a payload holds and what listeners do never makes this raise. CHN-BUS-03

        A payload that cannot be read goes to nobody: its fault says why (CHN-BUS-04). Octets that are no
        object stream are delivered as they are.
        """
        try:
            message: object = self.registry.read(payload) if is_object else payload
        except Exception as error:
            return Handled(payload, 0, (Fault(None, error),))
        return self.deliver(message)

    def deliver(self, message: object) -> Handled:
        takers, faults = 0, []
        for listener in self._listeners:
            try:
                if listener.accept(message):
                    takers += 1
                    listener.received(message)
            except Exception as error:
                faults.append(Fault(listener, error))
        return Handled(message, takers, tuple(faults))
