"""Reading and writing with a deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from refjk.runtime.waiting import receive, send, wait_readable

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends, the first as connections have theirs: it never blocks by itself."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(10)
        yield ours, theirs


def test_what_is_there_is_received_at_once(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abc")
    assert receive(ours, 0.0) == b"abc"
    theirs.close()
    assert receive(ours, 0.0) == b""


def test_what_comes_within_the_time_is_received(pair: Pair) -> None:
    ours, theirs = pair
    sender = threading.Timer(0.05, theirs.sendall, (b"abc",))
    sender.start()
    assert receive(ours, 10) == b"abc"
    sender.join()


def test_silence_beyond_the_time_is_an_error(pair: Pair) -> None:
    ours, _ = pair
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"nothing came within 0\.1 s"):
        receive(ours, 0.1)
    assert time.monotonic() - started >= 0.1


def test_readable_is_what_can_be_read(pair: Pair) -> None:
    ours, theirs = pair
    assert not wait_readable(ours, 0.0)
    assert not wait_readable(ours, 0.05)
    theirs.sendall(b"x")
    assert wait_readable(ours, 10)
    assert wait_readable(ours, float("inf"))


def test_everything_is_sent_however_slowly_it_is_taken(pair: Pair) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 20_000
    taken = bytearray()

    def take() -> None:
        while len(taken) < len(data):
            taken.extend(theirs.recv(100_000))

    taker = threading.Thread(target=take)
    taker.start()
    send(ours, data, 10)
    taker.join(10)
    assert taken == data


def test_a_peer_that_takes_nothing_is_an_error(pair: Pair) -> None:
    ours, _ = pair
    with pytest.raises(TimeoutError, match=r"the peer took nothing for 0\.1 s"):
        send(ours, bytes(10_000_000), 0.1)
    with pytest.raises(TimeoutError):
        send(ours, b"x" * 1000, 0.05)


def test_a_peer_that_is_gone_is_an_error_of_the_system(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(BrokenPipeError):
        send(ours, b"x", 1)
