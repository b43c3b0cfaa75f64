"""A farm of `refjk node` processes behind a front, under load, while applications come, change and go."""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.cli import farm
from refjk.speccheck import covers
from tests.interop.farm_site import DEADLINE_S, Node, User, get, running_nodes, shop_war, wait_for
from tests.interop.peers import Httpd
from tests.interop.scenarios.fronts import JkFiles, RefjkFront

USERS_MAX = 50
VERSIONS = ("v2", "v3", "v4", "v5", "v6")
BIG = 50 * 1024 * 1024
HTTPD_CONF = "JkWorkersFile workers.properties\nJkMount /* balancer\n"
WORKERS = """\
worker.list=balancer,{names}
worker.balancer.type=lb
worker.balancer.balance_workers={names}
worker.balancer.recover_time=1
worker.balancer.error_escalation_time=0
worker.maintain=1
"""


class WideHttpd(Httpd):
    """httpd with room for all users; one process, so that there is one set of values."""

    def __init__(self, files: JkFiles) -> None:
        super().__init__(files, threads=2 * USERS_MAX)


@contextlib.contextmanager
def behind_a_front(nodes: list[Node], front: Any) -> Iterator[int]:
    names = ",".join(node.name for node in nodes)
    workers = WORKERS.format(names=names) + "".join(
        f"worker.{node.name}.port={node.port}\nworker.{node.name}.host=127.0.0.1\n" for node in nodes
    )
    with front(JkFiles(httpd_conf=HTTPD_CONF, workers_properties=workers)) as running:
        yield running.port


@contextlib.contextmanager
def users_of(port: int, count: int) -> Iterator[tuple[list[User], threading.Event]]:
    """At work; the shop is asked for while the event is set."""
    shop_open, over = threading.Event(), threading.Event()
    users = [User(port, shop_open) for _ in range(count)]
    threads = [threading.Thread(target=user.ask_until, args=(over,)) for user in users]
    for thread in threads:
        thread.start()
    try:
        yield users, shop_open
    finally:
        over.set()
        for thread in threads:
            thread.join(DEADLINE_S)


def refjk_farm(*words: object) -> int:
    parser = argparse.ArgumentParser()
    farm.add_arguments(parser)
    return farm.run(parser.parse_args([*map(str, words), "--timeout", str(DEADLINE_S)]))


def push(archive: Path, place: Path) -> None:
    assert refjk_farm("push", archive, "--to", place) == 0


def refused(node: Node, archive: Path, why: str) -> None:
    """An archive in the watched directory, by whatever way it came there."""
    before = node.said.count(why)
    (node.watch / "shop.war").write_bytes(archive.read_bytes())
    wait_for(lambda: node.said.count(why) > before, f"{node.name} does not say {why!r}")


def asked(port: int, answers: list[str]) -> str:
    """The node that answered; a failure counts as an answer."""
    status, text, _ = get(port, "/shop/")
    answers.append(text if status == 200 else f"status {status}")
    return text.split()[1] if status == 200 else ""


def all_at(users: list[User], version: str) -> Callable[[], bool]:
    return lambda: all(user.version == version for user in users)


def breaking_out(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "out.war", "w") as archive:
        archive.writestr("../../escaped.txt", "x")
    return folder / "out.war"


def blowing_up(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bomb.war", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", bytes(64 * 1024 * 1024))
    return folder / "bomb.war"


def start(nodes: list[Node]) -> None:
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_serving()


@pytest.mark.interop
@covers("FAR-VER-02", "FAR-VER-05", "FAR-VER-06", "FAR-LAT-12")
@pytest.mark.parametrize(("front", "count"), [(RefjkFront, 20), (WideHttpd, USERS_MAX)])
def test_versions_come_and_go_under_load_and_no_request_fails(tmp_path: Path, front: Any, count: int) -> None:
    site = tmp_path / "site"
    with running_nodes(site, 4) as nodes:
        start(nodes[:3])
        first, late = nodes[0], nodes[3]
        with behind_a_front(nodes, front) as port, users_of(port, count) as (users, shop_open):
            push(shop_war(tmp_path, "v1"), first.folder)
            wait_for(lambda: all("/shop: deployed" in node.said for node in nodes[:3]), "no v1")
            shop_open.set()
            for version in VERSIONS:
                push(shop_war(tmp_path, version), first.folder)
                wait_for(all_at(users, version), f"not all users have {version}")
            last = shop_war(tmp_path, VERSIONS[-1])
            refused(first, breaking_out(tmp_path), "FAR-ARC-02")
            refused(first, blowing_up(tmp_path), "FAR-ARC-07")
            refused(first, shop_war(tmp_path, "bad", code="1 / 0\n"), "the new version was not deployed")
            (first.watch / "shop.war").write_bytes(last.read_bytes())
            late.start()
            late.wait_serving()
            newcomers: list[str] = []  # without a session, so that any node may get them
            wait_for(lambda: asked(port, newcomers) == "node4", "the late node serves nobody")
            assert [text for text in newcomers if not text.startswith(VERSIONS[-1])] == []
            shop_open.clear()
            wait_for(lambda: not any(user.asking for user in users), "somebody still asks")
            assert refjk_farm("remove", "shop", "--from", site) == 0
            done = [user.answers for user in users]
            wait_for(
                lambda: all(user.answers > before for user, before in zip(users, done, strict=True)),
                "the other application is not served any more",
            )
            assert get(port, "/shop/")[0] == 404
        assert [user.failures for user in users if user.failures] == []
        assert {node for user in users for node in user.nodes} >= {"node1", "node2", "node3"}
        assert not list(tmp_path.rglob("escaped.txt"))
        for node in nodes:
            node.stop()
            assert "Traceback" not in node.said, node.said


@pytest.mark.interop
def test_an_archive_of_50_mb_arrives_at_every_node(tmp_path: Path) -> None:
    site = tmp_path / "site"
    with running_nodes(site, 3) as nodes:
        start(nodes)
        big = shop_war(tmp_path, "v1", name="big", ballast=BIG)
        began = time.monotonic()
        push(big, site)
        assert time.monotonic() - began < DEADLINE_S
        for node in nodes:
            assert (node.folder / "farm" / "big.war").read_bytes() == big.read_bytes()


@pytest.mark.interop
@covers("FAR-LAT-11")
def test_after_a_crash_in_the_middle_of_a_transfer_all_come_to_the_whole_archive(tmp_path: Path) -> None:
    with running_nodes(tmp_path / "site", 3) as nodes:
        start(nodes)
        sender, receiver, other = nodes
        archive = shop_war(tmp_path, "v1", ballast=BIG // 4)
        (sender.watch / ".copy").write_bytes(archive.read_bytes())
        (sender.watch / ".copy").rename(sender.watch / "shop.war")
        temp = receiver.folder / "cluster/temp"
        wait_for(lambda: under_way(temp) > 1024 * 1024, "no transfer begins")
        other.kill()
        sender.kill()
        deployed = [node.folder / "farm/shop.war" for node in nodes]
        assert [path.exists() for path in deployed] == [True, False, False]
        start([sender, other])
        wait_for(lambda: all(path.exists() for path in deployed), "not everybody has it")
        assert {path.read_bytes() for path in deployed} == {archive.read_bytes()}


def under_way(temp: Path) -> int:
    """Octets of a transfer that has not come to its end."""
    return max((file.stat().st_size for file in temp.glob(".[0-9]*.partial")), default=0)
