"""Django's shape without Django: middleware around views, and the sessions of refjk below them.

Alone, in this folder, with the server of the standard library: python3 counter.py
Behind a web server:                                            refjk serve counter:app
As a node of a cluster:  <Context path="/counter" docBase="counter:application" distributable="true"/>

With Django itself `application` is get_wsgi_application(), the middleware below is a line in MIDDLEWARE, and
a view finds its session in request.environ["refjk.session"].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from refjk.runtime.session_wsgi import RequestSession, SessionMiddleware, session_of
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings


@dataclass
class Request:
    environ: dict[str, Any]
    session: RequestSession | None = None
    user: str | None = None

    @property
    def path(self) -> str:
        return str(self.environ["PATH_INFO"]) or "/"


@dataclass
class Response:
    text: str
    status: str = "200 OK"
    headers: list[tuple[str, str]] = field(default_factory=list)


GetResponse = Callable[[Request], Response]


def replicated_sessions(get_response: GetResponse) -> GetResponse:
    """`request.session` is that of refjk, as `django.contrib.sessions` puts its own there."""

    def middleware(request: Request) -> Response:
        request.session = session_of(request.environ)
        return get_response(request)

    return middleware


def known_user(get_response: GetResponse) -> GetResponse:
    """Who has logged in. Its session exists already, or there is no user."""

    def middleware(request: Request) -> Response:
        assert request.session is not None
        request.user = request.session.get("user")
        return get_response(request)

    return middleware


def count(request: Request) -> Response:
    assert request.session is not None
    number = request.session.get("number", 0) + 1
    request.session.set("number", number)
    return Response(f"{request.user or 'somebody'} was here {number} times\n")


def log_in(request: Request) -> Response:
    assert request.session is not None
    number = request.session.get("number", 0)
    # A new id for whoever logs in: an id from before may be known to somebody else.
    request.session.invalidate()
    request.session.set("user", "anna")
    request.session.set("number", number)
    return Response("welcome\n")


VIEWS: dict[str, GetResponse] = {"/": count, "/login": log_in}
MIDDLEWARE = [replicated_sessions, known_user]


def resolve(request: Request) -> Response:
    view = VIEWS.get(request.path)
    return Response("no such page\n", "404 Not Found") if view is None else view(request)


def stack() -> GetResponse:
    """The first of MIDDLEWARE is the outermost, as in Django."""
    get_response: GetResponse = resolve
    for middleware in reversed(MIDDLEWARE):
        get_response = middleware(get_response)
    return get_response


_get_response = stack()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    response = _get_response(Request(environ))
    body = response.text.encode()
    start_response(
        response.status,
        [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *response.headers],
    )
    return [body]


app = SessionMiddleware(application, Sessions.alone(ManagerSettings()))

if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 8000, app) as server:
        print("http://127.0.0.1:8000/")
        server.serve_forever()
