"""A file in parts: how many, which octets, and what the original leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.farm.messages import PART_SIZE, FileMessage


@dataclass(frozen=True, slots=True)
class Part:
    """Octets `offset` to `offset + size` of a file. Numbers count from 1."""

    number: int
    total: int
    offset: int
    size: int


def total_of(size: int) -> int:
    """The number of parts that a file of this size is said to have. FAR-CHK-02"""
    return size // PART_SIZE + 1


def part_of(number: int, size: int) -> Part:
    """The part with this number of a file of `size` octets. FAR-CHK-01"""
    offset = (number - 1) * PART_SIZE
    return Part(number, total_of(size), offset, min(PART_SIZE, size - offset))


def parts_of(size: int, *, as_original: bool = False) -> Iterator[Part]:
    """All parts in order.

    The last one is empty when the size is a multiple of a part's: `as_original` leaves it out, and no
    original receiver sees the end then. FAR-CHK-03
    """
    for number in range(1, total_of(size) + 1):
        part = part_of(number, size)
        if part.size or not as_original:
            yield part


def message_of(
    part: Part, octets: bytes, *, file_name: str, context_path: str, size: int, whole_array: bool = False
) -> FileMessage:
    """The message for a part; its sender and time are set by whoever sends it.

    `whole_array`: an array of full size as the original sends it, filled up with zeros. FAR-CHK-04
    """
    assert len(octets) == part.size
    data = octets.ljust(PART_SIZE, b"\0") if whole_array else octets
    return FileMessage(file_name, context_path, part.number, part.total, size, data, part.size)


def checked_part(message: FileMessage, size_max: int) -> tuple[Part, bytes]:
    """What a received message says, with its octets. Raises `Malformed` unless all its numbers agree."""
    if not 0 <= message.total_size <= size_max:
        _refuse("FAR-CHK-05", f"a size up to {size_max}", message.total_size)
    if message.total != total_of(message.total_size):
        _refuse("FAR-CHK-06", f"{total_of(message.total_size)} parts", message.total)
    if not 1 <= message.number <= message.total:
        _refuse("FAR-CHK-06", f"a number up to {message.total}", message.number)
    part = part_of(message.number, message.total_size)
    if message.data_size != part.size:
        _refuse("FAR-CHK-06", f"{part.size} octets in part {part.number}", message.data_size)
    data = message.data or b""
    if not part.size <= len(data) <= PART_SIZE:
        _refuse("FAR-CHK-06", f"an array of {part.size} to {PART_SIZE} octets", len(data))
    return part, data[: part.size]


def _refuse(clause: str, expected: str, actual: int) -> None:
    raise Malformed(clause, offset=4, expected=expected, actual=str(actual))


class OriginalWriter:
    """The receiver's file of 5.5.5: whatever comes is appended, and the last number closes.

    `write` gives the octets to append (none once it is closed); `complete` is true for the call that
    closed it. Only for comparison with the original. FAR-CHK-14
    """

    def __init__(self) -> None:
        self._closed = False

    def write(self, message: FileMessage) -> tuple[bytes, bool]:
        if self._closed:
            return b"", False
        self._closed = message.number == message.total
        return (message.data or b"")[: message.data_size], self._closed
