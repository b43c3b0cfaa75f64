"""TCP segments and UDP datagrams out of captured frames: Ethernet, Linux cooked, raw IP, loopback; IPv4
and IPv6.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Endpoint = tuple[str, int]
"""Address as text, and port."""

_IPV4 = 0x0800
_IPV6 = 0x86DD
_VLAN = (0x8100, 0x88A8, 0x9100)
_VLAN_TAGS_MAX = 4
_TCP = 6
_UDP = 17
_UDP_HEADER_SIZE = 8
_SKIPPED_HEADERS = (0, 43, 60)  # IPv6: hop-by-hop, routing, destination options
_FRAGMENT_HEADER = 44
_EXTENSIONS_MAX = 8
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10


def endpoint_text(end: Endpoint) -> str:
    """`127.0.0.1:8009`, `[::1]:8009`"""
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment. `missing` octets of payload follow `data` that the capture did not keep."""

    source: Endpoint
    target: Endpoint
    sequence: int
    acknowledged: int | None
    syn: bool
    fin: bool
    reset: bool
    data: bytes
    missing: int


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram. `missing` octets follow `data` that the capture did not keep."""

    source: Endpoint
    target: Endpoint
    data: bytes
    missing: int


@dataclass(frozen=True, slots=True)
class _Packet:
    """What an IP packet carries: `octets` may hold padding behind `size` octets, or fewer than these."""

    protocol: int
    source: str
    target: str
    octets: bytes
    size: int


def segment_of(link_type: int, frame: bytes) -> Segment | None:
    """The segment in a captured frame; None for all that is no TCP, or cut off before its end of header.

    IP fragments give None too: they are not put together here.
    """
    packet = _packet_of(link_type, frame)
    return _tcp(packet) if packet is not None and packet.protocol == _TCP else None


def datagram_of(link_type: int, frame: bytes) -> Datagram | None:
    """The datagram in a captured frame; None as for `segment_of`."""
    packet = _packet_of(link_type, frame)
    return _udp(packet) if packet is not None and packet.protocol == _UDP else None


def _packet_of(link_type: int, frame: bytes) -> _Packet | None:
    network = LINK_TYPES[link_type](frame)
    if network is None:
        return None
    kind, packet = network
    return _ipv4(packet) if kind == _IPV4 else _ipv6(packet) if kind == _IPV6 else None


def _ethernet(frame: bytes) -> tuple[int, bytes] | None:
    return _behind_vlan(frame, 12)


def _cooked(frame: bytes) -> tuple[int, bytes] | None:
    return _behind_vlan(frame, 14)


def _cooked_2(frame: bytes) -> tuple[int, bytes] | None:
    if len(frame) < 20:
        return None
    kind = int.from_bytes(frame[:2], "big")
    # The protocol stands in front here; a VLAN tag begins the payload with its own two octets.
    return _behind_vlan(frame, 22) if kind in _VLAN and len(frame) >= 24 else (kind, frame[20:])


def _behind_vlan(frame: bytes, offset: int) -> tuple[int, bytes] | None:
    for _ in range(_VLAN_TAGS_MAX + 1):
        if len(frame) < offset + 2:
            return None
        kind = int.from_bytes(frame[offset : offset + 2], "big")
        if kind not in _VLAN:
            return kind, frame[offset + 2 :]
        offset += 4
    return None


def _raw(frame: bytes) -> tuple[int, bytes] | None:
    version = frame[0] >> 4 if frame else 0
    return {4: (_IPV4, frame), 6: (_IPV6, frame)}.get(version)


def _loopback(frame: bytes) -> tuple[int, bytes] | None:
    # Four octets with the number of an address family, in the order of some machine; the
    # version in the IP header tells the same without knowing either.
    return _raw(frame[4:])


LINK_TYPES: Mapping[int, Callable[[bytes], tuple[int, bytes] | None]] = {
    0: _loopback,
    1: _ethernet,
    12: _raw,
    14: _raw,
    101: _raw,
    108: _loopback,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked_2,
}
"""Which link types can be read."""


def _ipv4(packet: bytes) -> _Packet | None:
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    header_size = (packet[0] & 15) * 4
    total = int.from_bytes(packet[2:4], "big")
    if int.from_bytes(packet[6:8], "big") & 0x3FFF or header_size < 20:
        return None
    return _Packet(
        packet[9],
        str(ipaddress.IPv4Address(packet[12:16])),
        str(ipaddress.IPv4Address(packet[16:20])),
        packet[header_size:],
        # 0 stands there when the network card was to cut a packet too long to be announced.
        total - header_size if total else len(packet) - header_size,
    )


def _ipv6(packet: bytes) -> _Packet | None:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return None
    size = int.from_bytes(packet[4:6], "big") or len(packet) - 40
    kind, offset = packet[6], 40
    for _ in range(_EXTENSIONS_MAX):
        if kind not in _SKIPPED_HEADERS and kind != _FRAGMENT_HEADER:
            break
        if len(packet) < offset + 8:
            return None
        if kind == _FRAGMENT_HEADER:
            if int.from_bytes(packet[offset + 2 : offset + 4], "big") & 0xFFF9:
                return None
            kind, offset = packet[offset], offset + 8
        else:
            kind, offset = packet[offset], offset + 8 + packet[offset + 1] * 8
    return _Packet(
        kind,
        str(ipaddress.IPv6Address(packet[8:24])),
        str(ipaddress.IPv6Address(packet[24:40])),
        packet[offset:],
        size - (offset - 40),
    )


def _tcp(packet: _Packet) -> Segment | None:
    octets = packet.octets
    if len(octets) < 20:
        return None
    header_size = (octets[12] >> 4) * 4
    flags = octets[13]
    payload_size = packet.size - header_size
    if header_size < 20 or payload_size < 0:
        return None
    data = octets[header_size : header_size + payload_size]
    return Segment(
        (packet.source, int.from_bytes(octets[:2], "big")),
        (packet.target, int.from_bytes(octets[2:4], "big")),
        int.from_bytes(octets[4:8], "big"),
        int.from_bytes(octets[8:12], "big") if flags & _ACK else None,
        bool(flags & _SYN),
        bool(flags & _FIN),
        bool(flags & _RST),
        data,
        payload_size - len(data),
    )


def _udp(packet: _Packet) -> Datagram | None:
    octets = packet.octets
    if len(octets) < _UDP_HEADER_SIZE:
        return None
    size = int.from_bytes(octets[4:6], "big") - _UDP_HEADER_SIZE
    if not 0 <= size <= packet.size - _UDP_HEADER_SIZE:
        return None
    data = octets[_UDP_HEADER_SIZE : _UDP_HEADER_SIZE + size]
    return Datagram(
        (packet.source, int.from_bytes(octets[:2], "big")),
        (packet.target, int.from_bytes(octets[2:4], "big")),
        data,
        size - len(data),
    )
