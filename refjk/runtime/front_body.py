"""The request body on its way from the client to a container, and back to its start if need be."""

from __future__ import annotations

from collections.abc import Callable


class Upload:
    """Read as a container asks for it; what was read is kept, up to `replay_size` octets, for another try.

    `more` gives the next octets, empty at the end; it blocks and may raise. With `fills` each read
    is as long as it can be; else it is what there is, so that octets of a slow client go on at once.
    """

    __slots__ = ("_ended", "_fills", "_held", "_kept", "_kept_size", "_more", "_replay_size")

    def __init__(self, more: Callable[[], bytes], *, fills: bool, replay_size: int) -> None:
        self._more = more
        self._fills = fills
        self._replay_size = replay_size
        self._held = b""  # from the client, not read yet
        self._ended = False
        self._kept: list[bytes] | None = []  # read so far; None when it was too much
        self._kept_size = 0

    @property
    def is_held(self) -> bool:
        """Whether everything that was read can be read again."""
        return self._kept is not None

    def read(self, size: int) -> bytes:
        """At least one octet and at most `size`; none at the end."""
        if self._fills:
            self.fetch(size)
        elif not self._held:
            self._held = self._next()
        data, self._held = self._held[:size], self._held[size:]
        self._keep(data)
        return data

    def fetch(self, size: int) -> None:
        """Wait until a read of `size` octets needs no waiting."""
        if len(self._held) >= size:
            return
        pieces = [self._held]
        length = len(self._held)
        while length < size and (piece := self._next()):
            pieces.append(piece)
            length += len(piece)
        self._held = b"".join(pieces)

    def rewind(self) -> None:
        """Go back to the start; only while it is held."""
        assert self._kept is not None
        self._held = b"".join([*self._kept, self._held])
        self._kept, self._kept_size = [], 0

    def _keep(self, data: bytes) -> None:
        if self._kept is None:
            return
        self._kept_size += len(data)
        if self._kept_size > self._replay_size:
            self._kept = None
        else:
            self._kept.append(data)

    def _next(self) -> bytes:
        if self._ended:
            return b""
        piece = self._more()
        self._ended = not piece
        return piece
