"""What a simulated run came to, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from refjk.simulation.cluster.journal import (
    Added,
    DatagramLost,
    Dropped,
    Handed,
    Heard,
    Opened,
    QueueLost,
    Resulted,
    Sending,
    Started,
    Stopped,
    Undelivered,
    Written,
)


class Tally:
    """A watcher that only counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.fates: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._newest: dict[tuple[str, str, str], int] = {}

    def interests(self) -> Mapping[type[Any], Callable[[Any], None]]:
        kinds = (Added, DatagramLost, Dropped, Heard, Opened, Sending, Started, Stopped, Undelivered)
        return {
            **{kind: self._counting(kind.__name__) for kind in kinds},
            Handed: self._hand,
            Written: self._write,
            Resulted: self._result,
            QueueLost: self._lose,
        }

    def _counting(self, name: str) -> Callable[[Any], None]:
        def count(record: object) -> None:
            self.counts[name] += 1

        return count

    def _hand(self, record: Handed) -> None:
        self.counts["Handed"] += 1
        key = (record.source, record.node, record.key)
        newest = self._newest.get(key, 0)
        self.counts["OutOfOrder"] += record.message < newest
        self._newest[key] = max(newest, record.message)

    def _write(self, record: Written) -> None:
        self.counts["Written"] += 1
        self.counts["Resent"] += record.again

    def _result(self, record: Resulted) -> None:
        self.fates[record.fate.value] += 1
        if record.reason:
            self.reasons[record.reason] += 1

    def _lose(self, record: QueueLost) -> None:
        self.counts["QueueLost"] += record.count
