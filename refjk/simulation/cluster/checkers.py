"""Those who watch a simulated cluster from outside and object to what must not happen.

They know the records of the journal and the settings, and nothing of what is inside a node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from refjk.channel import Fate
from refjk.simulation.cluster.journal import (
    Added,
    Dropped,
    Handed,
    Heard,
    QueueLost,
    Resulted,
    Started,
    Stopped,
    Undelivered,
    Watcher,
    Written,
)
from refjk.simulation.cluster.settings import ClusterSettings, Mode

Interests = Mapping[type[Any], Callable[[Any], None]]
# Each running node's list of its members, as the node itself gives it.
Views = Mapping[str, tuple[str, ...]]

_REMEMBERED_MS = 3_600_000  # after so long a message is not looked at any more


class Checker(Watcher, Protocol):
    """A watcher with an opinion."""

    name: str

    def check(self, now_ms: int) -> list[str]:
        """Objections since the last time; asked after every command."""

    def settled(self, now_ms: int, views: Views) -> list[str]:
        """Faults have stopped long ago: objections to how things are now."""


class _Base:
    """Collects what is objected to until it is asked for."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._objections: list[str] = []

    def check(self, now_ms: int) -> list[str]:
        objections, self._objections = self._objections, []
        return objections

    def settled(self, now_ms: int, views: Views) -> list[str]:
        return []

    def _object(self, at_ms: int, text: str) -> None:
        self._objections.append(f"at {at_ms}: {text}")


class NotTooEarly(_Base):
    """No member is dropped that was heard within the drop time."""

    name = "not too early"

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._heard: dict[tuple[str, str], int] = {}

    def interests(self) -> Interests:
        return {Heard: self._hear, Dropped: self._drop}

    def _hear(self, record: Heard) -> None:
        self._heard[record.node, record.member] = record.at_ms

    def _drop(self, record: Dropped) -> None:
        ago_ms = record.at_ms - self._heard[record.node, record.member]
        if ago_ms <= self._settings.drop_time_ms:
            self._object(record.at_ms, f"{record.node} drops {record.member}, heard {ago_ms} ms ago")


class InTime(_Base):
    """Whoever is silent, crashed or cut off, is dropped everywhere within drop time plus one check."""

    name = "in time"

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._heard: dict[tuple[str, str], int] = {}
        self._members: dict[tuple[str, str], None] = {}

    def interests(self) -> Interests:
        return {Heard: self._hear, Added: self._add, Dropped: self._drop, Stopped: self._stop}

    def check(self, now_ms: int) -> list[str]:
        for pair in list(self._members):
            self._judge(pair, now_ms)
        return super().check(now_ms)

    def _hear(self, record: Heard) -> None:
        pair = (record.node, record.member)
        # Late is late, even if it is heard again before anybody looks.
        if pair in self._members:
            self._judge(pair, record.at_ms)
        self._heard[pair] = record.at_ms

    def _add(self, record: Added) -> None:
        self._members[record.node, record.member] = None

    def _drop(self, record: Dropped) -> None:
        pair = (record.node, record.member)
        if pair in self._members:
            self._judge(pair, record.at_ms)
            self._members.pop(pair, None)

    def _stop(self, record: Stopped) -> None:
        for pair in [pair for pair in self._members if pair[0] == record.node]:
            del self._members[pair]

    def _judge(self, pair: tuple[str, str], now_ms: int) -> None:
        """A node checks at the latest when its own next heartbeat comes back to it."""
        ago_ms = now_ms - self._heard[pair]
        if ago_ms > self._settings.drop_time_ms + self._settings.frequency_ms:
            self._object(now_ms, f"{pair[0]} still has {pair[1]}, last heard {ago_ms} ms ago")
            del self._members[pair]


class AllSeeAll(_Base):
    """After healing all see all; and what a node lists is what it reported."""

    name = "all see all"

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._reported: dict[str, set[str]] = {}

    def interests(self) -> Interests:
        return {Started: self._start, Stopped: self._stop, Added: self._add, Dropped: self._drop}

    def settled(self, now_ms: int, views: Views) -> list[str]:
        for node, members in views.items():
            for other in views:
                if other != node and other not in members:
                    self._object(now_ms, f"{node} does not see {other}")
            if set(members) != self._reported[node] or len(members) != len(set(members)):
                reported = ", ".join(sorted(self._reported[node]))
                self._object(now_ms, f"{node} lists {', '.join(members)}, and reported {reported}")
            self._object_to_strangers(now_ms, node, members, views)
        return self.check(now_ms)

    def _object_to_strangers(self, now_ms: int, node: str, members: tuple[str, ...], views: Views) -> None:
        for other in members:
            if other not in views or other == node:
                self._object(now_ms, f"{node} sees {other}, which is not there")

    def _start(self, record: Started) -> None:
        self._reported[record.node] = set()

    def _stop(self, record: Stopped) -> None:
        self._reported.pop(record.node, None)

    def _add(self, record: Added) -> None:
        if record.member in self._reported[record.node]:
            self._object(record.at_ms, f"{record.node} adds {record.member} twice")
        self._reported[record.node].add(record.member)

    def _drop(self, record: Dropped) -> None:
        if record.member not in self._reported[record.node]:
            self._object(record.at_ms, f"{record.node} drops {record.member}, which it never added")
        self._reported[record.node].discard(record.member)


class _Delivery:
    """One message to one member: the streams it was written to, and those it was handed over from."""

    __slots__ = ("at_ms", "handed", "written")

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self.written: list[int] = []
        self.handed: list[int] = []


class AsOftenAsAllowed(_Base):
    """A message is handed over once for each time that it was written, at most; one that was acknowledged
    has been handed over from the stream on which the answer came.

    It may be written as often as there are resends, and once more.
    """

    name = "as often as allowed"

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._deliveries: dict[tuple[int, str], _Delivery] = {}
        self._writes_max = settings.sending.resends_max + 1
        if settings.mode is Mode.ASYNCHRONOUS:
            self._writes_max *= settings.retries + 1
        self.duplicates = 0

    def interests(self) -> Interests:
        return {Written: self._write, Handed: self._hand, Resulted: self._result}

    def check(self, now_ms: int) -> list[str]:
        while self._deliveries:
            oldest = next(iter(self._deliveries))
            if now_ms - self._deliveries[oldest].at_ms < _REMEMBERED_MS:
                break
            del self._deliveries[oldest]
        return super().check(now_ms)

    def _write(self, record: Written) -> None:
        delivery = self._deliveries.setdefault((record.message, record.target), _Delivery(record.at_ms))
        delivery.written.append(record.stream)
        if len(delivery.written) > self._writes_max:
            self._object(record.at_ms, f"{record}, for the {len(delivery.written)}th time")

    def _hand(self, record: Handed) -> None:
        delivery = self._deliveries.get((record.message, record.node))
        if delivery is None or record.stream not in delivery.written:
            self._object(record.at_ms, f"{record}, which was never written to stream {record.stream}")
            return
        if record.stream in delivery.handed:
            self._object(record.at_ms, f"{record}, twice from stream {record.stream}")
        delivery.handed.append(record.stream)
        self.duplicates += len(delivery.handed) > 1

    def _result(self, record: Resulted) -> None:
        if record.fate is not Fate.ACKNOWLEDGED:
            return
        delivery = self._deliveries.get((record.message, record.target))
        if delivery is None or delivery.written[-1] not in delivery.handed:
            self._object(record.at_ms, f"{record}, but {record.target} was never handed it")


class _Last:
    """The last message of a key that was queued for a member, and what its listener got last."""

    __slots__ = ("arrived_on", "handed", "handed_on", "lost", "message", "written_on")

    def __init__(self, message: int) -> None:
        self.message = message
        self.written_on: int | None = None
        self.lost = False  # since it was queued
        self.arrived_on: int | None = None
        self.handed: int | None = None
        self.handed_on = 0


class LastValue(_Base):
    """Asynchronous: per key a member ends with the last value sent, unless a loss was stated since.

    Stated is what a sender counts of its queue; for a message that was written, that its stream ended with
    octets which nobody read. A stream that its sender has closed may still bring older messages when a
    younger one has brought newer ones; that is no objection, but it is counted.
    """

    name = "last value"

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._last: dict[tuple[str, str, str], _Last] = {}
        self._by_message: dict[tuple[int, str], _Last] = {}
        self.overtaken = 0

    def interests(self) -> Interests:
        if self._settings.mode is not Mode.ASYNCHRONOUS:
            return {}
        return {
            Resulted: self._result,
            Written: self._write,
            Handed: self._hand,
            QueueLost: self._lose,
            Undelivered: self._end,
            Stopped: self._stop,
        }

    def settled(self, now_ms: int, views: Views) -> list[str]:
        for (source, target, key), last in self._last.items():
            there = source in views and target in views
            if last.handed == last.message or last.lost or not there:
                continue
            if last.arrived_on is not None and last.handed_on < last.arrived_on:
                self.overtaken += 1
                continue
            told = f"message {last.message} of {source} was its last for key {key}"
            self._object(now_ms, f"{told}, but {target} ends with {last.handed}")
        return self.check(now_ms)

    def _result(self, record: Resulted) -> None:
        if record.fate is Fate.QUEUED:
            self._forget((record.node, record.target, record.key))
            last = self._last[record.node, record.target, record.key] = _Last(record.message)
            self._by_message[record.message, record.target] = last

    def _write(self, record: Written) -> None:
        last = self._by_message.get((record.message, record.target))
        if last is not None:
            last.written_on = record.stream

    def _hand(self, record: Handed) -> None:
        last = self._last.get((record.source, record.node, record.key))
        if last is None:
            return
        if record.message == last.message:
            last.arrived_on = record.stream
        last.handed, last.handed_on = record.message, record.stream

    def _lose(self, record: QueueLost) -> None:
        for last in self._between(record.node, record.target):
            last.lost |= last.written_on is None

    def _end(self, record: Undelivered) -> None:
        if record.answers:
            return
        for last in self._between(record.node, record.target):
            last.lost |= last.written_on == record.stream

    def _between(self, source: str, target: str) -> list[_Last]:
        return [last for key, last in self._last.items() if key[:2] == (source, target)]

    def _stop(self, record: Stopped) -> None:
        """Queues and values are gone with the process, and nobody has promised anything."""
        for key in [key for key in self._last if record.node in key[:2]]:
            self._forget(key)

    def _forget(self, key: tuple[str, str, str]) -> None:
        last = self._last.pop(key, None)
        if last is not None:
            del self._by_message[last.message, key[1]]
