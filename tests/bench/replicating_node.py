"""A node with the sessions of others: `python -m tests.bench.replicating_node NAME GROUP_PORT MODE`.

It prints a line of JSON when it has taken over what there was, and another one for each number that it reads,
once it has done so many deltas since its start.
"""

from __future__ import annotations

import json
import os
import sys
import time

from refjk.membership import MembershipSettings
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.senders_settings import Mode, SenderSettings
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from tests.interop.peers import peak_rss

DEADLINE_S = 300.0
LOOK_S = 0.002


def node_settings(name: str, group: int, mode: Mode) -> NodeSettings:
    """A member of the group at the loopback interface."""
    return NodeSettings(
        route=name,
        membership=MembershipSettings(frequency_ms=100, drop_time_ms=5000),
        multicast=MulticastSettings(port=group, interface="127.0.0.1", ttl=0),
        senders=SenderSettings(mode=mode),
    )


def report(sessions: Sessions, took_s: float) -> str:
    """Where it stands; `peak_octets` is the largest resident size so far."""
    manager = sessions.manager
    numbers = {
        "sessions": len(manager),
        "deltas": manager.counters.deltas_executed,
        "cpu_s": time.process_time(),
        "took_s": took_s,
        "peak_octets": peak_rss(os.getpid()),
    }
    return json.dumps(numbers)


def main(arguments: list[str]) -> None:
    """Serves until standard input ends."""
    name, group, mode = arguments
    node = ClusterNode(node_settings(name, int(group), Mode(mode)))
    node.start()
    started = time.monotonic()
    settings = ManagerSettings(
        "",
        route=name,
        expire_sessions_on_shutdown=False,
        state_transfer_timeout_ms=int(DEADLINE_S * 1000),  # how long it takes is to be seen
    )
    sessions = node.add_context(settings, timeout_s=DEADLINE_S)
    print(report(sessions, time.monotonic() - started), flush=True)
    for line in sys.stdin:
        deadline = time.monotonic() + DEADLINE_S
        while sessions.manager.counters.deltas_executed < int(line) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        print(report(sessions, 0.0), flush=True)
    node.stop(2.0)


if __name__ == "__main__":
    main(sys.argv[1:])
