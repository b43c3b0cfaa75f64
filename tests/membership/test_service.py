"""One node's membership: heartbeats out, datagrams in."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest

from refjk.base.errors import LocalProtocolError, UsageError
from refjk.membership import (
    Announcement,
    Authenticator,
    DatagramRefused,
    Departure,
    Event,
    HeartbeatSchedule,
    Layout,
    MemberAdded,
    MemberDropped,
    MemberHeard,
    Membership,
    MembershipSettings,
    Refusal,
    Tomcat55Membership,
)
from refjk.speccheck import covers

PLAIN = Tomcat55Membership()


def membership(settings: MembershipSettings | None = None) -> Membership:
    return Membership(PLAIN, PLAIN.introduce("127.0.0.1", 4001), settings or MembershipSettings())


def beat(port: int, alive_ms: int = 0) -> bytes:
    return PLAIN.encode(replace(PLAIN.introduce("127.0.0.1", port), alive_ms=alive_ms))


def refusals(events: list[Event]) -> list[Refusal]:
    return [event.reason for event in events if isinstance(event, DatagramRefused)]


def sent_until(node: Membership, end_ms: int) -> list[tuple[int, int]]:
    """When a node announces itself, and with which alive time, if it is woken when it asks to be."""
    sent = []
    while (wakeup_ms := node.next_wakeup_ms()) is not None and wakeup_ms <= end_ms:
        node.tick(wakeup_ms)
        sent += [(wakeup_ms, PLAIN.decode(octets).alive_ms) for octets in node.datagrams_to_send()]
    return sent


@covers("MEM-HBT-01", "MEM-HBT-02", "MEM-HBT-03")
def test_a_node_listens_for_four_heartbeats_and_then_announces_itself_at_each() -> None:
    node = membership(MembershipSettings(frequency_ms=500))
    node.start(1000)
    assert node.receive_datagram(beat(4002, 77), 1001) != []  # it hears from the start
    node.tick(2999)
    assert (node.datagrams_to_send(), node.announcing) == ([], False)
    assert sent_until(node, 4500)[:4] == [(3000, 0), (3500, 500), (4000, 1000), (4500, 1500)]
    assert node.announcing


@covers("MEM-HBT-04", "MEM-HBT-06")
def test_a_late_call_owes_one_heartbeat_and_the_next_is_a_full_frequency_away() -> None:
    schedule = HeartbeatSchedule(frequency_ms=500, pause_ms=0)
    schedule.start(0)
    assert schedule.due(0) == 0
    assert schedule.due(1700) == 1700
    assert schedule.due(2199) is None
    assert schedule.due(2200) == 2200


@covers("MEM-HBT-05")
def test_a_listener_announces_nothing_and_hears_everybody() -> None:
    node = Membership(PLAIN, None)
    node.start(0)
    assert node.next_wakeup_ms() is None
    node.receive_datagram(beat(4001), 10)
    assert [one.port for one in node.members()] == [4001]
    node.tick(2000)
    assert (node.datagrams_to_send(), node.own_announcement(2000)) == ([], None)


@covers("MEM-EXP-02")
def test_own_and_refused_datagrams_drive_the_check_as_well() -> None:
    for octets in (beat(4001), b"nonsense"):
        node = membership(MembershipSettings(expire_by_time=False))
        node.start(0)
        node.receive_datagram(beat(4002), 100)
        node.tick(10_000)
        assert len(node.members()) == 1
        events = node.receive_datagram(octets, 3101)
        dropped = [event.reason for event in events if isinstance(event, MemberDropped)]
        assert dropped == [Departure.SILENT]


@covers("MEM-EXP-03")
def test_members_are_dropped_though_no_datagram_comes_any_more() -> None:
    node = Membership(PLAIN, None)
    node.start(0)
    node.receive_datagram(beat(4002), 100)
    assert node.next_wakeup_ms() == 3101
    assert node.tick(3100) == []
    assert [type(event) for event in node.tick(3101)] == [MemberDropped]


@covers("MEM-EXP-05")
def test_a_node_that_stops_says_nothing_more() -> None:
    node = membership()
    node.start(0)
    sent_until(node, 2000)
    node.stop(2100)
    assert (node.datagrams_to_send(), sent_until(node, 99_999)) == ([], [])


@covers("MEM-TAB-07")
@pytest.mark.parametrize(
    ("change", "when"),
    [
        ({"port": 5000}, "another port"),
        ({"address": bytes((10, 0, 0, 1))}, "another address"),
        ({"alive_ms": 123}, "an alive time that we never told"),
    ],
)
def test_somebody_else_with_our_name_is_reported_and_no_member(change: dict[str, object], when: str) -> None:
    node = membership()
    node.start(0)
    node.tick(2000)
    [own] = node.datagrams_to_send()
    assert node.receive_datagram(own, 2001) == [], "our own comes back"
    claimed = PLAIN.encode(replace(PLAIN.decode(own), **change))  # type: ignore[arg-type]
    assert refusals(node.receive_datagram(claimed, 2002)) == [Refusal.OWN_NAME], when
    assert node.members() == ()
    assert node.counters.refused == {Refusal.OWN_NAME: 1}


@covers("MEM-TAB-08")
def test_members_of_another_domain_are_refused_where_one_is_demanded() -> None:
    ours, theirs = (Tomcat55Membership(Layout.DOMAIN, domain=domain) for domain in (b"blue", b"green"))
    datagram = theirs.encode(theirs.introduce("127.0.0.1", 4002))
    strict = Membership(ours, None, MembershipSettings(domain=b"blue"))
    assert refusals(strict.receive_datagram(datagram, 0)) == [Refusal.OTHER_CLUSTER]
    assert strict.members() == ()
    tolerant = Membership(ours, None)
    assert [type(event) for event in tolerant.receive_datagram(datagram, 0)] == [MemberAdded]


@covers("MEM-DAT-08")
def test_a_datagram_of_more_than_a_thousand_octets_is_refused() -> None:
    node = membership()
    datagram = beat(4002) + b"x" * (1000 - len(beat(4002)))
    assert refusals(node.receive_datagram(datagram, 0)) == []
    assert refusals(node.receive_datagram(datagram + b"x", 0)) == [Refusal.TOO_LONG]


@covers("MEM-DAT-10")
@pytest.mark.parametrize(
    "datagram",
    [
        struct.pack(">qi4s", 0, 0, bytes(4)) + b"a",
        struct.pack(">qi4s", 0, 65536, bytes(4)) + b"a",
        struct.pack(">qi4s", 0, -1, bytes(4)) + b"a",
        struct.pack(">qi4s", -1, 4001, bytes(4)) + b"a",
        struct.pack(">qi4s", 0, 4001, bytes(4)),
        struct.pack(">qi4s", 0, 4001, bytes(4)) + b"\0\0\0\x01a",
    ],
)
def test_what_no_node_can_say_of_itself_is_nonsense(datagram: bytes) -> None:
    node = membership()
    assert refusals(node.receive_datagram(datagram, 0)) == [Refusal.NONSENSE]
    assert node.members() == ()


@covers("MEM-DAT-09")
def test_whatever_comes_is_counted_and_does_no_harm() -> None:
    chance = random.Random(4)
    node = membership(MembershipSettings(members_max=20))
    node.start(0)
    node.receive_datagram(beat(4999, 10**12), 0)
    for number in range(3000):
        octets = bytearray(beat(chance.randrange(1, 3000)))
        for _ in range(chance.randrange(3)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        node.receive_datagram(bytes(octets[: chance.randrange(len(octets) + 1)]), number // 100)
        assert len(node.members()) <= 20
    assert beat(4999, 10**12)[16:] in [one.name for one in node.members()]
    assert node.counters.received == 3001
    assert {Refusal.MALFORMED, Refusal.NONSENSE, Refusal.TABLE_FULL} <= set(node.counters.refused)


@covers("MEM-TAB-10")
def test_members_of_the_configuration_are_there_from_the_start() -> None:
    node = Membership(PLAIN, None, static=[PLAIN.introduce("127.0.0.1", port) for port in (4002, 4003)])
    assert [type(event) for event in node.start(0)] == [MemberAdded, MemberAdded]
    assert node.tick(10**6) == []
    assert [one.port for one in node.members()] == [4002, 4003]


def test_a_member_that_beats_is_heard_with_the_gap() -> None:
    node = membership()
    node.receive_datagram(beat(4002, 0), 100)
    [event] = node.receive_datagram(beat(4002, 500), 640)
    assert isinstance(event, MemberHeard)
    assert (event.gap_ms, event.member.alive_ms) == (540, 500)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"frequency_ms": 0}, {"drop_time_ms": 0}, {"members_max": 0}):
        with pytest.raises(UsageError):
            MembershipSettings(**wrong)  # type: ignore[arg-type]


class Farewells(Tomcat55Membership):
    """A dialect that differs in all that a dialect may decide."""

    def introduce(self, host: str, port: int) -> Announcement:
        announced = super().introduce(host, port)
        return replace(announced, identity=announced.name + b"#1", unique_id=b"1")

    def encode(self, announcement: Announcement) -> bytes:
        return (
            (b"!" if announcement.leaving else b".") + announcement.unique_id + super().encode(announcement)
        )

    def decode(self, octets: bytes) -> Announcement:
        read = super().decode(octets[2:])
        return replace(
            read, identity=read.name + b"#" + octets[1:2], unique_id=octets[1:2], leaving=octets[:1] == b"!"
        )

    def refreshed(self, known: Announcement, heard: Announcement) -> Announcement:
        return heard

    def pause_ms(self, frequency_ms: int) -> int:
        return 2 * frequency_ms

    def farewell(self, own: Announcement) -> Announcement | None:
        return replace(own, leaving=True)


@covers("MEM-TAB-11", "CHN-DLC-01")
def test_another_dialect_of_announcements_needs_no_change_above_it() -> None:
    dialect = Farewells()
    speaker = Membership(dialect, dialect.introduce("127.0.0.1", 4001))
    listener = Membership(dialect, None)
    speaker.start(0)
    speaker.tick(1000)
    for octets in speaker.datagrams_to_send():
        listener.receive_datagram(octets, 1000)
    assert [one.identity for one in listener.members()] == [b"tcp://127.0.0.1:4001#1"]
    speaker.stop(1200)
    [farewell] = speaker.datagrams_to_send()
    assert [type(event) for event in listener.receive_datagram(farewell, 1200)] == [MemberDropped]
    assert speaker.receive_datagram(farewell, 1201) == []


KEY = b"0123456789abcdef"


def test_an_authenticated_membership_hears_only_holders_of_the_key() -> None:
    own = PLAIN.introduce("127.0.0.1", 4001)
    speaker = Membership(PLAIN, own, authenticator=Authenticator(KEY))
    listener = Membership(PLAIN, None, authenticator=Authenticator(KEY))
    speaker.start(0)
    speaker.tick(2000, wall_ms=1_000_000)
    [datagram] = speaker.datagrams_to_send()
    assert refusals(listener.receive_datagram(beat(4002), 0, 1_000_000)) == [Refusal.NOT_AUTHENTIC]
    assert listener.members() == ()
    listener.receive_datagram(datagram, 0, 1_000_500)
    assert [one.port for one in listener.members()] == [4001]
    assert refusals(listener.receive_datagram(datagram, 1, 1_000_500)) == [Refusal.NOT_AUTHENTIC]


@covers("MEM-AUT-01")
def test_without_a_key_the_datagram_is_the_bare_one() -> None:
    node = membership()
    node.start(0)
    node.tick(2000)
    assert node.datagrams_to_send() == [beat(4001)]


def test_a_name_that_is_no_address_cannot_be_announced() -> None:
    with pytest.raises(LocalProtocolError):
        PLAIN.introduce("node-a", 1)
