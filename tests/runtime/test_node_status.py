"""The status page of real nodes on the loopback interface, over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError, UsageError
from refjk.runtime import node_status
from refjk.runtime.addresses import Address
from refjk.runtime.applications import ApplicationLoader
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.connector import AjpServer
from refjk.runtime.contexts import Contexts, Hosts
from refjk.runtime.node_status import VISITORS_MAX, NodeStatus
from refjk.runtime.node_status_report import SESSIONS_LISTED
from refjk.session import ManagerSettings, TransferPhase
from refjk.speccheck import covers
from refjk.status.node_model import TRANSFER_PHASES
from tests.runtime.replication import DEADLINE_S, until
from tests.runtime.test_cluster_node import PATH, Node, cluster
from tests.status.browser import browse, dump_dom

FORMS = ("/", "/?mime=json", "/?mime=svg", "/metrics")


@contextlib.contextmanager
def status_of(
    node: ClusterNode | None = None,
    *,
    servers: Mapping[str, AjpServer] | None = None,
    hosts: Mapping[str, Hosts] | None = None,
    address: str = "127.0.0.1:0",
    remote: bool = False,
) -> Iterator[Address]:
    """Serves the page of a node that is called `node1`."""
    nodes = {} if node is None else {"Catalina/localhost": node}
    status = NodeStatus(
        address, name="node1", nodes=nodes, servers=servers or {}, hosts=hosts or {}, remote=remote
    )
    bound = status.start()
    try:
        yield bound
    finally:
        status.stop()


def fetch(
    address: Address, target: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    asked = http.client.HTTPConnection(address.host, address.port, timeout=DEADLINE_S)
    with contextlib.closing(asked):
        asked.request(method, target, headers=headers)
        got = asked.getresponse()
        return got.status, dict(got.getheaders()), got.read()


def document(address: Address) -> Any:
    status, _, body = fetch(address, "/?mime=json")
    assert status == 200
    return json.loads(body)


def exchange(address: Address, octets: bytes) -> bytes:
    """All that comes back for these octets."""
    with socket.create_connection((address.host, address.port), timeout=DEADLINE_S) as connected:
        connected.sendall(octets)
        connected.shutdown(socket.SHUT_WR)
        got = b""
        while piece := connected.recv(65536):
            got += piece
        return got


def clicked(node: Node, count: int) -> list[str]:
    return [node.ask()[1] for _ in range(count)]


@covers("NOD-STS-05")
def test_each_of_two_nodes_shows_what_it_is_primary_and_backup_of() -> None:
    with cluster("a", "b") as (_, nodes):
        clicked(nodes["a"], 5)
        clicked(nodes["b"], 2)
        shown = {}
        for name in "ab":
            with status_of(nodes[name].node) as address:
                (shown[name],) = document(address)["clusters"][0]["applications"]
        assert [(shown[name]["primary"], shown[name]["backup"]) for name in "ab"] == [(5, 2), (2, 5)]
        assert shown["a"]["path"] == PATH and shown["a"]["sessions_max"] == 7
        counters = shown["a"]["counters"]
        assert (counters["created"], counters["deltas_sent"], counters["replicas_made"]) == (5, 5, 2)
        assert {one["transfer"]["phase"] for one in shown.values()} == {"done"}
        assert shown["b"]["transfer"]["questions"] == 1
        assert all(one["attributes"] == 1 for one in shown["b"]["listed"])
        assert {one["idle_s"] >= 0 for one in shown["b"]["listed"]} == {True}


@covers("NOD-STS-03", "NOD-STS-04")
def test_members_are_shown_oldest_first_with_what_was_sent_to_them_and_the_receiver_with_what_came() -> None:
    with cluster("a", "b", "c") as (_, nodes):
        clicked(nodes["a"], 3)
        own = {name: nodes[name].node.own_address() for name in "abc"}
        with status_of(nodes["b"].node) as address:
            (shown,) = document(address)["clusters"]
        assert [one["name"] for one in shown["members"]] == [own["a"].name, own["c"].name]
        with status_of(nodes["a"].node) as address:
            (shown,) = document(address)["clusters"]
            page = fetch(address, "/")[2].decode()
        assert (shown["member"], shown["mode"], shown["domain"]) == (own["a"].name, "pooled", own["a"].domain)
        for one, name in zip(shown["members"], "bc", strict=True):
            assert one["address"] == f"127.0.0.1:{own[name].port}" and one["state"] == "ok"
            assert one["sender"]["messages"] >= 6 and one["sender"]["octets"] > 600
            assert one["sender"]["connects"] >= 1 and one["sender"]["failures"] == 0
            assert one["alive_ms"] >= 0
        received = nodes["b"].node.channel.received
        with status_of(nodes["b"].node) as address:
            (shown,) = document(address)["clusters"]
        assert shown["receiver"]["address"] == f"127.0.0.1:{own['b'].port}"
        assert shown["receiver"]["counters"]["messages"] == received.messages >= 6
        assert shown["receiver"]["counters"]["octets"] == received.octets
        assert f"127.0.0.1:{own['b'].port}" in page


@covers("NOD-STS-03", "NOD-STS-04")
def test_a_member_that_cannot_be_reached_is_suspect_in_every_form() -> None:
    with cluster("a", "b") as (_, nodes):
        _, session_id = nodes["a"].ask()
        nodes["b"].node.channel.stop(0.0)
        nodes["a"].ask(session_id)
        with status_of(nodes["a"].node) as address:
            (shown,) = document(address)["clusters"]
            forms = {target: fetch(address, target)[2].decode() for target in FORMS}
        assert shown["members"][0]["state"] == "suspect" and shown["counters"]["failed_sends"] >= 1
        assert '<span class="bad">suspect</span>' in forms["/"]
        assert "bad-link" in forms["/?mime=svg"] and ": suspect," in forms["/?mime=svg"]
        assert re.search(r"refjk_node_sender_suspect\{.*\} 1\n", forms["/metrics"])


@covers("NOD-STS-03")
def test_a_sender_whose_member_is_gone_is_shown_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster("a", "b") as (_, nodes):
        other = nodes["b"].node.own_address().name
        monkeypatch.setattr(nodes["a"].node, "members", list)
        with status_of(nodes["a"].node) as address:
            (one,) = document(address)["clusters"][0]["members"]
        assert (one["name"], one["state"], one["alive_ms"]) == (other, "gone", None)
        monkeypatch.undo()
        monkeypatch.setattr(nodes["a"].node.channel, "snapshots", tuple)
        with status_of(nodes["a"].node) as address:
            (one,) = document(address)["clusters"][0]["members"]
        assert (one["name"], one["state"], one["sender"]) == (other, "no sender", None)


@covers("NOD-STS-06")
def test_no_form_has_a_session_id_or_anything_of_what_a_session_holds() -> None:
    with cluster("a", "b") as (_, nodes):
        _, session_id = nodes["a"].ask()
        session = nodes["a"].sessions.manager.known(session_id)
        assert session is not None
        nodes["a"].sessions.do(lambda: session.set("card-number", "4711-secret"))
        for name in "ab":
            with status_of(nodes[name].node) as address:
                for target in FORMS:
                    body = fetch(address, target)[2].decode()
                    assert session_id[:9] not in body
                    assert "card-number" not in body and "secret" not in body
                assert document(address)["clusters"][0]["applications"][0]["listed"][0]["id"] == (
                    f"{session_id[:8]}…"
                )


@covers("NOD-STS-07")
def test_of_many_sessions_those_used_last_are_listed() -> None:
    with cluster("a") as (_, nodes):
        manager = nodes["a"].sessions.manager
        with nodes["a"].node.lock:
            made = [manager.create(1_000_000 + number) for number in range(SESSIONS_LISTED + 50)]
            for number, session in enumerate(made):
                session.this_access_ms = 5_000_000 + number * 1000
                session.set_max_inactive_interval(-1)
        with status_of(nodes["a"].node) as address:
            (shown,) = document(address)["clusters"][0]["applications"]
            page = fetch(address, "/")[2].decode()
        assert shown["primary"] == SESSIONS_LISTED + 50
        newest = [f"{session.id[:8]}…" for session in reversed(made)]
        assert [one["id"] for one in shown["listed"]] == newest[:SESSIONS_LISTED]
        assert f"The {SESSIONS_LISTED} sessions used last, of {SESSIONS_LISTED + 50}:" in page
        assert "never ends" in page


@covers("NOD-STS-05")
def test_the_phases_of_a_transfer_are_those_of_the_manager() -> None:
    assert tuple(phase.value for phase in TransferPhase) == TRANSFER_PHASES


@covers("NOD-STS-15")
def test_applications_are_shown_with_their_paths_each_host_once(tmp_path: Path) -> None:
    loader = ApplicationLoader()
    applications = [
        loader.load_folder("/files", tmp_path),
        loader.load_callable("", "no_such_module_here:app"),
        loader.load_folder("/caf\u00c3\u00a9", tmp_path),  # as it stands in the environ
        loader.load_folder("/\u00ff", tmp_path),
    ]
    contexts = Contexts(applications)
    hosts = {"Catalina": Hosts({"localhost": contexts, "alias.example": contexts}, "localhost")}
    with status_of(hosts=hosts) as address:
        shown = document(address)["contexts"]
        assert fetch(address, "/", Host="ALIAS.example:80")[0] == 200
        assert fetch(address, "/", Host="other.example")[0] == 403
    assert [one["path"] for one in shown] == ["/files", "", "/café", "/\\xff"]
    assert {one["host"] for one in shown} == {"Catalina/localhost"}
    assert shown[0]["source"] == str(tmp_path) and shown[0]["error"] is None
    assert shown[1]["source"] == "no_such_module_here:app" and "no_such_module_here" in shown[1]["error"]


@covers("NOD-STS-04")
def test_a_connector_is_shown_with_its_counters() -> None:
    server = AjpServer(lambda environ, start_response: [], "127.0.0.1:0")
    host, port = server.start()
    try:
        assert exchange(Address(host, port), bytes.fromhex("123400010a")) == bytes.fromhex("4142000109")
        with status_of(servers={"ajp://here": server}) as address:
            (shown,) = document(address)["connectors"]
    finally:
        server.stop(0.0)
    assert shown["name"] == "ajp://here" and shown["counters"] == dict(server.counters)
    assert (shown["counters"]["connections"], shown["counters"]["pings"]) == (1, 1)


def test_a_node_that_has_not_been_started_has_nothing_to_show() -> None:
    with status_of(ClusterNode(NodeSettings(multicast=None))) as address:
        status, headers, body = fetch(address, "/")
    assert status == 503 and b"has not been started" in body
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_defect_is_an_answer_and_a_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(node_status, "node_report", fails)
    with status_of() as address:
        status, _, body = fetch(address, "/")
    assert status == 500 and b"a defect" not in body
    assert "the status page failed" in caplog.text


@covers("NOD-STS-01")
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9090"])
def test_an_address_that_others_can_reach_is_refused_unless_it_is_allowed(address: str) -> None:
    with pytest.raises(UsageError, match="not a loopback address"), status_of(address=address):
        pass


@covers("NOD-STS-01", "NOD-STS-02")
def test_an_address_that_others_can_reach_serves_when_it_is_allowed() -> None:
    with status_of(address="0.0.0.0:0", remote=True) as address:
        assert fetch(Address("127.0.0.1", address.port), "/")[0] == 200
        assert fetch(Address("127.0.0.1", address.port), "/", Host="attacker.example")[0] == 403
    with status_of(address="localhost:0") as address:
        assert address.is_loopback() and fetch(address, "/metrics")[0] == 200


def test_an_address_that_is_taken_is_no_defect() -> None:
    with (
        status_of() as address,
        pytest.raises(InputError, match="the port is taken"),
        status_of(address=str(address)),
    ):
        pass


def test_a_stopped_page_listens_no_more() -> None:
    with status_of() as address:
        assert fetch(address, "/")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        fetch(address, "/")


@covers("NOD-STS-08", "NOD-STS-12", "NOD-STS-13")
@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/status", 200),
        ("HEAD", "/", 200),
        ("HEAD", "/nothing", 404),
        ("POST", "/", 405),
        ("DELETE", "/metrics", 405),
        ("BREW", "/", 405),
        ("GET", "/nothing", 404),
        ("GET", "/?cmd=reset", 400),
    ],
)
def test_every_answer_over_http_has_a_status_headers_and_the_right_length(
    method: str, target: str, expected: int
) -> None:
    with status_of() as address:
        status, headers, body = fetch(address, target, method)
    assert status == expected
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (headers["Cache-Control"], headers["Connection"]) == ("no-cache, no-store", "close")
    assert headers["Server"].startswith("refjk/") and "Python" not in headers["Server"]
    assert len(body) == (0 if method == "HEAD" else int(headers["Content-Length"]))
    assert headers.get("Allow") == ("GET, HEAD" if expected == 405 else None)


@covers("NOD-STS-02", "NOD-STS-08")
@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: attacker.example\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n", 403),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/7.0\r\n\r\n", 505),
        (b"GET /" + b"x" * (65537 - 5), 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_comes_as_octets_is_judged_too(octets: bytes, status: int) -> None:
    with status_of() as address:
        got = exchange(address, octets)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 %d " % status)
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert (b"<h1>Node node1</h1>" in body) is (status == 200)


@covers("NOD-STS-14")
def test_it_answers_while_visitors_say_nothing_has_a_bound_of_them_and_gives_them_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(status_of())

        def silent() -> socket.socket:
            opened = socket.create_connection((address.host, address.port), timeout=DEADLINE_S)
            return stack.enter_context(opened)

        def is_turned_away() -> bool:
            held.append(silent())
            return _is_closed(held[-1])

        held = [silent() for _ in range(VISITORS_MAX - 1)]
        assert fetch(address, "/")[0] == 200
        # Not the first one: it gets the last place.
        assert until(is_turned_away) and len(held) in (VISITORS_MAX, VISITORS_MAX + 1)
        for one in held:
            one.close()
        assert until(lambda: _answers(address))
        assert (VISITORS_MAX, node_status._Handler.timeout) == (32, 10)
        monkeypatch.setattr(node_status._Handler, "timeout", 0.05)
        assert silent().recv(1) == b""


def _is_closed(connected: socket.socket) -> bool:
    """Whether the other end gave it up at once."""
    connected.settimeout(0.5)
    try:
        return connected.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def _answers(address: Address) -> bool:
    try:
        return fetch(address, "/")[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False


@covers("NOD-STS-08", "NOD-STS-10")
def test_a_browser_shows_the_page_of_a_node_with_its_own_style(tmp_path: Path) -> None:
    with cluster("a", "b") as (_, nodes):
        clicked(nodes["a"], 3)
        other = nodes["b"].node.own_address().name
        with status_of(nodes["a"].node) as address:
            url = f"http://{address}/"
            dom = dump_dom(url, tmp_path / "page")
            said = [
                browse(f"{url}{target}", tmp_path / str(number), "--enable-logging=stderr").stderr
                for number, target in enumerate(("", "?mime=svg"))
            ]
    members = re.search(r'<table class="members">.*?</table>', dom, re.DOTALL)
    assert members is not None and f"<td>{other}</td>" in members[0]
    assert '<span class="good">ok</span>' in members[0]
    picture = re.search(r'<svg class="pic" role="img".*?</svg>', dom, re.DOTALL)
    assert picture is not None and picture[0].count("<circle") == 1
    assert ">3 primary, 0 backup<" in picture[0]
    assert [one.count(b"Content Security Policy") for one in said] == [0, 0]


@covers("NOD-STS-05")
def test_several_applications_are_shown_each_with_its_limit() -> None:
    with cluster("a") as (_, nodes):
        nodes["a"].node.add_context(ManagerSettings("", max_active_sessions=7))
        with status_of(nodes["a"].node) as address:
            applications = document(address)["clusters"][0]["applications"]
            page = fetch(address, "/")[2].decode()
    assert [(one["path"], one["limit"]) for one in applications] == [(PATH, -1), ("", 7)]
    assert "<h4>/</h4>" in page and "<td>7</td>" in page
