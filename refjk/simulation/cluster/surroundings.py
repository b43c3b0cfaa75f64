"""What everything in a simulated cluster shares."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.simulation.cluster.clock import Clock
from refjk.simulation.cluster.cores import Cores
from refjk.simulation.cluster.journal import Journal
from refjk.simulation.cluster.network import Network
from refjk.simulation.cluster.settings import ClusterSettings


@dataclass(slots=True)
class Life:
    """Whether a process still runs; what it left in the agenda looks here first."""

    running: bool = True


@dataclass(slots=True)
class Surroundings:
    """`settings` are those of the nodes; the network has its own copy, which may change while they run."""

    clock: Clock
    network: Network
    journal: Journal
    settings: ClusterSettings
    cores: Cores


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a sender has it; `number` tells it apart in the whole cluster."""

    number: int
    key: str
    frame: bytes
