"""CPING and CPONG."""

from __future__ import annotations

import pytest

from refjk.ajp13 import ContainerPhase, ContainerPolicy, WebServerPhase
from refjk.ajp13.events import PeerClosed, Ponged
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    CPING,
    CPONG,
    END_1,
    FLUSH,
    HEADERS_200,
    chunk,
    container,
    get_body_chunk,
    request,
    request_octets,
    to_web_server,
    violation,
    web_server,
)


@covers("AJP-PNG-01", "AJP-PNG-05")
@pytest.mark.parametrize("policy", [None, ContainerPolicy(secret=b"s")], ids=["no secret", "secret"])
def test_an_idle_container_answers_every_ping_at_once(policy: ContainerPolicy | None) -> None:
    end = container(policy=policy)

    for _ in range(3):
        assert end.receive(CPING) == []
        assert end.data_to_send() == CPONG
        assert end.phase is ContainerPhase.IDLE
    end.receive(CPING * 4)
    assert end.data_to_send() == CPONG * 4


@covers("AJP-PNG-01")
def test_a_ping_between_requests_is_answered() -> None:
    end = container()
    for _ in range(2):
        end.receive(CPING + request_octets())
        end.send_headers(200, b"OK", [])
        end.end_response()
        assert end.data_to_send() == CPONG + HEADERS_200 + END_1


@covers("AJP-PNG-02")
def test_a_ping_while_a_request_runs_is_held_until_its_end() -> None:
    end = container(ContainerPhase.RUNNING)

    assert end.receive(CPING) == []
    end.send_headers(200, b"OK", [])
    assert end.data_to_send() == HEADERS_200
    end.end_response()
    assert end.data_to_send() == END_1
    assert end.resume() == []

    assert end.data_to_send() == CPONG


@covers("AJP-PNG-02", "AJP-BOD-09")
@pytest.mark.parametrize(
    "phase", [ContainerPhase.BODY_DUE, ContainerPhase.BODY_ASKED, ContainerPhase.DRAINING]
)
def test_a_ping_where_a_body_packet_is_due_is_a_malformed_body_packet(phase: ContainerPhase) -> None:
    end = container(phase)

    assert violation(end.receive(CPING)) == ("AJP-BOD-09", 4)
    assert end.data_to_send() == b""


@covers("AJP-PNG-03")
def test_a_web_server_pings_after_connecting_before_each_request_and_in_between() -> None:
    end = web_server()

    for _ in range(2):
        end.send_ping()
        assert end.data_to_send() == CPING
        assert end.receive(CPONG) == [Ponged()]
        assert end.reusable
    end.send_request(request())
    end.receive(HEADERS_200 + END_1)
    end.data_to_send()
    end.send_ping()
    assert end.data_to_send() == CPING


@covers("AJP-PNG-03", "AJP-STA-02")
@pytest.mark.parametrize("phase", [phase for phase in WebServerPhase if phase is not WebServerPhase.IDLE])
def test_a_web_server_pings_between_cycles_only(phase: WebServerPhase) -> None:
    end = web_server(phase)

    with pytest.raises(LocalProtocolError, match=f"CPING may not be sent in {phase.name}"):
        end.send_ping()

    assert end.data_to_send() == b""
    assert end.phase is phase


@covers("AJP-PNG-04")
@pytest.mark.parametrize(
    ("packet", "clause", "offset"),
    [
        (HEADERS_200, "AJP-PNG-04", 4),
        (chunk(b"x"), "AJP-PNG-04", 4),
        (get_body_chunk(1), "AJP-PNG-04", 4),
        (END_1, "AJP-PNG-04", 4),
        (to_web_server(b"\x0b"), "AJP-FRM-14", 4),
        (to_web_server(b""), "AJP-FRM-15", 4),
        (CPING, "AJP-FRM-04", 0),
        (b"AB\xff\xff", "AJP-FRM-09", 2),
    ],
)
def test_any_packet_but_cpong_in_answer_to_a_ping_closes(packet: bytes, clause: str, offset: int) -> None:
    end = web_server(WebServerPhase.PINGED)

    assert violation(end.receive(packet + CPONG)) == (clause, offset)
    assert end.closed
    assert end.may_send_again


@covers("AJP-PNG-04", "AJP-FLU-03")
def test_a_flush_before_cpong_is_dropped() -> None:
    end = web_server(WebServerPhase.PINGED)

    assert end.receive(FLUSH) == []
    assert end.receive(CPONG) == [Ponged()]


@covers("AJP-PNG-04", "AJP-RTY-01")
def test_the_end_of_the_connection_in_place_of_cpong_is_no_clean_end_but_safe_to_retry() -> None:
    end = web_server(WebServerPhase.PINGED)

    assert end.receive_eof() == [PeerClosed(clean=False)]
    assert end.closed
    assert end.may_send_again


@covers("AJP-PNG-04", "AJP-RTY-01")
def test_a_ping_that_fails_after_a_whole_cycle_is_safe_to_retry_too() -> None:
    end = web_server(WebServerPhase.OPEN)
    end.receive(END_1)
    end.send_ping()

    end.receive_eof()

    assert end.may_send_again


@covers("AJP-PNG-07")
@pytest.mark.parametrize("phase", [WebServerPhase.IDLE, WebServerPhase.SENT, WebServerPhase.OPEN])
def test_a_pong_that_nobody_asked_for_is_an_error(phase: WebServerPhase) -> None:
    end = web_server(phase)

    assert violation(end.receive(CPONG)) == ("AJP-PNG-07", 4)
    assert end.closed


@covers("AJP-PNG-07")
def test_a_second_pong_to_one_ping_is_an_error() -> None:
    end = web_server(WebServerPhase.PINGED)

    events = end.receive(CPONG * 2)

    assert events[0] == Ponged()
    assert violation(events) == ("AJP-PNG-07", 4)


@covers("AJP-STA-02")
def test_no_request_is_sent_while_a_pong_is_due() -> None:
    end = web_server(WebServerPhase.PINGED)

    with pytest.raises(LocalProtocolError, match="PINGED"):
        end.send_request(request())

    assert end.data_to_send() == b""
