"""Nodes with real directories, on a wire that delivers when told to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from refjk.base.errors import InputError
from refjk.farm import (
    FarmSettings,
    FileMessage,
    Layout,
    Member,
    Message,
    Report,
    UndeployMessage,
    WatchTicks,
    WebApplication,
    read_extension,
    read_message,
    steps,
    write_extension,
    write_message,
)
from refjk.runtime import farm_driver, farm_files
from refjk.runtime.farm_driver import FarmDirectories, FarmDriver
from refjk.runtime.war_archive import build_archive
from refjk.speccheck import covers
from tests.runtime.stepping import crashing_at_each_step

WEB_XML = (
    "<web-app><context-param><param-name>refjk.application</param-name>"
    "<param-value>shop:application</param-value></context-param></web-app>"
)


class Applications:
    """Which version serves each path, by the text of its page."""

    def __init__(self) -> None:
        self.serving: dict[str, str] = {}
        self.history: list[str] = []

    def start(self, context_path: str, folder: Path, application: WebApplication) -> Version:
        page = (folder / "index.html").read_text("utf-8")
        assert application.module == "shop"
        if "broken" in page:
            raise ImportError("no module named broken")
        self.history.append(f"start {page[:2]}")
        return Version(self, context_path, page)

    def stop(self, context_path: str) -> None:
        self.history.append("stop")
        self.serving.pop(context_path, None)


class Version:
    def __init__(self, applications: Applications, context_path: str, page: str) -> None:
        self._applications, self._path, self._page = applications, context_path, page

    def take_over(self) -> None:
        self._applications.history.append(f"take over {self._page[:2]}")
        self._applications.serving[self._path] = self._page

    def give_up(self) -> None:
        self._applications.history.append(f"give up {self._page[:2]}")


class Net:
    """All nodes; messages wait in order until `deliver`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nodes: dict[str, Node] = {}
        self.waiting: list[tuple[str, bytes]] = []
        self.now_ms = 1_700_000_000_000

    def add(self, name: str, *, extension: bool = True) -> Node:
        node = Node(self, name, FarmSettings(deploy_from_wire=True, extension=extension))
        self.nodes[name] = node
        for each in self.nodes.values():
            each.driver.members_changed(list(self.nodes), self.now_ms)
        return node

    def deliver(self) -> None:
        while self.waiting:
            to, octets = self.waiting.pop(0)
            own = b"refjk.farm." in octets[:40]
            message: Message = read_extension(octets) if own else read_message(octets)
            self.nodes[to].driver.receive(message, self.now_ms)


class Node:
    def __init__(self, net: Net, name: str, settings: FarmSettings) -> None:
        self._net, self.name, self.settings = net, name, settings
        root = net.root / name
        self.where = FarmDirectories(root / "temp", root / "webapps", root / "unpacked", root / "watch")
        (root / "watch").mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        self.applications = Applications()
        self.reports: list[Report] = []
        self.driver = FarmDriver(
            Member(self.name, "127.0.0.1", 1),
            self.where,
            self.applications,
            self,
            settings=self.settings,
            ticks=WatchTicks(enabled=True, every=1),
            report=self.reports.append,
        )
        self.driver.start()

    def members(self) -> Sequence[str]:
        return [name for name in self._net.nodes if name != self.name]

    def send(self, to: str, message: Message) -> None:
        stamped = replace(message, sender=Member(self.name, "h", 1), timestamp_ms=self._net.now_ms)
        if isinstance(stamped, FileMessage | UndeployMessage):
            self._net.waiting.append((to, write_message(stamped, Layout.V555)))
        else:
            self._net.waiting.append((to, write_extension(stamped, Layout.V5510)))

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            self._net.now_ms += 10_000
            self.driver.background_tick(self._net.now_ms)
        self._net.deliver()

    @property
    def page(self) -> str:
        return self.applications.serving.get("/shop", "")[:2]


@pytest.fixture
def net(tmp_path: Path) -> Net:
    return Net(tmp_path)


def put(node: Node, page: str, name: str = "shop.war") -> None:
    source = node.where.temp.parent / "source"
    (source / "WEB-INF").mkdir(parents=True, exist_ok=True)
    (source / "WEB-INF/web.xml").write_text(WEB_XML, "utf-8")
    (source / "index.html").write_text(page, "utf-8")
    (source / "big").write_bytes(os.urandom(30_000))
    assert node.where.watch is not None
    build_archive(source, node.where.watch / name)


def whole(node: Node) -> None:
    """Nothing is left lying about."""
    assert list(node.where.temp.iterdir()) == []
    assert all(path.name == "shop.war" for path in node.where.deploy.iterdir())


def test_an_archive_in_the_watched_directory_serves_everywhere_is_replaced_and_goes(net: Net) -> None:
    nodes = [net.add(name) for name in "abc"]
    for page in ("v1", "v2"):
        put(nodes[0], page)
        nodes[0].look()
        assert [node.page for node in nodes] == [page] * 3
        assert len({(node.where.deploy / "shop.war").read_bytes() for node in nodes}) == 1
    assert nodes[1].applications.history == ["start v1", "take over v1", "start v2", "take over v2"]
    assert nodes[0].where.watch is not None
    (nodes[0].where.watch / "shop.war").unlink()
    nodes[0].look()
    assert [node.page for node in nodes] == [""] * 3
    for node in nodes:
        whole(node)
        assert list(node.where.deploy.iterdir()) == list(node.where.unpacked.iterdir()) == []


@covers("FAR-WCH-03", "FAR-WCH-08")
def test_an_archive_that_is_still_being_copied_is_not_sent_half(net: Net) -> None:
    a, b = net.add("a"), net.add("b")
    put(a, "v1")
    assert a.where.watch is not None
    path = a.where.watch / "shop.war"
    octets = path.read_bytes()
    path.write_bytes(octets[:20_000])
    a.look(6)
    assert (a.page, b.page) == ("", "")
    assert [report.refused for report in a.reports] == [True]
    path.write_bytes(octets)
    a.look()
    assert (a.page, b.page) == ("v1", "v1")
    whole(a)


@covers("FAR-DEP-03", "FAR-DEP-04")
def test_a_version_that_does_not_start_leaves_the_old_one_serving_everywhere(net: Net) -> None:
    a, b = net.add("a"), net.add("b")
    put(a, "v1")
    a.look()
    put(a, "v2 broken")
    a.look(4)
    assert (a.page, b.page) == ("v1", "v1")
    assert "no module named broken" in a.reports[-1].text
    whole(a)


def test_a_node_that_comes_late_or_starts_again_serves_what_it_should(net: Net) -> None:
    a = net.add("a")
    put(a, "v1")
    a.look()
    late = net.add("c")
    late.driver.tick(net.now_ms)
    net.deliver()
    assert late.page == "v1"
    late.start()
    assert late.page == "v1"
    assert late.driver.deployer.catalog.entries() == a.driver.deployer.catalog.entries()


@covers("FAR-ARC-16", "FAR-ARC-17", "FAR-ARC-18")
def test_a_node_that_dies_at_any_step_of_a_deployment_serves_old_or_new_after_it(net: Net) -> None:
    a, b = net.add("a", extension=False), net.add("b", extension=False)
    put(a, "v1")
    a.look()
    old = (b.where.deploy / "shop.war").read_bytes()
    put(a, "v2")
    a.driver.background_tick(net.now_ms)
    a.driver.background_tick(net.now_ms)
    messages = [read_message(octets) for _, octets in net.waiting]

    def receive() -> None:
        for message in messages:
            b.driver.receive(replace(message, sender=Member("a", "h", 1)), net.now_ms)

    pages = set()
    files = (steps.__file__, farm_driver.__file__, farm_files.__file__)
    for step, _ in enumerate(crashing_at_each_step(receive, files)):
        b.start()
        whole(b)
        assert b.page in ("v1", "v2"), f"step {step}"
        assert len(list(b.where.unpacked.iterdir())) == 1
        pages.add(b.page)
        (b.where.deploy / "shop.war").write_bytes(old)
        b.start()
    assert pages == {"v1", "v2"}


def test_broken_archives_in_the_deploy_directory_are_told_and_left_alone(net: Net) -> None:
    a = net.add("a")
    (a.where.deploy / "bad.war").write_bytes(b"no zip")
    a.start()
    assert a.reports[0].refused and a.applications.serving == {}
    assert (a.where.deploy / "bad.war").exists()


@covers("FAR-ARC-21")
def test_of_unpacked_versions_the_new_one_and_the_one_before_stay(net: Net) -> None:
    a, b = net.add("a"), net.add("b")
    for count, page in enumerate(("v1", "v2", "v3", "v4"), 1):
        put(a, page)
        a.look()
        for node in (a, b):
            pages = {(path / "index.html").read_text("utf-8") for path in node.where.unpacked.iterdir()}
            assert pages == {page, f"v{max(count - 1, 1)}"}


def test_a_part_that_cannot_be_written_costs_the_transfer_and_not_the_node(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = net.add("a"), net.add("b")
    written = []

    def store(temp: Path, transfer: int, offset: int, octets: bytes) -> None:
        written.append(offset)
        if len(written) == 2:
            raise InputError("No space left on device")
        farm_files.store_octets(temp, transfer, offset, octets)

    monkeypatch.setattr(farm_driver, "store_octets", store)
    put(a, "v1")
    a.look()
    assert (a.page, b.page) == ("v1", "")
    assert [report.refused for report in b.reports] == [False, True, True]
    whole(b)
    put(a, "v2")
    a.look()
    assert (a.page, b.page) == ("v2", "v2")


@covers("FAR-ARC-21")
def test_versions_that_do_not_start_do_not_stay_unpacked(net: Net) -> None:
    a = net.add("a")
    for page in ("v1", "v2 broken", "v3 broken"):
        put(a, page)
        a.look(4)
    assert [(path / "index.html").read_text("utf-8") for path in a.where.unpacked.iterdir()] == ["v1"]


@covers("FAR-DEP-15", "FAR-UND-10")
def test_a_disk_that_deletes_nothing_for_a_while_stops_no_version_and_loses_no_removal(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*about: object) -> None:
        raise OSError(30, "Read-only file system", "x")

    def fail(*about: object) -> None:
        raise InputError("x: Read-only file system")

    a, b = net.add("a"), net.add("b")
    put(a, "v1")
    a.look()
    with monkeypatch.context() as patched:
        patched.setattr(farm_driver, "delete", read_only)
        for page in ("v2", "v3"):
            put(a, page)
            a.look()
        assert (a.page, b.page) == ("v3", "v3")
        assert list(b.where.temp.iterdir()) != []
    b.driver.tick(net.now_ms)
    assert list(b.where.temp.iterdir()) == []
    assert {(path / "index.html").read_text("utf-8") for path in b.where.unpacked.iterdir()} == {"v2", "v3"}
    with monkeypatch.context() as patched:
        patched.setattr(farm_driver, "remove_archive", fail)
        assert a.where.watch is not None
        (a.where.watch / "shop.war").unlink()
        a.look()
        assert (b.page, (b.where.deploy / "shop.war").exists()) == ("", True)
    b.driver.tick(net.now_ms)
    assert list(b.where.deploy.iterdir()) == list(b.where.unpacked.iterdir()) == []


def test_a_watched_directory_that_is_gone_removes_nothing(net: Net) -> None:
    a, b = net.add("a"), net.add("b")
    put(a, "v1")
    a.look()
    assert a.where.watch is not None
    a.where.watch.rename(a.where.watch.with_name("away"))
    a.look(5)
    assert (a.page, b.page) == ("v1", "v1")
    assert "No such file" in a.reports[-1].text
