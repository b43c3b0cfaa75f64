"""A capture file of what a relay passed on: pcap, raw IP, with headers made up around the octets.

A relay never sees segments, only octets. The file tells the same story as a capture between the
web server and the container would: handshake, data in order, ends.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from refjk.decode.events import Side
from refjk.decode.link import Endpoint

SEGMENT_SIZE_MAX = 32768
CAPTURE_HEAD = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 0x40000, 101)
"""The beginning of every file: little endian, nanoseconds, raw IP."""

_FIN, _SYN, _RST, _PUSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_NS_PER_S = 1_000_000_000
_MODULUS = 1 << 32


class CaptureConnection:
    """Records of one connection. Addresses of two families are both written as IPv6."""

    def __init__(self, web_server: Endpoint, container: Endpoint) -> None:
        ends = [ipaddress.ip_address(address.partition("%")[0]) for address, _ in (web_server, container)]
        if len({end.version for end in ends}) == 2:
            ends = [end if end.version == 6 else ipaddress.IPv6Address(f"::ffff:{end}") for end in ends]
        self._addresses = {Side.WEB_SERVER: ends[0].packed, Side.CONTAINER: ends[1].packed}
        self._ports = {Side.WEB_SERVER: web_server[1], Side.CONTAINER: container[1]}
        self._sequence = {Side.WEB_SERVER: 0, Side.CONTAINER: 0}

    def opened(self, time_ns: int) -> Iterator[bytes]:
        """The handshake."""
        yield self._record(Side.WEB_SERVER, _SYN, b"", time_ns)
        self._sequence[Side.WEB_SERVER] = 1
        yield self._record(Side.CONTAINER, _SYN | _ACK, b"", time_ns)
        self._sequence[Side.CONTAINER] = 1
        yield self._record(Side.WEB_SERVER, _ACK, b"", time_ns)

    def passed(self, sender: Side, data: bytes, time_ns: int) -> Iterator[bytes]:
        """Octets of one side."""
        for start in range(0, len(data), SEGMENT_SIZE_MAX):
            piece = data[start : start + SEGMENT_SIZE_MAX]
            yield self._record(sender, _PUSH | _ACK, piece, time_ns)
            self.lost(sender, len(piece))

    def lost(self, sender: Side, size: int) -> None:
        """The numbers go on by `size` octets, whether these were written or not."""
        self._sequence[sender] = (self._sequence[sender] + size) % _MODULUS

    def ended(self, sender: Side, reset: bool, time_ns: int) -> Iterator[bytes]:
        """The end of one side."""
        yield self._record(sender, (_RST if reset else _FIN) | _ACK, b"", time_ns)
        self.lost(sender, 1)

    def _record(self, sender: Side, flags: int, payload: bytes, time_ns: int) -> bytes:
        packet = self._packet(sender, self._segment(sender, flags, payload))
        return struct.pack("<IIII", *divmod(time_ns, _NS_PER_S), len(packet), len(packet)) + packet

    def _segment(self, sender: Side, flags: int, payload: bytes) -> bytes:
        tcp = struct.pack(
            ">HHIIBBHHH",
            self._ports[sender],
            self._ports[sender.other],
            self._sequence[sender],
            self._sequence[sender.other] if flags & _ACK else 0,
            5 << 4,
            flags,
            65535,
            0,
            0,
        )
        size = len(tcp) + len(payload)
        pseudo = self._addresses[sender] + self._addresses[sender.other] + struct.pack(">II", size, 6)
        checksum = _checksum(pseudo + tcp + payload)
        return tcp[:16] + checksum.to_bytes(2, "big") + tcp[18:] + payload

    def _packet(self, sender: Side, segment: bytes) -> bytes:
        source, target = self._addresses[sender], self._addresses[sender.other]
        if len(source) == 16:
            return struct.pack(">IHBB16s16s", 6 << 28, len(segment), 6, 64, source, target) + segment
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, 6, 0, source, target)
        return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:] + segment


def _checksum(octets: bytes) -> int:
    """The Internet checksum; the end-around sum of 16-bit words is their number modulo 65535."""
    padded = octets + b"\0" * (len(octets) % 2)
    return ~(int.from_bytes(padded, "big") % 0xFFFF) & 0xFFFF
