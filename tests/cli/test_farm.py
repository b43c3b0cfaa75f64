"""`refjk farm list`, `push` and `remove`, with directories where no node runs."""

from __future__ import annotations

import argparse
import hashlib
import threading
import time
from pathlib import Path

import pytest

from refjk.base.errors import CheckFailed, InputError, NothingSelected, Unreachable, UsageError
from refjk.cli import farm, node
from refjk.runtime.farm_node import REPORTS_FILE
from tests.interop.farm_site import SERVER_XML, put, shop_war

IN_AN_HOUR_MS = (time.time_ns() // 1_000_000) + 3_600_000


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    farm.add_arguments(parser)
    return farm.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of two nodes, of which the second watches."""
    for name in ("node1", "node2"):
        text = SERVER_XML.format(
            name=name, port=0, receiver_port=4001, group_port=45564, watches=str(name == "node2").lower()
        )
        put(tmp_path / "site" / name / "conf/server.xml", text)
    return tmp_path / "site"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return shop_war(tmp_path, "v1")


def deploy(archive: Path, site: Path, *names: str) -> None:
    for name in names:
        folder = site / name / "farm"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / archive.name).write_bytes(archive.read_bytes())


def test_what_is_deployed_is_listed_by_node_with_digests_and_refusals(
    site: Path, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(archive, site, "node1")
    put(
        site / "node2/cluster/temp" / REPORTS_FILE,
        "12 ok /shop deployed\n13 refused /shop does not start\nx\n",
    )
    assert run("list", site) == 0
    size, digest = archive.stat().st_size, hashlib.sha256(archive.read_bytes()).hexdigest()
    assert capsys.readouterr().out.splitlines() == [
        f"node1: {site / 'node1/farm'}",
        f"  /shop  {size} octets  SHA-256 {digest}",
        f"node2: {site / 'node2/farm'}, watches {site / 'node2/cluster/watch'}",
        "  refused: /shop does not start",
    ]
    assert run("list", site / "node1") == 0
    assert capsys.readouterr().out.startswith("node1: ")


def test_a_pushed_archive_is_waited_for_at_every_node(
    site: Path, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed = site / "node2/cluster/watch/shop.war"

    def nodes() -> None:
        deadline = time.monotonic() + 20
        while not pushed.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        deploy(pushed, site, "node1", "node2")

    thread = threading.Thread(target=nodes)
    thread.start()
    assert run("push", archive, "--to", site, "--timeout", 20) == 0
    thread.join()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{pushed}: {archive.stat().st_size} octets, SHA-256 ")
    assert sorted(lines[1:]) == ["node1: /shop is deployed", "node2: /shop is deployed"]
    assert [path.name for path in pushed.parent.iterdir()] == ["shop.war"]


def test_a_long_transfer_is_told_as_it_goes(
    site: Path, archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farm, "PROGRESS_S", 0.0)
    deploy(archive, site, "node2")
    put(site / "node1/cluster/temp/.7.partial", "x" * 33)
    with pytest.raises(Unreachable):
        run("push", archive, "--to", site, "--timeout", 0)
    assert f"node1: 33 of {archive.stat().st_size} octets\n" in capsys.readouterr().out


def test_the_check_of_a_node_tells_of_its_farm(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    node.add_arguments(parser)
    assert node.run(parser.parse_args([str(site / "node2"), "--check-config"])) == 0
    where = f"farm: deploys to {site / 'node2/farm'}, watches {site / 'node2/cluster/watch'}"
    assert where in capsys.readouterr().out.splitlines()
    text = (site / "node2/conf/server.xml").read_text().replace("/cluster/temp", "/farm")
    (site / "node2/conf/server.xml").write_text(text)
    with pytest.raises(InputError, match="must be different folders"):
        node.run(parser.parse_args([str(site / "node2"), "--check-config"]))


def test_a_push_that_no_node_takes_up_ends_in_time_and_names_them(site: Path, archive: Path) -> None:
    deploy(archive, site, "node1")
    with pytest.raises(Unreachable, match="in time at node2; is the node running"):
        run("push", archive, "--to", site, "--timeout", 0.2)


def test_a_push_that_a_node_refuses_says_why(site: Path, archive: Path) -> None:
    line = f"{IN_AN_HOUR_MS} refused /shop the new version was not deployed: 1 / 0\n"
    put(site / "node2/cluster/temp" / REPORTS_FILE, f"12 refused /shop old\n{line}")
    with pytest.raises(CheckFailed, match="node2: /shop the new version was not deployed: 1 / 0"):
        run("push", archive, "--to", site / "node2/conf/server.xml")


def test_an_archive_that_no_node_would_take_is_not_pushed(site: Path, tmp_path: Path) -> None:
    put(tmp_path / "bad.war", "no archive")
    with pytest.raises(CheckFailed, match="FAR-ARC-01"):
        run("push", tmp_path / "bad.war", "--to", site)
    assert not (site / "node2/cluster/watch").exists()


@pytest.mark.parametrize("name", ["shop", "shop.war", "/shop"])
def test_a_removed_archive_is_waited_for_until_no_node_has_it(
    site: Path, archive: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = site / "node2/cluster/watch/shop.war"
    put(watched, "x")
    deploy(archive, site, "node1")
    with pytest.raises(Unreachable, match="was not removed in time at node1"):
        run("remove", name, "--from", site, "--timeout", 0)
    assert not watched.exists()
    (site / "node1/farm/shop.war").unlink()
    put(watched, "x")
    capsys.readouterr()
    assert run("remove", name, "--from", site, "--timeout", 0) == 0
    assert capsys.readouterr().out == "node1: /shop is removed\nnode2: /shop is removed\n"


def test_what_is_not_watched_cannot_be_removed_or_pushed(site: Path, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingSelected, match=r"shop\.war: no such file"):
        run("remove", "shop", "--from", site)
    with pytest.raises(NothingSelected, match=r"/ROOT\.war: no such file"):
        run("remove", "/", "--from", site)
    with pytest.raises(UsageError, match="names no application"):
        run("remove", "..", "--from", site)
    with pytest.raises(InputError, match="none of node1 watches"):
        run("push", archive, "--to", site / "node1")
    put(
        tmp_path / "server.xml",
        "<Server><Service><Connector port='0' protocol='AJP/1.3'/>"
        "<Engine defaultHost='h'><Host name='h'/></Engine></Service></Server>",
    )
    with pytest.raises(NothingSelected, match="has a Deployer"):
        run("list", tmp_path / "server.xml")
