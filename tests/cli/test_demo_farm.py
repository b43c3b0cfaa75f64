"""The farm in `refjk demo`: what is put into one directory turns over on all nodes, and sessions stay."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.cli.demo import introduction
from refjk.demo.cluster import Cluster
from refjk.demo.node import farm_directories, node_settings
from refjk.demo.node_options import NodeOptions
from refjk.demo.turnover import Change, Guest
from refjk.demo.users import Visitor, first_at
from refjk.demo.versions import PATH, Versions
from refjk.farm import WebApplication
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.farm_node import REPORTS_FILE, FarmNode, FarmNodeSettings
from refjk.runtime.war_archive import build_archive
from tests.cli.demo_support import DEADLINE_S, demo_process, wait_for
from tests.interop.peers.client import ask

NAMES = ("node1", "node2", "node3")
OTHER = """\
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"other"]
"""
WEB_XML = (
    "<web-app><context-param><param-name>refjk.application</param-name>"
    "<param-value>other:application</param-value></context-param></web-app>"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A running one; each test takes out what it has put in."""
    with Cluster(nodes=3, port=0) as running:
        yield running


def state(port: int) -> list[dict[str, Any]]:
    found = Visitor(port).get("/state")
    assert found is not None
    reports: list[dict[str, Any]] = found["reports"]
    return reports


def versions_of(cluster: Cluster) -> dict[str, list[str]]:
    """What each node has at the path."""
    return {
        report["node"]: [one["name"] for one in report["applications"] if one["path"] == PATH]
        for report in state(cluster.port)
    }


def all_have(cluster: Cluster, *names: str) -> Callable[[], bool]:
    return lambda: versions_of(cluster) == {node: list(names) for node in cluster.names}


def reports_of(cluster: Cluster, node: str) -> str:
    return (cluster.versions.watched.parents[1] / node / "temp" / REPORTS_FILE).read_text("utf-8")


def take_out(cluster: Cluster) -> None:
    cluster.versions.remove()
    wait_for(all_have(cluster))


def control(cluster: Cluster, act: str) -> int:
    token = re.search(r'name="token" value="([^"]+)"', ask(cluster.port).body.decode())
    assert token is not None
    return ask(cluster.port, f"/control/{act}", "POST", body=f"node=node1&token={token[1]}".encode()).status


def test_a_file_that_is_copied_turns_over_at_all_nodes_by_the_wire_and_a_session_goes_on(
    cluster: Cluster,
) -> None:
    versions, guest = cluster.versions, Guest(cluster.port)
    assert guest.get(f"{PATH}/json") is None and guest.failures.pop() == "status 404"
    for version, clicks in ((1, [1, 2]), (2, [3, 4])):
        shutil.copy(versions.archive(version), versions.watched)  # as the printed command does
        wait_for(all_have(cluster, f"version {version}"))
        for count in clicks:
            assert guest.ask() and (guest.version, guest.count) == (version, count)
        page = ask(cluster.port, f"{PATH}/").body.decode()
        assert f'<span id="version">{version}</span>' in page
    archives = [
        flow for report in state(cluster.port) for flow in report["flows"] if flow["kind"] == "archive"
    ]
    members = {report["node"]: report["member"] for report in state(cluster.port)}
    senders = {(flow["sender"], flow["receiver"]) for flow in archives}
    assert senders == {(members["node1"], members[node]) for node in ("node2", "node3")}
    versions.watched.unlink()
    wait_for(all_have(cluster))
    assert not guest.ask() and guest.failures == ["status 404"]
    assert guest.returns == 0


def test_the_printed_commands_do_what_they_say(cluster: Cluster) -> None:
    first, second, last = re.findall(r"^  ((?:cp|rm) .*?)(?:    #.*)?$", introduction(cluster), re.MULTILINE)
    for command, names in ((first, ["version 1"]), (second, ["version 2"]), (last, [])):
        subprocess.run(command, shell=True, check=True)
        wait_for(all_have(cluster, *names))
    assert f"{cluster.url}hello/json" in introduction(cluster)


def test_the_page_tells_what_each_node_has_and_its_buttons_deploy_and_remove(cluster: Cluster) -> None:
    assert control(cluster, "deploy") == 303
    wait_for(lambda: all(versions_of(cluster).values()))
    name = versions_of(cluster)["node1"][0]
    page = ask(cluster.port).body.decode()
    assert str(cluster.versions.watched.parent) in page
    for node in NAMES:
        cell = re.search(rf'<td id="farm-{node}">(.*?)</td>', page, re.DOTALL)
        assert cell is not None and 'href="/hello/"' in cell[1]
        assert re.search(rf">{name}</b> <span class=quiet>since \d\d:\d\d:\d\d\.\d\d\d<", cell[1])
    foreign = ask(cluster.port, headers={"Host": "example.org"}).body.decode()
    assert name in foreign and str(cluster.versions.watched.parent) not in foreign
    assert control(cluster, "deploy") == 303
    wait_for(all_have(cluster, f"version {int(name.split()[1]) + 1}"))
    assert control(cluster, "remove") == 303
    wait_for(all_have(cluster))


def test_a_node_that_was_killed_returns_with_the_application_and_its_sessions(cluster: Cluster) -> None:
    cluster.versions.drop()
    wait_for(lambda: all(versions_of(cluster).values()))
    guest = Guest(cluster.port)
    assert guest.ask() and guest.ask()
    home = guest.node
    cluster.kill(home)
    assert guest.ask() and guest.node != home and guest.count == 3
    cluster.start(home)
    assert versions_of(cluster)[home] == [f"version {guest.version}"]
    assert first_at(cluster.port, home, DEADLINE_S) is not None
    others = [name for name in NAMES if name != home]
    for name in others:
        cluster.kill(name)
    assert guest.ask() and (guest.node, guest.count) == (home, 4)
    for name in others:
        cluster.start(name)
        assert first_at(cluster.port, name, DEADLINE_S) is not None
    assert not guest.failures and guest.returns == 0
    take_out(cluster)


def test_nobody_looks_while_the_first_node_is_away_and_nothing_is_ordered_then(cluster: Cluster) -> None:
    cluster.kill("node1")
    try:
        assert (control(cluster, "deploy"), control(cluster, "remove")) == (502, 502)
        assert not cluster.versions.watched.exists()
        wait_for(lambda: "node1 is away: nobody looks there" in ask(cluster.port).body.decode())
        assert "/control/deploy" not in ask(cluster.port).body.decode()
    finally:
        cluster.start("node1")
    assert "/control/deploy" in ask(cluster.port).body.decode()


def test_somebody_elses_archive_of_that_name_is_left_alone(cluster: Cluster) -> None:
    watched = cluster.versions.watched
    for octets in (b"no archive", make_archive(watched.parents[1] / "other.war")):
        watched.write_bytes(octets)
        assert (control(cluster, "deploy"), control(cluster, "remove")) == (409, 409)
        assert watched.read_bytes() == octets
    watched.unlink()
    wait_for(all_have(cluster))


def test_what_is_refused_is_told_on_the_page_as_long_as_it_lies_there(cluster: Cluster) -> None:
    def told() -> list[str]:
        return re.findall(r'<p class="warning">node1: (broken.war: .*?)</p>', ask(cluster.port).body.decode())

    broken = cluster.versions.watched.with_name("broken.war")
    broken.write_bytes(b"no archive")
    wait_for(lambda: any("not deployed: " in text for text in told()))
    make_archive(broken, "def application(:")
    wait_for(lambda: any("SyntaxError" in text for text in told()))
    make_archive(broken)
    wait_for(lambda: not told())
    assert broken.exists()
    wait_for(lambda: all(report["applications"] for report in state(cluster.port)))
    broken.unlink()
    wait_for(lambda: not any(report["applications"] for report in state(cluster.port)))
    broken.write_bytes(b"no archive")
    wait_for(lambda: bool(told()))
    broken.unlink()
    wait_for(lambda: not told())


def test_the_demo_keeps_its_own_page(cluster: Cluster) -> None:
    root = cluster.versions.watched.with_name("ROOT.war")
    make_archive(root)
    wait_for(lambda: "the page of the demo is there, and stays" in reports_of(cluster, "node1"))
    root.unlink()
    assert ask(cluster.port).status == 200


class Anything:
    """An application that starts whatever it is."""

    def start(self, context_path: str, folder: Path, application: WebApplication) -> Anything:
        return self

    def take_over(self) -> None: ...

    def give_up(self) -> None: ...

    def stop(self, context_path: str) -> None: ...


def test_what_a_member_sends_is_not_deployed_unless_it_lies_in_the_directory(
    cluster: Cluster, tmp_path: Path
) -> None:
    watched = tmp_path / "watched"
    options = NodeOptions(
        "other", ("other",), 0, cluster.mode, cluster.group_port, "", "", str(tmp_path), str(watched)
    )
    stranger = ClusterNode(node_settings(options))
    farm = FarmNode(stranger, farm_directories(options), FarmNodeSettings(watch_every=1))
    stranger.start()
    try:
        farm.start(Anything())
        wait_for(lambda: all(len(report["members"]) == 3 for report in state(cluster.port)))
        make_archive(watched / "other.war")
        for node in NAMES:
            wait_for(lambda node=node: "was not put into the watched" in reports_of(cluster, node))
        assert ask(cluster.port, "/other/").status == 404
    finally:
        farm.stop()
        stranger.stop(1.0)
    wait_for(lambda: all(len(report["members"]) == 2 for report in state(cluster.port)))


def make_archive(file: Path, code: str = OTHER) -> bytes:
    """An archive that is not the demo's."""
    source = file.with_name(f"source-{file.stem}")
    (source / "WEB-INF/classes").mkdir(parents=True, exist_ok=True)
    (source / "WEB-INF/classes/other.py").write_text(code)
    (source / "WEB-INF/web.xml").write_text(WEB_XML)
    build_archive(source, file.with_suffix(".new"))
    os.replace(file.with_suffix(".new"), file)
    return file.read_bytes()


def test_a_directory_of_the_users_own_is_deployed_and_stays(tmp_path: Path) -> None:
    make_archive(tmp_path / "a#b.war")
    with demo_process("--port", "0", "--nodes", "2", "--watch", str(tmp_path)) as (process, port, _):
        wait_for(lambda: sum(bool(report["applications"]) for report in state(port)) == 2)
        assert ask(port, "/a/b/").body == b"other"
        page = ask(port).body.decode()
        assert str(tmp_path) in page
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
    assert (tmp_path / "a#b.war").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_directory_of_a_run_is_private_and_ends_with_it(number: signal.Signals) -> None:
    with demo_process("--port", "0", "--nodes", "2") as (process, port, _):
        watch = re.search(r"<code>(/[^<]+/watch)</code>", ask(port).body.decode())
        assert watch is not None
        folder = Path(watch[1]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        shutil.copy(folder / "hello-1.war", folder / "watch" / "hello.war")
        wait_for(lambda: ask(port, "/hello/json").status == 200)
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == (-number if number == signal.SIGKILL else 0)
        wait_for(lambda: not folder.exists())


def test_versions_count_on_from_what_lies_there(tmp_path: Path) -> None:
    watch = tmp_path / "watch"
    watch.mkdir()
    versions = Versions(tmp_path, watch)
    assert [versions.drop(), versions.drop()] == [1, 2]
    shutil.copy(versions.archive(7), versions.watched)
    assert versions.drop() == 8
    versions.remove()
    versions.remove()
    assert not versions.watched.exists() and versions.drop() == 9
    assert (
        versions.watched.read_bytes() == versions.archive(9).read_bytes() != versions.archive(8).read_bytes()
    )


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    versions = Versions(tmp_path, tmp_path / "not there")
    with pytest.raises(InputError, match="No such file"):
        versions.drop()


def test_nodes_that_lack_a_version_are_named() -> None:
    change = Change({"node2": 500, "node1": 750}, ("node3",))
    assert change.words == "node2 after 0.50 s, node1 after 0.75 s, node3 not in 20 s"


def test_an_answer_of_an_older_version_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        {"node": "a", "count": number, "version": version} for number, version in enumerate((1, 2, 1, 2))
    ]
    monkeypatch.setattr(Guest, "get", lambda guest, path: answers.pop(0))
    guest = Guest(0)
    for _ in range(4):
        guest.ask()
    assert (guest.version, guest.returns) == (2, 1)
