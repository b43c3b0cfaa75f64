"""The three senders in simulated time: the same cores as in the runtime, without its threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from refjk.channel import Fate, Granted, Offer, Refused, WhenFull
from refjk.simulation.cluster.carrier import Carrier
from refjk.simulation.cluster.journal import QueueLost
from refjk.simulation.cluster.settings import Mode
from refjk.simulation.cluster.surroundings import Life, Message, Surroundings

# Called with what is known of the message, and why it failed.
Told = Callable[[Fate, str], None]


class Sender(Protocol):
    """The way to one member."""

    def send(self, message: Message, told: Told) -> None:
        """Tells once, now or later."""

    def close(self) -> None:
        """The member is gone."""


def make_sender(about: Surroundings, life: Life, node: str, target: str) -> Sender:
    if about.settings.mode is Mode.ASYNCHRONOUS:
        return QueueingSender(about, life, node, target)
    size = 1 if about.settings.mode is Mode.SYNCHRONOUS else about.settings.pool_size
    return WaitingSender(about, life, node, target, size)


class WaitingSender:
    """One of `size` connections for each message; one is the synchronous sender."""

    def __init__(self, about: Surroundings, life: Life, node: str, target: str, size: int) -> None:
        self._about = about
        self._life = life
        self._pool = about.cores.pool(size, about.settings.pool_wait_ms)
        self._carriers: dict[int, Carrier] = {}
        self._node = node
        self._target = target
        self._waiting: dict[int, tuple[Message, Told]] = {}
        self._callers = 0

    def send(self, message: Message, told: Told) -> None:
        self._callers += 1
        self._waiting[self._callers] = (message, told)
        answer = self._pool.acquire(self._callers, self._about.clock.now_ms)
        if answer is not None:
            self._settle([answer])
        else:
            self._about.clock.after(self._about.settings.pool_wait_ms, self._expire)

    def close(self) -> None:
        self._settle(self._pool.close())
        for carrier in self._carriers.values():
            carrier.end()

    def _expire(self, subject: object, number: int) -> None:
        if self._life.running:
            self._settle(self._pool.expire(self._about.clock.now_ms))

    def _settle(self, answers: Iterable[Granted | Refused]) -> None:
        for answer in answers:
            assert isinstance(answer.caller, int)
            message, told = self._waiting.pop(answer.caller)
            if isinstance(answer, Refused):
                told(Fate.FAILED, answer.reason)
            else:
                self._carry(answer.place, message, told)

    def _carry(self, place: int, message: Message, told: Told) -> None:
        carrier = self._carriers.get(place) or Carrier(self._about, self._life, self._node, self._target)
        self._carriers[place] = carrier

        def done(reason: str | None) -> None:
            answers = self._pool.release(place, self._about.clock.now_ms)
            told(Fate.ACKNOWLEDGED if reason is None else Fate.FAILED, reason or "")
            self._settle(answers)

        carrier.carry(message, done)


class QueueingSender:
    """A queue, and one connection that empties it."""

    def __init__(self, about: Surroundings, life: Life, node: str, target: str) -> None:
        self._about = about
        self._life = life
        self._node = node
        self._target = target
        self._queue = about.cores.queue(about.settings.queue)
        self._carrier = Carrier(about, life, node, target)
        self._blocked: deque[tuple[Message, Told, int]] = deque()
        self._numbers: dict[bytes, int] = {}  # messages by their frames, as the queue knows no more of them
        self._lost = 0
        self._working = False
        self._closed = False

    def send(self, message: Message, told: Told) -> None:
        if self._offered(message, told):
            return
        if self._about.settings.when_full is not WhenFull.BLOCK:
            told(Fate.FAILED, "the queue is full")
            return
        deadline_ms = self._about.clock.now_ms + self._about.settings.block_ms
        self._blocked.append((message, told, deadline_ms))
        self._about.clock.after(self._about.settings.block_ms, self._give_up)

    def close(self) -> None:
        self._closed = True
        self._queue.abandon()
        self._count_lost()
        blocked, self._blocked = self._blocked, deque()
        for _, told, _ in blocked:
            told(Fate.FAILED, "the sender was closed")
        self._carrier.end()

    def _offered(self, message: Message, told: Told) -> bool:
        offer = self._queue.offer(message.key, message.frame, self._about.clock.now_ms)
        self._count_lost()
        if offer is Offer.FULL:
            return False
        self._numbers[message.frame] = message.number
        told(Fate.QUEUED, "")
        self._work_soon(0)
        return True

    def _give_up(self, subject: object, number: int) -> None:
        while self._life.running and self._blocked and self._blocked[0][2] <= self._about.clock.now_ms:
            _, told, _ = self._blocked.popleft()
            self._queue.refuse()
            told(Fate.FAILED, "the queue is full")

    def _work_soon(self, delay_ms: int) -> None:
        self._about.clock.after(delay_ms, self._work)

    def _work(self, subject: object, number: int) -> None:
        if not self._life.running or self._working or self._closed:
            return
        entry = self._queue.take(self._about.clock.now_ms)
        if entry is None:
            return
        self._working = True
        # There is room now; whoever waits longest comes first.
        while self._blocked and self._offered(*self._blocked[0][:2]):
            self._blocked.popleft()
        known = self._numbers[entry.frame]
        self._carrier.carry(Message(known, entry.key or "", entry.frame), self._carried)

    def _carried(self, reason: str | None) -> None:
        self._working = False
        if self._closed:
            return
        now_ms = self._about.clock.now_ms
        if reason is None:
            self._queue.sent()
        else:
            self._queue.failed(now_ms)
            self._count_lost()
        if self._queue.idle:
            self._numbers.clear()
        again_ms = self._queue.next_wakeup_ms()
        self._work_soon(0 if again_ms is None else max(again_ms - now_ms, 0))

    def _count_lost(self) -> None:
        lost, self._lost = self._queue.counters.lost - self._lost, self._queue.counters.lost
        if lost:
            self._about.journal.note(QueueLost(self._about.clock.now_ms, self._node, self._target, lost))
