"""Seeing the wire: recordings of AJP13 and of a cluster's own traffic in, packets out. No I/O.

Packets come with names, fields and complaints; so do the announcements, frames and answers of a cluster,
which are the `ClusterEvent`s of `refjk.decode.cluster_events`.
"""

from refjk.decode.cluster_events import ClusterEvent
from refjk.decode.conversation import Conversation, Settings
from refjk.decode.events import Ended, Event, Finding, Misfit, Opened, PacketSeen, Remark, Side
from refjk.decode.reader import Reader
from refjk.decode.wires import Wire

__all__ = [
    "ClusterEvent",
    "Conversation",
    "Ended",
    "Event",
    "Finding",
    "Misfit",
    "Opened",
    "PacketSeen",
    "Reader",
    "Remark",
    "Settings",
    "Side",
    "Wire",
]
