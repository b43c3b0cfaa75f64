"""A node that joins: how long until it has the sessions of another one, and what that one does meanwhile."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Mapping

from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.senders_settings import Mode
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings, Session, SessionState
from tests.bench import report
from tests.bench.replicating_node import node_settings
from tests.bench.session_memory import KINDS, NOW_MS

PACE_S = 0.005  # between two requests at the node that is asked for its sessions
ANSWER_S = 60.0


def join(count: int, kind: str, group: int) -> dict[str, float]:
    """So many sessions of that kind at a node of this process, taken over by another process."""
    from tests.bench.replication import Replica

    with contextlib.ExitStack() as stack:
        node = ClusterNode(node_settings("node1", group, Mode.POOLED))
        stack.callback(node.stop, 1.0)
        node.start()
        sessions = node.add_context(ManagerSettings("", route="node1", expire_sessions_on_shutdown=False))
        fill(sessions, count, kind)
        gc.collect()
        visitor = stack.enter_context(Visitor(sessions))
        joining = Replica("node2", group, Mode.POOLED)
        stack.callback(joining.end)
        told = joining.told()
        wait_for_answer(node)
        sent = node.channel.snapshots()[0]
        return {
            "sessions": told["sessions"],
            "took_s": told["took_s"],
            "peak_octets": told["peak_octets"],
            "longest_request_s": visitor.longest_s,
            "answers_missed": sent.answers_missed,
            "wire_octets": sent.octets,
        }


def fill(sessions: Sessions, count: int, kind: str) -> None:
    """Sessions that were here before; requests would take long to make so many."""
    manager = sessions.manager
    for number in range(count):
        attributes = KINDS[kind](number)
        state = SessionState(f"{number:032X}.node1", NOW_MS, NOW_MS, NOW_MS, 1800, attributes=attributes)
        manager.put(Session.from_state(manager, state, time.time_ns() // 1_000_000))


def wait_for_answer(node: ClusterNode) -> None:
    """Until the sender knows what became of the state."""
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        if any(one.octets and not one.suspect for one in node.channel.snapshots()):
            return
        time.sleep(PACE_S)


class Visitor:
    """Looks at one session again and again, as a user of the node would."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._visit)
        self.longest_s = 0.0

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._thread.join()

    def _visit(self) -> None:
        known = next(iter(self._sessions.manager.sessions())).id
        while not self._ends.wait(PACE_S):
            begin = time.monotonic()
            session, _ = self._sessions.begin(known, from_url=False)
            assert session is not None
            self._sessions.end(session)
            self.longest_s = max(self.longest_s, time.monotonic() - begin)


def as_markdown(joins: Mapping[str, Mapping[str, float]]) -> str:
    """A row for each kind of session."""
    header = [
        "a node that joins",
        "sessions",
        "s until it has them",
        "its peak MiB",
        "octets on the wire",
        "answers missed",
        "longest request at the other node, s",
    ]
    rows = [
        [
            kind,
            f"{one['sessions']:.0f}",
            f"{one['took_s']:.1f}",
            f"{one['peak_octets'] / 2**20:.0f}",
            f"{one['wire_octets']:.0f}",
            f"{one['answers_missed']:.0f}",
            f"{one['longest_request_s']:.2f}",
        ]
        for kind, one in joins.items()
    ]
    return report.table(header, rows)
