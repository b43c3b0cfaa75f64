"""What happens to archives in a simulated cluster, as those who watch from outside are told.

`archive` is the name of a file such as `shop.war`; `version` what its octets say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from refjk.simulation.cluster.journal import Journal, Record


@dataclass(frozen=True, slots=True)
class Put:
    """Somebody put an archive into the watched directory of a node, whole or (`half`) not yet."""

    at_ms: int
    node: str
    archive: str
    version: str
    half: bool

    def __str__(self) -> str:
        return f"{self.node}: {'half of ' if self.half else ''}{self.archive} {self.version} is put there"


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody took an archive out of the watched directory of a node."""

    at_ms: int
    node: str
    archive: str

    def __str__(self) -> str:
        return f"{self.node}: {self.archive} is taken out"


@dataclass(frozen=True, slots=True)
class Said:
    """A node begins to send a message to one member. `catalog`: the archives that it says it has whole."""

    at_ms: int
    node: str
    target: str
    message: int
    text: str
    catalog: Sequence[tuple[str, bytes]] | None

    def __str__(self) -> str:
        return f"{self.node} sends message {self.message} to {self.target}: {self.text}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message came to a node; `how` is what became of it on its last bit of way."""

    at_ms: int
    node: str
    source: str
    how: str
    text: str

    def __str__(self) -> str:
        return f"{self.node} {self.how} of {self.source}: {self.text}"


@dataclass(frozen=True, slots=True)
class InPlace:
    """The archive in the deploy directory of a node is another one; None: none."""

    at_ms: int
    node: str
    archive: str
    version: str | None

    def __str__(self) -> str:
        what = f"{self.archive} is gone" if self.version is None else f"{self.archive} is {self.version}"
        return f"{self.node}: {what} in deployDir"


@dataclass(frozen=True, slots=True)
class TookOver:
    """From now on a version serves, in the place of `before`."""

    at_ms: int
    node: str
    archive: str
    version: str
    before: str | None

    def __str__(self) -> str:
        before = f" instead of {self.before}" if self.before else ""
        return f"{self.node} serves {self.archive} {self.version}{before}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A version serves no longer, and none takes its place."""

    at_ms: int
    node: str
    archive: str
    version: str

    def __str__(self) -> str:
        return f"{self.node} ends {self.archive} {self.version}"


@dataclass(frozen=True, slots=True)
class Reported:
    """What the deployer of a node tells whoever reads its log."""

    at_ms: int
    node: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.node} reports: {self.path or '/'}: {self.text}"


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A node that starts may take requests from now on."""

    at_ms: int
    node: str

    def __str__(self) -> str:
        return f"{self.node} may be served"


@dataclass(frozen=True, slots=True)
class Sprung:
    """A process comes to a step at which it ends."""

    at_ms: int
    node: str
    step: str

    def __str__(self) -> str:
        return f"{self.node} comes to {self.step}"


@dataclass(frozen=True, slots=True)
class Failed:
    """A core raised what it should not."""

    at_ms: int
    node: str
    error: str

    def __str__(self) -> str:
        return f"{self.node} fails: {self.error}"


FarmRecord = Put | Taken | Said | Arrived | InPlace | TookOver | Ended | Reported | CaughtUp | Sprung | Failed


class FarmJournal(Journal):
    """The journal of a cluster with archives in it."""

    def note(self, record: Record | FarmRecord) -> None:
        super().note(cast(Record, record))  # any record is told and written alike
