"""The packets of one connection as lines for people; secrets are not among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.fields import Field
from refjk.decode import Conversation, Misfit, PacketSeen, Settings, Side

VALUE_SIZE_MAX = 200

# Said by others: the packet's size, the next field, or the packet's name.
_UNSAID = frozenset(
    {
        "magic",
        "payload_length",
        "prefix_code",
        "num_headers",
        "header_name",
        "attribute_code",
        "attribute_name",
        "request_terminator",
        "data_length",
        "terminator",
    }
)
_OWNERS = {"header_value": "header ", "attribute_value": "attribute "}
_SECRET = AttributeCode.SECRET.name.lower()


class PacketLines:
    """Feed the octets of both directions in the order of the wire."""

    def __init__(self, packet_size: int) -> None:
        self._conversation = Conversation(1, Settings(packet_size=packet_size))

    def lines(self, direction: Literal["sent", "received"], octets: bytes) -> Iterator[str]:
        """`>` marks what the web server said, `<` what the container said, `!` what is wrong with it."""
        sender, mark = (Side.WEB_SERVER, ">") if direction == "sent" else (Side.CONTAINER, "<")
        for event in self._conversation.receive(sender, octets, None):
            if isinstance(event, PacketSeen):
                yield f"{mark} {event.kind}, {event.size} octets"
                for field in event.fields:
                    if field.name not in _UNSAID:
                        yield f"{mark}   {_field(field)}"
                findings = event.findings
            elif isinstance(event, Misfit):
                findings = (event.finding,)
            else:
                continue
            for finding in findings:
                yield (
                    f"! {finding.clause} at octet {finding.offset}:"
                    f" expected {finding.expected}, got {finding.actual}"
                )


def printable(octets: bytes) -> str:
    """Text that does nothing to a terminal: what is no printable UTF-8 becomes an escape."""
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _field(field: Field) -> str:
    owner = _OWNERS.get(field.name)
    name = field.name if owner is None else owner + printable(field.label.encode("latin-1"))
    if field.value is None:
        return f"{name}: null"
    if isinstance(field.value, int):
        return f"{name}: {field.value}" + (f" ({field.label})" if field.label and owner is None else "")
    size = len(field.value)
    if field.name == "data":
        return f"{name}: {size} octets"
    if field.name == "attribute_value" and field.label == _SECRET:
        return f"{name}: {size} octets, not shown"
    if size > VALUE_SIZE_MAX:
        return f"{name}: {printable(field.value[:VALUE_SIZE_MAX])}… ({size} octets)"
    return f"{name}: {printable(field.value)}"
