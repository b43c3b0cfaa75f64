"""Request bodies: of an announced length, and chunked.

A reader takes from the front of a buffer what belongs to its body and leaves the rest there.
"""

from __future__ import annotations

from typing import Protocol

from refjk.http1.limits import Limits
from refjk.http1.lines import LineScanner, trailer_section
from refjk.http1.refusal import Refusal, shown
from refjk.http1.syntax import CHUNK_LINE, LINE_BREAK


class BodyReader(Protocol):
    """One request body; used until `read` has said that it is complete."""

    left: int  # octets that are known to follow; more may follow after them

    def read(self, buffer: bytearray, pieces: list[bytes]) -> bool:
        """Move content from `buffer` to `pieces`; True when the body is complete."""


class LengthReader:
    """A body of `left` octets."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, buffer: bytearray, pieces: list[bytes]) -> bool:
        size = min(self.left, len(buffer))
        if size:
            pieces.append(_copy(buffer, 0, size))
            del buffer[:size]
            self.left -= size
        return not self.left


class ChunkedReader:
    """A chunked body; `read` raises `Refusal` at the first octet that does not fit.

    `offset` is that of the body's first octet in its request.
    """

    def __init__(self, limits: Limits, offset: int) -> None:
        self.left = 0  # of the chunk under way
        self._limits = limits
        self._offset = offset  # of the buffer's first octet
        self._size = 0  # of all chunks that were announced
        self._ends_chunk = False  # CR LF behind the data is due
        self._trailers: LineScanner | None = None

    def read(self, buffer: bytearray, pieces: list[bytes]) -> bool:
        """HTP-CHK-07"""
        position = 0
        try:
            while self._trailers is None:
                following = self._read_part(buffer, position, pieces)
                if following == position:
                    return False
                position = following
        finally:
            del buffer[:position]
            self._offset += position
        end = self._trailers.check(buffer)
        if end is None:
            return False
        del buffer[:end]
        return True

    def _read_part(self, buffer: bytearray, position: int, pieces: list[bytes]) -> int:
        """The position behind a size line, some data or the CR LF behind it; unchanged: more is needed."""
        if self.left:
            end = min(position + self.left, len(buffer))
            if end > position:
                pieces.append(_copy(buffer, position, end))
                self.left -= end - position
                self._ends_chunk = not self.left
            return end
        if self._ends_chunk:
            return self._read_chunk_end(buffer, position)
        return self._read_size_line(buffer, position)

    def _read_chunk_end(self, buffer: bytearray, position: int) -> int:
        end = bytes(buffer[position : position + 2])
        if not b"\r\n".startswith(end):
            odd = end[:1] == b"\r"  # the index of the octet that does not fit
            raise Refusal(
                400,
                "HTP-CHK-05",
                offset=self._offset + position + odd,
                expected="CR LF behind the data of a chunk",
                actual=shown(end[odd : odd + 1]),
            )
        if len(end) < 2:
            return position
        self._ends_chunk = False
        return position + 2

    def _read_size_line(self, buffer: bytearray, position: int) -> int:
        line_size_max = self._limits.chunk_line_size_max
        found = LINE_BREAK.search(buffer, position, position + line_size_max + 2)
        if found is None:
            if len(buffer) - position < line_size_max + 2:
                return position
            raise Refusal(
                400,
                "HTP-CHK-04",
                offset=self._offset + position + line_size_max + 1,
                expected=f"a chunk line of at most {line_size_max} octets",
                actual="more",
            )
        at = found.start()
        if buffer[at] != 0x0A or at == position or buffer[at - 1] != 0x0D:
            raise Refusal(
                400,
                "HTP-CHK-03",
                offset=self._offset + at,
                expected="a chunk line that ends with CR LF",
                actual=shown(buffer[at : at + 1]),
            )
        line = bytes(buffer[position : at - 1])
        matched = CHUNK_LINE.fullmatch(line)
        if matched is None:
            sound = CHUNK_LINE.match(line)
            raise Refusal(
                400,
                "HTP-CHK-02" if sound and b";" in sound[0] else "HTP-CHK-01",
                offset=self._offset + position,
                expected="1 to 16 hexadecimal digits, then nothing or an extension",
                actual=shown(line),
            )
        self._begin_chunk(int(matched[1], 16), self._offset + position, at + 1)
        return at + 1

    def _begin_chunk(self, size: int, offset: int, following: int) -> None:
        self.left = size
        self._size += size
        size_max = self._limits.body_size_max
        if size_max is not None and self._size > size_max:
            raise Refusal(
                413,
                "HTP-LIM-06",
                offset=offset,
                expected=f"a body of at most {size_max} octets",
                actual=f"at least {self._size}",
            )
        if size == 0:
            self._trailers = LineScanner(trailer_section(self._limits), self._offset + following)


def _copy(buffer: bytearray, start: int, end: int) -> bytes:
    # A view spares the second copy that a slice of a bytearray would be; it must be gone before
    # anything is deleted from the buffer.
    with memoryview(buffer) as view:
        return bytes(view[start:end])
