"""Nodes that come and go while users click: whoever is there at the end has the same sessions.

Messages travel at once, as with a sender that waits for answers, but for states, which take their time.
"""

from __future__ import annotations

import random

import pytest

from refjk.session import ORIGINAL, REPAIRED, EventType, Rules, SessionMessage, decode_message
from refjk.speccheck import covers
from tests.session.support import Cluster

STEPS = 120
SEEDS = range(25)


class Town:
    """A cluster, and what its users were told last of each of their sessions."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.chance = random.Random(seed)
        self.cluster = Cluster("ab", rules=rules, max_inactive_interval=-1)
        for name in "ab":
            self.cluster[name].start([], self.cluster.now_ms)
        self.told: dict[str, int] = {}
        self.delayed: list[tuple[str, str, bytes]] = []
        self.made = 0

    def travel(self) -> None:
        cluster = self.cluster
        cluster.collect()
        while cluster.wire:
            source, target, octets = cluster.wire.pop(0)
            message = decode_message(octets)
            is_state = (
                isinstance(message, SessionMessage) and message.event_type == EventType.ALL_SESSION_DATA
            )
            if is_state:
                self.delayed.append((source, target, octets))
            else:
                self.arrive(target, octets)
            cluster.collect()

    def arrive(self, target: str, octets: bytes) -> None:
        message = decode_message(octets)
        assert not isinstance(message, tuple)
        if target in self.cluster.nodes and self.cluster.nodes[target].up:
            self.cluster[target].receive(message, self.cluster.now_ms)  # type: ignore[arg-type]

    def ready(self) -> list[str]:
        nodes = self.cluster.nodes
        return [name for name, node in nodes.items() if node.up and node.manager.ready]

    def step(self) -> None:
        self.cluster.now_ms += self.chance.randint(1, 1000)
        kind = self.chance.random()
        if kind < 0.15 and len(self.ready()) > 0:
            session = self.cluster.request(self.chance.choice(self.ready()), None, lambda s: s.set("n", 0))
            self.told[session.id] = 0
        elif kind < 0.70 and self.told:
            self.click(self.chance.choice(sorted(self.told)))
        elif kind < 0.75 and self.told:
            self.leave(self.chance.choice(sorted(self.told)))
        elif kind < 0.82:
            self.start()
        elif kind < 0.87 and len(self.ready()) > 1:
            self.die(self.chance.choice(self.ready()))
        elif self.delayed:
            _, target, octets = self.delayed.pop(self.chance.randrange(len(self.delayed)))
            self.arrive(target, octets)
        self.travel()

    def click(self, session_id: str) -> None:
        """At any node: the counter goes on from where the user saw it."""
        manager = self.cluster[self.chance.choice(self.ready())]
        session = manager.begin(session_id, self.cluster.now_ms)
        assert session is not None, "a session was lost"
        number = session.get("n")
        assert number == self.told[session_id], "an update was lost"
        assert isinstance(number, int)
        session.set("n", number + 1)
        manager.request_completed(session_id, self.cluster.now_ms)
        manager.end(session)
        self.told[session_id] = number + 1

    def leave(self, session_id: str) -> None:
        manager = self.cluster[self.chance.choice(self.ready())]
        session = manager.begin(session_id, self.cluster.now_ms)
        assert session is not None, "a session was lost"
        session.invalidate()
        del self.told[session_id]

    def start(self) -> None:
        if sum(node.up for node in self.cluster.nodes.values()) >= 5:
            return
        self.made += 1
        name = f"node{self.made}"
        self.cluster.add(name)
        self.cluster[name].start(self.cluster.members_but(name), self.cluster.now_ms)

    def die(self, name: str) -> None:
        cluster = self.cluster
        cluster.nodes[name].up = False
        for other, node in cluster.nodes.items():
            if node.up:
                node.manager.members_changed(cluster.members_but(other), cluster.now_ms)

    def settle(self) -> None:
        while self.delayed:
            _, target, octets = self.delayed.pop(0)
            self.arrive(target, octets)
            self.travel()

    def tables(self) -> dict[str, dict[str, object]]:
        up = [name for name, node in self.cluster.nodes.items() if node.up]
        return {
            name: {session.id: session.get("n") for session in self.cluster[name].sessions()} for name in up
        }


def faults(seed: int, rules: Rules) -> int:
    """0 if nothing was lost, with the tables of all nodes compared at the end."""
    town = Town(seed, rules)
    try:
        for _ in range(STEPS):
            town.step()
        town.settle()
    except AssertionError:
        return 1
    return int(any(table != town.told for table in town.tables().values()))


@covers("SES-XFR-04", "SES-XFR-05", "SES-XFR-08", "SES-MGR-07", "SES-MGR-09")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_update_is_lost_and_all_nodes_have_the_same_sessions(seed: int) -> None:
    assert faults(seed, REPAIRED) == 0, f"seed {seed}"


def test_the_same_town_loses_updates_with_the_originals_rules() -> None:
    assert sum(faults(seed, ORIGINAL) for seed in SEEDS) > len(SEEDS) / 2
