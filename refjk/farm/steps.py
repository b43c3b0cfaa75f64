"""Carries out what a `FarmDeployer` asks for, step by step, and looks at the watched directory for it.

It touches neither a file nor a socket: whoever drives it has the disk and the applications, and sends.

    for outgoing in steps.receive(message, now_ms):      # sent before anything else is done
        wire.send(outgoing.to, outgoing.message)

Every call gives an iterator that must be run to its end before the next call; what is done and what is sent
come in the order in which they happen, so that a caller who stops at any point has stopped there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence

from refjk.base.errors import InputError, Malformed
from refjk.farm.actions import (
    Action,
    Install,
    Message,
    Remove,
    Report,
    Send,
    SendArchive,
    ServeOctets,
    Verify,
)
from refjk.farm.catalog import Entry
from refjk.farm.deployer import FarmDeployer, FarmSettings
from refjk.farm.extension import PIECE_SIZE_MAX, ArchivePiece
from refjk.farm.messages import Member
from refjk.farm.names import context_path_of
from refjk.farm.parts import message_of, parts_of
from refjk.farm.reassembly import StoreOctets, TransferDropped
from refjk.farm.surroundings import Applications, Checked, Disk, Outgoing, Outgoings, Started
from refjk.farm.watching import Happening, Watcher, WatchTicks


class FarmSteps:
    """One node: disk, applications, deployer and watcher together.

    `members`: all but this node, now. `folder`: of the files, as it stands in their names on the wire.
    """

    def __init__(
        self,
        own: Member,
        disk: Disk,
        applications: Applications,
        members: Callable[[], Sequence[str]],
        *,
        settings: FarmSettings | None = None,
        ticks: WatchTicks | None = None,
        folder: str = "",
        report: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._own = own
        self._disk = disk
        self._applications = applications
        self._members = members
        self._settings = settings or FarmSettings()
        self._ticks = ticks or WatchTicks()
        self._folder = folder
        self._report = report
        self._watcher = Watcher()
        self._not_ready: dict[str, str] = {}
        self._litter: dict[str, Callable[[], None]] = {}  # what could not be deleted
        self._before: dict[str, bytes] = {}  # digests of the versions that others took over from
        self.deployer = FarmDeployer(own, self._settings)

    def start(self) -> None:
        """Sweeps what a crash left, and starts what lies whole in the deploy directory."""
        lying = []
        for found in self._disk.begin():
            if isinstance(found, Report):
                self._report(found)
            else:
                lying.append(found)
        entries = [
            Entry(context_path_of(one.name), one.stamp_ms, one.checked.digest, one.checked.size)
            for one in lying
        ]
        self.deployer = FarmDeployer(self._own, self._settings, entries)
        for one in lying:
            try:
                self._started(None, one.name, one.checked).take_over()
            except Exception as error:
                path = context_path_of(one.name)
                self._report(Report(path, f"does not start: {error}", refused=True))

    def receive(self, message: Message, now_ms: int) -> Outgoings:
        """A message of a member that may deploy here."""
        return self._do(self.deployer.receive(message, now_ms), now_ms)

    def members_changed(self, oldest_first: Sequence[str], now_ms: int) -> Outgoings:
        return self._do(self.deployer.members_changed(oldest_first, now_ms), now_ms)

    def tick(self, now_ms: int) -> Outgoings:
        """Often, about every second."""
        for what, call in list(self._litter.items()):
            self._tidy(what, call)
        yield from self._do(self.deployer.tick(now_ms), now_ms)

    def background_tick(self, now_ms: int) -> Outgoings:
        """With the container's background work: looks at the watched directory when it is time."""
        if not self._ticks.tick():
            return
        try:
            entries = self._disk.entries()
        except InputError as error:
            # A directory that is not there says nothing of its archives.
            self._report(Report("", str(error), refused=True))
            return
        for event in self._watcher.check(entries):
            if event.happening is Happening.REMOVED:
                yield from self._do(self.deployer.archive_removed(event.name, now_ms), now_ms)
            else:
                yield from self._take(event.name, now_ms)

    def _take(self, name: str, now_ms: int) -> Outgoings:
        """A private copy is verified and deployed, so that nothing changes under the hands."""
        transfer = self.deployer.new_transfer()
        try:
            self._disk.copy_watched(name, transfer)
            checked = self._disk.verify(transfer)
        except (Malformed, InputError) as error:
            self._discard(transfer)
            self._watcher.not_ready(name)
            if self._not_ready.get(name) != str(error):
                self._not_ready[name] = str(error)
                self._report(Report(name, f"not deployed: {error}", refused=True))
            return
        self._not_ready.pop(name, None)
        actions = self.deployer.archive_changed(name, transfer, checked.digest, checked.size, now_ms)
        yield from self._do(actions, now_ms)

    def _do(self, actions: Iterable[Action], now_ms: int) -> Outgoings:
        due = deque(actions)
        while due:
            action = due.popleft()
            try:
                due.extend((yield from self._done(action, now_ms)))
            except InputError as error:
                # A part that could not be written, or an archive that could not be read: what is built on
                # it fails its own check, and the members ask again.
                self._report(Report("", str(error), refused=True))

    def _done(self, action: Action, now_ms: int) -> Generator[Outgoing, None, list[Action]]:
        """Carries one out; what follows from it comes after all that was asked for before."""
        if isinstance(action, Send):
            for member in self._members() if action.to is None else [action.to]:
                yield Outgoing(member, action.message)
        elif isinstance(action, SendArchive):
            yield from self._send(action)
        elif isinstance(action, ServeOctets):
            yield from self._serve(action)
        elif isinstance(action, StoreOctets):
            self._disk.store(action.transfer, action.offset, action.octets)
        elif isinstance(action, TransferDropped):
            self._discard(action.transfer)
        elif isinstance(action, Verify):
            return self._verify(action, now_ms)
        elif isinstance(action, Install):
            return self._install(action, now_ms)
        elif isinstance(action, Remove):
            return self._remove(action)
        else:
            self._report(action)
        return []

    def _send(self, action: SendArchive) -> Outgoings:
        """Whatever became of the parts before. FAR-DEP-16"""
        with self._disk.deployed(action.name) as file:
            for part in parts_of(action.size):
                message = message_of(
                    part,
                    file.read(part.size),
                    file_name=f"{self._folder}/{action.name}",
                    context_path=action.context_path,
                    size=action.size,
                    whole_array=True,
                )
                for member in self._members():
                    yield Outgoing(member, message)

    def _serve(self, action: ServeOctets) -> Outgoings:
        with self._disk.deployed(action.name) as file:
            file.seek(action.offset)
            octets = file.read(PIECE_SIZE_MAX)
        yield Outgoing(action.to, ArchivePiece(action.digest, action.size, action.offset, octets))

    def _verify(self, action: Verify, now_ms: int) -> list[Action]:
        try:
            checked = self._disk.verify(action.transfer)
        except (Malformed, InputError) as error:
            return self.deployer.verification_failed(action.transfer, str(error), now_ms)
        return self.deployer.verified(action.transfer, checked.digest, now_ms)

    def _install(self, action: Install, now_ms: int) -> list[Action]:
        try:
            checked = self._disk.verify(action.transfer)
            started = self._started(action.transfer, action.name, checked)
            try:
                self._disk.replace(action.transfer, action.name, action.digest, action.stamp_ms)
            except (Malformed, InputError):
                started.give_up()
                raise
        except Exception as error:  # of the application, too
            self._discard(action.transfer)
            self._prune(action.name)
            reason = f"{type(error).__name__}: {error}"
            return self.deployer.installation_failed(action.context_path, reason, now_ms)
        started.take_over()
        self._discard(action.transfer)
        before = self.deployer.catalog.get(action.context_path)
        if before is not None and before.digest is not None:
            self._before[action.name] = before.digest
        actions = self.deployer.installed(action.context_path, now_ms)
        self._prune(action.name)
        return actions

    def _remove(self, action: Remove) -> list[Action]:
        """The archive, and after it whatever is unpacked of it. FAR-UND-09"""
        self._applications.stop(action.context_path)
        try:
            self._disk.remove(action.name)
        except InputError as error:
            return self.deployer.removal_failed(action.context_path, str(error))
        self._before.pop(action.name, None)
        actions = self.deployer.removed(action.context_path)
        self._prune(action.name)
        return actions

    def _prune(self, name: str) -> None:
        """The version before may still answer requests; all others go. FAR-ARC-21"""

        def prune() -> None:
            now = self.deployer.catalog.get(context_path_of(name))
            digests = (now and now.digest, self._before.get(name))
            self._disk.prune(name, [digest for digest in digests if digest])

        self._tidy(f"versions of {name}", prune)

    def _discard(self, transfer: int) -> None:
        self._tidy(f"transfer {transfer}", lambda: self._disk.discard(transfer))

    def _tidy(self, what: str, call: Callable[[], None]) -> None:
        """What cannot be deleted stops nobody, and is tried again at each tick. FAR-DEP-15"""
        try:
            call()
            self._litter.pop(what, None)
        except InputError as error:
            if what not in self._litter:
                self._report(Report("", str(error), refused=True))
            self._litter[what] = call

    def _started(self, transfer: int | None, name: str, checked: Checked) -> Started:
        folder = self._disk.unpacked(transfer, name, checked.digest)
        return self._applications.start(context_path_of(name), folder, checked.application)
