"""What bounds an endpoint's waits, and what it tells about a cycle: octets, what was asked, what broke."""

from __future__ import annotations

import math
import socket
import threading

import pytest

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codec import (
    CPING_PACKET,
    CPONG_PACKET,
    END_RESPONSE_REUSE,
    encode_get_body_chunk,
    encode_send_body_chunk,
    encode_send_headers,
)
from refjk.ajp13.forward_request import encode_forward_request
from refjk.ajp13.messages import ForwardRequest
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.runtime.endpoint_errors import (
    EndpointError,
    PeerGone,
    ProtocolBroken,
    ReplyTimeout,
    RequestTooLarge,
    SocketTimeout,
    UnknownPacket,
)
from refjk.speccheck import covers
from tests.runtime.containers import DEADLINE_S, Talk, TinyContainer

FACTS = ConnectionFacts(b"192.0.2.7", b"www.example", 80)
SETTINGS = EndpointSettings(reply_timeout_s=DEADLINE_S)
UNBOUNDED = EndpointSettings(
    connect_timeout_s=math.inf, ping_timeout_s=math.inf, reply_timeout_s=math.inf, send_timeout_s=math.inf
)
OK = encode_send_headers(200, b"OK", [])
ASKS = encode_get_body_chunk(100)


def build(method: bytes = b"GET", size: int | None = 0, filler: int = 0) -> ForwardRequest:
    return build_forward_request(method, b"/a", None, [(b"x-filler", b"f" * filler)], FACTS, body_size=size)


def says(octets: bytes) -> TinyContainer:
    """Takes one request, says `octets`, and waits for the web server to close."""

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(octets)
        talk.wait_for_end()

    return TinyContainer(script)


def failure(octets: bytes, kind: type[EndpointError], size: int | None = 0) -> EndpointError:
    with says(octets) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(kind) as raised:
            list(endpoint.exchange(build(b"POST", size)))
        assert endpoint.closed
        return raised.value


# -- bounds -------------------------------------------------------------------------------


def test_times_may_be_without_bound() -> None:
    with TinyContainer() as container:
        endpoint = Endpoint.connect(container.address, UNBOUNDED)
        endpoint.ping()
        assert list(endpoint.exchange(build()))
        endpoint.close()


@covers("EPL-SCK-03")
@pytest.mark.parametrize("octets", [b"", OK[:7], OK])
def test_a_silent_socket_counts_as_broken(octets: bytes) -> None:
    settings = EndpointSettings(reply_timeout_s=math.inf, socket_timeout_s=0.15)
    with says(octets) as container:
        endpoint = Endpoint.connect(container.address, settings)
        with pytest.raises(SocketTimeout, match=r"sent not one octet for 0\.15 s") as raised:
            list(endpoint.exchange(build()))
        assert endpoint.closed
    assert isinstance(raised.value, PeerGone)
    assert (raised.value.sent, raised.value.headers_seen) == (True, octets == OK)


@covers("EPL-SCK-03")
def test_each_octet_begins_the_socket_timeout_anew() -> None:
    answer = OK + END_RESPONSE_REUSE
    pause = threading.Event()

    def trickles(talk: Talk) -> None:
        talk.request()
        for at in range(len(answer)):
            talk.send(answer[at : at + 1])
            pause.wait(0.05)
        talk.wait_for_end()

    assert len(answer) * 0.05 > 0.6
    settings = EndpointSettings(reply_timeout_s=math.inf, socket_timeout_s=0.6)
    with TinyContainer(trickles) as container:
        endpoint = Endpoint.connect(container.address, settings)
        assert list(endpoint.exchange(build()))
        endpoint.close()


@covers("EPL-SCK-03")
def test_a_reply_timeout_takes_the_place_of_the_socket_timeout() -> None:
    settings = EndpointSettings(reply_timeout_s=0.3, socket_timeout_s=0.01)
    with says(b"") as container:
        endpoint = Endpoint.connect(container.address, settings)
        with pytest.raises(ReplyTimeout, match=r"within 0\.3 s"):
            list(endpoint.exchange(build()))


@covers("EPL-SCK-03")
def test_a_write_without_room_ends_with_the_socket_timeout() -> None:
    done = threading.Event()

    def reads_nothing(talk: Talk) -> None:
        assert done.wait(DEADLINE_S)

    settings = EndpointSettings(
        packet_size=65536, send_timeout_s=math.inf, socket_timeout_s=0.15, buffer_size=16384
    )
    with TinyContainer(reads_nothing, buffers=16384) as container:
        endpoint = Endpoint.connect(container.address, settings)
        try:
            with pytest.raises(SocketTimeout, match=r"took not one octet for 0\.15 s") as raised:
                endpoint.send(build(b"POST", 1 << 40), bytes(65530))
                while True:  # until all buffers on the way are full
                    endpoint._core._bodies_wanted = 1
                    endpoint.send_body(bytes(65530))
        finally:
            done.set()
        assert endpoint.closed and raised.value.sent


@covers("EPL-SCK-08")
def test_a_request_may_have_a_reply_timeout_of_its_own() -> None:
    with says(OK) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(ReplyTimeout, match=r"within 0\.15 s"):
            list(endpoint.exchange(build(), reply_timeout_s=0.15))
    with TinyContainer() as container:
        endpoint = Endpoint.connect(container.address, EndpointSettings(reply_timeout_s=0))
        assert list(endpoint.exchange(build(), reply_timeout_s=DEADLINE_S))
        endpoint.close()


# -- what is told -------------------------------------------------------------------------


def test_octets_are_counted_from_the_beginning_of_each_cycle() -> None:
    def script(talk: Talk) -> None:
        for _ in range(2):
            talk.request()
            assert b"".join(talk.body()) == b"helloworld"
            talk.answer(b"answer")
        talk.wait_for_end()

    head = encode_send_headers(200, b"", [])
    read = len(ASKS + head + encode_send_body_chunk(b"answer") + END_RESPONSE_REUSE)
    with TinyContainer(script) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        assert (endpoint.octets_read, endpoint.octets_written) == (0, 0)
        request = build(b"POST", 10)
        pieces = iter([b"hello", b"world"] * 2)
        for _ in range(2):
            assert list(endpoint.exchange(request, lambda size: next(pieces)))
            written = len(encode_forward_request(request, 8192)) + 2 * (6 + 5)
            assert (endpoint.octets_read, endpoint.octets_written) == (read, written)
        endpoint.close()
        assert endpoint.octets_read == read


def test_a_cycle_that_failed_still_tells_its_octets_and_a_ping_counts_for_itself() -> None:
    with says(b"HTTP/1.1") as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        endpoint.ping()
        assert (endpoint.octets_read, endpoint.octets_written) == (len(CPONG_PACKET), len(CPING_PACKET))
        with pytest.raises(RequestTooLarge):
            list(endpoint.exchange(build(filler=9000)))
        assert (endpoint.octets_read, endpoint.octets_written) == (0, 0)
        with pytest.raises(ProtocolBroken):
            list(endpoint.exchange(build()))
        assert endpoint.octets_read == 8
        assert endpoint.octets_written == len(encode_forward_request(build(), 8192))


@pytest.mark.parametrize(("octets", "asked"), [(OK + OK, False), (ASKS + b"HTTP", True)])
def test_a_failure_tells_whether_body_was_asked_for(octets: bytes, asked: bool) -> None:
    assert failure(octets, ProtocolBroken, size=None).body_asked is asked


def test_the_next_cycle_knows_nothing_of_what_was_asked_before() -> None:
    def script(talk: Talk) -> None:
        talk.request()
        list(talk.body())
        talk.answer()
        talk.request()

    with TinyContainer(script) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        assert list(endpoint.exchange(build(b"POST", None)))
        with pytest.raises(PeerGone) as raised:
            list(endpoint.exchange(build()))
    assert (raised.value.sent, raised.value.headers_seen, raised.value.body_asked) == (True, False, False)


def test_what_came_while_a_write_was_stuck_is_part_of_the_failure() -> None:
    said, done = threading.Event(), threading.Event()

    def answers_and_reads_nothing(talk: Talk) -> None:
        talk.send(ASKS + OK)
        said.set()
        assert done.wait(DEADLINE_S)

    settings = EndpointSettings(packet_size=65536, send_timeout_s=0.3, buffer_size=16384)
    with TinyContainer(answers_and_reads_nothing, buffers=16384) as container:
        endpoint = Endpoint.connect(container.address, settings)
        try:
            with pytest.raises(ReplyTimeout) as raised:
                endpoint.send(build(b"POST", 1 << 40), bytes(65530))
                assert said.wait(DEADLINE_S)
                while True:
                    endpoint._core._bodies_wanted = 1
                    endpoint.send_body(bytes(65530))
        finally:
            done.set()
    assert (raised.value.headers_seen, raised.value.body_asked) == (True, True)


@pytest.mark.parametrize(
    ("octets", "unknown"),
    [
        (bytes.fromhex("4142 0001 0b"), True),  # no such prefix code
        (OK + bytes.fromhex("4142 0006 03 0009 6162 00"), True),  # a chunk longer than its packet
        (bytes.fromhex("4143 0001 05"), False),  # not the magic
        (bytes.fromhex("4142 ffff"), False),  # longer than a packet may be
        (bytes.fromhex("4142 0000"), False),  # nothing in it
    ],
)
def test_packets_of_unknown_kind_are_told_from_broken_ones(octets: bytes, unknown: bool) -> None:
    assert isinstance(failure(octets, ProtocolBroken), UnknownPacket) is unknown


@pytest.mark.parametrize("octets", [b"", OK[:2], OK[:-1], OK])
def test_an_end_within_a_packet_is_an_end(octets: bytes) -> None:
    def leaves(talk: Talk) -> None:
        talk.request()
        talk.send(octets)
        talk.socket.shutdown(socket.SHUT_WR)
        talk.wait_for_end()

    with TinyContainer(leaves) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(PeerGone) as raised:
            list(endpoint.exchange(build()))
    assert not isinstance(raised.value, SocketTimeout)
    assert raised.value.headers_seen is (octets == OK)
