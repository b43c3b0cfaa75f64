"""What was recorded: one of three protocols, told by its first octets where nobody says which."""

from __future__ import annotations

import ipaddress
from enum import Enum

from refjk.base.errors import Malformed
from refjk.channel.answers import ACKNOWLEDGEMENT
from refjk.channel.frames import START
from refjk.decode.link import Datagram
from refjk.decode.shapes import MAGICS
from refjk.membership.watching import AnyLayout

TOLD_BY = 32  # octets by which hex text can be told

_NAME = b"tcp://"
_NAME_OFFSETS = (16, 20)  # in the two layouts of an announcement


class Wire(Enum):
    """A protocol that can be decoded."""

    AJP = "ajp"
    MEMBERSHIP = "membership"
    CHANNEL = "channel"


def wire_of(octets: bytes) -> Wire:
    """Which one begins so; what nothing tells apart is AJP13."""
    if any(octets.startswith(magic) for magic in MAGICS.values()):
        return Wire.AJP
    if is_channel(octets):
        return Wire.CHANNEL
    if any(octets.startswith(_NAME, offset) for offset in _NAME_OFFSETS):
        return Wire.MEMBERSHIP
    return Wire.AJP


def is_told(octets: bytes) -> bool:
    """Whether what begins so can be nothing but what `wire_of` says."""
    marks = (*MAGICS.values(), START, ACKNOWLEDGEMENT)
    return any(octets.startswith(mark) for mark in marks)


def is_channel(octets: bytes) -> bool:
    """Whether a connection of the channel can begin so, as far as the octets go."""
    return any(octets.startswith(mark[: len(octets)]) for mark in (START, ACKNOWLEDGEMENT) if octets)


def is_announcement(datagram: Datagram) -> bool:
    """Whether a datagram is a node's announcement, judged by where it goes and by the name in it."""
    if not goes_to_a_group(datagram):
        return False
    try:
        return AnyLayout().decode(datagram.data).name.startswith(_NAME)
    except Malformed:
        return False


def goes_to_a_group(datagram: Datagram) -> bool:
    return ipaddress.ip_address(datagram.target[0].partition("%")[0]).is_multicast
