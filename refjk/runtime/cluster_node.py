"""One node of a cluster: membership, channel and the sessions of its applications, with sockets and threads.

node = ClusterNode(NodeSettings(route="node1", multicast=MulticastSettings(interface="lo", ttl=0)))
node.start()
sessions = node.add_context(ManagerSettings("/shop", route="node1"))
application = SessionMiddleware(app, sessions)
...
node.stop()
"""

from __future__ import annotations

import logging
import math
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from refjk.base.errors import LocalProtocolError
from refjk.channel import FrameLayout, MessageClass, MessageRegistry, SendResult
from refjk.channel.tomcat55 import Tomcat55Channel
from refjk.farm import Layout as FarmLayout
from refjk.membership import (
    Announcement,
    Authenticator,
    Event,
    Layout,
    MemberAdded,
    MemberDropped,
    Membership,
    MembershipSettings,
    Tomcat55Membership,
)
from refjk.runtime.addresses import Address
from refjk.runtime.farm_messages import farm_message_classes
from refjk.runtime.multicast import MulticastMembership, MulticastSettings
from refjk.runtime.replication_receiver import ReceiverSettings
from refjk.runtime.senders_channel import Channel
from refjk.runtime.senders_settings import SenderSettings
from refjk.runtime.sessions import Sessions
from refjk.session import (
    MESSAGE_CLASSES,
    MESSAGE_LIMITS,
    Contexts,
    ManagerSettings,
    MemberAddress,
    Message,
    Outgoing,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    SingleSignOnMessage,
    StateReading,
    message_of_record,
    record_of_message,
    session_ids,
    stamped,
)
from refjk.session.attributes import AttributeCodecs
from refjk.session.codes import FIRST_RELEASE, FLAGS_SINCE

logger = logging.getLogger("refjk.cluster")

TICK_S = 10.0  # the container's background delay
_MESSAGES = (SessionMessage, SessionIdMessage, SingleSignOnMessage)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`release`: the wire is that of Tomcat 5.5.`release`. `multicast` None: only the `static` members.

    `tick_s`: seconds between two looks for idle sessions (times `expire_every_ticks` of a manager).
    """

    route: str | None = None
    release: int = FIRST_RELEASE
    domain: str = "catalina"
    membership: MembershipSettings = field(default_factory=MembershipSettings)
    multicast: MulticastSettings | None = field(default_factory=MulticastSettings)
    receiver: ReceiverSettings = field(default_factory=ReceiverSettings)
    senders: SenderSettings = field(default_factory=SenderSettings)
    authenticator: Authenticator | None = None
    static: tuple[Address, ...] = ()
    tick_s: float = TICK_S


class ClusterNode:
    """`start`, then contexts; `stop` in the end. All methods may be called from any thread."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self.lock = threading.RLock()  # guards the contexts; never held while something is sent
        self.contexts = Contexts(settings.release)
        self.members_seen: list[Event] = []
        later = settings.release >= FLAGS_SINCE
        self._dialect = Tomcat55Membership(Layout.DOMAIN if later else Layout.PLAIN, settings.domain.encode())
        self.channel = Channel(
            Tomcat55Channel(FrameLayout.FLAGGED if later else FrameLayout.PLAIN),
            _registry(settings.release),
            settings.senders,
            settings.receiver,
        )
        self.channel.add_listener(_SessionListener(self._received))
        self._membership: MulticastMembership | None = None
        self._changed = threading.Condition(self.lock)  # a transfer of a state came to its end
        self._ends = threading.Event()
        self._answers: queue.SimpleQueue[Sequence[Outgoing] | None] = queue.SimpleQueue()
        self._answerer = threading.Thread(target=self._answer, name="refjk-answers", daemon=True)
        self._ticker = threading.Thread(target=self._tick, name="refjk-sessions", daemon=True)
        self._members_listeners: list[Callable[[], None]] = []
        self._gone: set[str] = set()  # members that were dropped, and have not come back
        self.failed_sends = 0

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> Address:
        """Receiver, sender, membership, in this order; back when the others can know this node. NOD-STA-01

        Raises `InputError` and `UsageError` for what cannot be had.
        """
        address = self.channel.start()
        try:
            own = self._dialect.introduce(address.host, address.port)
            membership = Membership(
                self._dialect,
                own,
                self.settings.membership,
                authenticator=self.settings.authenticator,
                static=[self._dialect.introduce(one.host, one.port) for one in self.settings.static],
            )
            self._membership = MulticastMembership(membership, self.settings.multicast, self._members_changed)
            self._membership.start()
        except BaseException:
            self.channel.stop(0)
            raise
        frequency_s = self.settings.membership.frequency_ms / 1000
        self._membership.wait_announcing(10 * frequency_s + 5)
        with self.lock:
            self.contexts.announced()
        self._ticker.start()
        self._answerer.start()
        return address

    def add_context(
        self,
        settings: ManagerSettings,
        codecs: AttributeCodecs | None = None,
        *,
        replication_filter: str | None = None,
        turns_routes: bool = True,
        asked: str | None = None,
        timeout_s: float | None = None,
    ) -> Sessions:
        """The sessions of an application, with those of the oldest member taken over. NOD-STA-02

        `asked`: the member to ask in the place of the oldest, who may not have the application yet.
        `timeout_s`: back after that, ready or not; None: when the settings say so.
        """
        manager = SessionManager(settings, session_ids(random.SystemRandom()), codecs)
        sessions = Sessions(
            manager,
            self.lock,
            self.send,
            replication_filter=replication_filter,
            turns_routes=turns_routes,
        )
        with self.lock:
            # The sort is stable: the others stay oldest first.
            members = sorted(self.members(), key=lambda one: one.name != asked)
            self.contexts.begin(manager, members, _now_ms())
            outgoing = self.contexts.messages_to_send()
        self.send(outgoing)
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not (manager.ready or self._ends.is_set()):
                if time.monotonic() >= deadline and not manager.transfer.reading:
                    break
                self._changed.wait(0.5)
                manager.pass_time(_now_ms())
                if outgoing := self.contexts.messages_to_send():
                    self._answers.put(outgoing)
        return sessions

    def remove_context(self, sessions: Sessions) -> None:
        """The application ends here."""
        with self.lock:
            sessions.manager.stop()
            outgoing = self.contexts.messages_to_send()
            self.contexts.remove(sessions.manager.settings.context_name)
        self.send(outgoing)

    def stop(self, grace_s: float = 5.0) -> None:
        """Applications, membership, senders, receiver, in this order. NOD-STP-01"""
        self._ends.set()
        with self.lock:
            for manager in self.contexts.managers():
                manager.stop()
            outgoing = self.contexts.messages_to_send()
        self.send(outgoing)
        self._answers.put(None)
        if self._membership is not None:
            self._membership.stop()
        self.channel.stop(grace_s)

    # -- members ------------------------------------------------------------------------------

    def members(self) -> list[MemberAddress]:
        """The others, oldest first."""
        if self._membership is None:
            return []
        return [_address_of(one) for one in self._membership.members()]

    def own_address(self) -> MemberAddress:
        """This node as it stands in its messages."""
        own = None if self._membership is None else self._membership.own_announcement()
        if own is None:
            raise LocalProtocolError("the node has not been started")
        return _address_of(own)

    def add_members_listener(self, changed: Callable[[], None]) -> None:
        """Called without a lock when somebody came or went, by the thread that hears of all members: it is to
        return soon."""
        self._members_listeners.append(changed)

    def _members_changed(self, events: Sequence[Event]) -> None:
        """NOD-MEM-01"""
        self.channel.take_members(events)
        for event in events:
            if isinstance(event, MemberAdded):
                self._gone.discard(event.member.text)
            elif isinstance(event, MemberDropped):
                self._gone.add(event.member.text)
            if isinstance(event, MemberAdded | MemberDropped):
                what = "came" if isinstance(event, MemberAdded) else "is gone"
                logger.info("%s %s", event.member.text, what)
        with self.lock:
            members = self.members()
            for manager in self.contexts.managers():
                manager.members_changed(members, _now_ms())
            outgoing = self.contexts.messages_to_send()
            self._changed.notify_all()
        self.send(outgoing)
        for changed in self._members_listeners:
            changed()

    # -- messages -----------------------------------------------------------------------------

    def send(self, outgoing: Sequence[Outgoing]) -> list[SendResult]:
        """In order; returns when the mode of the senders says that it is time. NOD-SND-02, NOD-SND-03"""
        results = []
        for one in outgoing:
            message: Message = stamped(one.written(), self.own_address(), _now_ms())
            to = self._reached(one.to)
            try:
                result = self.channel.send(message, to)
            except LocalProtocolError:
                if self._ends.is_set():  # what comes in while the node stops is answered no more
                    break
                raise
            if not result.complete:
                self.failed_sends += 1  # the senders have said it already
            results.append(result)
        return results

    def send_message(self, message: object, to: str) -> SendResult:
        """Any message of a registered class to one member, by its name."""
        result = self.channel.send(message, [to.encode()])
        if not result.complete:
            self.failed_sends += 1
        return result

    def _reached(self, member: MemberAddress | None) -> list[bytes] | None:
        """Whom a message is for; None: all. Who asks may be known by the question alone. NOD-SND-04"""
        if member is None or member.name is None:
            return None
        identity = member.name.encode()
        if member.host is not None and member.name not in self._gone:
            self.channel.reach(identity, Address(member.host, member.port))
        return [identity]

    def _answer(self) -> None:
        """Sends what messages of others have caused, in a thread of its own. NOD-SND-05"""
        while (outgoing := self._answers.get()) is not None:
            for one in outgoing:
                try:
                    self.send([one])
                except Exception:
                    logger.exception("an answer to another node could not be sent")

    def _received(self, message: Message) -> None:
        if isinstance(message, SessionMessage) and message.address is not None:
            self._gone.discard(message.address.name or "")
        with self.lock:
            begun = self.contexts.begin_reading(message)
        if begun is None:
            self._do(lambda: self.contexts.receive(message, _now_ms()))
            return
        try:
            threading.Thread(target=self._read, args=begun, name="refjk-state", daemon=True).start()
        except RuntimeError:  # no more threads can be had
            self._read(*begun)

    def _read(self, manager: SessionManager, reading: StateReading) -> None:
        """A state, of which there is one at a time for each manager. SES-XFR-15

        Not in the thread that it came by: who sent it has its answer at once, and a synchronous sender has
        no other connection for what its users do meanwhile.
        """
        reading.read()
        try:
            self._do(lambda: manager.end_reading(reading, _now_ms()))
        except Exception:
            logger.exception("the sessions of another node could not be read")

    def _do(self, act: Callable[[], None]) -> None:
        with self.lock:
            try:
                act()
            finally:
                outgoing = self.contexts.messages_to_send()
                self._report()
                self._changed.notify_all()
        if outgoing:
            self._answers.put(outgoing)

    # -- time ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        while not self._ends.wait(self.settings.tick_s):
            try:
                self._pass_time()
            except Exception:
                logger.exception("the sessions could not be looked through")

    def _pass_time(self) -> None:
        with self.lock:
            for manager in self.contexts.managers():
                manager.tick(_now_ms())
            outgoing = self.contexts.messages_to_send()
            self._report()
        self.send(outgoing)

    def _report(self) -> None:
        for manager in self.contexts.managers():
            for report in manager.reports():
                logger.warning("%s: %s: %s", manager.settings.context_name or "/", report.kind, report.text)


class _SessionListener:
    """Takes all messages about sessions from the channel."""

    def __init__(self, take: Callable[[Message], None]) -> None:
        self._take = take

    def accept(self, message: object) -> bool:
        return isinstance(message, _MESSAGES)

    def received(self, message: object) -> None:
        assert isinstance(message, _MESSAGES)
        self._take(message)


def _registry(release: int) -> MessageRegistry:
    registry = MessageRegistry(MESSAGE_LIMITS)
    for name, kind in MESSAGE_CLASSES.items():
        registry.register(
            MessageClass(name, kind, message_of_record, lambda message: record_of_message(message, release))
        )
    for message_class in farm_message_classes(
        FarmLayout.V5510 if release >= FLAGS_SINCE else FarmLayout.V555
    ):
        registry.register(message_class)
    return registry


def _address_of(one: Announcement) -> MemberAddress:
    domain = one.domain.decode("utf-8", "replace") if one.domain else None
    return MemberAddress(one.text, one.host, one.port, one.alive_ms, 0, domain)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
