"""A cluster of many nodes in simulated time: the cores of refjk, and what each of their steps costs.

Each node has one processor, as a Python process has, which does one thing after the other. The network delays
and loses nothing. Sessions, frames, connections, pools and queues are those of refjk; the costs are numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refjk.channel import (
    Granted,
    PlacePool,
    QueueRules,
    ReceivingConnection,
    SendingConnection,
    SendingRules,
    SendQueue,
    Step,
    Tomcat55Channel,
)
from refjk.runtime.senders_settings import Mode
from refjk.session import (
    ManagerSettings,
    MemberAddress,
    Message,
    Session,
    SessionManager,
    decode_message,
    encode_message,
    session_ids,
    stamped,
)
from refjk.simulation.agenda import Agenda

RELEASE = 5
POOL_SIZE = 25
SET_UP_US = 20_000_000
Then = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of a processor, but for the network's `delay`.

    `request` is the application's part, `change` the making of the message, `send` what each member costs the
    sender, answer included, `receive` what a message costs its receiver.
    """

    change: int
    send: int
    receive: int
    request: int = 5000
    delay: int = 100


@dataclass(slots=True)
class Counts:
    """Of all nodes together."""

    changes: int = 0
    frames: int = 0
    answers: int = 0
    octets: int = 0


class World:
    """Time, the network, and what was counted."""

    def __init__(self, costs: Costs) -> None:
        self.agenda = Agenda()
        self.costs = costs
        self.counts = Counts()
        self.dialect = Tomcat55Channel()
        self._read: dict[bytes, Message] = {}

    @property
    def now_ms(self) -> int:
        return self.agenda.now_us // 1000

    def later(self, delay_us: int, then: Then) -> None:
        self.agenda.add(delay_us, lambda subject, number: then())

    def read(self, payload: bytes) -> Message:
        """All members get the same octets; they are read once, which the cost of receiving has in it."""
        if payload not in self._read:
            self._read[payload] = decode_message(payload)
        return self._read[payload]


class Processor:
    """Does one thing after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._free_at_us = 0
        self.busy_us = 0

    def run(self, cost_us: int, then: Then) -> None:
        now_us = self._world.agenda.now_us
        self._free_at_us = max(self._free_at_us, now_us) + cost_us
        self.busy_us += cost_us
        self._world.later(self._free_at_us - now_us, then)


class Node:
    """A node with one session of its own and copies of those of the members."""

    def __init__(self, world: World, number: int, mode: Mode) -> None:
        self._world = world
        self._mode = mode
        self.processor = Processor(world)
        self.manager = SessionManager(
            ManagerSettings("/shop", route=f"node{number}"), session_ids(random.Random(number))
        )
        self._address = MemberAddress(f"tcp://node{number}", "192.0.2.1", 4001)
        self._ways: list[Way] = []
        self._session: Session | None = None
        self.waits_us: list[int] = []

    def meet(self, members: Sequence[Node]) -> None:
        """These are the others."""
        self._ways = [Way(self._world, self, other, self._mode) for other in members if other is not self]

    def begin(self) -> None:
        """A session, which all members get."""
        self._session = session = self.manager.create(self._world.now_ms)
        self.manager.attach(session, self._world.now_ms)
        session.set("n", 0)
        self._completed(session, lambda: None)

    def ask(self) -> None:
        """A request that changes the session."""
        self.processor.run(self._world.costs.request, self._work)

    def counts(self) -> list[object]:
        """What it has of each session."""
        found = sorted(self.manager.sessions(), key=lambda one: one.id)
        return [one.get("n") for one in found]

    def _work(self) -> None:
        session = self._session
        assert session is not None
        session.set("n", 1 + int(str(session.get("n"))))
        begun_us = self._world.agenda.now_us
        self._world.counts.changes += 1
        self._completed(session, lambda: self.waits_us.append(self._world.agenda.now_us - begun_us))

    def _completed(self, session: Session, done: Then) -> None:
        self.manager.request_completed(session.id, self._world.now_ms)
        frames = [
            self._frame(stamped(one.written(), self._address, self._world.now_ms))
            for one in self.manager.messages_to_send()
        ]
        left = [(way, frame) for frame in frames for way in self._ways]
        self.processor.run(self._world.costs.change, lambda: self._send(left, done))

    def _frame(self, message: Message) -> bytes:
        dialect = self._world.dialect
        envelope = dialect.wrap(encode_message(message, RELEASE), answered=True, now_ms=self._world.now_ms)
        return dialect.encode_frame(envelope)

    def _send(self, left: list[tuple[Way, bytes]], done: Then) -> None:
        """To one member after the other. NOD-SND-02"""
        if not left:
            done()
            return
        way, frame = left[0]
        way.send(frame, lambda: self._send(left[1:], done))

    def arrive(self, core: ReceivingConnection, frame: bytes, answered: Callable[[bytes], None]) -> None:
        """A frame is here; the answer leaves when the message was handled."""

        def handle() -> None:
            for envelope in core.receive(frame):
                message = self._world.read(envelope.payload)
                self.manager.receive(message, self._world.now_ms)  # type: ignore[arg-type]
                core.processed(envelope, handled=True)
            answer = core.answers_to_send()
            core.answers_sent(len(answer))
            self._world.counts.answers += 1
            self._world.counts.octets += len(answer)
            self._world.later(self._world.costs.delay, lambda: answered(answer))

        self.processor.run(self._world.costs.receive, handle)


class Way:
    """From one node to another, by one of the three senders."""

    def __init__(self, world: World, source: Node, target: Node, mode: Mode) -> None:
        self._world = world
        self._source = source
        self._target = target
        queued = mode is Mode.ASYNCHRONOUS
        self._rules = SendingRules(waits=not queued)
        if queued:
            self._rules = SendingRules(waits=False, keep_alive_ms=None, keep_alive_messages=None)
        self._queue = SendQueue(QueueRules()) if queued else None
        self._pool = PlacePool(POOL_SIZE if mode is Mode.POOLED else 1)
        self._connections: dict[int, Connection] = {}
        self._waiting: dict[object, Callable[[int], None]] = {}

    def send(self, frame: bytes, done: Then) -> None:
        if self._queue is not None:
            self._queue.offer(None, frame, self._world.now_ms)
            done()
            self._work()
            return
        caller = object()
        self._waiting[caller] = lambda place: self._carry(place, frame, done)
        self._grant([answer] if (answer := self._pool.acquire(caller, self._world.now_ms)) else [])

    def _grant(self, answers: Sequence[object]) -> None:
        for answer in answers:
            assert isinstance(answer, Granted), "the simulated load is more than the senders' patience"
            self._waiting.pop(answer.caller)(answer.place)

    def _carry(self, place: int, frame: bytes, done: Then) -> None:
        def carried() -> None:
            self._grant(self._pool.release(place, self._world.now_ms))
            done()

        self._connection(place).carry(frame, carried)

    def _work(self) -> None:
        assert self._queue is not None
        entry = self._queue.take(self._world.now_ms)
        if entry is not None:
            self._connection(0).carry(entry.frame, self._sent)

    def _sent(self) -> None:
        assert self._queue is not None
        self._queue.sent()
        self._work()

    def _connection(self, place: int) -> Connection:
        if place not in self._connections:
            self._connections[place] = Connection(self._world, self._source, self._target, self._rules)
        return self._connections[place]


class Connection:
    """One connection: the steps of `SendingConnection`, each with its time."""

    def __init__(self, world: World, source: Node, target: Node, rules: SendingRules) -> None:
        self._world = world
        self._source = source
        self._target = target
        self._core = SendingConnection(rules)
        self._waits = rules.waits
        self._other = ReceivingConnection(world.dialect)
        self._frame = b""
        self._done: Then = lambda: None

    def carry(self, frame: bytes, done: Then) -> None:
        self._frame, self._done = frame, done
        self._do(self._core.begin(self._world.now_ms))

    def _do(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step is Step.CLOSE:
                self._other = ReceivingConnection(self._world.dialect)
            elif step is Step.CONNECT:
                self._world.later(2 * self._world.costs.delay, self._succeeded)
            elif step is Step.WRITE:
                self._source.processor.run(self._world.costs.send, self._write)
            elif step is Step.DONE:
                self._done()

    def _write(self) -> None:
        frame, other = self._frame, self._other
        self._world.counts.frames += 1
        self._world.counts.octets += len(frame)
        arrive = self._target.arrive
        self._world.later(self._world.costs.delay, lambda: arrive(other, frame, self._answered))
        self._do(self._core.succeeded(self._world.now_ms, len(frame)))

    def _answered(self, octets: bytes) -> None:
        if self._waits:
            assert self._world.dialect.answer_reader().receive(octets) is not None
            self._succeeded()

    def _succeeded(self) -> None:
        self._do(self._core.succeeded(self._world.now_ms))


@dataclass(frozen=True, slots=True)
class Load:
    """Requests for each node and second, at random moments, `requests` of all together; `seed` of chance."""

    per_s: float
    requests: int
    seed: int


def play(nodes: int, domain: int, mode: Mode, costs: Costs, load: Load) -> tuple[World, list[Node], float]:
    """So many nodes in clusters of `domain`. Returns the world, the nodes, and the seconds of the load.

    Asserts that in the end every node has the newest of each session of its cluster.
    """
    world = World(costs)
    members = [Node(world, number, mode) for number in range(nodes)]
    clusters = [members[start : start + domain] for start in range(0, nodes, domain)]
    for cluster in clusters:
        for node in cluster:
            node.meet(cluster)
    for node in members:
        world.later(0, node.begin)
    world.agenda.run(SET_UP_US)
    world.counts = Counts()
    for node in members:
        node.processor.busy_us = 0
        node.waits_us.clear()
    seconds = load.requests / (nodes * load.per_s)
    source = random.Random(f"{load.seed} {nodes}")
    for _ in range(load.requests):
        world.later(int(source.random() * seconds * 1e6), source.choice(members).ask)
    world.agenda.run(SET_UP_US + int((seconds + 600) * 1e6))
    for cluster in clusters:
        assert all(node.counts() == cluster[0].counts() for node in cluster), "the nodes differ"
    assert sum(len(node.waits_us) for node in members) == load.requests
    return world, members, seconds
