"""`refjk front --config` before real Tomcats."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.peers import Answer, Tomcat, ask

pytestmark = pytest.mark.interop

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60.0
SECRET = "between the two"
CONFIGURATION = """
ServerRoot {root}
JkShmFile run/shm
JkLogFile logs/jk.log
JkLogLevel trace
LogFormat "%m %U %>s %{{JK_WORKER_ROUTE}}n" jk
CustomLog logs/access.log jk
JkWorkerProperty worker.list=lb
JkWorkerProperty worker.lb.type=lb
JkWorkerProperty worker.lb.balance_workers=left,right
JkWorkerProperty worker.left.type=ajp13
JkWorkerProperty worker.left.host=127.0.0.1
JkWorkerProperty worker.left.port={left}
JkWorkerProperty worker.left.secret={secret}
JkWorkerProperty worker.left.ping_mode=A
JkWorkerProperty worker.right.reference=worker.left
JkWorkerProperty worker.right.port={right}
JkWorkerProperty worker.right.secret={secret}
JkMount /* lb
JkUnMount /hidden/* lb
"""


class Fronted:
    """A front process before two Tomcats, and the folder of its files."""

    def __init__(self, port: int, root: Path) -> None:
        self._port = port
        self.root = root

    def ask(self, path: str, method: str = "GET", **more: object) -> Answer:
        return ask(self._port, path, method, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    root = tmp_path_factory.mktemp("configured")
    with Tomcat(jvm_route="left", secret=SECRET) as left, Tomcat(jvm_route="right", secret=SECRET) as right:
        text = CONFIGURATION.format(root=root, left=left.port, right=right.port, secret=SECRET)
        (root / "httpd.conf").write_text(text)
        command = [sys.executable, "-m", "refjk", "front", "--config", str(root / "httpd.conf")]
        command += ["--listen", "127.0.0.1:0", "--processes", "2"]
        with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                line = process.stderr.readline()
                found = re.fullmatch(r"refjk front listens on http://127\.0\.0\.1:(\d+)\n", line)
                assert found is not None, line
                yield Fronted(int(found[1]), root)
                process.terminate()
                assert process.wait(DEADLINE_S) == 0
            finally:
                process.kill()


def test_a_get_arrives_as_it_was_asked(front: Fronted) -> None:
    seen = front.ask("/echo/a%20b;v=1?x=%2F", headers={"Host": "www.example:81", "X-Own": "1"}).json()
    assert (seen["method"], seen["uri"], seen["query"]) == ("GET", "/echo/a%20b;v=1", "x=%2F")
    assert (seen["server_name"], seen["server_port"], seen["remote_addr"]) == ("www.example", 81, "127.0.0.1")
    assert front.ask("/hidden/x").status == 404


@pytest.mark.parametrize("size", [0, 1, 8186, 8187, 1_000_000])
def test_a_post_arrives_whole(front: Fronted, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    for framed in (body, [body[:5], body[5:]] if size > 5 else body):
        seen = front.ask("/echo", "POST", body=framed).json()
        assert (seen["body"]["length"], seen["body"]["sha256"]) == (size, hashlib.sha256(body).hexdigest())


def test_a_session_stays_with_its_tomcat_across_processes(front: Fronted) -> None:
    for _ in range(4):
        first = front.ask("/session")
        cookie = (first.header("Set-Cookie") or "").partition(";")[0]
        session = first.json()["id"]
        assert session.rpartition(".")[2] in ("left", "right")
        for count in range(2, 8):
            seen = front.ask("/session", headers={"Cookie": cookie}).json()
            assert (seen["id"], seen["new"], seen["count"] - first.json()["count"]) == (
                session,
                False,
                count - 1,
            )


def test_requests_without_a_session_are_shared_evenly(front: Fronted) -> None:
    ids = [front.ask("/session").json()["id"].rpartition(".")[2] for _ in range(20)]
    assert 8 <= ids.count("left") <= 12


def test_the_logs_tell_the_route_and_never_the_secret(front: Fronted) -> None:
    session = front.ask("/session").json()["id"]
    front.ask("/echo/last", headers={"Cookie": f"JSESSIONID={session}"})
    log = front.root / "logs/access.log"
    wanted = re.compile(r"^GET /session 200 (left|right)$", re.MULTILINE)
    deadline = time.monotonic() + DEADLINE_S
    while not wanted.search(log.read_text()):  # a line is written after its answer has left
        assert time.monotonic() < deadline
        time.sleep(0.01)
    traffic = (front.root / "logs/jk.log").read_text()
    assert "sent FORWARD_REQUEST" in traffic and "received END_RESPONSE" in traffic
    assert SECRET not in traffic
