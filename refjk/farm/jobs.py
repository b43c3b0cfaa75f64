"""What is to be put in place or removed at one node: one thing at a time for each path."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.base.errors import LocalProtocolError
from refjk.farm.actions import Action, Install, Remove
from refjk.farm.catalog import Catalog, Entry
from refjk.farm.names import file_name_of
from refjk.farm.reassembly import TransferDropped


@dataclass(frozen=True, slots=True)
class Job:
    """The file of a transfer to put in place, or (None) an archive to remove. `local`: nobody sent it."""

    entry: Entry
    transfer: int | None = None
    local: bool = False


class Jobs:
    """Those that run and those that wait, beside the catalog of what is done."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._running: dict[str, Job] = {}
        self._waiting: dict[str, Job] = {}
        self._unremoved: dict[str, Entry] = {}

    def do(self, job: Job) -> list[Action]:
        """Starts a job, or keeps the latest one of a path until the running one has ended. FAR-DEP-05"""
        path = job.entry.context_path
        if path not in self._running:
            return self._start(job)
        waiting = self._waiting.get(path)
        if waiting is not None and waiting.entry.rank >= job.entry.rank:
            return discarded(job.transfer)
        self._waiting[path] = job
        return [] if waiting is None else discarded(waiting.transfer)

    def ended(self, context_path: str) -> Job:
        """The job that ran. Raises `LocalProtocolError` if none did."""
        if context_path not in self._running:
            raise LocalProtocolError(f"nothing was under way for {context_path!r}")
        return self._running.pop(context_path)

    def next(self, context_path: str) -> list[Action]:
        """What waited for the end of the one before."""
        job = self._waiting.pop(context_path, None)
        return [] if job is None else self._start(job)

    def removal_failed(self, entry: Entry) -> bool:
        """Tried again at each `tick`; whether this is news. FAR-UND-10"""
        known = self._unremoved.get(entry.context_path)
        self._unremoved[entry.context_path] = entry
        return known != entry

    def tick(self) -> list[Action]:
        """Removals that failed, unless something later came."""
        actions = []
        for path, entry in list(self._unremoved.items()):
            if not self._catalog.is_newer(entry):
                del self._unremoved[path]
            elif path not in self._running:
                actions += self.do(Job(entry))
        return actions

    def latest(self, context_path: str) -> Entry | None:
        """What the path holds, or will once all that is under way is done. Removed counts as known."""
        for jobs in (self._waiting, self._running):
            if context_path in jobs:
                return jobs[context_path].entry
        return self._catalog.get(context_path)

    def is_removed(self, context_path: str) -> bool:
        latest = self.latest(context_path)
        return latest is None or latest.digest is None

    def next_stamp_ms(self, context_path: str, now_ms: int) -> int:
        """Later than all that is known of the path, and than what is under way."""
        latest = self.latest(context_path)
        stamp = self._catalog.next_stamp_ms(context_path, now_ms)
        return stamp if latest is None else max(stamp, latest.stamp_ms + 1)

    def _start(self, job: Job) -> list[Action]:
        entry = job.entry
        name = file_name_of(entry.context_path)
        self._running[entry.context_path] = job
        if entry.digest is None or job.transfer is None:
            return [Remove(name, entry.context_path)]
        return [Install(job.transfer, name, entry.context_path, entry.digest, entry.stamp_ms)]


def discarded(transfer: int | None) -> list[Action]:
    """The file of a transfer that nobody needs."""
    return [] if transfer is None else [TransferDropped(transfer, "not needed")]
