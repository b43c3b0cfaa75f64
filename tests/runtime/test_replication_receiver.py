"""The receiver over real sockets."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading

import pytest

from refjk.base.errors import InputError, UsageError
from refjk.channel import ChannelLimits, Envelope, Tomcat55Channel
from refjk.runtime.accepting import Listeners
from refjk.runtime.replication_receiver import ReceiverSettings, ReplicationReceiver
from refjk.speccheck import covers
from tests.channel.test_answers_and_receiver import Loud
from tests.runtime.replication import (
    ACK,
    DEADLINE_S,
    DIALECT,
    Inbox,
    dial,
    frame_of,
    read_exactly,
    receiving,
    until,
)


@covers("CHN-ACK-01", "CHN-ACK-02", "CHN-ACK-03", "CHN-RCV-07")
def test_messages_are_handed_over_in_order_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    with receiving(inbox) as (receiver, address), dial(address) as node:
        assert address.port > 0
        node.sendall(frame_of(b"one") + frame_of(b"two") + frame_of(b"three")[:20])
        assert read_exactly(node, 6) == ACK + ACK
        node.sendall(frame_of(b"three")[20:])
        assert read_exactly(node, 3) == ACK
    assert inbox.payloads == [b"one", b"two", b"three"]
    assert (receiver.counters.messages, receiver.counters.answers, receiver.counters.connections) == (3, 3, 1)


@covers("CHN-ACK-02")
def test_the_answer_waits_for_the_handler() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    with receiving(inbox) as (_, address), dial(address) as node:
        node.sendall(frame_of(b"one"))
        assert until(lambda: inbox.at_once == 1)
        node.settimeout(0.05)
        with pytest.raises(TimeoutError):
            node.recv(1)
        node.settimeout(DEADLINE_S)
        inbox.gate.set()
        assert read_exactly(node, 3) == ACK


@covers("CHN-RCV-01")
def test_messages_of_one_connection_are_never_handled_at_once() -> None:
    inbox = Inbox()
    wanted = [b"%d" % number for number in range(300)]
    with receiving(inbox) as (_, address), dial(address) as node:
        for payload in wanted:
            node.sendall(frame_of(payload))
        assert read_exactly(node, 900) == ACK * 300
    assert inbox.payloads == wanted
    assert inbox.at_once_max == 1


@covers("CHN-RCV-02", "CHN-RCV-03")
def test_as_many_connections_are_served_at_once_as_there_are_threads_and_others_are_still_accepted() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    with (
        receiving(inbox, ReceiverSettings(threads=3)) as (receiver, address),
        contextlib.ExitStack() as stack,
    ):
        nodes = [stack.enter_context(dial(address)) for _ in range(8)]
        for number, node in enumerate(nodes):
            node.sendall(frame_of(b"%d" % number))
        assert until(lambda: inbox.at_once == 3 and receiver.counters.connections == 8)
        with dial(address):
            assert until(lambda: receiver.counters.connections == 9)
        inbox.gate.set()
        assert [read_exactly(node, 3) for node in nodes] == [ACK] * 8
    assert (inbox.at_once_max, len(inbox.payloads)) == (3, 8)


@covers("CHN-RCV-04")
def test_frames_before_the_end_of_the_stream_are_handled_and_answered() -> None:
    inbox = Inbox()
    with receiving(inbox) as (_, address), dial(address) as node:
        node.sendall(frame_of(b"one") + frame_of(b"half")[:10])
        node.shutdown(socket.SHUT_WR)
        assert read_exactly(node, 99) == ACK
    assert inbox.payloads == [b"one"]


@covers("CHN-ACK-04")
@pytest.mark.parametrize("payload", [b"raise", b"unwanted"])
def test_a_handler_that_fails_costs_nothing_but_a_count(
    payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()
    with receiving(inbox) as (receiver, address), dial(address) as node:
        node.sendall(frame_of(payload) + frame_of(b"next"))
        assert read_exactly(node, 6) == ACK + ACK
        assert receiver.counters.unhandled == 1
    assert inbox.payloads == [payload, b"next"]


@covers("CHN-FRM-04", "CHN-FRM-07")
def test_a_connection_with_nonsense_is_closed_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    with caplog.at_level(logging.WARNING), receiving(inbox) as (receiver, address), dial(address) as good:
        with dial(address) as bad:
            bad.sendall(frame_of(b"one") + b"nonsense")
            with contextlib.suppress(ConnectionError):
                assert read_exactly(bad, 99) in (ACK, b"")
        good.sendall(frame_of(b"two"))
        assert read_exactly(good, 3) == ACK
        assert receiver.counters.failed == 1
    assert sorted(inbox.payloads) == [b"one", b"two"]
    assert "CHN-FRM-04" in caplog.text


@covers("CHN-RCV-05")
def test_a_stop_lets_a_message_end_and_closes_everything() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    with receiving(inbox) as (receiver, address), dial(address) as busy, dial(address) as idle:
        busy.sendall(frame_of(b"one"))
        assert until(lambda: inbox.at_once == 1)
        stopping = threading.Thread(target=receiver.stop)
        stopping.start()
        inbox.gate.set()
        stopping.join(DEADLINE_S)
        assert read_exactly(busy, 99) == ACK
        assert read_exactly(idle, 1) == b""
        with pytest.raises(ConnectionRefusedError):
            dial(address)
    assert inbox.payloads == [b"one"]


@covers("CHN-RCV-06")
def test_connections_above_the_limit_wait_until_another_ends() -> None:
    inbox = Inbox()
    with receiving(inbox, ReceiverSettings(connections_max=2)) as (receiver, address):
        first, second = dial(address), dial(address)
        with first, second:
            for node in (first, second):
                node.sendall(frame_of(b"in"))
                assert read_exactly(node, 3) == ACK
            with dial(address) as third:
                third.sendall(frame_of(b"waits"))
                assert receiver.counters.connections == 2
                first.close()
                assert read_exactly(third, 3) == ACK
    assert inbox.payloads == [b"in", b"in", b"waits"]


@covers("CHN-RCV-12")
def test_incomplete_frames_of_all_connections_together_are_bounded() -> None:
    settings = ReceiverSettings(buffered_max=100_000)
    with receiving(Inbox(), settings) as (receiver, address), contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(dial(address)) for _ in range(4)]
        for node in nodes:
            with contextlib.suppress(ConnectionError):
                node.sendall(b"FLT2002" + (10**6).to_bytes(4, "big") + bytes(40_000))
        assert until(lambda: receiver.counters.failed > 0)


@covers("CHN-ACK-06")
def test_a_node_that_reads_no_answers_holds_nobody_up() -> None:
    inbox = Inbox()
    with (
        receiving(inbox, ReceiverSettings(threads=1)) as (_, address),
        dial(address) as deaf,
        dial(address) as other,
    ):
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        frames = frame_of(b"x") * 500
        for _ in range(100):
            deaf.sendall(frames)
        other.sendall(frame_of(b"other"))
        assert read_exactly(other, 3) == ACK
        assert until(lambda: len(inbox.payloads) == 50_001)


@covers("CHN-RCV-13")
def test_accepted_connections_are_asked_for_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[socket.socket] = []
    listen = Listeners.accept

    def accept(listeners: Listeners, listener: socket.socket) -> socket.socket | None:
        connected = listen(listeners, listener)
        accepted.extend([connected] if connected else [])
        return connected

    monkeypatch.setattr(Listeners, "accept", accept)
    with receiving(Inbox()) as (_, address), dial(address) as node:
        node.sendall(frame_of(b"one"))
        assert read_exactly(node, 3) == ACK
        assert accepted[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@covers("CHN-RCV-08")
@pytest.mark.parametrize("wrong", [{"threads": 0}, {"port": 65536}, {"connections_max": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        ReceiverSettings(**wrong)  # type: ignore[arg-type]


@covers("CHN-RCV-09")
def test_a_port_that_is_taken_is_an_error() -> None:
    with receiving(Inbox()) as (_, address):
        second = ReplicationReceiver(DIALECT, Inbox(), ReceiverSettings(port=address.port))
        with pytest.raises(InputError, match="the port is taken"):
            second.start()
        second.stop()  # does no harm


@covers("CHN-RCV-10", "CHN-RCV-11")
def test_only_this_machine_is_heard_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="anybody could send"):
        ReplicationReceiver(DIALECT, Inbox(), ReceiverSettings(address="0.0.0.0")).start()
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    with receiving(Inbox(), ReceiverSettings(address="auto")) as (_, address):
        assert address.host == "127.0.0.1"


@covers("CHN-ACK-05")
def test_a_receiver_that_does_not_answer_says_nothing() -> None:
    inbox = Inbox()
    with receiving(inbox, dialect=Tomcat55Channel(answers=False)) as (_, address), dial(address) as node:
        node.sendall(frame_of(b"one"))
        node.shutdown(socket.SHUT_WR)
        assert read_exactly(node, 1) == b""
    assert inbox.payloads == [b"one"]


@covers("CHN-DLC-02")
def test_an_answer_on_arrival_does_not_wait_for_the_handler() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    with receiving(inbox, dialect=Loud()) as (_, address), dial(address) as node:
        node.sendall(Loud().encode_frame(Envelope(b"hello", 1)))
        assert read_exactly(node, 4) == b"yes\n"
        assert inbox.payloads == []
        inbox.gate.set()
        assert until(lambda: inbox.payloads == [b"hello"])


def test_limits_reach_the_frames(caplog: pytest.LogCaptureFixture) -> None:
    settings = ReceiverSettings(limits=ChannelLimits(payload_size=10))
    with receiving(Inbox(), settings) as (receiver, address), dial(address) as node:
        node.sendall(frame_of(b"x" * 11))
        with contextlib.suppress(ConnectionError):
            assert read_exactly(node, 1) == b""
        assert until(lambda: receiver.counters.failed == 1)
