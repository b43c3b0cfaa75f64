"""Getting one archive from one member, piece by piece, with a request for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from refjk.farm.catalog import Entry
from refjk.farm.extension import PIECE_SIZE_MAX, ArchivePiece


@dataclass(frozen=True, slots=True)
class FetchRules:
    """How long a request waits for its piece, and how often it is sent."""

    answer_ms: int = 5_000
    tries: int = 5


class FetchStep(Enum):
    """What a piece or the time makes of a fetch."""

    NOTHING = "nothing"
    ASK = "ask"  # for the octets from `offset` on
    COMPLETE = "complete"
    GIVEN_UP = "given up"


class Fetch:
    """One archive on its way here. Its octets are stored in the order of the file."""

    def __init__(self, transfer: int, entry: Entry, source: str, rules: FetchRules, now_ms: int) -> None:
        self.transfer = transfer
        self.entry = entry
        self.source = source
        self.offset = 0
        self._rules = rules
        self._tries = 1
        self._asked_at_ms = now_ms

    def receive_piece(self, piece: ArchivePiece, now_ms: int) -> FetchStep:
        """`data` of the piece is to be stored at its offset unless the step is NOTHING or GIVEN_UP.

        A piece that nobody waits for any more is passed over. FAR-LAT-06
        """
        if piece.digest != self.entry.digest or piece.offset != self.offset:
            return FetchStep.NOTHING
        left = self.entry.size - self.offset
        if piece.size != self.entry.size or not 0 < len(piece.data) <= min(left, PIECE_SIZE_MAX):
            return FetchStep.GIVEN_UP
        self.offset += len(piece.data)
        self._tries, self._asked_at_ms = 1, now_ms
        return FetchStep.COMPLETE if self.offset == self.entry.size else FetchStep.ASK

    def tick(self, now_ms: int) -> FetchStep:
        """Asks again when nothing came, up to the number of tries. FAR-LAT-07"""
        if now_ms - self._asked_at_ms < self._rules.answer_ms:
            return FetchStep.NOTHING
        if self._tries >= self._rules.tries:
            return FetchStep.GIVEN_UP
        self._tries += 1
        self._asked_at_ms = now_ms
        return FetchStep.ASK

    def next_wakeup_ms(self) -> int:
        return self._asked_at_ms + self._rules.answer_ms
