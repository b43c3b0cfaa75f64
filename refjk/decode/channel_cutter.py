"""Frames and answers out of one direction's octets, also when some are missing or make no sense.

Unlike a receiver it goes on after a mistake: it looks for the next start of a frame, or answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.channel import ChannelLimits, Frame, FrameLayout, StrictCutter
from refjk.channel.answers import ACKNOWLEDGEMENT
from refjk.channel.frames import END, START
from refjk.decode.cluster_events import Fault

_NUMBER_SIZE = 4
_FLAGS = (0, 1, 2)
_ANSWER_END = ACKNOWLEDGEMENT[-1:]
_OTHERS_SHOWN = 16  # octets before the end of an answer that are kept for the eye


@dataclass(frozen=True, slots=True)
class CutFrame:
    """One frame; `size` counts all of its octets."""

    frame: Frame
    layout: FrameLayout
    size: int


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """One answer, up to its last octet."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """So many octets were passed over until something looked like a frame again."""

    size: int


Piece = CutFrame | CutAnswer | Fault | Skipped


class ChannelCutter:
    """Holds less than one frame and what was fed last.

    `frames`, `answers`: what this direction may say. `searching` begins with looking for a frame.
    """

    def __init__(
        self,
        *,
        frames: bool = True,
        answers: bool = True,
        searching: bool = False,
        limits: ChannelLimits | None = None,
    ) -> None:
        self._frames = frames
        self._answers = answers
        self._searching = searching
        self._data_size_max = (limits or ChannelLimits()).data_size
        self._octets = bytearray()
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._octets)

    @property
    def in_frame(self) -> bool:
        """Whether something has begun and not ended."""
        return bool(self._octets) and not self._searching

    def feed(self, data: bytes) -> Iterator[Piece]:
        self._octets += data
        while self._octets:
            if self._searching:
                if not self._search():
                    return
                yield from self._found()
            size_before = len(self._octets)
            try:
                piece = self._take()
            except Malformed as complaint:
                yield Fault.of(complaint)
                self._searching = True
                self._skip(1)
                continue
            if piece is not None:
                yield piece
            if len(self._octets) == size_before:
                return

    def gap(self) -> None:
        """Octets are missing here: what has begun is lost."""
        self._searching = self._frames
        self._skip(len(self._octets))

    def end(self) -> Iterator[Piece]:
        """No more octets come; what has begun is lost."""
        if self._searching:
            self._skip(len(self._octets))
            yield from self._found()
        self._octets.clear()

    def _take(self) -> Piece | None:
        """What is complete at the front. Raises `Malformed`."""
        octets = self._octets
        if self._answers and (not self._frames or ACKNOWLEDGEMENT.startswith(octets[:3])):
            return self._take_answer()
        if len(octets) < FrameLayout.FLAGGED.head_size and START.startswith(octets[: len(START)]):
            return None
        layout = _layout(octets)
        size = int.from_bytes(octets[layout.head_size - _NUMBER_SIZE : layout.head_size], "big", signed=True)
        total = layout.head_size + size + len(END)
        starts = octets.startswith(START)
        if starts and 0 <= size <= self._data_size_max and len(octets) < total:
            return None
        cutter = StrictCutter(layout, self._data_size_max)
        cutter.append(bytes(octets[: max(total, layout.head_size)]))
        frame = cutter.take()
        assert frame is not None  # all of it is there, so it is right or wrong
        del octets[:total]
        return CutFrame(frame, layout, total)

    def _take_answer(self) -> CutAnswer | None:
        at = self._octets.find(_ANSWER_END)
        if at < 0:
            del self._octets[:-_OTHERS_SHOWN]
            return None
        answer = CutAnswer(bytes(self._octets[: at + 1][-_OTHERS_SHOWN:]))
        del self._octets[: at + 1]
        return answer

    def _search(self) -> bool:
        """Drop octets until a frame or an answer begins; False when more octets are needed."""
        marks = [START] * self._frames + [ACKNOWLEDGEMENT] * self._answers
        found = [at for mark in marks if (at := self._octets.find(mark)) >= 0]
        if not found:
            self._skip(max(0, len(self._octets) - len(START) + 1))
            return False
        self._skip(min(found))
        return True

    def _skip(self, size: int) -> None:
        self._skipped += size
        del self._octets[:size]

    def _found(self) -> Iterator[Piece]:
        self._searching = False
        if self._skipped:
            yield Skipped(self._skipped)
        self._skipped = 0


def _layout(octets: bytearray) -> FrameLayout:
    """Told by the number behind the start: a flag is less than the size of any gzip data."""
    number_end = FrameLayout.PLAIN.head_size
    number = int.from_bytes(octets[len(START) : number_end], "big")
    if number not in _FLAGS or octets.startswith(END, number_end + number):
        return FrameLayout.PLAIN
    return FrameLayout.FLAGGED
