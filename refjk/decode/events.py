"""What comes out of decoding: packets, and what happened around them, in the order of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from refjk.ajp13.fields import Field
from refjk.ajp13.messages import MessageToContainer, MessageToWebServer
from refjk.base.errors import Malformed


class Side(Enum):
    """An end of a connection."""

    WEB_SERVER = "web server"
    CONTAINER = "container"

    @property
    def other(self) -> Side:
        return Side.CONTAINER if self is Side.WEB_SERVER else Side.WEB_SERVER


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: which side broke which clause, and where in the packet.

    `offset` counts octets from the first one of the packet.
    """

    side: Side
    clause: str
    offset: int
    expected: str
    actual: str

    @classmethod
    def of(cls, side: Side, complaint: Malformed) -> Finding:
        return cls(side, complaint.clause, complaint.offset, complaint.expected, complaint.actual)


@dataclass(frozen=True, slots=True)
class Opened:
    """The first sight of a connection; numbers count from 1. Names are empty where unknown."""

    connection: int
    time_ns: int | None
    web_server: str
    container: str


@dataclass(frozen=True, slots=True)
class PacketSeen:
    """One packet, whole or in part.

    `size` is what the header announces, and `missing` how many of these octets were not seen.
    `octets`, header included, end before the first of those. `message` is None where nothing
    could be decoded. Times are nanoseconds since 1970.
    """

    connection: int
    time_ns: int | None
    sender: Side
    kind: str
    octets: bytes
    size: int
    missing: int
    message: MessageToContainer | MessageToWebServer | None
    fields: tuple[Field, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Octets where a packet should begin and that are none; what they are is unknown."""

    connection: int
    time_ns: int | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the recording and not about the two ends, such as octets that are missing.

    `connection` is None when it concerns no single one.
    """

    connection: int | None
    time_ns: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A side ended a connection: `how` is `closed` or `reset`; `note` says in the middle of what."""

    connection: int
    time_ns: int | None
    side: Side
    how: str
    note: str


Event = Opened | PacketSeen | Misfit | Remark | Ended
