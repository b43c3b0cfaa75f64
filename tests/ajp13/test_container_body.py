"""The request body at the container's end."""

from __future__ import annotations

import pytest

from refjk.ajp13 import ContainerConnection, ContainerPhase
from refjk.ajp13.codec import decode_request_body
from refjk.ajp13.events import BodyEnded, BodyReceived, PeerClosed, RequestReceived, Violation
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    BODY_END_EMPTY,
    BODY_END_ZERO,
    CPING,
    CPONG,
    END_0,
    END_1,
    HEADERS_200,
    PACKET_SIZES,
    body_packet,
    complaint,
    container,
    get_body_chunk,
    request_octets,
    to_container,
    violation,
)


def started(body_size: int | None, packet_size: int = 8192) -> ContainerConnection:
    end = container(packet_size=packet_size)
    assert len(end.receive(request_octets(body_size))) == 1
    return end


@covers("AJP-BOD-01", "AJP-BOD-02", "AJP-BOD-03")
@pytest.mark.parametrize(
    ("body_size", "phase"),
    [(None, ContainerPhase.RUNNING), (0, ContainerPhase.RUNNING), (1, ContainerPhase.BODY_DUE)],
)
def test_the_announced_length_says_whether_a_first_body_packet_is_due(
    body_size: int | None, phase: ContainerPhase
) -> None:
    end = container()

    (event,) = end.receive(request_octets(body_size))

    assert isinstance(event, RequestReceived)
    assert event.content_length == body_size
    assert end.phase is phase
    assert end.body_is_over is (body_size == 0)


@covers("AJP-BOD-02")
def test_nothing_is_asked_for_when_the_length_is_0() -> None:
    end = started(0)

    with pytest.raises(LocalProtocolError, match="no body to ask for"):
        end.ask_body()

    assert end.phase is ContainerPhase.RUNNING
    assert end.data_to_send() == b""


@covers("AJP-BOD-03", "AJP-BOD-04")
def test_a_body_of_unknown_length_comes_packet_by_packet_each_asked_for() -> None:
    end = started(None)
    end.ask_body()
    assert end.data_to_send() == get_body_chunk(8186)

    assert end.receive(body_packet(b"abc")) == [BodyReceived(b"abc")]
    end.ask_body()
    assert end.receive(body_packet(b"d")) == [BodyReceived(b"d")]
    end.ask_body()
    assert end.receive(BODY_END_EMPTY) == [BodyEnded()]

    assert end.body_is_over
    assert end.data_to_send() == get_body_chunk(8186) * 2


@covers("AJP-BOD-04")
@pytest.mark.parametrize("body_size", [None, 10])
def test_the_next_packet_is_asked_for_only_after_the_one_that_is_due_came(body_size: int | None) -> None:
    end = started(body_size)
    if body_size is None:
        end.ask_body()
        end.data_to_send()

    with pytest.raises(LocalProtocolError, match="GetBodyChunk"):
        end.ask_body()
    assert end.data_to_send() == b""

    end.receive(body_packet(b"abc"))
    end.ask_body()
    assert end.data_to_send() == get_body_chunk(8186)


@covers("AJP-BOD-05")
@pytest.mark.parametrize("marker", [BODY_END_EMPTY, BODY_END_ZERO, to_container(b"\0\0extra")])
def test_both_end_markers_end_a_body(marker: bytes) -> None:
    asked = started(None)
    asked.ask_body()

    assert asked.receive(marker) == [BodyEnded(0)]
    assert asked.phase is ContainerPhase.RUNNING


@covers("AJP-BOD-05", "AJP-BOD-06")
@pytest.mark.parametrize("body_size", [None, 3])
def test_asking_past_the_end_gets_the_end_marker_without_another_event(body_size: int | None) -> None:
    end = started(body_size)
    if body_size is None:
        end.ask_body()
        end.receive(BODY_END_EMPTY)
    else:
        assert end.receive(body_packet(b"abc")) == [BodyReceived(b"abc"), BodyEnded(0)]
    assert end.body_is_over

    for marker in (BODY_END_EMPTY, BODY_END_ZERO):
        end.ask_body()
        assert end.receive(marker) == []
        assert end.phase is ContainerPhase.RUNNING


@covers("AJP-BOD-07")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_up_to_p_minus_6_octets_are_accepted_whatever_was_asked_for(packet_size: int) -> None:
    data = bytes(packet_size - 6)
    end = started(None, packet_size)
    end.ask_body(5)

    assert end.receive(body_packet(data)) == [BodyReceived(data)]

    end.ask_body(5)
    assert violation(end.receive(b"\x12\x34" + (packet_size - 3).to_bytes(2, "big"))) == ("AJP-FRM-09", 2)


@covers("AJP-BOD-08")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_1_to_p_minus_6_octets_are_asked_for(packet_size: int) -> None:
    end = started(None, packet_size)
    for size in (-1, 0, packet_size - 5, 65536):
        with pytest.raises(LocalProtocolError, match="asks for 1 to"):
            end.ask_body(size)
    assert end.data_to_send() == b""
    assert end.phase is ContainerPhase.RUNNING

    for size in (1, packet_size - 6):
        end.ask_body(size)
        assert end.data_to_send() == get_body_chunk(size)
        end.receive(body_packet(b"x"))
    end.ask_body()
    assert end.data_to_send() == get_body_chunk(packet_size - 6)


@covers("AJP-BOD-09", "AJP-ERR-02")
@pytest.mark.parametrize(
    ("payload", "clause", "offset"),
    [
        ("00 04 61 62 63", "AJP-BOD-09", 4),
        ("ff ff", "AJP-BOD-09", 4),
        ("00 01", "AJP-BOD-09", 4),
        ("00", "AJP-BOD-09", 4),
        ("0a", "AJP-BOD-09", 4),
    ],
)
@pytest.mark.parametrize(
    "phase", [ContainerPhase.BODY_DUE, ContainerPhase.BODY_ASKED, ContainerPhase.DRAINING]
)
def test_a_body_packet_whose_length_leads_beyond_it_ends_the_connection_without_an_answer(
    payload: str, clause: str, offset: int, phase: ContainerPhase
) -> None:
    end = container(phase)
    packet = to_container(bytes.fromhex(payload))

    assert complaint(lambda: decode_request_body(packet)) == (clause, offset)
    assert violation(end.receive(packet + CPING)) == (clause, offset)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""


@covers("AJP-BOD-09")
def test_octets_after_the_inner_length_are_ignored() -> None:
    end = started(3)

    assert end.receive(to_container(b"\x00\x03abcdef")) == [BodyReceived(b"abc"), BodyEnded(0)]


@covers("AJP-ERR-02", "AJP-FRM-04", "AJP-FRM-09")
@pytest.mark.parametrize(
    ("octets", "clause", "offset"), [(b"\x12\x35", "AJP-FRM-04", 0), (b"\x12\x34\x1f\xfd", "AJP-FRM-09", 2)]
)
def test_a_bad_packet_where_a_body_is_due_ends_the_connection(
    octets: bytes, clause: str, offset: int
) -> None:
    end = started(5)
    end.send_headers(200, b"OK", [])
    end.data_to_send()

    assert violation(end.receive(octets)) == (clause, offset)
    assert end.phase is ContainerPhase.CLOSED
    with pytest.raises(LocalProtocolError):
        end.end_response()
    assert end.data_to_send() == b""


@covers("AJP-BOD-10", "AJP-ERR-02")
@pytest.mark.parametrize("first", [True, False])
def test_octets_above_the_announced_length_end_the_connection(first: bool) -> None:
    end = started(5)
    surplus = b"123456"
    if not first:
        assert end.receive(body_packet(b"123")) == [BodyReceived(b"123")]
        end.ask_body()
        end.data_to_send()
        surplus = b"456"

    assert violation(end.receive(body_packet(surplus) + CPING)) == ("AJP-BOD-10", 4)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""


@covers("AJP-BOD-10")
def test_exactly_the_announced_octets_are_the_whole_body() -> None:
    end = started(5)

    assert end.receive(body_packet(b"12345")) == [BodyReceived(b"12345"), BodyEnded(0)]
    assert end.body_is_over


@covers("AJP-BOD-10")
def test_one_octet_past_the_end_of_an_announced_body_ends_the_connection() -> None:
    end = started(1)
    end.receive(body_packet(b"1"))
    end.ask_body()

    assert violation(end.receive(body_packet(b"2"))) == ("AJP-BOD-10", 4)


@covers("AJP-BOD-10", "AJP-BOD-12")
def test_a_surplus_that_is_drained_ends_the_connection_without_end_response() -> None:
    end = started(2)
    end.send_headers(200, b"OK", [])
    end.end_response()
    end.data_to_send()

    assert violation(end.receive(body_packet(b"123"))) == ("AJP-BOD-10", 4)
    assert end.data_to_send() == b""
    assert end.phase is ContainerPhase.CLOSED


@covers("AJP-BOD-11")
@pytest.mark.parametrize(("came", "missing"), [(b"", 5), (b"1", 4), (b"1234", 1)])
def test_a_body_that_ends_early_says_how_much_is_missing(came: bytes, missing: int) -> None:
    end = started(5)
    if came:
        assert end.receive(body_packet(came)) == [BodyReceived(came)]
        end.ask_body()

    assert end.receive(BODY_END_EMPTY) == [BodyEnded(missing)]
    assert end.body_is_over


@covers("AJP-BOD-14", "AJP-BOD-11")
@pytest.mark.parametrize("marker", [BODY_END_EMPTY, BODY_END_ZERO])
def test_an_empty_first_body_packet_is_the_end_of_the_body(marker: bytes) -> None:
    end = started(5)

    assert end.receive(marker) == [BodyEnded(5)]
    assert end.phase is ContainerPhase.RUNNING


@covers("AJP-BOD-12", "AJP-BOD-13", "AJP-END-06")
@pytest.mark.parametrize("packet", [body_packet(b"12345"), body_packet(b"1"), BODY_END_EMPTY, BODY_END_ZERO])
@pytest.mark.parametrize(("reuse", "last"), [(True, END_1), (False, END_0)])
def test_end_response_waits_for_a_first_body_packet_that_is_still_due(
    packet: bytes, reuse: bool, last: bytes
) -> None:
    end = started(5)
    end.send_headers(200, b"OK", [])
    end.end_response(reuse)
    assert end.data_to_send() == HEADERS_200
    assert end.phase is ContainerPhase.DRAINING

    assert end.receive(packet[:3]) == []
    assert end.data_to_send() == b""
    assert end.receive(packet[3:]) == []

    assert end.data_to_send() == last
    assert end.phase is (ContainerPhase.IDLE if reuse else ContainerPhase.CLOSED)


@covers("AJP-BOD-12")
@pytest.mark.parametrize("packet", [body_packet(b"123"), BODY_END_EMPTY, BODY_END_ZERO])
def test_end_response_waits_for_an_answer_that_is_still_outstanding(packet: bytes) -> None:
    end = started(None)
    end.ask_body()
    end.send_headers(200, b"OK", [])
    end.end_response()
    assert end.data_to_send() == get_body_chunk(8186) + HEADERS_200

    assert end.receive(packet) == []

    assert end.data_to_send() == END_1
    assert end.phase is ContainerPhase.IDLE


@covers("AJP-BOD-12", "AJP-PNG-02")
def test_what_looks_like_a_request_is_dropped_as_body_where_a_body_is_due() -> None:
    end = started(20000)
    end.send_headers(200, b"OK", [])
    end.end_response()
    end.data_to_send()
    smuggled = request_octets()

    # The request lies in a body packet, as octets.
    assert end.receive(body_packet(smuggled)) == []
    assert end.data_to_send() == END_1
    assert end.receive(CPING) == []
    assert end.data_to_send() == CPONG


@covers("AJP-BOD-12")
def test_a_first_body_packet_that_was_read_needs_no_draining() -> None:
    end = started(20000)
    end.receive(body_packet(bytes(8186)))
    end.send_headers(200, b"OK", [])

    end.end_response()

    assert end.data_to_send() == HEADERS_200 + END_1


@covers("AJP-BOD-13", "AJP-ERR-03")
@pytest.mark.parametrize(
    "phase", [ContainerPhase.BODY_DUE, ContainerPhase.BODY_ASKED, ContainerPhase.DRAINING]
)
def test_giving_up_on_a_body_packet_that_never_comes_says_nothing_more(phase: ContainerPhase) -> None:
    end = container(phase)
    assert end.receive(b"\x12\x34\x00\x05\x00\x03a") == []
    assert end.phase is phase

    end.abort()

    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""
    assert end.receive(b"bc") == []


@covers("AJP-STA-01")
@pytest.mark.parametrize(
    "phase",
    [ContainerPhase.BODY_DUE, ContainerPhase.RUNNING, ContainerPhase.BODY_ASKED, ContainerPhase.DRAINING],
)
def test_the_end_of_the_connection_within_a_cycle_is_not_clean(phase: ContainerPhase) -> None:
    end = container(phase)

    assert end.receive_eof() == [PeerClosed(clean=False)]
    assert end.phase is ContainerPhase.CLOSED
    assert end.receive_eof() == []


@covers("AJP-ERR-02")
def test_pieces_of_a_body_that_came_before_the_bad_packet_are_still_told() -> None:
    end = container()

    events = end.receive(request_octets(20000) + body_packet(b"good")[:-1] + b"d")
    assert [type(event) for event in events] == [RequestReceived, BodyReceived]
    end.ask_body()
    assert [type(event) for event in end.receive(b"\x12\x33")] == [Violation]
