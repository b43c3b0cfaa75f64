"""Seeing the wire: recordings of AJP13 in, packets with names, fields and complaints out. No I/O."""

from refjk.decode.conversation import Conversation, Settings
from refjk.decode.events import Ended, Event, Finding, Misfit, Opened, PacketSeen, Remark, Side
from refjk.decode.reader import Reader

__all__ = [
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
]
