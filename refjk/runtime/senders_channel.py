"""The channel of a node: messages as objects, out to the members and in from them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from refjk.channel import Bus, ChannelDialect, Envelope, Handled, Listener, MessageRegistry, SendResult
from refjk.membership import Event, MemberAdded, MemberDropped
from refjk.membership.table import MEMBERS_MAX
from refjk.runtime.addresses import Address
from refjk.runtime.replication_receiver import ReceiverCounters, ReceiverSettings, ReplicationReceiver
from refjk.runtime.senders import Senders
from refjk.runtime.senders_settings import SenderSettings, SenderSnapshot

logger = logging.getLogger("refjk.runtime")


class Channel:
    """Sends to the members that it is told of, and gives what they send to its listeners.

        channel = Channel(Tomcat55Channel(), registry)
        address = channel.start()                    # what the membership announces
        channel.add_listener(listener)
        channel.take_members(events)                 # from the membership, as they come
        result = channel.send(message)               # to all; who acknowledged, who failed and why

    `on_fault` gets each message at which a codec or a listener failed, or that nobody took; without it
    they are logged.
    """

    def __init__(
        self,
        dialect: ChannelDialect,
        registry: MessageRegistry,
        senders: SenderSettings | None = None,
        receiver: ReceiverSettings | None = None,
        *,
        on_fault: Callable[[Handled], None] | None = None,
    ) -> None:
        self._dialect = dialect
        self._bus = Bus(registry)
        self._senders = Senders(dialect, senders)
        self._receiver = ReplicationReceiver(dialect, self._handle, receiver)
        self._on_fault = on_fault or _log
        self._lock = threading.Lock()
        self._unclaimed = 0

    def start(self) -> Address:
        """Listens; what the others reach this node at. Raises `InputError` or `UsageError`."""
        return self._receiver.start()

    def stop(self, grace_s: float = 5.0) -> None:
        """Sends what waits, then stops listening; each within the time."""
        self._senders.stop(grace_s)
        self._receiver.stop(grace_s)

    def add_listener(self, listener: Listener) -> None:
        self._bus.add(listener)

    def remove_listener(self, listener: Listener) -> None:
        self._bus.remove(listener)

    def take_members(self, events: Sequence[Event]) -> None:
        """Makes a sender for each member that came, and closes that of each that is gone."""
        for event in events:
            if isinstance(event, MemberAdded):
                self._senders.add(event.member.identity, Address(event.member.host, event.member.port))
            elif isinstance(event, MemberDropped):
                self._senders.remove(event.member.identity)

    def reach(self, identity: bytes, address: Address) -> None:
        """Makes a sender for somebody whose announcement has not come yet; nothing if there is one."""
        if len(self._senders.members()) < MEMBERS_MAX:
            self._senders.add(identity, address)

    def send(
        self, message: object, to: Iterable[bytes] | None = None, *, key: str | None = None
    ) -> SendResult:
        """To all members, or to those named. Written once, whoever gets it (CHN-BUS-05).

        `key`: an asynchronous sender may replace a message that still waits by a later one of the same key.
        """
        payload = self._bus.registry.write(message)
        envelope = self._dialect.wrap(
            payload, answered=self._senders.answered, now_ms=time.time_ns() // 1_000_000
        )
        return self._senders.send(self._dialect.encode_frame(envelope), to, key)

    def snapshots(self) -> tuple[SenderSnapshot, ...]:
        """The senders, one for each member."""
        return self._senders.snapshots()

    @property
    def received(self) -> ReceiverCounters:
        return self._receiver.counters

    @property
    def unclaimed(self) -> int:
        """Messages that no listener took."""
        return self._unclaimed

    def _handle(self, envelope: Envelope) -> bool:
        handled = self._bus.receive(envelope.payload, is_object=self._dialect.holds_object(envelope))
        if not handled.takers and not handled.faults:
            with self._lock:
                self._unclaimed += 1
        if handled.faults or not handled.takers:
            self._on_fault(handled)
        return not handled.faults


def _log(handled: Handled) -> None:
    for fault in handled.faults:
        who = "a message cannot be read" if fault.who is None else f"the listener {fault.who!r} failed"
        logger.warning("%s: %s", who, fault.error)
    if not handled.takers and not handled.faults:
        logger.info("nobody took a message of %s", type(handled.message).__name__)
