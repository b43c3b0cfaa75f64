"""What the page may order: served by the demo's own process, behind its front.

| path | what it does |
|---|---|
| `POST /control/kill` | SIGKILL for the node of the field `node`; it stays away |
| `POST /control/start` | starts it again; answers when it serves |
| `POST /control/deploy` | puts a new version of the application into the watched directory |
| `POST /control/remove` | takes it out |

All want the field `token` of this run, which stands in the page, a Host header that names this machine, and
no other origin.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from refjk.base.errors import InputError, Unreachable
from refjk.demo.app import is_loopback_host

FORM_SIZE_MAX = 1000


class Control:
    """A WSGI callable; `acts` take the name of a node, and raise `KeyError` for one that nobody has,
    `Unreachable` for one that does not do it, `InputError` for files that stand in the way."""

    def __init__(self, token: str, acts: Mapping[str, Callable[[str], None]]) -> None:
        self._token = token
        self._acts = {f"/control/{name}": act for name, act in acts.items()}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status, text = self._judged(environ)
        headers = [("Content-Type", "text/plain"), ("Cache-Control", "no-store")]
        if status.startswith("303"):
            headers.append(("Location", "/"))
        start_response(status, headers)
        return [text.encode() + b"\n"]

    def _judged(self, environ: dict[str, Any]) -> tuple[str, str]:
        act = self._acts.get(environ["PATH_INFO"])
        if act is None:
            return "404 Not Found", f"Only {', '.join(self._acts)} are here."
        if environ["REQUEST_METHOD"] != "POST":
            return "405 Method Not Allowed", "POST it."
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        if not is_loopback_host(host) or origin not in (None, f"http://{host}"):
            return "403 Forbidden", "This is for the demo's own page on this machine."
        fields = parse_qs(environ["wsgi.input"].read(FORM_SIZE_MAX).decode("latin-1"))
        token = fields.get("token", [""])[0]
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return "403 Forbidden", "The token of this run of the demo is missing."
        try:
            act(fields.get("node", [""])[0])
        except KeyError:
            return "404 Not Found", "There is no such node."
        except Unreachable as error:
            return "502 Bad Gateway", str(error)
        except InputError as error:
            return "409 Conflict", str(error)
        return "303 See Other", "See /"
