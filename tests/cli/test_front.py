"""`refjk front` as a process: options, mistakes, signals."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from refjk.balancing import WorkerSettings
from refjk.base.errors import UsageError
from refjk.cli.front import build_settings, parse_worker
from refjk.cli.main import build_parser, main
from refjk.runtime.addresses import Address
from tests.interop.peers.client import RawConnection, ask
from tests.runtime.containers import Talk, TinyContainer

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0


@contextmanager
def front_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running front and its port."""
    command = [sys.executable, "-m", "refjk", "front", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.fullmatch(r"refjk front listens on http://127\.0\.0\.1:(\d+)\n", line)
            assert found is not None, line
            yield process, int(found[1])
        finally:
            process.kill()


def complaint(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = main(["front", *options])
    return code, capsys.readouterr().err.strip()


def wait_until_logged(log: Path) -> None:
    """A request is logged after its answer has left."""
    deadline = time.monotonic() + DEADLINE_S
    while not log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


WORKER = ("--worker", "node1=127.0.0.1:8009")
MOUNT = ("--mount", "/*=balancer")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "no worker; name one with --worker NAME=HOST:PORT"),
        (WORKER, 2, "no mount; give all paths away with --mount '/*=balancer'"),
        (
            (*WORKER, "--mount", "/*=balanser"),
            2,
            "no worker or balancer 'balanser'; did you mean 'balancer'?",
        ),
        ((*WORKER, "--mount", "app=balancer"), 3, "a pattern begins with /"),
        ((*WORKER, "--mount", "//x=balancer"), 3, "no canonical path"),
        (("--worker", "node1", *MOUNT), 2, "write it as NAME=HOST:PORT"),
        (("--worker", "node1=127.0.0.1:x", *MOUNT), 2, "'x' is not a port"),
        (("--worker", "node1=127.0.0.1:1,rout=a", *MOUNT), 2, "no option 'rout'; did you mean 'route'?"),
        (("--worker", "node1=127.0.0.1:1,factor=0", *MOUNT), 2, "factor is a number above 0, not '0'"),
        (("--worker", "node1=127.0.0.1:1,factor=1,factor=2", *MOUNT), 2, "factor is there twice"),
        (("--worker", "node1=127.0.0.1:1,local=perhaps", *MOUNT), 2, "local is 1 or 0, not 'perhaps'"),
        (("--worker", "node1=127.0.0.1:1,route=a;b", *MOUNT), 2, "'a;b' is not a route"),
        (("--worker", "node1=127.0.0.1:1,packet-size=1", *MOUNT), 2, "worker node1: "),
        ((*WORKER, *WORKER, *MOUNT), 2, "two workers are called node1"),
        ((*WORKER, *MOUNT, "--balancer", "lb"), 2, "write it as NAME=WORKER,WORKER"),
        (
            (*WORKER, "--mount", "/*=lb", "--balancer", "lb=node2"),
            2,
            "no worker 'node2'; did you mean 'node1'?",
        ),
        ((*WORKER, *MOUNT, "--secret-file", "/nonexistent"), 3, "cannot read the secret file /nonexistent"),
        ((*WORKER, *MOUNT, "--access-log", "/nonexistent/log"), 3, "cannot write the access log"),
        ((*WORKER, *MOUNT, "--session-cookie", "a b"), 2, "'a b' is not the name of a cookie"),
        ((*WORKER, *MOUNT, "--threads", "0"), 2, "threads is at least 1"),
        ((*WORKER, *MOUNT, "--listen", "127.0.0.1:x"), 2, "'x' is not a port in '127.0.0.1:x'"),
        ((*WORKER, *MOUNT, "--reply-timeout", "0"), 2, "the reply timeout is more than 0 seconds"),
    ],
)
def test_a_mistake_gives_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, words: str
) -> None:
    got, line = complaint(capsys, *options)
    assert got == code and line.startswith("refjk front: ") and words in line and "\n" not in line


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        previous = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
        try:
            code, line = complaint(capsys, *WORKER, *MOUNT, "--listen", listen)
        finally:
            for number, handler in zip((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), previous, strict=True):
                signal.signal(number, handler)
    assert code == 3 and "the port is taken" in line


def test_the_configuration_can_be_checked_without_listening(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["front", *WORKER, *MOUNT, "--check-config"]) == 0
    assert capsys.readouterr().out == "the front can be started; workers: 1, mounts: 1\n"


def test_a_worker_is_read_with_all_its_options(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("own\n")
    text = f"node1=[::1]:9012,route=r1,factor=3,domain=d,local=1,secret-file={secret},packet_size=65536"
    worker = parse_worker(text, b"common")
    assert worker.settings == WorkerSettings("node1", 3, "d", True, "r1")
    assert (worker.address, worker.secret, worker.packet_size) == (Address("::1", 9012), b"own", 65536)
    plain = parse_worker("node2=127.0.0.1", b"common")
    assert plain.settings == WorkerSettings("node2") and plain.secret == b"common"
    assert plain.address.port == 8009
    with pytest.raises(UsageError, match="no host"):
        parse_worker("node1=")


def test_every_option_finds_its_setting() -> None:
    words = [
        "front", *WORKER, "--mount", "/a/*=node1", "--mount", "/*=lb", "--balancer", "lb=node1",
        "--no-sticky", "--session-cookie", "SID",
        "--recover-time", "1", "--retries", "2", "--replay-size", "3",
        "--max-body", "0", "--max-headers", "5", "--threads", "6", "--connections", "7", "--pool-size", "8",
        "--connect-timeout", "9", "--ping-timeout", "10", "--reply-timeout", "11", "--read-timeout", "12",
        "--write-timeout", "13", "--idle-timeout", "14", "--explain",
    ]  # fmt: skip
    settings = build_settings(build_parser("front").parse_args(words))
    assert (settings.balancers, settings.sticky_session, settings.session_cookie) == (
        {"lb": ("node1",)},
        False,
        b"SID",
    )
    assert (settings.recover_time_s, settings.retries, settings.replay_size) == (1, 2, 3)
    assert (settings.body_size_max, settings.header_count_max, settings.threads) == (None, 5, 6)
    assert (settings.connections_max, settings.pool_size, settings.explain) == (7, 8, True)
    phases = ("connect", "ping", "reply", "read", "write", "idle")
    assert [getattr(settings, f"{phase}_timeout_s") for phase in phases] == [9, 10, 11, 12, 13, 14]


def test_a_front_serves_traces_and_stops_on_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with TinyContainer() as container:
        worker = f"node1={container.address},route=r1"
        options = ("--worker", worker, *MOUNT, "--trace", "--access-log", str(log))
        with front_process(*options) as (process, port):
            assert process.stderr is not None
            assert ask(port, "/x").body == b"GET /x "
            assert process.stderr.readline() == "trace: GET /x → node1, attempt 1: BAL-SEL-01: node1 1→1\n"
            wait_until_logged(log)
            log.rename(tmp_path / "old.log")
            process.send_signal(signal.SIGHUP)
            ask(port, "/y")
            process.stderr.readline()
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
            assert process.stderr.read() == (
                "refjk stops; running requests have 10 s\nrefjk counted: connections 2, requests 2\n"
            )
    assert "GET /x" in (tmp_path / "old.log").read_text() and "GET /y" in log.read_text()


def test_a_running_request_is_finished_and_a_second_signal_ends_at_once() -> None:
    go_on = threading.Event()

    def waits(talk: Talk) -> None:
        talk.request()
        assert go_on.wait(DEADLINE_S)
        talk.answer(b"late", headers=[(b"Content-Length", b"4")])

    with TinyContainer(waits) as container:
        options = ("--worker", f"node1={container.address}", *MOUNT)
        for second_signal in (False, True):
            go_on.clear()
            with front_process(*options) as (process, port), RawConnection(port) as client:
                assert process.stderr is not None
                before = len(container.talks)
                client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                while len(container.talks) == before:
                    assert process.poll() is None
                process.terminate()
                assert process.stderr.readline().startswith("refjk stops")
                if second_signal:
                    process.terminate()
                    assert process.wait(DEADLINE_S) == 128 + signal.SIGTERM
                    assert client.receive_to_end() == b""
                else:
                    go_on.set()
                    assert client.receive_to_end().endswith(b"\r\n\r\nlate")
                    assert process.wait(DEADLINE_S) == 0
        go_on.set()


def test_an_inherited_listener_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, TinyContainer() as container:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "refjk", "front", "--worker", f"node1={container.address}", *MOUNT]
        # The descriptor gets the number that the convention demands.
        program = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_FDS'] = '1';"
            " os.execv(sys.argv[2], sys.argv[2:])"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(listener.fileno()), *command],
            cwd=PROJECT,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                assert ask(port, "/x").body == b"GET /x "
            finally:
                process.terminate()
            assert process.wait(DEADLINE_S) == 0
