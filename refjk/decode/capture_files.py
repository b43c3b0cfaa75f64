"""Capture files, pcap and pcapng, read as they come.

`feed` takes octets in any pieces and gives the frames that became whole; it holds less than one
record. What a file cannot mean raises `InputError` with the octet at which the record begins.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from refjk.base.errors import InputError

RECORD_SIZE_MAX = 1 << 24
INTERFACES_MAX = 4096

ByteOrder = Literal["<", ">"]

# First octets of a pcap file: byte order and nanoseconds per unit of its fractions of a second.
_PCAP_MAGICS: dict[bytes, tuple[ByteOrder, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAP_HEAD_SIZE = 24
_RECORD_HEAD_SIZE = 16
_LINK_TYPE_MASK = 0x0FFFFFFF  # above: whether frames end with a check sum

_SECTION, _INTERFACE, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 3, 6
_BYTE_ORDERS: dict[bytes, ByteOrder] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_OPTION_END, _OPTION_RESOLUTION = 0, 9
_RESOLUTION_DEFAULT = 1_000_000  # units per second
_RESOLUTION_POWER_MAX = 63


@dataclass(frozen=True, slots=True)
class Frame:
    """What was captured of one frame, at nanoseconds since 1970 (None: not recorded)."""

    time_ns: int | None
    link_type: int
    octets: bytes


class CaptureFile(ABC):
    """Common to both kinds: octets in, records out."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._offset = 0  # of the front of `_octets` in the file

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._octets += data
        while (size := self._record_size()) and len(self._octets) >= size:
            record = bytes(self._octets[:size])
            del self._octets[:size]
            yield from self._record(record)
            self._offset += size

    @property
    def rest(self) -> int:
        """Octets of a record that is not whole; more than 0 at the end means a file cut short."""
        return len(self._octets)

    @abstractmethod
    def _record_size(self) -> int:
        """Octets of the record at the front, or 0 when too few are there to tell."""

    @abstractmethod
    def _record(self, record: bytes) -> Iterator[Frame]:
        """What is in a record that is whole."""

    def _broken(self, what: str) -> InputError:
        return InputError(f"broken capture file: at octet {self._offset}: {what}")


def capture_file(head: bytes) -> CaptureFile | None:
    """The reader for a file that begins with these octets (4 or more), None when it is no capture."""
    if head[:4] in _PCAP_MAGICS:
        return PcapFile()
    return PcapngFile() if head[:4] == _PCAPNG_MAGIC else None


class PcapFile(CaptureFile):
    """The classic format."""

    def __init__(self) -> None:
        super().__init__()
        self._order: ByteOrder = "<"
        self._unit_ns = 0
        self._link_type: int | None = None

    def _record_size(self) -> int:
        if self._link_type is None:
            return _PCAP_HEAD_SIZE
        if len(self._octets) < _RECORD_HEAD_SIZE:
            return 0
        (size,) = struct.unpack_from(f"{self._order}I", self._octets, 8)
        if size > RECORD_SIZE_MAX:
            raise self._broken(f"a record of {size} octets")
        return _RECORD_HEAD_SIZE + int(size)

    def _record(self, record: bytes) -> Iterator[Frame]:
        if self._link_type is None:
            self._order, self._unit_ns = _PCAP_MAGICS[record[:4]]
            (link_type,) = struct.unpack_from(f"{self._order}I", record, 20)
            self._link_type = link_type & _LINK_TYPE_MASK
            return
        seconds, fraction = struct.unpack_from(f"{self._order}II", record)
        time_ns = seconds * 1_000_000_000 + fraction * self._unit_ns
        yield Frame(time_ns, self._link_type, record[_RECORD_HEAD_SIZE:])


class PcapngFile(CaptureFile):
    """The block format. Blocks and options that say nothing about frames are passed over."""

    def __init__(self) -> None:
        super().__init__()
        self._order: ByteOrder = "<"
        self._interfaces: list[tuple[int, int, int]] = []  # link type, kept octets, units per second

    def _record_size(self) -> int:
        if len(self._octets) < 12:
            return 0
        order = self._order
        if self._octets.startswith(_PCAPNG_MAGIC):
            found = _BYTE_ORDERS.get(bytes(self._octets[8:12]))
            if found is None:
                raise self._broken("a section without byte order")
            order = found
        (size,) = struct.unpack_from(f"{order}I", self._octets, 4)
        if size < 12 or size % 4 or size > RECORD_SIZE_MAX:
            raise self._broken(f"a block of {size} octets")
        return int(size)

    def _record(self, record: bytes) -> Iterator[Frame]:
        if record.startswith(_PCAPNG_MAGIC):
            self._order = _BYTE_ORDERS[record[8:12]]
            self._interfaces.clear()
        if record[-4:] != record[4:8]:
            raise self._broken("a block whose two lengths differ")
        (kind,) = struct.unpack_from(f"{self._order}I", record)
        body = record[8:-4]
        if kind == _INTERFACE:
            self._interface(body)
        elif kind == _ENHANCED_PACKET:
            yield self._enhanced(body)
        elif kind == _SIMPLE_PACKET:
            yield self._simple(body)

    def _interface(self, body: bytes) -> None:
        if len(body) < 8 or len(self._interfaces) >= INTERFACES_MAX:
            raise self._broken("an interface too short, or one too many")
        link_type, _, kept = struct.unpack_from(f"{self._order}HHI", body)
        self._interfaces.append((link_type, kept, self._resolution(body[8:])))

    def _resolution(self, options: bytes) -> int:
        """Units per second of an interface's time stamps."""
        offset = 0
        while offset + 4 <= len(options):
            code, size = struct.unpack_from(f"{self._order}HH", options, offset)
            if code == _OPTION_END:
                break
            if code == _OPTION_RESOLUTION and size == 1 and offset + 4 < len(options):
                power = options[offset + 4]
                if power & 0x7F > _RESOLUTION_POWER_MAX:
                    raise self._broken(f"a time resolution {power:#x}")
                return int((2 if power & 0x80 else 10) ** (power & 0x7F))
            offset += 4 + size + -size % 4
        return _RESOLUTION_DEFAULT

    def _enhanced(self, body: bytes) -> Frame:
        if len(body) < 20:
            raise self._broken("a packet block too short")
        index, high, low, kept, _ = struct.unpack_from(f"{self._order}IIIII", body)
        if index >= len(self._interfaces) or 20 + kept > len(body):
            raise self._broken(f"a packet of {kept} octets on interface {index}")
        link_type, _, resolution = self._interfaces[index]
        time_ns = (high << 32 | low) * 1_000_000_000 // resolution
        return Frame(time_ns, link_type, body[20 : 20 + kept])

    def _simple(self, body: bytes) -> Frame:
        if len(body) < 4 or not self._interfaces:
            raise self._broken("a packet block too short, or without interface")
        (size,) = struct.unpack_from(f"{self._order}I", body)
        link_type, kept, _ = self._interfaces[0]
        return Frame(None, link_type, body[4 : 4 + min(size, kept or size)])
