"""What comes out of decoding a cluster's wire: announcements, frames, answers, and what is wrong in them."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.membership import Announcement, DatagramRefused, Layout
from refjk.objectstream import Stream


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: which clause, and where in the frame, the answer or the message."""

    clause: str
    offset: int
    expected: str
    actual: str

    @classmethod
    def of(cls, complaint: Malformed) -> Fault:
        return cls(complaint.clause, complaint.offset, complaint.expected, complaint.actual)


@dataclass(frozen=True, slots=True)
class DatagramSeen:
    """One datagram of the membership. Names are empty where unknown.

    `announcement` is None where nothing could be decoded; `refused` tells what a node would say of it.
    `signed_ms` is the time in the trailer of an authenticated one, which is shown and not checked.
    """

    time_ns: int | None
    source: str
    target: str
    octets: bytes
    layout: Layout
    announcement: Announcement | None
    signed_ms: int | None
    refused: DatagramRefused | None


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """The first sight of a connection; its numbers are those of AJP13 connections as well."""

    connection: int
    time_ns: int | None
    sender: str
    receiver: str


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """One frame, whole. `size` counts all of its octets; `flag` is None in the layout that has none.

    `payload` is unzipped, and None where that failed; `message` is None where it is no object stream.
    """

    connection: int
    time_ns: int | None
    size: int
    flag: int | None
    zipped: bool
    payload: bytes | None
    message: Stream | None
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class AnswerSeen:
    """An answer, with whatever stands before its last octet."""

    connection: int
    time_ns: int | None
    octets: bytes
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class ChannelMisfit:
    """Octets where a frame should begin or go on and that cannot be one."""

    connection: int
    time_ns: int | None
    fault: Fault


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    """An end, `sender` or `receiver`, ended a connection; `note` says in the middle of what."""

    connection: int
    time_ns: int | None
    who: str
    how: str
    note: str


ClusterEvent = DatagramSeen | ChannelOpened | FrameSeen | AnswerSeen | ChannelMisfit | ChannelEnded
