"""Machines and a network between them, and the verbs that every scenario has for them."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from refjk.base.errors import InputError
from refjk.simulation.cluster.clock import Clock
from refjk.simulation.cluster.commands import Command
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.journal import Journal
from refjk.simulation.cluster.network import Network
from refjk.simulation.cluster.node import PORT, Node
from refjk.simulation.cluster.settings import OF_THE_NETWORK, ClusterSettings, whole_ms, with_setting
from refjk.simulation.cluster.surroundings import Surroundings

NODES_MAX = 100
_OBJECTIONS_MAX = 50

Words = tuple[str, ...]
Verb = Callable[[Words], str | None]
_Node = TypeVar("_Node", bound=Node)


class Stage(ABC, Generic[_Node]):
    """A verb returns what it objects to, or raises `ValueError`."""

    def __init__(self, seed: int, settings: ClusterSettings, journal: Journal, cores: Cores) -> None:
        self.nodes: dict[str, _Node] = {}
        clock = Clock()
        network = Network(clock, journal, settings, random.Random(f"network {seed}"))
        self.about = Surroundings(clock, network, journal, settings, cores)
        self._names: dict[bytes, str] = {}
        self.verbs: Mapping[str, Verb] = {
            "join": self._join,
            "restart": self._restart,
            "cut": lambda words: self._each_way(words, network.cut),
            "heal": self._heal,
            "break": self._break,
            "crash": self._crash,
            "kill": self._kill,
            "slow": self._slow,
            "pass": self._pass,
        }

    def objections(self) -> list[str]:
        """Of the checkers, since the last time."""
        return []

    def set(self, name: str, text: str) -> bool:
        """Whether a setting can be another one from now on. Raises `ValueError`."""
        network = self.about.network
        if name in OF_THE_NETWORK:
            network.settings = with_setting(network.settings, name, text)
        return name in OF_THE_NETWORK

    # Nodes.

    @abstractmethod
    def made(self, name: str) -> _Node:
        """A machine that was not there before."""

    def _join(self, words: Words) -> None:
        for name in words:
            self.begin(name, self.made)

    def begin(self, name: str, made: Callable[[str], _Node]) -> None:
        if name in self.nodes:
            raise ValueError(f"{name} has joined before; restart it")
        if len(self.nodes) >= NODES_MAX:
            raise ValueError(f"there are {NODES_MAX} nodes already")
        node = self.nodes[name] = made(name)
        self.about.network.machines[name] = node
        self._names[self.about.cores.membership_dialect.introduce(node.host, PORT).identity] = name
        node.start(self._names)

    def _restart(self, words: Words) -> None:
        for name in words:
            node = self.node(name)
            if node.running:
                raise ValueError(f"{name} is running")
            node.start(self._names)

    def _crash(self, words: Words) -> None:
        for name in words:
            node = self.node(name)
            if not node.up:
                raise ValueError(f"{name} has crashed already")
            node.crash()

    def _kill(self, words: Words) -> None:
        for name in words:
            self.running(name).kill()

    def _slow(self, words: Words) -> None:
        self.node(words[0]).slow(whole_ms(words[1]))

    def node(self, name: str) -> _Node:
        if name not in self.nodes:
            raise ValueError(f"{name} has not joined")
        return self.nodes[name]

    def running(self, name: str) -> _Node:
        node = self.node(name)
        if not node.running:
            raise ValueError(f"{name} is not running")
        return node

    # The network.

    def _each_way(self, words: Words, act: Callable[[str, str], None]) -> None:
        one, other = words[0], words[-1]
        act(one, other)
        if "->" not in words:
            act(other, one)

    def _heal(self, words: Words) -> None:
        if words:
            self._each_way(words, self.about.network.heal)
        for one, other in () if words else sorted(self.about.network.cuts):
            self.about.network.heal(one, other)

    def _break(self, words: Words) -> None:
        self.about.network.break_streams(*words)

    # Time.

    def _pass(self, words: Words) -> None:
        self.about.clock.run(self.about.clock.now_ms + whole_ms(words[0]))


_Settings = TypeVar("_Settings")
_Stage = TypeVar("_Stage", bound=Stage[Any])


class Player(Generic[_Settings, _Stage]):
    """Commands, one after the other.

    The stage is built with the first command that is no `set`, as the settings are known then. `change` gives
    the settings with one of them changed, and raises `ValueError`.
    """

    def __init__(
        self,
        settings: _Settings,
        change: Callable[[_Settings, str, str], _Settings],
        build: Callable[[_Settings], _Stage],
        write: Callable[[str], None] | None,
    ) -> None:
        self.settings = settings
        self._change = change
        self._build = build
        self._write = write
        self._stage: _Stage | None = None
        self.objections: list[str] = []

    @property
    def stage(self) -> _Stage:
        if self._stage is None:
            self._stage = self._build(self.settings)
        return self._stage

    def obey(self, command: Command) -> None:
        """Raises `InputError` for a command that makes no sense where it stands."""
        if self._write is not None:
            self._write(f"> {command}")
        try:
            told = self._do(command)
        except ValueError as error:
            raise InputError(f"{command.place}: {error}") from None
        if told:
            self._object([f"{told} ({command.place}: {command})"])
        if self._stage is not None:
            self._object(self._stage.objections())

    def _do(self, command: Command) -> str | None:
        if command.verb == "set":
            self._set(*command.words)
            return None
        verb: Verb = self.stage.verbs[command.verb]
        return verb(command.words)

    def _set(self, name: str, text: str) -> None:
        if self._stage is None:
            self.settings = self._change(self.settings, name, text)
        elif not self._stage.set(name, text):
            raise ValueError(f"{name} can only be set before the first node joins")

    def _object(self, objections: Sequence[str]) -> None:
        for objection in objections:
            if self._write is not None:
                self._write(f"! {objection}")
            if len(self.objections) < _OBJECTIONS_MAX:
                self.objections.append(objection)
