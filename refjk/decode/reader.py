"""Whatever a user has recorded: recognised by its first octets and read as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from refjk.base.errors import InputError
from refjk.decode.capture_files import capture_file
from refjk.decode.capture_reader import CaptureReader
from refjk.decode.cluster_events import ClusterEvent
from refjk.decode.conversation import Settings
from refjk.decode.events import Event
from refjk.decode.hex_reader import HexTextReader
from refjk.decode.wires import Wire

_HEAD_SIZE = 4
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"(\xb5": "zstd"}
_TEXT = frozenset(b"\t\n\r\f") | frozenset(range(0x20, 0x7F)) | frozenset(b"\xef\xbb\xbf")


class _Source(Protocol):
    def feed(self, data: bytes) -> Iterator[Event | ClusterEvent]: ...

    def end(self) -> Iterator[Event | ClusterEvent]: ...


class Reader:
    """Feed octets in any pieces, then call `end` once; both give the events that became known.

    `wire` None shows all protocols, each recognised by content; a `port` without it is that of a container.
    Raises `InputError` for what cannot be read; the events before it have been given.
    """

    def __init__(self, settings: Settings, port: int | None = None, wire: Wire | None = None) -> None:
        self._settings = settings
        self._port = port
        self._wire = Wire.AJP if wire is None and port is not None else wire
        self._head = b""
        self._source: _Source | None = None

    def feed(self, data: bytes) -> Iterator[Event | ClusterEvent]:
        if self._source is None:
            self._head += data
            if len(self._head) < _HEAD_SIZE:
                return
            data = self._head
            self._source = self._recognise(data)
        yield from self._source.feed(data)

    def end(self) -> Iterator[Event | ClusterEvent]:
        if self._source is None:
            if not self._head:
                raise InputError("there is nothing in it")
            self._source = self._recognise(self._head)
            yield from self._source.feed(self._head)
        yield from self._source.end()

    def _recognise(self, head: bytes) -> _Source:
        capture = capture_file(head)
        if capture is not None:
            return CaptureReader(capture, self._settings, self._port, self._wire)
        if all(octet in _TEXT for octet in head[:_HEAD_SIZE]):
            return HexTextReader(self._settings, self._wire)
        compressed = _COMPRESSED.get(head[:2])
        if compressed:
            raise InputError(f"compressed ({compressed}): unpack it first")
        raise InputError(
            f"neither a capture file (pcap, pcapng) nor hex text; it begins with {head[:_HEAD_SIZE].hex(' ')}"
        )
