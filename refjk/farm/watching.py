"""What counts as new, changed and removed in a watched directory: a table, and the original's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from refjk.base.errors import LocalProtocolError
from refjk.farm.names import SUFFIX


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry of the directory as one look found it."""

    name: str
    size: int
    modified_ns: int  # since 1970
    is_directory: bool = False


class Happening(Enum):
    """What a check tells of a name."""

    CHANGED = "changed"  # new ones too
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    name: str
    happening: Happening


class Phase(Enum):
    """What is known of a name."""

    UNKNOWN = "unknown"
    ARRIVING = "arriving"  # seen, perhaps still being written; never told
    TOLD = "told"
    CHANGING = "changing"  # an older version was told
    MISSING = "missing"  # told, and not there at the last check


class Look(Enum):
    """An entry against the last check."""

    SAME = "same"
    OTHER = "other"  # size or time differ in any direction, or it was not there before
    ABSENT = "absent"


CHECK: Mapping[tuple[Phase, Look], tuple[Phase, Happening | None]] = {
    (Phase.UNKNOWN, Look.OTHER): (Phase.ARRIVING, None),
    (Phase.ARRIVING, Look.SAME): (Phase.TOLD, Happening.CHANGED),
    (Phase.ARRIVING, Look.OTHER): (Phase.ARRIVING, None),
    (Phase.ARRIVING, Look.ABSENT): (Phase.UNKNOWN, None),
    (Phase.TOLD, Look.SAME): (Phase.TOLD, None),
    (Phase.TOLD, Look.OTHER): (Phase.CHANGING, None),
    (Phase.TOLD, Look.ABSENT): (Phase.MISSING, None),
    (Phase.CHANGING, Look.SAME): (Phase.TOLD, Happening.CHANGED),
    (Phase.CHANGING, Look.OTHER): (Phase.CHANGING, None),
    (Phase.CHANGING, Look.ABSENT): (Phase.MISSING, None),
    (Phase.MISSING, Look.SAME): (Phase.CHANGING, None),
    (Phase.MISSING, Look.OTHER): (Phase.CHANGING, None),
    (Phase.MISSING, Look.ABSENT): (Phase.UNKNOWN, Happening.REMOVED),
}
"""Every pair that can occur; nobody is SAME or ABSENT who is UNKNOWN.

FAR-WCH-03, FAR-WCH-04, FAR-WCH-05, FAR-WCH-06, FAR-WCH-07
"""


class Watcher:
    """The names of one directory. Give each check the entries as they are; handle the events in order."""

    def __init__(self, names_max: int = 1000) -> None:
        self._names_max = names_max
        self._phases: dict[str, Phase] = {}
        self._last: dict[str, tuple[int, int]] = {}

    def check(self, entries: Iterable[Seen]) -> list[WatchEvent]:
        """One look at the whole directory, sorted by name.

        Beyond `names_max` names that are not known yet wait until others are gone. FAR-WCH-09
        """
        present = {entry.name: (entry.size, entry.modified_ns) for entry in entries if self._counts(entry)}
        events = []
        for name in sorted(present.keys() | self._phases.keys()):
            if name not in self._phases and len(self._phases) >= self._names_max:
                continue
            phase = self._phases.get(name, Phase.UNKNOWN)
            after, happening = CHECK[phase, self._look(name, present)]
            self._keep(name, after, present.get(name))
            if happening is not None:
                events.append(WatchEvent(name, happening))
        return events

    def not_ready(self, name: str) -> None:
        """The archive that was told as changed turned out incomplete: it is told again once it changed.

        An archive whose directory is not at its end yet is still being written, however long it rests.
        FAR-WCH-08
        """
        if name not in self._phases:
            raise LocalProtocolError(f"{name} is not watched")
        if self._phases[name] is Phase.TOLD:
            self._phases[name] = Phase.CHANGING
        self._last[name] = (-1, -1)  # so that no file is the same as that

    def phase_of(self, name: str) -> Phase:
        return self._phases.get(name, Phase.UNKNOWN)

    @staticmethod
    def _counts(entry: Seen) -> bool:
        # FAR-WCH-02
        return entry.name.endswith(SUFFIX) and len(entry.name) > len(SUFFIX) and not entry.is_directory

    def _look(self, name: str, present: Mapping[str, tuple[int, int]]) -> Look:
        if name not in present:
            return Look.ABSENT
        return Look.SAME if self._last.get(name) == present[name] else Look.OTHER

    def _keep(self, name: str, phase: Phase, now: tuple[int, int] | None) -> None:
        if phase is Phase.UNKNOWN:
            self._phases.pop(name, None)
            self._last.pop(name, None)
            return
        self._phases[name] = phase
        if now is not None:
            self._last[name] = now


class WatchTicks:
    """Which ticks of the container's background work look at the directory."""

    def __init__(self, *, enabled: bool = False, every: int = 2) -> None:
        self._enabled = enabled
        self._every = 2
        self.every = every
        self._left = self._every

    @property
    def every(self) -> int:
        return self._every

    @every.setter
    def every(self, ticks: int) -> None:
        # FAR-WCH-10: a value below 1 is passed over.
        if ticks >= 1:
            self._every = ticks
            self._left = ticks

    def tick(self) -> bool:
        """Whether this one does. FAR-WCH-01, FAR-WCH-11"""
        if not self._enabled:
            return False
        self._left -= 1
        if self._left:
            return False
        self._left = self._every
        return True


class OriginalWatcher:
    """The watcher of 5.5.5: one time of the last check for each name, compared with the file's time.

    Only for comparison with the original. FAR-WCH-12
    """

    def __init__(self) -> None:
        self._checked_ns: dict[str, int] = {}
        self._gone: set[str] = set()

    def check(self, entries: Iterable[Seen], now_ns: int) -> list[WatchEvent]:
        present = {entry.name: entry.modified_ns for entry in entries if entry.name.endswith(SUFFIX)}
        events = []
        for name in sorted(present.keys() | self._checked_ns.keys()):
            known, here = name in self._checked_ns, name in present
            if here and (not known or name in self._gone or present[name] > self._checked_ns[name]):
                self._gone.discard(name)
                events.append(WatchEvent(name, Happening.CHANGED))
            elif not here and name not in self._gone:
                self._gone.add(name)
                events.append(WatchEvent(name, Happening.REMOVED))
            self._checked_ns[name] = now_ns
        return events

    @property
    def told(self) -> list[str]:
        """The names that the last check found."""
        return [name for name in self._checked_ns if name not in self._gone]

    def clear(self) -> None:
        self._checked_ns.clear()
        self._gone.clear()
