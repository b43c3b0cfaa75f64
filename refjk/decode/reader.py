"""Whatever a user has recorded: recognised by its first octets and read as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from refjk.base.errors import InputError
from refjk.decode.capture_files import CaptureFile, PcapFile, capture_file
from refjk.decode.conversation import Settings
from refjk.decode.events import Event, Remark
from refjk.decode.hex_text import HexTextReader
from refjk.decode.link import LINK_TYPES, segment_of
from refjk.decode.tracker import Tracker

_HEAD_SIZE = 4
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"(\xb5": "zstd"}
_TEXT = frozenset(b"\t\n\r\f") | frozenset(range(0x20, 0x7F)) | frozenset(b"\xef\xbb\xbf")


class _Source(Protocol):
    def feed(self, data: bytes) -> Iterator[Event]: ...

    def end(self) -> Iterator[Event]: ...


class Reader:
    """Feed octets in any pieces, then call `end` once; both give the events that became known.

    Raises `InputError` for what cannot be read; the events before it have been given.
    """

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        self._settings = settings
        self._port = port
        self._head = b""
        self._source: _Source | None = None

    def feed(self, data: bytes) -> Iterator[Event]:
        if self._source is None:
            self._head += data
            if len(self._head) < _HEAD_SIZE:
                return
            data = self._head
            self._source = self._recognise(data)
        yield from self._source.feed(data)

    def end(self) -> Iterator[Event]:
        if self._source is None:
            if not self._head:
                raise InputError("there is nothing in it")
            self._source = self._recognise(self._head)
            yield from self._source.feed(self._head)
        yield from self._source.end()

    def _recognise(self, head: bytes) -> _Source:
        capture = capture_file(head)
        if capture is not None:
            return _CaptureReader(capture, Tracker(self._settings, self._port))
        if all(octet in _TEXT for octet in head[:_HEAD_SIZE]):
            return HexTextReader(self._settings)
        compressed = _COMPRESSED.get(head[:2])
        if compressed:
            raise InputError(f"compressed ({compressed}): unpack it first")
        raise InputError(
            f"neither a capture file (pcap, pcapng) nor hex text; it begins with {head[:_HEAD_SIZE].hex(' ')}"
        )


class _CaptureReader:
    """Frames of a capture file, followed connection by connection."""

    def __init__(self, capture: CaptureFile, tracker: Tracker) -> None:
        self._capture = capture
        self._tracker = tracker
        self._unreadable: set[int] = set()  # link types that were met

    def feed(self, data: bytes) -> Iterator[Event]:
        for frame in self._capture.feed(data):
            if frame.link_type not in LINK_TYPES:
                yield from self._refuse(frame.link_type)
                continue
            segment = segment_of(frame.link_type, frame.octets)
            if segment is not None:
                yield from self._tracker.feed(segment, frame.time_ns)

    def end(self) -> Iterator[Event]:
        yield from self._tracker.end()
        if self._capture.rest:
            yield Remark(
                None,
                None,
                f"the file ends in the middle of a record, {self._capture.rest} octets after its start",
            )
        if self._tracker.ignored:
            yield Remark(None, None, f"other TCP connections, not shown: {self._tracker.ignored}")

    def _refuse(self, link_type: int) -> Iterator[Event]:
        """A pcap file has one link type and is of no use then; in pcapng others may follow."""
        text = f"frames of link type {link_type} cannot be read; those that can: {_known()}"
        if isinstance(self._capture, PcapFile):
            raise InputError(text)
        if link_type not in self._unreadable and len(self._unreadable) < len(LINK_TYPES):
            self._unreadable.add(link_type)
            yield Remark(None, None, text)


def _known() -> str:
    return ", ".join(str(number) for number in sorted(LINK_TYPES))
