"""The table of members, and when they are dropped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from refjk.membership import (
    Announcement,
    DatagramRefused,
    Departure,
    MemberAdded,
    MemberDropped,
    MemberHeard,
    MemberTable,
    Refusal,
    Tomcat55Membership,
)
from refjk.speccheck import covers
from refjk.vectors import play, read_document

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"
DIALECT = Tomcat55Membership()


def member(name: str, alive_ms: int = 0, port: int = 4001) -> Announcement:
    return Announcement(name.encode(), name.encode(), bytes((127, 0, 0, 1)), port, alive_ms)


def table(own: str | None = "own", members_max: int = 1000) -> MemberTable:
    return MemberTable(DIALECT, own.encode() if own else None, members_max)


def names(members: MemberTable) -> list[str]:
    return [one.text for one in members.oldest_first()]


@covers("MEM-TAB-01", "MEM-TAB-02", "MEM-TAB-03", "MEM-TAB-04", "MEM-TAB-06", "MEM-EXP-01")
def test_recorded_tables_come_out_step_by_step() -> None:
    played = play(read_document((VECTORS / "membership.json").read_text("utf-8")))
    assert (played.passed, played.differences) == (6, ())


@covers("MEM-TAB-01", "MEM-TAB-03")
def test_the_name_alone_tells_members_apart() -> None:
    members = table()
    assert members.hear(member("a", 5, 1), 0) == [MemberAdded(member("a", 5, 1))]
    assert members.hear(member("b", 5, 1), 0) == [MemberAdded(member("b", 5, 1))]
    assert members.hear(member("a", 6, 2), 10) == [MemberHeard(member("a", 6, 1), gap_ms=10)]


@covers("MEM-TAB-04")
def test_only_the_alive_time_of_a_known_member_changes() -> None:
    members = table()
    members.hear(member("a", 500), 0)
    members.hear(replace(member("a", 3, 9), address=bytes(4)), 0)
    assert members.oldest_first() == (member("a", 3),)


@covers("MEM-TAB-02")
def test_the_own_name_is_no_member() -> None:
    members = table("me")
    assert members.hear(member("me"), 0) == []
    assert members.pin(member("me"), 0) == []
    assert members.oldest_first() == ()
    assert table(None).hear(member("me"), 0) == [MemberAdded(member("me"))]


@covers("MEM-TAB-05")
def test_members_stand_by_alive_time_and_then_as_they_joined() -> None:
    members = table()
    for name, alive_ms in (("b", 1), ("c", 7), ("a", 1), ("d", 7)):
        members.hear(member(name, alive_ms), 0)
    assert names(members) == ["c", "d", "b", "a"]


@covers("MEM-EXP-01", "MEM-EXP-06")
def test_a_member_of_exactly_the_drop_time_is_kept() -> None:
    members = table()
    members.hear(member("a", alive_ms=10**9), 1000)
    assert members.next_expiry_ms(3000) == 4001
    assert members.expire(4000, 3000) == []
    assert members.expire(4001, 3000) == [MemberDropped(member("a", 10**9), Departure.SILENT)]
    assert b"a" not in members


@covers("MEM-EXP-04")
def test_members_are_dropped_one_by_one_in_the_order_of_joining() -> None:
    members = table()
    for name in ("c", "a", "b"):
        members.hear(member(name), 0)
    members.hear(member("a"), 50)
    dropped = [event.member.text for event in members.expire(101, 100) if isinstance(event, MemberDropped)]
    assert dropped == ["c", "b"]


@covers("MEM-TAB-06")
def test_a_member_that_was_dropped_is_new_when_it_returns() -> None:
    members = table()
    members.hear(member("a", 5), 0)
    members.expire(200, 100)
    assert members.hear(member("a", 1, 9), 300) == [MemberAdded(member("a", 1, 9))]


@covers("MEM-TAB-09")
def test_there_are_no_more_members_than_the_bound() -> None:
    members = table(members_max=2)
    members.hear(member("a"), 0)
    members.hear(member("b"), 0)
    [event] = members.hear(member("c"), 0)
    assert isinstance(event, DatagramRefused)
    assert event.reason is Refusal.TABLE_FULL
    assert names(members) == ["a", "b"]


@covers("MEM-TAB-10")
def test_a_member_of_the_configuration_is_never_dropped() -> None:
    members = table()
    assert members.pin(member("a"), 0) == [MemberAdded(member("a"))]
    assert members.hear(member("a", 70), 10) == [MemberHeard(member("a", 70), gap_ms=10)]
    assert members.hear(replace(member("a"), leaving=True), 20) == []
    assert members.expire(10**6, 100) == []
    assert members.next_expiry_ms(100) is None
    assert names(members) == ["a"]


@covers("MEM-TAB-11")
def test_a_farewell_drops_at_once() -> None:
    members = table()
    assert members.hear(replace(member("a"), leaving=True), 0) == []
    members.hear(member("a"), 0)
    assert members.hear(replace(member("a"), leaving=True), 1) == [MemberDropped(member("a"), Departure.LEFT)]


def test_a_reset_forgets_without_an_event() -> None:
    members = table()
    members.hear(member("a"), 0)
    members.reset()
    assert members.expire(10**6, 1) == []
    assert names(members) == []
