"""Nodes of a cluster on the loopback interface: sessions that are at all of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refjk.membership import MembershipSettings
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.senders_settings import Mode, SenderSettings
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.session import OLD_ID_ATTRIBUTE, EventType, ManagerSettings, SessionMessage
from refjk.session.manager_settings import Outgoing
from refjk.speccheck import covers
from tests.runtime.replication import until

PATH = "/shop"
_ports = itertools.count(20_000 + os.getpid() % 20_000)


class Node:
    """A node with one application that counts."""

    def __init__(self, name: str, port: int, mode: Mode, *, filter_text: str | None = None) -> None:
        self.name = name
        self.environ: dict[str, Any] = {}
        settings = NodeSettings(
            route=name,
            membership=MembershipSettings(frequency_ms=50, drop_time_ms=2000),
            multicast=MulticastSettings(port=port, interface="127.0.0.1", ttl=0),
            senders=SenderSettings(mode=mode),
            tick_s=0.05,
        )
        self.node = ClusterNode(settings)
        self.node.start()
        self.sessions: Sessions = self.node.add_context(
            ManagerSettings(PATH, route=name, expire_every_ticks=1)
        )
        self._middleware = SessionMiddleware(self._count, self.sessions)

    def _count(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environ = environ
        session = environ["refjk.session"]
        session.set("n", session.get("n", 0) + 1)
        start_response("200 OK", [])
        return [b"%d" % session.get("n")]

    def ask(self, session_id: str = "") -> tuple[int, str]:
        """A request: the count, and the id of the session from now on."""
        told: dict[str, str] = {}

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], None]:
            told.update(headers)
            return lambda data: None

        environ = {"SCRIPT_NAME": PATH, "PATH_INFO": "/", "HTTP_COOKIE": f"JSESSIONID={session_id}"}
        (body,) = self._middleware({**environ, "wsgi.url_scheme": "http"}, start)
        cookie = told.get("Set-Cookie", "").partition(";")[0].partition("=")[2]
        return int(body), cookie or session_id

    def copy(self, session_id: str) -> object:
        """What this node has of a session; None when it has none."""
        with self.node.lock:
            session = self.sessions.manager.known(session_id)
            return None if session is None else session.attributes().get("n")


@contextlib.contextmanager
def cluster(*names: str, mode: Mode = Mode.POOLED) -> Iterator[tuple[Callable[[str], Node], dict[str, Node]]]:
    """Nodes that see each other, and a function that starts another one."""
    nodes: dict[str, Node] = {}
    port = next(_ports)

    def start(name: str) -> Node:
        nodes[name] = node = Node(name, port, mode)
        assert until(lambda: all(len(one.node.members()) == len(nodes) - 1 for one in nodes.values()))
        return node

    try:
        for name in names:
            start(name)
        yield start, nodes
    finally:
        for node in nodes.values():
            node.node.stop(1.0)


@covers("NOD-SND-01", "NOD-MEM-01", "NOD-STA-01")
@pytest.mark.parametrize("mode", [Mode.SYNCHRONOUS, Mode.POOLED])
def test_who_has_the_answer_finds_the_change_at_every_node(mode: Mode) -> None:
    with cluster("a", "b", "c", mode=mode) as (_, nodes):
        session_id = ""
        for number in range(1, 6):
            count, session_id = nodes["a"].ask(session_id)
            assert count == number
            assert [nodes[name].copy(session_id) for name in "abc"] == [number] * 3


def test_an_asynchronous_node_tells_the_others_a_little_later() -> None:
    with cluster("a", "b", mode=Mode.ASYNCHRONOUS) as (_, nodes):
        session_id = ""
        for _ in range(20):
            _, session_id = nodes["a"].ask(session_id)
        assert until(lambda: nodes["b"].copy(session_id) == 20)


@covers("WSG-SES-09")
def test_another_node_takes_a_session_over_under_its_own_route() -> None:
    with cluster("a", "b") as (_, nodes):
        _, first = nodes["a"].ask()
        assert first.endswith(".a")
        count, second = nodes["b"].ask(first)
        assert (count, second) == (2, first.removesuffix("a") + "b")
        assert nodes["b"].environ[f"refjk.{OLD_ID_ATTRIBUTE}"] == first
        assert until(lambda: nodes["a"].copy(second) == 2)
        assert nodes["a"].copy(first) is None


@covers("NOD-STA-02")
def test_a_node_that_comes_later_has_all_sessions_before_its_first_request() -> None:
    with cluster("a", "b") as (start, nodes):
        ids = [nodes["a"].ask()[1] for _ in range(30)]
        late = start("c")
        assert [late.copy(session_id) for session_id in ids] == [1] * 30


@covers("NOD-SND-03")
def test_a_member_that_is_gone_makes_no_request_fail() -> None:
    with cluster("a", "b") as (_, nodes):
        _, session_id = nodes["a"].ask()
        # Its sockets close; nobody is told, so that its member stays known for a while.
        nodes["b"].node.channel.stop(0.0)
        count, _ = nodes["a"].ask(session_id)
        assert count == 2
        assert nodes["a"].node.failed_sends >= 1


@covers("NOD-SND-02")
def test_two_nodes_that_write_to_each_other_at_once_wait_for_nobody() -> None:
    with cluster("a", "b") as (_, nodes):
        ids = {name: nodes[name].ask()[1] for name in "ab"}
        counts: dict[str, int] = {}

        def click(name: str) -> None:
            for _ in range(50):
                counts[name], ids[name] = nodes[name].ask(ids[name])

        threads = [threading.Thread(target=click, args=(name,)) for name in "ab"]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert counts == {"a": 51, "b": 51}
        assert time.monotonic() - started < 30
        assert [nodes["b"].copy(ids["a"]), nodes["a"].copy(ids["b"])] == [51, 51]


def test_a_session_that_ends_ends_everywhere_and_idle_ones_end_by_themselves() -> None:
    with cluster("a", "b") as (_, nodes):
        _, session_id = nodes["a"].ask()
        session = nodes["a"].sessions.manager.known(session_id)
        assert session is not None
        nodes["a"].sessions.do(session.invalidate)
        assert nodes["b"].copy(session_id) is None
        _, other_id = nodes["a"].ask()
        other = nodes["a"].sessions.manager.known(other_id)
        assert other is not None
        nodes["a"].sessions.do(lambda: other.set_max_inactive_interval(1))
        nodes["a"].sessions.completed(other, PATH)
        assert until(lambda: nodes["a"].copy(other_id) is None and nodes["b"].copy(other_id) is None)


@covers("NOD-STP-01")
def test_a_node_that_stops_takes_its_sessions_along_only_where_it_is_told_to() -> None:
    with cluster("a", "b") as (_, nodes):
        _, session_id = nodes["a"].ask()
        nodes["a"].node.stop(1.0)
        # The default of the manager: sessions expire at the shutdown of the node.
        assert until(lambda: nodes["b"].copy(session_id) is None)
        assert until(lambda: nodes["b"].node.members() == [])


@covers("NOD-SND-04", "NOD-SND-05")
@pytest.mark.parametrize("mode", [Mode.SYNCHRONOUS, Mode.POOLED])
def test_nodes_that_start_at_once_ask_each_other_and_wait_for_nobody(mode: Mode) -> None:
    for _ in range(3):
        port = next(_ports)
        nodes: dict[str, Node] = {}

        def start(name: str, port: int = port, nodes: dict[str, Node] = nodes) -> None:
            nodes[name] = Node(name, port, mode)

        threads = [threading.Thread(target=start, args=(name,)) for name in "abc"]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        took_s = time.monotonic() - started
        assert sorted(nodes) == ["a", "b", "c"]
        for node in nodes.values():
            node.node.stop(1.0)
        # The limit of a transfer is 60 s; nobody ran into it.
        assert took_s < 30


@covers("NOD-SND-04")
def test_nobody_is_reached_any_more_who_was_dropped_since_it_asked() -> None:
    with cluster("a", "b") as (_, nodes):
        node, asker = nodes["a"].node, nodes["b"].node.own_address()
        nodes["b"].node.stop(1.0)
        assert until(lambda: node.members() == [] and node.channel.snapshots() == ())
        answer = Outgoing(SessionMessage(EventType.ALL_SESSION_DATA, "/app", "SESSION-STATE", b""), asker)

        (result,) = node.send([answer])

        assert not result.complete and node.channel.snapshots() == ()


@covers("SES-RTE-07")
def test_a_request_with_the_id_of_before_finds_the_session_and_learns_the_new_one() -> None:
    with cluster("a", "b") as (_, nodes):
        _, first = nodes["a"].ask()
        _, second = nodes["b"].ask(first)
        assert nodes["b"].ask(first) == (3, second)
        assert until(lambda: nodes["a"].copy(second) == 3)
        assert nodes["a"].ask(first) == (4, second)


@covers("SES-XFR-13")
def test_what_comes_before_an_application_begins_is_there_when_it_has_begun() -> None:
    with cluster("a") as (_, nodes):
        node = nodes["a"].node
        node.contexts.receive(SessionMessage(EventType.CREATED, "/later", "AB.b"), int(time.time() * 1000))

        sessions = node.add_context(ManagerSettings("/later", route="a"))

        assert sessions.manager.known("AB.b") is not None


@covers("SES-XFR-14")
def test_a_node_whose_question_was_lost_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster("a", "b") as (_, nodes):
        contexts = nodes["a"].node.contexts
        receive, lost = contexts.receive, list[object]()

        def lose_the_first(message: Any, now_ms: int) -> None:
            if lost or message.event_type != EventType.GET_ALL:
                receive(message, now_ms)
            else:
                lost.append(message)

        monkeypatch.setattr(contexts, "receive", lose_the_first)
        settings = ManagerSettings("/later", route="b", state_transfer_timeout_ms=4000)
        sessions = nodes["b"].node.add_context(settings)

        assert sessions.manager.transfer.questions == 2
        assert sessions.manager.counters.states_loaded == 1
