"""Which cores a simulated node is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from refjk.channel import (
    ChannelDialect,
    PlacePool,
    QueueRules,
    ReceivingConnection,
    SendingConnection,
    SendingRules,
    SendQueue,
    Tomcat55Channel,
)
from refjk.membership import (
    Announcement,
    Membership,
    MembershipDialect,
    MembershipSettings,
    Tomcat55Membership,
)


def _membership(dialect: MembershipDialect, own: Announcement, settings: MembershipSettings) -> Membership:
    return Membership(dialect, own, settings)


def _receiving(dialect: ChannelDialect) -> ReceivingConnection:
    return ReceivingConnection(dialect)


@dataclass(frozen=True, slots=True)
class Cores:
    """Makers of the cores; a test puts a wrong one in its place to see a checker object."""

    membership_dialect: MembershipDialect = field(default_factory=Tomcat55Membership)
    channel_dialect: ChannelDialect = field(default_factory=Tomcat55Channel)
    membership: Callable[[MembershipDialect, Announcement, MembershipSettings], Membership] = _membership
    receiving: Callable[[ChannelDialect], ReceivingConnection] = _receiving
    sending: Callable[[SendingRules], SendingConnection] = SendingConnection
    pool: Callable[[int, int], PlacePool] = PlacePool
    queue: Callable[[QueueRules], SendQueue] = SendQueue
