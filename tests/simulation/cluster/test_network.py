"""What the simulated network does to datagrams and streams."""

from __future__ import annotations

import random
from collections.abc import Callable

from refjk.simulation.cluster.clock import Clock
from refjk.simulation.cluster.journal import DatagramLost, Journal, Undelivered
from refjk.simulation.cluster.network import Network
from refjk.simulation.cluster.settings import ClusterSettings, with_setting
from refjk.simulation.cluster.streams import Endpoint, Stream

FRAME = bytes(range(100)) * 2


class End:
    """An end of a stream that keeps what it is told."""

    def __init__(self) -> None:
        self.octets = b""
        self.pieces = 0
        self.ended: list[bool] = []

    def octets_arrived(self, stream: Stream, octets: bytes) -> None:
        self.octets += octets
        self.pieces += 1

    def stream_ended(self, stream: Stream, *, reset: bool) -> None:
        self.ended.append(reset)


class Host:
    """A machine that keeps its datagrams and accepts every stream."""

    def __init__(self) -> None:
        self.up = True
        self.running = True
        self.datagrams: list[bytes] = []
        self.end = End()

    def datagram_arrived(self, octets: bytes) -> None:
        self.datagrams.append(octets)

    def accept(self, stream: Stream) -> Endpoint:
        self.end = End()
        return self.end


class Notes:
    """A watcher that keeps what was lost."""

    def __init__(self) -> None:
        self.lost: list[DatagramLost | Undelivered] = []

    def interests(self) -> dict[type, Callable[[DatagramLost | Undelivered], None]]:
        return {DatagramLost: self.lost.append, Undelivered: self.lost.append}


class World:
    """A network with machines a, b and c; settings as words of scenarios."""

    def __init__(self, seed: int = 1, **settings: str) -> None:
        self.notes = Notes()
        self.clock = Clock()
        chosen = ClusterSettings()
        for name, text in settings.items():
            chosen = with_setting(chosen, name, text)
        self.network = Network(self.clock, Journal([self.notes]), chosen, random.Random(seed))
        self.hosts = {name: Host() for name in "abc"}
        self.network.machines.update(self.hosts)
        self.told: list[Stream | None] = []
        self.client = End()

    def run(self, duration_ms: int) -> None:
        self.clock.run(self.clock.now_ms + duration_ms)

    def connected(self) -> Stream:
        self.network.connect("a", "b", self.client, self.told.append)
        self.run(100)
        stream = self.told[-1]
        assert stream is not None
        return stream

    @property
    def server(self) -> End:
        return self.hosts["b"].end


def test_a_datagram_comes_to_all_and_to_its_source() -> None:
    world = World()
    world.network.multicast("a", b"1")
    world.run(0)

    assert [host.datagrams for host in world.hosts.values()] == [[b"1"], [], []]
    world.run(1)
    assert [host.datagrams for host in world.hosts.values()] == [[b"1"], [b"1"], [b"1"]]


def test_datagrams_are_lost_doubled_and_reordered_by_chance() -> None:
    world = World(loss="20%", duplicates="20%", delay="1ms..50ms")
    sent = [number.to_bytes(2, "big") for number in range(1000)]
    for octets in sent:
        world.network.multicast("a", octets)
        world.run(10)
    heard = world.hosts["b"].datagrams

    assert world.hosts["a"].datagrams == sent
    assert 700 < len(set(heard)) < 900
    assert len(heard) > len(set(heard)) + 100
    assert heard != sorted(heard)
    assert all(isinstance(record, DatagramLost) for record in world.notes.lost)


def test_a_cut_in_one_direction_stops_datagrams_in_that_direction_only() -> None:
    world = World()
    world.network.cut("a", "b")
    world.network.multicast("a", b"1")
    world.network.multicast("b", b"2")
    world.run(10)

    assert world.hosts["b"].datagrams == [b"2"]
    assert sorted(world.hosts["a"].datagrams) == [b"1", b"2"]
    assert [str(record) for record in world.notes.lost] == ["a datagram of a to b is lost"]


def test_a_process_that_does_not_run_hears_nothing() -> None:
    world = World()
    world.network.multicast("a", b"1")
    world.hosts["b"].running = False
    world.run(10)

    assert world.hosts["b"].datagrams == []


def test_octets_of_a_stream_come_in_order_whatever_the_delays() -> None:
    world = World(delay="1ms..80ms", loss="30%")
    world.network.connect("a", "b", world.client, world.told.append)
    world.run(2000)
    stream = world.told[0]
    assert stream is not None
    for _ in range(50):
        stream.write("a", FRAME)
        stream.write("b", b"ack")
        world.run(7)
    world.run(1000)

    assert world.server.octets == FRAME * 50
    assert world.server.pieces > 50
    assert world.client.octets == b"ack" * 50


def test_octets_wait_for_a_cut_to_heal() -> None:
    world = World()
    stream = world.connected()
    world.network.cut("a", "b")
    stream.write("a", b"1")
    stream.write("b", b"2")
    world.run(60_000)
    assert (world.server.octets, world.client.octets) == (b"", b"2")

    world.network.heal("a", "b")
    world.run(200)
    assert world.server.octets == b"1"


def test_nobody_answers_a_connect_across_a_cut_until_it_heals() -> None:
    world = World()
    world.network.cut("b", "a")
    world.network.connect("a", "b", world.client, world.told.append)
    world.run(10_000)
    assert world.told == []

    world.network.heal("b", "a")
    world.run(1000)
    assert [type(told) for told in world.told] == [Stream]


def test_a_connect_that_was_given_up_is_told_nothing_and_its_stream_is_reset() -> None:
    world = World()
    connecting = world.network.connect("a", "b", world.client, world.told.append)
    world.run(1)
    connecting.given_up = True
    world.run(100)

    assert world.told == []
    assert world.server.ended == [True]


def test_a_client_that_is_gone_before_the_connect_is_answered_is_told_nothing() -> None:
    world = World()
    world.network.connect("a", "b", world.client, world.told.append)
    world.network.process_ended("a")
    world.run(5000)
    assert world.told == []

    world.network.connect("a", "b", world.client, world.told.append)
    world.run(1)
    world.hosts["a"].up = False
    world.network.machine_ended("a")
    world.run(5000)
    assert world.told == []
    assert world.server.ended == []


def test_a_machine_without_the_process_refuses_and_one_that_is_down_says_nothing() -> None:
    world = World()
    world.hosts["b"].running = False
    world.network.connect("a", "b", world.client, world.told.append)
    world.run(100)
    assert world.told == [None]

    world.hosts["b"].up = False
    world.network.connect("a", "b", world.client, world.told.append)
    world.run(60_000)
    assert world.told == [None]


def test_what_was_written_before_the_close_still_arrives() -> None:
    world = World()
    stream = world.connected()
    stream.write("a", b"1")
    stream.close("a")
    world.run(100)

    assert world.server.octets == b"1"
    assert world.server.ended == [False]
    assert world.notes.lost == []


def test_octets_for_a_closed_end_are_lost_and_reset_the_stream() -> None:
    world = World()
    stream = world.connected()
    stream.close("a")
    stream.write("b", b"late")
    world.run(100)

    assert world.server.ended == [False, True]
    assert [record.octets for record in world.notes.lost if isinstance(record, Undelivered)] == [4]
    assert [record.answers for record in world.notes.lost if isinstance(record, Undelivered)] == [True]


def test_a_broken_stream_is_told_to_both_ends_and_loses_what_is_under_way() -> None:
    world = World()
    stream = world.connected()
    stream.write("a", b"12345")
    world.network.break_streams("b", "a")
    stream.write("a", b"678")
    world.run(100)

    assert (world.client.ended, world.server.ended) == ([True], [True])
    assert world.server.octets == b""
    assert [record.octets for record in world.notes.lost if isinstance(record, Undelivered)] == [5, 3]


def test_a_process_that_ends_tells_the_other_side_and_a_machine_does_not() -> None:
    world = World()
    world.connected()
    world.network.process_ended("b")
    world.run(100)
    assert world.client.ended == [False]

    world = World()
    stream = world.connected()
    world.hosts["b"].up = False
    world.network.machine_ended("b")
    stream.write("a", b"1")
    world.run(60_000)
    assert world.client.ended == []
    assert world.notes.lost == []

    # Back again, it knows nothing of the stream, and says so to whoever still writes.
    world.hosts["b"].up = True
    world.network.machine_began()
    world.run(1000)
    assert world.client.ended == [True]
    assert len(world.notes.lost) == 1


def test_a_stream_that_nobody_holds_is_forgotten() -> None:
    world = World()
    for _ in range(10):
        stream = world.connected()
        stream.write("a", FRAME)
        stream.close("a")
        world.run(100)
        stream.close("b")
        world.run(100)

    assert not any(world.network._streams)
