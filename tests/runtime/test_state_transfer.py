"""A state that takes long: nobody else waits for it."""

from __future__ import annotations

import itertools
import os
import threading
from dataclasses import dataclass, field

from refjk.membership import MembershipSettings
from refjk.objectstream import ClassDescription, JavaObject
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.senders_settings import Mode, SenderSettings
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from refjk.session.attributes import AttributeCodec, AttributeCodecs
from refjk.speccheck import covers
from tests.runtime.replication import DEADLINE_S, Inbox, receiving, until

_ports = itertools.count(41_000 + os.getpid() % 4000)
_SLOW = ClassDescription.of("shop.Slow", 1, "Ljava/lang/String; name")


@dataclass
class Gate:
    """A codec's way that is held up once it was opened for the first time; every wait has a deadline."""

    entered: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def shut(self) -> None:
        self.entered.clear()
        self.open.clear()

    def pass_through(self) -> None:
        self.entered.set()
        assert self.open.wait(DEADLINE_S)


class Slow:
    """A value that takes long."""


def codecs(writing: Gate, reading: Gate) -> AttributeCodecs:
    def encode(value: Slow) -> JavaObject:
        writing.pass_through()
        return JavaObject.of(_SLOW, name="slow")

    def decode(record: JavaObject) -> Slow:
        reading.pass_through()
        return Slow()

    return AttributeCodecs([AttributeCodec(Slow, "shop.Slow", encode, decode)])


def started(name: str, port: int) -> ClusterNode:
    node = ClusterNode(
        NodeSettings(
            route=name,
            membership=MembershipSettings(frequency_ms=50, drop_time_ms=5000),
            multicast=MulticastSettings(port=port, interface="127.0.0.1", ttl=0),
            senders=SenderSettings(mode=Mode.SYNCHRONOUS),
        )
    )
    node.start()
    return node


def count(sessions: Sessions, session_id: str) -> None:
    session, _ = sessions.begin(session_id, from_url=False)
    assert session is not None
    session.set("n", 1 + int(str(session.get("n", 0))))
    sessions.completed(session, "/")
    sessions.end(session)


@covers("SES-XFR-15")
def test_requests_go_on_while_a_state_is_written_and_while_it_is_read() -> None:
    port, writing, reading = next(_ports), Gate(), Gate()
    a = started("a", port)
    taken: list[Sessions] = []
    try:
        sessions = a.add_context(ManagerSettings("", route="a"), codecs(writing, Gate()))
        session = sessions.create()
        session.set("slow", Slow())
        sessions.completed(session, "/")
        sessions.end(session)
        writing.shut()
        reading.shut()
        b = started("b", port)
        try:
            assert until(lambda: len(a.members()) == 1 and len(b.members()) == 1)
            joining = threading.Thread(
                target=lambda: taken.append(
                    b.add_context(ManagerSettings("", route="b"), codecs(Gate(), reading))
                )
            )
            joining.start()
            assert writing.entered.wait(DEADLINE_S)
            count(sessions, session.id)
            writing.open.set()
            assert reading.entered.wait(DEADLINE_S)
            count(sessions, session.id)  # b acknowledges the change that it keeps
            assert not taken and a.failed_sends == 0
            reading.open.set()
            joining.join(DEADLINE_S)
            (copy,) = taken[0].manager.sessions()
            assert copy.get("n") == 2 and isinstance(copy.get("slow"), Slow)
        finally:
            reading.open.set()
            writing.open.set()
            b.stop(1.0)
    finally:
        a.stop(1.0)


def test_whoever_waits_without_end_for_a_state_is_free_when_the_node_stops() -> None:
    inbox = Inbox()
    done = threading.Event()
    with receiving(inbox) as (_, silent):
        node = ClusterNode(NodeSettings(route="b", multicast=None, static=(silent,)))
        node.start()
        settings = ManagerSettings("", route="b", state_transfer_timeout_ms=-1)
        waiting = threading.Thread(target=lambda: (node.add_context(settings), done.set()))
        waiting.start()
        assert until(lambda: len(inbox.payloads) == 1)
        assert not done.is_set()

        node.stop(1.0)

        assert done.wait(DEADLINE_S)
        waiting.join(DEADLINE_S)
