"""One connection followed: what each packet is, and whose mistake what is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from refjk.decode import Conversation, Event, PacketSeen, Settings, Side
from refjk.speccheck import covers
from tests.ajp13.support import (
    BODY_END_EMPTY,
    BODY_END_ZERO,
    CPING,
    CPONG,
    END_0,
    END_1,
    FLUSH,
    HEADERS_200,
    body_packet,
    chunk,
    content_length,
    forward_request,
    get_body_chunk,
    octet_by_octet,
    request_octets,
    send_headers,
    string,
    to_container,
    to_web_server,
)
from tests.decode.support import findings, kinds, remarks

GET = forward_request()
POST_5 = request_octets(5)
CHUNKED = forward_request(headers=[string(b"transfer-encoding") + string(b"chunked")])
ASK = get_body_chunk(8186)
LENGTH_5 = b"\xa0\x03" + string(b"5")
HEAD = forward_request(method=3)
SENDERS = {">": Side.WEB_SERVER, "<": Side.CONTAINER}

Step = tuple[str, bytes]
Found = tuple[str, str, int]


def by_web_server(clause: str, offset: int) -> Found:
    return clause, "web server", offset


def by_container(clause: str, offset: int) -> Found:
    return clause, "container", offset


def follow(steps: Iterable[Step], *, from_start: bool = True, **settings: object) -> list[Event]:
    conversation = Conversation(1, Settings(**settings), from_start=from_start)  # type: ignore[arg-type]
    events: list[Event] = []
    for mark, octets in steps:
        events += conversation.receive(SENDERS[mark], octets, None)
    return events


RIGHT: dict[str, list[Step]] = {
    "get": [(">", GET), ("<", HEADERS_200), ("<", chunk(b"x")), ("<", END_1), (">", GET)],
    "ping before a request": [(">", CPING), ("<", CPONG), (">", GET), ("<", HEADERS_200 + END_1)],
    "announced body, asked once more": [
        (">", POST_5 + body_packet(b"hello")),
        ("<", ASK),
        (">", BODY_END_EMPTY),
        ("<", HEADERS_200 + END_1),
    ],
    "announced body, drained": [
        (">", POST_5),
        ("<", HEADERS_200),
        (">", body_packet(b"hello")),
        ("<", END_1),
    ],
    "chunked body, either end marker, asked again": [
        (">", CHUNKED),
        ("<", ASK),
        (">", body_packet(b"x" * 99)),
        ("<", HEADERS_200 + ASK),
        (">", BODY_END_ZERO),
        ("<", ASK),
        (">", BODY_END_EMPTY),
        ("<", END_1),
    ],
    "body octets that read as packets": [
        (">", request_octets(len(GET) + len(CPING))),
        (">", body_packet(GET + CPING)),
        ("<", HEADERS_200 + END_1),
        (">", CPING),
        ("<", CPONG),
    ],
    "more octets than L in a body packet that is due": [
        (">", POST_5),
        (">", to_container(b"\0\x05helloXX")),
        ("<", HEADERS_200 + END_1),
    ],
    "refused with the body still on its way": [
        (">", POST_5),
        ("<", send_headers(403) + END_0),
        (">", body_packet(b"hello")),
    ],
    "flush anywhere": [("<", FLUSH), (">", GET), ("<", FLUSH + HEADERS_200 + FLUSH + END_1 + FLUSH)],
    "content-length beside HEAD": [(">", HEAD), ("<", send_headers(200, b"OK", LENGTH_5) + END_1)],
    "content-length beside 304": [(">", GET), ("<", send_headers(304, b"", LENGTH_5) + END_1)],
    "content-length kept": [
        (">", GET),
        ("<", send_headers(200, b"OK", LENGTH_5) + chunk(b"hel") + FLUSH + chunk(b"lo") + END_1),
    ],
    "octets after the last field": [
        (">", to_container(b"\x0azz")),
        ("<", to_web_server(b"\x09zz")),
        (">", forward_request(end=b"\xffzz")),
        ("<", HEADERS_200 + to_web_server(b"\x05\x01zz")),
    ],
    "largest packets": [(">", request_octets(65530) + body_packet(b"x" * 65530)), ("<", HEADERS_200 + END_1)],
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("splitting", ["whole", "octets"])
def test_what_is_right_is_not_complained_about(name: str, splitting: str) -> None:
    steps = RIGHT[name]
    if splitting == "octets":
        steps = [(mark, octet) for mark, octets in steps for octet in octet_by_octet(octets)]
    assert findings(follow(steps)) == []


WRONG: dict[str, tuple[list[Step], list[Found]]] = {
    "body before it was asked for": (
        [(">", CHUNKED + body_packet(b"hello"))],
        [by_web_server("AJP-BOD-17", 0)],
    ),
    "body with content-length 0": (
        [(">", request_octets(0) + body_packet(b"hello"))],
        [by_web_server("AJP-BOD-17", 0)],
    ),
    "unasked body that is asked for later": (
        [
            (">", POST_5 + body_packet(b"hello") + BODY_END_EMPTY),
            ("<", ASK + HEADERS_200 + END_1),
            (">", GET),
        ],
        [by_web_server("AJP-BOD-17", 0)],
    ),
    "request in place of the first body packet": (
        [(">", POST_5 + GET)],
        [by_web_server("AJP-BOD-01", 4), by_web_server("AJP-CON-06", 0)],
    ),
    "request in place of an answer": (
        [(">", CHUNKED), ("<", ASK), (">", GET)],
        [by_web_server("AJP-BOD-04", 4), by_web_server("AJP-CON-06", 0)],
    ),
    "body packet malformed": (
        [(">", POST_5 + to_container(b"\0\x09hello"))],
        [by_web_server("AJP-BOD-09", 4)],
    ),
    "more body than announced": ([(">", POST_5 + body_packet(b"hello!"))], [by_web_server("AJP-BOD-10", 4)]),
    "end marker before the announced end": (
        [(">", POST_5 + BODY_END_EMPTY)],
        [by_web_server("AJP-BOD-15", 4)],
    ),
    "request before the end of the cycle, answered in order": (
        [(">", GET + GET), ("<", HEADERS_200 + END_1 + HEADERS_200 + END_1)],
        [by_web_server("AJP-CON-06", 0)],
    ),
    "ping in a cycle": (
        [(">", GET + CPING), ("<", HEADERS_200 + END_1 + CPONG)],
        [by_web_server("AJP-PNG-03", 0)],
    ),
    "request before the pong": (
        [(">", CPING + GET), ("<", CPONG + HEADERS_200 + END_1)],
        [by_web_server("AJP-STA-02", 0)],
    ),
    "request after the last cycle": (
        [(">", GET), ("<", HEADERS_200 + END_0), (">", GET), ("<", HEADERS_200 + END_1)],
        [by_web_server("AJP-END-02", 0)],
    ),
    "ping after the last cycle": (
        [(">", GET), ("<", HEADERS_200 + END_0), (">", CPING)],
        [by_web_server("AJP-END-02", 0)],
    ),
    "empty packet on an idle connection": ([(">", BODY_END_EMPTY)], [by_web_server("AJP-FRM-10", 2)]),
    "SHUTDOWN": ([(">", to_container(b"\x07"))], [by_web_server("AJP-FRM-13", 4)]),
    "PING": ([(">", to_container(b"\x08"))], [by_web_server("AJP-FRM-12", 4)]),
    "unknown prefix code toward the container": (
        [(">", to_container(b"\x11x"))],
        [by_web_server("AJP-FRM-12", 4)],
    ),
    "chunk before headers": (
        [(">", GET), ("<", chunk(b"x") + HEADERS_200 + END_1)],
        [by_container("AJP-RSP-20", 4)],
    ),
    "end without headers": ([(">", GET), ("<", END_1), (">", GET)], [by_container("AJP-RSP-21", 4)]),
    "headers twice": ([(">", GET), ("<", HEADERS_200 * 2 + END_1)], [by_container("AJP-RSP-19", 4)]),
    "headers on an idle connection": ([("<", HEADERS_200)], [by_container("AJP-END-04", 4)]),
    "headers for a ping": ([(">", CPING), ("<", HEADERS_200)], [by_container("AJP-PNG-04", 4)]),
    "pong for nothing": ([("<", CPONG)], [by_container("AJP-PNG-07", 4)]),
    "pong for a request": ([(">", GET), ("<", CPONG)], [by_container("AJP-PNG-07", 4)]),
    "anything after the last end": (
        [(">", GET), ("<", HEADERS_200 + END_0 + FLUSH + chunk(b"x"))],
        [by_container("AJP-END-03", 0)],
    ),
    "asking before the first body packet": ([(">", POST_5), ("<", ASK)], [by_container("AJP-BOD-04", 4)]),
    "asking twice": ([(">", CHUNKED), ("<", ASK + ASK)], [by_container("AJP-BOD-04", 4)]),
    "asking for a body of 0 octets": (
        [(">", request_octets(0)), ("<", ASK)],
        [by_container("AJP-BOD-02", 4)],
    ),
    "asking for 0 octets": ([(">", CHUNKED), ("<", get_body_chunk(0))], [by_container("AJP-BOD-08", 5)]),
    "asking for too much": ([(">", CHUNKED), ("<", get_body_chunk(65531))], [by_container("AJP-BOD-08", 5)]),
    "end while a body packet is due": (
        [(">", CHUNKED), ("<", ASK + HEADERS_200 + END_1), (">", body_packet(b"late")), (">", GET)],
        [by_container("AJP-BOD-12", 4)],
    ),
    "body in answer to HEAD": (
        [(">", HEAD), ("<", HEADERS_200 + chunk(b"x") + END_1)],
        [by_container("AJP-RSP-13", 5)],
    ),
    "body with 204": ([(">", GET), ("<", send_headers(204) + chunk(b"x"))], [by_container("AJP-RSP-13", 5)]),
    "more than Content-Length": (
        [(">", GET), ("<", send_headers(200, b"OK", LENGTH_5) + chunk(b"hello!") + chunk(b"more") + END_1)],
        [by_container("AJP-RSP-17", 5)],
    ),
    "less than Content-Length": (
        [(">", GET), ("<", send_headers(200, b"OK", LENGTH_5) + chunk(b"hell") + END_1)],
        [by_container("AJP-RSP-17", 4)],
    ),
    "status 100": ([(">", GET), ("<", send_headers(100) + END_1)], [by_container("AJP-RSP-05", 5)]),
    "null message": ([(">", GET), ("<", send_headers(200, None) + END_1)], [by_container("AJP-RSP-06", 7)]),
    "CR LF in the message": (
        [(">", GET), ("<", send_headers(200, b"a\r\nb") + END_1)],
        [by_container("AJP-RSP-12", 7)],
    ),
    "control octet in a header": (
        [(">", GET), ("<", send_headers(200, b"OK", string(b"X") + string(b"a\x01b")) + END_1)],
        [by_container("AJP-RSP-12", 18)],
    ),
    "Transfer-Encoding": (
        [
            (">", GET),
            ("<", send_headers(200, b"OK", string(b"Transfer-Encoding") + string(b"chunked")) + END_1),
        ],
        [by_container("AJP-RSP-16", 34)],
    ),
    "two Content-Length": (
        [(">", GET), ("<", send_headers(200, b"OK", LENGTH_5, LENGTH_5) + chunk(b"hello") + END_1)],
        [by_container("AJP-RSP-17", 22)],
    ),
    "unknown prefix code toward the web server": (
        [(">", GET), ("<", to_web_server(b"\x11"))],
        [by_container("AJP-FRM-14", 4)],
    ),
    "END_RESPONSE without reuse": (
        [(">", GET), ("<", HEADERS_200 + to_web_server(b"\x05"))],
        [by_container("AJP-FRM-15", 5)],
    ),
    "chunk without its last octet": (
        [(">", GET), ("<", HEADERS_200 + to_web_server(b"\x03\0\x01x") + END_1)],
        [by_container("AJP-RSP-03", 5)],
    ),
    "string too long": (
        [(">", forward_request(req_uri=b"\xff\x00/x\0"))],
        [by_web_server("AJP-STR-07", 17)],
    ),
    "wrong terminator, read on leniently": (
        [(">", forward_request(req_uri=b"\0\x02/xX")), ("<", HEADERS_200 + END_1)],
        [by_web_server("AJP-STR-04", 21)],
    ),
    "path refused": (
        [(">", forward_request(req_uri=string(b"/a%2fb"))), ("<", send_headers(400) + END_0)],
        [by_web_server("AJP-REQ-02", 17)],
    ),
    "two content-length": (
        [(">", forward_request(headers=[content_length(5), content_length(5)]) + body_packet(b"hello"))],
        [by_web_server("AJP-HDR-07", 61)],
    ),
    "wrong magic": ([(">", b"\x12\x35\x00\x01\x0a")], [by_web_server("AJP-FRM-04", 0)]),
    "wrong magic of the container": ([("<", CPING)], [by_container("AJP-FRM-04", 0)]),
}


@covers("AJP-FRM-06")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_reported_once_with_clause_side_and_octet(name: str) -> None:
    steps, expected = WRONG[name]
    assert findings(follow(steps)) == expected


@pytest.mark.parametrize("name", WRONG)
def test_the_same_is_found_however_the_octets_are_cut(name: str) -> None:
    steps, expected = WRONG[name]
    cut = [(mark, octet) for mark, octets in steps for octet in octet_by_octet(octets)]
    assert findings(follow(cut)) == expected


@pytest.mark.parametrize(
    "steps",
    [
        WRONG["Transfer-Encoding"][0],
        WRONG["wrong terminator, read on leniently"][0],
        [(">", forward_request(attributes=b"\x0e")), ("<", HEADERS_200 + END_1)],
        [(">", GET), ("<", HEADERS_200 + to_web_server(b"\x03\0\x01xyz") + END_1)],
    ],
)
def test_lenient_decoding_has_fewer_complaints(steps: list[Step]) -> None:
    assert len(findings(follow(steps))) == 1
    assert findings(follow(steps, strict=False)) == []


@pytest.mark.parametrize(
    ("packet_size", "expected"), [(None, []), (8192, [by_web_server("AJP-FRM-09", 2)]), (16384, [])]
)
def test_packets_are_measured_only_against_a_size_that_was_given(
    packet_size: int | None, expected: object
) -> None:
    steps = [(">", request_octets(8187) + body_packet(b"x" * 8187))]
    assert findings(follow(steps, packet_size=packet_size)) == expected


def test_the_wanted_length_is_measured_against_the_same_size() -> None:
    steps = [(">", CHUNKED), ("<", get_body_chunk(8187))]
    assert findings(follow(steps)) == []
    assert findings(follow(steps, packet_size=8192)) == [by_container("AJP-BOD-08", 5)]


@pytest.mark.parametrize(
    "steps",
    [
        [("<", HEADERS_200), ("<", END_1), (">", GET)],
        [("<", chunk(b"x") + END_1), (">", CPING), ("<", CPONG)],
        [(">", body_packet(b"rest")), ("<", ASK), (">", BODY_END_EMPTY), ("<", HEADERS_200 + END_1)],
        [
            ("<", ASK),
            (">", body_packet(b"x")),
            ("<", HEADERS_200 + END_1),
            (">", POST_5 + body_packet(b"hello")),
        ],
        [("<", CPONG), (">", GET), ("<", HEADERS_200)],
        [("<", END_0)],
        [("<", HEADERS_200), (">", body_packet(b"late")), ("<", END_1)],
    ],
)
def test_a_beginning_in_the_middle_is_no_mistake(steps: list[Step]) -> None:
    assert findings(follow(steps, from_start=False)) == []


def test_after_the_beginning_is_understood_mistakes_are_found_again() -> None:
    steps = [("<", HEADERS_200 + END_1), ("<", HEADERS_200)]
    assert findings(follow(steps, from_start=False)) == [by_container("AJP-END-04", 4)]


def test_a_gap_is_told_and_nothing_is_judged_that_depends_on_it() -> None:
    conversation = Conversation(1, Settings())
    events = list(conversation.receive(Side.WEB_SERVER, POST_5, 1))
    events += conversation.gap(Side.WEB_SERVER, 11, 2, "slow")
    events += conversation.receive(Side.CONTAINER, ASK, 3)
    events += conversation.receive(Side.WEB_SERVER, BODY_END_EMPTY, 4)
    events += conversation.receive(Side.CONTAINER, HEADERS_200 + END_1, 5)
    assert kinds(events) == [
        "> FORWARD_REQUEST",
        "< GET_BODY_CHUNK",
        "> BODY_END",
        "< SEND_HEADERS",
        "< END_RESPONSE",
    ]
    assert findings(events) == []
    assert remarks(events) == ["11 octets of the web server are missing (slow)"]


def test_requests_without_end_are_held_in_constant_space() -> None:
    conversation = Conversation(1, Settings())
    wrong = [findings(conversation.receive(Side.WEB_SERVER, GET, None)) for _ in range(1000)]
    assert wrong == [[], *[[by_web_server("AJP-CON-06", 0)]] * 999]
    assert len(conversation._observer._queued) <= 16
    assert len(conversation) == 0


def test_octets_without_any_packet_are_held_in_constant_space() -> None:
    conversation = Conversation(1, Settings())
    most = 0
    for _ in range(200):
        for _ in conversation.receive(Side.CONTAINER, b"AB\x00" * 1000 + b"A", None):
            pass
        most = max(most, len(conversation))
    assert most < 100


def test_messages_come_with_the_packets() -> None:
    packets = [event for event in follow(RIGHT["get"]) if isinstance(event, PacketSeen)]
    names = [type(packet.message).__name__ for packet in packets]
    assert names == ["ForwardRequest", "SendHeaders", "SendBodyChunk", "EndResponse", "ForwardRequest"]
