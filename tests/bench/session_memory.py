"""What a replicated session takes in memory: `python -m tests.bench.session_memory SESSIONS KIND WAY`.

A process gets the messages of so many sessions as a node gets them, and looks at itself before and after. Two
ways to look: `resident`, what the system counts for the process, and `traced`, what Python has handed out.
"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from refjk.session import (
    ManagerSettings,
    MemberAddress,
    SessionManager,
    decode_message,
    encode_message,
    session_ids,
    stamped,
)
from tests.bench.objects import cart
from tests.interop.peers.process import PROJECT

KINDS: dict[str, Callable[[int], dict[str, object]]] = {
    "a counter": lambda number: {"n": number},
    "a cart": cart,
}
WAYS = ("resident", "traced")
RELEASE = 5
NOW_MS = 1104537600000
FROM = MemberAddress("tcp://192.0.2.10:4001", "192.0.2.10", 4001, 123456)
DEADLINE_S = 600


def messages(count: int, kind: str) -> Iterator[bytes]:
    """What a node sends for so many new sessions, each forgotten as soon as it is told."""
    manager = SessionManager(ManagerSettings(), session_ids(random.Random(1)))
    for number in range(count):
        session = manager.create(NOW_MS)
        manager.attach(session, NOW_MS)
        for name, value in KINDS[kind](number).items():
            session.set(name, value)
        manager.request_completed(session.id, NOW_MS)
        for outgoing in manager.messages_to_send():
            message = stamped(outgoing.message, FROM, NOW_MS)
            yield encode_message(message, RELEASE)
        session.expire(tell=False)


def taken(way: str) -> int:
    """Octets of this process."""
    gc.collect()
    if way == "traced":
        return tracemalloc.get_traced_memory()[0]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def octets_each(count: int, kind: str, way: str) -> float:
    """Of one session in this process."""
    if way == "traced":
        tracemalloc.start()
    try:
        return _octets_each(count, kind, way)
    finally:
        tracemalloc.stop()


def _octets_each(count: int, kind: str, way: str) -> float:
    manager = SessionManager(ManagerSettings(), session_ids(random.Random(2)))
    warm = SessionManager(ManagerSettings(), session_ids(random.Random(3)))
    for octets in messages(10, kind):  # what is made once
        warm.receive(decode_message(octets), NOW_MS)
    before = taken(way)
    for octets in messages(count, kind):
        manager.receive(decode_message(octets), NOW_MS)
    grown = taken(way) - before
    assert len(manager) == count
    return grown / count


def measure(count: int) -> dict[str, float]:
    """Octets of a session by kind and way, each from a process of its own."""
    found = {}
    for kind in KINDS:
        for way in WAYS:
            told = subprocess.run(
                [sys.executable, "-m", "tests.bench.session_memory", str(count), kind, way],
                cwd=PROJECT,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=True,
            ).stdout
            found[f"{kind}, {way}"] = float(json.loads(told))
    return found


if __name__ == "__main__":
    print(json.dumps(octets_each(int(sys.argv[1]), sys.argv[2], sys.argv[3])))
