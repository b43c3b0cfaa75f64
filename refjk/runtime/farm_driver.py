"""The farm's steps on real directories.

It owns neither a thread nor a socket: whoever has the cluster's channel and the container's ticks calls it,
one call at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from refjk.base.errors import InputError, Malformed
from refjk.farm import (
    SUFFIX,
    Applications,
    ArchiveLimits,
    FarmDeployer,
    FarmSettings,
    FarmSteps,
    Lying,
    Member,
    Message,
    Outgoing,
    Report,
    Seen,
    WatchTicks,
    check_archive_name,
)
from refjk.runtime.farm_files import (
    CHUNK_SIZE,
    delete,
    opened_file,
    remove_archive,
    replace_archive,
    store_octets,
    sweep,
    transfer_file,
    unpacked_folder,
    versions_unpacked,
)
from refjk.runtime.war_archive import ArchiveReport, unpack_archive, verify_archive


@dataclass(frozen=True, slots=True)
class FarmDirectories:
    """Where things lie. `unpacked` holds a folder for each version; `watch` is None where nothing is."""

    temp: Path
    deploy: Path
    unpacked: Path
    watch: Path | None = None


class Wire(Protocol):
    """The cluster's channel. `send` fills in sender and time, and reports its own failures."""

    def members(self) -> Sequence[str]:
        """All but this node."""

    def send(self, to: str, message: Message) -> None: ...


class FarmDriver:
    """One node: directories, deployer and watcher together."""

    def __init__(
        self,
        own: Member,
        directories: FarmDirectories,
        applications: Applications,
        wire: Wire,
        *,
        settings: FarmSettings | None = None,
        ticks: WatchTicks | None = None,
        limits: ArchiveLimits | None = None,
        report: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._wire = wire
        watched = directories.watch is not None
        self.steps = FarmSteps(
            own,
            FarmDisk(directories, limits or ArchiveLimits()),
            applications,
            wire.members,
            settings=settings,
            ticks=(ticks if watched else None) or WatchTicks(enabled=watched),
            folder=str(directories.watch or directories.deploy),
            report=report,
        )

    @property
    def deployer(self) -> FarmDeployer:
        return self.steps.deployer

    def start(self) -> None:
        """Sweeps what a crash left, and starts what lies whole in the deploy directory."""
        self.steps.start()

    def receive(self, message: Message, now_ms: int) -> None:
        """A message of a member that may deploy here."""
        self.run(self.steps.receive(message, now_ms))

    def members_changed(self, oldest_first: Sequence[str], now_ms: int) -> None:
        self.run(self.steps.members_changed(oldest_first, now_ms))

    def tick(self, now_ms: int) -> None:
        """Often, about every second."""
        self.run(self.steps.tick(now_ms))

    def background_tick(self, now_ms: int) -> None:
        """With the container's background work: looks at the watched directory when it is time."""
        self.run(self.steps.background_tick(now_ms))

    def run(self, outgoings: Iterable[Outgoing]) -> None:
        """Does what the steps have begun, to its end."""
        for outgoing in outgoings:
            self._wire.send(outgoing.to, outgoing.message)


class FarmDisk:
    """The directories of a node, as `FarmSteps` wants them."""

    def __init__(self, directories: FarmDirectories, limits: ArchiveLimits) -> None:
        self._directories = directories
        self._limits = limits

    def begin(self) -> Iterator[Lying | Report]:
        where = self._directories
        for folder in (where.temp, where.deploy, where.unpacked):
            folder.mkdir(parents=True, exist_ok=True)
        sweep(where.temp)
        sweep(where.deploy)
        kept = set()
        for path in sorted(where.deploy.glob(f"*{SUFFIX}")):
            try:
                check_archive_name(path.name)
                checked = verify_archive(path, self._limits)
            except (Malformed, InputError) as error:
                yield Report(path.name, str(error), refused=True)
                continue
            kept.add(unpacked_folder(where.unpacked, path.name, checked.digest).name)
            yield Lying(path.name, checked, path.stat().st_mtime_ns // 1_000_000)
        sweep(where.unpacked, frozenset(kept))

    def entries(self) -> list[Seen]:
        return _entries(self._watch)

    def copy_watched(self, name: str, transfer: int) -> None:
        left = self._limits.archive_size
        path = self._watch / name
        with _told(path), opened_file(path) as source, open(self._file(transfer), "xb") as target:
            while chunk := source.read(CHUNK_SIZE):
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{path}: more than {self._limits.archive_size} octets")
                target.write(chunk)

    def store(self, transfer: int, offset: int, octets: bytes) -> None:
        store_octets(self._directories.temp, transfer, offset, octets)

    def discard(self, transfer: int) -> None:
        with _told(self._file(transfer)):
            delete(self._file(transfer))

    def verify(self, transfer: int) -> ArchiveReport:
        with _told(self._file(transfer)):
            return verify_archive(self._file(transfer), self._limits)

    def unpacked(self, transfer: int | None, name: str, digest: bytes) -> Path:
        folder = unpacked_folder(self._directories.unpacked, name, digest)
        if not folder.is_dir():
            archive = self._directories.deploy / name if transfer is None else self._file(transfer)
            unpack_archive(archive, folder, self._limits)
        return folder

    def replace(self, transfer: int, name: str, digest: bytes, stamp_ms: int) -> None:
        replace_archive(self._file(transfer), self._directories.deploy, name, digest, stamp_ms)

    def remove(self, name: str) -> None:
        remove_archive(self._directories.deploy, name)

    def prune(self, name: str, kept: Sequence[bytes]) -> None:
        names = {unpacked_folder(Path(), name, digest).name for digest in kept}
        with _told(self._directories.unpacked):
            for folder in versions_unpacked(self._directories.unpacked, name):
                if folder.name not in names:
                    delete(folder)

    @contextmanager
    def deployed(self, name: str) -> Iterator[IO[bytes]]:
        with opened_file(self._directories.deploy / name) as file:
            yield file

    @property
    def _watch(self) -> Path:
        assert self._directories.watch is not None
        return self._directories.watch

    def _file(self, transfer: int) -> Path:
        return transfer_file(self._directories.temp, transfer)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says as `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror}") from error


def _entries(folder: Path) -> list[Seen]:
    """The entries of a directory; one that goes while it is looked at is not there."""
    found = []
    try:
        for entry in os.scandir(folder):
            try:
                status = entry.stat(follow_symlinks=False)
                found.append(Seen(entry.name, status.st_size, status.st_mtime_ns, entry.is_dir()))
            except OSError:
                continue
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from error
    return found
