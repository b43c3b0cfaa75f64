"""The application of the demo: counts the requests of each session, in the memory of its process.

| path | what it does |
|---|---|
| `GET /` | counts, and shows the page |
| `GET /json` | counts, and says the same as JSON |
| `POST /new` | forgets the session; the next request has none |
| `POST /move` | changes the route in the session id, so that the next request goes to another node |

A session id is 32 hexadecimal digits, a dot and the route of the node that has the session.
"""

from __future__ import annotations

import html
import json
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from string import Template
from typing import Any

from refjk.balancing.cookies import COOKIE_NAME, session_ids

SESSIONS_MAX = 10000
COOKIE = COOKIE_NAME.decode()

_ID = re.compile(rb"([0-9A-F]{32})\.([A-Za-z0-9_-]{1,32})")
_REASONS = {
    "BAL-STK-01": "the session id names this node",
    "BAL-DOM-01": "the node that the session id names is not available; chosen by weight",
    "BAL-DOM-02": "nobody has the route in the session id; chosen by weight",
    "BAL-SEL-01": "no session yet; chosen by weight",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer tells."""

    node: str
    pid: int
    route: str  # what the front sent
    session: str
    count: int  # of this session, as this process remembers it
    came_from: str  # the route in the session id, where it was another node's
    clause: str  # that decided for this node
    attempt: int
    reason: str


class Application:
    """A WSGI callable for one node; `nodes` are the names of all."""

    def __init__(self, node: str, nodes: Sequence[str]) -> None:
        self._node = node
        self._nodes = list(nodes)
        self._page = Template(resources.files("refjk.demo").joinpath("page.html").read_text("utf-8"))
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case (("GET" | "HEAD"), "/"):
                shown, cookies = self._count(environ)
                body, kind = self._render(shown).encode(), "text/html; charset=utf-8"
            case (("GET" | "HEAD"), "/json"):
                shown, cookies = self._count(environ)
                body, kind = json.dumps(asdict(shown)).encode() + b"\n", "application/json"
            case "POST", "/new":
                return _back(start_response, f"{COOKIE}=; Path=/; Max-Age=0")
            case "POST", "/move":
                key, route = _session_of(environ)
                return _back(start_response, _cookie(f"{key}.{self._next_node(route)}") if key else "")
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"Only / and /json are here.\n"]
        headers = [("Content-Type", kind), ("Cache-Control", "no-store"), *cookies]
        headers.append(
            (
                "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'",
            )
        )
        start_response("200 OK", headers)
        return [body]

    def _count(self, environ: dict[str, Any]) -> tuple[Shown, list[tuple[str, str]]]:
        """One more request of the session, and the cookie it needs, if it needs one."""
        key, asked_route = _session_of(environ)
        key = key or secrets.token_hex(16).upper()
        with self._lock:
            count = self._counts[key] = self._counts.get(key, 0) + 1
            self._counts.move_to_end(key)
            if len(self._counts) > SESSIONS_MAX:
                self._counts.popitem(last=False)
        route = environ.get("refjk.route", self._node)
        decision = environ.get("refjk.attributes", {}).get("refjk.decision", "")
        clause, _, attempt = decision.partition(" attempt ")
        shown = Shown(
            node=self._node,
            pid=os.getpid(),
            route=route,
            session=f"{key}.{route}",
            count=count,
            came_from=asked_route if asked_route != route else "",
            clause=clause,
            attempt=int(attempt) if attempt.isdigit() else 1,
            reason=_REASONS.get(clause, "as the front has decided"),
        )
        return shown, [("Set-Cookie", _cookie(shown.session))] if asked_route != route else []

    def _next_node(self, route: str) -> str:
        known = self._nodes.index(route) if route in self._nodes else -1
        return self._nodes[(known + 1) % len(self._nodes)]

    def _render(self, shown: Shown) -> str:
        values = {name: html.escape(str(value)) for name, value in asdict(shown).items()}
        index = self._nodes.index(self._node)
        values["hue"] = str(int(210 + index * 360 / max(len(self._nodes), 3)) % 360)
        values["remark"] = ""
        if shown.attempt > 1:
            values["remark"] += f"<p class=remark>This was attempt {shown.attempt}: one before failed.</p>"
        if shown.came_from:
            values["remark"] += (
                f"<p class=remark>The session came from <b>{html.escape(shown.came_from)}</b>. Each node"
                " counts in its own memory, so the number here is its own.</p>"
            )
        values["others"] = ", ".join(name for name in self._nodes if name != self._node) or "nobody"
        values["times"] = "time" if shown.count == 1 else "times"
        return self._page.substitute(values)


def _session_of(environ: dict[str, Any]) -> tuple[str, str]:
    """The digits and the route of the request's session id; empty without a sound one."""
    for value in session_ids([environ.get("HTTP_COOKIE", "").encode("latin-1")]):
        if found := _ID.fullmatch(value):
            return found[1].decode(), found[2].decode()
    return "", ""


def _cookie(session: str) -> str:
    return f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax"


def _back(start_response: Any, cookie: str) -> Iterable[bytes]:
    """To the page, with another cookie unless that is empty."""
    headers = [("Location", "/"), ("Content-Type", "text/plain"), ("Cache-Control", "no-store")]
    if cookie:
        headers.append(("Set-Cookie", cookie))
    start_response("303 See Other", headers)
    return [b"See /\n"]


app = Application("node", ["node"])
"""A node by itself, for `refjk serve refjk.demo.app:app`."""
