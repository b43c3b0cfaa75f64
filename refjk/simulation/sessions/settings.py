"""What a simulated cluster with sessions is set to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from refjk.session import REPAIRED, ManagerSettings, Rules, SessionManager
from refjk.simulation.cluster import ClusterSettings

CONTEXT = "/shop"
ManagerMaker = Callable[[ManagerSettings, Callable[[], str]], SessionManager]


@dataclass(frozen=True, slots=True)
class SessionsSettings:
    """`cluster` is what the channel is set to. `interval_s` is the time after which an idle session ends.

    `manager`: a test puts a wrong one in its place to see a checker object.
    """

    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    rules: Rules = REPAIRED
    interval_s: int = 60
    tick_ms: int = 1000
    state_timeout_ms: int = 60_000
    begin_ms: int = 0  # from the announcement of a node to the begin of its application
    work_ms: tuple[int, int] = (1, 1)  # what a request takes the application
    manager: ManagerMaker = SessionManager
