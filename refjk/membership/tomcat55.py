"""Announcements as Tomcat 5.5 makes them, in both layouts of their datagram.

alive time (8) | port (4) | IPv4 address (4) | name                            5.5.5 to 5.5.9
alive time (8) | port (4) | IPv4 address (4) | size (4) name | size (4) domain  from 5.5.10
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace
from enum import Enum

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.membership.announcement import Announcement

_FIXED = struct.Struct(">qi4s")
_SIZE = struct.Struct(">i")
_PAUSES = 4  # heartbeats that a node listens for before its own first one


class Layout(Enum):
    """Which versions of Tomcat 5.5 understand a datagram."""

    PLAIN = "5.5.5"
    DOMAIN = "5.5.10"


@dataclass(frozen=True, slots=True)
class Tomcat55Membership:
    """The `tomcat55` dialect of announcements.

    `ipv6_as_original` lets announcements of IPv6 addresses out as Tomcat 5.5 writes them, which no reader
    understands.
    """

    layout: Layout = Layout.PLAIN
    domain: bytes = b"catalina"  # layout DOMAIN only
    ipv6_as_original: bool = False

    name = "tomcat55"
    datagram_size_max = 1000

    def introduce(self, host: str, port: int) -> Announcement:
        """MEM-DAT-03"""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise LocalProtocolError(f"{host!r} is not an IP address") from None
        name = f"tcp://{host}:{port}".encode()
        announced = Announcement(name, name, address.packed, port, 0, self._domain())
        if (size := len(self.encode(announced))) > self.datagram_size_max:
            raise LocalProtocolError(f"a datagram of {size} octets; {self.datagram_size_max} are read")
        return announced

    def encode(self, announcement: Announcement) -> bytes:
        """MEM-DAT-01, MEM-DAT-02. Raises `LocalProtocolError` for what does not fit."""
        if len(announcement.address) != 4 and not self.ipv6_as_original:
            raise LocalProtocolError(
                f"MEM-DAT-04: {announcement.host} does not fit: this dialect has room for IPv4 only"
            )
        try:
            head = struct.pack(">qi", announcement.alive_ms, announcement.port) + announcement.address
        except struct.error:
            raise LocalProtocolError("a port or alive time out of range") from None
        if self.layout is Layout.PLAIN:
            datagram = head + announcement.name
        else:
            tail = b"".join(_SIZE.pack(len(text)) + text for text in (announcement.name, announcement.domain))
            # The sizes stand where they stand for IPv4, so a longer address is written over.
            datagram = head[:16] + tail
            datagram += (head + bytes(len(tail)))[len(datagram) :]
        return datagram

    def decode(self, octets: bytes) -> Announcement:
        if len(octets) < _FIXED.size:
            raise Malformed(
                "MEM-DAT-05", offset=len(octets), expected=f"{_FIXED.size} octets", actual=f"{len(octets)}"
            )
        alive_ms, port, address = _FIXED.unpack_from(octets)
        name, domain = octets[_FIXED.size :], b""
        if self.layout is Layout.DOMAIN:
            name, offset = _sized(octets, _FIXED.size)
            # What follows the domain is ignored (MEM-DAT-07).
            domain, _ = _sized(octets, offset)
        return Announcement(name, name, address, port, alive_ms, domain)

    def refreshed(self, known: Announcement, heard: Announcement) -> Announcement:
        """Only the alive time is taken over. MEM-TAB-04"""
        return replace(known, alive_ms=heard.alive_ms)

    def pause_ms(self, frequency_ms: int) -> int:
        return _PAUSES * frequency_ms

    def farewell(self, own: Announcement) -> Announcement | None:
        """There is none. MEM-EXP-05"""
        return None

    def _domain(self) -> bytes:
        return self.domain if self.layout is Layout.DOMAIN else b""


def _sized(octets: bytes, offset: int) -> tuple[bytes, int]:
    """Octets behind their size, and the offset of what follows. MEM-DAT-06"""
    start = offset + _SIZE.size
    if len(octets) < start:
        raise Malformed(
            "MEM-DAT-06",
            offset=offset,
            expected="a size of 4 octets",
            actual=f"{len(octets) - offset} octets",
        )
    (size,) = _SIZE.unpack_from(octets, offset)
    if not 0 <= size <= len(octets) - start:
        raise Malformed(
            "MEM-DAT-06", offset=offset, expected=f"a size up to {len(octets) - start}", actual=f"{size}"
        )
    return octets[start : start + size], start + size
