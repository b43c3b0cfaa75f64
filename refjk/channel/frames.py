"""Frames of Tomcat 5.5: how they stand in a stream, read strictly or as the original reads them.

FLT2002 | size (4) | data | TLF2003               5.5.5 to 5.5.9
FLT2002 | flag (4) | size (4) | data | TLF2003    from 5.5.10
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from refjk.base.errors import LocalProtocolError, Malformed

START = b"FLT2002"
END = b"TLF2003"

_NUMBER = struct.Struct(">i")
_SIZE_MAX = 0x7FFFFFFF


class FrameLayout(Enum):
    """Which versions of Tomcat 5.5 understand a frame; the value is what precedes the data."""

    PLAIN = len(START) + 4
    FLAGGED = len(START) + 8

    @property
    def head_size(self) -> int:
        return self.value


@dataclass(frozen=True, slots=True)
class Frame:
    """The data of one frame as they are on the wire; the flag is 0 in layout PLAIN."""

    data: bytes
    flag: int = 0


def encode_frame(frame: Frame, layout: FrameLayout) -> bytes:
    """CHN-FRM-01, CHN-FRM-02"""
    if len(frame.data) > _SIZE_MAX:
        raise LocalProtocolError(f"data of {len(frame.data)} octets do not fit a frame")
    flag = _NUMBER.pack(frame.flag) if layout is FrameLayout.FLAGGED else b""
    return b"".join((START, flag, _NUMBER.pack(len(frame.data)), frame.data, END))


class FrameCutter(Protocol):
    """Octets in, complete frames out."""

    @property
    def buffered(self) -> int:
        """Octets held."""

    def append(self, octets: bytes) -> bool:
        """Takes octets in; False when they, and all before them, were thrown away."""

    def take(self) -> Frame | None:
        """The next complete frame. Raises `Malformed`, after which nothing can be read any more."""


class StrictCutter:
    """Refuses the first octet that cannot be part of a frame."""

    def __init__(self, layout: FrameLayout, data_size_max: int) -> None:
        self._layout = layout
        self._data_size_max = data_size_max
        self._octets = bytearray()

    @property
    def buffered(self) -> int:
        return len(self._octets)

    def append(self, octets: bytes) -> bool:
        self._octets += octets
        return True

    def take(self) -> Frame | None:
        octets, head_size = self._octets, self._layout.head_size
        start = bytes(octets[: len(START)])
        if not START.startswith(start):
            raise Malformed("CHN-FRM-04", offset=0, expected=START.hex(), actual=start.hex())
        if len(octets) < head_size:
            return None
        (size,) = _NUMBER.unpack_from(octets, head_size - 4)
        if not 0 <= size <= self._data_size_max:
            raise Malformed(
                "CHN-FRM-05", offset=head_size - 4, expected=f"0 to {self._data_size_max}", actual=f"{size}"
            )
        end = head_size + size
        found = bytes(octets[end : end + len(END)])
        if not END.startswith(found):
            raise Malformed("CHN-FRM-06", offset=end, expected=END.hex(), actual=found.hex())
        if len(found) < len(END):
            return None
        frame = _frame(octets, self._layout, size)
        del octets[: end + len(END)]
        return frame


class OriginalCutter:
    """Reads as Tomcat 5.5 does, its blockades included; only the memory is bounded.

    The buffer keeps what stood behind the end of its data, because the search for a start sees it there
    (CHN-FRM-10).
    """

    def __init__(self, layout: FrameLayout, buffered_max: int) -> None:
        self._layout = layout
        self._buffered_max = buffered_max
        self._octets = bytearray()
        self._size = 0

    @property
    def buffered(self) -> int:
        return self._size

    def append(self, octets: bytes) -> bool:
        if not octets:
            return False
        self._octets[self._size : self._size + len(octets)] = octets
        self._size += len(octets)
        if self._size > len(START) and START not in self._octets:  # CHN-FRM-09
            self._size = 0
            return False
        return True

    def count(self) -> int:
        """Complete frames at the start of the buffer. Raises `Malformed`."""
        number, start = 0, 0
        while (end := self._end(start)) is not None:
            number, start = number + 1, end
        return number

    def peek(self) -> Frame | None:
        """The next complete frame, which stays."""
        if self._end(0) is None:
            return None
        (size,) = _NUMBER.unpack_from(self._octets, self._layout.head_size - 4)
        return _frame(self._octets, self._layout, size)

    def take(self) -> Frame | None:
        frame = self.peek()
        if frame is None:
            if self._size > self._buffered_max:  # CHN-FRM-11
                raise Malformed(
                    "CHN-FRM-11", offset=0, expected=f"a frame in {self._buffered_max} octets", actual="none"
                )
            return None
        used = self._layout.head_size + len(frame.data) + len(END)
        # Moved forward, not cut off: what is behind the end must stay where it is.
        self._octets[: self._size - used] = self._octets[used : self._size]
        self._size -= used
        return frame

    def clear(self) -> None:
        self._size = 0

    def _end(self, start: int) -> int | None:
        """Where the frame at `start` ends, if a complete one is there."""
        head_end = start + self._layout.head_size
        if self._size < head_end or not self._octets.startswith(START, start):
            return None
        (size,) = _NUMBER.unpack_from(self._octets, head_end - 4)
        footer = head_end + size
        if not 0 <= footer <= _SIZE_MAX - len(END):
            raise Malformed("CHN-FRM-12", offset=head_end - 4, expected="a size", actual=f"{size}")
        end = footer + len(END)
        return end if end <= self._size and self._octets.startswith(END, footer) else None


def _frame(octets: bytearray, layout: FrameLayout, size: int) -> Frame:
    flag = _NUMBER.unpack_from(octets, len(START))[0] if layout is FrameLayout.FLAGGED else 0
    return Frame(bytes(octets[layout.head_size : layout.head_size + size]), flag)
