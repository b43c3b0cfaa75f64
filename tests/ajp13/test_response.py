"""What a container may say in a response."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from refjk.ajp13 import ContainerConnection, ContainerPhase
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.messages import Header, SendHeaders
from refjk.ajp13.rules import response_has_body
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    END_1,
    FLUSH,
    HEADERS_200,
    chunk,
    container,
    forward_request,
    get_body_chunk,
    send_headers,
    string,
)


def answering(method: int = 2) -> ContainerConnection:
    end = container()
    end.receive(forward_request(method=method))
    return end


def refused(end: ContainerConnection, status: int, reason: bytes, headers: list[Header]) -> bool:
    """Whether the headers are refused, with nothing changed."""
    with pytest.raises(LocalProtocolError):
        end.send_headers(status, reason, headers)
    return not end.headers_sent and end.data_to_send() == b"" and end.phase is ContainerPhase.RUNNING


@covers("AJP-RSP-01")
def test_a_response_is_headers_then_chunks_then_the_end() -> None:
    end = answering()

    end.send_headers(200, b"OK", [])
    end.send_body(b"hello")
    end.flush()
    end.send_body(b"")
    end.send_body(b"!")
    end.end_response()

    assert end.data_to_send() == HEADERS_200 + chunk(b"hello") + FLUSH + chunk(b"!") + END_1
    assert end.data_to_send() == b""


@covers("AJP-RSP-01")
def test_the_order_of_a_response_cannot_be_broken() -> None:
    end = answering()

    for before_headers in (lambda: end.send_body(b"x"), end.flush, end.end_response):
        with pytest.raises(LocalProtocolError, match="before SEND_HEADERS"):
            before_headers()
    end.send_headers(200, b"OK", [])
    with pytest.raises(LocalProtocolError, match="after SEND_HEADERS"):
        end.send_headers(200, b"OK", [])
    end.end_response()
    for after_the_end in (
        lambda: end.send_headers(200, b"OK", []),
        lambda: end.send_body(b"x"),
        end.flush,
        end.end_response,
        end.ask_body,
    ):
        with pytest.raises(LocalProtocolError, match="IDLE"):
            after_the_end()
    assert end.data_to_send() == HEADERS_200 + END_1


@covers("AJP-RSP-01", "AJP-BOD-03")
def test_a_body_packet_may_be_asked_for_anywhere_before_the_end() -> None:
    end = answering()
    end.ask_body(7)
    end.receive(b"\x12\x34\x00\x03\x00\x01a")
    end.send_headers(200, b"OK", [])
    end.ask_body(8)
    end.receive(b"\x12\x34\x00\x03\x00\x01b")
    end.send_body(b"x")
    end.ask_body(9)
    end.receive(b"\x12\x34\x00\x00")
    end.end_response()

    expected = get_body_chunk(7) + HEADERS_200 + get_body_chunk(8) + chunk(b"x") + get_body_chunk(9) + END_1
    assert end.data_to_send() == expected


@covers("AJP-RSP-02")
def test_a_chunk_ends_with_an_octet_that_its_length_does_not_count() -> None:
    end = answering()
    end.send_headers(200, b"OK", [])
    end.data_to_send()

    end.send_body(b"ab\0")

    assert end.data_to_send() == bytes.fromhex("41 42 00 07 03 00 03 61 62 00 00")


@covers("AJP-RSP-02", "AJP-FRM-08")
@pytest.mark.parametrize("size", [8183, 8184, 8185, 3 * 8184, 3 * 8184 + 1])
def test_a_long_body_is_cut_into_chunks_that_fill_their_packets(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    end = answering()
    end.send_headers(200, b"OK", [])
    end.data_to_send()

    end.send_body(data)

    assert end.data_to_send() == b"".join(chunk(data[at : at + 8184]) for at in range(0, size, 8184))


def test_a_body_may_come_as_a_memoryview() -> None:
    end = answering()
    end.send_headers(200, b"OK", [])
    end.data_to_send()

    end.send_body(memoryview(b"abc")[1:])
    end.send_body(memoryview(b""))

    assert end.data_to_send() == chunk(b"bc")


@covers("AJP-RSP-04")
def test_the_status_is_200_to_999() -> None:
    for status in (-1, 0, 1, 100, 101, 103, 199, 1000, 65535, 65536):
        assert refused(answering(), status, b"OK", [])
    for status in (200, 999):
        end = answering()
        end.send_headers(status, b"", [])
        assert end.data_to_send() == send_headers(status, b"")


@covers("AJP-RSP-06")
def test_the_message_is_the_reason_given_and_never_null() -> None:
    end = answering()

    end.send_headers(404, b"Gone fishing \xe4\t.", [])

    message = decode_to_web_server(end.data_to_send())
    assert isinstance(message, SendHeaders)
    assert message.message == b"Gone fishing \xe4\t."


@covers("AJP-RSP-08", "AJP-RSP-10")
def test_headers_go_out_in_order_coded_where_there_is_a_code() -> None:
    end = answering()

    end.send_headers(
        200, b"OK", [(b"set-cookie", b"a=1"), (b"X-A", b"\xff\t"), (b"Set-Cookie", b"b=2"), (b"x-a", b"")]
    )

    assert end.data_to_send() == send_headers(
        200,
        b"OK",
        b"\xa0\x07" + string(b"a=1"),
        string(b"X-A") + string(b"\xff\t"),
        b"\xa0\x07" + string(b"b=2"),
        string(b"x-a") + string(b""),
    )


@covers("AJP-RSP-11")
@pytest.mark.parametrize(
    "too_much",
    [
        [(b"X-A", b"v" * 8192)],
        [(b"X-A", b"v" * 65535)],
        [(b"X", b"")] * 3000,
        [(b"X", b"")] * 65536,
        [(b"n" * 0xA000, b"")],
    ],
    ids=["one too long", "one unsayable", "many", "more than can be counted", "name like a code"],
)
def test_headers_that_fit_no_packet_change_nothing_so_that_500_can_take_their_place(
    too_much: list[Header],
) -> None:
    end = answering()
    assert refused(end, 200, b"OK", too_much)

    end.send_headers(500, b"Internal Server Error", [])
    end.end_response()

    assert end.data_to_send() == send_headers(500, b"Internal Server Error") + END_1


@covers("AJP-RSP-12")
@pytest.mark.parametrize("octet", [*range(9), *range(10, 32), 127])
def test_control_octets_reach_no_response_header(octet: int) -> None:
    bad = b"a" + bytes((octet,)) + b"b"

    assert refused(answering(), 200, bad, [])
    assert refused(answering(), 200, b"OK", [(b"X-A", bad)])
    assert refused(answering(), 200, b"OK", [(bad, b"v")])


@covers("AJP-RSP-12")
@pytest.mark.parametrize("name", [b"", b" ", b"X A", b"X:", b"X\t", b"\xe4"])
def test_a_response_header_name_is_a_token(name: bytes) -> None:
    assert refused(answering(), 200, b"OK", [(name, b"v")])


@covers("AJP-RSP-13")
@pytest.mark.parametrize("status", [204, 205, 304])
def test_no_chunk_with_octets_goes_out_with_a_status_without_body(status: int) -> None:
    end = answering()
    end.send_headers(status, b"", [])

    end.send_body(b"dropped")
    end.flush()
    end.end_response()

    assert end.data_to_send() == send_headers(status, b"") + FLUSH + END_1


@covers("AJP-RSP-13")
def test_no_chunk_with_octets_goes_out_in_answer_to_head() -> None:
    end = answering(method=3)
    end.send_headers(200, b"OK", [(b"Content-Length", b"5")])

    end.send_body(b"hello")
    end.end_response()

    assert end.data_to_send() == send_headers(200, b"OK", b"\xa0\x03" + string(b"5")) + END_1


@covers("AJP-RSP-13", "AJP-RSP-14")
def test_only_head_and_three_statuses_have_no_body() -> None:
    assert not any(response_has_body(b"HEAD", status) for status in range(200, 1000))
    without = {status for status in range(200, 1000) if not response_has_body(b"GET", status)}
    assert without == {HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED}


@covers("AJP-RSP-15")
@pytest.mark.parametrize("name", [b"Transfer-Encoding", b"transfer-encoding", b"TRANSFER-ENCODING"])
def test_transfer_encoding_is_refused_and_connection_is_not(name: bytes) -> None:
    assert refused(answering(), 200, b"OK", [(name, b"chunked")])
    end = answering()
    end.send_headers(200, b"OK", [(b"Connection", b"close")])
    assert end.headers_sent


@covers("AJP-FLU-01")
def test_a_flush_is_a_chunk_of_no_octets_any_number_of_times_after_headers() -> None:
    end = answering()
    end.send_headers(200, b"OK", [])

    end.flush()
    end.flush()
    end.send_body(b"a")
    end.flush()

    assert end.data_to_send() == HEADERS_200 + FLUSH * 2 + chunk(b"a") + FLUSH


@covers("AJP-FLU-01")
def test_sending_no_octets_is_not_a_flush() -> None:
    end = answering()
    end.send_headers(200, b"OK", [])
    end.data_to_send()

    end.send_body(b"")

    assert end.data_to_send() == b""


@covers("AJP-ERR-04")
def test_a_failure_before_headers_can_still_end_in_500_with_reuse() -> None:
    end = answering()

    end.send_headers(500, b"Internal Server Error", [])
    end.end_response(reuse=True)

    assert end.data_to_send().endswith(END_1)
    assert end.phase is ContainerPhase.IDLE


@covers("AJP-ERR-05")
def test_a_failure_after_headers_ends_without_end_response() -> None:
    end = answering()
    end.send_headers(200, b"OK", [])
    end.send_body(b"half")
    end.data_to_send()

    end.abort()

    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""
    with pytest.raises(LocalProtocolError):
        end.end_response()
