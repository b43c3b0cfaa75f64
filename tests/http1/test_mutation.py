"""Spoiled requests: nothing escapes, nothing grows, it ends, and the pieces do not matter.

Each seed is a run of its own; its number is in the name of the test and in every message.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from refjk.http1 import (
    BodyEnded,
    Event,
    Limits,
    PeerClosed,
    Phase,
    Refused,
    RequestReceived,
    ServerConnection,
)
from tests.http1.support import joined
from tests.http1.test_connection import GOOD
from tests.http1.test_smuggling import REFUSED, SEEN

SEEDS = range(16)
ROUNDS = 100
BITS = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"f",
    b"\xff",
    b"\r\n\r\n",
    b"%",
    b"#",
]
BITS += [
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: h\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1",
]
BITS += [b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"99999999999999999999", b"GET / "]
CORPUS = [octets for octets in GOOD.values() if len(octets) < 2000]
CORPUS += [octets for octets, _ in [*REFUSED.values(), *SEEN.values()]]


def spoil(octets: bytes, chance: random.Random) -> bytes:
    """A few insertions, deletions, replacements and repeats."""
    spoiled = bytearray(octets)
    for _ in range(chance.randint(0, 4)):
        start = chance.randint(0, len(spoiled))
        end = min(len(spoiled), start + chance.choice((0, 0, 1, 1, 2, 40)))
        new = chance.choice(
            (b"", bytes((chance.randrange(256),)), chance.choice(BITS), bytes(spoiled[start:end]) * 2)
        )
        spoiled[start:end] = new
    return bytes(spoiled)


def tight_limits(chance: random.Random) -> Limits:
    return Limits(
        request_line_size_max=chance.choice((20, 60, 200)),
        header_line_size_max=chance.choice((20, 60, 200)),
        head_size_max=chance.choice((60, 200, 1000)),
        header_count_max=chance.choice((2, 4, 20)),
        body_size_max=chance.choice((None, 3, 100)),
        chunk_line_size_max=chance.choice((4, 20)),
        trailer_size_max=chance.choice((10, 100)),
        pipelined_size_max=chance.choice((1000, 4000)),
        drain_size_max=chance.choice((0, 10, 100)),
    )


def play(octets: bytes, limits: Limits, cuts: list[int], where: str) -> list[Event]:
    """All events of these octets, with every request answered when it is complete."""
    connection = ServerConnection(limits)
    events: list[Event] = []

    def take(new: list[Event]) -> None:
        events.extend(new)
        assert connection.buffered_size <= limits.buffer_size_max, where
        while connection.phase is Phase.ANSWER_DUE:
            connection.send_response(200, b"OK", [])
            connection.end_response()
            events.extend(connection.resume())
        assert connection.may_receive is not connection.must_close, where

    for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        take(connection.receive(octets[start:end]))
    if connection.may_receive:
        take(connection.receive_eof())
    assert connection.phase is Phase.CLOSED, where
    return joined(events)


def check_order(events: list[Event], where: str) -> None:
    """A refusal or an end is last, and bodies end only within their request."""
    for event, following in pairwise(events):
        assert not isinstance(event, Refused | PeerClosed), where
        assert not isinstance(following, BodyEnded) or not isinstance(event, BodyEnded), where
    assert not events or isinstance(events[-1], Refused | PeerClosed | RequestReceived | BodyEnded), where


@pytest.mark.parametrize("seed", SEEDS)
def test_spoiled_requests_do_no_harm_and_mean_the_same_in_pieces(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(ROUNDS):
        octets = b"".join(spoil(chance.choice(CORPUS), chance) for _ in range(chance.randint(1, 3)))
        limits = chance.choice((Limits(), tight_limits(chance)))
        where = f"seed {seed}, round {number}: {octets!r} {limits}"

        cuts = sorted(chance.sample(range(len(octets) + 1), min(len(octets), 5)))
        whole = play(octets, limits, [], where)
        in_pieces = play(octets, limits, cuts, where)
        in_octets = play(octets, limits, list(range(1, len(octets))), where)

        check_order(whole, where)
        assert in_pieces == whole, where
        assert in_octets == whole, where


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_and_calls_in_any_order_do_no_harm(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(ROUNDS):
        limits = tight_limits(chance)
        connection = ServerConnection(limits)
        where = f"seed {seed}, round {number}"
        for _ in range(30):
            octets = spoil(chance.choice(CORPUS), chance)
            connection.receive(octets[: chance.randint(0, len(octets))])
            assert connection.buffered_size <= limits.buffer_size_max, where
            if connection.continue_due and chance.random() < 0.5:
                connection.send_continue()
            if connection.phase in (Phase.BODY_DUE, Phase.ANSWER_DUE) and chance.random() < 0.5:
                connection.send_response(200, b"OK", chance.choice(([], [(b"Content-Length", b"1")])))
                if chance.random() < 0.8:
                    connection.send_body(b"a")
            if connection.phase in (Phase.BODY_ANSWERING, Phase.ANSWERING) and chance.random() < 0.5:
                connection.end_response()
                connection.resume()
        connection.receive_eof()
        if connection.phase is not Phase.CLOSED:
            connection.abort()
        assert connection.must_close and connection.buffered_size == 0, where
