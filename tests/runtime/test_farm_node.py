"""The farm in running nodes on the loopback interface: what is watched at one is served by all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.configuration import read_server_xml
from refjk.farm import FarmSettings, FileMessage, Member, UndeployMessage
from refjk.membership import MembershipSettings
from refjk.runtime.applications import ApplicationLoader
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.clustered import ClusteredEngine
from refjk.runtime.contexts import Contexts, Hosts
from refjk.runtime.farm_applications import FarmApplications
from refjk.runtime.farm_driver import FarmDirectories
from refjk.runtime.farm_node import (
    REPORTS_FILE,
    FarmNode,
    FarmNodeSettings,
    directories_of,
)
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.node_status_report import node_report
from refjk.runtime.war_archive import build_archive
from refjk.session import ManagerSettings
from refjk.speccheck import covers
from tests.interop.clusters import free_udp_port
from tests.interop.farm_site import SERVER_XML
from tests.interop.peers import free_port
from tests.runtime.replication import until

_ports = itertools.count(22_000 + os.getpid() % 20_000)

WEB_XML = (
    "<web-app>{more}<context-param><param-name>refjk.application</param-name>"
    "<param-value>farmed_shop:application</param-value></context-param></web-app>"
)
SHOP = """\
VERSION = {version!r}

def application(environ, start_response):
    session = environ.get("refjk.session")
    if session is not None:
        session.set("count", session.get("count", 0) + 1)
    start_response("200 OK", [("X-Version", VERSION)])
    return [b"" if session is None else b"%d %d" % (session.get("count"), session.max_inactive_interval)]
"""


@pytest.fixture(autouse=True)
def unchanged_imports() -> Iterator[None]:
    paths, modules = list(sys.path), set(sys.modules)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    yield
    sys.dont_write_bytecode = before
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def war(folder: Path, version: str, *, more: str = "", code: str = SHOP, ballast: int = 0) -> bytes:
    """An archive of a version; the text of `more` stands in its web.xml."""
    source = folder / f"source-{version}"
    (source / "WEB-INF/classes").mkdir(parents=True, exist_ok=True)
    (source / "WEB-INF/web.xml").write_text(WEB_XML.format(more=more))
    (source / "WEB-INF/classes/farmed_shop.py").write_text(
        code.format(version=version) if code is SHOP else code
    )
    (source / "ballast").write_bytes(os.urandom(ballast))
    build_archive(source, folder / "built.war")
    return (folder / "built.war").read_bytes()


def ask(application: Any, cookie: str = "") -> tuple[int, str, str, str]:
    """Status, version, text and cookie."""
    said: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/shop/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "HTTP_COOKIE": cookie,
    }
    body = b"".join(application(environ, lambda status, headers, *more: said.extend((status, headers))))
    headers = dict(said[1])
    set_cookie = headers.get("Set-Cookie", "").partition(";")[0]
    return int(said[0][:3]), headers.get("X-Version", ""), body.decode(), set_cookie or cookie


class Node:
    """A node with a farm and no session; all of a test share one loader, as all of a process do."""

    def __init__(self, root: Path, name: str, port: int, loader: ApplicationLoader, **settings: Any) -> None:
        root = root / name
        self.where = FarmDirectories(root / "temp", root / "webapps", root / "unpacked", root / "watch")
        self.node = ClusterNode(
            NodeSettings(
                route=name,
                membership=MembershipSettings(frequency_ms=50, drop_time_ms=2000),
                multicast=MulticastSettings(port=port, interface="127.0.0.1", ttl=0),
                tick_s=0.05,
            )
        )
        self.contexts = Contexts([])
        self.applications = FarmApplications(self.contexts, loader, stop_s=0.5)
        self.farm = FarmNode(self.node, self.where, FarmNodeSettings(watch_every=1, **settings))

    def start(self) -> None:
        self.node.start()
        self.farm.start(self.applications)

    def stop(self) -> None:
        self.farm.stop(2.0)
        self.node.stop(1.0)

    def put(self, octets: bytes, name: str = "shop.war") -> None:
        assert self.where.watch is not None
        self.where.watch.mkdir(parents=True, exist_ok=True)
        (self.where.watch / f".{name}").write_bytes(octets)
        os.replace(self.where.watch / f".{name}", self.where.watch / name)

    @property
    def serves(self) -> str:
        """The version that answers, or the status."""
        status, version, _, _ = ask(self.contexts)
        return version if status == 200 else str(status)

    def refusals(self) -> list[str]:
        return [report.text for _, report in list(self.farm.reports) if report.refused]


class Cluster:
    def __init__(self, root: Path) -> None:
        self._root, self._port, self._loader = root, next(_ports), ApplicationLoader()
        self.nodes: list[Node] = []

    def add(self, name: str, **settings: Any) -> Node:
        node = Node(self._root, name, self._port, self._loader, **settings)
        self.nodes.append(node)
        return node


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    for node in found.nodes:
        node.stop()


def test_an_archive_in_a_watched_directory_is_served_by_all_until_it_goes(
    cluster: Cluster, tmp_path: Path
) -> None:
    a, b = cluster.add("a"), cluster.add("b")

    def both_serve(version: str) -> bool:
        return until(lambda: {a.serves, b.serves} == {version})

    a.start()
    b.start()
    for version in ("v1", "v2", "v1"):
        a.put(war(tmp_path, version, ballast=30_000))
        assert both_serve(version), a.refusals() + b.refusals()
    assert until(lambda: len({one.digest for node in (a, b) for one in node.farm.deployed}) == 1)
    assert (b.where.deploy / "shop.war").read_bytes() == (a.where.deploy / "shop.war").read_bytes()
    assert a.where.watch is not None
    (a.where.watch / "shop.war").unlink()
    assert both_serve("404")
    assert until(lambda: not list(b.where.deploy.glob("*.war")))
    assert (a.refusals(), b.refusals()) == ([], [])


@covers("FAR-VER-05")
def test_a_version_that_does_not_start_leaves_the_old_one_and_is_told(
    cluster: Cluster, tmp_path: Path
) -> None:
    a = cluster.add("a")
    a.start()
    a.put(war(tmp_path, "v1"))
    assert until(lambda: a.serves == "v1")
    a.put(war(tmp_path, "bad", code="1 / 0\n"))
    assert until(lambda: any("ZeroDivisionError" in text for text in a.refusals()))
    assert a.serves == "v1"
    file = a.where.temp / REPORTS_FILE  # written after it was told
    assert until(lambda: file.read_text().splitlines()[-1].split()[1:3] == ["refused", "/shop"])


@covers("NOD-STS-16")
def test_the_status_of_a_node_has_what_its_farm_deployed_and_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    a = cluster.add("a")
    a.start()
    archive = war(tmp_path, "v1")
    a.put(archive)
    assert until(lambda: a.serves == "v1" and bool(a.farm.deployed))
    a.put(war(tmp_path, "bad", code="1 / 0\n"))
    assert until(lambda: bool(a.refusals()))
    (shown,) = node_report("a", {}, {}, {}, {"localhost": a.farm}).farms
    (version,) = shown.versions
    assert (version.path, version.octets) == ("/shop", len(archive))
    assert version.digest == hashlib.sha256(archive).hexdigest()
    assert [one.refused for one in shown.events][-1] is True and "ZeroDivisionError" in shown.events[-1].text


@covers("FAR-LAT-12")
def test_a_node_that_starts_later_serves_what_the_others_have_from_its_first_request_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    a = cluster.add("a")
    a.start()
    a.put(war(tmp_path, "v1", ballast=300_000))
    for name in "pqrstu":
        a.put(war(tmp_path, name), f"{name}.war")
    assert until(lambda: len(a.farm.deployed) == 7), a.refusals()
    late = cluster.add("late")
    late.start()
    assert late.serves == "v1"
    assert {one.context_path for one in late.farm.deployed} == {one.context_path for one in a.farm.deployed}


@covers("FAR-LAT-12")
def test_a_question_that_is_faster_than_the_news_of_its_sender_is_answered(cluster: Cluster) -> None:
    a, b = cluster.add("a"), cluster.add("b", answer_s=4.0)
    a.node._members_listeners.clear()  # as if the news came late
    a.start()
    b.node.start()
    began = time.monotonic()
    b.farm.start(b.applications)
    assert time.monotonic() - began < 3.0


@covers("FAR-LAT-12")
def test_a_node_waits_for_no_answer_of_a_member_without_a_farm(cluster: Cluster, tmp_path: Path) -> None:
    a, b = cluster.add("a"), cluster.add("b", answer_s=0.1)
    a.node.start()
    a.node.channel.remove_listener(a.farm)
    b.start()
    assert b.serves == "404"
    assert b.node.members() != []


@covers("FAR-DEP-12")
def test_messages_of_strangers_are_refused(cluster: Cluster) -> None:
    a = cluster.add("a")
    a.start()
    stranger = Member("tcp://127.0.0.1:1", "127.0.0.1", 1)
    part = FileMessage("x/shop.war", "/shop", 1, 1, 4, b"abcd", 4, stranger)
    for message in (part, UndeployMessage.of("/shop", undeploy=True, sender=stranger, now_ms=1)):
        a.farm.reports.clear()
        a.farm.received(message)
        assert until(lambda: a.refusals() == ["a message of tcp://127.0.0.1:1, who is no member"])
    a.farm.reports.clear()
    a.farm.received(FileMessage("x/shop.war", "/shop", 1, 1, 4, b"abcd", 4, None))
    assert until(lambda: a.refusals() == ["a message of nobody, who is no member"])
    assert not list(a.where.temp.glob(".*.partial"))


@covers("FAR-DEP-14")
def test_messages_that_wait_are_bounded(cluster: Cluster) -> None:
    a = cluster.add("a", queue_max=2, offer_s=0.05, farm=FarmSettings(deploy_from_wire=True))
    stranger = Member("tcp://127.0.0.1:1", "127.0.0.1", 1)
    message = UndeployMessage.of("/shop", undeploy=True, sender=stranger, now_ms=1)
    assert a.farm.accept(message)
    for dropped in (0, 0, 1, 2, 3):
        a.farm.received(message)
        assert a.farm.dropped == dropped
    a.start()
    assert until(lambda: len(a.refusals()) == 1)
    a.farm.received(message)
    assert a.farm.dropped == 3


@covers("FAR-DEP-13")
@pytest.mark.parametrize("same", [("t", "t", None), ("t", "d", "x/../d"), ("w", "d", "./w")])
def test_directories_of_a_deployer_must_differ(tmp_path: Path, same: tuple[str, str, str | None]) -> None:
    with pytest.raises(InputError, match="must be different folders"):
        directories_of(tmp_path, *same)
    where = directories_of(tmp_path, "t", "/absolute/d", "w")
    assert (where.temp, where.watch) == (tmp_path / "t", tmp_path / "w")
    assert (where.deploy, where.unpacked) == (Path("/absolute/d"), tmp_path / "t/unpacked")


def test_a_watched_directory_that_cannot_be_made_is_told(cluster: Cluster, tmp_path: Path) -> None:
    a = cluster.add("a")
    a.node.start()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/watch").write_text("a file")
    with pytest.raises(InputError, match=r"watchDir .*exists"):
        a.farm.start(a.applications)


# -- with sessions, from a server.xml --------------------------------------------------------------


@contextlib.contextmanager
def engines(root: Path, *names: str) -> Iterator[list[tuple[Path, ClusteredEngine, Hosts]]]:
    """Nodes as server.xml describes them, the first of which watches; each started after the one before."""
    group_port, loader = free_udp_port(), ApplicationLoader()
    with contextlib.ExitStack() as stack:
        found = []
        for name in names:
            text = SERVER_XML.format(
                name=name,
                port=0,
                receiver_port=free_port(),
                group_port=group_port,
                watches=str(name == names[0]).lower(),
            ).replace("${catalina.base}", str(root / name))
            server = read_server_xml(text, "server.xml").server
            assert server is not None
            engine = server.services[0].engine
            clusters = ClusteredEngine(engine, root / name)
            stack.callback(clusters.stop, 1.0)
            clusters.start()
            hosts = Hosts.of(engine, root / name, loader, clusters.wrap_for)
            clusters.deploy(hosts, loader)
            found.append((root / name, clusters, hosts))
        yield found


def timeout(minutes: int) -> str:
    return f"<session-config><session-timeout>{minutes}</session-timeout></session-config>"


@covers("FAR-VER-06")
def test_sessions_go_on_from_version_to_version_where_both_are_distributable(tmp_path: Path) -> None:
    with engines(tmp_path, "node1", "node2") as found:
        (root, _, first), (_, clusters, second) = found
        watched = root / "cluster/watch/shop.war"

        def deploy(version: str, more: str) -> None:
            watched.write_bytes(war(tmp_path, version, more=more))
            assert until(lambda: {ask(one)[1] for one in (first, second)} == {version})

        deploy("v1", "<distributable/>" + timeout(5))
        _, _, text, cookie = ask(first)
        assert text == "1 300"
        deploy("v2", "<distributable/>" + timeout(7))
        assert ask(first, cookie)[:3] == (200, "v2", "2 300")
        assert ask(second, cookie)[:3] == (200, "v2", "3 300")
        assert ask(second)[2] == "1 420"
        deploy("v3", "")
        assert ask(first, cookie)[2] == "1 1800"
        assert until(lambda: clusters.nodes["localhost"].contexts.get("/shop") is None)


@covers("FAR-VER-07")
def test_the_sender_of_an_application_is_asked_for_its_sessions() -> None:
    def node(port: int) -> ClusterNode:
        made = ClusterNode(
            NodeSettings(
                membership=MembershipSettings(frequency_ms=50, drop_time_ms=2000),
                multicast=MulticastSettings(port=port, interface="127.0.0.1", ttl=0),
            )
        )
        stack.callback(made.stop, 1.0)
        made.start()
        return made

    with contextlib.ExitStack() as stack:
        port = next(_ports)
        oldest, sender = node(port), node(port)
        settings = ManagerSettings("/shop")
        session = sender.add_context(settings).create()  # before the new one could hear of it
        new = node(port)
        assert until(lambda: [len(one.members()) for one in (oldest, sender, new)] == [2, 2, 2])
        without = new.add_context(settings)
        assert new.members()[0].name == oldest.own_address().name
        assert without.manager.known(session.id) is None
        new.remove_context(without)
        asked = new.add_context(settings, asked=sender.own_address().name)
        assert asked.manager.known(session.id) is not None
