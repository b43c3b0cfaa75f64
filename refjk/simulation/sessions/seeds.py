"""One seed, one run: settings, users and faults by chance; then none, and everything must become well."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from refjk.session import REPAIRED, Rules, SessionManager
from refjk.simulation.cluster import ClusterSettings, Cores, Mode
from refjk.simulation.sessions.play import SessionCluster, SessionsResult
from refjk.simulation.sessions.settings import ManagerMaker, SessionsSettings

FAULTY_MS = 15_000
_OLD_MS = 2_000
_FRESH_MS = 5_000


@dataclass(frozen=True, slots=True)
class SessionsPlan:
    """What a run is to be; `mode` None: the seed chooses."""

    seed: int
    nodes: int = 5
    users: int = 6
    mode: Mode | None = None
    rules: Rules = REPAIRED
    manager: ManagerMaker = SessionManager


def settings_of(plan: SessionsPlan) -> SessionsSettings:
    """Times by chance, small ones among them so that they are met."""
    source = random.Random(f"settings {plan.seed}")
    mode = plan.mode or source.choice(tuple(Mode))
    frequency_ms = source.choice((300, 500, 1000))
    low_ms = source.choice((1, 1, 5, 20))
    cluster = ClusterSettings(
        mode=mode,
        frequency_ms=frequency_ms,
        drop_time_ms=frequency_ms * source.choice((3, 4, 6)),
        answer_time_ms=source.choice((500, 1500, 4000)),
        connect_time_ms=source.choice((400, 1000, 3000)),
        pool_size=source.choice((1, 2, 25)),
        pool_wait_ms=source.choice((1000, 15_000)),
        retries=source.choice((0, 1, 3)),
        threads=source.choice((1, 2, 6)),
        delay_ms=(low_ms, low_ms + source.choice((0, 3, 30, 80))),
        loss=source.choice((0, 0, 0.01, 0.05, 0.2)),
        duplicates=source.choice((0, 0, 0.02, 0.1)),
    )
    return SessionsSettings(
        cluster,
        plan.rules,
        interval_s=source.choice((8, 12, 20)),
        state_timeout_ms=source.choice((2000, 60_000)),
        work_ms=source.choice(((0, 0), (1, 20), (10, 120))),
        begin_ms=random.Random(f"begin {plan.seed}").choice((0, 0, 300, 2500)),
        manager=plan.manager,
    )


def run_plan(
    plan: SessionsPlan, *, write: Callable[[str], None] | None = None, cores: Cores | None = None
) -> SessionsResult:
    """Faults (safety), then none (liveness), then nobody clicks and every session ends."""
    cluster = SessionCluster(plan.seed, settings_of(plan), write=write, cores=cores)
    source = random.Random(f"faults {plan.seed}")
    cluster.begin("n1")
    cluster.crowd.moves = source.choice((0.0, 0.0, 0.05, 0.2))
    cluster.crowd.begin([f"u{number + 1}" for number in range(plan.users)])
    for number in range(1, plan.nodes):
        cluster.pass_ms(source.choice((0, 700, 2500)))
        cluster.begin(f"n{number + 1}")
    _Faults(cluster, source, parts=source.random() < 0.5).play()
    _become_well(cluster)
    cluster.settled()
    cluster.crowd.users.clear()
    cluster.idle()
    return cluster.result()


class _Faults:
    """Something happens now and then; `parts`: also cuts of the network."""

    def __init__(self, cluster: SessionCluster, source: random.Random, *, parts: bool) -> None:
        self._cluster = cluster
        self._source = source
        self._acts: list[tuple[int, Callable[[], None]]] = [
            (40, lambda: None),
            (6, self._end),
            (12, self._restart),
            (4, self._break),
            (4, self._slow),
        ]
        if parts:
            self._acts += [(8, self._cut), (6, cluster.heal)]

    def play(self) -> None:
        source, cluster = self._source, self._cluster
        end_ms = cluster.now_ms + FAULTY_MS
        weights = [weight for weight, _ in self._acts]
        while cluster.now_ms < end_ms:
            source.choices([act for _, act in self._acts], weights)[0]()
            cluster.pass_ms(source.choice((20, 150, 400, 900)))
        cluster.calm()
        for name in cluster.nodes:
            cluster.slow(name, 0)
        for name in self._down():
            if source.random() < 0.8 or len(cluster.running()) < 2:
                cluster.restart(name)

    def _down(self) -> list[str]:
        return [name for name, node in self._cluster.nodes.items() if not node.running]

    def _end(self) -> None:
        running = self._cluster.running()
        if len(running) > 1:
            self._source.choice((self._cluster.kill, self._cluster.crash))(self._source.choice(running))

    def _restart(self) -> None:
        if down := self._down():
            self._cluster.restart(self._source.choice(down))

    def _break(self) -> None:
        self._cluster.break_streams(*self._source.sample(list(self._cluster.nodes), 2))

    def _slow(self) -> None:
        name = self._source.choice(list(self._cluster.nodes))
        self._cluster.slow(name, self._source.choice((0, 1, 40, 300)))

    def _cut(self) -> None:
        names = list(self._cluster.nodes)
        kind = self._source.choice(("one way", "two", "parts"))
        one, other = self._source.sample(names, 2)
        if kind == "parts":
            some = self._source.sample(names, self._source.randint(1, len(names) - 1))
            pairs = [(a, b) for a in some for b in names if b not in some]
        else:
            pairs = [(one, other)]
        for a, b in pairs:
            self._cluster.cut(a, b)
            if kind != "one way":
                self._cluster.cut(b, a)


def _become_well(cluster: SessionCluster) -> None:
    """All see all; every node says something, so that no connection is left that nobody holds; everybody goes
    on with the old session, and then begins a new one."""
    _pass(cluster, cluster.settings.cluster.settle_ms)
    cluster.inherited.well_ms = cluster.now_ms
    while not all(cluster.nodes[name].ready for name in cluster.running()):
        _pass(cluster, 1000)
    for round_ in range(2):
        for name in cluster.running():
            cluster.ask(f"probe {round_} {name}", name)
        _pass(cluster, 3000)
    healed_ms = cluster.now_ms
    _pass(cluster, _OLD_MS)
    _rest(cluster)
    cluster.rejoined(healed_ms)
    cluster.same.healed_ms = cluster.now_ms
    cluster.crowd.active = True
    cluster.crowd.renew()
    _pass(cluster, _FRESH_MS)
    _rest(cluster)


def _rest(cluster: SessionCluster) -> None:
    """Nobody clicks, and everybody has an answer."""
    cluster.crowd.active = False
    for _ in range(20):
        _pass(cluster, 1000)
        if not cluster.crowd.waiting:
            break


def _pass(cluster: SessionCluster, time_ms: int) -> None:
    """In steps, between which the checkers look."""
    for _ in range(max(time_ms // 1000, 1)):
        cluster.pass_ms(1000)
