"""One connection of the channel: octets of both directions in, events out."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.base.errors import Malformed
from refjk.channel import ChannelLimits, FrameLayout, unzip_data
from refjk.channel.answers import ACKNOWLEDGEMENT
from refjk.decode.channel_cutter import ChannelCutter, CutAnswer, CutFrame, Piece, Skipped
from refjk.decode.cluster_events import (
    AnswerSeen,
    ChannelEnded,
    ChannelMisfit,
    ChannelOpened,
    ClusterEvent,
    Fault,
    FrameSeen,
)
from refjk.decode.events import Remark
from refjk.objectstream import Stream, read_stream

SENDER, RECEIVER = "sender", "receiver"

_GZIP = b"\x1f\x8b\x08"

Told = ClusterEvent | Remark


class ChannelConversation:
    """`searching`: what comes first may be the middle of a frame."""

    def __init__(
        self,
        number: int,
        *,
        sender: str = "",
        receiver: str = "",
        searching: bool = False,
        limits: ChannelLimits | None = None,
    ) -> None:
        self.number = number
        self._names = (sender, receiver)
        self._limits = limits or ChannelLimits()
        self._opened = False
        self._cutters = {
            SENDER: ChannelCutter(answers=False, searching=searching, limits=limits),
            RECEIVER: ChannelCutter(frames=False, limits=limits),
        }
        self._any = ChannelCutter(limits=limits)

    def __len__(self) -> int:
        """Octets that are held."""
        return len(self._any) + sum(len(cutter) for cutter in self._cutters.values())

    def receive(self, who: str | None, data: bytes, time_ns: int | None) -> Iterator[Told]:
        """Octets of `sender` or `receiver`; None: of either, changing only between frames and answers."""
        cutter = self._any if who is None else self._cutters[who]
        yield from self._events(cutter.feed(data), time_ns)

    def gap(self, who: str, size: int, time_ns: int | None) -> Iterator[Told]:
        """`size` octets of an end were not recorded."""
        yield from self._open(time_ns)
        yield Remark(self.number, time_ns, f"{size} octets of the {who} are missing")
        self._cutters[who].gap()

    def ended(self, who: str, how: str, time_ns: int | None) -> Iterator[Told]:
        yield from self._open(time_ns)
        inside = self._cutters[who].in_frame
        yield from self._events(self._cutters[who].end(), time_ns)
        what = "a frame" if who == SENDER else "an answer"
        note = f"in the middle of {what}" if inside else ""
        yield ChannelEnded(self.number, time_ns, who, how, note)

    def end_of_recording(self) -> Iterator[Told]:
        for cutter in (self._any, *self._cutters.values()):
            if cutter.in_frame:
                yield from self._open(None)
                text = f"the recording ends in the middle of something, {len(cutter)} octets after its start"
                yield Remark(self.number, None, text)
            yield from self._events(cutter.end(), None)

    def _open(self, time_ns: int | None) -> Iterator[Told]:
        if not self._opened:
            self._opened = True
            yield ChannelOpened(self.number, time_ns, *self._names)

    def _events(self, pieces: Iterator[Piece], time_ns: int | None) -> Iterator[Told]:
        for piece in pieces:
            yield from self._open(time_ns)
            if isinstance(piece, CutFrame):
                yield self._frame(piece, time_ns)
            elif isinstance(piece, CutAnswer):
                yield AnswerSeen(self.number, time_ns, piece.octets, _answer_fault(piece.octets))
            elif isinstance(piece, Skipped):
                yield Remark(self.number, time_ns, f"{piece.size} octets passed over")
            else:
                yield ChannelMisfit(self.number, time_ns, piece)

    def _frame(self, cut: CutFrame, time_ns: int | None) -> FrameSeen:
        """Whether data are zipped is a matter of configuration in the later layout; here they tell it."""
        plain = cut.layout is FrameLayout.PLAIN
        zipped = plain or cut.frame.data.startswith(_GZIP)
        payload: bytes | None = None
        message: Stream | None = None
        fault = None
        try:
            payload = unzip_data(cut.frame.data, self._limits.payload_size) if zipped else cut.frame.data
            message = read_stream(payload)
        except Malformed as complaint:
            fault = Fault.of(complaint)
        flag = None if plain else cut.frame.flag
        return FrameSeen(self.number, time_ns, cut.size, flag, zipped, payload, message, fault)


def _answer_fault(octets: bytes) -> Fault | None:
    if octets == ACKNOWLEDGEMENT:
        return None
    return Fault("CHN-ACK-01", 0, ACKNOWLEDGEMENT.hex(" "), octets.hex(" "))
