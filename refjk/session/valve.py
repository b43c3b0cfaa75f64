"""What happens for replication when a request has been answered: which requests count, and in which order."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Protocol

from refjk.base.errors import InputError
from refjk.session.manager_settings import Outgoing


class ReplicationFilter:
    """Requests whose URI is filtered are not followed by replication.

    `text`: regular expressions with `;` between them. Raises `InputError` for a part that is none, unless
    `holes`: then requests that reach that part are followed by nothing, as in the original. SES-VLV-04,
    SES-VLV-05
    """

    def __init__(self, text: str | None, *, holes: bool = False) -> None:
        parts = [part for part in (text or "").split(";") if part]
        self.patterns: list[re.Pattern[str] | None] = [_compiled(part, holes) for part in parts]

    def passes(self, uri: str) -> bool:
        """Whether a request for this decoded URI, context path included, query not, is replicated."""
        return not any(pattern is None or pattern.fullmatch(uri) for pattern in self.patterns)


def _compiled(part: str, holes: bool) -> re.Pattern[str] | None:
    try:
        with warnings.catch_warnings():
            # A set that means another thing in Java.
            warnings.simplefilter("error", FutureWarning)
            return re.compile(part)
    except (re.error, FutureWarning, RecursionError, OverflowError) as error:
        if holes:
            return None
        raise InputError(f"filter: {part!r} is no regular expression that refjk knows: {error}") from None


class ClusterManager(Protocol):
    """What the valve needs of a manager."""

    def invalidated_sessions(self) -> list[str]: ...
    def request_completed(self, session_id: str, now_ms: int) -> Outgoing | None: ...


@dataclass(slots=True)
class ValveCounters:
    """What became of the requests that the valve saw."""

    requests: int = 0
    without_session: int = 0
    filtered: int = 0
    sent: int = 0
    nothing_to_send: int = 0


class ReplicationValve:
    """Stands behind the application. Not called when the application failed. SES-VLV-01"""

    def __init__(self, replication_filter: ReplicationFilter) -> None:
        self.filter = replication_filter
        self.counters = ValveCounters()

    def completed(
        self, manager: ClusterManager | None, session_id: str | None, uri: str, now_ms: int
    ) -> list[Outgoing]:
        """The messages of a request that was answered, in the order in which they must leave. SES-VLV-02

        `manager` None: the application is not replicated, or there is no cluster. `session_id`: that of the
        request's session, None without one. The manager queues the messages too; they are the same.
        """
        self.counters.requests += 1
        if manager is None:
            return []
        found = [manager.request_completed(one, now_ms) for one in manager.invalidated_sessions()]
        if session_id is None:
            self.counters.without_session += 1
        elif not self.filter.passes(uri):
            self.counters.filtered += 1
        else:
            found.append(manager.request_completed(session_id, now_ms))
        messages = [one for one in found if one is not None]
        if messages:
            self.counters.sent += 1
        else:
            self.counters.nothing_to_send += 1
        return messages
