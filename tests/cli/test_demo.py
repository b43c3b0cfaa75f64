"""`refjk demo` as a process, and its page in a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from refjk.base.errors import InputError
from refjk.cli.main import main
from refjk.demo.cluster import Cluster
from refjk.demo.loopback_group import reserved_port, why_not
from refjk.demo.node import prepare
from refjk.demo.node_options import NodeOptions
from refjk.runtime.cluster_node import ClusterNode
from tests.cli.demo_support import DEADLINE_S, PROJECT, cookie_of, demo_process, wait_for
from tests.interop.peers.client import ask
from tests.interop.peers.process import free_port, processes_of_group


def test_the_demo_answers_and_ctrl_c_leaves_nobody_behind() -> None:
    with demo_process("--port", str(free_port())) as (process, port, nodes):
        assert ask(port).status == 200
        assert len(nodes) == 3 and set(nodes) < set(processes_of_group(process.pid))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(DEADLINE_S) == 0
        assert processes_of_group(process.pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nodes_end_with_the_demo_however_it_ends(number: signal.Signals) -> None:
    with demo_process("--port", "0", "--nodes", "2") as (process, _, nodes):
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        wait_for(lambda: not set(nodes) & set(processes_of_group(process.pid)))


def test_sessions_stay_count_and_move_by_the_button() -> None:
    with demo_process("--port", "0") as (_, port, nodes):
        first = ask(port, "/json")
        cookie = cookie_of(first)
        seen = [ask(port, "/json", headers=cookie).json() for _ in range(3)]
        assert [answer["count"] for answer in seen] == [2, 3, 4]
        assert {answer["pid"] for answer in seen} == {first.json()["pid"]} <= set(nodes)
        assert {answer["clause"] for answer in seen} == {"BAL-STK-01"}
        moved = ask(port, "/move", "POST", headers=cookie)
        assert (moved.status, moved.header("location")) == (303, "/")
        cookie = cookie_of(moved)
        there = ask(port, "/json", headers=cookie).json()
        assert there["pid"] != first.json()["pid"] and there["pid"] in nodes
        assert (there["count"], there["clause"]) == (5, "BAL-STK-01")
        assert there["session"].partition(".")[0] == first.json()["session"].partition(".")[0]
        assert "Max-Age=0" in str(ask(port, "/new", "POST", headers=cookie).header("set-cookie"))
        reports = ask(port, "/state", headers=cookie).json()["reports"]
        assert [report["copy"] for report in reports] == [None] * 3
        assert ask(port, "/json", headers=cookie).json()["count"] == 1


def test_a_killed_node_is_told_its_sessions_move_and_it_returns() -> None:
    with demo_process("--port", "0", "--nodes", "2") as (process, port, _):
        assert process.stderr is not None
        cookie = cookie_of(ask(port, "/json"))
        before = ask(port, "/json", headers=cookie).json()
        os.kill(before["pid"], signal.SIGKILL)
        after = ask(port, "/json", headers=cookie).json()
        assert after["pid"] != before["pid"] and after["came_from"] == before["route"]
        assert (after["clause"], after["attempt"]) == ("BAL-DOM-01", 2)
        assert (before["count"], after["count"]) == (2, 3)
        name = re.escape(before["node"])
        assert re.match(rf"{name} has ended; the others serve", process.stderr.readline())
        back = re.match(rf"{name} is back, PID (\d+)", process.stderr.readline())
        assert back is not None and int(back[1]) in processes_of_group(process.pid)


def test_another_port_is_taken_when_8080_is_not_to_be_had() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        except OSError:
            pass  # somebody else has it; that serves as well
        with demo_process() as (process, port, _):
            assert process.stderr is not None
            assert f"the demo takes port {port} instead" in process.stderr.readline()
            assert ask(port).status == 200


def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "refjk", "demo", "--port", port]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 3
    assert done.stderr.startswith("refjk demo: cannot listen") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--nodes", "1"], "--nodes is 2 to 9, not 1"),
        (["--nodes", "10"], "--nodes is 2 to 9, not 10"),
        (["--port", "70000"], "--port is 0 to 65535, not 70000"),
        (["--json", "x"], "--json goes with --check"),
        (["--users", "5"], "--users goes with --check"),
        (["--check", "--users", "0"], "--users is 1 to 500, not 0"),
        (["--check", "--users", "501"], "--users is 1 to 500, not 501"),
        (["--check", "--picture", "x"], "--picture does not go with --check"),
        (["--check", "--watch", "x"], "--watch does not go with --check and --picture"),
        (["--picture", "y", "--watch", "x"], "--watch does not go with --check and --picture"),
    ],
)
def test_mistakes_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], options: Sequence[str], words: str
) -> None:
    assert main(["demo", *options]) == 2
    assert capsys.readouterr().err == f"refjk demo: {words}\n"


def test_without_multicast_the_demo_says_so_and_goes_on() -> None:
    reason = "cannot join 228.0.0.4:1: No such device"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refjk.demo.cluster.why_not", lambda port: reason)
        said: list[str] = []
        with Cluster(nodes=2, port=0, on_event=said.append) as cluster:
            assert cluster.alone == reason
            assert said == [f"node{number} does not replicate: {reason}" for number in (1, 2)]
            page = ask(cluster.port)
            text = page.body.decode()
            assert f"<b>No replication:</b> {reason}." in text and 'id="flows"' not in text
            moved = ask(cluster.port, "/json", headers=cookie_of(page)).json()
            assert (moved["count"], moved["mode"]) == (2, "")
            cluster.kill(moved["node"])
            after = ask(cluster.port, "/json", headers=cookie_of(page)).json()
            assert (after["count"], after["came_from"], after["found"]) == (1, moved["node"], False)


def test_a_node_that_cannot_join_the_group_serves_alone_and_tells_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(node: ClusterNode) -> None:
        raise InputError("cannot join")

    monkeypatch.setattr(ClusterNode, "start", refuse)
    options = NodeOptions("node1", ("node1", "node2"), 0, "pooled", 40000, "token")
    with contextlib.ExitStack() as undo:
        _, alone = prepare(options, undo)
    assert alone == "cannot join"


def test_two_demos_have_groups_of_their_own_and_a_group_that_does_not_work_is_told() -> None:
    with reserved_port() as one, reserved_port() as other:
        assert one != other
        assert why_not(one) == why_not(other) == ""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("", 0))  # by a program that does not share
            assert "cannot join 228.0.0.4" in why_not(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({}, True, 303),
        ({"Host": "localhost:1"}, True, 303),
        ({}, False, 403),
        ({"Host": "example.org"}, True, 403),
        ({"Host": "127.0.0.1.example.org:80"}, True, 403),
        ({"Origin": "http://example.org"}, True, 403),
        ({"Origin": "null"}, True, 403),
    ],
)
def test_a_node_is_killed_only_for_the_own_page(
    headers: dict[str, str], token: bool, status: int, page: tuple[Cluster, str]
) -> None:
    cluster, known = page
    node = cluster.nodes[1]
    body = f"node=node2&token={known if token else 'x' * len(known)}".encode()
    pid = node.pid
    answer = ask(cluster.port, "/control/kill", "POST", body=body, headers=headers)
    assert answer.status == status
    assert node.runs == (status != 303)
    started = ask(cluster.port, "/control/start", "POST", body=f"node=node2&token={known}".encode())
    assert (started.status, node.runs, node.pid == pid) == (303, True, status != 303)


def test_control_refuses_what_is_no_order(page: tuple[Cluster, str]) -> None:
    cluster, token = page
    body = f"node=node9&token={token}".encode()
    assert ask(cluster.port, "/control/kill", "POST", body=body).status == 404
    assert ask(cluster.port, "/control/kill").status == 405
    assert ask(cluster.port, "/control/other", "POST", body=body).status == 404
    assert all(node.runs for node in cluster.nodes)


def test_the_page_shows_no_token_to_a_host_that_only_points_here(page: tuple[Cluster, str]) -> None:
    cluster, token = page
    assert token in ask(cluster.port).body.decode()
    for path in ("/", "/view"):
        foreign = ask(cluster.port, path, headers={"Host": "example.org"}).body.decode()
        assert token not in foreign and "/control/" not in foreign


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[Cluster, str]]:
    """A running cluster, and the token that stands in its page."""
    with Cluster(nodes=2, port=0) as cluster:
        token = re.search(r'name="token" value="([^"]+)"', ask(cluster.port).body.decode())
        assert token is not None
        yield cluster, token[1]


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium not found: apt-get install chromium")
def test_a_browser_shows_node_and_count_in_light_and_dark(tmp_path: Path) -> None:
    def run(port: int, *options: str) -> str:
        command = [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=800,700", *options,
            f"http://127.0.0.1:{port}/",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return str(done.stdout)

    with demo_process("--port", str(free_port())) as (_, port, nodes):
        page = run(port, "--dump-dom")
        assert re.search(r'<h1 id="node">node[123]</h1>', page)
        assert '<span id="count">1</span> time<' in page and "BAL-SEL-01" in page
        assert any(f"kill -9 {pid}" in page for pid in nodes)
        pictures = []
        for scheme in ("1", "0"):
            picture = tmp_path / f"{scheme}.png"
            run(port, f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={picture}")
            pictures.append(picture.read_bytes())
        assert all(picture.startswith(b"\x89PNG") for picture in pictures)
        assert pictures[0] != pictures[1]
