"""The application of the demo: counts the requests of each session, in the session.

| path | what it does |
|---|---|
| `GET /` | counts, and shows the page |
| `GET /json` | counts, and says the same as JSON |
| `GET /view` | the changing part of the page, without counting |
| `GET /state` | what the nodes know of the session and of each other, as JSON, without counting |
| `POST /new` | ends the session at all nodes; the next request has none |
| `POST /move` | gives the session the route of another node, so that the next request goes there |
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from refjk.demo.gossip import COUNT, Gossip, Report
from refjk.demo.node_options import TICK_S
from refjk.demo.page import Page, Shown
from refjk.runtime.session_wsgi import (
    COOKIE_NAME,
    RequestSession,
    SessionMiddleware,
    cookie_value,
    session_of,
)
from refjk.runtime.sessions import Sessions
from refjk.session import (
    OLD_ID_ATTRIBUTE,
    ManagerSettings,
    Session,
    SessionInvalid,
    TooManySessions,
    route_of,
    turned_over,
)

SESSIONS_MAX = 50_000
# A node that comes up just when another asks may not hear it; where all start together, nobody has anything.
TRANSFER_TIMEOUT_MS = 10_000
ROUTES_MAX = 16
IDLE_LOOK_S = 60.0  # from one look for idle sessions to the next

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the application of a node knows beside its sessions.

    `nodes` are the names of all. `mode` is that of replication; empty without, and `alone` then tells why.
    `token`: empty where nodes cannot be killed from the page. `watch`: the farm's directory, if there is one.
    """

    node: str
    nodes: tuple[str, ...]
    mode: str = ""
    alone: str = "this node is no part of a cluster"
    token: str = ""
    gossip: Gossip | None = None
    watch: str = ""

    def reports(self, session_id: str) -> list[Report]:
        return [] if self.gossip is None else self.gossip.reports(session_id)


def application(surroundings: Surroundings, sessions: Sessions) -> SessionMiddleware:
    """The WSGI callable of a node."""
    return SessionMiddleware(Application(surroundings, sessions), sessions)


def manager_settings(route: str) -> ManagerSettings:
    """The other nodes keep the sessions of one that stops in order."""
    return ManagerSettings(
        route=route,
        max_active_sessions=SESSIONS_MAX,
        expire_sessions_on_shutdown=False,
        state_transfer_timeout_ms=TRANSFER_TIMEOUT_MS,
        expire_every_ticks=round(IDLE_LOOK_S / TICK_S),
    )


class Application:
    """Stands inside a `SessionMiddleware` with the same `sessions`."""

    def __init__(self, surroundings: Surroundings, sessions: Sessions) -> None:
        self._around = surroundings
        self._sessions = sessions
        self._page = Page(
            surroundings.nodes, surroundings.mode, surroundings.alone, surroundings.token, surroundings.watch
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return self._answer(environ, start_response)
        except TooManySessions:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Retry-After", "60")])
            return [b"There are too many sessions.\n"]
        except SessionInvalid:  # another request has ended it meanwhile
            return _back(start_response, [])

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        session = session_of(environ)
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case (("GET" | "HEAD"), "/"):
                shown = self._count(environ, session)
                nonce = secrets.token_urlsafe(16)
                body = self._page.whole(shown, self._around.reports(shown.session), _is_local(environ), nonce)
                return _ok(start_response, "text/html; charset=utf-8", body.encode(), nonce)
            case (("GET" | "HEAD"), "/json"):
                shown = self._count(environ, session)
                return _ok(start_response, "application/json", json.dumps(asdict(shown)).encode() + b"\n")
            case (("GET" | "HEAD"), "/view"):
                shown = self._shown(environ, session)
                body = self._page.view(shown, self._around.reports(shown.session), _is_local(environ))
                return _ok(start_response, "text/html; charset=utf-8", body.encode())
            case (("GET" | "HEAD"), "/state"):
                shown = self._shown(environ, session)
                state = {
                    "shown": asdict(shown),
                    "reports": list(map(asdict, self._around.reports(shown.session))),
                }
                return _ok(start_response, "application/json", json.dumps(state).encode() + b"\n")
            case "POST", "/new":
                session.invalidate()
                return _back(start_response, [("Set-Cookie", f"{COOKIE_NAME}=; Path=/; Max-Age=0")])
            case "POST", "/move":
                self._move(session)
                return _back(start_response, [])
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"Only / and /json are here.\n"]

    def _count(self, environ: dict[str, Any], session: RequestSession) -> Shown:
        """One more request of the session; the other nodes know of it when this returns."""
        found = session.exists
        current = session.create()
        self._sessions.do(lambda: current.set(COUNT, _count_of(current) + 1))
        # The page shows their copies too, so that it cannot wait for the end of the request.
        self._sessions.completed(current, environ["PATH_INFO"])
        return self._shown(environ, session, found=found)

    def _shown(self, environ: dict[str, Any], session: RequestSession, *, found: bool = True) -> Shown:
        current = session.current
        asked = cookie_value(environ.get("HTTP_COOKIE", ""), COOKIE_NAME) or ""
        asked = environ.get(f"refjk.{OLD_ID_ATTRIBUTE}", asked)
        asked_route = route_of(asked) or ""
        decision = environ.get("refjk.attributes", {}).get("refjk.decision", "")
        clause, _, attempt = decision.partition(" attempt ")
        route = environ.get("refjk.route", self._around.node)
        return Shown(
            node=self._around.node,
            pid=os.getpid(),
            route=route,
            session="" if current is None else current.id,
            count=0 if current is None else self._sessions.do(lambda: _count_of(current)),
            came_from=asked_route if asked_route in self._around.nodes and asked_route != route else "",
            found=found,
            clause=clause,
            attempt=int(attempt) if attempt.isdigit() else 1,
            mode=self._around.mode,
        )

    def _move(self, session: RequestSession) -> None:
        """A new id with the next node's route, which all learn before the answer leaves."""
        current = session.current
        if current is None:
            return
        nodes = self._around.nodes
        route = nodes[(nodes.index(self._around.node) + 1) % len(nodes)]

        def rename() -> None:
            old_id = current.id
            new_id = turned_over(old_id, route)
            if new_id is not None:
                self._sessions.manager.change_id(current, new_id)
                self._sessions.manager.announce_id(old_id, current, self._sessions.path)

        self._sessions.do(rename)


class Alone:
    """The application without a cluster. Its route is the one that the web server tells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_route: dict[str, SessionMiddleware] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        route = environ.get("refjk.route", "node")
        with self._lock:
            if route not in self._by_route and len(self._by_route) >= ROUTES_MAX:
                route = next(iter(self._by_route))
            if route not in self._by_route:
                sessions = Sessions.alone(manager_settings(route))
                self._by_route[route] = application(Surroundings(route, (route,)), sessions)
        return self._by_route[route](environ, start_response)


def _count_of(session: Session) -> int:
    count = session.get(COUNT, 0)
    return count if isinstance(count, int) else 0


def _is_local(environ: dict[str, Any]) -> bool:
    return is_loopback_host(environ.get("HTTP_HOST", ""))


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine itself: not a name that somebody else lets point here."""
    name, colon, port = host.partition(":")
    return name in ("127.0.0.1", "localhost") and (not colon or port.isdigit())


def _ok(start_response: Callable[..., Any], kind: str, body: bytes, nonce: str = "") -> Sequence[bytes]:
    script = f"script-src 'nonce-{nonce}'; connect-src 'self'; " if nonce else ""
    policy = (
        f"default-src 'none'; {script}style-src 'unsafe-inline'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    headers = [
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("200 OK", headers)
    return [body]


def _back(start_response: Callable[..., Any], more: Headers) -> Sequence[bytes]:
    """To the page."""
    headers = [("Location", "/"), ("Content-Type", "text/plain"), ("Cache-Control", "no-store"), *more]
    start_response("303 See Other", headers)
    return [b"See /\n"]


app = Alone()
"""A node by itself, for `refjk serve refjk.demo.app:app`."""
