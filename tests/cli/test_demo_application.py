"""The application of the demo, called without servers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from refjk.demo.app import Alone, Surroundings, application, is_loopback_host, manager_settings
from refjk.demo.flow import Flow, FlowLog, shortened, together
from refjk.demo.gossip import Deployed, Report
from refjk.demo.hello import application as hello
from refjk.demo.page import Page, Shown
from refjk.farm import FileMessage, Member, UndeployMessage
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.session import (
    DeltaRequest,
    EventType,
    MemberAddress,
    SessionIdMessage,
    SessionMessage,
    encode_delta_request,
)

DIGITS = "0123456789ABCDEF" * 2


def node1(sessions: Sessions | None = None) -> SessionMiddleware:
    sessions = sessions or Sessions.alone(manager_settings("node1"))
    return application(Surroundings("node1", ("node1", "node2")), sessions)


def call(
    called: SessionMiddleware | Alone, method: str, path: str, cookie: str = "", route: str = "node1"
) -> tuple[str, dict[str, str], str]:
    """Status, headers and body of one call."""
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_COOKIE": cookie,
        "refjk.route": route,
        "refjk.attributes": {"refjk.decision": "BAL-DOM-01 attempt 2"},
    }

    def start_response(*arguments: Any) -> Callable[[bytes], None]:
        told.extend(arguments)
        return lambda octets: None

    body = b"".join(called(environ, start_response))
    return told[0], dict(told[1]), body.decode()


def test_odd_session_ids_are_no_session_and_nothing_of_them_is_shown() -> None:
    called = node1()
    for value in ("<b>.node2", "A" * 32 + ".<b>", "a" * 32 + ".node2", "A" * 31 + ".node2", ""):
        status, headers, body = call(called, "GET", "/", f"JSESSIONID={value}")
        assert status == "200 OK" and "<b>." not in body and "A" * 31 not in body and "a" * 31 not in body
        assert re.match(r"JSESSIONID=[0-9A-F]{32}\.node1; Path=/; HttpOnly", headers["Set-Cookie"])
    assert call(called, "POST", "/move")[1].get("Set-Cookie") is None
    assert call(called, "GET", "/favicon.ico")[0] == "404 Not Found"


def test_a_session_that_moved_keeps_its_digits_and_count_and_gets_the_new_route() -> None:
    sessions = Sessions.alone(manager_settings("node1"))
    sessions.manager.make(f"{DIGITS}.node2", time.time_ns() // 1_000_000).set("count", 7)
    _, headers, body = call(node1(sessions), "GET", "/", f"x=1; JSESSIONID={DIGITS}.node2")
    assert headers["Set-Cookie"].startswith(f"JSESSIONID={DIGITS}.node1;")
    assert '<span id="count">8</span> times' in body
    assert "came from <b>node2</b>" in body and "attempt 2" in body


def test_a_session_that_nobody_knows_begins_anew_and_the_page_says_so() -> None:
    _, headers, body = call(node1(), "GET", "/", f"JSESSIONID={DIGITS}.node2")
    assert DIGITS not in headers["Set-Cookie"] and '<span id="count">1</span> time<' in body
    assert "came from <b>node2</b>, and this node does not know it" in re.sub(r"\s+", " ", body)


def test_looking_does_not_count_and_makes_no_session() -> None:
    called = node1()
    for path in ("/view", "/state"):
        status, headers, body = call(called, "GET", path)
        assert status == "200 OK" and "Set-Cookie" not in headers and body
    cookie = call(called, "GET", "/json")[1]["Set-Cookie"].partition(";")[0]
    call(called, "GET", "/view", cookie)
    assert '"count": 2' in call(called, "GET", "/json", cookie)[2]


def test_the_page_allows_its_own_script_and_nothing_else() -> None:
    policies = []
    for _ in range(2):
        _, headers, body = call(node1(), "GET", "/")
        policy = headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None and f'<script nonce="{nonce[1]}">' in body and body.count("<script") == 1
        assert policy.startswith("default-src 'none'; ") and "http" not in policy
        policies.append(policy)
    assert policies[0] != policies[1]


def test_the_page_escapes_what_archives_call_themselves_and_links_to_their_paths() -> None:
    applications = (Deployed("/\u00e4", "<b>", 86_400_000), Deployed("/b", "version 1", 0))
    report = Report("node1", "m1", 1, 1, True, 0, (), {}, None, applications, ("<c>.war: <d>",), ())
    shown = Shown("node1", 1, "node1", "", 0, "", True, "", 1, "pooled")
    page = Page(("node1", "node2"), "pooled", "", "token", "/a <place>")
    view = page.view(shown, [report], local=True)
    assert '<a href="/%C3%A4/">/\u00e4</a>' in view and "&lt;b&gt;" in view and "/a &lt;place&gt;" in view
    assert re.search(r"version 1</b></td>", view) and "node1: &lt;c&gt;.war: &lt;d&gt;</p>" in view
    assert '<td id="farm-node2">–</td>' in view


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("GET", "/other"), ("DELETE", "/json")])
def test_the_farmed_application_answers_nothing_else(method: str, path: str) -> None:
    said: list[str] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    body = hello(environ, lambda status, headers: said.append(status))
    assert (said, body) == (["404 Not Found"], [b"Only / and /json are here.\n"])


def test_too_many_sessions_are_refused_and_those_there_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refjk.demo.app.SESSIONS_MAX", 1)
    called = node1()
    cookie = call(called, "GET", "/json")[1]["Set-Cookie"].partition(";")[0]
    status, headers, _ = call(called, "GET", "/json")
    assert status == "503 Service Unavailable" and "Set-Cookie" not in headers
    assert call(called, "GET", "/json", cookie)[0] == "200 OK"


def test_alone_it_takes_the_route_that_the_web_server_tells_within_bounds() -> None:
    alone = Alone()
    for number in range(20):
        _, headers, _ = call(alone, "GET", "/json", route=f"w{number}")
        wanted = f"w{number}" if number < 16 else "w0"
        assert re.match(rf"JSESSIONID=[0-9A-F]{{32}}\.{wanted};", headers["Set-Cookie"])
    _, _, page = call(alone, "GET", "/", route="w1")
    assert "No replication" in page and "/control/" not in page and '<h1 id="node">w1</h1>' in page


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("localhost:1", True),
        ("", False),
        ("example.org", False),
        ("127.0.0.1.example.org", False),
        ("127.0.0.1:80.example.org", False),
        ("localhost:", False),
    ],
)
def test_only_names_of_this_machine_are_local(host: str, local: bool) -> None:
    assert is_loopback_host(host) is local


def test_session_ids_are_shortened() -> None:
    assert shortened(f"{DIGITS}.node1") == "012345….node1"
    assert shortened(DIGITS) == "012345…"
    assert shortened("short.node1") == shortened("") == shortened(None) == ""


def test_messages_are_told_in_words_and_those_to_many_are_one() -> None:
    request = DeltaRequest(f"{DIGITS}.node1")
    request.set_attribute("count", 5)
    request.remove_attribute("old")
    request.set_max_inactive_interval(60)
    sender = MemberAddress("m1", "127.0.0.1", 1)

    def message(event: EventType, octets: bytes | None, at_ms: int) -> SessionMessage:
        return SessionMessage(event, "", f"{DIGITS}.node1", octets, None, at_ms, sender)

    messages = [
        message(EventType.GET_ALL, None, 5),
        message(EventType.DELTA, encode_delta_request(request), 7),
        message(EventType.DELTA, b"\0", 8),
        message(EventType.CREATED, None, 7),
        SessionIdMessage(f"{DIGITS}.node1", f"{DIGITS}.node2", "", 0, 9, sender),
        SessionMessage(99, "", None, None, None, 10, None),
    ]
    flows: list[Flow] = []
    for name in ("m2", "m3"):
        log = FlowLog(name)
        for one in messages:
            assert log.accept(one)
            log.received(one)
        assert not log.accept("a word")
        flows += log.latest(100)
    told = [(flow.kind, flow.text, flow.sender, receivers) for flow, receivers in together(flows, 100)]
    both = ["m2", "m3"]
    assert told == [
        ("99", "", "", both),
        ("new id", "now 012345….node2", "m1", both),
        ("delta", "cannot be read", "m1", both),
        ("delta", "count = 5, old removed, max inactive interval", "m1", both),
        ("created", "", "m1", both),
        ("get all", "", "m1", both),
    ]
    assert [flow.kind for flow, _ in together(flows, 2)] == ["99", "new id"]


def test_messages_of_the_farm_are_told_and_of_many_parts_the_last() -> None:
    sender = Member("m1", "127.0.0.1", 1)
    log = FlowLog("m2")
    messages = [
        UndeployMessage("/a", sender=sender, timestamp_ms=1),
        FileMessage("/its/watch/a.war", "/a", 1, 2, 12_000, sender=sender, timestamp_ms=2),
        FileMessage("/its/watch/a.war", "/a", 2, 2, 12_000, sender=sender, timestamp_ms=3),
        UndeployMessage("", undeploy=True, sender=sender, timestamp_ms=4),
    ]
    for message in messages:
        if log.accept(message):
            log.received(message)
    assert [(flow.kind, flow.text, flow.sender, flow.at_ms) for flow in log.latest(9)] == [
        ("new version", "/a", "m1", 1),
        ("archive", "a.war, 12000 octets", "m1", 3),
        ("undeploy", "/", "m1", 4),
    ]
