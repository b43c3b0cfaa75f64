"""A cluster with sessions in simulated time, and what can be done to it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from refjk.simulation.cluster.clock import Clock
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.network import Network
from refjk.simulation.cluster.node import PORT
from refjk.simulation.cluster.surroundings import Surroundings
from refjk.simulation.sessions.checkers import (
    Checker,
    EndsOnce,
    Inherited,
    LastStands,
    ListenersTold,
    NothingLost,
    SameEverywhere,
)
from refjk.simulation.sessions.knowledge import Knowledge
from refjk.simulation.sessions.process import SessionNode, Shared
from refjk.simulation.sessions.records import Clicked, Ready, Seen, SessionJournal, Told, View
from refjk.simulation.sessions.settings import SessionsSettings
from refjk.simulation.sessions.users import Crowd, User

_OBJECTIONS_MAX = 10  # of each checker


@dataclass(frozen=True, slots=True)
class SessionsResult:
    """`lost`: answered clicks of sessions that nobody ended, which in the end no running node has."""

    seed: int
    settings: SessionsSettings
    nodes: tuple[str, ...]
    users: int
    duration_ms: int
    counts: Counter[str]
    lost: int
    overtaken: int
    objections: tuple[str, ...]


class SessionCluster:
    """Nodes, network, users and checkers; after each of its methods the checkers look.

    cluster = SessionCluster(seed=1)
    cluster.join("a", "b")
    cluster.click("anna", "a")       # a request at this node, and 1 s for it
    cluster.crash("a")
    cluster.view("b")
    """

    def __init__(
        self,
        seed: int,
        settings: SessionsSettings | None = None,
        *,
        cores: Cores | None = None,
        write: Callable[[str], None] | None = None,
    ) -> None:
        self.seed = seed
        self.settings = settings = settings or SessionsSettings()
        self._write = write
        self.knowledge = knowledge = Knowledge()
        self.same = SameEverywhere(knowledge)
        self.inherited = Inherited(knowledge, settings.state_timeout_ms * 3 // 4)
        self._ends = EndsOnce(knowledge, settings.interval_s * 1000)
        self.checkers: tuple[Checker, ...] = (
            NothingLost(knowledge),
            LastStands(knowledge),
            self.same,
            self.inherited,
            self._ends,
            ListenersTold(knowledge),
        )
        self.counts: Counter[str] = Counter()
        self.lost = 0
        self.objections: list[str] = []
        self._objected: Counter[str] = Counter()
        journal = SessionJournal([knowledge, *self.checkers, self], write)
        clock = Clock()
        network = Network(clock, journal, settings.cluster, random.Random(f"network {seed}"))
        about = Surroundings(clock, network, journal, settings.cluster, cores or Cores())
        self._shared = Shared(about, journal, settings, random.Random(f"sessions {seed}"))
        self.nodes: dict[str, SessionNode] = {}
        self._names: dict[bytes, str] = {}
        self.crowd = Crowd(clock, self.nodes, random.Random(f"users {seed}"), self.counts)

    def interests(self) -> dict[type[Any], Callable[[Any], None]]:
        """For the journal: what is counted."""
        return {Told: self._count_told, Clicked: self._count_click, Ready: self._count_ready}

    def _count_told(self, record: Told) -> None:
        self.counts["NEW ID" if record.event is None else record.event.name] += 1

    def _count_click(self, record: Clicked) -> None:
        self.counts["clicks"] += 1

    def _count_ready(self, record: Ready) -> None:
        self.counts["states loaded"] += record.loaded

    @property
    def now_ms(self) -> int:
        return self._shared.about.clock.now_ms

    # Nodes.

    def begin(self, *names: str) -> None:
        """New machines, each with a node on it."""
        for name in names:
            node = self.nodes[name] = SessionNode(self._shared, name, len(self.nodes))
            self._shared.about.network.machines[name] = node
            dialect = self._shared.about.cores.membership_dialect
            self._names[dialect.introduce(node.host, PORT).identity] = name
            node.start(self._names)

    def join(self, *names: str) -> None:
        """The same, one after the other, with time for each to become ready."""
        for name in names:
            self.begin(name)
            self.pass_ms(6 * self.settings.cluster.frequency_ms + self.settings.begin_ms)

    def restart(self, name: str) -> None:
        self.nodes[name].start(self._names)

    def kill(self, name: str) -> None:
        """The process ends."""
        self.nodes[name].kill()

    def crash(self, name: str) -> None:
        """The machine ends."""
        self.nodes[name].crash()

    def slow(self, name: str, handling_ms: int) -> None:
        """Each message takes it so long."""
        self.nodes[name].slow(handling_ms)

    def running(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.running]

    def view(self, name: str) -> dict[str, Seen]:
        return dict(self.nodes[name].view())

    # The network.

    def cut(self, source: str, target: str) -> None:
        """One way."""
        self._shared.about.network.cut(source, target)

    def part(self, some: str, others: str) -> None:
        """Both ways between each of some and each of the others; names of one letter."""
        for one in some:
            for other in others:
                self.cut(one, other)
                self.cut(other, one)

    def heal(self) -> None:
        network = self._shared.about.network
        for source, target in sorted(network.cuts):
            network.heal(source, target)

    def break_streams(self, one: str, other: str) -> None:
        self._shared.about.network.break_streams(one, other)

    def calm(self) -> None:
        """No more faults of the network."""
        self.heal()
        network = self._shared.about.network
        network.settings = replace(network.settings, loss=0.0, duplicates=0.0)

    # Users.

    def user(self, name: str) -> User:
        """As the name says; made when it is first asked for."""
        for user in self.crowd.users:
            if user.name == name:
                return user
        self.crowd.users.append(User(name))
        return self.crowd.users[-1]

    def ask(self, name: str, node: str, what: str = "click") -> None:
        """A request of a user at a node; no time passes."""
        self.crowd.send(self.user(name), self.nodes[node], what)

    def click(self, name: str, node: str, what: str = "click", within_ms: int = 1000) -> None:
        """A request, and time for it."""
        self.ask(name, node, what)
        self.pass_ms(within_ms)

    # Time, and what is to hold then.

    def pass_ms(self, time_ms: int) -> None:
        clock = self._shared.about.clock
        clock.run(clock.now_ms + time_ms)
        views = self._views()
        for checker in self.checkers:
            checker.look(self.now_ms, views)
        self._collect()

    def rejoined(self, since_ms: int) -> None:
        """All nodes see each other since then, and nothing is under way."""
        self.same.rejoined(self.now_ms, self._views(), since_ms)
        self._collect()

    def settled(self) -> None:
        """Nothing is under way any more: compares what the nodes have."""
        views = self._views()
        for checker in self.checkers:
            checker.settled(self.now_ms, views)
        self.lost = 0
        for user in self.crowd.users:
            if self.knowledge.ended(_key(user)):
                continue
            clicks = [view[key].click for view in views.values() if (key := _key(user)) in view]
            self.lost += bool(user.click) and not any(
                click == user.click or self.knowledge.is_before(user.click, click) for click in clicks
            )
        self._collect()

    def idle(self) -> None:
        """Nobody clicks for twice the interval and two ticks: all sessions end."""
        self.pass_ms(2 * self.settings.interval_s * 1000 + 2 * self.settings.tick_ms)
        self._ends.idle(self.now_ms, self._views())
        self._collect()

    def _views(self) -> dict[str, View]:
        """Of those that may be served; until then a node keeps what it hears."""
        return {name: node.view() for name, node in self.nodes.items() if node.ready}

    def _collect(self) -> None:
        for checker in self.checkers:
            for text in checker.objections():
                if self._write is not None:
                    self._write(f"! {checker.name}: {text}")
                self._objected[checker.name] += 1
                if self._objected[checker.name] <= _OBJECTIONS_MAX:
                    self.objections.append(f"{checker.name}: {text}")

    def result(self) -> SessionsResult:
        counts = self.counts.copy()
        counts["sessions"] = len(self.knowledge.of_session)
        counts["compared"], counts["complete"] = self.same.compared, self.same.complete
        return SessionsResult(
            self.seed,
            self.settings,
            tuple(self.nodes),
            len(self.crowd.users),
            self.now_ms,
            counts,
            self.lost,
            self.knowledge.overtaken,
            tuple(self.objections),
        )


def _key(user: User) -> str:
    return (user.session_id or "").partition(".")[0]
