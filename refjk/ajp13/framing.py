"""Packets out of a stream of octets."""

from __future__ import annotations

from refjk.ajp13.codes import HEADER_SIZE, check_packet_size, payload_size_max
from refjk.base.errors import Malformed


def frame(magic: bytes, payload: bytes) -> bytes:
    """One packet: magic, payload length, payload. AJP-FRM-02, AJP-FRM-01"""
    return magic + len(payload).to_bytes(2, "big") + payload


class PacketBuffer:
    """Cuts what arrives into whole packets, however TCP split or joined them. AJP-FRM-05

    Holds at most what was fed and not yet taken; whoever feeds bounds that.
    """

    def __init__(self, magic: bytes, packet_size: int) -> None:
        self._magic = magic
        self._payload_size_max = payload_size_max(check_packet_size(packet_size))
        self._octets = bytearray()

    def __len__(self) -> int:
        return len(self._octets)

    def feed(self, data: bytes) -> None:
        self._octets += data

    def clear(self) -> None:
        self._octets.clear()

    def next_packet(self) -> bytes | None:
        """The next whole packet, header included, or None when more octets are needed.

        Raises `Malformed` (offsets from the packet's first octet) as soon as the header shows
        another magic than this direction's (AJP-FRM-03, AJP-FRM-04) or a payload longer than the
        packet size allows (AJP-FRM-09); no octet of such a packet is interpreted.
        """
        octets = self._octets
        if len(octets) < HEADER_SIZE:
            if octets and not self._magic.startswith(octets[:2]):
                raise self._wrong_magic()
            return None
        if not octets.startswith(self._magic):
            raise self._wrong_magic()
        size = octets[2] << 8 | octets[3]
        if size > self._payload_size_max:
            raise Malformed(
                "AJP-FRM-09",
                offset=2,
                expected=f"a payload of at most {self._payload_size_max} octets",
                actual=str(size),
            )
        end = HEADER_SIZE + size
        if len(octets) < end:
            return None
        if len(octets) == end:
            packet = bytes(octets)
            octets.clear()
            return packet
        packet = bytes(octets[:end])
        del octets[:end]
        return packet

    def _wrong_magic(self) -> Malformed:
        return Malformed(
            "AJP-FRM-04",
            offset=0,
            expected=self._magic.hex(" "),
            actual=bytes(self._octets[:2]).hex(" "),
        )
