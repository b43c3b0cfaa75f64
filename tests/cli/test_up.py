"""`refjk up` and `refjk front --config` as processes: the article's example, mistakes, reload, processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from refjk.cli import up
from refjk.cli.main import main
from refjk.speccheck import covers
from tests.interop.peers.client import ask
from tests.runtime.containers import Talk, TinyContainer

PROJECT = Path(__file__).resolve().parents[2]
ARTICLE = PROJECT / "docs" / "examples" / "article" / "httpd.conf"
DEADLINE_S = 30.0
TO_A = {"Cookie": "JSESSIONID=1.a"}


def named(name: bytes) -> TinyContainer:
    """A container that says its name."""

    def script(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer(name, headers=[(b"Content-Length", b"%d" % len(name))])

    return TinyContainer(script)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def next_port(process: subprocess.Popen[str]) -> int:
    """The port of the next line that says where the front listens."""
    assert process.stderr is not None
    told = []
    while line := process.stderr.readline():
        found = re.fullmatch(r"refjk front listens on http://127\.0\.0\.1:(\d+)\n", line)
        if found is not None:
            return int(found[1])
        told.append(line)
    raise AssertionError(f"the front ended: {''.join(told)}")


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A front and its port; ended in order, or killed."""
    command = [sys.executable, "-m", "refjk", *words, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, next_port(process)
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def site(root: Path, text: str) -> Path:
    """The folder of a configuration."""
    (root / "conf").mkdir(exist_ok=True)
    (root / "conf" / "httpd.conf").write_text(text)
    return root


def balancer(**ports: int) -> str:
    lines = ["list=lb", "lb.type=lb", f"lb.balance_workers={','.join(ports)}"]
    for name, port in ports.items():
        lines += [f"{name}.type=ajp13", f"{name}.host=127.0.0.1", f"{name}.port={port}"]
    text = "".join(f"JkWorkerProperty worker.{line}\n" for line in lines)
    return text + "JkShmFile run/shm\nJkLogFile logs/jk.log\n"


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(list(words))
    return code, capsys.readouterr().err.strip().splitlines()[-1]


# -- the example of the article -------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["1.2.7", "1.2.50"])
def test_the_example_of_the_article_runs_as_it_is_but_for_its_ports(tmp_path: Path, profile: str) -> None:
    text = ARTICLE.read_text()
    with ExitStack() as stack:
        for port in (9012, 9022, 9032):
            container = stack.enter_context(named(b"node%d" % (port // 10 % 10)))
            text = text.replace(f"port={port}", f"port={container.address.port}")
        folder = site(tmp_path, text)
        _, port = stack.enter_context(running("up", str(folder), "--profile", profile))
        answers = Counter(ask(port, "/ClusterTest/x").body for _ in range(9))
        assert answers == {b"node1": 3, b"node2": 3, b"node3": 3}
        cookie = {"Cookie": "JSESSIONID=1.node2"}
        assert {ask(port, "/ClusterTest", headers=cookie).body for _ in range(4)} == {b"node2"}
        assert ask(port, "/ClusterTestX").status == 404
        log = tmp_path / "logs" / "mod_jk.log"
        wait_for(lambda: "attempt 1: BAL-" in log.read_text())


# -- checks and mistakes --------------------------------------------------------------------------


def test_a_configuration_is_checked_without_being_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site(tmp_path, balancer(a=1, b=2) + "JkMount /* lb\nListen 8081\nListen [::1]:8082\n")
    words = "the front can be started; servers: 1, balancers: 1, workers: 2, listens on: "
    assert main(["up", str(folder), "--check-config"]) == 0
    assert capsys.readouterr().out == words + "0.0.0.0:8081, [::1]:8082\n"
    file = str(folder / "conf/httpd.conf")
    assert main(["front", "--config", file, "--check-config", "--listen", "127.0.0.1:81"]) == 0
    assert capsys.readouterr().out == words + "127.0.0.1:81\n"
    assert main(["up", file, "--check-config"]) == 0
    assert not (tmp_path / "run").exists()


def test_options_for_nodes_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "n1" / "conf").mkdir(parents=True)
    (tmp_path / "n1" / "conf" / "server.xml").touch()
    commands: list[list[str]] = []

    class Group:
        def __init__(self, parts: list[Any], *more: Any, **options: Any) -> None:
            commands.extend(list(part.command) for part in parts)

        def run(self) -> int:
            return 0

    monkeypatch.setattr(up, "ProcessGroup", Group)

    assert main(["up", str(tmp_path), "--watch-mutations", "--exposed"]) == 0
    assert main(["up", str(tmp_path)]) == 0

    options = ("--exposed", "--watch-mutations")
    assert [[word for word in command if word in options] for command in commands] == [list(options), []]


def test_a_log_that_cannot_be_written_is_told_by_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = balancer(a=1) + "JkMount /* lb\nCustomLog /nonexistent/access.log %U\n"
    code, line = complaint(capsys, "up", str(site(tmp_path, text)), "--check-config")
    assert code == 3 and "/nonexistent/access.log" in line


def test_httpd_conf_is_found_in_a_folder_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = complaint(capsys, "up", str(tmp_path), "--check-config")
    assert (code, line) == (
        3,
        f"refjk up: {tmp_path}: there is neither conf/httpd.conf nor httpd.conf in it",
    )
    (tmp_path / "httpd.conf").write_text(balancer(a=1) + "JkMount /* lb\n")
    assert main(["up", str(tmp_path), "--check-config"]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("JkMount /x\n", "httpd.conf:1: error: "),
        ("\nJkMont /x lb\n", "httpd.conf:2: error: "),
        ("JkWorkersFile nowhere\n", "httpd.conf:1: error: "),
    ],
)
def test_a_refused_configuration_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    folder = site(tmp_path, text)
    for command in (["up", str(folder)], ["front", "--config", str(folder / "conf/httpd.conf")]):
        code, line = complaint(capsys, *command)
        assert code == 3 and words in line and line.startswith(f"refjk {command[0]}: ")


def test_a_configuration_that_serves_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, line = complaint(capsys, "up", str(site(tmp_path, balancer(a=1))), "--check-config")
    assert code == 2 and line.endswith("has no JkMount and no DocumentRoot: nothing to serve")


@pytest.mark.parametrize(
    ("words", "named_option"),
    [
        (("--mount", "/*=balancer"), "--mount"),
        (("--worker", "a=127.0.0.1:1"), "--worker"),
        (("--retries", "3"), "--retries"),
        (("--reply-timeout", "3"), "--reply-timeout"),
        (("--access-log", "-"), "--access-log"),
        (("--trace",), "--trace"),
    ],
)
def test_what_the_file_says_cannot_be_said_by_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], named_option: str
) -> None:
    file = site(tmp_path, balancer(a=1) + "JkMount /* lb\n") / "conf/httpd.conf"
    code, line = complaint(capsys, "front", "--config", str(file), "--check-config", *words)
    assert (code, line) == (
        2,
        f"refjk front: {named_option} cannot go with --config: the file says it",
    )


@pytest.mark.parametrize("words", [("--processes", "2"), ("--define", "X"), ("--profile", "1.2.7")])
def test_options_of_a_configuration_need_one(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, line = complaint(capsys, "front", "--worker", "a=127.0.0.1:1", "--mount", "/*=balancer", *words)
    assert code == 2 and words[0] in line and line.endswith(" need a --config")


def test_no_process_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site(tmp_path, balancer(a=1) + "JkMount /* lb\n")
    code, line = complaint(capsys, "up", str(folder), "--processes", "0", "--check-config")
    assert (code, line) == (2, "refjk up: --processes: at least 1 process serves")


def test_a_defined_name_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site(tmp_path, balancer(a=1) + "<IfDefine X>\nJkMount /* lb\n</IfDefine>\n")
    assert complaint(capsys, "up", str(folder), "--check-config")[0] == 2
    assert main(["up", str(folder), "--check-config", "--define", "X"]) == 0


# -- running --------------------------------------------------------------------------------------


def test_a_reload_takes_up_a_changed_mount_while_requests_go_on(tmp_path: Path) -> None:
    with named(b"a") as a:
        text = balancer(a=a.address.port) + "JkMount /always lb\n"
        folder = site(tmp_path, text + "JkMount /old lb\n")
        file = folder / "conf/httpd.conf"
        with running("front", "--config", str(file)) as (process, port):
            over = threading.Event()
            failures: list[str] = []
            served = Counter[str]()

            def client(name: str) -> None:
                while not over.is_set():
                    try:
                        answer = ask(port, "/always", deadline_s=DEADLINE_S)
                    except Exception as error:
                        failures.append(repr(error))
                    else:
                        served[name] += 1
                        if answer.status != 200:
                            failures.append(str(answer.status))

            threads = [threading.Thread(target=client, args=(name,)) for name in "xyz"]
            for thread in threads:
                thread.start()
            try:
                assert [ask(port, path).status for path in ("/old", "/new")] == [200, 404]
                file.write_text(text + "JkMount /new lb\n")
                process.send_signal(signal.SIGHUP)
                assert next_port(process) == port
                wait_for(lambda: [ask(port, path).status for path in ("/old", "/new")] == [404, 200])
                file.write_text("JkBogus\n")
                process.send_signal(signal.SIGHUP)
                assert process.stderr is not None
                # A process of the old configuration may still tell what it counted.
                assert any("keeps the old configuration" in line for line in process.stderr)
                before = dict(served)
                wait_for(lambda: all(served[name] > before[name] + 3 for name in "xyz"))
            finally:
                over.set()
                for thread in threads:
                    thread.join(DEADLINE_S)
            assert failures == []


def children(process: subprocess.Popen[str]) -> set[int]:
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return {int(word) for word in text.split()}


def test_two_processes_share_what_they_know_of_the_members(tmp_path: Path) -> None:
    with named(b"a") as a, named(b"b") as b:
        folder = site(tmp_path, balancer(a=a.address.port, b=b.address.port) + "JkMount /* lb\n")
        with running("up", str(folder), "--processes", "2") as (process, port):
            assert len(children(process)) == 2
            assert Counter(ask(port, "/x").body for _ in range(40)) == {b"a": 20, b"b": 20}
            log = (tmp_path / "logs/jk.log").read_text()
            assert "initialized, process 0" in log and "initialized, process 1" in log


@covers("BAL-MNT-11", "EPL-RTY-06")
def test_what_killed_processes_had_open_is_open_no_more(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        while True:
            slow = talk.request().request.req_uri == b"/slow"
            if slow:
                begun.set()
                assert go_on.wait(DEADLINE_S)
            talk.answer(b"a", headers=[(b"Content-Length", b"1")])

    with TinyContainer(script) as a, named(b"b") as b:
        text = balancer(a=a.address.port, b=b.address.port) + "JkMount /* lb\n"
        folder = site(tmp_path, text + "JkWorkerProperty worker.a.busy_limit=1\n")
        with running("up", str(folder), "--processes", "2") as (process, port):

            def slow() -> None:
                try:
                    ask(port, "/slow", headers=TO_A, deadline_s=DEADLINE_S)
                except (OSError, EOFError, ValueError):
                    pass

            thread = threading.Thread(target=slow)
            thread.start()
            assert begun.wait(DEADLINE_S)
            assert ask(port, "/x", headers=TO_A).body == b"b"  # a is at its limit
            old = children(process)
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            thread.join(DEADLINE_S)
            wait_for(lambda: len(children(process) - old) == 2)
            assert ask(port, "/x", headers=TO_A, deadline_s=DEADLINE_S).body == b"a"
            go_on.set()


def test_sigusr1_opens_the_logs_anew(tmp_path: Path) -> None:
    with named(b"a") as a:
        text = balancer(a=a.address.port) + 'JkMount /* lb\nCustomLog logs/access.log "%U %>s"\n'
        with running("up", str(site(tmp_path, text))) as (process, port):
            log, old = tmp_path / "logs/access.log", tmp_path / "logs/old.log"
            assert ask(port, "/1").status == 200
            wait_for(lambda: log.read_text() == "/1 200\n")
            log.rename(old)
            process.send_signal(signal.SIGUSR1)
            wait_for(log.exists)
            assert ask(port, "/2").status == 200
            wait_for(lambda: log.read_text() == "/2 200\n")
            assert old.read_text() == "/1 200\n"
