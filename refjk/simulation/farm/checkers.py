"""Those who watch the archives of a simulated farm from outside, and object to what must not happen.

They look at disks and at what serves, and hear the journal; of members of the original they ask nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from refjk.base.errors import Malformed
from refjk.farm import FarmSettings
from refjk.simulation.cluster.journal import Watcher
from refjk.simulation.farm.archives import Flaw, judge
from refjk.simulation.farm.disk import SimulatedDisk
from refjk.simulation.farm.records import Ended, Failed, InPlace, Put, Said, Taken, TookOver

Interests = Mapping[type[Any], Callable[[Any], None]]


@dataclass(frozen=True, slots=True)
class View:
    """A node of refjk as it is now."""

    disk: SimulatedDisk
    running: bool
    serving: Mapping[str, str]


Views = Mapping[str, View]


class Checker(Watcher, Protocol):
    """A watcher with an opinion."""

    name: str

    def look(self, now_ms: int, views: Views) -> None:
        """At what there is now; between any two commands."""

    def settled(self, now_ms: int, views: Views) -> None:
        """The same long after the last fault and the last change."""

    def objections(self) -> list[str]:
        """Since the last time."""


class _Base:
    """Collects what is objected to until it is asked for."""

    def __init__(self) -> None:
        self._objections: list[str] = []
        self.originals: set[str] = set()  # nodes that promise nothing

    def interests(self) -> Interests:
        return {}

    def look(self, now_ms: int, views: Views) -> None:
        """Nothing to see."""

    def settled(self, now_ms: int, views: Views) -> None:
        """Nothing to see."""

    def objections(self) -> list[str]:
        taken, self._objections = self._objections, []
        return taken

    def _object(self, at_ms: int, text: str) -> None:
        self._objections.append(f"at {at_ms}: {text}")


class WholeOrNone(_Base):
    """What lies in a deploy directory is at any time, also after the end of its process, one whole version
    that somebody put somewhere, never a half one or a mixture."""

    name = "whole or none"

    def __init__(self) -> None:
        super().__init__()
        self._put: set[tuple[str, str]] = set()

    def interests(self) -> Interests:
        return {Put: self._note}

    def _note(self, record: Put) -> None:
        self._put.add((record.archive, record.version))

    def look(self, now_ms: int, views: Views) -> None:
        for node, view in views.items():
            for archive, placed in view.disk.deploy.items():
                try:
                    version = judge(placed.octets).version
                except Malformed as error:
                    self._object(now_ms, f"{node} has in the place of {archive} {error.actual}")
                    continue
                if (archive, version) not in self._put:
                    self._object(now_ms, f"{node} has {archive} {version}, which nobody put anywhere")


class TakesOverWhole(_Base):
    """A version serves until another takes over, which is verified, starts and lies in place; it ends without
    one only when somebody took the archive out somewhere. No version takes over from itself."""

    name = "takes over whole"

    def __init__(self) -> None:
        super().__init__()
        self._taken: set[str] = set()
        self._in_place: dict[tuple[str, str], str | None] = {}
        self.flaws: dict[tuple[str, str], Flaw] = {}

    def interests(self) -> Interests:
        return {Taken: self._take, InPlace: self._place, TookOver: self._take_over, Ended: self._end}

    def _take(self, record: Taken) -> None:
        self._taken.add(record.archive)

    def _place(self, record: InPlace) -> None:
        self._in_place[record.node, record.archive] = record.version

    def _take_over(self, record: TookOver) -> None:
        if record.node in self.originals:
            return
        what = f"{record.node} serves {record.archive} {record.version}"
        if self._in_place.get((record.node, record.archive)) != record.version:
            self._object(record.at_ms, f"{what}, which does not lie in its deploy directory")
        flaw = self.flaws.get((record.archive, record.version))
        if flaw is not Flaw.NONE:
            self._object(record.at_ms, f"{what}, which is {'unknown' if flaw is None else flaw.value}")
        if record.before == record.version:
            self._object(record.at_ms, f"{what} once more")

    def _end(self, record: Ended) -> None:
        if record.archive not in self._taken and record.node not in self.originals:
            self._object(record.at_ms, f"{record.node} ends {record.archive}, which nobody took out")


class SameEverywhere(_Base):
    """In the end all nodes that run have the same version of each archive or none, serve what they have, and
    nothing is under way any more."""

    name = "same everywhere"

    def settled(self, now_ms: int, views: Views) -> None:
        running = {node: view for node, view in views.items() if view.running}
        archives = sorted({archive for view in running.values() for archive in view.disk.deploy})
        for archive in archives:
            versions: dict[str, list[str]] = {}
            for node, view in running.items():
                versions.setdefault(_version(view, archive), []).append(node)
            if len(versions) > 1:
                told = "; ".join(f"{', '.join(nodes)}: {version}" for version, nodes in versions.items())
                self._object(now_ms, f"{archive} differs: {told}")
        for node, view in running.items():
            lying = {archive: _version(view, archive) for archive in view.disk.deploy}
            if lying != view.serving:
                self._object(now_ms, f"{node} has {lying} and serves {dict(view.serving)}")


class NothingLeft(_Base):
    """Temporary files are no more than transfers may be under way, and none in the end; of each archive no
    more versions are unpacked than replacing needs, and in the end the new one and the one before."""

    name = "nothing left"

    def __init__(self, settings: FarmSettings) -> None:
        super().__init__()
        # Parts, fetches, and a copy of what is watched.
        self._temp_max = settings.transfers.transfers + settings.joining.fetches + 1

    def look(self, now_ms: int, views: Views) -> None:
        for node, view in views.items():
            if len(view.disk.temp) > self._temp_max:
                self._object(now_ms, f"{node} has {len(view.disk.temp)} temporary files")
            # One that is being made, and one more where the disk has just failed.
            self._count_unpacked(now_ms, node, view, 4)

    def settled(self, now_ms: int, views: Views) -> None:
        for node, view in views.items():
            if not view.running:
                continue
            self._count_unpacked(now_ms, node, view, 2)
            for what, left in (("temporary", view.disk.temp), ("half written", view.disk.partial)):
                if left:
                    self._object(now_ms, f"{node} has {len(left)} {what} files left")
            gone = {archive for archive, _ in view.disk.unpacked_versions} - set(view.disk.deploy)
            if gone:
                self._object(now_ms, f"{node} has unpacked what is gone: {', '.join(sorted(gone))}")

    def _count_unpacked(self, now_ms: int, node: str, view: View, allowed: int) -> None:
        counts: dict[str, int] = {}
        for archive, _ in view.disk.unpacked_versions:
            counts[archive] = counts.get(archive, 0) + 1
        for archive, count in counts.items():
            if count > allowed:
                self._object(now_ms, f"{node} has {count} versions of {archive} unpacked")


class CatalogTrue(_Base):
    """What the catalog of a node offers lies whole in its deploy directory."""

    name = "catalog true"

    def __init__(self, disks: Mapping[str, SimulatedDisk]) -> None:
        super().__init__()
        self._disks = disks

    def interests(self) -> Interests:
        return {Said: self._say}

    def _say(self, record: Said) -> None:
        for archive, digest in record.catalog or ():
            placed = self._disks[record.node].deploy.get(archive)
            if placed is None or hashlib.sha256(placed.octets).digest() != digest:
                self._object(record.at_ms, f"{record.node} offers a version of {archive} that it has not")


class NoDefect(_Base):
    """No core raises what it should not."""

    name = "no defect"

    def interests(self) -> Interests:
        return {Failed: self._fail}

    def _fail(self, record: Failed) -> None:
        if record.node not in self.originals:
            self._object(record.at_ms, str(record))


def _version(view: View, archive: str) -> str:
    placed = view.disk.deploy.get(archive)
    if placed is None:
        return "none"
    try:
        return judge(placed.octets).version
    except Malformed:
        return "no archive"
