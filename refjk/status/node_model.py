"""What a node shows of itself: live values, gathered by the caller.

Nothing here holds a whole session id, nor anything of what a session holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refjk.status.rating import Rating

ID_SIZE = 8
TRANSFER_PHASES = ("none", "waiting", "late", "done")

Counts = tuple[tuple[str, int], ...]
"""Names of counters, none of which ever sinks, with their values."""


def short_id(session_id: str) -> str:
    """What may be shown of an id, by which nobody can take the session over."""
    # NOD-STS-06
    return session_id[: min(ID_SIZE, len(session_id) // 2)] + "…"


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """The way to one member. `queue_age_ms`: how long the first message waits already."""

    suspect: bool = False
    messages: int = 0
    octets: int = 0
    resends: int = 0
    answers_missed: int = 0
    connects: int = 0
    failures: int = 0
    queue_length: int = 0
    queue_age_ms: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class NodeMember:
    """Another node. `alive_ms` None: it is gone, and its sender is about to go too.

    `sender` None: it has come just now.
    """

    name: str
    address: str
    alive_ms: int | None = None
    domain: str | None = None
    sender: SenderStatus | None = None

    @property
    def state(self) -> str:
        """`ok`, `suspect`, `gone` or `no sender`."""
        if self.sender is not None and self.sender.suspect:
            return "suspect"
        if self.alive_ms is None:
            return "gone"
        return "no sender" if self.sender is None else "ok"

    @property
    def rating(self) -> Rating:
        """Bad when messages do not get through, degraded when some wait or have nobody to carry them."""
        if self.state == "suspect":
            return Rating.BAD
        waits = self.sender is not None and self.sender.queue_length > 0
        return Rating.DEGRADED if self.state != "ok" or waits else Rating.GOOD


@dataclass(frozen=True, slots=True)
class TransferStatus:
    """How a node gets the sessions of an application from the others. `phase` is of TRANSFER_PHASES."""

    phase: str = "none"
    asked: str | None = None
    questions: int = 0
    held_messages: int = 0
    held_octets: int = 0


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session. `id` is what `short_id` gives; `attributes` is their number, `open` that of requests."""

    id: str
    primary: bool
    is_new: bool
    attributes: int
    open: int
    created_at_s: int
    idle_s: int
    max_inactive_s: int


@dataclass(frozen=True, slots=True)
class SessionsStatus:
    """The sessions of one replicated application. `path` is empty for the root; a `limit` below 0 is none.

    `listed` are those used last.
    """

    path: str
    primary: int = 0
    backup: int = 0
    sessions_max: int = 0
    limit: int = -1
    transfer: TransferStatus = TransferStatus()
    counters: Counts = ()
    listed: tuple[SessionRow, ...] = ()

    @property
    def sessions(self) -> int:
        return self.primary + self.backup


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """Where the others reach this node, and what has come in."""

    address: str
    counters: Counts = ()


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The part of one host in its cluster. `member` is the name under which the others know it.

    `counters`: what became of messages, beside what senders and receiver count.
    """

    name: str
    mode: str
    member: str
    alive_ms: int
    domain: str | None
    receiver: ReceiverStatus
    members: tuple[NodeMember, ...] = ()
    counters: Counts = ()
    applications: tuple[SessionsStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextStatus:
    """An application at a path. `source` is its folder or callable; `error` why it was not started."""

    host: str
    path: str
    source: str
    distributable: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """Where web servers reach this node."""

    name: str
    counters: Counts = ()


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What a node has of an application of the farm. `digest` is SHA-256 in hex."""

    path: str
    digest: str
    octets: int
    deployed_at_s: int


@dataclass(frozen=True, slots=True)
class FarmEvent:
    """Something that the farm told its log."""

    at_s: int
    path: str
    text: str
    refused: bool


@dataclass(frozen=True, slots=True)
class FarmStatus:
    """The farm of one host. `events`: the last ones, oldest first; `dropped`: messages without room."""

    host: str
    deploys_to: str
    watches: str | None = None
    dropped: int = 0
    versions: tuple[VersionStatus, ...] = ()
    events: tuple[FarmEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeReport:
    """Everything that can be asked for. `now_ms` is the time since 1970."""

    name: str
    software: str
    now_ms: int
    clusters: tuple[ClusterStatus, ...] = ()
    contexts: tuple[ContextStatus, ...] = ()
    connectors: tuple[ConnectorStatus, ...] = ()
    farms: tuple[FarmStatus, ...] = ()

    def applications(self) -> Iterator[tuple[ClusterStatus, SessionsStatus]]:
        """All replicated ones."""
        for cluster in self.clusters:
            for application in cluster.applications:
                yield cluster, application
