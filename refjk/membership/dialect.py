"""How a member is announced: the part of a cluster's dialect that the membership needs."""

from __future__ import annotations

from typing import Protocol

from refjk.membership.announcement import Announcement


class MembershipDialect(Protocol):
    """Everything about announcements in which two dialects differ.

    The table, the schedule and the sockets above know members only through this.
    """

    @property
    def name(self) -> str:
        """The dialect's name in configuration files and outputs."""

    @property
    def datagram_size_max(self) -> int:
        """Octets; what is longer is refused unread."""

    def introduce(self, host: str, port: int) -> Announcement:
        """A member at an IP address, with alive time 0. Raises `LocalProtocolError` for one it cannot say."""

    def encode(self, announcement: Announcement) -> bytes:
        """The datagram of an announcement."""

    def decode(self, octets: bytes) -> Announcement:
        """The announcement of a datagram. Raises `Malformed`."""

    def refreshed(self, known: Announcement, heard: Announcement) -> Announcement:
        """What is known of a member after it was heard again."""

    def pause_ms(self, frequency_ms: int) -> int:
        """How long a node listens before it announces itself."""

    def farewell(self, own: Announcement) -> Announcement | None:
        """What a node says when it stops; None where it falls silent."""
