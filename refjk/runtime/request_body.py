"""`wsgi.input`: the request body, read from the connection only as the application asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator


class RequestBody:
    """A file-like object for reading (WSG-INP-02); its end is the body's end, which
    `wsgi.input_terminated` says (WSG-INP-03).

    `more` gives the next octets, empty at the end; it blocks and may raise `OSError` when the
    body cannot be had, which then reaches the application from whatever read it called.
    """

    __slots__ = ("_ended", "_held", "_more")

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._held = b""
        self._ended = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` octets, fewer only at the end; all that is left when negative or None."""
        if size is None or size < 0:
            pieces = [self._held]
            self._held = b""
            while piece := self._next():
                pieces.append(piece)
            return b"".join(pieces)
        if size > len(self._held):
            self._gather(size)
        data, self._held = self._held[:size], self._held[size:]
        return data

    def readline(self, size: int | None = -1, /) -> bytes:
        """One line with its line feed, cut at `size` octets when that is not negative."""
        limit = -1 if size is None or size < 0 else size
        pieces: deque[bytes] = deque()
        length = 0
        while limit < 0 or length < limit:
            piece = self._held or self._next()
            if not piece:
                break
            end = piece.find(b"\n") + 1 or len(piece)
            if limit >= 0:
                end = min(end, limit - length)
            pieces.append(piece[:end])
            length += end
            self._held = piece[end:]
            if pieces[-1].endswith(b"\n"):
                break
        return b"".join(pieces)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Lines up to the end, or until they hold at least `hint` octets."""
        lines: list[bytes] = []
        length = 0
        for line in self:
            lines.append(line)
            length += len(line)
            if hint is not None and 0 < hint <= length:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _next(self) -> bytes:
        if self._ended:
            return b""
        piece = self._more()
        self._ended = not piece
        return piece

    def _gather(self, size: int) -> None:
        pieces = [self._held]
        length = len(self._held)
        while length < size and (piece := self._next()):
            pieces.append(piece)
            length += len(piece)
        self._held = b"".join(pieces)
