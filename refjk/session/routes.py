"""A session that moved to another node gets that node's route into its id."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.base.errors import LocalProtocolError
from refjk.session.manager import SessionManager

OLD_ID_ATTRIBUTE = "JvmRouteOrignalSessionID"
"""The request attribute with the id before the change; the spelling is the original's."""


def route_of(session_id: str) -> str | None:
    """Everything behind the first dot; None without one, or when nothing is before it. SES-RTE-01"""
    bare, dot, route = session_id.partition(".")
    return route if dot and bare else None


def turned_over(session_id: str, local_route: str) -> str | None:
    """The id with the local route, or None if it stays as it is. SES-RTE-02"""
    route = route_of(session_id)
    if route is None or route == local_route:
        return None
    return f"{session_id.partition('.')[0]}.{local_route}"


@dataclass(frozen=True, slots=True)
class RouteChange:
    """What the container does with a change: a new cookie for `path`, and `old_id` as a request attribute."""

    old_id: str
    new_id: str
    cookie_path: str


class RouteBinder:
    """Stands before the application. `local_route` None: the node has no route, and nothing is done.

    `ids_from_urls`: those are changed too, as since 5.5.17.
    """

    def __init__(
        self,
        local_route: str | None,
        context_path: str,
        *,
        enabled: bool = True,
        ids_from_urls: bool = False,
    ) -> None:
        self._local_route = local_route
        self._context_path = context_path
        self._enabled = enabled
        self._ids_from_urls = ids_from_urls
        self.changes = 0

    def bind(
        self, manager: SessionManager, session_id: str | None, now_ms: int, *, from_url: bool = False
    ) -> RouteChange | None:
        """Renames the session of a request that came with this id, and tells all. SES-RTE-03, SES-RTE-04"""
        if not self._enabled or self._local_route is None or session_id is None:
            return None
        if from_url and not self._ids_from_urls:
            return None
        new_id = turned_over(session_id, self._local_route)
        session = None if new_id is None else manager.find(session_id, now_ms)
        if new_id is None or session is None:
            return None
        known_id = session.id  # what the others know it by, when the request came with an older one
        try:
            manager.change_id(session, new_id, now_ms)
        except LocalProtocolError:
            return None  # the id was turned over already, for another request
        if manager.rules.renaming_creates and session.pending is not None:
            session.pending.clear()
        manager.announce_id(known_id, session, self._context_path)
        self.changes += 1
        return RouteChange(session_id, new_id, self._context_path or "/")
