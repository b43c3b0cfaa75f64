"""What a simulated run with archives came to, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from refjk.simulation.cluster.journal import Started, Stopped, Written
from refjk.simulation.farm.records import (
    Arrived,
    CaughtUp,
    Ended,
    InPlace,
    Put,
    Reported,
    Said,
    Sprung,
    Taken,
    TookOver,
)

_KINDS = (CaughtUp, Ended, InPlace, Put, Reported, Said, Sprung, Started, Stopped, Taken, TookOver, Written)


class FarmTally:
    """A watcher that only counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def interests(self) -> Mapping[type[Any], Callable[[Any], None]]:
        return {**{kind: self._counting(kind.__name__) for kind in _KINDS}, Arrived: self._arrive}

    def _counting(self, name: str) -> Callable[[Any], None]:
        def count(record: object) -> None:
            self.counts[name] += 1

        return count

    def _arrive(self, record: Arrived) -> None:
        what = record.text.split(" ")[0].rstrip(",:")
        self.counts[f"{record.how}: {what}"] += 1
        self.counts[record.how] += 1
