"""Who is a member, judged from announcements alone."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.membership.announcement import Announcement
from refjk.membership.dialect import MembershipDialect
from refjk.membership.events import (
    DatagramRefused,
    Departure,
    Event,
    MemberAdded,
    MemberDropped,
    MemberHeard,
    Refusal,
)

MEMBERS_MAX = 1000


@dataclass(slots=True)
class _Entry:
    member: Announcement
    heard_at_ms: int
    static: bool


class MemberTable:
    """Members by identity (MEM-TAB-01), in the order in which they joined.

    `own` is the identity that is never a member; None for a mere listener.
    """

    def __init__(self, dialect: MembershipDialect, own: bytes | None, members_max: int = MEMBERS_MAX) -> None:
        self._dialect = dialect
        self._own = own
        self._members_max = members_max
        self._entries: dict[bytes, _Entry] = {}

    def hear(self, heard: Announcement, now_ms: int) -> list[Event]:
        """Takes in an announcement; one with the own identity changes nothing. MEM-TAB-02"""
        if heard.identity == self._own:
            return []
        entry = self._entries.get(heard.identity)
        if heard.leaving:  # MEM-TAB-11
            return [] if entry is None or entry.static else [self._drop(heard.identity, Departure.LEFT)]
        if entry is None:  # unknown, or dropped before (MEM-TAB-03, MEM-TAB-06)
            return [self._add(heard, now_ms, static=False)]
        gap_ms = now_ms - entry.heard_at_ms
        entry.member = self._dialect.refreshed(entry.member, heard)
        entry.heard_at_ms = now_ms
        return [MemberHeard(entry.member, gap_ms)]

    def pin(self, member: Announcement, now_ms: int) -> list[Event]:
        """Makes a member of the configuration one that silence does not drop. MEM-TAB-10"""
        if member.identity == self._own or member.identity in self._entries:
            return []
        return [self._add(member, now_ms, static=True)]

    def expire(self, now_ms: int, drop_time_ms: int) -> list[Event]:
        """Drops who was not heard for longer than the drop time, in the order of joining. MEM-EXP-04"""
        silent = [
            identity
            for identity, entry in self._entries.items()
            # Strictly more: who was heard exactly a drop time ago is still a member (MEM-EXP-01).
            if now_ms - entry.heard_at_ms > drop_time_ms and not entry.static
        ]
        return [self._drop(identity, Departure.SILENT) for identity in silent]

    def reset(self) -> None:
        """Forgets all members without an event."""
        self._entries.clear()

    def oldest_first(self) -> tuple[Announcement, ...]:
        """By alive time, longest first; the same times in the order of joining. MEM-TAB-05"""
        members = [entry.member for entry in self._entries.values()]
        return tuple(sorted(members, key=lambda member: -member.alive_ms))

    def next_expiry_ms(self, drop_time_ms: int) -> int | None:
        """When the first member is to be dropped if nobody is heard until then."""
        times = [entry.heard_at_ms for entry in self._entries.values() if not entry.static]
        return min(times) + drop_time_ms + 1 if times else None

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._entries

    def _add(self, member: Announcement, now_ms: int, *, static: bool) -> Event:
        if len(self._entries) >= self._members_max:  # MEM-TAB-09
            return DatagramRefused(
                Refusal.TABLE_FULL, f"{member.text}: there are {self._members_max} members already"
            )
        self._entries[member.identity] = _Entry(member, now_ms, static)
        return MemberAdded(member)

    def _drop(self, identity: bytes, reason: Departure) -> Event:
        return MemberDropped(self._entries.pop(identity).member, reason)
