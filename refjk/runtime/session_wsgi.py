"""Sessions for WSGI applications, behind any server: `environ["refjk.session"]`.

application = SessionMiddleware(app, Sessions.alone(ManagerSettings()))

def app(environ, start_response):
    session = environ["refjk.session"]
    session.set("clicks", session.get("clicks", 0) + 1)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from refjk.base.errors import LocalProtocolError
from refjk.runtime.environ import Environ
from refjk.runtime.sessions import Sessions
from refjk.runtime.wsgi import StartResponse, WsgiApplication
from refjk.session import OLD_ID_ATTRIBUTE, RouteChange, Session

KEY = "refjk.session"
COOKIE_NAME = "JSESSIONID"
PATH_PARAMETER = "jsessionid"
ID_SIZE_MAX = 200

_ID = re.compile(r"[A-Za-z0-9._\-]+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|//")


@dataclass(frozen=True, slots=True)
class CookieSettings:
    """The session cookie. `path` None: that of the application. `secure` None: where the request came by TLS.

    `from_urls`: `;jsessionid=` in a path counts where there is no cookie. Not `enabled`: that alone does.
    """

    name: str = COOKIE_NAME
    path: str | None = None
    http_only: bool = True
    same_site: str | None = "Lax"
    secure: bool | None = None
    from_urls: bool = True
    enabled: bool = True

    def header(self, session_id: str, context_path: str, *, by_tls: bool) -> str:
        """The value of Set-Cookie. WSG-SES-03"""
        parts = [f"{self.name}={session_id}", f"Path={self.path or context_path or '/'}"]
        parts += ["HttpOnly"] if self.http_only else []
        parts += [f"SameSite={self.same_site}"] if self.same_site else []
        parts += ["Secure"] if (by_tls if self.secure is None else self.secure) else []
        return "; ".join(parts)


class RequestSession:
    """The session as one request sees it; it begins with the first `set`, or when `create` is called.

    Raises what `Session` raises: `SessionInvalid` when it ended otherwise than by `invalidate`.
    """

    def __init__(self, sessions: Sessions, session: Session | None, *, in_urls: bool = True) -> None:
        self._in_urls = in_urls
        self._sessions = sessions
        self._session = session
        self._ended = False

    def __bool__(self) -> bool:
        return self._session is not None and self._session.is_valid

    def __contains__(self, name: object) -> bool:
        return bool(self) and name in self._known()

    @property
    def exists(self) -> bool:
        """Whether there is a session already."""
        return bool(self)

    @property
    def id(self) -> str:
        """Begins one if need be, as `set` does."""
        return self.create().id

    @property
    def is_new(self) -> bool:
        """Whether the client does not know of it yet."""
        return not self or self._known().is_new

    @property
    def creation_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.create().creation_ms

    @property
    def last_access_ms(self) -> int:
        """When the request before this one came; milliseconds since 1970."""
        return self.create().last_access_ms

    @property
    def max_inactive_interval(self) -> int:
        """Seconds; negative: never ends by itself."""
        return self.create().max_inactive_interval

    @max_inactive_interval.setter
    def max_inactive_interval(self, seconds: int) -> None:
        session = self.create()
        self._sessions.do(lambda: session.set_max_inactive_interval(seconds))

    def create(self) -> Session:
        """The session, made now if there is none. Raises `TooManySessions`."""
        if self._session is None:
            self._session = self._sessions.create()
        return self._session

    def get(self, name: str, default: Any = None) -> Any:
        """What is bound to a name. To change what is inside, `set` it again: nobody sees it otherwise."""
        session = self._session
        return default if session is None else self._sessions.do(lambda: session.get(name, default))

    def names(self) -> list[str]:
        session = self._session
        return [] if session is None else self._sessions.do(session.names)

    def set(self, name: str, value: Any) -> None:
        """Raises `NotAnAttribute`, with nothing changed, for what cannot go to other nodes. SES-SES-02"""
        session = self.create()
        self._sessions.do(lambda: session.set(name, value))

    def remove(self, name: str) -> None:
        session = self._session
        if session is not None:
            self._sessions.do(lambda: session.remove(name))

    def invalidate(self) -> None:
        """Ends the session at all nodes; the next `set` begins another one."""
        session = self._session
        if session is not None:
            self._sessions.do(session.invalidate)
            self._sessions.end(session)
            self._session = None

    def encode_url(self, url: str) -> str:
        """The URL with the id in it, for clients that keep no cookies; others keep it as it is. WSG-SES-05"""
        if not (self and self._in_urls) or self._cookie_works or _ABSOLUTE.match(url):
            return url
        head, mark, tail = re.match(r"([^?#]*)([?#]?)(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr]
        return f"{head};{PATH_PARAMETER}={self._known().id}{mark}{tail}"

    _cookie_works = False

    def _known(self) -> Session:
        assert self._session is not None
        return self._session

    @property
    def current(self) -> Session | None:
        """The session, None without one."""
        return self._session


class SessionMiddleware:
    """An application with sessions. `sessions` may be those of a cluster, or of this process alone.

    What a request has changed is told to the other nodes when the application is done: before the answer
    leaves where that is a list, so that who has the answer finds the change everywhere; after the last octets
    of a streamed one. WSG-SES-07
    """

    def __init__(
        self, application: WsgiApplication, sessions: Sessions, cookie: CookieSettings | None = None
    ) -> None:
        self._application = application
        self._sessions = sessions
        self._cookie = cookie or CookieSettings()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        requested = self._requested_id(environ)
        session: Session | None = None
        change: RouteChange | None = None
        if requested is not None:
            session, change = self._sessions.begin(requested[0], from_url=requested[1])
        # WSG-SES-09
        if change is not None:
            environ[f"refjk.{OLD_ID_ATTRIBUTE}"] = change.old_id
        own = RequestSession(self._sessions, session, in_urls=self._cookie.from_urls)
        own._cookie_works = session is not None and requested is not None and not requested[1]
        environ[KEY] = own
        known_id = requested[0] if requested is not None and own._cookie_works else None

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], None]:
            current = own.current
            # WSG-SES-01, WSG-SES-02
            if self._cookie.enabled and current is not None and current.is_valid and current.id != known_id:
                by_tls = environ.get("wsgi.url_scheme") == "https"
                value = self._cookie.header(current.id, self._sessions.path, by_tls=by_tls)
                headers = [*headers, ("Set-Cookie", value)]
            return start_response(status, headers, *more)

        uri = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        try:
            body = self._application(environ, start)
        except BaseException:
            # WSG-SES-08
            self._end(own)
            raise
        if isinstance(body, (list, tuple)):
            self._finish(own, uri, failed=False)
            return body
        return _Body(body, lambda failed: self._finish(own, uri, failed=failed))

    def _finish(self, own: RequestSession, uri: str, *, failed: bool) -> None:
        try:
            if not failed:
                self._sessions.completed(own.current, uri)
        finally:
            self._end(own)

    def _end(self, own: RequestSession) -> None:
        session = own.current
        if session is not None:
            self._sessions.end(session)

    def _requested_id(self, environ: Environ) -> tuple[str, bool] | None:
        """The id that came, and whether it stood in the path, which is cut out of that. WSG-SES-04"""
        in_path = self._cut_path(environ) if self._cookie.from_urls else None
        cookies = environ.get("HTTP_COOKIE", "") if self._cookie.enabled else ""
        in_cookie = cookie_value(cookies, self._cookie.name)
        for session_id, from_url in ((in_cookie, False), (in_path, True)):
            if session_id and len(session_id) <= ID_SIZE_MAX and _ID.fullmatch(session_id):
                return session_id, from_url
        return None

    @staticmethod
    def _cut_path(environ: Environ) -> str | None:
        found = None
        for key in ("SCRIPT_NAME", "PATH_INFO"):
            path = environ.get(key, "")
            if f";{PATH_PARAMETER}=" in path:
                match = re.search(rf";{PATH_PARAMETER}=([^;/]*)", path)
                if match is not None:
                    found = found or match[1]
                    environ[key] = path[: match.start()] + path[match.end() :]
        return found


class _Body:
    """The answer of an application; `finish` is called once, when it is over or given up."""

    def __init__(self, body: Iterable[bytes], finish: Callable[[bool], None]) -> None:
        self._body = body
        self._finish: Callable[[bool], None] | None = finish
        self._failed = False
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._iterator = iter(self._body)
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._body)
        try:
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException:
            self._failed = True
            raise

    def close(self) -> None:
        """By the server, in any case."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException:
            self._failed = True
            raise
        finally:
            finish, self._finish = self._finish, None
            if finish is not None:
                finish(self._failed)


def cookie_value(header: str, name: str) -> str | None:
    """The first value of a cookie; odd neighbours do not hide it. WSG-SES-06"""
    for part in header.split(";"):
        key, equals, value = part.partition("=")
        if equals and key.strip() == name:
            value = value.strip()
            return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return None


def session_of(environ: Environ) -> RequestSession:
    """The session of a request; raises `LocalProtocolError` without the middleware."""
    session = environ.get(KEY)
    if not isinstance(session, RequestSession):
        raise LocalProtocolError("no sessions here: put SessionMiddleware around the application")
    return session
