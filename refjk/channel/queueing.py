"""What waits for a member: the rules of the asynchronous sender."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from refjk.base.errors import LocalProtocolError


class WhenFull(Enum):
    """What becomes of a message for which there is no room."""

    BLOCK = "block"
    DROP_OLDEST = "drop oldest"
    REFUSE = "refuse"


class Offer(Enum):
    """What became of a message."""

    QUEUED = "queued"
    REPLACED = "replaced"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class QueueRules:
    """`retries_max`: how often a failed message is tried again, each time after a pause longer by
    `retry_pause_ms`. Tomcat 5.5.5 tries none again here, knows no bounds, and needs a key for each message.
    """

    length_max: int = 10_000
    octets_max: int = 64 * 1024 * 1024
    when_full: WhenFull = WhenFull.BLOCK
    block_ms: int = 15_000
    retries_max: int = 3
    retry_pause_ms: int = 500
    key_needed: bool = False


@dataclass(slots=True)
class Entry:
    """A message in its queue."""

    key: str | None
    frame: bytes
    added_at_ms: int
    tries: int = 0


@dataclass(slots=True)
class QueueCounters:
    """`lost` are messages that were queued and will not be sent: pushed out, given up, or left at a stop."""

    queued: int = 0
    replaced: int = 0
    refused: int = 0
    lost: int = 0
    retries: int = 0


class SendQueue:
    """One member's messages in their order, at most one of them on its way.

    `take` hands out the next; tell `sent` or `failed` before the one after it.
    """

    def __init__(self, rules: QueueRules = QueueRules()) -> None:
        self._rules = rules
        self._entries: OrderedDict[object, Entry] = OrderedDict()
        self._octets = 0
        self._on_its_way: Entry | None = None
        self._again_at_ms: int | None = None  # when the one that failed may be tried again
        self.counters = QueueCounters()

    def __len__(self) -> int:
        """Messages that wait, the one on its way not counted."""
        return len(self._entries)

    @property
    def octets(self) -> int:
        """Octets of the frames that wait."""
        return self._octets

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not self._entries and self._on_its_way is None

    def age_ms(self, now_ms: int) -> int:
        """How long the first message has been here; 0 for an empty queue."""
        first = self._on_its_way or next(iter(self._entries.values()), None)
        return 0 if first is None else now_ms - first.added_at_ms

    def offer(self, key: str | None, frame: bytes, now_ms: int) -> Offer:
        """A message for the end of the queue, or in the place of one with the same key.

        FULL changes nothing but a counter of `refused`, which does not count blocking callers: those may
        come again, or tell `refuse`. Raises `LocalProtocolError` for a frame without octets, and without
        the key that is needed. CHN-ASY-05
        """
        if not frame or (key is None and self._rules.key_needed):
            raise LocalProtocolError("a message without octets or without its key cannot be queued")
        waiting = self._entries.get(key) if key is not None else None
        growth = len(frame) - (0 if waiting is None else len(waiting.frame))
        while self._full(growth, waiting):
            if self._rules.when_full is not WhenFull.DROP_OLDEST:
                self.counters.refused += self._rules.when_full is WhenFull.REFUSE
                return Offer.FULL
            oldest = next(place for place, entry in self._entries.items() if entry is not waiting)
            self._octets -= len(self._entries.pop(oldest).frame)
            self.counters.lost += 1
        self._octets += growth
        if waiting is not None:  # CHN-ASY-02
            waiting.frame = frame
            self.counters.replaced += 1
            return Offer.REPLACED
        # Without a key nothing is ever put in its place (CHN-ASY-03).
        self._entries[object() if key is None else key] = Entry(key, frame, now_ms)
        self.counters.queued += 1
        return Offer.QUEUED

    def refuse(self) -> None:
        """A caller has given up waiting for room."""
        self.counters.refused += 1

    def take(self, now_ms: int) -> Entry | None:
        """The message to send now; None when there is none, or the pause after a failure lasts."""
        if self._on_its_way is not None:
            if self._again_at_ms is None or now_ms < self._again_at_ms:
                return None
            self._again_at_ms = None
            return self._on_its_way
        if not self._entries:
            return None
        _, self._on_its_way = self._entries.popitem(last=False)
        self._octets -= len(self._on_its_way.frame)
        return self._on_its_way

    def sent(self) -> None:
        """The message on its way has left."""
        self._on_its_way = None

    def failed(self, now_ms: int) -> bool:
        """The message on its way could not be sent; whether it stays, before all others. CHN-ASY-08"""
        entry = self._on_its_way
        assert entry is not None
        entry.tries += 1
        if entry.tries > self._rules.retries_max:
            self._on_its_way = None
            self.counters.lost += 1
            return False
        self.counters.retries += 1
        self._again_at_ms = now_ms + entry.tries * self._rules.retry_pause_ms
        return True

    def next_wakeup_ms(self) -> int | None:
        """When the message that failed may be tried again."""
        return self._again_at_ms

    def abandon(self) -> int:
        """Gives up everything; how many messages are lost by that. CHN-ASY-10"""
        lost = len(self._entries) + (self._on_its_way is not None)
        self._entries.clear()
        self._octets, self._on_its_way, self._again_at_ms = 0, None, None
        self.counters.lost += lost
        return lost

    def _full(self, growth: int, waiting: Entry | None) -> bool:
        """Whether others leave too little room; for one alone there is always enough. CHN-ASY-06"""
        others = len(self._entries) - (waiting is not None)
        too_many = waiting is None and others >= self._rules.length_max
        return others > 0 and (too_many or self._octets + growth > self._rules.octets_max)
