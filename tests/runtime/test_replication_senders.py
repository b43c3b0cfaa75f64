"""The three senders over real sockets."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from refjk.base.errors import LocalProtocolError, UsageError
from refjk.channel import Fate, MemberResult, QueueRules, SendingRules, WhenFull
from refjk.runtime.addresses import Address
from refjk.runtime.replication_receiver import ReceiverSettings
from refjk.runtime.senders import Mode, Senders, SenderSettings
from refjk.runtime.senders_carrier import CarrierSettings
from refjk.speccheck import covers
from tests.runtime.replication import (
    ACK,
    DEADLINE_S,
    DIALECT,
    Inbox,
    Scripted,
    frame_of,
    read_exactly,
    receiving,
    until,
)

WAITING = [Mode.SYNCHRONOUS, Mode.POOLED]


def settings(
    mode: Mode, *, answer_time_ms: int = 20_000, rules: SendingRules | None = None, **more: object
) -> SenderSettings:
    carrier = CarrierSettings(rules=rules or SendingRules(answer_time_ms=answer_time_ms))
    return SenderSettings(mode, carrier=carrier, **more)  # type: ignore[arg-type]


@contextlib.contextmanager
def sending(how: SenderSettings, **members: Address) -> Iterator[Senders]:
    senders = Senders(DIALECT, how)
    for name, address in members.items():
        senders.add(name.encode(), address)
    try:
        yield senders
    finally:
        senders.stop(DEADLINE_S)


def dead_address() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Address("127.0.0.1", listener.getsockname()[1])


@covers("CHN-CNT-01", "CHN-CNT-04", "CHN-CNT-05", "CHN-SND-01")
@pytest.mark.parametrize("mode", WAITING)
def test_a_send_tells_who_acknowledged_and_where_it_failed_and_why(mode: Mode) -> None:
    inbox = Inbox()
    with receiving(inbox) as (receiver, alive), sending(settings(mode), a=alive, b=dead_address()) as senders:
        assert receiver.counters.connections == 0
        result = senders.send(frame_of(b"hello"))
        assert result.of(Fate.ACKNOWLEDGED) == (b"a",)
        [failed] = [one for one in result.members if one.fate is Fate.FAILED]
        assert failed.member == b"b"
        assert "Connection refused" in failed.reason
        good, bad = senders.snapshots()
        assert (good.messages, good.octets, good.connects, good.failures, good.suspect) == (
            1,
            len(frame_of(b"hello")),
            1,
            0,
            False,
        )
        assert (bad.messages, bad.failures, bad.suspect) == (1, 1, True)
    assert inbox.payloads == [b"hello"]


@covers("CHN-SND-02", "CHN-SND-03")
def test_a_message_can_be_for_some_members_only() -> None:
    one, two = Inbox(), Inbox()
    with (
        receiving(one) as (_, a),
        receiving(two) as (_, b),
        sending(settings(Mode.POOLED), a=a, b=b) as senders,
    ):
        result = senders.send(frame_of(b"hello"), to=[b"b", b"nobody", b"b"])
        assert result.members == (
            MemberResult(b"b", Fate.ACKNOWLEDGED),
            MemberResult(b"nobody", Fate.FAILED, "no such member"),
        )
    assert (one.payloads, two.payloads) == ([], [b"hello"])


@covers("CHN-SYN-03")
def test_a_connection_carries_a_hundred_messages() -> None:
    with Scripted("ack") as node, sending(settings(Mode.SYNCHRONOUS), a=node.address) as senders:
        for number in range(250):
            assert senders.send(frame_of(b"%d" % number)).complete
        assert node.connections == 3
        assert node.payloads == [b"%d" % number for number in range(250)]


@covers("CHN-SYN-01")
def test_sends_of_the_synchronous_sender_exclude_each_other() -> None:
    inbox = Inbox()
    with receiving(inbox) as (receiver, address), sending(settings(Mode.SYNCHRONOUS), a=address) as senders:
        threads = [threading.Thread(target=senders.send, args=(frame_of(b"%d" % n),)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        assert (receiver.counters.connections, inbox.at_once_max) == (1, 1)
    assert sorted(map(int, inbox.payloads)) == list(range(20))


@covers("CHN-SYN-04", "CHN-SYN-08", "CHN-SYN-09", "CHN-SYN-10", "CHN-ACK-09")
@pytest.mark.parametrize("mode", WAITING)
def test_a_connection_closed_instead_of_an_answer_leads_to_one_resend(mode: Mode) -> None:
    with Scripted("close", "ack") as node, sending(settings(mode), a=node.address) as senders:
        assert senders.send(frame_of(b"hello")).of(Fate.ACKNOWLEDGED) == (b"a",)
        [snapshot] = senders.snapshots()
        assert (snapshot.resends, snapshot.answers_missed, snapshot.connects) == (1, 1, 2)
        # The receiver saw it twice: that is the price of not losing it.
        assert node.payloads == [b"hello", b"hello"]


@covers("CHN-SYN-05", "CHN-SYN-07", "CHN-CNT-02", "CHN-CNT-03")
def test_without_any_answer_a_message_is_given_up_after_two_waits(caplog: pytest.LogCaptureFixture) -> None:
    how = settings(Mode.SYNCHRONOUS, answer_time_ms=50)
    with (
        caplog.at_level(logging.WARNING),
        Scripted("silent", "silent", "silent", "silent", "ack") as node,
        sending(how, a=node.address) as senders,
    ):
        for _ in range(2):
            before = time.monotonic()
            [result] = senders.send(frame_of(b"hello")).members
            assert time.monotonic() - before >= 0.1
            assert (result.fate, result.reason) == (Fate.FAILED, "await failed: no answer within 50 ms")
            assert senders.snapshots()[0].suspect
        assert caplog.text.count("is suspect") == 1
        assert senders.send(frame_of(b"hello")).complete
        assert not senders.snapshots()[0].suspect
        assert len(node.payloads) == 5


@covers("CHN-ACK-07")
def test_an_answer_may_have_other_octets_before_it() -> None:
    with Scripted("junk") as node, sending(settings(Mode.SYNCHRONOUS), a=node.address) as senders:
        assert senders.send(frame_of(b"hello")).complete
        assert senders.send(frame_of(b"again")).complete
        assert node.connections == 1


@pytest.mark.parametrize("mode", list(Mode))
def test_a_node_that_comes_back_gets_the_next_message_on_a_new_connection(mode: Mode) -> None:
    with Scripted("close-after") as node, sending(settings(mode), a=node.address) as senders:
        for number in range(1, 4):
            senders.send(frame_of(b"%d" % number))
            assert until(lambda: node.closed == number)  # noqa: B023
        assert node.payloads == [b"1", b"2", b"3"]
        assert node.connections == 3
        assert [snapshot.resends for snapshot in senders.snapshots()] == [0]


@covers("CHN-POL-01", "CHN-POL-02")
def test_a_pool_opens_a_connection_for_each_send_at_once_and_uses_them_again() -> None:
    inbox = Inbox()
    with (
        receiving(inbox, ReceiverSettings(threads=6)) as (receiver, address),
        sending(settings(Mode.POOLED, pool_size=5), a=address) as senders,
    ):
        for _ in range(2):
            inbox.gate.clear()
            threads = [threading.Thread(target=senders.send, args=(frame_of(b"x"),)) for _ in range(12)]
            for thread in threads:
                thread.start()
            assert until(lambda: inbox.at_once == 5)
            inbox.gate.set()
            for thread in threads:
                thread.join(DEADLINE_S)
        assert receiver.counters.connections == 5
    assert len(inbox.payloads) == 24


@covers("CHN-POL-04")
def test_a_wait_for_a_connection_has_a_deadline() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    how = settings(Mode.POOLED, pool_size=1, pool_wait_ms=50)
    with receiving(inbox) as (_, address), sending(how, a=address) as senders:
        busy = threading.Thread(target=senders.send, args=(frame_of(b"busy"),))
        busy.start()
        assert until(lambda: inbox.at_once == 1)
        [result] = senders.send(frame_of(b"waits")).members
        assert (result.fate, result.reason) == (Fate.FAILED, "no connection was free for 50 ms")
        inbox.gate.set()
        busy.join(DEADLINE_S)
        assert senders.snapshots()[0].messages == 2
        assert senders.send(frame_of(b"free again")).complete


@covers("CHN-POL-05")
def test_failed_connections_do_not_use_up_the_pool() -> None:
    with sending(settings(Mode.POOLED, pool_size=2), a=dead_address()) as senders:
        for _ in range(10):
            assert senders.send(frame_of(b"hello")).of(Fate.FAILED) == (b"a",)


@covers("CHN-POL-06")
@pytest.mark.parametrize("mode", WAITING)
def test_when_a_member_is_gone_its_sends_fail_at_once(mode: Mode) -> None:
    results: list[MemberResult] = []
    with Scripted("silent") as node, sending(settings(mode, pool_size=1), a=node.address) as senders:
        threads = [
            threading.Thread(target=lambda: results.extend(senders.send(frame_of(b"x")).members))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        assert until(lambda: len(node.payloads) == 1)
        before = time.monotonic()
        senders.remove(b"a")
        for thread in threads:
            thread.join(DEADLINE_S)
        assert time.monotonic() - before < DEADLINE_S / 2
        assert senders.members() == ()
    assert {result.fate for result in results} == {Fate.FAILED}


@covers("CHN-ASY-01", "CHN-ASY-04", "CHN-ASY-13", "CHN-CNT-06")
def test_an_asynchronous_send_returns_at_once_and_keeps_the_order() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    with receiving(inbox) as (receiver, address), sending(settings(Mode.ASYNCHRONOUS), a=address) as senders:
        wanted = [b"%d" % number for number in range(500)]
        for payload in wanted:
            assert senders.send(frame_of(payload)).of(Fate.QUEUED) == (b"a",)
        inbox.gate.set()
        assert until(lambda: len(inbox.payloads) == 500)
        assert inbox.payloads == wanted
        assert receiver.counters.connections == 1
        assert until(lambda: senders.snapshots()[0].messages == 500)
        assert (senders.snapshots()[0].queue_length, senders.snapshots()[0].lost) == (0, 0)


@covers("CHN-ASY-02", "CHN-ASY-13", "CHN-CNT-06")
def test_messages_of_one_key_collapse_while_they_wait() -> None:
    how = settings(Mode.ASYNCHRONOUS, queue=QueueRules(retry_pause_ms=20_000))
    with sending(how, a=dead_address()) as senders:
        senders.send(frame_of(b"fails"))
        assert until(lambda: senders.snapshots()[0].resends == 1)
        assert [senders.send(frame_of(b"%d" % n), key="k").members[0].replaced for n in range(3)] == [
            False,
            True,
            True,
        ]
        snapshot = senders.snapshots()[0]
        assert (snapshot.queue_length, snapshot.suspect) == (1, True)
        assert snapshot.queue_age_ms >= 0
        senders.stop(0)


@covers("CHN-ASY-08", "CHN-ASY-07")
def test_messages_wait_until_the_member_listens_again() -> None:
    address = dead_address()
    how = settings(Mode.ASYNCHRONOUS, queue=QueueRules(retries_max=1000, retry_pause_ms=1))
    inbox = Inbox()
    with sending(how, a=address) as senders:
        for number in range(10):
            senders.send(frame_of(b"%d" % number))
        assert until(lambda: senders.snapshots()[0].resends > 1)
        with receiving(inbox, ReceiverSettings(port=address.port)):
            assert until(lambda: len(inbox.payloads) == 10)
    assert inbox.payloads == [b"%d" % number for number in range(10)]


@covers("CHN-ASY-09")
def test_a_message_that_nobody_takes_is_counted_as_lost(caplog: pytest.LogCaptureFixture) -> None:
    how = settings(Mode.ASYNCHRONOUS, queue=QueueRules(retries_max=1, retry_pause_ms=1))
    with sending(how, a=dead_address()) as senders:
        senders.send(frame_of(b"lost"))
        assert until(lambda: senders.snapshots()[0].lost == 1)
        assert until(lambda: "a message to a is lost" in caplog.text)


@covers("CHN-ASY-06")
@pytest.mark.parametrize(
    ("when_full", "fate"),
    [(WhenFull.BLOCK, Fate.FAILED), (WhenFull.REFUSE, Fate.FAILED), (WhenFull.DROP_OLDEST, Fate.QUEUED)],
)
def test_a_full_queue_is_told_to_the_caller(when_full: WhenFull, fate: Fate) -> None:
    rules = QueueRules(length_max=1, when_full=when_full, block_ms=30, retry_pause_ms=20_000)
    with sending(settings(Mode.ASYNCHRONOUS, queue=rules), a=dead_address()) as senders:
        senders.send(frame_of(b"on its way"))
        assert until(lambda: senders.snapshots()[0].resends == 1)
        assert senders.send(frame_of(b"waits")).of(Fate.QUEUED) == (b"a",)
        assert [one.fate for one in senders.send(frame_of(b"too many")).members] == [fate]
        assert senders.snapshots()[0].queue_length == 1
        senders.stop(0)


@covers("CHN-ASY-06")
def test_a_blocked_caller_goes_on_when_there_is_room() -> None:
    inbox = Inbox()
    rules = QueueRules(length_max=1)
    with (
        receiving(inbox) as (_, address),
        sending(settings(Mode.ASYNCHRONOUS, queue=rules), a=address) as senders,
    ):
        results = [senders.send(frame_of(b"%d" % number)) for number in range(50)]
        assert all(result.complete for result in results)
        assert until(lambda: len(inbox.payloads) == 50)


class SlowReader:
    """A node that has one answer on its way while the rest of the messages is still unread."""

    def __init__(self, *frames: bytes) -> None:
        self._frames = frames
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])

    def __enter__(self) -> SlowReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._listener.close()

    def read_to_the_end(self, close_the_other_side: Callable[[], object]) -> list[bytes]:
        """The frames that came over one connection; each is answered, as long as that is possible."""
        connected, _ = self._listener.accept()
        came = []
        with connected, contextlib.suppress(ConnectionError):
            connected.settimeout(DEADLINE_S)
            size = sum(map(len, self._frames))
            assert until(lambda: len(connected.recv(65536, socket.MSG_PEEK)) == size)
            connected.sendall(ACK)
            close_the_other_side()
            self._wait_for_half_closed(connected)
            for frame in self._frames:
                came.append(read_exactly(connected, len(frame)))
                connected.sendall(ACK)
            came.append(connected.recv(1))
        return came

    def _wait_for_half_closed(self, connected: socket.socket) -> None:
        poller = select.poll()
        poller.register(connected, select.POLLRDHUP)
        assert poller.poll(DEADLINE_S * 1000)


reads_slowly = pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="needs POLLRDHUP, as on Linux")


@reads_slowly
@covers("CHN-ASY-15")
def test_a_stop_loses_nothing_that_the_other_side_has_not_read_yet() -> None:
    frames = [frame_of(b"%d" % number) for number in range(5)]
    with SlowReader(*frames) as node, sending(settings(Mode.ASYNCHRONOUS), a=node.address) as senders:
        for frame in frames:
            senders.send(frame)
        stopping = threading.Thread(target=senders.stop, args=(DEADLINE_S,))
        assert node.read_to_the_end(stopping.start) == [*frames, b""]
        stopping.join(DEADLINE_S)
        assert not stopping.is_alive()


@covers("CHN-ASY-15")
def test_a_stop_waits_no_longer_than_the_grace_time_for_the_other_side() -> None:
    with SlowReader() as node:
        senders = Senders(DIALECT, settings(Mode.ASYNCHRONOUS))
        senders.add(b"a", node.address)
        senders.send(frame_of(b"1"))
        before = time.monotonic()
        senders.stop(0.2)
        assert time.monotonic() - before < DEADLINE_S / 2


@reads_slowly
@covers("CHN-ASY-15")
def test_a_connection_that_has_had_its_messages_loses_none_of_them() -> None:
    frames = [frame_of(b"first"), frame_of(b"last")]
    how = settings(Mode.POOLED, rules=SendingRules(keep_alive_messages=2), waits=False)
    with SlowReader(*frames) as node, sending(how, a=node.address) as senders:
        sender = threading.Thread(target=lambda: [senders.send(frame) for frame in frames])
        sender.start()
        assert node.read_to_the_end(lambda: None) == [*frames, b""]
        sender.join(DEADLINE_S)
        assert not sender.is_alive()


@covers("CHN-ASY-10")
def test_a_stop_sends_what_waits() -> None:
    inbox = Inbox()
    with receiving(inbox) as (_, address):
        with sending(settings(Mode.ASYNCHRONOUS), a=address) as senders:
            for number in range(200):
                senders.send(frame_of(b"%d" % number))
        assert until(lambda: len(inbox.payloads) == 200)
        with pytest.raises(LocalProtocolError, match="stopped"):
            senders.send(frame_of(b"late"))


@covers("CHN-ASY-10", "CHN-ASY-12")
def test_what_cannot_be_sent_within_the_grace_time_is_lost_and_told(caplog: pytest.LogCaptureFixture) -> None:
    how = settings(Mode.ASYNCHRONOUS, queue=QueueRules(retry_pause_ms=20_000))
    with sending(how, a=dead_address(), b=dead_address()) as senders:
        for _ in range(3):
            senders.send(frame_of(b"lost"))
        senders.remove(b"a")
        before = time.monotonic()
        senders.stop(0.05)
        assert time.monotonic() - before < DEADLINE_S / 2
    assert caplog.text.count("3 messages to a were not sent") == 1
    assert caplog.text.count("3 messages to b were not sent") == 1


@covers("CHN-ASY-11")
def test_a_connection_that_the_other_side_has_closed_is_noticed_before_the_write() -> None:
    with Scripted("close-after") as node, sending(settings(Mode.ASYNCHRONOUS), a=node.address) as senders:
        for number in range(1, 11):
            senders.send(frame_of(b"%d" % number))
            assert until(lambda: node.closed == number)  # noqa: B023
        assert node.payloads == [b"%d" % number for number in range(1, 11)]


@covers("CHN-ASY-14")
def test_an_asynchronous_connection_is_not_closed_for_its_age() -> None:
    rules = SendingRules(keep_alive_messages=1, keep_alive_ms=0)
    how = settings(Mode.ASYNCHRONOUS, rules=rules)
    assert how.carrier_in_use.rules == SendingRules(waits=False, keep_alive_ms=None, keep_alive_messages=None)
    assert settings(Mode.POOLED, rules=rules).carrier_in_use.rules == rules


def test_an_asynchronous_sender_may_wait_for_answers() -> None:
    how = settings(Mode.ASYNCHRONOUS, waits=True, queue=QueueRules(retry_pause_ms=1))
    with Scripted("close", "close", "ack") as node, sending(how, a=node.address) as senders:
        senders.send(frame_of(b"hello"))
        assert until(lambda: node.payloads == [b"hello"] * 3)


def test_a_pooled_sender_may_do_without_answers() -> None:
    inbox = Inbox()
    with receiving(inbox) as (_, address), sending(settings(Mode.POOLED, waits=False), a=address) as senders:
        assert senders.send(frame_of(b"hello")).of(Fate.WRITTEN) == (b"a",)
        assert until(lambda: inbox.payloads == [b"hello"])


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError):
        SenderSettings(pool_size=0)
