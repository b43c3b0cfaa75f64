"""Hex text of any of the protocols, recognised by its first octets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from refjk.base.errors import InputError
from refjk.decode.announcements import read_datagram
from refjk.decode.channel_conversation import RECEIVER, SENDER, ChannelConversation
from refjk.decode.cluster_events import ClusterEvent
from refjk.decode.conversation import Conversation, Settings
from refjk.decode.events import Event, Side
from refjk.decode.hex_text import HexPiece, HexText
from refjk.decode.wires import TOLD_BY, Wire, is_told, wire_of


class HexTextReader:
    """Feed the text as it comes; everything is one connection, seen from an unknown moment on.

    Of the membership each line, or each dump that begins with offset 0, is a datagram.
    """

    def __init__(self, settings: Settings, wire: Wire | None = None) -> None:
        self._settings = settings
        self._wire = wire
        self._text = HexText()
        self._held: list[HexPiece] = []
        self._reading: _Reading | None = None

    def feed(self, data: bytes) -> Iterator[Event | ClusterEvent]:
        """Raises `InputError` for a line that is no hex text."""
        try:
            for piece in self._text.feed(data):
                yield from self._take(piece)
        except InputError:
            yield from self._choose()  # what was known before it is told before it
            raise

    def end(self) -> Iterator[Event | ClusterEvent]:
        try:
            for piece in self._text.end():
                yield from self._take(piece)
        finally:
            yield from self._choose()
        assert self._reading is not None
        yield from self._reading.end()

    def _take(self, piece: HexPiece) -> Iterator[Event | ClusterEvent]:
        if self._reading is not None:
            yield from self._reading.receive(piece)
            return
        self._held.append(piece)
        octets = b"".join(held.octets for held in self._held)
        if self._wire is not None or is_told(octets) or len(octets) >= TOLD_BY:
            yield from self._choose()

    def _choose(self) -> Iterator[Event | ClusterEvent]:
        """From now on it is clear what this is."""
        if self._reading is not None:
            return
        held, self._held = self._held, []
        wire = self._wire or wire_of(b"".join(piece.octets for piece in held))
        self._reading = _reading(wire, self._settings)
        for piece in held:
            yield from self._reading.receive(piece)


class _Reading(Protocol):
    def receive(self, piece: HexPiece) -> Iterator[Event | ClusterEvent]: ...

    def end(self) -> Iterator[Event | ClusterEvent]: ...


def _reading(wire: Wire, settings: Settings) -> _Reading:
    if wire is Wire.MEMBERSHIP:
        return _Datagrams()
    return _Frames() if wire is Wire.CHANNEL else _Packets(settings)


class _Packets:
    """AJP13."""

    def __init__(self, settings: Settings) -> None:
        self._conversation = Conversation(1, settings, from_start=False, complete=True)

    def receive(self, piece: HexPiece) -> Iterator[Event]:
        if piece.mark is None:
            return self._conversation.receive_any(piece.octets, None)
        return self._conversation.receive(piece.mark, piece.octets, None)

    def end(self) -> Iterator[Event]:
        return self._conversation.end_of_recording()


class _Frames:
    """The channel; the marks of the web server are those of the sender."""

    def __init__(self) -> None:
        self._conversation = ChannelConversation(1)

    def receive(self, piece: HexPiece) -> Iterator[Event | ClusterEvent]:
        who = {None: None, Side.WEB_SERVER: SENDER, Side.CONTAINER: RECEIVER}[piece.mark]
        return self._conversation.receive(who, piece.octets, None)

    def end(self) -> Iterator[Event | ClusterEvent]:
        return self._conversation.end_of_recording()


class _Datagrams:
    """The membership; marks mean nothing."""

    def __init__(self) -> None:
        self._octets = b""

    def receive(self, piece: HexPiece) -> Iterator[ClusterEvent]:
        if piece.begins:
            yield from self.end()
        self._octets += piece.octets

    def end(self) -> Iterator[ClusterEvent]:
        octets, self._octets = self._octets, b""
        if octets:
            yield read_datagram(octets, None)
