"""Nodes with one application each, and a wire between them that can be held."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from refjk.objectstream import ClassDescription, JavaObject
from refjk.session import (
    AttributeCodec,
    AttributeCodecs,
    BindingEvent,
    ManagerSettings,
    MemberAddress,
    Message,
    Session,
    SessionEvent,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    decode_message,
    encode_message,
    session_ids,
    stamped,
)

START_MS = 1_700_000_000_000
CONTEXT = "/app"


@dataclass
class Cart:
    """A class of an application."""

    owner: str
    items: object = None


CART = ClassDescription.of("shop.Cart", 7, "Ljava/util/List; items, Ljava/lang/String; owner")
CART_CODEC = AttributeCodec(
    Cart,
    "shop.Cart",
    lambda cart: JavaObject.of(CART, owner=cart.owner, items=cart.items),
    lambda record: Cart(str(record["owner"]), record["items"]),
)


class Watcher:
    """Writes down what listeners are told."""

    def __init__(self, log: list[str], name: str = "") -> None:
        self._log = log
        self._name = name

    def session_created(self, event: SessionEvent) -> None:
        self._log.append(f"{self._name}created {event.session.id}")

    def session_destroyed(self, event: SessionEvent) -> None:
        self._log.append(f"{self._name}destroyed {event.session.id}")

    def attribute_added(self, event: BindingEvent) -> None:
        self._log.append(f"{self._name}added {event.name}={event.value}")

    def attribute_removed(self, event: BindingEvent) -> None:
        self._log.append(f"{self._name}removed {event.name}={event.value}")

    def attribute_replaced(self, event: BindingEvent) -> None:
        self._log.append(f"{self._name}replaced {event.name}={event.value}")


class Bound:
    """A value that is told of itself."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log

    def __repr__(self) -> str:
        return self.name

    def value_bound(self, event: BindingEvent) -> None:
        self._log.append(f"bound {self.name}, then there: {event.session.get(event.name)}")

    def value_unbound(self, event: BindingEvent) -> None:
        there = event.session.attributes().get(event.name)
        self._log.append(f"unbound {self.name}, then there: {there}")

    def session_will_passivate(self, event: SessionEvent) -> None:
        self._log.append(f"passivate {self.name}")

    def session_did_activate(self, event: SessionEvent) -> None:
        self._log.append(f"activate {self.name}")


_BOUND = ClassDescription.of("shop.Bound", 8, "Ljava/lang/String; name")


def bound_codec(log: list[str]) -> AttributeCodec:
    return AttributeCodec(
        Bound,
        "shop.Bound",
        lambda value: JavaObject.of(_BOUND, name=value.name),
        lambda record: Bound(str(record["name"]), log),
    )


@dataclass
class Node:
    """One node. `log` is what its listeners were told."""

    manager: SessionManager
    address: MemberAddress
    log: list[str]
    up: bool = True

    def names(self, session_id: str) -> dict[str, object]:
        session = self.manager.known(session_id)
        assert session is not None
        return session.attributes()


class Cluster:
    """Nodes `a`, `b` and so on. Messages travel as octets and arrive when `settle` is called."""

    def __init__(self, names: str = "ab", **settings: object) -> None:
        self.now_ms = START_MS
        self.settings = replace(ManagerSettings(CONTEXT), **settings)  # type: ignore[arg-type]
        self.nodes: dict[str, Node] = {}
        self.wire: list[tuple[str, str, bytes]] = []
        self.seen: list[Message] = []
        for name in names:
            self.add(name)

    def add(self, name: str, **settings: object) -> Node:
        log: list[str] = []
        chosen = replace(self.settings, route=name, **settings)  # type: ignore[arg-type]
        codecs = AttributeCodecs([CART_CODEC, bound_codec(log)])
        manager = SessionManager(chosen, session_ids(random.Random(name)), codecs)
        manager.listeners.add(Watcher(log))
        address = MemberAddress(f"tcp://{name}", "127.0.0.1", 4001)
        self.nodes[name] = Node(manager, address, log)
        return self.nodes[name]

    def __getitem__(self, name: str) -> SessionManager:
        return self.nodes[name].manager

    def members_but(self, name: str) -> list[MemberAddress]:
        return [node.address for other, node in self.nodes.items() if other != name and node.up]

    def collect(self) -> None:
        """What nodes have to say is on the wire then."""
        for name, node in self.nodes.items():
            for outgoing in node.manager.messages_to_send():
                message = stamped(outgoing.written(), node.address, self.now_ms)
                self.seen.append(message)
                octets = encode_message(message, node.manager.settings.release)
                for target, other in self.nodes.items():
                    wanted = outgoing.to is None or outgoing.to == other.address
                    if target != name and other.up and node.up and wanted:
                        self.wire.append((name, target, octets))

    def settle(self) -> list[int]:
        """Everything arrives, and what follows from it. Gives the events that were sent, in order."""
        self.collect()
        while self.wire:
            _, target, octets = self.wire.pop(0)
            message = decode_message(octets)
            assert isinstance(message, SessionMessage | SessionIdMessage)
            self[target].receive(message, self.now_ms)
            self.collect()
        sent, self.seen = self.seen, []
        return [one.event_type for one in sent if isinstance(one, SessionMessage)]

    def request(
        self, name: str, session_id: str | None, act: Callable[[Session], None] = lambda session: None
    ) -> Session:
        """A whole request, with the end of it."""
        manager = self[name]
        if session_id is None:
            session = manager.create(self.now_ms)
            manager.attach(session, self.now_ms)
        else:
            found = manager.begin(session_id, self.now_ms)
            assert found is not None, "no such session"
            session = found
        act(session)
        manager.request_completed(session.id, self.now_ms)
        manager.end(session)
        return session


def set_to(name: str, value: object) -> Callable[[Session], None]:
    return lambda session: session.set(name, value)
