"""Frames of a capture file, followed connection by connection, in one protocol or in all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from refjk.base.errors import InputError
from refjk.decode.announcements import read_datagram
from refjk.decode.capture_files import CaptureFile, PcapFile
from refjk.decode.channel_tracker import ChannelTracker
from refjk.decode.cluster_events import ClusterEvent
from refjk.decode.conversation import Settings
from refjk.decode.events import Event, Remark
from refjk.decode.link import LINK_TYPES, Datagram, Segment, datagram_of, endpoint_text, segment_of
from refjk.decode.tracker import Tracker
from refjk.decode.wires import Wire, goes_to_a_group, is_announcement


class CaptureReader:
    """`wire` None shows all protocols, each recognised by content; a `port` belongs to one of them."""

    def __init__(self, capture: CaptureFile, settings: Settings, port: int | None, wire: Wire | None) -> None:
        self._capture = capture
        self._port = port
        self._wire = wire
        numbers = itertools.count(1)
        self._ajp = Tracker(settings, port, numbers) if wire in (None, Wire.AJP) else None
        self._channel = ChannelTracker(numbers, port) if wire in (None, Wire.CHANNEL) else None
        self._unreadable: set[int] = set()  # link types that were met

    def feed(self, data: bytes) -> Iterator[Event | ClusterEvent]:
        for frame in self._capture.feed(data):
            if frame.link_type not in LINK_TYPES:
                yield from self._refuse(frame.link_type)
                continue
            segment = segment_of(frame.link_type, frame.octets)
            if segment is not None:
                yield from self._segment(segment, frame.time_ns)
            elif self._wire in (None, Wire.MEMBERSHIP):
                datagram = datagram_of(frame.link_type, frame.octets)
                if datagram is not None and self._wants(datagram):
                    yield from self._datagram(datagram, frame.time_ns)

    def end(self) -> Iterator[Event | ClusterEvent]:
        for tracker in (self._ajp, self._channel):
            if tracker is not None:
                yield from tracker.end()
        if self._capture.rest:
            yield Remark(
                None,
                None,
                f"the file ends in the middle of a record, {self._capture.rest} octets after its start",
            )
        if self._ajp is not None and self._ajp.ignored:
            yield Remark(None, None, f"other TCP connections, not shown: {self._ajp.ignored}")

    def _segment(self, segment: Segment, time_ns: int | None) -> Iterator[Event | ClusterEvent]:
        """Until a connection has said something both trackers follow it."""
        taken = self._channel is not None and self._channel.takes(segment)
        if self._channel is not None:
            yield from self._channel.feed(segment, time_ns)
        if self._ajp is not None and not taken:
            yield from self._ajp.feed(segment, time_ns)

    def _wants(self, datagram: Datagram) -> bool:
        if self._wire is None:
            return is_announcement(datagram)
        if self._port is not None:
            return datagram.target[1] == self._port
        return goes_to_a_group(datagram)

    def _datagram(self, datagram: Datagram, time_ns: int | None) -> Iterator[Event | ClusterEvent]:
        source, target = endpoint_text(datagram.source), endpoint_text(datagram.target)
        if datagram.missing:
            text = f"{datagram.missing} octets of a datagram of {source} are missing"
            yield Remark(None, time_ns, text)
        else:
            yield read_datagram(datagram.data, time_ns, source, target)

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
