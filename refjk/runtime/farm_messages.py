"""The farm's messages as the channel reads and writes them."""

from __future__ import annotations

from refjk.channel import MessageClass
from refjk.farm import MESSAGE_CLASSES, Layout, message_of_record, record_of_message

FARM_MESSAGES = tuple(MESSAGE_CLASSES.values())


def farm_message_classes(layout: Layout) -> list[MessageClass]:
    """All of them; both layouts are read, this one is written."""
    return [
        MessageClass(name, kind, message_of_record, lambda message: record_of_message(message, layout))
        for name, kind in MESSAGE_CLASSES.items()
    ]
