"""Plays live recordings of Tomcat 5.5.5 nodes: heartbeats against `refjk.membership`, the rest in
`cluster_conversations`. Order and rules are compared, times only roughly.
"""

from __future__ import annotations

from collections import defaultdict

from refjk.base.errors import Malformed
from refjk.channel import Granted, PlacePool, QueueRules, SendingConnection, SendingRules, SendQueue, Step
from refjk.membership import (
    Event,
    MemberAdded,
    MemberDropped,
    Membership,
    MembershipSettings,
    Tomcat55Membership,
)
from refjk.vectors.cluster_conversations import play_conversation
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played, Unlike

TRACE_KIND = "cluster trace"

_DIALECT = Tomcat55Membership()
_TOLERANCE_MS = 150.0

_Report = tuple[str, int]  # what a process told, and when


def play_traces(document: Node) -> Played:
    """One entry is one recording."""
    return play_all(document, TRACE_KIND, _play_trace)


def _play_trace(vector: Node) -> None:
    table = vector.table()
    if "connections" in table and isinstance(table["connections"], list):
        _play_keep_alive(vector)
    elif "first_burst" in table:
        _play_bursts(vector)
    elif "send_number_that_blocks" in table:
        _play_exhausted_pool(vector)
    elif any("datagram_from" in event.table() for event in vector["events"].items()):
        _play_heartbeats(vector)
    else:
        if "summary" in table:
            _play_full_pool(vector)
        play_conversation(vector)


def _play_heartbeats(vector: Node) -> None:
    """The reports of each node are compared as a list: their whole ms may put them before their datagram."""
    setup = vector["setup"]
    settings = MembershipSettings(
        setup["mcastFrequency"].number(), setup["mcastDropTime"].number(), expire_by_time=False
    )
    names, running = _first_datagrams(vector), dict[str, Membership]()
    wanted, told = defaultdict[str, list[_Report]](list), defaultdict[str, list[_Report]](list)
    for number, event in enumerate(vector["events"].items()):
        where, now_ms = f"event {number}", _milliseconds(event["t_ms"])
        if (sender := event.get("datagram_from")) is not None:
            octets = event["data"].octets()
            made = _announced(where, sender.text(), running[sender.text()], octets, now_ms)
            for name, membership in running.items():
                heard = made if name == sender.text() else octets
                told[name] += _reports(membership.receive_datagram(heard, now_ms), now_ms)
            continue
        at, what = event["at"].text(), event["event"].text()
        if what == "start":
            own = _DIALECT.decode(names[at])
            running[at] = Membership(_DIALECT, _DIALECT.introduce(own.host, own.port), settings)
            told[at] += _reports(running[at].start(now_ms), now_ms)
        elif what.startswith("started members="):
            same(f"{where}, {what}", int(what.partition("=")[2]), len(running[at].members()))
        elif what.startswith("member"):
            wanted[at].append((what, now_ms))
        elif what in ("process killed", "stopped"):
            running.pop(at).stop(now_ms)
    for name in names:
        same(f"reports of {name}", [what for what, _ in wanted[name]], [what for what, _ in told[name]])
        for (what, wanted_ms), (_, told_ms) in zip(wanted[name], told[name], strict=True):
            if abs(wanted_ms - told_ms) > _TOLERANCE_MS:
                raise Unlike(f"reports of {name}, {what}", f"at {wanted_ms}", f"at {told_ms}")


def _reports(events: list[Event], now_ms: int) -> list[_Report]:
    """Events in the words of the recorded processes."""
    words = []
    for event in events:
        if isinstance(event, MemberAdded):
            words.append(f"memberAdded {event.member.text} alive={event.member.alive_ms}")
        elif isinstance(event, MemberDropped):
            words.append(f"memberDisappeared {event.member.text}")
    return [(what, now_ms) for what in words]


def _first_datagrams(vector: Node) -> dict[str, bytes]:
    """What each node announces; its address and name are taken from there."""
    found: dict[str, bytes] = {}
    for event in vector["events"].items():
        if (sender := event.get("datagram_from")) is not None:
            found.setdefault(sender.text(), event["data"].octets())
    return found


def _announced(where: str, sender: str, membership: Membership, recorded: bytes, now_ms: int) -> bytes:
    """What our own node says at a moment when the recorded one said something."""
    due_ms = membership.next_wakeup_ms()
    if due_ms is None or abs(due_ms - now_ms) > _TOLERANCE_MS:
        raise Unlike(f"{where}, {sender} announces itself", f"at {now_ms}", f"at {due_ms}")
    same(f"{where}, dropped by time", [], membership.tick(max(due_ms, now_ms)))
    [made] = membership.datagrams_to_send()
    try:
        ours, theirs = _DIALECT.decode(made), _DIALECT.decode(recorded)
    except Malformed as error:
        raise Unlike(where, "an announcement", str(error)) from None
    same(f"{where}, announced", (theirs.name, theirs.host, theirs.port), (ours.name, ours.host, ours.port))
    if abs(theirs.alive_ms - ours.alive_ms) > _TOLERANCE_MS:
        raise Unlike(f"{where}, alive time", f"{theirs.alive_ms}", f"{ours.alive_ms}")
    return made


def _milliseconds(value: Node) -> int:
    return round(float(value.value)) if isinstance(value.value, int | float) else value.number()


def _play_keep_alive(vector: Node) -> None:
    """How many messages each connection carries before its sender closes it."""
    connections = vector["connections"].items()
    carried: list[int] = []
    sending = SendingConnection(SendingRules())
    for _ in range(sum(one["frames"].number() for one in connections)):
        steps = sending.begin(0)
        while steps[-1] is not Step.DONE:
            if steps[-1] is Step.CONNECT:
                carried.append(0)
            carried[-1] += steps[-1] is Step.AWAIT
            steps = sending.succeeded(0)
    same("messages of the connections", [one["acks"].number() for one in connections], carried)


def _play_bursts(vector: Node) -> None:
    """Different keys all arrive in their order, the same key's messages replace each other."""
    first, second = vector["first_burst"], vector["second_burst"]
    same("first burst, received", first["received"].number(), len(_burst(first["sent"].number(), None)))
    same("first burst, in order", first["in_order"].flag(), True)
    sent, keys = second["sent"].number(), second["keys"].number()
    arrived = _burst(sent, keys)
    same("second burst, keys that wait", [sent - keys + number for number in range(keys)], sorted(arrived))
    same("second burst, not more than sent", True, len(arrived) <= second["received"].number() <= sent)


def _burst(sent: int, keys: int | None) -> list[int]:
    """Which messages leave a queue that is emptied only at the end."""
    queue = SendQueue(QueueRules())
    for number in range(sent):
        queue.offer(f"{number if keys is None else number % keys}", b"%d" % number, 0)
    arrived = []
    while (entry := queue.take(0)) is not None:
        arrived.append(int(entry.frame))
        queue.sent()
    if keys is None:
        same("first burst, order", True, arrived == sorted(arrived))
    return arrived


def _play_exhausted_pool(vector: Node) -> None:
    """With places that never come back, as the original's; ours come back and the next send gets one."""
    pool, failed = PlacePool(), vector["failed_sends"].number()
    places = [pool.acquire(number, 0) for number in range(failed + 1)]
    same("the send that waits", vector["send_number_that_blocks"].number(), places.index(None) + 1)
    first = places[0]
    if isinstance(first, Granted):
        same("after one was given back", 1, len(pool.release(first.place, 0)))


def _play_full_pool(vector: Node) -> None:
    """Each frame takes a place when it is sent and gives it back when it is answered."""
    summary, pool = vector["summary"], PlacePool()
    places: dict[int, int] = {}
    in_use_max = 0
    for number, event in enumerate(vector["events"].items()):
        if "length" not in event.table():
            continue
        connection = event["conn"].number()
        if connection in places:
            pool.release(places.pop(connection), 0)
            continue
        granted = pool.acquire(number, 0)
        if not isinstance(granted, Granted):
            raise Unlike(f"event {number}", "a free place", "none")
        places[connection] = granted.place
        in_use_max = max(in_use_max, pool.in_use)
    same("most frames without answer", summary["most_frames_without_ack"].number(), in_use_max)
    same("connections opened", summary["connections_opened"].number(), pool.made)
