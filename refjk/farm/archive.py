"""What an archive may hold, judged from its directory before anything of it is written."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.farm.names import folded, part_problem

STORED, DEFLATED = 0, 8  # the methods of zip that are taken

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_END_SIZE = 22
_END_MARK = b"PK\x05\x06"
_LOCATOR_SIZE = 20
_LOCATOR_MARK = b"PK\x06\x07"
END_SEARCH_SIZE = _END_SIZE + _LOCATOR_SIZE + 0xFFFF
"""Octets at the end of a file that hold its end record, whatever its comment."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds of an archive; sizes are octets."""

    archive_size: int = 256 * 1024 * 1024
    directory_size: int = 4 * 1024 * 1024  # of the list of entries
    entries: int = 10_000
    entry_size: int = 128 * 1024 * 1024  # one file, unpacked
    expanded_size: int = 512 * 1024 * 1024  # all of them
    ratio: int = 200  # unpacked to packed, for a file above `ratio_from`
    ratio_from: int = 1024 * 1024
    depth: int = 32  # folders within one another
    path_size: int = 1024


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One entry of the directory, as it stands there. A folder's name ends with a slash."""

    name: str
    size: int
    packed_size: int
    offset: int  # of its own head in the file
    method: int = DEFLATED
    flags: int = 0
    mode: int = 0  # of Unix; 0 where the archive has none

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


def check_end(tail: bytes, size: int, limits: ArchiveLimits) -> int:
    """The number of entries that the end record of a zip file promises, before any is read.

    `tail`: the last `END_SEARCH_SIZE` octets of a file of `size` octets. Raises `Malformed`.
    """
    if size > limits.archive_size:
        _refuse("FAR-ARC-06", f"an archive up to {limits.archive_size} octets", size)
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END_SIZE:
        _refuse("FAR-ARC-01", "the end record of a zip file", "none")
    record = tail[at:]
    disks = record[4:8]
    count_here, count = (int.from_bytes(record[n : n + 2], "little") for n in (8, 10))
    directory_size, directory_at = (int.from_bytes(record[n : n + 4], "little") for n in (12, 16))
    comment_size = int.from_bytes(record[20:22], "little")
    if tail[max(at - _LOCATOR_SIZE, 0) : at].startswith(_LOCATOR_MARK):
        _refuse("FAR-ARC-01", "an archive that needs no 64-bit sizes", "one with them")
    if disks != bytes(4) or count_here != count:
        _refuse("FAR-ARC-01", "a zip file in one piece", "a part of several")
    if len(record) != _END_SIZE + comment_size:
        _refuse("FAR-ARC-01", "the end record at the end", f"{len(record)} octets from it on")
    if count > limits.entries:
        _refuse("FAR-ARC-05", f"up to {limits.entries} entries", count)
    if directory_size > limits.directory_size:
        _refuse("FAR-ARC-05", f"a directory up to {limits.directory_size} octets", directory_size)
    if directory_at + directory_size != size - len(record):
        _refuse(
            "FAR-ARC-01", "the directory just before its end record, nothing before the file", directory_at
        )
    return count


def check_entries(entries: Iterable[ArchiveEntry], data_end: int, limits: ArchiveLimits) -> None:
    """All entries together. `data_end`: where the directory begins. Raises `Malformed` for the first fault.

    What is in the files is not looked at here: `SizeGuard` does it while they are read.
    """
    taken = list(entries)
    if len(taken) > limits.entries:
        _refuse("FAR-ARC-05", f"up to {limits.entries} entries", len(taken))
    for entry in taken:
        _check_name(entry, limits)
        _check_kind(entry)
        _check_size(entry, limits)
    total = sum(entry.size for entry in taken)
    if total > limits.expanded_size:
        _refuse("FAR-ARC-06", f"up to {limits.expanded_size} octets unpacked", total)
    _check_collisions(taken)
    _check_places(taken, data_end)


def _check_name(entry: ArchiveEntry, limits: ArchiveLimits) -> None:
    """FAR-ARC-02"""
    name = entry.name
    if len(name.encode("utf-8", "surrogatepass")) > limits.path_size:
        _refuse("FAR-ARC-02", f"a path up to {limits.path_size} octets", len(name))
    parts = name.removesuffix("/").split("/")
    if len(parts) > limits.depth:
        _refuse("FAR-ARC-02", f"up to {limits.depth} folders within one another", len(parts))
    for part in parts:
        problem = part_problem(part)
        if problem is not None:
            _refuse("FAR-ARC-02", "a path that stays inside and can be made anywhere", f"{name!r}: {problem}")


def _check_kind(entry: ArchiveEntry) -> None:
    if entry.flags & _ENCRYPTED or entry.method not in (STORED, DEFLATED):
        _refuse("FAR-ARC-04", "a file stored or deflated", f"{entry.name!r}: method {entry.method}")
    kind = stat.S_IFMT(entry.mode)
    if kind not in (0, stat.S_IFDIR if entry.is_folder else stat.S_IFREG):
        _refuse("FAR-ARC-03", "files and folders only", f"{entry.name!r}: mode {entry.mode:o}")


def _check_size(entry: ArchiveEntry, limits: ArchiveLimits) -> None:
    if entry.is_folder and entry.size:
        _refuse("FAR-ARC-06", "a folder without contents", f"{entry.name!r}: {entry.size} octets")
    if entry.size > limits.entry_size:
        _refuse("FAR-ARC-06", f"a file up to {limits.entry_size} octets", f"{entry.name!r}: {entry.size}")
    if entry.size > limits.ratio_from and entry.size > limits.ratio * entry.packed_size:
        _refuse(
            "FAR-ARC-07", f"at most {limits.ratio} times the packed size", f"{entry.name!r}: {entry.size}"
        )


def _check_collisions(entries: list[ArchiveEntry]) -> None:
    """No two paths, or folders of paths, that some file system takes for one. FAR-ARC-08"""
    spelled: dict[str, str] = {}
    files: set[str] = set()
    for entry in entries:
        path = entry.name.removesuffix("/")
        if folded(path) in spelled and (not entry.is_folder or folded(path) in files):
            _refuse("FAR-ARC-08", "each path once", f"{entry.name!r} again")
        if not entry.is_folder:
            files.add(folded(path))
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            prefix = "/".join(parts[:count])
            if spelled.setdefault(folded(prefix), prefix) != prefix:
                _refuse("FAR-ARC-08", f"one spelling of {prefix!r}", repr(spelled[folded(prefix)]))
    for entry in entries:
        parts = entry.name.removesuffix("/").split("/")
        for count in range(1, len(parts)):
            if folded("/".join(parts[:count])) in files:
                _refuse("FAR-ARC-08", "folders and files apart", f"{entry.name!r} below a file")


def _check_places(entries: list[ArchiveEntry], data_end: int) -> None:
    """Each entry has octets of its own: a few that are shared by many blow up unseen. FAR-ARC-09"""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < end or (end == 0 and entry.offset != 0):
            _refuse("FAR-ARC-09", "entries one after the other from the start on", f"{entry.name!r}")
        end = entry.offset + 30 + entry.packed_size
    if end > data_end:
        _refuse("FAR-ARC-09", "entries before the directory", f"one up to octet {end}")


class SizeGuard:
    """Counts what one entry really unpacks to. Raises `Malformed` for more, or less, than it promised."""

    def __init__(self, entry: ArchiveEntry) -> None:
        self._entry = entry
        self._size = 0

    def add(self, size: int) -> None:
        self._size += size
        if self._size > self._entry.size:
            self._differs()

    def end(self) -> None:
        if self._size != self._entry.size:
            self._differs()

    def _differs(self) -> None:
        # FAR-ARC-10
        _refuse("FAR-ARC-10", f"{self._entry.size} octets in {self._entry.name!r}", self._size)


def is_public(name: str) -> bool:
    """Whether a file of the archive may be served as it is. FAR-ARC-15"""
    return not name.endswith("/") and folded(name.partition("/")[0]) not in ("web-inf", "meta-inf")


def _refuse(clause: str, expected: str, actual: int | str) -> None:
    raise Malformed(clause, offset=0, expected=expected, actual=str(actual))
