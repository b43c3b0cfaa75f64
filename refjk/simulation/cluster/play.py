"""A scenario, played: its commands one after the other, time between them, checkers beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from refjk.channel import Fate
from refjk.simulation.cluster.checkers import (
    AllSeeAll,
    AsOftenAsAllowed,
    Checker,
    InTime,
    LastValue,
    NotTooEarly,
)
from refjk.simulation.cluster.commands import Command
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.journal import Journal, Resulted
from refjk.simulation.cluster.node import Node
from refjk.simulation.cluster.settings import ClusterSettings, with_setting
from refjk.simulation.cluster.stage import Player, Stage, Words
from refjk.simulation.cluster.tally import Tally


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """`objections` of checkers and of `expect`, each a line; empty when all is well."""

    seed: int
    settings: ClusterSettings
    nodes: tuple[str, ...]
    duration_ms: int
    counts: Mapping[str, int]
    fates: Mapping[str, int]
    reasons: Mapping[str, int]
    duplicates: int
    overtaken: int
    objections: tuple[str, ...] = field(default=())


def play(
    commands: Iterable[Command],
    seed: int,
    settings: ClusterSettings | None = None,
    *,
    write: Callable[[str], None] | None = None,
    cores: Cores | None = None,
) -> ClusterResult:
    """Plays the commands to the end; `write` gets the lines of the journal.

    Raises `InputError` for a command that makes no sense where it stands.
    """
    tally = Tally()
    player = Player(
        settings or ClusterSettings(),
        with_setting,
        lambda chosen: _Cluster(seed, chosen, tally, write, cores or Cores()),
        write,
    )
    for command in commands:
        player.obey(command)
    cluster = player.stage
    return ClusterResult(
        seed,
        player.settings,
        tuple(cluster.nodes),
        cluster.about.clock.now_ms,
        tally.counts,
        tally.fates,
        tally.reasons,
        cluster.deliveries.duplicates,
        cluster.values.overtaken,
        tuple(player.objections),
    )


class _Cluster(Stage[Node]):
    """Nodes, network and checkers."""

    def __init__(
        self,
        seed: int,
        settings: ClusterSettings,
        tally: Tally,
        write: Callable[[str], None] | None,
        cores: Cores,
    ) -> None:
        self.deliveries = AsOftenAsAllowed(settings)
        self.values = LastValue(settings)
        self.checkers: tuple[Checker, ...] = (
            NotTooEarly(settings),
            InTime(settings),
            AllSeeAll(settings),
            self.deliveries,
            self.values,
        )
        super().__init__(seed, settings, Journal([*self.checkers, tally, self], write), cores)
        self._fates: dict[tuple[str, str], Fate] = {}
        self._messages = 0
        self.verbs = {**self.verbs, "send": self._send, "settle": self._settle, "expect": self._expect}

    def interests(self) -> Mapping[type[Resulted], Callable[[Resulted], None]]:
        return {Resulted: self._result}

    def objections(self) -> list[str]:
        now_ms = self.about.clock.now_ms
        return [f"{one.name}: {text}" for one in self.checkers for text in one.check(now_ms)]

    def _result(self, record: Resulted) -> None:
        self._fates[record.node, record.target] = record.fate

    def made(self, name: str) -> Node:
        return Node(self.about, name, len(self.nodes))

    def _send(self, words: Words) -> None:
        node = self.running(words[0])
        key, _, value = words[1].partition("=")
        self._messages += 1
        node.send(self._messages, key, value, words[3:] or None)

    def _settle(self, words: Words) -> str | None:
        """No more faults; and after a while everything must be well."""
        if self.about.network.cuts:
            raise ValueError("heal before you settle")
        self.about.network.settings = replace(self.about.network.settings, loss=0.0, duplicates=0.0)
        self.about.clock.run(self.about.clock.now_ms + self.about.settings.settle_ms)
        views = {name: node.members() for name, node in self.nodes.items() if node.running}
        now_ms = self.about.clock.now_ms
        objections = [f"{one.name}: {text}" for one in self.checkers for text in one.settled(now_ms, views)]
        return "; ".join(objections) or None

    def _expect(self, words: Words) -> str | None:
        if words[0] == "all":
            return self._expect_all()
        if words[1] == "->":
            fate = self._fates.get((words[0], words[2]))
            known = "nothing" if fate is None else fate.value
            return None if known == words[3] else f"{words[0]} knows: {known}"
        node = self.node(words[0])
        if words[1] == "has":
            key, _, value = words[2].partition("=")
            held = node.holds(key)
            return None if held == value else f"{words[0]} has {key}={held}"
        members = node.members()
        wrong = [name for name in words[2:] if (name in members) is (words[1] == "misses")]
        return f"{words[0]} sees {', '.join(members) or 'nobody'}" if wrong else None

    def _expect_all(self) -> str | None:
        running = [name for name, node in self.nodes.items() if node.running]
        missing = [
            f"{name} misses {other}"
            for name in running
            for other in running
            if other != name and other not in self.nodes[name].members()
        ]
        return "; ".join(missing) or None
