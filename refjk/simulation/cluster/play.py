"""A scenario, played: its commands one after the other, time between them, checkers beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from refjk.base.errors import InputError
from refjk.channel import Fate
from refjk.simulation.cluster.checkers import (
    AllSeeAll,
    AsOftenAsAllowed,
    Checker,
    InTime,
    LastValue,
    NotTooEarly,
)
from refjk.simulation.cluster.clock import Clock
from refjk.simulation.cluster.commands import Command
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.journal import Journal, Resulted
from refjk.simulation.cluster.network import Network
from refjk.simulation.cluster.node import PORT, Node
from refjk.simulation.cluster.settings import OF_THE_NETWORK, ClusterSettings, whole_ms, with_setting
from refjk.simulation.cluster.surroundings import Surroundings
from refjk.simulation.cluster.tally import Tally

NODES_MAX = 100
_OBJECTIONS_MAX = 50


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
    player = _Player(seed, settings or ClusterSettings(), write, cores or Cores())
    for command in commands:
        player.obey(command)
    return player.result()


class _Player:
    """The cluster is built with the first command that is no `set`, as the settings are known then."""

    def __init__(
        self, seed: int, settings: ClusterSettings, write: Callable[[str], None] | None, cores: Cores
    ) -> None:
        self._seed = seed
        self._settings = settings
        self._write = write
        self._cores = cores
        self._tally = Tally()
        self._cluster: _Cluster | None = None
        self._objections: list[str] = []

    def obey(self, command: Command) -> None:
        if self._write is not None:
            self._write(f"> {command}")
        if command.verb == "set":
            self._set(command)
            return
        cluster = self._built()
        try:
            told = cluster.verbs[command.verb](command.words)
        except ValueError as error:
            raise InputError(f"{command.place}: {error}") from None
        if told:
            self._object([f"{told} ({command.place}: {command})"])
        self._object(cluster.objections())

    def result(self) -> ClusterResult:
        cluster = self._built()
        return ClusterResult(
            self._seed,
            self._settings,
            tuple(cluster.nodes),
            cluster.about.clock.now_ms,
            self._tally.counts,
            self._tally.fates,
            self._tally.reasons,
            cluster.deliveries.duplicates,
            cluster.values.overtaken,
            tuple(self._objections),
        )

    def _set(self, command: Command) -> None:
        name, text = command.words
        if self._cluster is None:
            self._settings = with_setting(self._settings, name, text)
        elif name in OF_THE_NETWORK:
            network = self._cluster.about.network
            network.settings = with_setting(network.settings, name, text)
        else:
            raise InputError(f"{command.place}: {name} can only be set before the first node joins")

    def _built(self) -> _Cluster:
        if self._cluster is None:
            self._cluster = _Cluster(self._seed, self._settings, self._tally, self._write, self._cores)
        return self._cluster

    def _object(self, objections: Sequence[str]) -> None:
        for objection in objections:
            if self._write is not None:
                self._write(f"! {objection}")
            if len(self._objections) < _OBJECTIONS_MAX:
                self._objections.append(objection)


class _Cluster:
    """Nodes, network and checkers. A verb returns what it objects to, or raises `ValueError`."""

    def __init__(
        self,
        seed: int,
        settings: ClusterSettings,
        tally: Tally,
        write: Callable[[str], None] | None,
        cores: Cores,
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.deliveries = AsOftenAsAllowed(settings)
        self.values = LastValue(settings)
        self.checkers: tuple[Checker, ...] = (
            NotTooEarly(settings),
            InTime(settings),
            AllSeeAll(settings),
            self.deliveries,
            self.values,
        )
        journal = Journal([*self.checkers, tally, self], write)
        clock = Clock()
        network = Network(clock, journal, settings, random.Random(f"network {seed}"))
        self.about = Surroundings(clock, network, journal, settings, cores)
        self._names: dict[bytes, str] = {}
        self._fates: dict[tuple[str, str], Fate] = {}
        self._messages = 0
        self.verbs: Mapping[str, Callable[[tuple[str, ...]], str | None]] = {
            "join": self._join,
            "restart": self._restart,
            "cut": lambda words: self._each_way(words, network.cut),
            "heal": self._heal,
            "break": self._break,
            "crash": self._crash,
            "kill": self._kill,
            "slow": self._slow,
            "send": self._send,
            "pass": self._pass,
            "settle": self._settle,
            "expect": self._expect,
        }

    def interests(self) -> Mapping[type[Resulted], Callable[[Resulted], None]]:
        return {Resulted: self._result}

    def objections(self) -> list[str]:
        now_ms = self.about.clock.now_ms
        return [f"{one.name}: {text}" for one in self.checkers for text in one.check(now_ms)]

    def _result(self, record: Resulted) -> None:
        self._fates[record.node, record.target] = record.fate

    # Nodes.

    def _join(self, words: tuple[str, ...]) -> None:
        for name in words:
            if name in self.nodes:
                raise ValueError(f"{name} has joined before; restart it")
            if len(self.nodes) >= NODES_MAX:
                raise ValueError(f"there are {NODES_MAX} nodes already")
            node = self.nodes[name] = Node(self.about, name, len(self.nodes))
            self.about.network.machines[name] = node
            self._names[self.about.cores.membership_dialect.introduce(node.host, PORT).identity] = name
            node.start(self._names)

    def _restart(self, words: tuple[str, ...]) -> None:
        for name in words:
            node = self._node(name)
            if node.running:
                raise ValueError(f"{name} is running")
            node.start(self._names)

    def _crash(self, words: tuple[str, ...]) -> None:
        for name in words:
            node = self._node(name)
            if not node.up:
                raise ValueError(f"{name} has crashed already")
            node.crash()

    def _kill(self, words: tuple[str, ...]) -> None:
        for name in words:
            self._running(name).kill()

    def _slow(self, words: tuple[str, ...]) -> None:
        self._node(words[0]).slow(whole_ms(words[1]))

    def _send(self, words: tuple[str, ...]) -> None:
        node = self._running(words[0])
        key, _, value = words[1].partition("=")
        self._messages += 1
        node.send(self._messages, key, value, words[3:] or None)

    def _node(self, name: str) -> Node:
        if name not in self.nodes:
            raise ValueError(f"{name} has not joined")
        return self.nodes[name]

    def _running(self, name: str) -> Node:
        node = self._node(name)
        if not node.running:
            raise ValueError(f"{name} is not running")
        return node

    # The network.

    def _each_way(self, words: tuple[str, ...], act: Callable[[str, str], None]) -> None:
        one, other = words[0], words[-1]
        act(one, other)
        if "->" not in words:
            act(other, one)

    def _heal(self, words: tuple[str, ...]) -> None:
        if words:
            self._each_way(words, self.about.network.heal)
        for one, other in () if words else sorted(self.about.network.cuts):
            self.about.network.heal(one, other)

    def _break(self, words: tuple[str, ...]) -> None:
        self.about.network.break_streams(*words)

    # Time, and what is expected then.

    def _pass(self, words: tuple[str, ...]) -> None:
        self.about.clock.run(self.about.clock.now_ms + whole_ms(words[0]))

    def _settle(self, words: tuple[str, ...]) -> str | None:
        """No more faults; and after a while everything must be well."""
        if self.about.network.cuts:
            raise ValueError("heal before you settle")
        self.about.network.settings = replace(self.about.network.settings, loss=0.0, duplicates=0.0)
        self.about.clock.run(self.about.clock.now_ms + self.about.settings.settle_ms)
        views = {name: node.members() for name, node in self.nodes.items() if node.running}
        now_ms = self.about.clock.now_ms
        objections = [f"{one.name}: {text}" for one in self.checkers for text in one.settled(now_ms, views)]
        return "; ".join(objections) or None

    def _expect(self, words: tuple[str, ...]) -> str | None:
        if words[0] == "all":
            return self._expect_all()
        if words[1] == "->":
            fate = self._fates.get((words[0], words[2]))
            known = "nothing" if fate is None else fate.value
            return None if known == words[3] else f"{words[0]} knows: {known}"
        node = self._node(words[0])
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
