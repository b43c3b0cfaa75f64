"""Whole dialogues of the two cores over an imaginary wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

import pytest

from refjk.ajp13 import ContainerPhase, ContainerPolicy, EndMarker
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.events import ResponseEnded
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.dialogue import Dialogue, Served, Split, answer, echo, ignore, read_body
from tests.ajp13.support import (
    BODY_END_EMPTY,
    BODY_END_ZERO,
    FLUSH,
    PACKET_SIZES,
    octet_by_octet,
    random_splits,
    request,
)

SEED = 13
MIB = 1 << 20


def whole(data: bytes) -> Iterable[bytes]:
    return (data,)


def at_random() -> Split:
    print(f"seed {SEED}")
    random = Random(SEED)
    return lambda data: random_splits(data, random)


SPLITS = {"whole": lambda: whole, "octet by octet": lambda: octet_by_octet, "at random": at_random}
SIZES = {
    "0": lambda _: 0,
    "1": lambda _: 1,
    "P - 6": lambda packet_size: packet_size - 6,
    "P - 5": lambda packet_size: packet_size - 5,
    "20000": lambda _: 20000,
    "1 MiB": lambda _: MIB,
}


def octets(size: int) -> bytes:
    return Random(size).randbytes(size)


def packets(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        size = 4 + int.from_bytes(stream[2:4], "big")
        found.append(stream[:size])
        stream = stream[size:]
    return found


@pytest.fixture(params=SPLITS)
def split(request: pytest.FixtureRequest) -> Split:
    return SPLITS[request.param]()


@covers("AJP-BOD-01", "AJP-BOD-02", "AJP-BOD-03", "AJP-BOD-04", "AJP-FRM-05", "AJP-FRM-08")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
@pytest.mark.parametrize("size_name", SIZES)
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unknown length"])
@pytest.mark.parametrize("split_name", SPLITS)
def test_a_body_goes_there_and_back_whole(
    packet_size: int, size_name: str, announced: bool, split_name: str
) -> None:
    body = octets(SIZES[size_name](packet_size))
    if split_name == "octet by octet" and len(body) > 20000 and packet_size != 8192:
        body = body[: packet_size + 1]  # a MiB in single octets once is enough
    if split_name == "octet by octet" and len(body) == MIB:
        body = body[: MIB // 8]
    dialogue = Dialogue(SPLITS[split_name](), packet_size=packet_size)
    asked = request(method=b"POST", body_size=len(body) if announced else None)

    seen = dialogue.cycle(asked, body, echo)

    assert seen.served is not None
    assert seen.served.request == asked
    assert seen.served.body == body
    assert seen.served.missing == (None if announced and not body else 0)
    assert seen.head is not None
    assert seen.head.status == 200
    assert seen.body == body
    assert seen.ended == ResponseEnded(reuse=True)
    assert dialogue.web_server.reusable
    assert dialogue.container.phase is ContainerPhase.IDLE
    assert all(wanted == packet_size - 6 for wanted in seen.wanted)
    said = packets(b"".join(dialogue.said_to_container)) + packets(b"".join(dialogue.said_to_web_server))
    assert max(len(packet) for packet in said) <= packet_size


@covers("AJP-BOD-02", "AJP-BOD-03")
@pytest.mark.parametrize("body_size", [None, 0])
def test_a_request_without_body_is_one_packet_and_its_answer_two(split: Split, body_size: int | None) -> None:
    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(body_size=body_size), b"", ignore)

    assert len(packets(b"".join(dialogue.said_to_container))) == 1
    assert [packet[4] for packet in packets(b"".join(dialogue.said_to_web_server))] == [4, 3, 5]
    assert seen.wanted == []


@covers("AJP-BOD-05", "AJP-BOD-06")
@pytest.mark.parametrize(
    ("marker", "marker_octets"),
    [(EndMarker.EMPTY_PACKET, BODY_END_EMPTY), (EndMarker.ZERO_LENGTH, BODY_END_ZERO)],
)
@pytest.mark.parametrize("size", [0, 5, 8186, 20000])
def test_both_end_markers_end_a_body_of_unknown_length(
    split: Split, marker: EndMarker, marker_octets: bytes, size: int
) -> None:
    dialogue = Dialogue(split, end_marker=marker)

    seen = dialogue.cycle(request(), octets(size), echo)

    assert seen.body == octets(size)
    assert packets(b"".join(dialogue.said_to_container))[-1] == marker_octets
    assert len(seen.wanted) == -(-size // 8186) + 1


@covers("AJP-BOD-06", "AJP-BOD-04")
@pytest.mark.parametrize("body_size", [None, 5])
def test_asking_again_past_the_end_is_answered_each_time(split: Split, body_size: int | None) -> None:
    def insist(served: Served) -> Iterator[None]:
        yield from read_body(served)
        for _ in range(5):
            served.end.ask_body()
            while served.end.phase is not ContainerPhase.RUNNING:
                yield
        answer(served, bytes(served.body))

    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(body_size=body_size), b"12345", insist)

    assert seen.body == b"12345"
    assert packets(b"".join(dialogue.said_to_container))[-5:] == [BODY_END_EMPTY] * 5
    assert seen.ended == ResponseEnded(reuse=True)


@covers("AJP-BOD-12", "AJP-END-06")
@pytest.mark.parametrize("size", [1, 8186, 20000, MIB])
def test_an_unread_announced_body_is_drained_of_one_packet_and_the_connection_reused(
    split: Split, size: int
) -> None:
    dialogue = Dialogue(split)

    for _ in range(3):
        seen = dialogue.cycle(request(body_size=size), octets(size), ignore)
        assert seen.body == b"ignored"
        assert seen.served is not None
        assert seen.served.missing is None or size <= 8186
        assert seen.ended == ResponseEnded(reuse=True)
        assert dialogue.web_server.reusable

    carried = packets(b"".join(dialogue.said_to_container))
    assert len(carried) == 6


@covers("AJP-BOD-12", "AJP-RSP-01")
def test_an_answer_may_begin_and_end_while_a_body_packet_is_outstanding(split: Split) -> None:
    def early(served: Served) -> Iterator[None]:
        served.end.ask_body()
        answer(served, b"early")
        return iter(())

    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(), octets(20000), early)

    assert seen.body == b"early"
    assert seen.wanted == [8186]
    assert seen.ended == ResponseEnded(reuse=True)
    assert dialogue.container.phase is ContainerPhase.IDLE


@covers("AJP-RSP-01", "AJP-FLU-01")
@pytest.mark.parametrize("body_size", [None, 50000])
def test_the_answer_may_grow_while_the_body_still_comes(split: Split, body_size: int | None) -> None:
    def stream(served: Served) -> Iterator[None]:
        served.end.send_headers(200, b"OK", [])
        served.end.flush()
        sent = 0
        while not served.end.body_is_over:
            if served.end.phase is ContainerPhase.RUNNING:
                served.end.ask_body(1000)
            yield
            served.end.send_body(bytes(served.body[sent:]))
            served.end.flush()
            sent = len(served.body)
        served.end.send_body(bytes(served.body[sent:]))
        served.end.end_response()

    body = octets(50000)
    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(body_size=body_size), body, stream)

    assert seen.body == body
    assert seen.flushes > 40
    assert set(seen.wanted) == {1000}


@covers("AJP-BOD-07", "AJP-BOD-18")
@pytest.mark.parametrize("obeys", [True, False])
def test_the_wanted_length_may_be_obeyed_or_not(split: Split, obeys: bool) -> None:
    def nibble(served: Served) -> Iterator[None]:
        yield from read_body(served, 5)
        answer(served, bytes(served.body))

    body = octets(300 if obeys else 30000)
    dialogue = Dialogue(split, obeys_wanted=obeys)

    seen = dialogue.cycle(request(), body, nibble)

    assert seen.body == body
    assert len(seen.wanted) == (61 if obeys else 5)


@covers("AJP-FLU-01")
def test_flushes_arrive_as_often_as_they_were_sent(split: Split) -> None:
    def flushing(served: Served) -> Iterator[None]:
        served.end.send_headers(200, b"OK", [])
        for number in range(10):
            served.end.flush()
            yield
            served.end.send_body(b"%d" % number)
        served.end.flush()
        served.end.flush()
        served.end.end_response()

    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(), b"", flushing)

    assert seen.body == b"0123456789"
    assert seen.flushes == 12
    assert b"".join(dialogue.said_to_web_server).count(FLUSH) == 12


@covers("AJP-BOD-11", "AJP-BOD-14")
@pytest.mark.parametrize("came", [0, 1, 8186, 9000])
def test_a_body_that_falls_short_is_told_to_the_application(split: Split, came: int) -> None:
    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(body_size=10000), octets(came), echo)

    assert seen.served is not None
    assert seen.served.body == octets(came)
    assert seen.served.missing == 10000 - came
    assert seen.ended == ResponseEnded(reuse=True)


@covers("AJP-PNG-01", "AJP-PNG-03", "AJP-CON-02", "AJP-CON-03", "AJP-END-01")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_cycles_of_all_kinds_follow_each_other_with_pings_between(split: Split, packet_size: int) -> None:
    dialogue = Dialogue(split, packet_size=packet_size)
    dialogue.ping()

    for number, (size, announced, application) in enumerate(
        [(0, False, echo), (5, True, echo), (20000, True, ignore), (20000, False, echo), (0, True, ignore)]
    ):
        asked = request(req_uri=b"/%d" % number, body_size=size if announced else None)
        seen = dialogue.cycle(asked, octets(size), application)
        assert seen.served is not None
        assert seen.served.request.req_uri == b"/%d" % number
        assert seen.body == (octets(size) if application is echo else b"ignored")
        dialogue.ping()
        dialogue.ping()

    assert dialogue.web_server.reusable


@covers("AJP-END-02", "AJP-END-03", "AJP-BOD-12")
@pytest.mark.parametrize("body_size", [None, 20000])
def test_the_end_without_reuse_ends_both_ends(split: Split, body_size: int | None) -> None:
    def last(served: Served) -> Iterator[None]:
        answer(served, b"bye", reuse=False)
        return iter(())

    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(body_size=body_size), octets(body_size or 0), last)

    assert seen.body == b"bye"
    assert seen.ended == ResponseEnded(reuse=False)
    assert dialogue.web_server.closed
    assert dialogue.container.phase is ContainerPhase.CLOSED
    with pytest.raises(LocalProtocolError):
        dialogue.web_server.send_request(request())


@covers("AJP-SEC-02", "AJP-REQ-06")
def test_the_secret_opens_the_door_and_its_lack_ends_in_403(split: Split) -> None:
    policy = ContainerPolicy(secret=b"s")

    opened = Dialogue(split, policy=policy).cycle(request(attributes=((12, None, b"s"),)), b"", echo)
    assert opened.ended == ResponseEnded(reuse=True)

    dialogue = Dialogue(split, policy=policy)
    dialogue.web_server.send_request(request())
    dialogue.container.receive(dialogue.web_server.data_to_send())
    events = [
        event
        for piece in split(dialogue.container.data_to_send())
        for event in dialogue.web_server.receive(piece)
    ]
    assert events[0].status == 403  # type: ignore[union-attr]
    assert events[-1] == ResponseEnded(reuse=False)


@covers("AJP-RSP-13", "AJP-RSP-14")
def test_head_gets_the_headers_of_a_body_and_no_octet_of_it(split: Split) -> None:
    dialogue = Dialogue(split)

    seen = dialogue.cycle(request(method=b"HEAD"), b"", ignore)

    assert seen.head is not None
    assert seen.head.headers == ((b"Content-Length", b"7"),)
    assert seen.body == b""
    assert seen.ended == ResponseEnded(reuse=True)


@covers("AJP-FRM-05")
def test_what_is_said_does_not_depend_on_how_it_was_split() -> None:
    said = []
    for make_split in SPLITS.values():
        dialogue = Dialogue(make_split())
        dialogue.ping()
        dialogue.cycle(request(body_size=20000), octets(20000), echo)
        dialogue.cycle(request(), octets(9000), echo)
        said.append((b"".join(dialogue.said_to_container), b"".join(dialogue.said_to_web_server)))

    assert said[0] == said[1] == said[2]
    assert all(decode_to_web_server(packet) for packet in packets(said[0][1]))
