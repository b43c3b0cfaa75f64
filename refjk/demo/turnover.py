"""An application that comes, turns over while users click, and goes: what nodes and users see of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from operator import itemgetter

from refjk.demo.cluster import Cluster
from refjk.demo.gossip import Report
from refjk.demo.users import Crowd, Tally, Visitor, failures_of
from refjk.demo.versions import PATH

DEADLINE_S = 20.0
CLICKS_BETWEEN = 3  # of everybody, with one version and with the next
_POLL_S = 0.02


@dataclass(slots=True)
class Guest(Visitor):
    """A visitor of the application. `returns`: answers of an older version than the one before."""

    version: int = 0
    returns: int = 0

    def ask(self) -> bool:
        shown = self.get(f"{PATH}/json")
        if shown is not None:
            self.node, self.count = shown["node"], shown["count"]
            self.returns += shown["version"] < self.version
            self.version = shown["version"]
        return shown is not None


@dataclass(frozen=True, slots=True)
class Change:
    """When the nodes had a change of the watched directory, in their order of that; `lacking` never had."""

    after_ms: dict[str, int]
    lacking: tuple[str, ...]

    @property
    def words(self) -> str:
        told = [f"{node} after {after_ms / 1000:.2f} s" for node, after_ms in self.after_ms.items()]
        return ", ".join(told + [f"{node} not in {DEADLINE_S:g} s" for node in self.lacking])


@dataclass(frozen=True, slots=True)
class Turnover:
    """A new version in the place of another; `arrived`: users whose last answer was of the new one."""

    change: Change
    tally: Tally
    arrived: int
    returns: int
    failures: str


def deploy(cluster: Cluster) -> Change:
    """A new version, until the nodes have it."""
    began_ms = _now_ms()
    return _watch(cluster, began_ms, f"version {cluster.versions.drop()}")


def remove(cluster: Cluster) -> Change:
    began_ms = _now_ms()
    cluster.versions.remove()
    return _watch(cluster, began_ms, "")


def turn_over(cluster: Cluster, users: int) -> Turnover:
    """A new version while users click, whose sessions began with the one before. Raises `Unreachable`."""
    guests = [Guest(cluster.port) for _ in range(users)]
    crowd = Crowd(guests)
    with crowd.clicking():
        crowd.wait_for_clicks(CLICKS_BETWEEN)
        change = deploy(cluster)
        crowd.wait_for_clicks(CLICKS_BETWEEN)
    latest = max(guest.version for guest in guests)
    return Turnover(
        change,
        crowd.tally(),
        sum(guest.version == latest for guest in guests),
        sum(guest.returns for guest in guests),
        failures_of(guests),
    )


def _watch(cluster: Cluster, began_ms: int, name: str) -> Change:
    """Until each node has the version of this name; empty: until it has none."""
    after_ms: dict[str, int] = {}
    deadline = time.monotonic() + DEADLINE_S
    while len(after_ms) < len(cluster.names) and time.monotonic() < deadline:
        state = Visitor(cluster.port).get("/state")
        for report in map(Report.of, () if state is None else state["reports"]):
            found = next((one for one in report.applications if one.path == PATH), None)
            if (found.name if found else "") == name:
                after_ms.setdefault(report.node, (found.at_ms if found else _now_ms()) - began_ms)
        time.sleep(_POLL_S)
    lacking = tuple(node for node in cluster.names if node not in after_ms)
    return Change(dict(sorted(after_ms.items(), key=itemgetter(1))), lacking)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
