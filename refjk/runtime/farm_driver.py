"""Carries out on the disk what a `FarmDeployer` asks for, and looks at the watched directory for it.

It owns neither a thread nor a socket: whoever has the cluster's channel and the container's ticks calls it,
one call at a time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from refjk.base.errors import InputError, Malformed
from refjk.farm import (
    PIECE_SIZE_MAX,
    SUFFIX,
    Action,
    ArchiveLimits,
    ArchivePiece,
    Entry,
    FarmDeployer,
    FarmSettings,
    Happening,
    Install,
    Member,
    Message,
    Remove,
    Report,
    Seen,
    Send,
    SendArchive,
    ServeOctets,
    StoreOctets,
    TransferDropped,
    Verify,
    Watcher,
    WatchTicks,
    WebApplication,
    check_archive_name,
    context_path_of,
    message_of,
    parts_of,
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


class Started(Protocol):
    """A new version that runs beside the old one and gets no request yet."""

    def take_over(self) -> None:
        """New requests go to it; the old version ends when those that it has are done."""

    def give_up(self) -> None:
        """It ends; the old version stays as it is."""


class Applications(Protocol):
    """The container, as far as deploying goes."""

    def start(self, context_path: str, folder: Path, application: WebApplication) -> Started:
        """Whatever it raises means that the version does not start."""

    def stop(self, context_path: str) -> None:
        """The application of this path, if there is one."""


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
        self._own = own
        self._directories = directories
        self._applications = applications
        self._wire = wire
        self._settings = settings or FarmSettings()
        self._ticks = ticks or WatchTicks(enabled=directories.watch is not None)
        self._limits = limits or ArchiveLimits()
        self._report = report
        self._watcher = Watcher()
        self._not_ready: dict[str, str] = {}
        self.deployer = FarmDeployer(own, self._settings)

    def start(self) -> None:
        """Sweeps what a crash left, and starts what lies whole in the deploy directory."""
        where = self._directories
        for folder in (where.temp, where.deploy, where.unpacked):
            folder.mkdir(parents=True, exist_ok=True)
        sweep(where.temp)
        sweep(where.deploy)
        entries, kept = [], []
        for path in sorted(where.deploy.glob(f"*{SUFFIX}")):
            try:
                check_archive_name(path.name)
                report = verify_archive(path, self._limits)
            except (Malformed, InputError) as error:
                self._report(Report(path.name, str(error), refused=True))
                continue
            stamp_ms = path.stat().st_mtime_ns // 1_000_000
            entries.append(Entry(context_path_of(path.name), stamp_ms, report.digest, report.size))
            kept.append((path, report))
        folders = [unpacked_folder(where.unpacked, path.name, report.digest) for path, report in kept]
        sweep(where.unpacked, frozenset(folder.name for folder in folders))
        self.deployer = FarmDeployer(self._own, self._settings, entries)
        for path, report in kept:
            try:
                self._started(path, path.name, report).take_over()
            except Exception as error:
                self._report(Report(context_path_of(path.name), f"does not start: {error}", refused=True))

    def receive(self, message: Message, now_ms: int) -> None:
        """A message of a member that may deploy here."""
        self._do(self.deployer.receive(message, now_ms), now_ms)

    def members_changed(self, oldest_first: Sequence[str], now_ms: int) -> None:
        self._do(self.deployer.members_changed(oldest_first, now_ms), now_ms)

    def tick(self, now_ms: int) -> None:
        """Often, about every second."""
        self._do(self.deployer.tick(now_ms), now_ms)

    def background_tick(self, now_ms: int) -> None:
        """With the container's background work: looks at the watched directory when it is time."""
        watch = self._directories.watch
        if watch is None or not self._ticks.tick():
            return
        try:
            entries = _entries(watch)
        except InputError as error:
            # A directory that is not there says nothing of its archives.
            self._report(Report("", str(error), refused=True))
            return
        for event in self._watcher.check(entries):
            if event.happening is Happening.REMOVED:
                self._do(self.deployer.archive_removed(event.name, now_ms), now_ms)
            else:
                self._take(watch / event.name, now_ms)

    def _take(self, path: Path, now_ms: int) -> None:
        """A private copy is verified and deployed, so that nothing changes under the hands."""
        transfer = self.deployer.new_transfer()
        copy = transfer_file(self._directories.temp, transfer)
        try:
            self._copy(path, copy)
            report = verify_archive(copy, self._limits)
        except (Malformed, InputError) as error:
            delete(copy)
            self._watcher.not_ready(path.name)
            if self._not_ready.get(path.name) != str(error):
                self._not_ready[path.name] = str(error)
                self._report(Report(path.name, f"not deployed: {error}", refused=True))
            return
        self._not_ready.pop(path.name, None)
        actions = self.deployer.archive_changed(path.name, transfer, report.digest, report.size, now_ms)
        self._do(actions, now_ms)

    def _copy(self, path: Path, copy: Path) -> None:
        left = self._limits.archive_size
        with opened_file(path) as source, open(copy, "xb") as target:
            while chunk := source.read(CHUNK_SIZE):
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{path}: more than {self._limits.archive_size} octets")
                target.write(chunk)

    def _do(self, actions: Iterable[Action], now_ms: int) -> None:
        due = deque(actions)
        while due:
            action = due.popleft()
            try:
                due.extend(self._done(action, now_ms))
            except InputError as error:
                # A part that could not be written, or an archive that could not be read: what is built on
                # it fails its own check, and the members ask again.
                self._report(Report("", str(error), refused=True))

    def _done(self, action: Action, now_ms: int) -> list[Action]:
        """Carries one out; what follows from it comes after all that was asked for before."""
        temp = self._directories.temp
        if isinstance(action, Send):
            for member in self._wire.members() if action.to is None else [action.to]:
                self._wire.send(member, action.message)
        elif isinstance(action, SendArchive):
            self._send(action)
        elif isinstance(action, ServeOctets):
            self._serve(action)
        elif isinstance(action, StoreOctets):
            store_octets(temp, action.transfer, action.offset, action.octets)
        elif isinstance(action, TransferDropped):
            delete(transfer_file(temp, action.transfer))
        elif isinstance(action, Verify):
            return self._verify(action, now_ms)
        elif isinstance(action, Install):
            return self._install(action, now_ms)
        elif isinstance(action, Remove):
            return self._remove(action)
        else:
            self._report(action)
        return []

    def _remove(self, action: Remove) -> list[Action]:
        self._applications.stop(action.context_path)
        try:
            remove_archive(self._directories.deploy, self._directories.unpacked, action.name)
        except InputError as error:
            self._report(Report(action.context_path, str(error), refused=True))
        return self.deployer.removed(action.context_path)

    def _send(self, action: SendArchive) -> None:
        name = (self._directories.watch or self._directories.deploy) / action.name
        with opened_file(self._directories.deploy / action.name) as file:
            for part in parts_of(action.size):
                message = message_of(
                    part,
                    file.read(part.size),
                    file_name=str(name),
                    context_path=action.context_path,
                    size=action.size,
                    whole_array=True,
                )
                for member in self._wire.members():
                    self._wire.send(member, message)

    def _serve(self, action: ServeOctets) -> None:
        with opened_file(self._directories.deploy / action.name) as file:
            file.seek(action.offset)
            octets = file.read(PIECE_SIZE_MAX)
        self._wire.send(action.to, ArchivePiece(action.digest, action.size, action.offset, octets))

    def _verify(self, action: Verify, now_ms: int) -> list[Action]:
        try:
            report = verify_archive(transfer_file(self._directories.temp, action.transfer), self._limits)
        except (Malformed, InputError) as error:
            return self.deployer.verification_failed(action.transfer, str(error))
        return self.deployer.verified(action.transfer, report.digest, now_ms)

    def _install(self, action: Install, now_ms: int) -> list[Action]:
        copy = transfer_file(self._directories.temp, action.transfer)
        try:
            started = self._started(copy, action.name, verify_archive(copy, self._limits))
            try:
                replace_archive(copy, self._directories.deploy, action.name, action.digest, action.stamp_ms)
            except (Malformed, InputError):
                started.give_up()
                raise
        except Exception as error:  # of the application, too
            delete(copy)
            reason = f"{type(error).__name__}: {error}"
            return self.deployer.installation_failed(action.context_path, reason)
        started.take_over()
        delete(copy)
        self._prune(action)
        return self.deployer.installed(action.context_path, now_ms)

    def _prune(self, action: Install) -> None:
        """The version before may still answer requests; those before it go. FAR-ARC-20"""
        before = self.deployer.catalog.get(action.context_path)
        kept = {action.digest, before and before.digest}
        names = {unpacked_folder(Path(), action.name, digest).name for digest in kept if digest}
        for folder in versions_unpacked(self._directories.unpacked, action.name):
            if folder.name not in names:
                delete(folder)

    def _started(self, archive: Path, name: str, report: ArchiveReport) -> Started:
        folder = unpacked_folder(self._directories.unpacked, name, report.digest)
        if not folder.is_dir():
            unpack_archive(archive, folder, self._limits)
        return self._applications.start(context_path_of(name), folder, report.application)


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
