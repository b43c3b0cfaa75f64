"""The directories of a simulated node: in memory, and any step may be the last one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from refjk.base.errors import InputError, Malformed
from refjk.farm import Lying, Report, Seen
from refjk.simulation.farm.archives import Judged, describe, judge


class Step(Enum):
    """What a disk is asked for, and sending; a process can end at each, or the disk fail."""

    SWEEP = "sweep"  # at the start
    COPY = "copy"  # of the watched archive into the temporary directory
    STORE = "store"  # of a part
    VERIFY = "verify"
    UNPACK = "unpack"
    WRITE = "write"  # of the copy beside the archive in place
    REPLACE = "replace"  # the rename
    PRUNE = "prune"  # unpacked versions that are not needed any more
    REMOVE = "remove"  # of the archive
    DISCARD = "discard"  # of a transfer's file
    READ = "read"  # of the archive in place
    SEND = "send"  # a message to a member


@dataclass(slots=True)
class Traps:
    """At the given occurrence of a step, counted down from now, something happens.

    `spring` is called when a process is to end there and does not return.
    """

    spring: Callable[[Step, str], None]
    ends: dict[Step, tuple[int, str]]
    fails: dict[Step, int]

    def meet(self, step: Step) -> None:
        """Before each step is done. Raises `InputError` where the disk fails."""
        if step in self.ends:
            left, how = self.ends.pop(step)
            if left <= 1:
                self.spring(step, how)
            self.ends[step] = left - 1, how
        if step in self.fails:
            left = self.fails.pop(step)
            if left <= 1:
                raise InputError(f"{step.value}: No space left on device")
            self.fails[step] = left - 1


@dataclass(frozen=True, slots=True)
class Placed:
    """An archive in the deploy directory; its stamp is the time of the file."""

    octets: bytes
    stamp_ms: int


class SimulatedDisk:
    """Outlives the processes of its node. `told` hears what becomes of the archives in place."""

    def __init__(self, traps: Traps, told: Callable[[str, str | None], None]) -> None:
        self._traps = traps
        self._told = told
        self.watch: dict[str, tuple[bytes, int]] = {}  # octets and time (ns)
        self.temp: dict[int, bytearray] = {}
        self.deploy: dict[str, Placed] = {}
        self.partial: dict[str, bytes] = {}  # temporary names in the deploy directory
        self.unpacked_versions: dict[tuple[str, bytes], Judged | None] = {}  # None: a temporary name

    # As `refjk.farm.Disk` has it.

    def begin(self) -> Iterator[Lying | Report]:
        self._traps.meet(Step.SWEEP)
        self.temp.clear()
        self._traps.meet(Step.SWEEP)
        self.partial.clear()
        kept = set()
        for name in sorted(self.deploy):
            placed = self.deploy[name]
            try:
                judged = judge(placed.octets)
            except Malformed as error:
                yield Report(name, str(error), refused=True)
                continue
            kept.add((name, judged.digest))
            yield Lying(name, judged, placed.stamp_ms)
        for version in list(self.unpacked_versions):
            if version not in kept or self.unpacked_versions[version] is None:
                self._traps.meet(Step.SWEEP)
                del self.unpacked_versions[version]

    def entries(self) -> list[Seen]:
        return [Seen(name, len(octets), at_ns) for name, (octets, at_ns) in self.watch.items()]

    def copy_watched(self, name: str, transfer: int) -> None:
        if name not in self.watch:  # taken out since the directory was looked at
            raise InputError(f"{name}: No such file or directory")
        octets = self.watch[name][0]
        self.temp[transfer] = bytearray(octets[: len(octets) // 2])
        self._traps.meet(Step.COPY)
        self.temp[transfer] = bytearray(octets)

    def store(self, transfer: int, offset: int, octets: bytes) -> None:
        self._traps.meet(Step.STORE)
        file = self.temp.setdefault(transfer, bytearray())
        file.extend(bytes(max(0, offset + len(octets) - len(file))))
        file[offset : offset + len(octets)] = octets

    def discard(self, transfer: int) -> None:
        self._traps.meet(Step.DISCARD)
        self.temp.pop(transfer, None)

    def verify(self, transfer: int) -> Judged:
        self._traps.meet(Step.VERIFY)
        return judge(self._file(transfer))

    def unpacked(self, transfer: int | None, name: str, digest: bytes) -> Path:
        if self.unpacked_versions.get((name, digest)) is None:
            self.unpacked_versions[name, digest] = None
            self._meet(Step.UNPACK, lambda: self.unpacked_versions.pop((name, digest)))
            octets = self.deploy[name].octets if transfer is None else self._file(transfer)
            self.unpacked_versions[name, digest] = judge(octets)
        return Path(name, digest.hex())

    def replace(self, transfer: int, name: str, digest: bytes, stamp_ms: int) -> None:
        octets = self._file(transfer)
        self.partial[name] = octets[: len(octets) // 2]
        self._meet(Step.WRITE, lambda: self.partial.pop(name))
        if hashlib.sha256(octets).digest() != digest:
            del self.partial[name]
            raise Malformed("FAR-ARC-16", offset=0, expected=digest.hex(), actual=describe(octets))
        self.partial[name] = octets
        self._meet(Step.REPLACE, lambda: self.partial.pop(name))
        del self.partial[name]
        self.deploy[name] = Placed(octets, stamp_ms)
        self._told(name, describe(octets))

    def remove(self, name: str) -> None:
        self._traps.meet(Step.REMOVE)
        if self.deploy.pop(name, None) is not None:
            self._told(name, None)

    def prune(self, name: str, kept: Sequence[bytes]) -> None:
        for version in [one for one in self.unpacked_versions if one[0] == name and one[1] not in kept]:
            self._traps.meet(Step.PRUNE)
            del self.unpacked_versions[version]

    @contextmanager
    def deployed(self, name: str) -> Iterator[io.BytesIO]:
        self._traps.meet(Step.READ)
        if name not in self.deploy:
            raise InputError(f"{name}: No such file or directory")
        yield io.BytesIO(self.deploy[name].octets)

    def _meet(self, step: Step, undo: Callable[[], object]) -> None:
        """Where the disk fails, what was begun is deleted."""
        try:
            self._traps.meet(step)
        except InputError:
            undo()
            raise

    def _file(self, transfer: int) -> bytes:
        if transfer not in self.temp:
            raise InputError(f"transfer {transfer}: No such file or directory")
        return bytes(self.temp[transfer])
