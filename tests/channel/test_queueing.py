"""What waits for a member."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.channel import Offer, QueueRules, SendQueue, WhenFull
from refjk.speccheck import covers
from refjk.vectors import play, read_document

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"


def drained(queue: SendQueue) -> list[bytes]:
    frames = []
    while (entry := queue.take(0)) is not None:
        frames.append(entry.frame)
        queue.sent()
    return frames


@covers("CHN-ASY-02", "CHN-ASY-04", "CHN-ASY-05")
def test_recorded_queues_come_out_step_by_step() -> None:
    played = play(read_document((VECTORS / "smart-queue.json").read_text("utf-8")))
    assert (played.passed, played.differences) == (11, ())


@covers("CHN-ASY-02", "CHN-ASY-04")
def test_a_later_message_of_the_same_key_takes_the_place_of_the_earlier() -> None:
    queue = SendQueue()
    assert queue.offer("a", b"1", 0) is Offer.QUEUED
    assert queue.offer("b", b"22", 0) is Offer.QUEUED
    assert queue.offer("a", b"333", 5) is Offer.REPLACED
    assert (len(queue), queue.octets, queue.age_ms(10)) == (2, 5, 10)
    assert drained(queue) == [b"333", b"22"]
    assert (queue.counters.queued, queue.counters.replaced, queue.octets) == (2, 1, 0)


@covers("CHN-ASY-03")
def test_messages_without_a_key_never_replace_each_other() -> None:
    queue = SendQueue()
    assert [queue.offer(None, b"1", 0), queue.offer(None, b"2", 0)] == [Offer.QUEUED, Offer.QUEUED]
    assert drained(queue) == [b"1", b"2"]


@covers("CHN-ASY-02")
def test_a_message_on_its_way_is_not_replaced() -> None:
    queue = SendQueue()
    queue.offer("a", b"1", 0)
    assert queue.take(0) is not None
    assert queue.offer("a", b"2", 0) is Offer.QUEUED
    assert queue.take(0) is None
    queue.sent()
    assert drained(queue) == [b"2"]


@covers("CHN-ASY-05")
def test_what_cannot_be_queued_is_refused_and_changes_nothing() -> None:
    with pytest.raises(LocalProtocolError):
        SendQueue().offer("a", b"", 0)
    queue = SendQueue(QueueRules(key_needed=True))
    with pytest.raises(LocalProtocolError):
        queue.offer(None, b"1", 0)
    assert queue.idle


@covers("CHN-ASY-06")
def test_a_full_queue_blocks_refuses_or_drops_the_oldest() -> None:
    for when_full, offer, left, refused, lost in (
        (WhenFull.BLOCK, Offer.FULL, [b"1", b"2"], 0, 0),
        (WhenFull.REFUSE, Offer.FULL, [b"1", b"2"], 1, 0),
        (WhenFull.DROP_OLDEST, Offer.QUEUED, [b"2", b"3"], 0, 1),
    ):
        queue = SendQueue(QueueRules(length_max=2, when_full=when_full))
        queue.offer("a", b"1", 0)
        queue.offer("b", b"2", 0)
        assert queue.offer("c", b"3", 0) is offer
        assert (queue.counters.refused, queue.counters.lost) == (refused, lost)
        assert queue.offer("b", left[-1] if when_full is WhenFull.DROP_OLDEST else b"2", 0) is Offer.REPLACED
        assert len(drained(queue)) == 2


@covers("CHN-ASY-06")
def test_octets_are_bounded_too_but_one_message_always_has_room() -> None:
    queue = SendQueue(QueueRules(octets_max=10, when_full=WhenFull.REFUSE))
    assert queue.offer(None, bytes(50), 0) is Offer.QUEUED
    assert queue.offer(None, b"1", 0) is Offer.FULL
    queue.take(0)
    assert queue.offer(None, bytes(10), 0) is Offer.QUEUED
    assert queue.offer(None, b"1", 0) is Offer.FULL


@covers("CHN-ASY-06")
@pytest.mark.parametrize(
    ("when_full", "offer", "left"),
    [
        (WhenFull.REFUSE, Offer.FULL, [b"1234", b"5678"]),
        (WhenFull.DROP_OLDEST, Offer.REPLACED, [bytes(9)]),
    ],
)
def test_a_replacement_that_is_larger_needs_room_as_well(
    when_full: WhenFull, offer: Offer, left: list[bytes]
) -> None:
    for key in "ab":
        queue = SendQueue(QueueRules(octets_max=10, when_full=when_full))
        queue.offer("a", b"1234", 0)
        queue.offer("b", b"5678", 0)
        assert queue.offer(key, bytes(9), 0) is offer
        assert queue.octets == sum(map(len, left))
        assert drained(queue) == left
        assert queue.octets == 0


@covers("CHN-ASY-07", "CHN-ASY-08")
def test_a_message_that_fails_stays_first_and_is_tried_after_growing_pauses() -> None:
    queue = SendQueue(QueueRules(retries_max=2, retry_pause_ms=100))
    queue.offer("a", b"old", 0)
    queue.take(0)
    queue.offer("a", b"new", 0)
    assert queue.failed(1000)
    assert (queue.take(1099), queue.next_wakeup_ms()) == (None, 1100)
    entry = queue.take(1100)
    assert entry is not None
    assert entry.frame == b"old"
    assert queue.failed(1100)
    assert queue.take(1299) is None
    assert queue.take(1300) is entry
    queue.sent()
    assert drained(queue) == [b"new"]
    assert queue.counters.retries == 2


@covers("CHN-ASY-09")
def test_a_message_is_given_up_after_its_last_try_and_counted() -> None:
    queue = SendQueue(QueueRules(retries_max=1, retry_pause_ms=0))
    queue.offer("a", b"1", 0)
    queue.offer("b", b"2", 0)
    queue.take(0)
    assert queue.failed(0)
    queue.take(0)
    assert not queue.failed(0)
    assert (queue.counters.lost, drained(queue)) == (1, [b"2"])


@covers("CHN-ASY-10")
def test_what_is_left_at_the_end_is_counted_as_lost() -> None:
    queue = SendQueue()
    for key in "abc":
        queue.offer(key, b"1", 0)
    queue.take(0)
    assert queue.abandon() == 3
    assert (queue.idle, queue.octets, queue.counters.lost) == (True, 0, 3)


@covers("CHN-ASY-07")
@pytest.mark.parametrize("seed", range(30))
def test_each_key_ends_with_its_last_message_unless_a_loss_was_counted(seed: int) -> None:
    chance = random.Random(seed)
    queue = SendQueue(
        QueueRules(length_max=4, when_full=WhenFull.DROP_OLDEST, retries_max=2, retry_pause_ms=3)
    )
    last_sent: dict[str, int] = {}
    arrived: dict[str, int] = {}
    for now_ms in range(400):
        if chance.random() < 0.5:
            key = chance.choice("abc")
            queue.offer(key, b"%s %d" % (key.encode(), now_ms), now_ms)
            last_sent[key] = now_ms
        elif (entry := queue.take(now_ms)) is not None:
            if chance.random() < 0.3:
                queue.failed(now_ms)
                continue
            key, number = entry.frame.decode().split()
            assert int(number) > arrived.get(key, -1)
            arrived[key] = int(number)
            queue.sent()
    for now_ms in range(400, 500):
        if (entry := queue.take(now_ms)) is not None:
            key, number = entry.frame.decode().split()
            arrived[key] = int(number)
            queue.sent()
    assert queue.idle
    assert arrived == last_sent or queue.counters.lost
