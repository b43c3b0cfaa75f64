"""The web server's end: what it may say, and what it makes of an answer."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from refjk.ajp13 import EndMarker, WebServerConnection, WebServerPhase
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.events import (
    BodyWanted,
    Flushed,
    HeadersReceived,
    PeerClosed,
    ResponseBody,
    ResponseEnded,
)
from refjk.ajp13.messages import SendBodyChunk
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    BODY_END_EMPTY,
    BODY_END_ZERO,
    CPONG,
    END_0,
    END_1,
    FLUSH,
    HEADERS_200,
    PACKET_SIZES,
    body_packet,
    chunk,
    complaint,
    get_body_chunk,
    request,
    send_headers,
    string,
    to_web_server,
    violation,
    web_server,
)

SENT, OPEN, IDLE = WebServerPhase.SENT, WebServerPhase.OPEN, WebServerPhase.IDLE
CONTENT_LENGTH = b"\xa0\x03"


def asking(body_size: int | None, packet_size: int = 8192) -> WebServerConnection:
    return web_server(SENT, asked=request(method=b"POST", body_size=body_size), packet_size=packet_size)


# -- requests -------------------------------------------------------------------------------


@covers("AJP-CON-06", "AJP-CON-02")
@pytest.mark.parametrize("phase", [phase for phase in WebServerPhase if phase is not IDLE])
def test_a_request_is_sent_between_cycles_only(phase: WebServerPhase) -> None:
    end = web_server(phase)

    with pytest.raises(LocalProtocolError, match=phase.name):
        end.send_request(request())

    assert end.data_to_send() == b""


@covers("AJP-CON-06", "AJP-CON-03", "AJP-END-01")
def test_the_next_request_goes_out_after_end_response() -> None:
    end = web_server(SENT)

    for _ in range(3):
        assert end.receive(HEADERS_200 + END_1)[-1] == ResponseEnded(reuse=True)
        assert end.reusable
        end.send_request(request())
        assert end.data_to_send()[:2] == b"\x12\x34"


@covers("AJP-REQ-08")
def test_the_query_is_not_let_into_the_uri() -> None:
    end = web_server()

    with pytest.raises(LocalProtocolError, match="attribute 5"):
        end.send_request(request(req_uri=b"/x?a=1"))
    assert end.data_to_send() == b""

    end.send_request(request(req_uri=b"/x", attributes=((5, None, b"a=1"),)))
    assert b"\x05\x00\x03a=1\x00" in end.data_to_send()


# -- request body ---------------------------------------------------------------------------


@covers("AJP-BOD-01")
def test_the_first_body_packet_of_an_announced_body_is_due_at_once() -> None:
    end = asking(5)
    assert end.first_body_due

    end.send_body(b"12345")

    assert end.data_to_send() == body_packet(b"12345")
    assert not end.first_body_due


@covers("AJP-BOD-01", "AJP-HDR-12")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_a_first_body_packet_holds_1_to_the_smaller_of_the_length_and_p_minus_6(packet_size: int) -> None:
    long = asking(2 * packet_size, packet_size)
    for bad in (b"", bytes(packet_size - 5)):
        with pytest.raises(LocalProtocolError):
            long.send_body(bad)
    assert long.first_body_due
    long.send_body(bytes(packet_size - 6))
    assert len(long.data_to_send()) == packet_size

    short = asking(3, packet_size)
    with pytest.raises(LocalProtocolError, match="where 3 were announced"):
        short.send_body(b"1234")
    assert short.data_to_send() == b""
    short.send_body(b"1")
    assert short.data_to_send() == body_packet(b"1")


@covers("AJP-BOD-02", "AJP-BOD-03", "AJP-BOD-17")
@pytest.mark.parametrize("body_size", [None, 0])
def test_nothing_is_sent_unasked_when_no_length_above_0_was_announced(body_size: int | None) -> None:
    end = asking(body_size)
    assert not end.first_body_due

    for unasked in (lambda: end.send_body(b"x"), end.end_body):
        with pytest.raises(LocalProtocolError):
            unasked()
    assert end.data_to_send() == b""


@covers("AJP-BOD-04", "AJP-BOD-17")
def test_each_body_wanted_is_answered_by_one_packet_and_no_more() -> None:
    end = asking(None)

    assert end.receive(get_body_chunk(8186)) == [BodyWanted(8186)]
    end.send_body(b"abc")
    with pytest.raises(LocalProtocolError, match="nobody asked for"):
        end.send_body(b"def")
    with pytest.raises(LocalProtocolError, match="nobody asked for"):
        end.end_body()
    assert end.data_to_send() == body_packet(b"abc")

    assert end.receive(HEADERS_200 + get_body_chunk(7))[-1] == BodyWanted(7)
    end.end_body()
    assert end.data_to_send() == BODY_END_EMPTY


@covers("AJP-BOD-06", "AJP-BOD-04")
def test_two_that_were_wanted_before_an_answer_get_two_answers() -> None:
    end = asking(None)

    assert end.receive(get_body_chunk(1) * 2) == [BodyWanted(1), BodyWanted(1)]
    end.send_body(b"a")
    end.end_body()

    assert end.data_to_send() == body_packet(b"a") + BODY_END_EMPTY
    with pytest.raises(LocalProtocolError, match="nobody asked for"):
        end.end_body()


@covers("AJP-BOD-06")
@pytest.mark.parametrize("body_size", [None, 0, 3])
def test_the_end_marker_answers_as_often_as_the_container_asks(body_size: int | None) -> None:
    end = asking(body_size)
    if body_size:
        end.send_body(b"123")
        end.data_to_send()

    for _ in range(4):
        assert end.receive(get_body_chunk(8186)) == [BodyWanted(8186)]
        end.end_body()
        assert end.data_to_send() == BODY_END_EMPTY


@covers("AJP-BOD-06", "AJP-HDR-12")
def test_no_octet_more_than_announced_is_sent_when_asked_past_the_end() -> None:
    end = asking(3)
    end.send_body(b"123")
    end.receive(get_body_chunk(8186))
    end.data_to_send()

    with pytest.raises(LocalProtocolError, match="where 0 were announced"):
        end.send_body(b"4")
    assert end.data_to_send() == b""
    end.end_body()
    assert end.data_to_send() == BODY_END_EMPTY


@covers("AJP-BOD-05", "AJP-BOD-06")
def test_the_end_marker_has_two_forms() -> None:
    by_default = asking(None)
    by_setting = WebServerConnection(end_marker=EndMarker.ZERO_LENGTH)
    by_setting.send_request(request())
    by_setting.data_to_send()

    for end in (by_default, by_setting):
        end.receive(get_body_chunk(1))
        end.end_body()
    assert by_default.data_to_send() == BODY_END_EMPTY
    assert by_setting.data_to_send() == BODY_END_ZERO
    by_default.receive(get_body_chunk(1))
    by_default.end_body(EndMarker.ZERO_LENGTH)
    assert by_default.data_to_send() == BODY_END_ZERO


@covers("AJP-BOD-18")
def test_the_wanted_length_is_told_to_whoever_fills_the_packet() -> None:
    end = asking(20000)
    end.send_body(bytes(8186))

    assert end.receive(get_body_chunk(5)) == [BodyWanted(5)]


@covers("AJP-BOD-15")
def test_a_client_that_went_away_ends_the_connection_without_an_end_marker() -> None:
    end = asking(20000)
    end.send_body(bytes(8186))
    end.data_to_send()
    end.receive(get_body_chunk(8186))

    end.close()

    assert end.data_to_send() == b""
    with pytest.raises(LocalProtocolError):
        end.end_body()


@covers("AJP-BOD-17", "AJP-STA-02")
@pytest.mark.parametrize("phase", [IDLE, WebServerPhase.PINGED, WebServerPhase.CLOSED])
def test_no_body_packet_is_sent_outside_a_cycle(phase: WebServerPhase) -> None:
    end = web_server(phase)

    for unasked in (lambda: end.send_body(b"x"), end.end_body):
        with pytest.raises(LocalProtocolError):
            unasked()
    assert end.data_to_send() == b""
    assert end.phase is phase


@covers("AJP-BOD-17")
def test_an_answer_that_was_owed_when_the_cycle_ended_is_not_given_any_more() -> None:
    end = asking(None)
    end.receive(get_body_chunk(1) + HEADERS_200 + END_0)

    assert end.closed
    with pytest.raises(LocalProtocolError):
        end.end_body()


# -- response -------------------------------------------------------------------------------


@covers("AJP-STA-02")
def test_an_answer_becomes_events_in_its_order() -> None:
    end = web_server(SENT)
    headers = send_headers(
        201, b"Made", b"\xa0\x01" + string(b"text/plain"), string(b"X-A") + string(b"\xff")
    )

    events = end.receive(headers + chunk(b"hel") + FLUSH + chunk(b"lo") + END_1)

    assert events == [
        HeadersReceived(201, b"Made", ((b"Content-Type", b"text/plain"), (b"X-A", b"\xff"))),
        ResponseBody(b"hel"),
        Flushed(),
        ResponseBody(b"lo"),
        ResponseEnded(reuse=True),
    ]
    assert end.phase is IDLE


@covers("AJP-RSP-03")
@pytest.mark.parametrize(
    "payload",
    [
        "03 00 03 61 62 63",
        "03 00 04 61 62 63 00",
        "03 00 02 61 62 63 00",
        "03 00 03 61 62 63 00 00",
        "03 00 00",
        "03 ff ff 61 00",
    ],
)
def test_a_chunk_whose_payload_is_not_l_plus_4_is_refused_when_strict(payload: str) -> None:
    packet = to_web_server(bytes.fromhex(payload))

    assert complaint(lambda: decode_to_web_server(packet)) == ("AJP-RSP-03", 5)
    assert violation(web_server(OPEN).receive(packet)) == ("AJP-RSP-03", 5)


@covers("AJP-RSP-03")
@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("03 00 03 61 62 63", b"abc"),
        ("03 00 04 61 62 63 00", b"abc\0"),
        ("03 00 02 61 62 63 00", b"ab"),
        ("03 00 00", b""),
    ],
)
def test_a_chunk_whose_length_fits_the_payload_is_taken_when_lenient(payload: str, data: bytes) -> None:
    packet = to_web_server(bytes.fromhex(payload))

    assert decode_to_web_server(packet, strict=False) == SendBodyChunk(data)


@covers("AJP-RSP-03", "AJP-STR-07")
def test_a_chunk_whose_length_leads_beyond_the_payload_is_refused_when_lenient_too() -> None:
    packet = to_web_server(bytes.fromhex("03 00 05 61 62 63 00"))

    assert complaint(lambda: decode_to_web_server(packet, strict=False)) == ("AJP-RSP-03", 5)


@covers("AJP-RSP-03")
@pytest.mark.parametrize("strict", [True, False])
def test_the_last_octet_of_a_chunk_is_not_looked_at(strict: bool) -> None:
    packet = to_web_server(b"\x03\x00\x03abc\xff")

    assert decode_to_web_server(packet, strict) == SendBodyChunk(b"abc")


@covers("AJP-RSP-05", "AJP-ERR-06")
@pytest.mark.parametrize("status", [0, 1, 99, 100, 101, 199, 1000, 65535])
def test_a_status_outside_200_to_999_is_an_error(status: int) -> None:
    end = web_server(SENT)

    assert violation(end.receive(send_headers(status))) == ("AJP-RSP-05", 5)
    assert end.closed
    assert not end.may_send_again


@covers("AJP-RSP-05")
@pytest.mark.parametrize("status", [200, 600, 999])
def test_a_status_of_200_to_999_is_passed_on(status: int) -> None:
    assert web_server(SENT).receive(send_headers(status, b"S")) == [HeadersReceived(status, b"S", ())]


@covers("AJP-RSP-07")
@pytest.mark.parametrize("message", [None, b"", b"OK\r\nX: y", b"O\nK", b"\0", b"\x1b[0m", b"\x7f"])
def test_the_standard_phrase_stands_in_for_a_message_of_no_use(message: bytes | None) -> None:
    assert web_server(SENT).receive(send_headers(404, message)) == [HeadersReceived(404, b"Not Found", ())]
    assert web_server(SENT).receive(send_headers(999, message)) == [HeadersReceived(999, b"", ())]


@covers("AJP-RSP-07")
@pytest.mark.parametrize("message", [b"Fine By Me", b"404", b"\xe4\tb", b" "])
def test_any_other_message_is_passed_on_unchanged(message: bytes) -> None:
    assert web_server(SENT).receive(send_headers(200, message)) == [HeadersReceived(200, message, ())]


@covers("AJP-RSP-14")
@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"GET", 205), (b"HEAD", 404)]
)
def test_chunks_of_a_response_without_body_are_dropped(method: bytes, status: int) -> None:
    end = web_server(SENT, asked=request(method=method))

    events = end.receive(
        send_headers(status, b"", CONTENT_LENGTH + string(b"5")) + chunk(b"x" * 9) + FLUSH + END_1
    )

    assert [type(event) for event in events] == [HeadersReceived, Flushed, ResponseEnded]
    assert end.reusable


@covers("AJP-RSP-16", "AJP-ERR-06")
def test_transfer_encoding_is_an_error_when_strict_and_means_nothing_when_lenient() -> None:
    packet = send_headers(200, b"OK", string(b"Transfer-encoding") + string(b"chunked"))
    end = web_server(SENT)

    assert violation(end.receive(packet)) == ("AJP-RSP-16", 4)
    assert end.closed
    lenient = web_server(SENT, strict=False)
    (event,) = lenient.receive(packet)
    assert isinstance(event, HeadersReceived)
    assert lenient.receive(chunk(b"abc") + END_1) == [ResponseBody(b"abc"), ResponseEnded(True)]


def with_length(*values: bytes) -> bytes:
    return send_headers(200, b"OK", *(CONTENT_LENGTH + string(value) for value in values))


@covers("AJP-RSP-17", "AJP-ERR-07", "AJP-END-05")
def test_a_body_shorter_than_its_length_is_an_error_at_the_end() -> None:
    end = web_server(SENT)

    events = end.receive(with_length(b"6") + chunk(b"hello") + END_1)

    assert events[1] == ResponseBody(b"hello")
    assert violation(events) == ("AJP-RSP-17", 4)
    assert end.closed
    assert not end.may_send_again


@covers("AJP-RSP-17", "AJP-ERR-07", "AJP-END-05")
def test_a_body_longer_than_its_length_is_an_error_at_the_first_octet_too_many() -> None:
    end = web_server(SENT)

    events = end.receive(with_length(b"6") + chunk(b"hello") + chunk(b"!!") + END_1)

    assert events[1] == ResponseBody(b"hello")
    assert violation(events) == ("AJP-RSP-17", 5)
    assert len(events) == 3
    assert end.closed
    assert not end.may_send_again


@covers("AJP-RSP-17")
def test_a_body_of_exactly_its_length_is_whole() -> None:
    end = web_server(SENT)

    assert end.receive(with_length(b"6") + chunk(b"hello") + chunk(b"!") + END_1)[-1] == ResponseEnded(True)
    end.send_request(request())
    assert end.receive(with_length(b"0") + END_1)[-1] == ResponseEnded(True)


@covers("AJP-RSP-17")
@pytest.mark.parametrize(
    "values", [(b"",), (b"-1",), (b"+1",), (b"1 ",), (b"x",), (b"1", b"1"), (b"9" * 5000,)]
)
def test_a_length_that_is_no_number_or_not_the_only_one_is_a_wrong_one(values: tuple[bytes, ...]) -> None:
    end = web_server(SENT)

    assert violation(end.receive(with_length(*values))) == ("AJP-RSP-17", 4)
    assert end.closed


@covers("AJP-RSP-18", "AJP-ERR-06")
@pytest.mark.parametrize(
    ("pair", "offset"),
    [
        (string(None) + string(b"v"), 14),
        (string(b"") + string(b"v"), 14),
        (string(b"X A") + string(b"v"), 14),
        (string(b"X\r\n") + string(b"v"), 14),
        (string(b"X:") + string(b"v"), 14),
        (b"\xa0\x01" + string(None), 16),
        (b"\xa0\x01" + string(b"a\r\nSet-Cookie: b"), 16),
        (b"\xa0\x01" + string(b"a\n"), 16),
        (b"\xa0\x01" + string(b"\0"), 16),
        (string(b"X") + string(b"\r"), 18),
    ],
)
def test_a_bad_header_name_or_value_is_an_error(pair: bytes, offset: int) -> None:
    for strict in (True, False):
        end = web_server(SENT, strict=strict)
        assert violation(end.receive(send_headers(200, b"OK", pair))) == ("AJP-RSP-18", offset)
        assert end.closed
        assert not end.may_send_again


@covers("AJP-RSP-18")
def test_other_octets_and_an_empty_value_pass() -> None:
    packet = send_headers(200, b"OK", string(b"X!") + string(b"\t\x01\xff"), b"\xa0\x01" + string(b""))

    (event,) = web_server(SENT).receive(packet)

    assert event == HeadersReceived(200, b"OK", ((b"X!", b"\t\x01\xff"), (b"Content-Type", b"")))


@covers("AJP-RSP-19", "AJP-ERR-07")
def test_a_second_send_headers_is_an_error() -> None:
    end = web_server(OPEN)

    assert violation(end.receive(HEADERS_200)) == ("AJP-RSP-19", 4)
    assert end.closed
    assert not end.may_send_again


@covers("AJP-RSP-20", "AJP-FLU-02", "AJP-ERR-06")
def test_octets_before_send_headers_are_an_error_and_a_flush_is_not() -> None:
    end = web_server(SENT)

    assert end.receive(FLUSH) == []
    assert end.phase is SENT
    assert violation(end.receive(chunk(b"x"))) == ("AJP-RSP-20", 4)
    assert end.closed
    assert end.may_send_again


@covers("AJP-RSP-21", "AJP-ERR-06")
@pytest.mark.parametrize("last", [END_0, END_1])
def test_an_end_without_send_headers_is_an_error(last: bytes) -> None:
    end = web_server(SENT)

    assert violation(end.receive(last)) == ("AJP-RSP-21", 4)
    assert end.closed
    assert end.may_send_again


# -- end of a cycle -------------------------------------------------------------------------


@covers("AJP-END-02", "AJP-END-05")
def test_an_end_without_reuse_closes_at_once() -> None:
    end = web_server(OPEN)

    assert end.receive(END_0 + HEADERS_200) == [ResponseEnded(reuse=False)]
    assert end.closed
    assert not end.reusable
    with pytest.raises(LocalProtocolError):
        end.send_request(request())


@covers("AJP-END-06")
def test_body_that_was_never_asked_for_does_not_hinder_reuse() -> None:
    end = asking(20000)
    end.send_body(bytes(8186))

    assert end.receive(HEADERS_200 + END_1)[-1] == ResponseEnded(reuse=True)
    assert end.reusable


@covers("AJP-BOD-01", "AJP-END-05")
def test_a_cycle_that_ends_before_the_first_body_packet_left_is_not_followed_by_another() -> None:
    end = asking(5)

    assert end.receive(HEADERS_200 + END_1)[-1] == ResponseEnded(reuse=False)
    assert end.closed


@covers("AJP-BOD-06", "AJP-END-05")
def test_a_cycle_that_ends_before_an_asked_body_packet_left_is_not_followed_by_another() -> None:
    end = asking(None)

    events = end.receive(get_body_chunk(8186) + HEADERS_200 + END_1)

    assert events[-1] == ResponseEnded(reuse=False)
    assert end.closed


@covers("AJP-END-04")
@pytest.mark.parametrize(
    ("stale", "clause"),
    [
        (HEADERS_200 + END_1, "AJP-END-04"),
        (chunk(b"x"), "AJP-END-04"),
        (get_body_chunk(1), "AJP-END-04"),
        (END_1, "AJP-END-04"),
        (CPONG, "AJP-PNG-07"),
        (b"\0", "AJP-FRM-04"),
    ],
)
@pytest.mark.parametrize("glued", [True, False])
def test_whatever_waits_on_an_idle_connection_ends_it(stale: bytes, clause: str, glued: bool) -> None:
    end = web_server(OPEN)

    events = end.receive(END_1 + stale) if glued else [*end.receive(END_1), *end.receive(stale)]

    assert events[0] == ResponseEnded(reuse=True)
    assert violation(events)[0] == clause
    assert not end.reusable
    assert end.closed


@covers("AJP-END-04")
@pytest.mark.parametrize("rest", [b"A", FLUSH[:7], HEADERS_200[:3]])
def test_a_part_of_a_packet_on_an_idle_connection_keeps_requests_away(rest: bytes) -> None:
    end = web_server(OPEN)
    end.receive(END_1 + rest)

    assert not end.reusable
    with pytest.raises(LocalProtocolError):
        end.send_request(request())
    assert end.data_to_send() == b""


@covers("AJP-FLU-03", "AJP-END-04")
def test_whole_flushes_on_an_idle_connection_are_dropped() -> None:
    end = web_server(OPEN)

    assert end.receive(END_1 + FLUSH) == [ResponseEnded(reuse=True)]
    assert end.receive(FLUSH * 3) == []
    assert end.reusable
    end.send_request(request())
    assert end.receive(HEADERS_200 + END_1)[-1] == ResponseEnded(reuse=True)


# -- end of the connection, and sending again ------------------------------------------------


@covers("AJP-CON-05")
def test_the_end_of_an_idle_connection_is_clean() -> None:
    end = web_server(OPEN)
    end.receive(END_1)

    assert end.receive_eof() == [PeerClosed(clean=True)]
    assert end.closed
    assert end.receive_eof() == []


@covers("AJP-END-04", "AJP-CON-05")
def test_the_end_of_an_idle_connection_with_half_a_packet_is_not_clean() -> None:
    end = web_server()
    end.receive(b"AB")

    assert end.receive_eof() == [PeerClosed(clean=False)]


@covers("AJP-ERR-06", "AJP-RTY-01", "AJP-END-05", "AJP-STA-02")
@pytest.mark.parametrize("seen", [b"", FLUSH, get_body_chunk(1), HEADERS_200[:-1]])
def test_the_connection_ending_before_send_headers_allows_another_attempt(seen: bytes) -> None:
    end = web_server(SENT)
    end.receive(seen)

    assert end.receive_eof() == [PeerClosed(clean=False)]
    assert end.may_send_again
    assert end.closed


@covers("AJP-ERR-07", "AJP-RTY-01", "AJP-END-05", "AJP-STA-02")
@pytest.mark.parametrize("seen", [HEADERS_200, HEADERS_200 + chunk(b"x"), HEADERS_200 + END_1[:5]])
def test_the_connection_ending_after_send_headers_allows_none(seen: bytes) -> None:
    end = web_server(SENT)
    end.receive(seen)

    assert end.receive_eof() == [PeerClosed(clean=False)]
    assert not end.may_send_again
    assert end.closed


@covers("AJP-ERR-07", "AJP-RTY-01")
def test_a_bad_packet_after_send_headers_allows_none_either() -> None:
    end = web_server(OPEN)

    assert violation(end.receive(chunk(b"x") + b"AC"))[0] == "AJP-FRM-04"
    assert not end.may_send_again


@covers("AJP-RTY-01")
def test_a_new_request_may_be_sent_again_whatever_the_last_one_saw() -> None:
    end = web_server(OPEN)
    end.receive(END_1)

    end.send_request(request())

    assert end.may_send_again


def test_every_status_with_a_standard_phrase_has_it() -> None:
    for status in HTTPStatus:
        if status >= 200:
            (event,) = web_server(SENT).receive(send_headers(status.value, None))
            assert event == HeadersReceived(status, status.phrase.encode("ascii"), ())
