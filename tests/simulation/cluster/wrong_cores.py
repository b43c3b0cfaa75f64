"""Cores with one fault each."""

from __future__ import annotations

from dataclasses import replace

from refjk.channel import (
    ChannelDialect,
    Entry,
    Envelope,
    Granted,
    Offer,
    PlacePool,
    QueueRules,
    ReceivingConnection,
    Refused,
    SendingConnection,
    SendingRules,
    SendQueue,
)
from refjk.membership import (
    Announcement,
    Event,
    MemberAdded,
    MemberDropped,
    Membership,
    MembershipDialect,
    MembershipSettings,
)


def impatient(dialect: MembershipDialect, own: Announcement, settings: MembershipSettings) -> Membership:
    """Drops who was heard exactly a drop time ago."""
    return Membership(dialect, own, replace(settings, drop_time_ms=settings.drop_time_ms - 1))


def patient(dialect: MembershipDialect, own: Announcement, settings: MembershipSettings) -> Membership:
    """Waits for two more heartbeats."""
    later_ms = settings.drop_time_ms + 2 * settings.frequency_ms
    return Membership(dialect, own, replace(settings, drop_time_ms=later_ms))


class Unforgiving(Membership):
    """Never takes in again whom it has dropped."""

    def receive_datagram(self, octets: bytes, now_ms: int, wall_ms: int = 0) -> list[Event]:
        gone = self.__dict__.setdefault("gone", set())
        events = [] if octets[16:] in gone else super().receive_datagram(octets, now_ms, wall_ms)
        gone.update(event.member.name for event in events if isinstance(event, MemberDropped))
        return events

    def tick(self, now_ms: int, wall_ms: int = 0) -> list[Event]:
        events = super().tick(now_ms, wall_ms)
        gone = self.__dict__.setdefault("gone", set())
        gone.update(event.member.name for event in events if isinstance(event, MemberDropped))
        return events


class Silent(Membership):
    """Adds the second member that it hears without a word."""

    def receive_datagram(self, octets: bytes, now_ms: int, wall_ms: int = 0) -> list[Event]:
        events = super().receive_datagram(octets, now_ms, wall_ms)
        return [event for event in events if not (isinstance(event, MemberAdded) and len(self.members()) > 1)]


def keeping_after_failure(rules: SendingRules) -> SendingConnection:
    """Takes the late answer to one message for that to the next."""
    return SendingConnection(replace(rules, keep_after_failure=True, resends_max=0))


def stubborn(rules: SendingRules) -> SendingConnection:
    """Sends again and again."""
    return SendingConnection(replace(rules, resends_max=5))


class Echoing(ReceivingConnection):
    """Hands over each message twice."""

    def receive(self, octets: bytes) -> list[Envelope]:
        return [envelope for envelope in super().receive(octets) for _ in range(2)]


class Inventing(ReceivingConnection):
    """Hands over the first message again with every later one."""

    first: Envelope | None = None

    def receive(self, octets: bytes) -> list[Envelope]:
        envelopes = super().receive(octets)
        again = [self.first] if self.first is not None and envelopes else []
        self.first = self.first or (envelopes[0] if envelopes else None)
        return [*again, *envelopes]


def deaf(dialect: ChannelDialect) -> ReceivingConnection:
    """Answers, and hands over nothing."""

    class Deaf(ReceivingConnection):
        def receive(self, octets: bytes) -> list[Envelope]:
            for envelope in super().receive(octets):
                self.processed(envelope, handled=True)
            return []

    return Deaf(dialect)


class Leaking(PlacePool):
    """Does not take back a place; the others that there are can still be had."""

    def release(self, place: int, now_ms: int) -> list[Granted | Refused]:
        return self.expire(now_ms)


class Hiding(SendQueue):
    """Gives up at the first failure, and counts nothing."""

    def failed(self, now_ms: int) -> bool:
        self.sent()
        return False


class Stale(SendQueue):
    """Says that it replaces a message, and keeps the old one."""

    def __init__(self, rules: QueueRules) -> None:
        super().__init__(rules)
        self.waiting: set[str | None] = set()

    def offer(self, key: str | None, frame: bytes, now_ms: int) -> Offer:
        if key in self.waiting:
            return Offer.REPLACED
        self.waiting.add(key)
        return super().offer(key, frame, now_ms)

    def take(self, now_ms: int) -> Entry | None:
        entry = super().take(now_ms)
        self.waiting.discard(entry.key if entry else None)
        return entry


class Backwards(SendQueue):
    """Does not replace, and sends the youngest message first."""

    def __init__(self, rules: QueueRules) -> None:
        super().__init__(rules)
        self.held: list[bytes] = []

    @property
    def idle(self) -> bool:
        return super().idle and not self.held

    def offer(self, key: str | None, frame: bytes, now_ms: int) -> Offer:
        self.held.append(frame)
        return Offer.QUEUED

    def take(self, now_ms: int) -> Entry | None:
        if super().idle and self.held:
            super().offer(None, self.held.pop(), now_ms)
        return super().take(now_ms)
