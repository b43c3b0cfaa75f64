"""The three senders between processes: messages per second, latencies, processor time, more members."""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from refjk.channel import Fate, MessageRegistry, Tomcat55Channel
from refjk.membership import MemberAdded, Tomcat55Membership
from refjk.runtime.senders import Mode, SenderSettings
from refjk.runtime.senders_channel import Channel
from tests.bench import report
from tests.bench.chart import Chart, Curve
from tests.interop.peers.process import PROJECT

SIZES = (200, 4096, 65536)
RECEIVERS = (1, 5)
GROWTH_SIZE = 4096
GROWTH = (1, 2, 3, 5, 8)
CALLERS = 4  # threads that send at once, as the requests of a busy node do
PACE_S = 0.01  # between two messages when latency alone is asked for
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Setting:
    """One measurement."""

    mode: Mode
    size: int
    receivers: int

    @property
    def name(self) -> str:
        plural = "" if self.receivers == 1 else "s"
        return f"{self.mode.value}, {self.size} octets, {self.receivers} receiver{plural}"


def settings() -> list[Setting]:
    """Every sender with every size, and with every number of members for one size."""
    found = [Setting(mode, size, count) for mode in Mode for size in SIZES for count in RECEIVERS]
    found += [Setting(mode, GROWTH_SIZE, count) for mode in Mode for count in GROWTH]
    return list(dict.fromkeys(found))


@dataclass(slots=True)
class Result:
    """`numbers` by the name of a setting and of what was measured, one for each round."""

    numbers: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


class Node:
    """A receiving process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.bench.receiving_node"]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self.port = int(self._output.readline())

    def ask(self, count: int) -> None:
        """Let it report once it has got so many messages."""
        self._input.write(f"{count}\n")
        self._input.flush()

    def report(self, count: int) -> tuple[int, float, list[int]]:
        """Octets received, processor seconds, delays in ns."""
        told = json.loads(self._output.readline())
        assert told["messages"] == count, f"{told['messages']} of {count} messages arrived"
        return told["octets"], told["cpu_s"], told["delays_ns"]

    def end(self) -> None:
        self._input.close()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


@contextlib.contextmanager
def nodes(count: int) -> Iterator[list[Node]]:
    """So many receiving processes."""
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            node = Node()
            stack.callback(node.end)
            started.append(node)
        yield started


def filler(size: int) -> bytes:
    """Text that is about as hard to zip as what sessions hold: a third of it is left."""
    words = random.Random(size)
    known = [f"{words.getrandbits(4 * words.randint(2, 7)):x}" for _ in range(400)]
    return " ".join(words.choices(known, k=size)).encode()[:size]


class Load:
    """What one node sends to the others."""

    def __init__(self, setting: Setting, receiving: Sequence[Node]) -> None:
        self._filler = filler(setting.size - 8)
        self._channel = Channel(Tomcat55Channel(), MessageRegistry(), SenderSettings(setting.mode))
        introduce = Tomcat55Membership().introduce
        self._channel.take_members([MemberAdded(introduce("127.0.0.1", node.port)) for node in receiving])
        self._wanted = Fate.QUEUED if setting.mode is Mode.ASYNCHRONOUS else Fate.ACKNOWLEDGED

    def send(self) -> int:
        """One message; how long the caller was held up, in ns."""
        begin = time.monotonic_ns()
        result = self._channel.send(begin.to_bytes(8, "big") + self._filler)
        passed = time.monotonic_ns() - begin
        for one in result.members:
            assert one.fate is self._wanted, one
        return passed

    def run(self, seconds: float) -> list[int]:
        """As many as some threads can send in that time."""
        taken: list[list[int]] = [[] for _ in range(CALLERS)]
        deadline = time.monotonic() + seconds

        def call(own: list[int]) -> None:
            while time.monotonic() < deadline:
                own.append(self.send())

        threads = [threading.Thread(target=call, args=(own,)) for own in taken]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [passed for own in taken for passed in own]

    def pace(self, seconds: float) -> list[int]:
        """One after the other at a fixed pace."""
        due, taken = time.monotonic(), []
        for _ in range(max(int(seconds / PACE_S), 1)):
            time.sleep(max(due - time.monotonic(), 0))
            due += PACE_S
            taken.append(self.send())
        return taken

    def stop(self) -> None:
        self._channel.stop(GRACE_S)


def percentile_us(numbers: Sequence[int], share: float) -> float:
    """The number that this share of them does not exceed; ns become µs."""
    return sorted(numbers)[min(int(len(numbers) * share), len(numbers) - 1)] / 1000


def measure_once(setting: Setting, all_nodes: Sequence[Node], seconds: float) -> dict[str, float]:
    """Both loads. A rate counts messages that have arrived everywhere, and the time until they had."""
    receiving = all_nodes[: setting.receivers]
    load = Load(setting, receiving)
    try:
        load.pace(0)  # connects
        _reports(receiving, 1)
        begin, cpu_s = time.monotonic(), time.process_time()
        calls = load.run(seconds)
        told = _reports(receiving, len(calls))
        passed, cpu_s = time.monotonic() - begin, time.process_time() - cpu_s
        paced = load.pace(seconds / 2)
        delays = [delay for _, _, delays in _reports(receiving, len(paced)) for delay in delays]
    finally:
        load.stop()
    found = {
        "messages_per_s": len(calls) / passed,
        "sender_cpu_us": cpu_s / len(calls) * 1e6,
        "receiver_cpu_us": sum(spent for _, spent, _ in told) / len(calls) / len(receiving) * 1e6,
        "wire_octets": told[0][0] / len(calls),
    }
    for name, numbers in (("call", calls), ("paced_call", paced), ("paced_delivery", delays)):
        for share in (50, 90, 99):
            found[f"{name}_p{share}_us"] = percentile_us(numbers, share / 100)
    return found


def _reports(receiving: Sequence[Node], count: int) -> list[tuple[int, float, list[int]]]:
    for node in receiving:
        node.ask(count)
    return [node.report(count) for node in receiving]


def measure(rounds: int, seconds: float, wanted: Sequence[Setting] | None = None) -> Result:
    """Round by round every setting in turn, against the same processes."""
    result = Result(facts=report.machine())
    chosen = settings() if wanted is None else wanted
    with nodes(max(setting.receivers for setting in chosen)) as started:
        for number_of_round in range(1, rounds + 1):
            print(f"round {number_of_round} of {rounds}", file=sys.stderr)
            for setting in chosen:
                kept = result.numbers.setdefault(setting.name, {})
                for name, number in measure_once(setting, started, seconds).items():
                    kept.setdefault(name, []).append(number)
    result.facts |= {
        "load of the machine": f"{os.getloadavg()[0]:.1f}, this bench included",
        "callers": f"{CALLERS} threads; paced: one thread, a message each {PACE_S * 1000:.0f} ms",
        "measured": f"median of {rounds} interleaved rounds of {seconds:g} s; latencies p50 / p90 / p99",
    }
    return result


def as_markdown(result: Result) -> str:
    """The facts, a table of everything, and one of the growth with members."""
    header = [
        "sender, payload, receivers",
        "messages per s",
        "send() µs",
        "paced send() µs",
        "paced delivery µs",
        "sender CPU µs",
        "receiver CPU µs",
        "octets on the wire",
    ]
    rows = []
    for name, numbers in result.numbers.items():
        cells = [_median(numbers["messages_per_s"])]
        for which in ("call", "paced_call", "paced_delivery"):
            cells.append(" / ".join(_median(numbers[f"{which}_p{share}_us"]) for share in (50, 90, 99)))
        cells += [_median(numbers[which]) for which in ("sender_cpu_us", "receiver_cpu_us", "wire_octets")]
        rows.append([name, *cells])
    parts = [report.facts_as_text(result.facts), report.table(header, rows)]
    growth = [row for mode in Mode if (row := _growth_row(result, mode))]
    if growth:
        header = [f"messages per s, {GROWTH_SIZE} octets, members", *map(str, GROWTH)]
        parts.append(report.table(header, growth))
    return "\n\n".join(parts)


def charts(result: Result) -> dict[str, Chart]:
    """How many messages leave in a second as members grow in number; none if that was not measured."""
    curves = []
    for colour, mode in enumerate(Mode):
        names = {count: Setting(mode, GROWTH_SIZE, count).name for count in GROWTH}
        points = [
            (float(count), statistics.median(result.numbers[name]["messages_per_s"]))
            for count, name in names.items()
            if name in result.numbers
        ]
        if points:
            curves.append(Curve(mode.value, points, colour))
    title = "Messages that one node sends to all others"
    about = f"{GROWTH_SIZE} octets each; all nodes are processes of one machine with 2 cores"
    chart = Chart(title, about, "other nodes", "messages per second", curves)
    return {"senders-growth": chart} if curves else {}


def _growth_row(result: Result, mode: Mode) -> list[str]:
    names = [Setting(mode, GROWTH_SIZE, count).name for count in GROWTH]
    if not all(name in result.numbers for name in names):
        return []
    return [mode.value, *(_median(result.numbers[name]["messages_per_s"]) for name in names)]


def _median(numbers: list[float]) -> str:
    return f"{statistics.median(numbers):.0f}"
