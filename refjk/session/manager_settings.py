"""How a manager of sessions is told to work, and what it says of itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from refjk.base.errors import LocalProtocolError
from refjk.session.codes import FIRST_RELEASE, LAST_RELEASE
from refjk.session.member_address import MemberAddress
from refjk.session.messages import Message, SessionMessage
from refjk.session.rules import REPAIRED, Rules


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """One manager serves one application.

    `context_name`: `/app`, empty for the root. `route`: the jvmRoute, behind the dot of every id.
    `max_active_sessions`: of the whole table, for sessions made here; -1: no limit. `replicas_max`: of the
    whole table, for what others send. `use_dirty_flag` changes nothing (SES-MGR-12). `release`: the wire is
    that of 5.5.`release`. `expire_every_ticks`: background ticks from one look for idle sessions to the next.
    `update_active_interval`: seconds after which a request that changes nothing is told of; None: as
    `max_inactive_interval`. `expire_tolerance`: seconds that a session lives on where it is not primary;
    None: its interval once more. Tomcat 5.5.24 has 60 and 300. `watch_mutations`: find attributes that were
    changed without being set (SES-ATT-07).
    """

    context_name: str = ""
    route: str | None = None
    max_inactive_interval: int = 1800
    max_active_sessions: int = -1
    replicas_max: int = 1_000_000
    update_active_interval: int | None = None
    expire_tolerance: int | None = None
    expire_sessions_on_shutdown: bool = True
    notify_listeners_on_replication: bool = True
    use_dirty_flag: bool = False
    release: int = FIRST_RELEASE
    expire_every_ticks: int = 6
    state_transfer_timeout_ms: int = 60_000
    state_late_ms: int = 600_000
    state_sessions_max: int = 1000  # in one message, since 5.5.10
    held_messages_max: int = 100_000
    held_octets_max: int = 64 * 1024 * 1024
    watch_mutations: bool = False
    rules: Rules = REPAIRED

    def __post_init__(self) -> None:
        if not FIRST_RELEASE <= self.release <= LAST_RELEASE:
            raise LocalProtocolError(f"no release 5.5.{self.release}; 5.5.5 to 5.5.36 are known")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send, still without sender and time; `to` None: all members.

    `write` makes the octets of one that is long to write; the message is without them until `written`.
    """

    message: Message
    to: MemberAddress | None = None
    write: Callable[[], bytes] | None = None

    def written(self) -> Message:
        """The message with its octets. No lock of the manager's is needed for it. SES-XFR-15"""
        if self.write is None:
            return self.message
        assert isinstance(self.message, SessionMessage)
        return replace(self.message, octets=self.write())


@dataclass(slots=True)
class ManagerCounters:
    """What a manager has done since it was made."""

    created: int = 0
    replicas_made: int = 0
    replicas_refused: int = 0
    refused_by_limit: int = 0
    ended: int = 0
    expired_idle: int = 0
    max_active: int = 0
    deltas_sent: int = 0
    deltas_executed: int = 0
    accesses_sent: int = 0
    accesses_heard: int = 0
    unknown_session: int = 0
    unknown_event: int = 0
    malformed: int = 0
    states_sent: int = 0
    states_loaded: int = 0
    states_refused: int = 0
    sessions_loaded: int = 0
    ids_changed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Something that somebody who looks after the node wants to know. `kind` is one word of `KINDS`."""

    kind: str
    text: str
    session_id: str | None = None
    attribute: str | None = None


KINDS = ("listener", "malformed", "mutated", "unwritable", "full", "state")


def session_ids(source: random.Random) -> Callable[[], str]:
    """Ids of 32 upper-case hex digits; `source` must be one that nobody can guess. SES-SES-01"""
    return lambda: f"{source.getrandbits(128):032X}"
