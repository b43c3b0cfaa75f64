"""Primitive values and objects in turn, as Java code that reads and writes by hand does it."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator
from typing import NoReturn

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream.codes import BLOCK_SIZE_MAX, SHORT_SIZE_MAX
from refjk.objectstream.limits import Limits
from refjk.objectstream.model import Block, Content, Reset, WriteAborted
from refjk.objectstream.reader import ObjectReader
from refjk.objectstream.text import decode_text, encode_text
from refjk.objectstream.values import value_of
from refjk.objectstream.writer import write_stream


class ObjectInput:
    """Reads a stream as `java.io.ObjectInputStream` is used.

        source = ObjectInput(octets)
        session_id = source.read_object()
        created_ms = source.read_long()
        is_new = source.read_boolean()
        source.expect_end()

    Every call raises `Malformed` when something else comes than was asked for. `of_contents` reads the
    annotation of an object, or any other contents, in the same way; offsets count contents then.
    """

    def __init__(
        self, octets: bytes, *, limits: Limits | None = None, fieldless: Collection[str] = ()
    ) -> None:
        self._start(_located(ObjectReader(octets, limits=limits, fieldless=fieldless)))

    @classmethod
    def of_contents(cls, contents: Iterable[Content]) -> ObjectInput:
        made = cls.__new__(cls)
        made._start(enumerate(contents))
        return made

    def _start(self, source: Iterator[tuple[int, Content]]) -> None:
        self._source = source
        self._offset = 0  # of the content that was looked at last
        self._content: Content = _UNSEEN
        self._data = b""  # of blocks that have begun to be read
        self._used = 0

    def read_boolean(self) -> bool:
        octet = self.read_octets(1)[0]
        if octet > 1:
            raise Malformed("OBS-VAL-02", offset=self._offset, expected="00 or 01", actual=f"{octet:02x}")
        return octet == 1

    def read_byte(self) -> int:
        return self._number(">b", 1)

    def read_short(self) -> int:
        return self._number(">h", 2)

    def read_char(self) -> str:
        return chr(self._number(">H", 2))

    def read_int(self) -> int:
        return self._number(">i", 4)

    def read_long(self) -> int:
        return self._number(">q", 8)

    def read_float(self) -> float:
        number: float = struct.unpack(">f", self.read_octets(4))[0]
        return number

    def read_double(self) -> float:
        number: float = struct.unpack(">d", self.read_octets(8))[0]
        return number

    def read_utf(self) -> str:
        """Text as `writeUTF` wrote it, which is data and no string object."""
        size = self._number(">H", 2)
        return decode_text(self.read_octets(size), self._offset)

    def read_octets(self, size: int) -> bytes:
        """`size` octets of primitive data, from as many blocks as they are in. OBS-BLK-03"""
        gathered = [self._data[self._used : self._used + size]]
        missing = size - len(gathered[0])
        self._used += len(gathered[0])
        while missing:
            content = self._look()
            if not isinstance(content, Block):
                self._refuse("OBS-BLK-08", f"{missing} octets of primitive data")
            self._content = _UNSEEN
            self._data, self._used = content.octets, min(missing, len(content.octets))
            gathered.append(self._data[: self._used])
            missing -= self._used
        return b"".join(gathered)

    def read_record(self) -> object:
        """The next object as the stream holds it; a reset before it is passed over."""
        if self.data_left:
            self._refuse("OBS-BLK-09", "an object")
        while (content := self._look()) is Reset.RESET or content == _EMPTY:
            self._content = _UNSEEN
        if isinstance(content, WriteAborted):
            self._refuse("OBS-EXC-04", "an object")
        if isinstance(content, Block) or content is _NOTHING:
            self._refuse("OBS-BLK-09", "an object")
        self._content = _UNSEEN
        return content

    def read_object(self) -> object:
        """The next object as a Python value, or as a record where there is none."""
        return value_of(self.read_record())

    @property
    def data_left(self) -> int:
        """Octets of primitive data in the block that has begun to be read."""
        return len(self._data) - self._used

    @property
    def at_end(self) -> bool:
        return not self.data_left and self._look() is _NOTHING

    def expect_end(self) -> None:
        """Raises `Malformed` when anything is left. OBS-BLK-10"""
        if not self.at_end:
            self._refuse("OBS-BLK-10", "the end")

    def _number(self, packed: str, size: int) -> int:
        number: int = struct.unpack(packed, self.read_octets(size))[0]
        return number

    def _look(self) -> Content:
        """The next content, which stays; `_NOTHING` past the last one."""
        if self._content is _UNSEEN:
            self._offset, self._content = next(self._source, (self._offset, _NOTHING))
        return self._content

    def _refuse(self, clause: str, expected: str) -> NoReturn:
        content = self._look()
        if self.data_left or isinstance(content, Block):
            actual = "primitive data"
        elif content is _NOTHING:
            actual = "the end"
        elif isinstance(content, WriteAborted):
            actual = f"{content.exception!r}, which the writer met"
        else:
            actual = f"an object ({type(content).__name__})"
        raise Malformed(clause, offset=self._offset, expected=expected, actual=actual)


def _located(reader: ObjectReader) -> Iterator[tuple[int, Content]]:
    while not reader.at_end:
        yield reader.offset, reader.read_content()


_UNSEEN = object()  # nobody has looked yet
_NOTHING = object()  # there is no more
_EMPTY = Block(b"")


class ObjectOutput:
    """Writes a stream as `java.io.ObjectOutputStream` is used.

        target = ObjectOutput()
        target.write_object("F3A1")
        target.write_long(created_ms)
        octets = target.octets()

    `contents` are what was written as contents, to be the annotation of an object for instance. Raises
    `LocalProtocolError` for what does not fit.
    """

    def __init__(self) -> None:
        self._contents: list[Content] = []
        self._data = bytearray()

    @property
    def contents(self) -> list[Content]:
        self.flush()
        return self._contents

    def octets(self) -> bytes:
        """All of it as a stream."""
        return write_stream(self.contents)

    def write_boolean(self, value: bool) -> None:
        self._data.append(bool(value))

    def write_byte(self, value: int) -> None:
        self._pack(">b", value)

    def write_short(self, value: int) -> None:
        self._pack(">h", value)

    def write_char(self, value: str) -> None:
        self._pack(">H", ord(value))

    def write_int(self, value: int) -> None:
        self._pack(">i", value)

    def write_long(self, value: int) -> None:
        self._pack(">q", value)

    def write_float(self, value: float) -> None:
        self._pack(">f", value)

    def write_double(self, value: float) -> None:
        self._pack(">d", value)

    def write_utf(self, text: str) -> None:
        octets = encode_text(text)
        if len(octets) > SHORT_SIZE_MAX:
            raise LocalProtocolError(f"text of {len(octets)} octets; writeUTF takes {SHORT_SIZE_MAX}")
        self._data += struct.pack(">H", len(octets)) + octets

    def write_octets(self, octets: bytes) -> None:
        self._data += octets

    def write_object(self, value: object) -> None:
        """A value or a record. The same one twice is one object, referred to the second time."""
        self.flush()
        self._contents.append(value)

    def reset(self) -> None:
        """Forget what was written: from here on everything is written in full again."""
        self.flush()
        self._contents.append(Reset.RESET)

    def flush(self) -> None:
        """Close the open block. OBS-BLK-02, OBS-BLK-04"""
        self._contents += blocks_of(self._data)
        self._data.clear()

    def _pack(self, packed: str, value: int | float) -> None:
        try:
            self._data += struct.pack(packed, value)
        except (struct.error, OverflowError) as error:
            raise LocalProtocolError(f"{value!r} cannot be written: {error}") from None


def blocks_of(octets: bytes | bytearray) -> list[Content]:
    """Primitive data cut as Java's writer does it: blocks of 1024 octets and a rest, none if empty."""
    return [Block(bytes(octets[at : at + BLOCK_SIZE_MAX])) for at in range(0, len(octets), BLOCK_SIZE_MAX)]


def read_object(octets: bytes, *, limits: Limits | None = None, fieldless: Collection[str] = ()) -> object:
    """The Python value, or the record, of a stream that holds one object and nothing else."""
    source = ObjectInput(octets, limits=limits, fieldless=fieldless)
    value = source.read_object()
    source.expect_end()
    return value


def write_object(value: object) -> bytes:
    """A stream that holds one object."""
    return write_stream([value])
