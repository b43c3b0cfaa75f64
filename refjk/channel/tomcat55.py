"""The `tomcat55` dialect of the channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from refjk.base.errors import Malformed
from refjk.channel.answers import ACKNOWLEDGEMENT, LastOctetReader
from refjk.channel.dialect import Answer, AnswerTime, ChannelLimits, Envelope
from refjk.channel.frames import (
    END,
    Frame,
    FrameCutter,
    FrameLayout,
    OriginalCutter,
    StrictCutter,
    encode_frame,
)
from refjk.channel.zipping import unzip_data, zip_payload


class Compress(IntEnum):
    """What a message says about zipping, in the flag of the later layout."""

    FORBIDDEN = 0
    ALLOWED = 1
    DEFAULT = 2


@dataclass(frozen=True, slots=True)
class Tomcat55Channel:
    """Frames and answers of Tomcat 5.5.

    `compress` counts in layout FLAGGED only and must be the same at all nodes. `answers`: whether this node
    answers frames at all; Tomcat 5.5.5 does so unless its own senders are asynchronous. `resynchronise`
    reads damaged streams, and `answer_as_original` answers, as the original does.
    """

    layout: FrameLayout = FrameLayout.PLAIN
    compress: bool = False
    answers: bool = True
    resynchronise: bool = False
    answer_as_original: bool = False

    name = "tomcat55"

    def wrap(self, payload: bytes, *, answered: bool, now_ms: int) -> Envelope:
        """Neither the wish for an answer nor the time is part of these frames."""
        return Envelope(payload, Compress.DEFAULT if self.layout is FrameLayout.FLAGGED else 0)

    def encode_frame(self, envelope: Envelope) -> bytes:
        zipped = self.zips(envelope.options)
        data = zip_payload(envelope.payload) if zipped else envelope.payload
        return encode_frame(Frame(data, envelope.options), self.layout)

    def zips(self, flag: int) -> bool:
        """Whether the data of a frame are written zipped. CHN-FRM-13"""
        if self.layout is FrameLayout.PLAIN:
            return True
        return flag == Compress.ALLOWED or (self.compress and flag != Compress.FORBIDDEN)

    def unzips(self, flag: int) -> bool:
        """Whether the data of a frame are read as gzip. CHN-FRM-14"""
        return self.layout is FrameLayout.PLAIN or self.compress or flag == Compress.ALLOWED

    def frame_reader(self, limits: ChannelLimits) -> Tomcat55Reader:
        return Tomcat55Reader(self, limits)

    def answer_time(self, envelope: Envelope) -> AnswerTime:
        """CHN-ACK-05"""
        return AnswerTime.AFTER_PROCESSING if self.answers else AnswerTime.NEVER

    def encode_answer(self, answer: Answer) -> bytes:
        """There is no other answer, so a message that could not be handled gets it too. CHN-ACK-04"""
        return ACKNOWLEDGEMENT

    def answer_reader(self) -> LastOctetReader:
        return LastOctetReader(as_original=self.answer_as_original)

    def holds_object(self, envelope: Envelope) -> bool:
        return True


class Tomcat55Reader:
    """The frames of one connection, unzipped."""

    def __init__(self, dialect: Tomcat55Channel, limits: ChannelLimits) -> None:
        self._dialect = dialect
        self._limits = limits
        self._cutter: FrameCutter
        if dialect.resynchronise:
            overhead = dialect.layout.head_size + len(END)
            self._cutter = OriginalCutter(dialect.layout, limits.data_size + overhead)
        else:
            self._cutter = StrictCutter(dialect.layout, limits.data_size)
        self._failure: Malformed | None = None

    @property
    def failure(self) -> Malformed | None:
        return self._failure

    @property
    def buffered(self) -> int:
        return self._cutter.buffered

    def receive(self, octets: bytes) -> list[Envelope]:
        """Frames behind one that fails are lost with the connection, as their sender gets no answer."""
        complete: list[Envelope] = []
        if self._failure is not None:
            return complete
        self._cutter.append(octets)
        try:
            while (frame := self._cutter.take()) is not None:
                complete.append(self._opened(frame))
        except Malformed as error:
            self._failure = error
        return complete

    def _opened(self, frame: Frame) -> Envelope:
        if self._dialect.unzips(frame.flag):
            return Envelope(unzip_data(frame.data, self._limits.payload_size), frame.flag)
        if len(frame.data) > self._limits.payload_size:
            raise Malformed(
                "CHN-FRM-08",
                offset=0,
                expected=f"up to {self._limits.payload_size} octets",
                actual=f"{len(frame.data)}",
            )
        return Envelope(frame.data, frame.flag)
