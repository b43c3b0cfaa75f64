"""`refjk demo` as a process, and its page in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refjk.cli.main import main
from refjk.demo.app import Application
from tests.interop.peers.client import Answer, ask
from tests.interop.peers.process import free_port, processes_of_group

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0


@contextmanager
def demo_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], int, list[int]]]:
    """A running demo in a group of its own: its port and the PIDs of its nodes."""
    command = [sys.executable, "-m", "refjk", "demo", *options]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=PROJECT, start_new_session=True, **pipes) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            while "Ctrl-C" not in lines[-1]:
                assert lines[-1], process.stderr and process.stderr.read()
                lines.append(process.stdout.readline())
            text = "".join(lines)
            port = re.search(r"open http://127\.0\.0\.1:(\d+)/ in a browser", text)
            assert port is not None, text
            yield process, int(port[1]), [int(pid) for pid in re.findall(r"PID (\d+)", text)]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            wait_for(lambda: not processes_of_group(process.pid))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"Cookie": (answer.header("set-cookie") or "").partition(";")[0]}


def test_the_demo_answers_within_three_seconds_and_ctrl_c_leaves_nobody_behind() -> None:
    started = time.monotonic()
    with demo_process("--port", str(free_port())) as (process, port, nodes):
        assert ask(port).status == 200
        assert time.monotonic() - started < 3
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
        there = ask(port, "/json", headers=cookie_of(moved)).json()
        assert there["pid"] != first.json()["pid"] and there["count"] == 1
        assert ask(port, "/json", headers=cookie).json()["count"] == 5
        assert "Max-Age=0" in str(ask(port, "/new", "POST", headers=cookie).header("set-cookie"))


def test_a_killed_node_is_told_its_sessions_move_and_it_returns() -> None:
    with demo_process("--port", "0", "--nodes", "2") as (process, port, _):
        assert process.stderr is not None
        cookie = cookie_of(ask(port, "/json"))
        before = ask(port, "/json", headers=cookie).json()
        os.kill(before["pid"], signal.SIGKILL)
        after = ask(port, "/json", headers=cookie).json()
        assert after["pid"] != before["pid"] and after["came_from"] == before["route"]
        assert (after["clause"], after["attempt"]) == ("BAL-DOM-01", 2)
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
    ],
)
def test_mistakes_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], options: Sequence[str], words: str
) -> None:
    assert main(["demo", *options]) == 2
    assert capsys.readouterr().err == f"refjk demo: {words}\n"


def test_the_check_passes_tells_what_it_saw_and_leaves_nobody_behind(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    command = [sys.executable, "-m", "refjk", "demo", "--check", "--json", str(result)]
    with subprocess.Popen(
        command, cwd=PROJECT, start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    lines = said.splitlines()
    assert lines[0].startswith("checking 3 nodes behind http://127.0.0.1:")
    assert [line[:4] for line in lines[1:-1]] == ["ok  "] * 7 and lines[-1] == "7 passed, 0 failed"
    told = json.loads(result.read_text())
    assert told["passed"] is True and len(told["steps"]) == 7
    assert processes_of_group(process.pid) == []


def test_the_check_fails_when_something_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("refjk.demo.check.FIRST_ANSWER_S", 0.0)
    assert main(["demo", "--check", "--nodes", "2"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  first answer" in said and said.endswith("6 passed, 1 failed\n")


def call(
    application: Application, method: str, path: str, cookie: str = ""
) -> tuple[str, dict[str, str], str]:
    """Status, headers and body of one call."""
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_COOKIE": cookie,
        "refjk.route": "node1",
        "refjk.attributes": {"refjk.decision": "BAL-DOM-01 attempt 2"},
    }
    body = b"".join(application(environ, lambda *arguments: told.extend(arguments)))
    return told[0], dict(told[1]), body.decode()


def test_odd_session_ids_are_no_session_and_nothing_of_them_is_shown() -> None:
    application = Application("node1", ["node1", "node2"])
    for value in ("<b>.node2", "A" * 32 + ".<b>", "a" * 32 + ".node2", "A" * 31 + ".node2", ""):
        status, headers, body = call(application, "GET", "/", f"JSESSIONID={value}")
        assert status == "200 OK" and "<b>" not in body and "A" * 31 + "." not in body
        assert re.match(r"JSESSIONID=[0-9A-F]{32}\.node1; Path=/; HttpOnly", headers["Set-Cookie"])
    assert call(application, "POST", "/move")[1].get("Set-Cookie") is None
    assert call(application, "GET", "/favicon.ico")[0] == "404 Not Found"


def test_a_session_that_moved_keeps_its_digits_and_gets_the_new_route() -> None:
    application = Application("node1", ["node1", "node2"])
    digits = "0123456789ABCDEF" * 2
    _, headers, body = call(application, "GET", "/", f"x=1; JSESSIONID={digits}.node2")
    assert headers["Set-Cookie"].startswith(f"JSESSIONID={digits}.node1;")
    assert "came from <b>node2</b>" in body and "attempt 2" in body


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium not found: apt-get install chromium")
def test_a_browser_shows_node_and_count_in_light_and_dark(tmp_path: Path) -> None:
    def run(port: int, *options: str) -> str:
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=800,700", *options,
            f"http://127.0.0.1:{port}/",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)  # type: ignore[arg-type]
        return done.stdout

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
