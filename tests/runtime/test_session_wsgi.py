"""Sessions of a WSGI application, alone in its process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.runtime.session_wsgi import (
    CookieSettings,
    RequestSession,
    SessionMiddleware,
    cookie_value,
    session_of,
)
from refjk.runtime.sessions import Sessions
from refjk.session import EventType, ManagerSettings, NotAnAttribute, Outgoing, SessionInvalid
from refjk.speccheck import covers

App = Callable[[RequestSession, dict[str, Any]], Iterable[bytes] | None]


class Client:
    """Requests to one application under `/app`; keeps a cookie as a browser does."""

    def __init__(self, act: App, cookie: CookieSettings | None = None, route: str | None = None) -> None:
        self.sessions = Sessions.alone(ManagerSettings("/app", route=route))
        self.sent: list[Outgoing] = []
        self.sessions._send = self.sent.extend
        self.cookie = ""
        self.headers: list[tuple[str, str]] = []
        self._act = act
        self._middleware = SessionMiddleware(self._application, self.sessions, cookie)

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = self._act(environ["refjk.session"], environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""] if body is None else body

    def ask(self, path: str = "/", **environ: str) -> bytes:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], None]:
            self.headers = headers
            return lambda data: None

        whole = {"SCRIPT_NAME": "/app", "PATH_INFO": path, "wsgi.url_scheme": "http", **environ}
        if self.cookie:
            whole.setdefault("HTTP_COOKIE", self.cookie)
        body = self._middleware(whole, start)
        try:
            answer = b"".join(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
        if self.set_cookie:
            self.cookie = self.set_cookie.partition(";")[0]
        return answer

    @property
    def set_cookie(self) -> str:
        return dict(self.headers).get("Set-Cookie", "")


def count(session: RequestSession, environ: dict[str, Any]) -> list[bytes]:
    session.set("n", session.get("n", 0) + 1)
    return [b"%d" % session.get("n")]


@covers("WSG-SES-01", "WSG-SES-02", "WSG-SES-03")
def test_a_session_is_told_once_and_goes_on() -> None:
    client = Client(count)
    assert client.ask() == b"1"
    name, _, attributes = client.set_cookie.partition("; ")
    assert name.startswith("JSESSIONID=") and attributes == "Path=/app; HttpOnly; SameSite=Lax"
    assert (client.ask(), client.set_cookie) == (b"2", "")
    client.ask(HTTP_COOKIE="JSESSIONID=" + "0" * 32)
    assert client.set_cookie


@covers("WSG-SES-03")
def test_the_cookie_is_secure_behind_tls_and_as_it_is_set() -> None:
    client = Client(count, CookieSettings("SID", path="/", http_only=False, same_site=None))
    client.ask(**{"wsgi.url_scheme": "https"})
    assert client.set_cookie.startswith("SID=") and client.set_cookie.endswith("; Path=/; Secure")


def test_reading_begins_no_session() -> None:
    client = Client(lambda session, environ: [str(session.get("n")).encode()])
    assert client.ask() == b"None"
    assert (client.set_cookie, len(client.sessions.manager)) == ("", 0)


@covers("WSG-SES-04")
def test_an_id_in_the_path_counts_without_a_cookie_and_is_not_seen() -> None:
    paths: list[str] = []

    def act(session: RequestSession, environ: dict[str, Any]) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        return count(session, environ)

    client = Client(act)
    client.ask()
    own_id, client.cookie = client.cookie.partition("=")[2], ""
    assert client.ask(f"/a;jsessionid={own_id}/b;v=1") == b"2"
    assert paths[-1] == "/a/b;v=1"
    other = Client(act, CookieSettings(from_urls=False))
    other.ask(f"/a;jsessionid={own_id}")
    assert paths[-1] == f"/a;jsessionid={own_id}"


@covers("WSG-SES-05")
def test_urls_carry_the_id_until_the_cookie_comes_back() -> None:
    urls = ("next?a=1#b", "/x", "http://other/x", "//other/x")

    def act(session: RequestSession, environ: dict[str, Any]) -> list[bytes]:
        session.set("n", 1)
        return [" ".join(session.encode_url(url) for url in urls).encode()]

    client = Client(act)
    own_id = "ID"
    first = client.ask().decode()
    own_id = client.cookie.partition("=")[2]
    assert first == f"next;jsessionid={own_id}?a=1#b /x;jsessionid={own_id} http://other/x //other/x"
    assert client.ask().decode() == " ".join(urls)


@covers("WSG-SES-06")
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("JSESSIONID=a", "a"),
        ('x={"a": 1}; JSESSIONID=a', "a"),
        ("a b; =; JSESSIONID = a ; JSESSIONID=b", "a"),
        ('JSESSIONID="a"', "a"),
        ("JSESSIONIDX=a", None),
        ("JSESSIONID", None),
        ("", None),
    ],
)
def test_the_cookie_is_found_beside_odd_ones(header: str, value: str | None) -> None:
    assert cookie_value(header, "JSESSIONID") == value


@covers("WSG-SES-07")
def test_a_list_is_told_of_before_it_leaves_and_a_stream_after_its_end() -> None:
    client = Client(count, route="n1")
    told: list[int] = []

    def in_pieces(session: RequestSession, environ: dict[str, Any]) -> Iterable[bytes]:
        session.set("n", 1)

        def pieces() -> Iterable[bytes]:
            told.append(len(client.sent))
            yield b"1"
            session.set("n", 2)
            told.append(len(client.sent))

        return pieces()

    client.ask()
    assert [message.message.event_type for message in client.sent] == [EventType.CREATED, EventType.DELTA]  # type: ignore[union-attr]
    client.sent.clear()
    client._act = in_pieces
    client.ask()
    assert told == [0, 0] and len(client.sent) == 1


@covers("WSG-SES-08")
def test_an_application_that_raises_sends_nothing_and_gives_the_session_back() -> None:
    client = Client(count)
    client.ask()
    client.sent.clear()

    def fail(session: RequestSession, environ: dict[str, Any]) -> None:
        session.set("n", 9)
        raise RuntimeError("application")

    client._act = fail
    with pytest.raises(RuntimeError):
        client.ask()
    (session,) = client.sessions.manager.sessions()
    assert (client.sent, session.access_count) == ([], 0)


def test_an_ended_session_is_followed_by_a_new_one() -> None:
    client = Client(count)
    client.ask()
    before = client.cookie

    def renew(session: RequestSession, environ: dict[str, Any]) -> list[bytes]:
        session.invalidate()
        assert not session.exists and session.get("n") is None
        session.set("n", 100)
        return [session.id.encode()]

    client._act = renew
    client.ask()
    assert client.cookie != before
    assert [one.get("n") for one in client.sessions.manager.sessions()] == [100]


def test_a_value_that_cannot_travel_is_refused_with_its_name() -> None:
    def act(session: RequestSession, environ: dict[str, Any]) -> None:
        with pytest.raises(NotAnAttribute, match="'thing'"):
            session.set("thing", object())
        assert session.names() == []

    Client(act).ask()


def test_the_interface_tells_what_a_session_is() -> None:
    def act(session: RequestSession, environ: dict[str, Any]) -> None:
        assert (session.exists, session.is_new, "n" in session) == (False, True, False)
        session.max_inactive_interval = 60
        session.set("n", 1)
        session.remove("m")
        assert (session.exists, "n" in session, session.max_inactive_interval) == (True, True, 60)
        assert session.last_access_ms >= session.creation_ms > 0
        assert session_of(environ) is session
        session.remove("n")
        assert session.names() == []

    Client(act).ask()
    with pytest.raises(LocalProtocolError):
        session_of({})


def test_a_session_that_ended_elsewhere_in_the_midst_is_said_to_be_over() -> None:
    client = Client(count)
    client.ask()

    def act(session: RequestSession, environ: dict[str, Any]) -> None:
        current = session.current
        assert current is not None
        client.sessions.do(lambda: current.expire(tell=False))
        with pytest.raises(SessionInvalid):
            session.set("n", 3)

    client._act = act
    client.ask()
    assert len(client.sessions.manager) == 0


def test_what_the_others_must_know_is_sent_even_when_an_operation_fails() -> None:
    client = Client(count)
    client.ask()
    client.sent.clear()
    (session,) = client.sessions.manager.sessions()

    def end_and_fail() -> None:
        session.invalidate()
        raise RuntimeError("afterwards")

    with pytest.raises(RuntimeError):
        client.sessions.do(end_and_fail)
    assert [message.message.event_type for message in client.sent] == [EventType.EXPIRED]  # type: ignore[union-attr]
