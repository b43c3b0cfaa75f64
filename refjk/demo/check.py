"""The demo driven by itself: sessions that stay, a node that is killed, a node that returns."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from refjk.demo.cluster import RECOVER_TIME_S, Cluster
from refjk.demo.nodes import Node

CLIENTS_PER_NODE = 4
ROUNDS = 5
LOADERS = 4
FIRST_ANSWER_S = 3.0
RETURN_DEADLINE_S = RECOVER_TIME_S + 15.0
ANSWER_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at."""

    name: str
    passed: bool
    seen: str


@dataclass(slots=True)
class Visitor:
    """A client with a cookie of its own."""

    port: int
    cookie: str = ""
    node: str = ""
    count: int = 0
    failures: list[str] = field(default_factory=list)

    def ask(self) -> None:
        """One request; what came is in the attributes, what went wrong in `failures`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_DEADLINE_S)
        try:
            connection.request("GET", "/json", headers={"Cookie": self.cookie} if self.cookie else {})
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                self.failures.append(f"status {response.status}")
                return
            shown: dict[str, Any] = json.loads(body)
            self.node, self.count = shown["node"], shown["count"]
            self.cookie = (response.getheader("Set-Cookie") or self.cookie).partition(";")[0]
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


class Check:
    """The steps, in order; each is told to `say` as soon as it is known."""

    def __init__(self, cluster: Cluster, say: Callable[[Step], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._visitors = [Visitor(cluster.port) for _ in range(CLIENTS_PER_NODE * len(cluster.nodes))]
        self._steps: list[Step] = []

    def run(self, started: float) -> list[Step]:
        """`started` is when the demo began to start, on the monotonic clock."""
        self._first_answer(started)
        self._distribution()
        self._stickiness()
        victim = self._cluster.nodes[0]
        before = [(visitor.node, visitor.count) for visitor in self._visitors]
        self._kill(victim)
        self._sessions_after(victim, before)
        self._return(victim)
        self._distribution_again()
        return self._steps

    def _step(self, name: str, passed: bool, seen: str) -> None:
        step = Step(name, passed, seen)
        self._steps.append(step)
        self._say(step)

    def _first_answer(self, started: float) -> None:
        visitor = Visitor(self._cluster.port)
        visitor.ask()
        took_s = time.monotonic() - started
        passed = not visitor.failures and took_s < FIRST_ANSWER_S
        self._step("first answer", passed, f"{took_s:.2f} s after the start, {FIRST_ANSWER_S:g} s allowed")

    def _distribution(self) -> None:
        shares, failures = self._ask_all()
        numbers = [shares[node.name] for node in self._cluster.nodes]
        passed = max(numbers) - min(numbers) <= 1 and not failures
        self._step("new sessions are spread evenly", passed, _told(shares) + failures)

    def _stickiness(self) -> None:
        before = [(visitor.node, visitor.count) for visitor in self._visitors]
        for _ in range(ROUNDS):
            _, failures = self._ask_all()
        stayed = sum(
            (visitor.node, visitor.count) == (node, count + ROUNDS)
            for visitor, (node, count) in zip(self._visitors, before, strict=True)
        )
        self._step(
            "sessions stay on their node, and count there",
            stayed == len(self._visitors),
            f"{stayed} of {len(self._visitors)} after {ROUNDS} more requests each{failures}",
        )

    def _kill(self, victim: Node) -> None:
        pid = victim.pid
        with self._load() as load:
            victim.kill()
            for _ in range(ROUNDS):
                _, failures = self._ask_all()
        failures = failures or _failures(load)
        requests = ROUNDS * len(self._visitors) + sum(visitor.count for visitor in load)
        self._step(
            f"{victim.name} is killed (PID {pid}, SIGKILL) and no request fails",
            not failures,
            f"{requests} requests meanwhile, {len(load)} clients without pause and all sessions{failures}",
        )

    def _sessions_after(self, victim: Node, before: Sequence[tuple[str, int]]) -> None:
        pairs = list(zip(self._visitors, before, strict=True))
        moved = sum(node == victim.name for _, (node, _) in pairs)
        settled = sum(
            visitor.node != victim.name and visitor.count == ROUNDS
            for visitor, (node, _) in pairs
            if node == victim.name
        )
        undisturbed = sum(
            (visitor.node, visitor.count) == (node, count + ROUNDS)
            for visitor, (node, count) in pairs
            if node != victim.name
        )
        self._step(
            "its sessions move and the others do not notice",
            settled == moved and undisturbed == len(pairs) - moved,
            f"{settled} of {moved} moved and stayed where they went, {undisturbed} of {len(pairs) - moved}"
            f" undisturbed; now {_told(Counter(visitor.node for visitor in self._visitors))}",
        )

    def _return(self, victim: Node) -> None:
        victim.launch()
        victim.wait_until_serving()
        returned = time.monotonic()
        waited_s = 0.0
        found = False
        while not found and waited_s < RETURN_DEADLINE_S:
            newcomer = Visitor(self._cluster.port)
            newcomer.ask()
            found = newcomer.node == victim.name
            waited_s = time.monotonic() - returned
            time.sleep(0.05)
        self._step(
            f"{victim.name} returns (PID {victim.pid}) and takes new sessions",
            found,
            f"the first one after {waited_s:.1f} s, with a recovery time of {RECOVER_TIME_S} s",
        )

    def _distribution_again(self) -> None:
        newcomers = [Visitor(self._cluster.port) for _ in self._visitors]
        for newcomer in newcomers:
            newcomer.ask()
        shares = Counter(newcomer.node for newcomer in newcomers)
        failures = _failures(newcomers)
        numbers = [shares[node.name] for node in self._cluster.nodes]
        passed = max(numbers) - min(numbers) <= 1 and not failures
        self._step("new sessions are spread over all nodes again", passed, _told(shares) + failures)

    def _ask_all(self) -> tuple[Counter[str], str]:
        """How many visitors were answered by each node, and what has failed so far."""
        for visitor in self._visitors:
            visitor.ask()
        return Counter(visitor.node for visitor in self._visitors), _failures(self._visitors)

    @contextmanager
    def _load(self) -> Iterator[list[Visitor]]:
        """Some clients that ask without pause, as long as the context lasts; then `count` tells how often."""
        visitors = [Visitor(self._cluster.port) for _ in range(LOADERS)]
        over = threading.Event()

        def run(visitor: Visitor) -> None:
            asked = 0
            while not over.is_set():
                visitor.cookie = ""  # new sessions: every node is asked
                visitor.ask()
                asked += 1
            visitor.count = asked

        threads = [threading.Thread(target=run, args=(visitor,)) for visitor in visitors]
        for thread in threads:
            thread.start()
        try:
            yield visitors
        finally:
            over.set()
            for thread in threads:
                thread.join()


def _failures(visitors: Sequence[Visitor]) -> str:
    """Empty when there were none."""
    found = [failure for visitor in visitors for failure in visitor.failures]
    return f"; {len(found)} failed, the first one with {found[0]}" if found else ""


def _told(shares: Counter[str]) -> str:
    return ", ".join(f"{name} {shares[name]}" for name in sorted(shares) if name)
