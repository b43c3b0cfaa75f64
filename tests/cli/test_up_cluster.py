"""`refjk up` on the article's two listings: a front and three nodes whose sessions are replicated."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refjk.speccheck import covers
from tests.interop.peers import free_port

PROJECT = Path(__file__).resolve().parents[2]
ARTICLE = PROJECT / "docs" / "examples" / "article"
DEADLINE_S = 90.0
_PORTS = re.compile(r"\b(90[0-9]2|90[0-9]5|45564)\b")


def article(tmp_path: Path) -> Path:
    """The example with ports that nobody else has."""
    folder = tmp_path / "article"
    shutil.copytree(ARTICLE, folder, ignore=shutil.ignore_patterns("logs", "__pycache__"))
    ports: dict[str, str] = {}
    for file in [folder / "httpd.conf", *folder.glob("node*/conf/server.xml")]:
        text = _PORTS.sub(lambda found: ports.setdefault(found[0], str(free_port())), file.read_text())
        # Faster than in print, so that the test is.
        file.write_text(text.replace('mcastFrequency="500"', 'mcastFrequency="100"'))
    return folder


class Up:
    """`refjk up`, and what it has said."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._log = folder / "up.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "refjk", "up", str(folder), *words],
                env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str, count: int = 1) -> None:
        self.wait_until(lambda: self.said.count(text) >= count)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline and self.process.poll() is None, self.said
            time.sleep(0.02)

    @property
    def port(self) -> int:
        found = re.search(r"front: refjk front listens on http://127\.0\.0\.1:([0-9]+)", self.said)
        assert found is not None
        return int(found[1])


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Up]:
    up = Up(folder, *words)
    try:
        yield up
    finally:
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(DEADLINE_S)


class Visitor:
    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""

    def ask(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE_S)
        try:
            headers = {"Cookie": self._cookie} if self._cookie else {}
            connection.request("GET", "/ClusterTest/json", headers=headers)
            answer = connection.getresponse()
            facts: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        cookie = answer.getheader("Set-Cookie")
        self._cookie = self._cookie if cookie is None else cookie.partition(";")[0]
        return facts


@covers("SXM-CTX-05")
def test_the_articles_cluster_runs_from_its_two_listings_and_a_killed_node_is_not_missed(
    tmp_path: Path,
) -> None:
    with running(article(tmp_path), "--listen", "127.0.0.1:0", "--logs", str(tmp_path / "logs")) as up:
        up.wait_for("front: refjk front listens on")
        # Each of the three has heard of the two others.
        up.wait_until(lambda: len(re.findall(r"node[0-9]: .* came$", up.said, re.MULTILINE)) >= 6)
        visitor = Visitor(up.port)
        first = visitor.ask()
        assert visitor.ask()["requests of this session"] == 2
        victim = first["node"]
        pid = int(subprocess.check_output(["pgrep", "-f", f"refjk node {tmp_path}/article/{victim} "]))
        os.kill(pid, signal.SIGKILL)
        third = visitor.ask()
        assert third["node"] != victim
        assert third["requests of this session"] == 3
        assert third["session"] == f"{first['session'].partition('.')[0]}.{third['node']}"
        up.wait_for(f"{victim}: refjk node {victim} serves on", count=2)
    assert up.process.returncode == 0
    assert {file.name for file in (tmp_path / "logs").iterdir()} == {
        "front.log",
        "node1.log",
        "node2.log",
        "node3.log",
    }


def test_only_some_parts_run_where_that_is_wanted(tmp_path: Path) -> None:
    with running(article(tmp_path), "--only", "node2") as up:
        up.wait_for("node2: refjk node node2 serves on")
        assert "node1" not in up.said and "front" not in up.said
    wrong = subprocess.run(
        [sys.executable, "-m", "refjk", "up", str(ARTICLE), "--only", "node9"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert wrong.returncode == 2 and "node1, node2, node3, front" in wrong.stderr


def test_all_files_are_checked(tmp_path: Path) -> None:
    folder = article(tmp_path)
    command = [sys.executable, "-m", "refjk", "up", str(folder), "--check-config"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    fine = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert fine.returncode == 0 and "the front can be started" in fine.stdout
    (folder / "node2" / "conf" / "server.xml").write_text("<Server>")
    bad = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert bad.returncode == 3 and "server.xml:1" in bad.stderr


@covers("NOD-STA-03")
def test_a_node_whose_port_is_taken_is_never_heard_of(tmp_path: Path) -> None:
    folder = article(tmp_path)
    text = (folder / "node1" / "conf" / "server.xml").read_text()
    found = re.search(r'<Connector port="([0-9]+)"', text)
    assert found is not None
    with socket.create_server(("127.0.0.1", int(found[1]))):
        ended = subprocess.run(
            [sys.executable, "-m", "refjk", "node", str(folder / "node1")],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert ended.returncode == 3 and "the port is taken" in ended.stderr
    assert "the cluster of host" not in ended.stderr
