"""The demo driven by itself: sessions that stay, nodes that die and return, updates that live on, a farm."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from refjk.demo.cluster import Cluster
from refjk.demo.entrance import RECOVER_TIME_S
from refjk.demo.nodes import Node
from refjk.demo.turnover import Guest, Turnover, deploy, remove, turn_over
from refjk.demo.users import Crowd, Visitor, failures_of, first_at, newcomers_without_pause

CLIENTS_PER_NODE = 4
ROUNDS = 5
LOADERS = 4
CLICKS_BETWEEN = 3  # of everybody, before a node is killed and after it
FIRST_ANSWER_S = 3.0
RETURN_DEADLINE_S = RECOVER_TIME_S + 15.0

MAY_LOSE = ("asynchronous",)
"""Modes that answer a user before the other nodes have the update."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at. `numbers` for programs."""

    name: str
    passed: bool
    seen: str
    numbers: dict[str, int] | None = None


class Check:
    """The steps, in order; each is told to `say` as soon as it is known."""

    def __init__(self, cluster: Cluster, users: int, say: Callable[[Step], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._visitors = [Visitor(cluster.port) for _ in range(CLIENTS_PER_NODE * len(cluster.nodes))]
        self._users_count = users
        self._may_lose = cluster.mode in MAY_LOSE
        self._steps: list[Step] = []

    def run(self, started: float) -> list[Step]:
        """`started` is when the demo began to start, on the monotonic clock."""
        self._first_answer(started)
        self._replication()
        self._distribution()
        self._stickiness()
        victim = self._cluster.nodes[0]
        before = [(visitor.node, visitor.count) for visitor in self._visitors]
        self._kill(victim)
        self._sessions_after(victim, before)
        self._return(victim)
        self._distribution_again()
        self._users()
        self._farm()
        return self._steps

    def _step(self, name: str, passed: bool, seen: str, numbers: dict[str, int] | None = None) -> None:
        step = Step(name, passed, seen, numbers)
        self._steps.append(step)
        self._say(step)

    def _first_answer(self, started: float) -> None:
        visitor = Visitor(self._cluster.port)
        visitor.ask()
        took_s = time.monotonic() - started
        passed = not visitor.failures and took_s < FIRST_ANSWER_S
        self._step("first answer", passed, f"{took_s:.2f} s after the start, {FIRST_ANSWER_S:g} s allowed")

    def _replication(self) -> None:
        alone = self._cluster.alone
        self._step("sessions are replicated", not alone, alone or f"{self._cluster.mode}, by all nodes")

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
        with newcomers_without_pause(self._cluster.port, LOADERS) as load:
            victim.kill()
            for _ in range(ROUNDS):
                _, failures = self._ask_all()
        failures = failures or failures_of(load)
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
            visitor.node != victim.name and self._went_on(visitor.count, count + ROUNDS)
            for visitor, (node, count) in pairs
            if node == victim.name
        )
        undisturbed = sum(
            (visitor.node, visitor.count) == (node, count + ROUNDS)
            for visitor, (node, count) in pairs
            if node != victim.name
        )
        self._step(
            "its sessions go on at other nodes and the others do not notice",
            settled == moved and undisturbed == len(pairs) - moved,
            f"{settled} of {moved} went on counting where they went, {undisturbed} of {len(pairs) - moved}"
            f" undisturbed; now {_told(Counter(visitor.node for visitor in self._visitors))}",
        )

    def _went_on(self, count: int, due: int) -> bool:
        """Nobody clicked while the node died, so that nothing can have been counted twice."""
        return ROUNDS <= count <= due if self._may_lose else count == due

    def _return(self, victim: Node) -> None:
        victim.launch()
        victim.wait_until_serving()
        waited_s = first_at(self._cluster.port, victim.name, RETURN_DEADLINE_S)
        self._step(
            f"{victim.name} returns (PID {victim.pid}) and takes new sessions",
            waited_s is not None,
            f"the first one {'never came' if waited_s is None else f'after {waited_s:.1f} s'},"
            f" with a recovery time of {RECOVER_TIME_S} s",
        )

    def _distribution_again(self) -> None:
        newcomers = [Visitor(self._cluster.port) for _ in self._visitors]
        for newcomer in newcomers:
            newcomer.ask()
        shares = Counter(newcomer.node for newcomer in newcomers)
        failures = failures_of(newcomers)
        numbers = [shares[node.name] for node in self._cluster.nodes]
        passed = max(numbers) - min(numbers) <= 1 and not failures
        self._step("new sessions are spread over all nodes again", passed, _told(shares) + failures)

    def _users(self) -> None:
        """Everybody clicks while each node is killed and started again in turn."""
        crowd = Crowd([Visitor(self._cluster.port) for _ in range(self._users_count)])
        returned = True
        with crowd.clicking():
            crowd.wait_for_clicks(CLICKS_BETWEEN)
            for victim in self._cluster.nodes:
                victim.kill()
                # Whoever was there has gone on elsewhere, with a cookie that says so.
                crowd.wait_for_clicks(CLICKS_BETWEEN)
                victim.launch()
                victim.wait_until_serving()
                waited_s = first_at(self._cluster.port, victim.name, RETURN_DEADLINE_S)
                returned = returned and waited_s is not None
        tally = crowd.tally()
        names = [node.name for node in self._cluster.nodes]
        failures = failures_of([user.visitor for user in crowd.users])
        self._step(
            f"{tally.users} users click while {', '.join(names)} are killed in turn, and no request fails",
            returned and not failures,
            f"{tally.clicks} clicks answered, sessions moved {tally.moves} times{failures}",
        )
        # A mode that answers before the others know may lose what the killed node had not sent; nothing else.
        lost = tally.lost_without_failover if self._may_lose else tally.lost
        self._step(
            "only what a killed node had not sent is lost" if self._may_lose else "no update is lost",
            not lost and tally.moves > 0,
            f"{tally.lost} of {tally.clicks} answered updates lost, {tally.lost_without_failover} of them at"
            f" sessions that did not move; {tally.repeated} counted twice, as their request was sent again",
            asdict(tally),
        )

    def _farm(self) -> None:
        """An application comes, turns over while everybody clicks, and goes."""
        cluster = self._cluster
        if cluster.alone:
            self._step("archives are deployed on all nodes", False, f"no farm: {cluster.alone}")
            return
        watcher = cluster.names[0]
        first = deploy(cluster)
        self._step(
            f"an archive in the directory that {watcher} watches is deployed on all nodes",
            not first.lacking,
            first.words,
            first.after_ms,
        )
        if first.lacking:
            return
        self._turnover(turn_over(cluster, self._users_count))
        gone = remove(cluster)
        guest = Guest(cluster.port)
        guest.ask()
        self._step(
            "the archive is taken out, and the application is gone from all nodes",
            not gone.lacking and guest.failures == ["status 404"],
            gone.words,
            gone.after_ms,
        )

    def _turnover(self, turnover: Turnover) -> None:
        tally = turnover.tally
        self._step(
            f"a new version takes over while {tally.users} users click, and no request fails",
            not (turnover.change.lacking or turnover.failures or turnover.returns)
            and turnover.arrived == tally.users,
            f"{turnover.change.words}; {tally.clicks} clicks answered, {turnover.arrived} users came to the"
            f" new version, {turnover.returns} answers fell back to the old one{turnover.failures}",
            turnover.change.after_ms,
        )
        self._step(
            "their sessions go on with the new version, and no update is lost",
            not tally.lost and not tally.repeated and not tally.moves,
            f"{tally.lost} of {tally.clicks} answered updates lost; sessions moved {tally.moves} times",
            asdict(tally),
        )

    def _ask_all(self) -> tuple[Counter[str], str]:
        """How many visitors were answered by each node, and what has failed so far."""
        for visitor in self._visitors:
            visitor.ask()
        return Counter(visitor.node for visitor in self._visitors), failures_of(self._visitors)


def _told(shares: Counter[str]) -> str:
    return ", ".join(f"{name} {shares[name]}" for name in sorted(shares) if name)
