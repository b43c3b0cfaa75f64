"""Steps with one fault each."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.farm import (
    Action,
    ArchivePiece,
    CatalogMessage,
    Checked,
    FarmSteps,
    Message,
    Outgoing,
    Outgoings,
    Started,
    UndeployMessage,
    Verify,
)
from refjk.simulation.farm.archives import describe
from refjk.simulation.farm.disk import Placed, SimulatedDisk


def disk_of(steps: FarmSteps) -> SimulatedDisk:
    disk = steps._disk
    assert isinstance(disk, SimulatedDisk)
    return disk


class Trusting(FarmSteps):
    """Moves what has come into place without a look at it."""

    def _verify(self, action: Verify, now_ms: int) -> list[Action]:
        disk = disk_of(self)
        octets = bytes(disk.temp[action.transfer])
        if " " not in describe(octets):
            return super()._verify(action, now_ms)
        disk.deploy[action.name] = Placed(octets, now_ms)
        return super()._verify(action, now_ms)


class Impatient(FarmSteps):
    """Ends the old version when a new one is announced, as the original does."""

    def receive(self, message: Message, now_ms: int) -> Outgoings:
        if isinstance(message, UndeployMessage):
            self._applications.stop(message.context_path or "")
        return super().receive(message, now_ms)


class Repeating(FarmSteps):
    """Lets a version take over twice."""

    def _started(self, transfer: int | None, name: str, checked: Checked) -> Started:
        return _Twice(super()._started(transfer, name, checked))


class _Twice:
    def __init__(self, started: Started) -> None:
        self._started = started

    def take_over(self) -> None:
        self._started.take_over()
        self._started.take_over()

    def give_up(self) -> None:
        self._started.give_up()


class Deaf(FarmSteps):
    """Fetches nothing."""

    def receive(self, message: Message, now_ms: int) -> Outgoings:
        if isinstance(message, CatalogMessage | ArchivePiece):
            return iter(())
        return super().receive(message, now_ms)


class Untidy(FarmSteps):
    """Leaves temporary files where they are."""

    def _discard(self, transfer: int) -> None:
        """Nothing."""


class Hoarding(FarmSteps):
    """Keeps every version unpacked."""

    def _prune(self, name: str) -> None:
        """Nothing."""


class Boasting(FarmSteps):
    """Offers what it is about to fetch."""

    def receive(self, message: Message, now_ms: int) -> Outgoings:
        outgoings = super().receive(message, now_ms)
        if isinstance(message, CatalogMessage):
            for entry in message.entries:
                if self.deployer.catalog.is_newer(entry):
                    self.deployer.catalog.put(entry)
        return outgoings


class Clumsy(FarmSteps):
    """Fails at a third tick."""

    ticks = 0

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        self.ticks += 1
        if self.ticks == 3:
            raise ValueError("clumsy")
        return super().tick(now_ms)
