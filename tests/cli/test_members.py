"""`refjk members` as a user meets it: a process that listens on loopback."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from refjk.cli.main import main
from refjk.cli.members import duration_ms
from refjk.membership import Authenticator
from refjk.runtime.multicast import GROUP

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30
KEY = b"a key of enough octets"


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


class Node:
    """Announces what it is told to, on loopback only."""

    def __init__(self, port: int) -> None:
        self._target = (GROUP, port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        loopback = socket.inet_aton("127.0.0.1")
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)

    def say(self, octets: bytes) -> None:
        self._socket.sendto(octets, self._target)

    def close(self) -> None:
        self._socket.close()


def announcement(alive_ms: int, port: int = 4001) -> bytes:
    head = struct.pack(">qi4s", alive_ms, port, socket.inet_aton("127.0.0.1"))
    return head + b"tcp://127.0.0.1:%d" % port


class Watching:
    """The command as a process; its lines are read as they come."""

    def __init__(self, port: int, *words: str) -> None:
        self.port = port
        self.node = Node(port)
        command = [sys.executable, "-m", "refjk", "members", "--interface", "127.0.0.1", "--port", str(port)]
        self._process = subprocess.Popen(
            [*command, *words], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self.remarks: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self.remarks), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: Any, lines: list[str]) -> None:
        for line in pipe:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def until(self, text: str, of: list[str] | None = None) -> str:
        """The first line that holds a text; waits for it."""
        lines = self.lines if of is None else of
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while not (found := [line for line in lines if text in line]):
                left_s = deadline - time.monotonic()
                assert left_s > 0 and self._process.poll() is None, (text, self.lines, self.remarks)
                self._changed.wait(min(left_s, 0.5))
        return found[0]

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        code = self._process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        self.node.close()


@contextmanager
def watching(*words: str) -> Iterator[Watching]:
    started = Watching(free_udp_port(), *words)
    try:
        if "-" not in words:
            started.until("listening on", started.remarks)
        yield started
    finally:
        started.close()


def test_a_member_comes_beats_and_vanishes_and_ctrl_c_gives_the_summary(tmp_path: Path) -> None:
    told, picture = tmp_path / "told.json", tmp_path / "picture.svg"
    with watching("--drop-time", "700ms", "--json", str(told), "--picture", str(picture)) as watch:
        for number in (0, 1, 3):
            watch.node.say(announcement(number * 100))
        watch.until(" vanished  tcp://127.0.0.1:4001")
        watch.signal(signal.SIGINT)
        assert watch.wait() == 0
    came, beat, later, vanished, head, summary = watch.lines
    assert " came      tcp://127.0.0.1:4001 at 127.0.0.1:4001, alive 0.0 s" in came
    assert " beat      tcp://127.0.0.1:4001 at 127.0.0.1:4001, alive 0.1 s, gap " in beat
    assert later.endswith("loss 25 %")
    assert ", last heard " in vanished
    assert head == "--- 1 seen, 0 there"
    assert summary.startswith(
        "tcp://127.0.0.1:4001: gone, alive 0.3 s, heard 3, missed 1 (25 %), interval 100 ms"
    )
    events = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    assert [event["event"] for event in events] == ["came", "beat", "beat", "vanished", "summary"]
    assert {key: events[2][key] for key in ("member", "host", "port", "alive_ms", "missed", "loss")} == {
        "member": "tcp://127.0.0.1:4001",
        "host": "127.0.0.1",
        "port": 4001,
        "alive_ms": 300,
        "missed": 1,
        "loss": 0.25,
    }
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_it_announces_nothing() -> None:
    with (
        watching("--for", "1500ms", "--quiet") as watch,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
    ):
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind((GROUP, watch.port))
        group = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        watch.node.say(announcement(0))
        assert watch.wait() == 0
        ear.setblocking(False)
        assert ear.recv(2000) == announcement(0)
        with pytest.raises(BlockingIOError):
            ear.recv(2000)


def test_json_to_standard_output_is_all_that_is_there_and_a_time_ends_it() -> None:
    with watching("--for", "3s", "--json", "-") as watch:
        deadline = time.monotonic() + DEADLINE_S
        while not watch.lines and time.monotonic() < deadline:  # nothing tells when it listens
            watch.node.say(announcement(0))
            time.sleep(0.05)
        assert watch.wait() == 0
    events = [json.loads(line) for line in watch.lines]
    assert (events[0]["event"], events[-1]["event"]) == ("came", "summary")
    assert watch.remarks == []


def test_sigterm_ends_it_as_ctrl_c_does_and_quiet_leaves_the_beats_out() -> None:
    with watching("--quiet") as watch:
        watch.node.say(announcement(0))
        watch.node.say(announcement(500))
        watch.node.say(announcement(0, port=4002))
        watch.until("tcp://127.0.0.1:4002")
        watch.signal(signal.SIGTERM)
        assert watch.wait() == 0
    assert [line.split()[1] for line in watch.lines[:2]] == ["came", "came"]
    assert watch.lines[2] == "--- 2 seen, 2 there"
    assert " heard 2, missed 0 (0 %), interval 500 ms" in watch.lines[3]


def test_with_a_key_only_signed_announcements_are_heard(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(KEY + b"\n")
    with watching("--key-file", str(key_file)) as watch:
        watch.node.say(announcement(0))
        watch.until("refused   not authentic: MEM-AUT-08")
        watch.node.say(Authenticator(KEY).sign(announcement(0), time.time_ns() // 1_000_000))
        watch.until("came      tcp://127.0.0.1:4001")
        watch.signal(signal.SIGINT)
        assert watch.wait() == 0
    assert "refjk members: 1 datagrams refused: not authentic" in watch.remarks


def test_nonsense_is_told_with_nothing_that_a_terminal_obeys() -> None:
    with watching() as watch:
        watch.node.say(announcement(0) + b"\x1b[31m")
        watch.node.say(b"short")
        line = watch.until("refused   malformed")
        watch.signal(signal.SIGINT)
        assert watch.wait() == 130
    assert "MEM-DAT-05" in line
    assert "\x1b" not in "".join(watch.lines)


def test_nobody_in_the_time_is_an_answer_of_its_own() -> None:
    with watching("--for", "200ms") as watch:
        assert watch.wait() == 4
    assert watch.lines == ["--- 0 seen, 0 there"]
    assert watch.remarks[-1] == f"refjk members: nobody was heard on {GROUP}:{watch.port}"


def test_a_second_ctrl_c_is_not_needed_and_the_first_before_anybody_was_heard_is_130() -> None:
    with watching() as watch:
        watch.signal(signal.SIGINT)
        assert watch.wait() == 130


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--address", "10.0.0.1"], 2, "is not an IPv4 multicast address"),
        (["--port", "0"], 2, "mcastPort 0 is not within 1 to 65535"),
        (["--interface", "nowhere0"], 3, "has no interface 'nowhere0'"),
        (["--bind", "203.0.113.77"], 3, "cannot join 228.0.0.4:45564"),
        (["--key-file", "/nonexistent"], 3, "cannot read the secret file"),
        (["--key-file", ""], 2, "--key-file is given without a file"),
        (["--json", "/nonexistent/x"], 2, "cannot write --json /nonexistent/x"),
        (["--picture", "/nonexistent/x"], 2, "cannot write --picture /nonexistent/x"),
    ],
)
def test_mistakes_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, text: str
) -> None:
    assert main(["members", *words]) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert text in lines[0]


def test_a_key_that_is_too_short_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(b"short\n")
    assert main(["members", "--key-file", str(key_file)]) == 3
    assert "16 is the least" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("10s", 10_000), ("10", 10_000), ("500ms", 500), ("1.5m", 90_000), ("1h", 3_600_000)],
)
def test_a_time_is_written_with_its_unit(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["0", "-1s", "10x", "", "s", "1e3", "0.4ms"])
def test_what_is_no_time_is_a_wrong_use(text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["members", f"--for={text}"])
    assert ended.value.code == 2
