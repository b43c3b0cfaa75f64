"""What a listener concludes from announcements: presence, jitter, loss."""

from __future__ import annotations

import pytest

from refjk.membership import (
    Announcement,
    DatagramRefused,
    Departure,
    Layout,
    MemberAdded,
    MemberDropped,
    Membership,
    MembershipSettings,
    Refusal,
    Tomcat55Membership,
)
from refjk.membership import watching as watching_module
from refjk.membership.watching import BEATS_MAX, AnyLayout, Happening, Seen, Watch

PLAIN = Tomcat55Membership()
DOMAIN = Tomcat55Membership(Layout.DOMAIN, domain=b"shop")


def announced(alive_ms: int, port: int = 4001) -> bytes:
    own = PLAIN.introduce("127.0.0.1", port)
    return PLAIN.encode(Announcement(own.identity, own.name, own.address, port, alive_ms))


class Ear:
    """A listening membership and a watch over it; time is a number."""

    def __init__(self) -> None:
        self.membership = Membership(AnyLayout(), None, MembershipSettings(drop_time_ms=3000))
        self.membership.start(0)
        self.watch = Watch()
        self.happenings: list[Happening] = []

    def hear(self, now_ms: int, alive_ms: int, port: int = 4001) -> None:
        self._take(self.membership.receive_datagram(announced(alive_ms, port), now_ms), now_ms)

    def tick(self, now_ms: int) -> None:
        self._take(self.membership.tick(now_ms), now_ms)

    def _take(self, events: list, now_ms: int) -> None:  # type: ignore[type-arg]
        for event in events:
            sighting = self.watch.take(event, now_ms)
            if sighting is not None:
                self.happenings.append(sighting.happening)

    @property
    def seen(self) -> Seen:
        (seen,) = self.watch.members()
        return seen


def test_an_even_member_has_neither_jitter_nor_loss() -> None:
    ear = Ear()
    for number in range(10):
        ear.hear(1000 + 500 * number, 500 * number)
    assert ear.happenings == [Happening.CAME, *[Happening.BEAT] * 9]
    assert (ear.seen.heard, ear.seen.missed, ear.seen.loss, ear.seen.jitter_ms) == (10, 0, 0.0, 0.0)
    assert (ear.seen.interval_ms, ear.seen.gap_ms, ear.seen.present) == (500, 500, True)


def test_a_way_that_takes_longer_once_is_jitter_and_no_loss() -> None:
    ear = Ear()
    ear.hear(0, 0)
    ear.hear(500, 500)
    ear.hear(1016, 1000)
    assert ear.seen.jitter_ms == 1.0  # a sixteenth of the 16 ms
    ear.hear(1500, 1500)
    assert ear.seen.jitter_ms == pytest.approx(1.0 + 15 / 16)
    assert ear.seen.missed == 0


def test_a_member_that_is_late_itself_is_no_jitter_of_the_way() -> None:
    ear = Ear()
    ear.hear(0, 0)
    ear.hear(500, 500)
    ear.hear(1150, 1150)
    assert (ear.seen.jitter_ms, ear.seen.missed, ear.seen.interval_ms) == (0.0, 0, 500)


@pytest.mark.parametrize(("alive_ms", "missed"), [(1249, 0), (1250, 1), (1749, 1), (1750, 2), (3000, 4)])
def test_what_a_member_said_and_nobody_heard_is_counted_by_its_own_clock(alive_ms: int, missed: int) -> None:
    ear = Ear()
    ear.hear(0, 0)
    ear.hear(500, 500)
    ear.hear(alive_ms, alive_ms)
    assert ear.seen.missed == missed
    assert ear.seen.loss == missed / (missed + 3)


def test_the_interval_is_learnt_late_when_the_first_ones_are_lost() -> None:
    ear = Ear()
    ear.hear(0, 0)
    ear.hear(1000, 1000)
    assert ear.seen.interval_ms == 1000
    ear.hear(1500, 1500)
    ear.hear(2500, 2500)
    assert (ear.seen.interval_ms, ear.seen.missed) == (500, 1)


def test_a_vanished_member_that_returns_with_its_alive_time_lost_what_it_said_meanwhile() -> None:
    ear = Ear()
    ear.hear(0, 0)
    ear.hear(500, 500)
    ear.tick(3501)
    assert not ear.seen.present
    ear.hear(5500, 5500)
    assert ear.happenings == [Happening.CAME, Happening.BEAT, Happening.VANISHED, Happening.RETURNED]
    assert ear.seen.missed == 9
    stays = [(stay.from_ms, stay.silent_ms, stay.until_ms) for stay in ear.seen.stays]
    assert stays == [(0, 500, 3501), (5500, 5500, None)]


def test_a_new_life_is_a_restart_and_no_loss_whether_it_was_dropped_or_not() -> None:
    ear = Ear()
    ear.hear(0, 60_000)
    ear.hear(500, 60_500)
    ear.hear(2600, 0)
    ear.hear(3100, 500)
    ear.tick(6101)
    ear.hear(9000, 4)
    assert ear.happenings[2:] == [
        Happening.RESTARTED,
        Happening.BEAT,
        Happening.VANISHED,
        Happening.RESTARTED,
    ]
    assert (ear.seen.restarts, ear.seen.missed, ear.seen.heard) == (2, 0, 5)


def test_a_new_life_may_have_another_interval() -> None:
    ear = Ear()
    for now_ms, alive_ms in ((0, 60_000), (500, 60_500), (4600, 0), (5600, 1000), (6600, 2000)):
        ear.hear(now_ms, alive_ms)
    assert (ear.seen.interval_ms, ear.seen.missed) == (1000, 0)


def test_an_announcement_that_came_twice_or_was_overtaken_counts_apart() -> None:
    ear = Ear()
    for now_ms, alive_ms in ((0, 60_000), (500, 60_500), (501, 60_500), (1000, 61_500), (1001, 61_000)):
        ear.hear(now_ms, alive_ms)
    assert ear.happenings[2:] == [Happening.REPEATED, Happening.BEAT, Happening.REPEATED]
    assert (ear.seen.repeated, ear.seen.heard, ear.seen.member.alive_ms) == (2, 3, 61_500)


def test_a_heartbeat_tells_itself_when_it_came_however_late_it_is_handed_on() -> None:
    watch, membership = Watch(), Membership(AnyLayout(), None)
    membership.start(0)
    events = [
        *membership.receive_datagram(announced(0), 0),
        *membership.receive_datagram(announced(500), 500),
    ]
    for event in events:
        watch.take(event, 0 if isinstance(event, MemberAdded) else 900)
    (seen,) = watch.members()
    assert list(seen.beats_ms) == [0, 500]
    assert seen.jitter_ms == 0.0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_module, "WATCHED_MAX", 3)
    ear = Ear()
    for number in range(BEATS_MAX + 10):
        ear.hear(500 * number, 500 * number)
    assert len(ear.seen.beats_ms) == BEATS_MAX
    watch = Watch()
    for port in range(4001, 4006):
        member = PLAIN.introduce("127.0.0.1", port)
        watch.take(MemberAdded(member), port)
        if port != 4002:
            watch.take(MemberDropped(member, Departure.LEFT), port)
    assert [seen.member.port for seen in watch.members()] == [4002, 4004, 4005]
    assert watch.forgotten == 2


def test_refusals_are_counted_and_nobody_is_seen_for_them() -> None:
    watch = Watch()
    assert watch.take(DatagramRefused(Refusal.MALFORMED, "?"), 0) is None
    assert watch.take(MemberDropped(PLAIN.introduce("127.0.0.1", 1), Departure.SILENT), 0) is None
    assert watch.refused == {Refusal.MALFORMED: 1}
    assert watch.members() == ()


@pytest.mark.parametrize("dialect", [PLAIN, DOMAIN])
def test_both_layouts_are_understood_without_being_told(dialect: Tomcat55Membership) -> None:
    own = dialect.introduce("10.1.2.3", 4001)
    assert AnyLayout().decode(dialect.encode(own)) == own


def test_a_member_without_a_name_is_read_in_the_layout_plain() -> None:
    assert AnyLayout().decode(announced(7)[:16]).name == b""
