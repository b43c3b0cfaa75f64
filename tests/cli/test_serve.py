"""`refjk serve` as a user meets it: it serves, it stops, and it says what is wrong."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from refjk.cli import serve
from refjk.runtime.settings import ConnectorSettings
from refjk.speccheck import covers
from tests.runtime.connectors import DEADLINE_S, AjpClient, forward_request, wait_for

PROJECT = Path(__file__).resolve().parents[2]
APPLICATION = """
import os, sys, time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        open("inside", "w").close()
        while not os.path.exists("go on"):
            time.sleep(0.01)
    if path == "/hang":
        open("inside", "w").close()
        time.sleep(600)
    if path == "/environ":
        body = repr(sorted(key for key in os.environ if key.startswith("LISTEN_"))).encode()
    else:
        names = ("SCRIPT_NAME", "PATH_INFO", "REMOTE_USER", "tenant")
        body = repr(tuple(map(environ.get, names))).encode()
    start_response("200 OK", [])
    return [body]

answer = 42
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path) -> Path:
    (tmp_path / "web.py").write_text(APPLICATION, encoding="utf-8")
    (tmp_path / "broken.py").write_text("x = 1\n1 / 0\n", encoding="utf-8")
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "refjk", "serve", *words]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(directory: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        command(*words),
        cwd=directory,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
    )


class Server:
    """A running `refjk serve`; `port` is read from what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.remarks: list[str] = []
        self.port = int(self.wait_for_remark(r"refjk serves \S+ on ajp://127\.0\.0\.1:(\d+)$")[1])

    def wait_for_remark(self, pattern: str) -> re.Match[str]:
        assert self.process.stderr
        for line in self.process.stderr:
            self.remarks.append(line.rstrip("\n"))
            if match := re.search(pattern, self.remarks[-1]):
                return match
        raise AssertionError(f"it ended without {pattern!r}: {self.remarks}")

    def client(self) -> AjpClient:
        return AjpClient(self.port)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        out, err = self.process.communicate(timeout=DEADLINE_S)
        self.remarks += [*out.splitlines(), *err.splitlines()]
        assert "Traceback" not in "".join(self.remarks)
        return self.process.returncode


@contextlib.contextmanager
def server(directory: Path, *words: str, application: str = "web:app") -> Iterator[Server]:
    process = subprocess.Popen(
        command(application, "--listen", "127.0.0.1:0", *words),
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(process)
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


# -- serving ------------------------------------------------------------------------------


def test_options_reach_the_application(module: Path) -> None:
    (module / "secret").write_text("s3cret\nrest is not read\n")
    words = ("--script-name", "/app", "--trust-remote-user", "--lift-attribute", "tenant")
    with server(module, *words, "--secret-file", "secret") as running, running.client() as client:
        attributes = [(12, None, b"s3cret"), (3, None, b"joe"), (10, b"tenant", b"t1")]
        answer = client.ask(b"/app/x", attributes=attributes)
        assert answer.body == b"('/app', '/x', 'joe', 't1')"
        assert client.ask(b"/app/x").status == 403
        running.send(signal.SIGTERM)
        assert running.end() == 0


def test_a_script_name_in_any_script_meets_the_path_in_its_octets(module: Path) -> None:
    with server(module, "--script-name", "/ä") as running, running.client() as client:
        assert client.ask(b"/%C3%A4/x").body == repr(("/\xc3\xa4", "/x", None, None)).encode()


def test_the_limits_given_are_those_in_force(module: Path) -> None:
    limits = ("--max-headers", "2", "--max-body", "10", "--only-attributes", "allowed.*")
    with server(module, *limits, "--packet-size", "16384") as running:
        with running.client() as client:
            assert client.ask(b"/", b"POST", body=bytes(11)).status == 413
            assert client.ask(attributes=[(10, b"allowed-one", b"")]).status == 200
            assert client.ask(headers=[(b"a", b"b")] * 3).status == 400
        with running.client() as client:
            assert client.ask(attributes=[(10, b"other", b"")]).status == 403


@covers("WSG-LOG-03", "WSG-LOG-01")
def test_sighup_reopens_the_access_log(module: Path) -> None:
    words = ("--access-log", "access.log", "--access-log-format", "combined")
    with server(module, *words) as running, running.client() as client:
        client.ask(b"/1", headers=[(b"user-agent", b'a"b')])
        (module / "access.log").rename(module / "access.log.1")
        running.send(signal.SIGHUP)
        wait_for((module / "access.log").exists)
        client.ask(b"/2")
        running.send(signal.SIGTERM)
        assert running.end() == 0
    assert '"GET /1 HTTP/1.1" 200 22 "-" "a\\x22b"\n' in (module / "access.log.1").read_text()
    assert '"GET /2 HTTP/1.1" 200 22 "-" "-"\n' in (module / "access.log").read_text()


@covers("WSG-LOG-03")
def test_a_log_that_cannot_be_reopened_does_not_stop_the_server(module: Path) -> None:
    (module / "logs").mkdir()
    with server(module, "--access-log", "logs/log") as running, running.client() as client:
        (module / "logs").rename(module / "moved")
        running.send(signal.SIGHUP)
        running.wait_for_remark("going on in the file that is open")
        assert client.ask().status == 200
        running.send(signal.SIGTERM)
        assert running.end() == 0
    assert len((module / "moved/log").read_text().splitlines()) == 1


def test_standard_output_is_an_access_log_too(module: Path) -> None:
    with server(module, "--access-log", "-", "--access-log-format", "timed") as running:
        with running.client() as client:
            assert client.ask(b"/x").status == 200
        running.send(signal.SIGTERM)
        assert running.end() == 0
        assert any(re.search(r'"GET /x HTTP/1\.1" 200 22 \d+ -$', line) for line in running.remarks)


# -- stopping -----------------------------------------------------------------------------


@covers("WSG-STP-01", "WSG-STP-02")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_request_finish(number: int, module: Path) -> None:
    with server(module) as running, running.client() as client, running.client() as idle:
        assert idle.ping()
        client.begin(forward_request(b"/slow"))
        wait_for((module / "inside").exists)
        running.send(number)
        running.wait_for_remark("refjk stops; running requests have 10 s")
        assert idle.ended()
        with pytest.raises(OSError):
            wait_for_refusal(running.port)
        (module / "go on").touch()
        answer = client.answer()
        assert (answer.status, answer.reuse) == (200, False)
        assert running.end() == 0


def wait_for_refusal(port: int) -> None:
    """Connect until that fails, as it does once nobody listens."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S).close()
        time.sleep(0.005)


@covers("WSG-STP-01")
def test_a_signal_ends_an_idle_server_at_once(module: Path) -> None:
    with server(module) as running, running.client() as client:
        assert client.ask().status == 200
        running.send(signal.SIGTERM)
        started = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - started < 5


@covers("WSG-STP-03")
def test_an_application_that_hangs_is_cut_off(module: Path) -> None:
    with server(module, "--graceful-timeout", "0.2") as running, running.client() as client:
        client.begin(forward_request(b"/hang"))
        wait_for((module / "inside").exists)
        running.send(signal.SIGTERM)
        assert client.ended()
        assert running.end() == 0
        assert "refjk: some requests did not finish in time and were cut off" in running.remarks


@covers("WSG-STP-04")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_stops_now(number: int, code: int, module: Path) -> None:
    with server(module, "--graceful-timeout", "60") as running, running.client() as client:
        client.begin(forward_request(b"/hang"))
        wait_for((module / "inside").exists)
        running.send(number)
        running.wait_for_remark("refjk stops")
        running.send(number)
        assert running.end() == code
        assert "refjk: stopped at once" in running.remarks
        assert client.ended()


# -- where it listens ---------------------------------------------------------------------


@covers("WSG-STP-05")
def test_inherited_sockets_are_served_and_the_variables_taken_out(module: Path) -> None:
    start = (
        "import fcntl, os, sys\n"
        "os.dup2(fcntl.fcntl(int(sys.argv[1]), fcntl.F_DUPFD_CLOEXEC, 20), 3)\n"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='x')\n"
        "os.execv(sys.argv[2], sys.argv[2:])\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", start, str(listener.fileno()), *command("web:app")],
            pass_fds=(listener.fileno(),),
            cwd=module,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        running = Server(process)
        assert running.port == port  # not 8009
        with running.client() as client:
            assert client.ask(b"/environ").body == b"[]"
        running.send(signal.SIGTERM)
        assert running.end() == 0
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


@covers("WSG-STP-07")
def test_a_taken_port_is_said(module: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(module, "web:app", "--listen", address)
    assert done.returncode == 3
    assert done.stderr == (
        f"refjk serve: cannot listen on {address}: the port is taken;"
        " stop the program that has it or choose another (0 takes a free one)\n"
    )


# -- what users get wrong -----------------------------------------------------------------

MISTAKES = [
    (["nothing_there:app"], 3, "no module named 'nothing_there'"),
    (["web:ap"], 3, "module 'web' has no 'ap'; did you mean 'app'?"),
    (["web:answer"], 3, "'web:answer' is a int and cannot be called"),
    (["broken:app"], 3, "module 'broken' cannot be imported: ZeroDivisionError: division by zero at "),
    (["web app"], 2, "'web app' is not MODULE:APP"),
    (["web:app", "--secret-file", "missing"], 3, "cannot read the secret file missing: No such file"),
    (["web:app", "--secret-file", "."], 3, "cannot read the secret file .: Is a directory"),
    (["web:app", "--secret-file", "empty"], 3, "the secret file empty is empty"),
    (["web:app", "--listen", "0.0.0.0:0"], 2, "0.0.0.0 is not a loopback address"),
    (["web:app", "--listen", "192.0.2.1:0", "--secret-file", "secret"], 3, "does not have that address"),
    (["web:app", "--listen", "127.0.0.1:x"], 2, "'x' is not a port"),
    (["web:app", "--listen", "::1:8009"], 2, "put the IPv6 address in brackets"),
    (["web:app", "--packet-size", "8191"], 2, "8192"),
    (["web:app", "--packet-size", "70000"], 2, "65536"),
    (["web:app", "--threads", "0"], 2, "threads is at least 1"),
    (["web:app", "--script-name", "app"], 2, "a script name begins with /"),
    (["web:app", "--lift-attribute", "HTTP_X"], 2, "cannot be lifted"),
    (["web:app", "--only-attributes", "("], 2, "--only-attributes is not a regular expression"),
    (["web:app", "--access-log", "missing/log"], 3, "cannot write the access log missing/log"),
    (["web:app", "--access-log-format", "json"], 2, "invalid choice: 'json'"),
    (["web:app", "--read-timeout", "0"], 2, "--read-timeout: a time of 0 seconds"),
    (["web:app", "--idle-timeout", "nan"], 2, "'nan' is not a number of seconds"),
    (["web:app", "--graceful-timeout", "-1"], 2, "'-1' is not a number of seconds"),
    (["web:app", "--max-body", "-1"], 2, "'-1' is not a number of 0 or more"),
    (["web:app", "--unknown"], 2, "unrecognized arguments: --unknown"),
]
NOT_FOUND_WITHOUT_LISTENING = "does not have that address"


@covers("WSG-STP-07", "WSG-STP-08", "AJP-SEC-04")
@pytest.mark.parametrize(("words", "code", "said"), MISTAKES, ids=[" ".join(row[0]) for row in MISTAKES])
def test_a_mistake_is_one_line_and_an_exit_code(words: list[str], code: int, said: str, module: Path) -> None:
    (module / "empty").write_text("\n")
    (module / "secret").write_text("s\n")
    done = run(module, "--listen", "127.0.0.1:0", *words)
    assert done.returncode == code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("refjk")
    assert said in last
    assert "Traceback" not in done.stderr
    usage = done.stderr.startswith("usage: ")  # by argparse, which shows it first
    assert usage or done.stderr.count("\n") == 1
    if said != NOT_FOUND_WITHOUT_LISTENING:
        checked = run(module, "--listen", "127.0.0.1:0", *words, "--check-config")
        assert (checked.returncode, checked.stderr.splitlines()[-1]) == (code, last)
        assert checked.stdout == ""


@covers("WSG-STP-08")
def test_a_configuration_that_is_right_is_said_to_be_and_nothing_listens(module: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(module, "web:app", "--listen", address, "--check-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"web:app can be served on {address}\n"


@covers("WSG-STP-07")
def test_a_secret_that_may_not_be_read_is_said(module: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    (module / "secret").write_text("s\n")
    (module / "secret").chmod(0)
    done = run(module, "web:app", "--secret-file", "secret")
    assert done.returncode == 3
    assert "cannot read the secret file secret: Permission denied" in done.stderr


# -- the reference page -------------------------------------------------------------------


def options() -> list[argparse.Action]:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return [action for action in parser._actions if action.option_strings and action.dest != "help"]


def test_the_reference_page_names_every_option_with_its_default() -> None:
    text = (PROJECT / "docs/reference/serve.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(--[a-z-]+)[ `].*? \| .*? \| (.*?) \|", text, re.MULTILINE))
    assert list(rows) == [action.option_strings[0] for action in options()]
    for action in options():
        default = rows[action.option_strings[0]]
        if action.default not in (None, False, "", []):
            shown = f"{action.default:g}" if isinstance(action.default, float) else str(action.default)
            assert shown in default, action.option_strings
    assert str(ConnectorSettings().body_size_max) in rows["--max-body"]


def test_help_names_every_option_and_default() -> None:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    text = " ".join(parser.format_help().split())
    for action in options():
        assert action.option_strings[0] in text
        assert action.help
        if isinstance(action.default, int | float) and not isinstance(action.default, bool):
            assert f"default {action.default:g}" in text or f"default {action.default}" in text
