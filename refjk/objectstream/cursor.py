"""The octets of a stream, taken one after the other and never beyond what is there."""

from __future__ import annotations

import struct
from typing import NoReturn

from refjk.base.errors import Malformed
from refjk.objectstream.codes import MAGIC, VERSION
from refjk.objectstream.limits import Limits
from refjk.objectstream.text import decode_text

U16 = struct.Struct(">H")
I32 = struct.Struct(">i")
I64 = struct.Struct(">q")


class Cursor:
    """Where reading stands. Raises `Malformed`."""

    def __init__(self, octets: bytes, limits: Limits) -> None:
        self._limits = limits
        if len(octets) > limits.octets:
            most = f"a stream of at most {limits.octets} octets"
            self._refuse("OBS-LIM-04", limits.octets, most, f"{len(octets)} octets")
        self._octets = bytes(octets)
        self._size = len(self._octets)
        self._position = 0
        self._counted = 0

    @property
    def offset(self) -> int:
        """Where the next content begins."""
        return self._position

    @property
    def at_end(self) -> bool:
        return self._position == self._size

    def _read_header(self) -> None:
        if self._octets[:2] != MAGIC:
            self._refuse("OBS-HDR-01", 0, MAGIC.hex(" "), self._octets[:2].hex(" ") or "no octets")
        if self._octets[2:4] != VERSION:
            self._refuse("OBS-HDR-02", 2, VERSION.hex(" "), self._octets[2:4].hex(" ") or "no octets")
        self._position = 4

    def _peek(self) -> int:
        try:
            return self._octets[self._position]
        except IndexError:
            self._refuse("OBS-HDR-03", self._position, "more octets", "the end of the stream")

    def _take(self, size: int, clause: str = "OBS-HDR-03") -> bytes:
        start = self._position
        self._skip(size, clause)
        return self._octets[start : self._position]

    def _skip(self, size: int, clause: str = "OBS-HDR-03") -> None:
        """Passes octets that are there; whoever knows their place need not have them copied."""
        end = self._position + size
        if end > self._size:
            left = self._size - self._position
            self._refuse(clause, self._position, f"{size} octets", f"{left} and the end of the stream")
        self._position = end

    def _i32(self) -> int:
        at = self._position
        self._skip(4)
        number: int = I32.unpack_from(self._octets, at)[0]
        return number

    def _short_text(self) -> str:
        size = self._u16()
        start = self._position
        return decode_text(self._take(size, "OBS-STR-03"), start)

    def _u16(self) -> int:
        at = self._position
        self._skip(2)
        number: int = U16.unpack_from(self._octets, at)[0]
        return number

    def _count(self, records: int, at: int) -> None:
        self._counted += records
        if self._counted > self._limits.records:
            most = f"at most {self._limits.records} records, fields and blocks"
            self._refuse("OBS-LIM-02", at, most, "more")

    def _refuse(self, clause: str, offset: int, expected: str, actual: str) -> NoReturn:
        raise Malformed(clause, offset=offset, expected=expected, actual=actual)
