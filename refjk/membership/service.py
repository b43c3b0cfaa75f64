"""The membership of one node: announcements out, members in."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from refjk.base.errors import Malformed, UsageError
from refjk.membership.announcement import Announcement
from refjk.membership.authentication import Authenticator
from refjk.membership.dialect import MembershipDialect
from refjk.membership.events import DatagramRefused, Event, Refusal
from refjk.membership.heartbeat import HeartbeatSchedule
from refjk.membership.table import MEMBERS_MAX, MemberTable

_OWN_REMEMBERED = 64  # heartbeats that may still come back to us


@dataclass(frozen=True, slots=True)
class MembershipSettings:
    """Times of a membership; `expire_by_time` off checks only when a datagram comes, as Tomcat 5.5.5 does.

    With a `domain`, members that announce another one are refused. Raises `UsageError`.
    """

    frequency_ms: int = 500
    drop_time_ms: int = 3000
    expire_by_time: bool = True
    domain: bytes | None = None
    members_max: int = MEMBERS_MAX

    def __post_init__(self) -> None:
        if self.frequency_ms < 1 or self.drop_time_ms < 1 or self.members_max < 1:
            raise UsageError("mcastFrequency, mcastDropTime and the number of members are at least 1")


@dataclass(slots=True)
class MembershipCounters:
    """What has happened since the start."""

    sent: int
    received: int
    refused: Counter[Refusal]


class Membership:
    """One node's view of its cluster.

    After every call handle the returned events in order and send `datagrams_to_send()`; then sleep until
    `next_wakeup_ms()` or the next datagram, whichever comes first, and call `tick`. `own` is what is
    announced; None for a listener. `wall_ms` (since 1970) matters only with an authenticator.
    """

    def __init__(
        self,
        dialect: MembershipDialect,
        own: Announcement | None,
        settings: MembershipSettings = MembershipSettings(),
        *,
        authenticator: Authenticator | None = None,
        static: Sequence[Announcement] = (),
    ) -> None:
        self._dialect = dialect
        self._own = own
        self._settings = settings
        self._authenticator = authenticator
        self._static = tuple(static)
        self._table = MemberTable(dialect, own.identity if own else None, settings.members_max)
        self._schedule = HeartbeatSchedule(settings.frequency_ms, dialect.pause_ms(settings.frequency_ms))
        self._said_ms: deque[int] = deque(maxlen=_OWN_REMEMBERED)
        self._outgoing: list[bytes] = []
        self.counters = MembershipCounters(0, 0, Counter())

    def start(self, now_ms: int) -> list[Event]:
        """The group was joined: listen, and announce after the dialect's pause."""
        if self._own is not None:  # a listener announces nothing (MEM-HBT-05)
            self._schedule.start(now_ms)
        events: list[Event] = []
        for member in self._static:
            events += self._table.pin(member, now_ms)
        return self._counted(events)

    def stop(self, now_ms: int, wall_ms: int = 0) -> None:
        """No more heartbeats; a farewell where the dialect has one. The members stay as they are."""
        own = self.own_announcement(now_ms)
        farewell = None if own is None else self._dialect.farewell(own)
        self._schedule.stop()
        if farewell is not None:
            self._say(farewell, wall_ms)

    def receive_datagram(self, octets: bytes, now_ms: int, wall_ms: int = 0) -> list[Event]:
        """Takes in one datagram; whatever it holds, this does not raise. MEM-DAT-09"""
        self.counters.received += 1
        events: list[Event]
        try:
            events = self._hear(self._opened(octets, wall_ms), now_ms)
        except Malformed as error:
            authentic = not error.clause.startswith("MEM-AUT")
            reason = Refusal.MALFORMED if authentic else Refusal.NOT_AUTHENTIC
            events = [DatagramRefused(reason, str(error))]
        # Own ones and refused ones drive the check as well (MEM-EXP-02).
        return self._counted(events + self._table.expire(now_ms, self._settings.drop_time_ms))

    def tick(self, now_ms: int, wall_ms: int = 0) -> list[Event]:
        """Lets time pass."""
        alive_ms = self._schedule.due(now_ms)
        if alive_ms is not None and self._own is not None:
            self._said_ms.append(alive_ms)
            self._say(replace(self._own, alive_ms=alive_ms), wall_ms)
        if not self._settings.expire_by_time:
            return []
        return self._table.expire(now_ms, self._settings.drop_time_ms)  # MEM-EXP-03

    def datagrams_to_send(self) -> list[bytes]:
        """What must leave, once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def next_wakeup_ms(self) -> int | None:
        """When `tick` matters again; None when only a datagram can change something."""
        expiry = self._table.next_expiry_ms(self._settings.drop_time_ms)
        times = [self._schedule.next_wakeup_ms(), expiry if self._settings.expire_by_time else None]
        return min((time for time in times if time is not None), default=None)

    def members(self) -> tuple[Announcement, ...]:
        """The others, oldest first."""
        return self._table.oldest_first()

    def own_announcement(self, now_ms: int) -> Announcement | None:
        """This node as it would announce itself now."""
        return None if self._own is None else replace(self._own, alive_ms=self._schedule.alive_ms(now_ms))

    @property
    def announcing(self) -> bool:
        """Whether the others can know this node (start level 2)."""
        return self._schedule.announcing

    @property
    def authenticated(self) -> bool:
        """Whether only holders of a key are heard."""
        return self._authenticator is not None

    def _opened(self, octets: bytes, wall_ms: int) -> bytes:
        return octets if self._authenticator is None else self._authenticator.verify(octets, wall_ms)

    def _hear(self, octets: bytes, now_ms: int) -> list[Event]:
        size_max = self._dialect.datagram_size_max
        if len(octets) > size_max:  # MEM-DAT-08
            return [DatagramRefused(Refusal.TOO_LONG, f"{len(octets)} octets; {size_max} are read")]
        heard = self._dialect.decode(octets)
        what = f"{heard.text} at {heard.host}:{heard.port}"
        if fault := _nonsense(heard):
            return [DatagramRefused(Refusal.NONSENSE, f"{heard.text!r} at {heard.host}: {fault}")]
        if self._settings.domain is not None and heard.domain != self._settings.domain:  # MEM-TAB-08
            return [DatagramRefused(Refusal.OTHER_CLUSTER, f"{what} is in domain {heard.domain!r}")]
        if self._own is not None and heard.identity == self._own.identity and not self._said(heard):
            return [DatagramRefused(Refusal.OWN_NAME, f"somebody else announces {what}")]
        return self._table.hear(heard, now_ms)

    def _said(self, heard: Announcement) -> bool:
        """Whether an announcement with the own identity is one of our own. MEM-TAB-07"""
        return (
            self._own is not None
            and (heard.address, heard.port) == (self._own.address, self._own.port)
            and (heard.alive_ms in self._said_ms or heard.leaving)
        )

    def _say(self, announcement: Announcement, wall_ms: int) -> None:
        datagram = self._dialect.encode(announcement)
        if self._authenticator is not None:  # otherwise it is the bare one (MEM-AUT-01)
            datagram = self._authenticator.sign(datagram, wall_ms)
        self._outgoing.append(datagram)
        self.counters.sent += 1

    def _counted(self, events: list[Event]) -> list[Event]:
        self.counters.refused.update(event.reason for event in events if isinstance(event, DatagramRefused))
        return events


def _nonsense(heard: Announcement) -> str | None:
    """Why no node can have announced itself so. MEM-DAT-10"""
    if not 1 <= heard.port <= 0xFFFF:
        return f"port {heard.port}"
    if heard.alive_ms < 0:
        return f"alive for {heard.alive_ms} ms"
    if not heard.name or any(octet < 0x20 or octet == 0x7F for octet in heard.name):
        return "a name with control characters" if heard.name else "no name"
    return None
