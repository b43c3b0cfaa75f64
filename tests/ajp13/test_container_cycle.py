"""Cycles at the container's end: one after the other, reuse, early octets, limits."""

from __future__ import annotations

import pytest

from refjk.ajp13 import ContainerConnection, ContainerPhase, ContainerPolicy
from refjk.ajp13.container import READ_AHEAD_MAX
from refjk.ajp13.events import PeerClosed, RequestReceived
from refjk.speccheck import covers
from tests.ajp13.support import (
    CPING,
    CPONG,
    END_0,
    END_1,
    HEADERS_200,
    body_packet,
    container,
    forward_request,
    octet_by_octet,
    request_octets,
    string,
    to_container,
    violation,
)

LENIENT = ContainerPolicy(strict=False)


def answer(end: ContainerConnection, reuse: bool = True) -> bytes:
    end.send_headers(200, b"OK", [])
    end.end_response(reuse)
    return end.data_to_send()


@covers("AJP-CON-02", "AJP-CON-03", "AJP-END-01")
def test_one_cycle_follows_the_other_on_the_same_connection() -> None:
    end = container()

    for number in range(5):
        (event,) = end.receive(request_octets(req_uri=string(b"/%d" % number)))
        assert isinstance(event, RequestReceived)
        assert event.request.req_uri == b"/%d" % number
        assert answer(end) == HEADERS_200 + END_1
        assert end.phase is ContainerPhase.IDLE


@covers("AJP-CON-04")
@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": string(b"HTTP/1.0")},
        {"headers": [b"\xa0\x06" + string(b"close")]},
        {"protocol": string(b"HTTP/0.9"), "headers": [string(b"Connection") + string(b"close")]},
    ],
)
def test_what_the_client_says_about_its_connection_does_not_touch_this_one(fields: dict[str, object]) -> None:
    end = container()

    end.receive(forward_request(**fields))  # type: ignore[arg-type]

    assert answer(end) == HEADERS_200 + END_1
    assert len(end.receive(request_octets())) == 1


@covers("AJP-END-03")
def test_after_end_response_without_reuse_nothing_more_is_processed() -> None:
    end = container()
    end.receive(request_octets())

    assert answer(end, reuse=False) == HEADERS_200 + END_0

    assert end.phase is ContainerPhase.CLOSED
    assert end.receive(CPING + request_octets()) == []
    assert end.data_to_send() == b""


@covers("AJP-END-03")
def test_octets_that_waited_are_not_processed_after_the_end_without_reuse() -> None:
    end = container()
    end.receive(request_octets() + CPING)
    answer(end, reuse=False)

    assert end.resume() == []
    assert end.data_to_send() == b""


@covers("AJP-CON-07")
@pytest.mark.parametrize("early", [request_octets(), request_octets()[:1], request_octets()[:3]])
def test_a_request_with_octets_that_came_before_end_response_is_not_processed(early: bytes) -> None:
    end = container()
    (first,) = end.receive(request_octets() + early)
    assert isinstance(first, RequestReceived)
    assert answer(end) == HEADERS_200 + END_1

    events = end.resume() or end.receive(request_octets()[len(early) :])

    assert violation(events) == ("AJP-CON-07", 0)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""


@covers("AJP-CON-07")
def test_a_request_that_came_after_end_response_is_processed() -> None:
    end = container()
    end.receive(request_octets())
    answer(end)
    assert end.resume() == []

    assert len(end.receive(request_octets())) == 1
    assert end.phase is ContainerPhase.RUNNING


@covers("AJP-CON-07")
def test_lenient_processes_early_requests_in_order() -> None:
    end = container(policy=LENIENT)
    pipelined = b"".join(request_octets(req_uri=string(b"/%d" % number)) for number in range(3))

    events = end.receive(pipelined)
    seen = []
    while events:
        assert isinstance(events[0], RequestReceived)
        seen.append(events[0].request.req_uri)
        assert answer(end) == HEADERS_200 + END_1
        events = end.resume()

    assert seen == [b"/0", b"/1", b"/2"]
    assert end.phase is ContainerPhase.IDLE


@covers("AJP-CON-07", "AJP-BOD-12")
def test_a_request_glued_to_a_drained_body_packet_is_early_too() -> None:
    end = container(ContainerPhase.DRAINING)

    events = end.receive(body_packet(b"x") + request_octets())

    assert violation(events) == ("AJP-CON-07", 0)
    assert end.data_to_send() == END_1


@covers("AJP-CON-07", "AJP-PNG-02")
def test_a_ping_that_came_early_does_not_make_a_later_request_early() -> None:
    end = container()
    end.receive(request_octets() + CPING)
    answer(end)
    end.resume()
    assert end.data_to_send() == CPONG

    assert len(end.receive(request_octets())) == 1


@covers("AJP-CON-07", "AJP-PNG-02")
def test_a_request_behind_a_ping_that_came_early_is_early() -> None:
    end = container()
    end.receive(request_octets() + CPING + request_octets()[:5])
    answer(end)

    assert end.resume() == []
    assert end.data_to_send() == CPONG
    assert violation(end.receive(request_octets()[5:])) == ("AJP-CON-07", 0)


@covers("AJP-BOD-17", "AJP-FRM-12")
def test_a_body_packet_that_nobody_asked_for_is_judged_as_a_typed_packet() -> None:
    end = container()
    end.receive(request_octets() + body_packet(b"hello"))
    answer(end)

    assert violation(end.resume()) == ("AJP-FRM-12", 4)
    assert end.data_to_send() == b""


def test_octets_that_wait_are_known_to_wait() -> None:
    end = container()
    assert not end.holds_octets

    end.receive(request_octets())
    assert not end.holds_octets
    end.receive(b"\x12")
    assert end.holds_octets


@covers("AJP-LIM-01")
@pytest.mark.parametrize("packet_size", [8192, 65536])
def test_what_waits_while_a_request_runs_is_bounded(packet_size: int) -> None:
    limit = packet_size + READ_AHEAD_MAX
    end = container(ContainerPhase.RUNNING, packet_size=packet_size)

    assert end.receive(bytes(limit)) == []
    assert violation(end.receive(b"\0")) == ("AJP-LIM-01", 0)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""


@covers("AJP-STA-01")
def test_the_end_of_an_idle_connection_is_clean_unless_half_a_packet_has_come() -> None:
    assert container().receive_eof() == [PeerClosed(clean=True)]

    end = container()
    end.receive(CPING[:4])
    assert end.receive_eof() == [PeerClosed(clean=False)]
    assert end.phase is ContainerPhase.CLOSED


@covers("AJP-ERR-01", "AJP-FRM-05")
def test_what_was_owed_before_a_bad_packet_still_leaves_and_nothing_after_it() -> None:
    for pieces in (
        [CPING + b"\x12\x34\x00\x00" + CPING],
        octet_by_octet(CPING + b"\x12\x34\x00\x00" + CPING),
    ):
        end = container()
        events = [event for piece in pieces for event in end.receive(piece)]

        assert violation(events) == ("AJP-FRM-10", 2)
        assert end.data_to_send() == CPONG


@covers("AJP-ERR-03")
def test_half_a_packet_says_nothing_until_somebody_gives_up() -> None:
    end = container()
    assert end.receive(to_container(request_octets()[4:])[:-1]) == []
    assert end.phase is ContainerPhase.IDLE
    assert end.data_to_send() == b""

    end.abort()

    assert end.receive(b"\xff") == []
    assert end.data_to_send() == b""
