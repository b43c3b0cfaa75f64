"""Who is in the cluster: announcements, the table of members, the heartbeat; no sockets, no clock.

    dialect = Tomcat55Membership()
    membership = Membership(dialect, dialect.introduce("127.0.0.1", 4001), MembershipSettings())
    membership.start(now_ms)
    for event in membership.receive_datagram(octets, now_ms):
        ...                                      # MemberAdded, MemberHeard, MemberDropped, DatagramRefused
    membership.tick(now_ms)                      # at membership.next_wakeup_ms()
    for datagram in membership.datagrams_to_send():
        ...
    membership.members()                         # the others, oldest first

Another dialect is another `MembershipDialect`; nothing else here knows how an announcement looks.
The chapter is spec/membership.md; the socket is `refjk.runtime.multicast`.
"""

from refjk.membership.announcement import Announcement
from refjk.membership.authentication import Authenticator
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
from refjk.membership.heartbeat import HeartbeatSchedule
from refjk.membership.service import Membership, MembershipCounters, MembershipSettings
from refjk.membership.table import MemberTable
from refjk.membership.tomcat55 import Layout, Tomcat55Membership

__all__ = [
    "Announcement",
    "Authenticator",
    "DatagramRefused",
    "Departure",
    "Event",
    "HeartbeatSchedule",
    "Layout",
    "MemberAdded",
    "MemberDropped",
    "MemberHeard",
    "MemberTable",
    "Membership",
    "MembershipCounters",
    "MembershipDialect",
    "MembershipSettings",
    "Refusal",
    "Tomcat55Membership",
]
