"""A scenario with archives, played: its commands one after the other, checkers beside it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from refjk.farm import FarmSteps
from refjk.simulation.cluster.commands import Command
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.settings import whole_ms
from refjk.simulation.cluster.stage import Player, Stage, Words
from refjk.simulation.farm.archives import SIZE_MIN, Flaw, describe, make_archive
from refjk.simulation.farm.checkers import (
    CatalogTrue,
    Checker,
    NoDefect,
    NothingLeft,
    SameEverywhere,
    TakesOverWhole,
    View,
    Views,
    WholeOrNone,
)
from refjk.simulation.farm.deployers import FarmMachine
from refjk.simulation.farm.disk import SimulatedDisk, Step
from refjk.simulation.farm.mail import Mail
from refjk.simulation.farm.process import Shared, registry
from refjk.simulation.farm.records import FarmJournal, Put, Taken
from refjk.simulation.farm.settings import OF_THE_MAIL, FarmSimulationSettings, with_farm_setting
from refjk.simulation.farm.tally import FarmTally

_SIZE = 25_000  # octets of a version that nobody described
_SUFFIX = ".war"
_NO_VERSIONS = ("none", "broken")  # no archive; octets that are none


@dataclass(frozen=True, slots=True)
class FarmResult:
    """`objections` of checkers and of `expect`, each a line; empty when all is well."""

    seed: int
    settings: FarmSimulationSettings
    nodes: tuple[str, ...]
    duration_ms: int
    counts: Counter[str]
    objections: tuple[str, ...] = field(default=())


def play(
    commands: Iterable[Command],
    seed: int,
    settings: FarmSimulationSettings | None = None,
    *,
    write: Callable[[str], None] | None = None,
    steps: type[FarmSteps] = FarmSteps,
) -> FarmResult:
    """Plays the commands to the end; `write` gets the lines of the journal.

    `steps`: a test puts wrong ones in their place to see a checker object.
    Raises `InputError` for a command that makes no sense where it stands.
    """
    tally = FarmTally()
    player = Player(
        settings or FarmSimulationSettings(),
        with_farm_setting,
        lambda chosen: _Farm(seed, chosen, tally, write, steps),
        write,
    )
    for command in commands:
        player.obey(command)
    farm = player.stage
    return FarmResult(
        seed,
        player.settings,
        tuple(farm.nodes),
        farm.about.clock.now_ms,
        tally.counts,
        tuple(player.objections),
    )


class _Farm(Stage[FarmMachine]):
    """Nodes with their disks, network and checkers."""

    def __init__(
        self,
        seed: int,
        settings: FarmSimulationSettings,
        tally: FarmTally,
        write: Callable[[str], None] | None,
        steps: type[FarmSteps],
    ) -> None:
        self._disks: dict[str, SimulatedDisk] = {}
        self._takes_over, self._defects = TakesOverWhole(), NoDefect()
        self.checkers: tuple[Checker, ...] = (
            WholeOrNone(),
            self._takes_over,
            SameEverywhere(),
            NothingLeft(settings.farm),
            CatalogTrue(self._disks),
            self._defects,
        )
        journal = FarmJournal([*self.checkers, tally], write)
        super().__init__(seed, settings.cluster, journal, Cores())
        source = random.Random(f"farm {seed}")
        mail = Mail(settings, random.Random(f"mail {seed}"))
        self._shared = Shared(self.about, journal, settings, mail, source, registry(), steps)
        self._versions: dict[tuple[str, str], bytes] = {}
        self.verbs = {
            **self.verbs,
            "original": self._original,
            "back": self._back,
            "version": self._version,
            "put": lambda words: self._put(words, half=False),
            "half": lambda words: self._put(words, half=True),
            "take": self._take,
            "end": self._end,
            "fail": self._fail,
            "lose": lambda words: self._order(words[:2], (), words[2:]),
            "double": lambda words: self._order(words[:2], (0, whole_ms(words[2])), words[3:]),
            "delay": lambda words: self._order(words[:2], (max(whole_ms(words[2]), 1),), words[3:]),
            "settle": self._settle,
            "expect": self._expect,
        }

    def set(self, name: str, text: str) -> bool:
        mail = self._shared.mail
        if name in OF_THE_MAIL:
            mail.settings = with_farm_setting(mail.settings, name, text)
            return True
        return super().set(name, text)

    def objections(self) -> list[str]:
        views = self._views()
        for checker in self.checkers:
            checker.look(self.about.clock.now_ms, views)
        return [f"{one.name}: {text}" for one in self.checkers for text in one.objections()]

    def _views(self) -> Views:
        """Members of the original promise nothing."""
        return {
            name: View(node.disk, node.running, node.serving)
            for name, node in self.nodes.items()
            if not node.original
        }

    # Nodes.

    def made(self, name: str, *, original: bool = False) -> FarmMachine:
        node = FarmMachine(self._shared, name, len(self.nodes), original=original)
        self._disks[name] = node.disk
        if original:
            for checker in (self._takes_over, self._defects):
                checker.originals.add(name)
        return node

    def _back(self, words: Words) -> None:
        """Whoever has ended, by itself or not, starts again."""
        for name in words:
            if not self.node(name).running:
                self.node(name).start(self._names)

    def _original(self, words: Words) -> None:
        for name in words:
            self.begin(name, lambda name: self.made(name, original=True))

    # Archives.

    def _version(self, words: Words) -> None:
        """What a version is, before it is put anywhere."""
        size, flaw = int(words[1]), Flaw(words[2]) if len(words) > 2 else Flaw.NONE
        if size < SIZE_MIN:
            raise ValueError(f"an archive has {SIZE_MIN} octets or more")
        self._make(words[0], size, flaw)

    def _make(self, text: str, size: int, flaw: Flaw) -> None:
        name, _, version = text.partition("=")
        if version in _NO_VERSIONS or (name, version) in self._versions:
            raise ValueError(f"{text} cannot be made")
        self._versions[name, version] = make_archive(name, version, size, flaw)
        self._takes_over.flaws[name + _SUFFIX, version] = flaw

    def _put(self, words: Words, *, half: bool) -> None:
        node = self.node(words[0])
        name, _, version = words[1].partition("=")
        if (name, version) not in self._versions:
            self._make(words[1], _SIZE, Flaw.NONE)
        octets = self._versions[name, version]
        now_ms = self.about.clock.now_ms
        self._shared.journal.note(Put(now_ms, node.name, name + _SUFFIX, version, half))
        node.disk.watch[name + _SUFFIX] = (octets[: len(octets) // 2] if half else octets, now_ms * 1_000_000)

    def _take(self, words: Words) -> None:
        node, archive = self.node(words[0]), words[1] + _SUFFIX
        if node.disk.watch.pop(archive, None) is None:
            raise ValueError(f"{node.name} has no {archive} in its watched directory")
        self._shared.journal.note(Taken(self.about.clock.now_ms, node.name, archive))

    # Faults.

    def _end(self, words: Words) -> None:
        self.node(words[0]).traps.ends[Step(words[2])] = _count(words[3:]), words[1]

    def _fail(self, words: Words) -> None:
        self.node(words[0]).traps.fails[Step(words[1])] = _count(words[2:])

    def _order(self, to: Words, delays_ms: tuple[int, ...], count: Words) -> None:
        self._shared.mail.order(self.node(to[0]).name, to[1], _count(count), delays_ms)

    # What is expected.

    def _settle(self, words: Words) -> str | None:
        """No more faults; and after a while everything must be well."""
        if self.about.network.cuts:
            raise ValueError("heal before you settle")
        about, mail = self.about, self._shared.mail
        about.network.settings = replace(about.network.settings, loss=0.0, duplicates=0.0)
        mail.settings = replace(mail.settings, lost=0.0, doubled=0.0, late=0.0)
        for node in self.nodes.values():
            node.traps.ends.clear()
            node.traps.fails.clear()
        about.clock.run(about.clock.now_ms + self._shared.settings.settle_ms)
        views, now_ms = self._views(), about.clock.now_ms
        for checker in self.checkers:
            checker.settled(now_ms, views)
        return None

    def _expect(self, words: Words) -> str | None:
        if words == ("all", "same"):
            same = SameEverywhere()
            same.settled(self.about.clock.now_ms, self._views())
            return "; ".join(same.objections()) or None
        if words[1] in ("runs", "ended"):
            runs = self.node(words[0]).running
            return None if runs is (words[1] == "runs") else f"{words[0]} {'runs' if runs else 'ended'}"
        name, _, version = words[2].partition("=")
        nodes = self.nodes.values() if words[0] == "all" else [self.node(words[0])]
        wrong = []
        for node in nodes:
            if words[0] == "all" and (node.original or not node.running):
                continue
            found = _found(node, words[1], name + _SUFFIX)
            if found != version:
                wrong.append(f"{node.name} {words[1]} {name}={found}")
        return "; ".join(wrong) or None


def _found(node: FarmMachine, how: str, archive: str) -> str:
    if how == "serves":
        found = node.serving.get(archive, "none")
    else:
        placed = node.disk.deploy.get(archive)
        found = "none" if placed is None else describe(placed.octets)
    return "broken" if " " in found else found


def _count(words: Words) -> int:
    return int(words[0]) if words else 1
