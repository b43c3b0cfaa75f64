"""What replication adds to a request: sessions alone, and in clusters of several nodes, in each mode."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.senders_settings import Mode
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from tests.bench import joining, report, session_memory
from tests.bench.chart import Chart, Curve
from tests.bench.replicating_node import node_settings
from tests.interop.peers import free_port
from tests.interop.peers.process import PROJECT

NODES = (2, 3, 6)
ALONE = "no cluster"
CALLERS = 4  # threads that make sessions at once
DEADLINE_S = 60.0
JOINING_SESSIONS = 100_000
MEMORY_SESSIONS = 5000
SHORT_SESSIONS = 200
Numbers = dict[str, float]


@dataclass(slots=True)
class Result:
    """`numbers` by the name of a setting and of what was measured, one for each round; `join` is measured
    once, `memory` in octets."""

    numbers: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    join: dict[str, Numbers] = field(default_factory=dict)
    memory: Numbers = field(default_factory=dict)
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


class Replica:
    """Another node, as a process of its own."""

    def __init__(self, name: str, group: int, mode: Mode) -> None:
        words = ["-m", "tests.bench.replicating_node", name, str(group), mode.value]
        self._process = subprocess.Popen(
            [sys.executable, *words], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout

    def told(self) -> Numbers:
        """What it says next."""
        line = self._output.readline()
        assert line, "the node has ended"
        told: Numbers = json.loads(line)
        return told

    def ask(self, deltas: int) -> None:
        """Let it report when it has done so many."""
        self._input.write(f"{deltas}\n")
        self._input.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The sessions of the node in this process, and the other nodes."""

    sessions: Sessions
    replicas: Sequence[Replica]

    def reports(self, deltas: int) -> list[Numbers]:
        """Of the others, when they have done so many deltas."""
        for one in self.replicas:
            one.ask(deltas)
        reports = [one.told() for one in self.replicas]
        assert all(one["deltas"] >= deltas for one in reports), "messages were lost"
        return reports


@contextlib.contextmanager
def clustered(mode: Mode, count: int) -> Iterator[Cluster]:
    """So many nodes that know each other."""
    group = free_port()
    with contextlib.ExitStack() as stack:
        replicas = []
        for number in range(2, count + 1):
            replicas.append(Replica(f"node{number}", group, mode))
            stack.callback(replicas[-1].end)
            replicas[-1].told()
        node = ClusterNode(node_settings("node1", group, mode))
        stack.callback(node.stop, 1.0)
        node.start()
        deadline = time.monotonic() + DEADLINE_S
        while len(node.members()) < count - 1:
            assert time.monotonic() < deadline, "the nodes do not find each other"
            time.sleep(0.02)
        settings = ManagerSettings("", route="node1", expire_sessions_on_shutdown=False)
        yield Cluster(node.add_context(settings), replicas)


def settings(counts: Sequence[int] = NODES) -> list[tuple[str, Mode | None, int]]:
    """Name, mode and number of nodes of each measurement."""
    found: list[tuple[str, Mode | None, int]] = [(ALONE, None, 1)]
    return found + [(name_of(mode, count), mode, count) for mode in Mode for count in counts]


def name_of(mode: Mode, count: int) -> str:
    return f"{mode.value}, {count} nodes"


def measure_once(mode: Mode | None, count: int, seconds: float) -> Numbers:
    """Requests of one session, then new sessions from several threads; both in that time."""
    if mode is None:
        return _measured(Cluster(Sessions.alone(ManagerSettings("")), []), seconds)
    with clustered(mode, count) as cluster:
        return _measured(cluster, seconds)


def _measured(cluster: Cluster, seconds: float) -> Numbers:
    user = User(cluster.sessions)
    user.ask()  # connects
    before, cpu_s = cluster.reports(1), time.process_time()
    times = user.times_us(seconds)
    after, cpu_s = cluster.reports(1 + len(times)), time.process_time() - cpu_s
    spent = [two["cpu_s"] - one["cpu_s"] for one, two in zip(before, after, strict=True)]
    begin = time.perf_counter()
    made = make_sessions(cluster.sessions, seconds)
    cluster.reports(1 + len(times) + made)
    hundredths = statistics.quantiles(times, n=100)
    return {
        "p50_us": hundredths[49],
        "p99_us": hundredths[98],
        "cpu_us": cpu_s / len(times) * 1e6,
        "other_cpu_us": statistics.fmean(spent) / len(times) * 1e6 if spent else 0.0,
        "sessions_per_s": made / (time.perf_counter() - begin),
    }


def make_sessions(sessions: Sessions, seconds: float) -> int:
    """How many several threads have made in that time, each with its first request."""
    made = [0] * CALLERS
    deadline = time.monotonic() + seconds

    def call(number: int) -> None:
        while time.monotonic() < deadline:
            User(sessions).ask()
            made[number] += 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(made)


def measure(rounds: int, seconds: float, *, short: bool = False) -> Result:
    """All settings once in each round; then the join of a node and the memory of a session."""
    result = Result(facts=report.machine())
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, mode, count in settings(NODES[:1] if short else NODES):
            kept = result.numbers.setdefault(name, {})
            for what, value in measure_once(mode, count, seconds).items():
                kept.setdefault(what, []).append(value)
    print("a node joins; the memory of a session", file=sys.stderr)
    for kind in session_memory.KINDS:
        result.join[kind] = joining.join(SHORT_SESSIONS if short else JOINING_SESSIONS, kind, free_port())
    result.memory = session_memory.measure(SHORT_SESSIONS if short else MEMORY_SESSIONS)
    result.facts |= {
        "load of the machine": f"{os.getloadavg()[0]:.1f}, this bench included",
        "callers": f"one for latencies, {CALLERS} threads for new sessions",
        "measured": f"median of {rounds} interleaved rounds of {seconds:g} s",
    }
    return result


def as_markdown(result: Result) -> str:
    """Facts, a table of modes and nodes, the joins, the memory."""
    base = medians(result, ALONE)
    rows = []
    for name in result.numbers:
        found = medians(result, name)
        added = [found[which] - base[which] for which in ("p50_us", "p99_us")]
        cells = [found[which] for which in ("p50_us", "p99_us")] + added
        cells += [found[which] for which in ("cpu_us", "other_cpu_us", "sessions_per_s")]
        rows.append([name, *(f"{cell:.0f}" for cell in cells)])
    header = ["a request", "p50 µs", "p99 µs", "added to p50", "added to p99"]
    header += ["CPU µs", "CPU µs at each other node", "new sessions per s"]
    memory = [[name, f"{octets:.0f}"] for name, octets in result.memory.items()]
    parts = [
        report.facts_as_text(result.facts),
        report.table(header, rows),
        joining.as_markdown(result.join),
        report.table(["a replicated session", "octets"], memory),
    ]
    return "\n\n".join(parts)


def medians(result: Result, name: str) -> Numbers:
    """Of one setting."""
    return {what: statistics.median(values) for what, values in result.numbers[name].items()}


def charts(result: Result) -> dict[str, Chart]:
    """The curves by the name of their file."""
    counts = [count for count in NODES if name_of(Mode.POOLED, count) in result.numbers]
    curves = []
    for colour, mode in enumerate(Mode):
        for which in ("p50", "p99"):
            added = [
                medians(result, name_of(mode, count))[f"{which}_us"] - medians(result, ALONE)[f"{which}_us"]
                for count in counts
            ]
            points = [(float(count), us / 1000) for count, us in zip(counts, added, strict=True)]
            curves.append(Curve(f"{mode.value}, {which}", points, colour, dashed=which == "p99"))
    title = "What replication adds to a request"
    about = "nodes as processes of one machine with 2 cores; solid: p50, dashed: p99"
    return {"replication-latency": Chart(title, about, "nodes of the cluster", "added, ms", curves)}
