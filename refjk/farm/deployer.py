"""The deployer of one node: what is said, checked, put in place and removed, and in which order."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.farm.actions import Action, Message, Report, Send, SendArchive, Verify
from refjk.farm.catalog import Catalog, Entry
from refjk.farm.extension import ArchivePiece, ArchiveRequest, CatalogMessage
from refjk.farm.fetching import FetchRules
from refjk.farm.jobs import Job, Jobs, discarded
from refjk.farm.late_joiner import LateJoiner, LateJoinerRules
from refjk.farm.messages import FileMessage, Member, UndeployMessage
from refjk.farm.names import check_archive_name, context_path_of, file_name_of, last_part
from refjk.farm.reassembly import (
    Event,
    PartRefused,
    Reassembly,
    TransferComplete,
    TransferLimits,
)

UNDEPLOYS_REMEMBERED = 256
_NO_ROOM = "no further application fits here"


@dataclass(frozen=True, slots=True)
class FarmSettings:
    """What a node's deployer may do. `deploy_from_wire` is off unless somebody says so."""

    deploy_from_wire: bool = False
    extension: bool = True  # offer and fetch, with those members that can
    entries: int = 1000  # of the catalog
    transfers: TransferLimits = field(default_factory=TransferLimits)
    fetching: FetchRules = field(default_factory=FetchRules)
    joining: LateJoinerRules = field(default_factory=LateJoinerRules)


class FarmDeployer:
    """One node's part in the farm. Every call returns actions; what a peer says never makes it raise.

    `deployed`: what lies whole in the deploy directory at the start.
    """

    def __init__(self, own: Member, settings: FarmSettings, deployed: Iterable[Entry] = ()) -> None:
        self._own = own
        self._settings = settings
        self._transfers = itertools.count(1)
        self._reassembly = Reassembly(settings.transfers, self._transfers)
        self.catalog = Catalog(deployed, settings.entries)
        self._joiner = LateJoiner(
            own.name or "",
            self.catalog,
            self._transfers,
            settings.joining,
            settings.fetching,
            settings.transfers.archive_size,
        )
        self._verifying: dict[int, TransferComplete | Entry] = {}
        self._jobs = Jobs(self.catalog)
        self._undeploys: OrderedDict[tuple[str, str], None] = OrderedDict()

    # -- the watched directory ------------------------------------------------------------------

    def new_transfer(self) -> int:
        """A number for a copy that the driver makes of a file in the watched directory."""
        return next(self._transfers)

    def archive_changed(
        self, name: str, transfer: int, digest: bytes, size: int, now_ms: int
    ) -> list[Action]:
        """A verified copy of an archive in the watched directory is the file of this transfer.

        The file itself may change while its copy is put in place. The version that is deployed already is
        sent to nobody: a watching node that starts again has nothing to tell. FAR-DEP-07
        """
        try:
            path = context_path_of(check_archive_name(name))
        except Malformed as error:
            return [*discarded(transfer), Report(name, str(error), refused=True)]
        latest = self._jobs.latest(path)
        if latest is not None and latest.digest == digest:
            return discarded(transfer)
        if not self.catalog.has_room_for(path):
            return [*discarded(transfer), Report(path, _NO_ROOM, refused=True)]
        entry = Entry(path, self._jobs.next_stamp_ms(path, now_ms), digest, size)
        return self._jobs.do(Job(entry, transfer, local=True))

    def archive_removed(self, name: str, now_ms: int) -> list[Action]:
        """An archive is gone from the watched directory: all others hear of it first. FAR-DEP-08"""
        path = context_path_of(name)
        if self._jobs.is_removed(path):
            return []
        message = UndeployMessage.of(path, undeploy=True, sender=self._own, now_ms=now_ms)
        entry = Entry(path, self._jobs.next_stamp_ms(path, now_ms), None)
        return [Send(None, message), *self._jobs.do(Job(entry, local=True))]

    # -- the wire -------------------------------------------------------------------------------

    def receive(self, message: Message, now_ms: int) -> list[Action]:
        """A message of a member that may deploy here."""
        if not self._settings.deploy_from_wire:
            # FAR-DEP-01
            return [Report("", "deploying from the wire is off", refused=True)]
        if isinstance(message, FileMessage):
            return self._receive_part(message, now_ms)
        if isinstance(message, UndeployMessage):
            return self._receive_undeploy(message, now_ms)
        if not self._settings.extension:
            return []
        return self._receive_extension(message, now_ms)

    def members_changed(self, oldest_first: Sequence[str], now_ms: int) -> list[Action]:
        """The members that are there now, this node among them."""
        gone = self._joiner.members_changed(oldest_first, now_ms)
        return [action for name in gone for action in self._translated(self._reassembly.forget_sender(name))]

    def _receive_part(self, message: FileMessage, now_ms: int) -> list[Action]:
        try:
            path = context_path_of(check_archive_name(last_part(message.file_name or "")))
            if context_path_of(file_name_of(message.context_path or "")) != path:
                raise Malformed(
                    "FAR-CTX-06", offset=4, expected=f"path {path!r}", actual=repr(message.context_path)
                )
        except Malformed as error:
            return [Report("", str(error), refused=True)]
        if not self.catalog.has_room_for(path):
            return [Report(path, _NO_ROOM, refused=True)]
        return self._translated(self._reassembly.receive_part(message, now_ms))

    def _translated(self, events: Iterable[Event]) -> list[Action]:
        actions: list[Action] = []
        for event in events:
            if isinstance(event, TransferComplete):
                self._verifying[event.transfer] = event
                actions.append(Verify(event.transfer, event.name, event.size))
            elif isinstance(event, PartRefused):
                actions.append(Report("", f"part from {event.sender}: {event.error}", refused=True))
            else:
                actions.append(event)
        return actions

    def _receive_undeploy(self, message: UndeployMessage, now_ms: int) -> list[Action]:
        try:
            path = context_path_of(file_name_of(message.context_path or ""))
        except Malformed as error:
            return [Report("", str(error), refused=True)]
        sender = (message.sender and message.sender.name) or ""
        if message.unique_id is not None and self._heard_before(sender, message.unique_id):
            return []
        # FAR-UND-03
        actions = self._translated(self._reassembly.forget(sender, message.context_path or ""))
        if not message.undeploy:
            # FAR-UND-04: the old version serves until the new one is whole and has started.
            return [*actions, Report(path, f"a new version is on the way from {sender}")]
        if self._jobs.is_removed(path):
            return actions
        # FAR-UND-08
        return [*actions, *self._jobs.do(Job(Entry(path, self._jobs.next_stamp_ms(path, now_ms), None)))]

    def _heard_before(self, sender: str, unique_id: str) -> bool:
        """Two senders that speak of one path in the same ms give the same id. FAR-UND-11"""
        if (sender, unique_id) in self._undeploys:
            return True
        self._undeploys[sender, unique_id] = None
        if len(self._undeploys) > UNDEPLOYS_REMEMBERED:
            self._undeploys.popitem(last=False)
        return False

    def _receive_extension(
        self, message: CatalogMessage | ArchiveRequest | ArchivePiece, now_ms: int
    ) -> list[Action]:
        actions, removals = self._joiner.receive(message, self._jobs.latest, now_ms)
        actions = self._watch_fetches(actions)
        for removal in removals:
            actions += self._jobs.do(Job(removal))
        return actions

    # -- answers of the driver ------------------------------------------------------------------

    def verified(self, transfer: int, digest: bytes, now_ms: int) -> list[Action]:
        """The file of a transfer is a whole archive; `digest` is its SHA-256."""
        known = self._taken(transfer)
        if isinstance(known, Entry):
            if digest != known.digest:
                # FAR-LAT-08
                return self._failed(transfer, known, "its digest is another one than was offered", now_ms)
            latest = self._jobs.latest(known.context_path)
            if latest is not None and latest.rank >= known.rank:
                return discarded(transfer)
            if latest is not None and latest.digest == digest:
                # FAR-DEP-09: its parts were faster.
                if latest is self.catalog.get(latest.context_path):
                    self.catalog.put(known)
                return discarded(transfer)
            return self._jobs.do(Job(known, transfer))
        path = context_path_of(known.name)
        entry = Entry(path, self._jobs.next_stamp_ms(path, now_ms), digest, known.size)
        latest = self._jobs.latest(path)
        if latest is not None and latest.digest == digest:
            # FAR-DEP-09
            return [*discarded(transfer), Report(path, "this version is deployed already")]
        return self._jobs.do(Job(entry, transfer))

    def verification_failed(self, transfer: int, reason: str, now_ms: int) -> list[Action]:
        """The file of a transfer is no archive, or one that is refused: the old version stays."""
        return self._failed(transfer, self._taken(transfer), reason, now_ms)

    def installed(self, context_path: str, now_ms: int) -> list[Action]:
        """The new version serves. What came from the watched directory goes to all others now.

        Only from here on it is in the catalog. FAR-LAT-11
        """
        job = self._jobs.ended(context_path)
        assert job.entry.digest is not None
        self._keep(job.entry)
        actions: list[Action] = [Report(context_path, f"deployed {job.entry.digest.hex()[:16]}")]
        if job.local:
            # FAR-DEP-02
            message = UndeployMessage.of(context_path, undeploy=False, sender=self._own, now_ms=now_ms)
            name = file_name_of(context_path)
            actions += [
                Send(None, message),
                SendArchive(name, context_path, job.entry.digest, job.entry.size),
            ]
        return [*actions, *self._jobs.next(context_path)]

    def installation_failed(self, context_path: str, reason: str, now_ms: int) -> list[Action]:
        """The new version does not start: the old one goes on, and nobody gets the new one. FAR-DEP-03"""
        job = self._jobs.ended(context_path)
        self._joiner.refuse(job.entry, now_ms)
        text = f"the new version was not deployed: {reason}"
        return [Report(context_path, text, refused=True), *self._jobs.next(context_path)]

    def removed(self, context_path: str) -> list[Action]:
        self._keep(self._jobs.ended(context_path).entry)
        return [Report(context_path, "removed"), *self._jobs.next(context_path)]

    def removal_failed(self, context_path: str, reason: str) -> list[Action]:
        """The archive is still there: its removal is tried again."""
        entry = self._jobs.ended(context_path).entry
        report = Report(context_path, f"not removed: {reason}", refused=True)
        reports = [report] if self._jobs.removal_failed(entry) else []
        return [*reports, *self._jobs.next(context_path)]

    def tick(self, now_ms: int) -> list[Action]:
        actions = self._translated(self._reassembly.tick(now_ms))
        if self._settings.deploy_from_wire and self._settings.extension:
            actions += self._watch_fetches(self._joiner.tick(now_ms))
        return [*actions, *self._jobs.tick()]

    def _keep(self, entry: Entry) -> None:
        if self.catalog.is_newer(entry):
            self.catalog.put(entry)

    def _taken(self, transfer: int) -> TransferComplete | Entry:
        if transfer not in self._verifying:
            raise LocalProtocolError(f"transfer {transfer} is not being verified")
        return self._verifying.pop(transfer)

    def _watch_fetches(self, actions: list[Action]) -> list[Action]:
        """What was fetched whole is verified like any other transfer."""
        for action in actions:
            if isinstance(action, Verify):
                self._verifying[action.transfer] = self._joiner.take_fetched(action.transfer)
        return actions

    def _failed(
        self, transfer: int, known: TransferComplete | Entry, reason: str, now_ms: int
    ) -> list[Action]:
        """FAR-DEP-04"""
        if isinstance(known, Entry):
            self._joiner.refuse(known, now_ms)
            path = known.context_path
        else:
            path = context_path_of(known.name)
        return [*discarded(transfer), Report(path, f"archive refused: {reason}", refused=True)]
