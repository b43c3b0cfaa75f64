"""Mutated traffic against every decoder and both ends.

`REFJK_SEED` (a number) changes what is tried, `REFJK_ROUNDS` how much; both stand in every failure
message. Round n of a seed is always the same, whatever the number of rounds.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from types import FrameType

import pytest

from refjk.ajp13 import (
    AttributeCode,
    ContainerConnection,
    ContainerPhase,
    ContainerPolicy,
    EndMarker,
    WebServerConnection,
    WebServerPhase,
)
from refjk.ajp13.codec import decode_request_body, decode_send_headers, decode_to_web_server
from refjk.ajp13.container import READ_AHEAD_MAX
from refjk.ajp13.events import (
    BodyEnded,
    BodyReceived,
    BodyWanted,
    PeerClosed,
    RequestReceived,
    ResponseEnded,
    Violation,
)
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.ajp13.framing import PacketBuffer
from refjk.ajp13.messages import EndResponse
from refjk.base import LocalProtocolError, Malformed
from refjk.speccheck import covers
from tests.ajp13.dialogue import Dialogue, answer, echo, ignore
from tests.ajp13.mutation import mutated, mutated_packets
from tests.ajp13.support import CPING, CPONG, forward_request, random_splits, request, string

SEED = int(os.environ.get("REFJK_SEED", "20051113"))
ROUNDS = int(os.environ.get("REFJK_ROUNDS", "10000"))
SECONDS_MAX = 60 + ROUNDS / 20
PIECE_MAX = 4000
CLAUSE = re.compile(r"AJP-[A-Z]{3}-\d{2}")


# -- valid traffic --------------------------------------------------------------------------


def packets(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        size = 4 + int.from_bytes(stream[2:4], "big")
        found.append(stream[:size])
        stream = stream[size:]
    return found


@cache
def traffic() -> list[tuple[list[bytes], list[bytes]]]:
    """Per conversation: the packets toward the container and those toward the web server."""
    rich = request(
        method=b"PATCH",
        headers=((b"host", b"h"), (b"Accept", b"*/*"), (b"X-A", b"1"), (b"X-A", b"2"), (b"cookie", b"a=b")),
        attributes=(
            (AttributeCode.SECRET, None, b"s"),
            (AttributeCode.QUERY_STRING, None, b"a=1"),
            (AttributeCode.SSL_KEY_SIZE, None, 256),
            (AttributeCode.REQ_ATTRIBUTE, b"AJP_REMOTE_PORT", b"1234"),
        ),
    )
    conversations = []
    for marker in EndMarker:
        several = Dialogue(lambda data: (data,), end_marker=marker)
        several.ping()
        several.cycle(request(), b"", ignore)
        several.cycle(rich, b"hello", echo)
        several.cycle(request(body_size=9000), bytes(9000), echo)
        several.cycle(request(body_size=20), bytes(20), ignore)
        several.ping()
        conversations.append(several)
    for asked, body, application in (
        (rich, b"", echo),
        (request(body_size=5), b"hello", echo),
        (request(), b"hello" * 50, echo),
        (request(method=b"HEAD"), b"", ignore),
    ):
        one = Dialogue(lambda data: (data,))
        one.cycle(asked, body, application)
        conversations.append(one)
    return [
        (packets(b"".join(found.said_to_container)), packets(b"".join(found.said_to_web_server)))
        for found in conversations
    ]


@cache
def said(direction: int) -> list[bytes]:
    return [packet for conversation in traffic() for packet in conversation[direction]]


FULL_REQUEST = forward_request(
    method=255,
    headers=[b"\xa0\x0b" + string(b"h"), string(b"X-A") + string(b"1"), b"\xa0\x08" + string(b"5")],
    attributes=b"\x0a"
    + string(b"n")
    + string(None)
    + b"\x0b\x01\x00\x0d"
    + string(b"X")
    + b"\x0c"
    + string(b"s"),
)


# -- rounds ---------------------------------------------------------------------------------


@contextmanager
def time_limit() -> Iterator[None]:
    """An endless loop becomes a failure."""

    def give_up(_: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no end after {SECONDS_MAX} s, at {frame}")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_rounds(name: str, play: Callable[[Random], None], rounds: int = ROUNDS, first: int = 0) -> None:
    print(f"REFJK_SEED={SEED} REFJK_ROUNDS={rounds}: {name}")
    for number in range(first, first + rounds):
        try:
            play(Random(f"{SEED}:{name}:{number}"))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise AssertionError(
                f"REFJK_SEED={SEED} REFJK_ROUNDS={rounds}: {name}, round {number}: {error!r}"
            ) from error


def check_complaint(found: Malformed, size: int) -> None:
    assert CLAUSE.fullmatch(found.clause)
    assert 0 <= found.offset <= size
    assert found.expected
    assert len(str(found)) < 20 * size + 500


# -- decoders -------------------------------------------------------------------------------


def play_forward_request(random: Random) -> None:
    good = random.choice([FULL_REQUEST, *(packet for packet in said(0) if packet[4:5] == b"\x02")])
    packet = good[:4] + mutated(random, good[4:], random.choice(said(0)))
    strict = random.random() < 0.5
    try:
        asked = decode_forward_request(packet, strict=strict, keep_spelling=random.random() < 0.5)
    except Malformed as error:
        check_complaint(error, len(packet))
        return
    again = decode_forward_request(encode_forward_request(asked, 65536), strict=strict)
    assert again == asked


def play_to_web_server(random: Random) -> None:
    good = random.choice(said(1))
    packet = good[:4] + mutated(random, good[4:], random.choice(said(1)))
    decode = decode_send_headers if good[4] == 4 and random.random() < 0.5 else decode_to_web_server
    try:
        decode(packet, random.random() < 0.5)
    except Malformed as error:
        check_complaint(error, len(packet))


def play_request_body(random: Random) -> None:
    good = random.choice(said(0))
    packet = good[:4] + mutated(random, good[4:], random.choice(said(0)))
    try:
        body = decode_request_body(packet)
    except Malformed as error:
        check_complaint(error, len(packet))
        return
    assert len(body.data) <= max(0, len(packet) - 6)


def play_packet_buffer(random: Random) -> None:
    packet_size = random.choice((8192, 65536))
    stream = b"".join(mutated_packets(random, random.choice(traffic())[0], said(0)))
    buffer = PacketBuffer(b"\x12\x34", packet_size)
    fed = bytearray()
    taken = bytearray()
    for piece in random_splits(stream, random, PIECE_MAX):
        buffer.feed(piece)
        fed += piece
        try:
            while (packet := buffer.next_packet()) is not None:
                assert 4 <= len(packet) <= packet_size
                assert packet[:2] == b"\x12\x34"
                taken += packet
        except Malformed as error:
            check_complaint(error, 4)
            return
        assert len(buffer) == len(fed) - len(taken)
        assert len(buffer) <= packet_size + len(piece)
        assert fed.startswith(taken)


DECODERS: dict[str, Callable[[Random], None]] = {
    "forward request": play_forward_request,
    "to web server": play_to_web_server,
    "request body": play_request_body,
    "packet buffer": play_packet_buffer,
}


# -- the two ends ---------------------------------------------------------------------------


def check_events(events: list[object], closed: bool) -> set[str]:
    """A violation or an end of the connection is the last event, and then the end is closed.

    Gives the clause, if there is one.
    """
    final = [event for event in events if isinstance(event, Violation | PeerClosed)]
    assert final == events[len(events) - len(final) :]
    assert len(final) <= 1
    if final:
        assert closed
        if isinstance(final[0], Violation):
            assert CLAUSE.fullmatch(final[0].clause)
            return {final[0].clause}
    return set()


class ContainerRun:
    """A container's end under mutated traffic, with an application that says what comes to its mind."""

    def __init__(self, random: Random) -> None:
        self.random = random
        policy = ContainerPolicy(
            strict=random.random() < 0.5,
            secret=b"s" if random.random() < 0.1 else None,
            allowed_attributes=re.compile(rb"AJP_.*") if random.random() < 0.3 else None,
        )
        self.end = ContainerConnection(policy, random.choice((8192, 8192, 16384, 65536)))
        self.cycles = 0
        self.ends = 0
        self.body_ended = False
        self.clauses: set[str] = set()

    def play(self) -> None:
        for packet in mutated_packets(self.random, self.random.choice(traffic())[0], said(0)):
            if self.random.random() < 0.9:
                self.prepare(packet)
            for piece in random_splits(packet, self.random, PIECE_MAX):
                self.handle(list(self.end.receive(piece)))
                if self.random.random() < 0.1:
                    self.say()
                self.check()
        if self.random.random() < 0.5:
            events = self.end.receive_eof()
            check_events(list(events), closed=True)
            assert self.end.data_to_send() == b""
        self.check()

    def prepare(self, packet: bytes) -> None:
        """What a sound application has said before such a packet may come."""
        typed = packet == CPING or packet[4:6] in (b"\x02\x02", b"\x02\x03", b"\x02\xff")
        if self.end.phase is ContainerPhase.RUNNING and not typed and not self.body_ended:
            self.end.ask_body()
        elif self.end.phase is ContainerPhase.RUNNING and typed:
            if not self.end.headers_sent:
                self.end.send_headers(200, b"OK", [])
            self.end.end_response()
            self.handle(list(self.end.resume()))

    def handle(self, events: list[object]) -> None:
        self.clauses |= check_events(events, self.end.phase is ContainerPhase.CLOSED)
        for event in events:
            if isinstance(event, RequestReceived):
                self.cycles += 1
                self.body_ended = event.content_length == 0
            elif isinstance(event, BodyReceived):
                assert event.data
                assert not self.body_ended
            elif isinstance(event, BodyEnded):
                assert not self.body_ended
                assert event.missing >= 0
                self.body_ended = True
            elif isinstance(event, Violation) and event.status is not None:
                self.cycles += 1

    def say(self) -> None:
        """A few things, fit or not; what does not fit must be refused and change nothing."""
        end = self.end
        for _ in range(self.random.randint(0, 3)):
            phase = end.phase
            try:
                self.random.choice(
                    (
                        lambda: None if self.body_ended else end.ask_body(),
                        lambda: end.send_headers(self.random.choice((200, 204, 404)), b"", [(b"X", b"v")]),
                        lambda: end.send_body(bytes(self.random.randint(0, 20000))),
                        end.flush,
                        lambda: end.end_response(self.random.random() < 0.9),
                        lambda: answer(self, b"x" * self.random.randint(0, 20)),  # type: ignore[arg-type]
                    )
                )()
            except LocalProtocolError:
                assert end.phase is phase or end.headers_sent
            self.handle(list(end.resume()))

    def check(self) -> None:
        end = self.end
        assert len(end._buffer) <= end.packet_size + READ_AHEAD_MAX
        for packet in packets(end.data_to_send()):
            assert len(packet) <= end.packet_size
            self.ends += isinstance(decode_to_web_server(packet), EndResponse)
        assert self.ends <= self.cycles
        assert end.data_to_send() == b""


class WebServerRun:
    """A web server's end under mutated traffic; it answers as it should."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.end = WebServerConnection(
            random.choice((8192, 8192, 16384, 65536)),
            strict=random.random() < 0.5,
            end_marker=random.choice(tuple(EndMarker)),
        )
        self.ended = 0
        self.asked = 0
        self.clauses: set[str] = set()

    def play(self) -> None:
        for packet in mutated_packets(self.random, self.random.choice(traffic())[1], said(1)):
            self.prepare(packet)
            for piece in random_splits(packet, self.random, PIECE_MAX):
                self.handle(list(self.end.receive(piece)))
                self.check()
        if self.random.random() < 0.5:
            check_events(list(self.end.receive_eof()), closed=True)
            assert self.end.data_to_send() == b""
        self.check()

    def prepare(self, packet: bytes) -> None:
        """The ping or the request that such a packet answers, where the connection is free for it."""
        end = self.end
        if not end.reusable or self.random.random() < 0.05:
            return
        if packet == CPONG:
            end.send_ping()
            return
        body_size = self.random.choice((None, 0, 5, 9000))
        end.send_request(request(method=self.random.choice((b"GET", b"HEAD")), body_size=body_size))
        self.asked += 1
        if end.first_body_due and self.random.random() < 0.9:
            end.send_body(b"hello")

    def handle(self, events: list[object]) -> None:
        end = self.end
        self.clauses |= check_events(events, end.closed)
        for event in events:
            if isinstance(event, ResponseEnded):
                self.ended += 1
                assert event.reuse or end.closed
            elif isinstance(event, BodyWanted) and end.phase in (WebServerPhase.SENT, WebServerPhase.OPEN):
                end.end_body()

    def check(self) -> None:
        end = self.end
        assert self.ended <= self.asked
        assert len(end._buffer) <= end.packet_size
        assert not (end.closed and len(end._buffer))
        assert not (end.closed and end.data_to_send())
        for packet in packets(end.data_to_send()):
            assert len(packet) <= end.packet_size
            assert packet[:2] == b"\x12\x34"


CORES: dict[str, Callable[[Random], None]] = {
    "container": lambda random: ContainerRun(random).play(),
    "web server": lambda random: WebServerRun(random).play(),
}


@covers("AJP-STR-07", "AJP-FRM-15", "AJP-LIM-01")
@pytest.mark.parametrize("name", DECODERS)
def test_decoders_give_a_value_or_a_complaint_for_any_octets(name: str) -> None:
    with time_limit():
        run_rounds(name, DECODERS[name])


@covers("AJP-STA-01", "AJP-STA-02", "AJP-LIM-01", "AJP-FRM-08")
@pytest.mark.parametrize("name", CORES)
def test_the_ends_never_raise_grow_or_say_what_they_may_not_for_any_octets(name: str) -> None:
    with time_limit():
        run_rounds(name, CORES[name])


@covers("AJP-LIM-01")
def test_what_was_received_is_not_kept_after_its_connection() -> None:
    rounds = min(ROUNDS, 100)

    def play_all(first: int) -> None:
        for name, play in {**DECODERS, **CORES}.items():
            run_rounds(name, play, rounds, first)

    with time_limit():
        play_all(0)  # whatever is cached on first use
        tracemalloc.start()
        try:
            play_all(rounds)
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            play_all(2 * rounds)
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

    assert grown < 32 * 1024, f"REFJK_SEED={SEED} REFJK_ROUNDS={ROUNDS}: {grown} octets more"


@covers("AJP-LIM-01")
def test_a_long_life_of_one_connection_keeps_nothing_of_it() -> None:
    dialogue = Dialogue(lambda data: (data,))

    def live(cycles: int) -> None:
        for _ in range(cycles):
            dialogue.ping()
            dialogue.cycle(request(body_size=9000), bytes(9000), echo)
            dialogue.said_to_container.clear()
            dialogue.said_to_web_server.clear()

    live(20)
    tracemalloc.start()
    try:
        live(20)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        live(200)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert grown < 16 * 1024


def test_a_failing_round_names_its_seed_and_its_number() -> None:
    def fails(_: Random) -> None:
        raise ZeroDivisionError("defect")

    with pytest.raises(AssertionError, match=rf"REFJK_SEED={SEED} REFJK_ROUNDS=1: some, round 7: Zero"):
        run_rounds("some", fails, 1, first=7)


def test_mutated_traffic_gets_beyond_the_first_check() -> None:
    """Otherwise the rounds above would show little."""
    print(f"REFJK_SEED={SEED}")
    clauses: set[str] = set()
    cycles = answers = 0
    for number in range(500):
        served = ContainerRun(Random(f"{SEED}:container:{number}"))
        served.play()
        cycles += served.cycles
        clauses |= served.clauses
        asked = WebServerRun(Random(f"{SEED}:web server:{number}"))
        asked.play()
        answers += asked.ended
        clauses |= asked.clauses

    assert cycles > 250, f"REFJK_SEED={SEED}"
    assert answers > 100, f"REFJK_SEED={SEED}"
    assert len(clauses) > 12, f"REFJK_SEED={SEED}"


def test_mutation_changes_octets_and_is_repeatable() -> None:
    data = bytes(range(256))

    changed = [mutated(Random(number), data, b"other") for number in range(200)]

    assert changed == [mutated(Random(number), data, b"other") for number in range(200)]
    assert sum(found != data for found in changed) > 190
