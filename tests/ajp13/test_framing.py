"""Packets out of octets: magic, length, packet size, and packets that are none."""

from __future__ import annotations

import pytest

from refjk.ajp13 import (
    ContainerConnection,
    ContainerPhase,
    ContainerPolicy,
    WebServerConnection,
    WebServerPhase,
)
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.codes import (
    check_packet_size,
    payload_size_max,
    request_body_size_max,
    response_body_size_max,
)
from refjk.ajp13.events import HeadersReceived, Ponged, RequestReceived, ResponseBody, ResponseEnded
from refjk.ajp13.framing import PacketBuffer
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    CPING,
    CPONG,
    END_1,
    HEADERS_200,
    PACKET_SIZES,
    chunk,
    complaint,
    container,
    content_length,
    forward_request,
    octet_by_octet,
    request,
    send_headers,
    string,
    to_container,
    to_web_server,
    violation,
    web_server,
)


def buffer(octets: bytes, packet_size: int = 8192) -> PacketBuffer:
    found = PacketBuffer(b"\x12\x34", packet_size)
    found.feed(octets)
    return found


@covers("AJP-CON-01")
def test_nobody_says_anything_before_the_first_packet() -> None:
    asking = WebServerConnection()
    assert ContainerConnection().data_to_send() == b""
    assert asking.data_to_send() == b""

    asking.send_request(request())

    assert asking.data_to_send()[:2] == b"\x12\x34"


@covers("AJP-FRM-05", "AJP-FRM-02")
def test_packets_come_out_whole_however_the_octets_were_cut() -> None:
    packets = [CPING, to_container(b""), to_container(bytes(8188)), forward_request()]
    stream = b"".join(packets)

    for pieces in ([stream], octet_by_octet(stream), [stream[:7], stream[7:]]):
        cut = buffer(b"")
        found = []
        for piece in pieces:
            cut.feed(piece)
            while (packet := cut.next_packet()) is not None:
                found.append(packet)
        assert found == packets
        assert len(cut) == 0


@covers("AJP-FRM-05")
def test_both_ends_see_the_same_events_whole_and_octet_by_octet() -> None:
    answer = HEADERS_200 + chunk(b"hello") + END_1

    whole = web_server(WebServerPhase.SENT).receive(answer)
    slow_end = web_server(WebServerPhase.SENT)
    slowly = [event for octet in octet_by_octet(answer) for event in slow_end.receive(octet)]
    assert whole == slowly == [HeadersReceived(200, b"OK", ()), ResponseBody(b"hello"), ResponseEnded(True)]

    asked = CPING + forward_request()
    whole_events = container().receive(asked)
    slow_container = container()
    slow_events = [event for octet in octet_by_octet(asked) for event in slow_container.receive(octet)]
    assert whole_events == slow_events == [RequestReceived(request(), None)]
    assert slow_container.data_to_send() == CPONG


def test_what_is_not_whole_stays_in_the_buffer() -> None:
    waiting = buffer(CPING + CPING[:3])

    assert waiting.next_packet() == CPING
    assert waiting.next_packet() is None
    assert len(waiting) == 3
    waiting.clear()
    assert len(waiting) == 0


@covers("AJP-FRM-04", "AJP-FRM-03", "AJP-ERR-01")
@pytest.mark.parametrize(
    "octets", ["13", "12 35", "12 35 00 01 0a", "34 12 00 01 0a", "41 42 00 01 0a", "00"]
)
def test_a_container_closes_silently_on_any_magic_but_12_34(octets: str) -> None:
    end = container()

    assert violation(end.receive(bytes.fromhex(octets) + b"")) == ("AJP-FRM-04", 0)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""
    assert end.receive(CPING) == []
    assert end.data_to_send() == b""


@covers("AJP-FRM-04", "AJP-FRM-03")
@pytest.mark.parametrize("octets", ["42", "41 43", "41 43 00 01 09", "12 34 00 01 09", "48 54 54 50"])
def test_a_web_server_closes_silently_on_any_magic_but_41_42(octets: str) -> None:
    end = web_server(WebServerPhase.PINGED)

    assert violation(end.receive(bytes.fromhex(octets))) == ("AJP-FRM-04", 0)
    assert end.closed
    assert end.data_to_send() == b""
    assert end.receive(CPONG) == []


@covers("AJP-FRM-04")
def test_the_right_first_octets_of_a_magic_are_waited_on() -> None:
    assert container().receive(b"\x12") == []
    assert container().receive(b"\x12\x34\x00") == []
    assert web_server(WebServerPhase.PINGED).receive(b"A") == []


@covers("AJP-FRM-04")
def test_a_wrong_magic_after_a_good_packet_counts_from_its_own_packet() -> None:
    end = container()

    assert violation(end.receive(CPING + b"\x12\x35")) == ("AJP-FRM-04", 0)
    assert end.data_to_send() == CPONG


@covers("AJP-FRM-07")
def test_the_packet_size_is_8192_to_65536() -> None:
    for size in (8192, 8193, 65535, 65536):
        assert check_packet_size(size) == size
        assert ContainerConnection(packet_size=size).packet_size == size
        assert WebServerConnection(size).packet_size == size
    for size in (-1, 0, 8191, 65537):
        for make in (
            check_packet_size,
            WebServerConnection,
            lambda size: ContainerConnection(packet_size=size),
            lambda size: PacketBuffer(b"AB", size),
        ):
            with pytest.raises(ValueError, match="not within 8192 to 65536"):
                make(size)


@covers("AJP-FRM-08")
@pytest.mark.parametrize(
    ("packet_size", "payload", "request_body", "response_body"),
    [(8192, 8188, 8186, 8184), (16384, 16380, 16378, 16376), (65536, 65532, 65530, 65528)],
)
def test_what_fits_a_packet_follows_from_its_size(
    packet_size: int, payload: int, request_body: int, response_body: int
) -> None:
    assert payload_size_max(packet_size) == payload
    assert request_body_size_max(packet_size) == request_body
    assert response_body_size_max(packet_size) == response_body


@covers("AJP-FRM-08")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_no_packet_that_is_sent_is_longer_than_the_packet_size(packet_size: int) -> None:
    answering = container(ContainerPhase.RUNNING, headers_sent=True, packet_size=packet_size)
    answering.send_body(bytes(packet_size - 8))
    assert len(answering.data_to_send()) == packet_size
    answering.send_body(bytes(packet_size - 7))
    first, second = chunk(bytes(packet_size - 8)), chunk(b"\0")
    assert answering.data_to_send() == first + second

    asking = web_server(
        WebServerPhase.SENT, asked=request(body_size=2 * packet_size), packet_size=packet_size
    )
    with pytest.raises(LocalProtocolError, match="do not fit one body packet"):
        asking.send_body(bytes(packet_size - 5))
    asking.send_body(bytes(packet_size - 6))
    assert len(asking.data_to_send()) == packet_size


@covers("AJP-FRM-08")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_response_headers_fill_one_packet_and_not_one_octet_more(packet_size: int) -> None:
    room = packet_size - len(send_headers(200, b"OK", string(b"X-A") + string(b"")))

    end = container(ContainerPhase.RUNNING, packet_size=packet_size)
    with pytest.raises(LocalProtocolError, match="packet size"):
        end.send_headers(200, b"OK", [(b"X-A", b"v" * (room + 1))])
    assert end.data_to_send() == b""
    end.send_headers(200, b"OK", [(b"X-A", b"v" * room)])
    assert len(end.data_to_send()) == packet_size


@covers("AJP-FRM-09", "AJP-ERR-01")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_a_payload_above_p_minus_4_closes_as_soon_as_its_header_is_there(packet_size: int) -> None:
    over = (packet_size - 3).to_bytes(2, "big")

    end = container(packet_size=packet_size)
    assert end.receive(b"\x12\x34" + over[:1]) == []
    assert violation(end.receive(over[1:] + CPING)) == ("AJP-FRM-09", 2)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""

    asking = web_server(WebServerPhase.PINGED, packet_size=packet_size)
    assert violation(asking.receive(b"AB" + over)) == ("AJP-FRM-09", 2)
    assert asking.closed


@covers("AJP-FRM-09")
@pytest.mark.parametrize("packet_size", PACKET_SIZES)
def test_a_payload_of_p_minus_4_is_taken(packet_size: int) -> None:
    end = container(packet_size=packet_size)
    assert end.receive(to_container(b"\x0a" + bytes(packet_size - 5))) == []
    assert end.data_to_send() == CPONG

    asking = web_server(WebServerPhase.PINGED, packet_size=packet_size)
    assert asking.receive(to_web_server(b"\x09" + bytes(packet_size - 5))) == [Ponged()]


@covers("AJP-FRM-10", "AJP-ERR-01")
def test_an_idle_container_closes_silently_on_a_packet_without_payload() -> None:
    end = container()

    assert violation(end.receive(to_container(b""))) == ("AJP-FRM-10", 2)
    assert end.phase is ContainerPhase.CLOSED
    assert end.data_to_send() == b""


@covers("AJP-FRM-11")
def test_octets_after_the_last_field_toward_the_container_are_ignored() -> None:
    end = container()

    assert end.receive(to_container(b"\x0a\x02\x02\xff")) == []
    assert end.data_to_send() == CPONG
    assert end.receive(forward_request(end=b"\xff\x0c\x00\x01x\x00")) == [RequestReceived(request(), None)]


@covers("AJP-FRM-12", "AJP-FRM-13", "AJP-ERR-01")
def test_an_idle_container_closes_silently_on_every_prefix_code_but_2_and_10() -> None:
    for code in sorted(set(range(256)) - {2, 10}):
        end = container()
        clause = "AJP-FRM-13" if code == 7 else "AJP-FRM-12"
        assert violation(end.receive(to_container(bytes((code,))))) == (clause, 4), code
        assert end.phase is ContainerPhase.CLOSED
        assert end.data_to_send() == b""


@covers("AJP-FRM-13")
@pytest.mark.parametrize("secret", [None, b"s"])
def test_shutdown_is_not_obeyed_whatever_comes_with_it(secret: bytes | None) -> None:
    end = container(policy=ContainerPolicy(secret=secret))

    order = b"\x07" if secret is None else b"\x07" + string(secret)
    assert violation(end.receive(to_container(order))) == ("AJP-FRM-13", 4)
    assert end.data_to_send() == b""


@covers("AJP-FRM-14")
def test_a_web_server_refuses_every_prefix_code_but_its_five() -> None:
    for code in sorted(set(range(256)) - {3, 4, 5, 6, 9}):
        end = web_server(WebServerPhase.SENT)
        packet = to_web_server(bytes((code, 0, 0, 0, 0, 0, 0, 0)))
        assert violation(end.receive(packet)) == ("AJP-FRM-14", 4), code
        assert end.closed


@covers("AJP-FRM-15", "AJP-FRM-10")
@pytest.mark.parametrize(
    ("payload", "offset"),
    [
        ("", 4),
        ("03", 5),
        ("03 00", 6),
        ("04", 5),
        ("04 00", 6),
        ("04 00 c8", 7),
        ("04 00 c8 00", 8),
        ("04 00 c8 ff ff", 9),
        ("04 00 c8 ff ff 00", 10),
        ("04 00 c8 ff ff 00 01", 11),
        ("04 00 c8 ff ff 00 01 a0", 12),
        ("04 00 c8 ff ff 00 01 a0 01", 13),
        ("04 00 c8 ff ff 00 01 a0 01 00", 14),
        ("05", 5),
        ("06", 5),
        ("06 1f", 6),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_packet_toward_the_web_server_that_ends_before_its_last_field_is_malformed(
    payload: str, offset: int, strict: bool
) -> None:
    packet = to_web_server(bytes.fromhex(payload))

    assert complaint(lambda: decode_to_web_server(packet, strict)) == ("AJP-FRM-15", offset)


@covers("AJP-FRM-06", "AJP-PNG-02")
def test_only_the_phase_tells_a_body_packet_from_a_typed_one() -> None:
    like_a_ping = to_container(b"\x00\x01\x0a")

    due = container(ContainerPhase.BODY_DUE)
    assert str(due.receive(like_a_ping)) == "[BodyReceived(data=b'\\n')]"
    idle = container()
    assert violation(idle.receive(like_a_ping)) == ("AJP-FRM-12", 4)


@covers("AJP-FRM-06")
def test_a_request_with_a_body_in_one_piece_is_cut_by_the_phase() -> None:
    end = container()

    events = end.receive(forward_request(headers=[content_length(3)]) + to_container(b"\x00\x03\x02\x02\x02"))

    assert [type(event).__name__ for event in events] == ["RequestReceived", "BodyReceived", "BodyEnded"]
