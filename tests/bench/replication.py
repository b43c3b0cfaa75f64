"""What replication adds to a request: sessions alone, and in clusters of several nodes, in each mode."""

from __future__ import annotations

import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from refjk.membership import MembershipSettings
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.senders_settings import Mode, SenderSettings
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from tests.bench import report
from tests.interop.peers import free_port
from tests.interop.peers.process import PROJECT

NODES = (2, 3, 6)
ALONE = "no cluster"
JOINING_SESSIONS = 20_000
DEADLINE_S = 120.0
_groups = itertools.count(45_000 + os.getpid() % 4000)


@dataclass(slots=True)
class Result:
    """Microseconds of a request, p50 and p99 of each round, by the name of a setting."""

    p50: dict[str, list[float]] = field(default_factory=dict)
    p99: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


class User:
    """One session, asked for over and over without a wire: what is measured is the node."""

    def __init__(self, sessions: Sessions) -> None:
        self._application = SessionMiddleware(self._count, sessions)
        self._cookie = ""

    @staticmethod
    def _count(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        session = environ["refjk.session"]
        session.set("n", session.get("n", 0) + 1)
        start_response("200 OK", [])
        return [b"x"]

    def ask(self) -> None:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], None]:
            for name, value in headers:
                if name == "Set-Cookie":
                    self._cookie = value.partition(";")[0]
            return lambda data: None

        environ = {"SCRIPT_NAME": "", "PATH_INFO": "/", "HTTP_COOKIE": self._cookie}
        list(self._application({**environ, "wsgi.url_scheme": "http"}, start))

    def times_us(self, seconds: float) -> list[float]:
        """Of each request in that time."""
        times = []
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            self.ask()
            times.append((time.perf_counter() - started) * 1e6)
        return times


@contextlib.contextmanager
def clustered(mode: Mode, count: int) -> Iterator[Sessions]:
    """The sessions of one node in this process, with the others in processes of their own."""
    group = next(_groups)
    with contextlib.ExitStack() as stack:
        for number in range(2, count + 1):
            words = [f"node{number}", str(free_port()), str(group), mode.value]
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.interop.cluster_app_node", *words],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == b"serves\n"
        node = ClusterNode(node_settings("node1", group, mode))
        stack.callback(node.stop, 1.0)
        node.start()
        deadline = time.monotonic() + DEADLINE_S
        while len(node.members()) < count - 1:
            assert time.monotonic() < deadline, "the nodes do not find each other"
            time.sleep(0.02)
        yield node.add_context(ManagerSettings("", route="node1", expire_sessions_on_shutdown=False))


def node_settings(name: str, group: int, mode: Mode) -> NodeSettings:
    return NodeSettings(
        route=name,
        membership=MembershipSettings(frequency_ms=100, drop_time_ms=5000),
        multicast=MulticastSettings(port=group, interface="127.0.0.1", ttl=0),
        senders=SenderSettings(mode=mode),
    )


def settings() -> list[tuple[str, Mode | None, int]]:
    """Name, mode and number of nodes of each measurement."""
    found: list[tuple[str, Mode | None, int]] = [(ALONE, None, 1)]
    return found + [(f"{mode.value}, {count} nodes", mode, count) for mode in Mode for count in NODES]


def measure(rounds: int, seconds: float) -> Result:
    """All settings once in each round."""
    result = Result(facts=report.machine())
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, mode, count in settings():
            if mode is None:
                times = User(Sessions.alone(ManagerSettings(""))).times_us(seconds)
            else:
                with clustered(mode, count) as sessions:
                    times = User(sessions).times_us(seconds)
            hundredths = statistics.quantiles(times, n=100)
            result.p50.setdefault(name, []).append(hundredths[49])
            result.p99.setdefault(name, []).append(hundredths[98])
    result.facts["join"] = _told_join(*join_time_s(JOINING_SESSIONS))
    return result


def join_time_s(count: int) -> tuple[int, float]:
    """Sessions of one node, and the seconds that another one needs to have them when it starts."""
    group = next(_groups)
    with contextlib.ExitStack() as stack:
        first = ClusterNode(node_settings("node1", group, Mode.POOLED))
        stack.callback(first.stop, 1.0)
        first.start()
        sessions = first.add_context(ManagerSettings("", route="node1"))
        for _ in range(count):
            User(sessions).ask()
        second = ClusterNode(node_settings("node2", group, Mode.POOLED))
        stack.callback(second.stop, 1.0)
        second.start()
        started = time.monotonic()
        taken = second.add_context(ManagerSettings("", route="node2"), timeout_s=DEADLINE_S)
        took_s = time.monotonic() - started
        return len(taken.manager), took_s


def _told_join(count: int, took_s: float) -> str:
    return f"a node that starts has {count} sessions of another one after {took_s:.1f} s"


def as_markdown(result: Result) -> str:
    """Facts and a table."""
    rows = []
    base = statistics.median(result.p50[ALONE])
    for name in result.p50:
        p50, p99 = statistics.median(result.p50[name]), statistics.median(result.p99[name])
        rows.append([name, f"{p50:.0f}", f"{p99:.0f}", f"{p50 - base:.0f}"])
    header = ["sessions", "p50 µs", "p99 µs", "added to p50"]
    return f"{report.facts_as_text(result.facts)}\n\n{report.table(header, rows)}"
