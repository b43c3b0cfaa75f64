"""Members of a cluster as processes, on loopback or each in a network namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FREQUENCY_MS = 250
DROP_TIME_MS = 2000
PAUSE_MS = 4 * FREQUENCY_MS  # a node listens before it announces itself
SLACK_MS = 1500  # what a busy machine may add to any of the bounds
DEADLINE_S = 30


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Member:
    """One process, and everything it has told so far. Use it in a `with` block."""

    def __init__(self, host: str, interface: str, port: int, ttl: int, within: Sequence[str] = ()) -> None:
        words = [*within, sys.executable, "-m", "tests.interop.cluster_member", "--host", host]
        words += ["--interface", interface, "--port", str(port), "--ttl", str(ttl)]
        words += ["--frequency", str(FREQUENCY_MS), "--drop-time", str(DROP_TIME_MS)]
        self._words = words
        self._told: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.name = ""

    def __enter__(self) -> Member:
        self._process = subprocess.Popen(
            self._words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        if self._process.poll() is None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(10)
        self._process.stdin.close()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._changed:
                self._told.append(told)
                self._changed.notify_all()

    @property
    def told(self) -> list[dict[str, Any]]:
        with self._changed:
            return list(self._told)

    def all(self, event: str, **about: object) -> list[dict[str, Any]]:
        return [told for told in self.told if told["event"] == event and about.items() <= told.items()]

    def wait_for(self, event: str, since: int = 0, **about: object) -> dict[str, Any]:
        """The first such event at or after a time."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with self._changed:
                for told in self._told:
                    if told["event"] == event and told["at"] >= since and about.items() <= told.items():
                        return told
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"{self.name} told of no {event} {about}; of late: {self._told[-5:]}"
                self._changed.wait(left_s)

    def send(self, text: str) -> dict[str, str]:
        """What became of it at each member."""
        since = now_ms()
        assert self._process.stdin is not None
        self._process.stdin.write(f"send {text}\n")
        self._process.stdin.flush()
        fates: dict[str, str] = self.wait_for("sent", since)["fates"]
        return fates

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def started(stack: ExitStack, members: Sequence[Member]) -> list[Member]:
    """All of them, listening."""
    running = [stack.enter_context(member) for member in members]
    for member in running:
        member.name = member.wait_for("listening")["name"]
    return running


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


class Network:
    """A namespace for each member, joined by a bridge in one more; nothing in them leads out."""

    def __init__(self, size: int) -> None:
        self._names = [f"refjk{os.getpid()}-{number}" for number in range(size + 1)]
        self.hosts = [f"10.77.0.{number}" for number in range(1, size + 1)]

    @property
    def bridge(self) -> str:
        return self._names[0]

    def within(self, number: int) -> list[str]:
        """What to write before a command that is to run where member `number` (from 1) lives."""
        return ["ip", "netns", "exec", self._names[number]]

    def build(self) -> None:
        for name in self._names:
            ip(f"netns add {name}")
            ip(f"-n {name} link set lo up")
        ip(f"-n {self.bridge} link add br0 type bridge mcast_snooping 0 forward_delay 0")
        ip(f"-n {self.bridge} link set br0 up")
        for number, host in enumerate(self.hosts, 1):
            name = self._names[number]
            ip(f"-n {self.bridge} link add port{number} type veth peer name eth0 netns {name}")
            ip(f"-n {self.bridge} link set port{number} master br0 up")
            ip(f"-n {name} addr add {host}/24 dev eth0")
            ip(f"-n {name} link set eth0 up")

    def cable(self, number: int, state: str) -> None:
        """`down` pulls the cable at the bridge's end, `up` puts it in again."""
        ip(f"-n {self.bridge} link set port{number} {state}")

    def interface(self, number: int, state: str) -> None:
        """Switches the member's own interface."""
        ip(f"-n {self._names[number]} link set eth0 {state}")

    def remove(self) -> None:
        """All that was built; a namespace takes its links along."""
        for name in self._names:
            if Path("/run/netns", name).exists():
                ip(f"netns del {name}")


def ip(words: str) -> None:
    done = subprocess.run(["ip", *words.split()], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"ip {words}: {done.stderr.strip()}"


@contextmanager
def network(size: int) -> Iterator[Network]:
    """Skips with a reason where this process may not build one."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 for network namespaces: apt-get install iproute2")
    built = Network(size)
    try:
        try:
            built.build()
        except AssertionError as error:
            pytest.skip(f"no network namespaces with a bridge here: {error}")
        yield built
    finally:
        built.remove()
