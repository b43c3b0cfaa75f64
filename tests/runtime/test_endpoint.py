"""One AJP connection of a web server, against a small container on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codec import (
    BODY_END_EMPTY_PACKET,
    CPING_PACKET,
    CPONG_PACKET,
    END_RESPONSE_REUSE,
    FLUSH_PACKET,
    encode_get_body_chunk,
    encode_send_body_chunk,
    encode_send_headers,
)
from refjk.ajp13.events import (
    BodyWanted,
    Flushed,
    HeadersReceived,
    ResponseBody,
    ResponseEnded,
)
from refjk.ajp13.messages import ForwardRequest
from refjk.base.errors import LocalProtocolError
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings, ReadBody
from refjk.runtime.endpoint_errors import (
    BodyIncomplete,
    ConnectFailed,
    EndpointError,
    NoPong,
    PeerGone,
    ProtocolBroken,
    ReplyTimeout,
    RequestTooLarge,
)
from refjk.speccheck import covers
from tests.runtime.containers import Gone, Talk, TinyContainer, echo

FACTS = ConnectionFacts(b"192.0.2.7", b"www.example", 80)
SETTINGS = EndpointSettings(reply_timeout_s=10)
SHORT = EndpointSettings(ping_timeout_s=0.1, reply_timeout_s=0.1, send_timeout_s=0.1)
OK = encode_send_headers(200, b"OK", [])


def build(
    method: bytes = b"GET", path: bytes = b"/a", size: int | None = 0, filler: int = 0
) -> ForwardRequest:
    return build_forward_request(method, path, None, [(b"x-filler", b"f" * filler)], FACTS, body_size=size)


def reader(data: bytes, piece: int = 1 << 20) -> ReadBody:
    """A source that hands out `piece` octets at a time at most, and fails when asked after its end."""
    left: list[bytes] | None = [data[at : at + piece] for at in range(0, len(data), piece)]

    def read(size: int) -> bytes:
        nonlocal left
        assert left is not None
        if not left:
            left = None
            return b""
        first = left[0]
        left[:1] = [first[size:]] if first[size:] else []
        return first[:size]

    return read


def play(endpoint: Endpoint, request: ForwardRequest, read: ReadBody | None = None) -> tuple[int, bytes]:
    """Status and body of a whole cycle."""
    status, body = 0, bytearray()
    for event in endpoint.exchange(request, read) if read else endpoint.exchange(request):
        if isinstance(event, HeadersReceived):
            status = event.status
        elif isinstance(event, ResponseBody):
            body += event.data
    return status, bytes(body)


@pytest.fixture
def container() -> Iterator[TinyContainer]:
    with TinyContainer() as container:
        yield container


def scripted(octets: bytes) -> TinyContainer:
    """Takes one request, says `octets`, and waits for the web server to close."""

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(octets)
        talk.wait_for_end()

    return TinyContainer(script)


def failure(octets: bytes, kind: type[EndpointError]) -> EndpointError:
    """How a cycle fails in which the container says `octets`; the socket must be closed then."""
    with scripted(octets) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(kind) as raised:
            play(endpoint, build())
        assert endpoint.closed
        return raised.value


# -- connecting ---------------------------------------------------------------------------


@covers("AJP-CON-01")
def test_nothing_is_said_before_the_first_packet() -> None:
    with TinyContainer() as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        endpoint.ping()
        endpoint.close()
        assert container.talks[0].arrivals == [CPING_PACKET]


def test_small_packets_leave_at_once(container: TinyContainer) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    assert endpoint._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    endpoint.close()


def test_a_refused_connection_names_the_address() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(
            ConnectFailed, match=rf"^cannot connect to 127.0.0.1:{port}: Connection refused"
        ) as raised:
            Endpoint.connect(Address("127.0.0.1", port), SETTINGS)
    assert (raised.value.sent, raised.value.headers_seen, raised.value.exit_code) == (False, False, 4)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a..b"])
def test_an_unknown_name_is_said_to_be_that(name: str) -> None:
    with pytest.raises(ConnectFailed, match=f"cannot find {name}: "):
        Endpoint.connect(Address(name, 8009), SETTINGS)


def test_a_connection_to_itself_counts_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect_to_itself(connecting: socket.socket, where: object) -> None:
        connecting.bind(("127.0.0.1", 0))
        original(connecting, connecting.getsockname())

    original = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", connect_to_itself)
    with pytest.raises(ConnectFailed, match="Connection refused"):
        Endpoint.connect(Address("127.0.0.1", 9), SETTINGS)


# -- CPING --------------------------------------------------------------------------------


def test_a_ping_tells_how_long_the_answer_took(container: TinyContainer) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    assert 0 < endpoint.ping() < 10
    assert 0 < endpoint.ping() < 10
    endpoint.close()


def silent(talk: Talk) -> None:
    talk.wait_for_end()


def leaves(talk: Talk) -> None:
    talk.receive()


def says_no_pong(talk: Talk) -> None:
    talk.receive()
    talk.send(END_RESPONSE_REUSE)
    talk.wait_for_end()


@covers("AJP-PNG-04")
@pytest.mark.parametrize(
    ("script", "text", "clause"),
    [
        (silent, "no CPONG: .* did not answer within 0.1 s", None),
        (leaves, "no CPONG: .* closed the connection", None),
        (says_no_pong, "no CPONG: .* broke AJP-PNG-04", "AJP-PNG-04"),
    ],
)
def test_without_cpong_the_connection_is_closed_and_nothing_of_a_request_was_sent(
    script: object, text: str, clause: str | None
) -> None:
    with TinyContainer(script) as container:  # type: ignore[arg-type]
        endpoint = Endpoint.connect(container.address, SHORT)
        with pytest.raises(NoPong, match=text) as raised:
            endpoint.ping(0.1 if script is silent else 10)
        assert endpoint.closed
    assert (raised.value.sent, raised.value.headers_seen, raised.value.clause) == (False, False, clause)


def test_a_failed_ping_after_a_cycle_tells_nothing_of_that_cycle() -> None:
    def once(talk: Talk) -> None:
        talk.request()
        talk.answer()
        talk.receive()

    with TinyContainer(once) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        play(endpoint, build())
        with pytest.raises(NoPong) as raised:
            endpoint.ping()
    assert (raised.value.sent, raised.value.headers_seen) == (False, False)


def test_octets_that_trickle_do_not_prolong_the_wait() -> None:
    def trickle(talk: Talk) -> None:
        talk.request()
        talk.socket.settimeout(0.01)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            talk.send(FLUSH_PACKET)  # means nothing before SEND_HEADERS
            try:
                talk.receive()
            except TimeoutError:
                pass

    with TinyContainer(trickle) as container:
        endpoint = Endpoint.connect(container.address, EndpointSettings(reply_timeout_s=0.3))
        started = time.monotonic()
        with pytest.raises(ReplyTimeout):
            play(endpoint, build())
        assert time.monotonic() - started < 5


# -- cycles -------------------------------------------------------------------------------


def test_cycles_follow_each_other_on_one_connection(container: TinyContainer) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    for number in range(3):
        assert play(endpoint, build(path=b"/%d" % number)) == (200, b"GET /%d " % number)
        assert endpoint.idle
    endpoint.close()
    assert len(container.talks) == 1


@covers("AJP-BOD-01")
def test_the_first_body_packet_leaves_in_the_same_write_as_the_request() -> None:
    with TinyContainer() as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        assert play(endpoint, build(b"POST", size=5), reader(b"hello")) == (200, b"POST /a hello")
        endpoint.close()
        [only] = container.talks[0].arrivals[:1]
    assert only.startswith(b"\x12\x34") and only.endswith(bytes.fromhex("12 34 00 07 00 05") + b"hello")


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("packet_size", [8192, 65536])
@pytest.mark.parametrize("size", [0, 1, 8186, 8187, 300_000])
def test_bodies_of_all_sizes_come_back_as_they_went(announced: bool, packet_size: int, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    with TinyContainer(packet_size=packet_size) as container:
        endpoint = Endpoint.connect(container.address, EndpointSettings(packet_size=packet_size))
        request = build(b"POST", size=size if announced else None)
        for piece in (1 << 20, 1000):
            assert play(endpoint, request, reader(data, piece)) == (200, b"POST /a " + data)
        assert endpoint.idle
        endpoint.close()


@covers("AJP-BOD-18")
def test_a_body_packet_holds_no_more_than_asked_for_fits_and_is_left() -> None:
    sizes: list[int] = []

    def asks(talk: Talk) -> None:
        talk.request()
        sizes.extend(len(piece) for piece in talk.body(3))
        talk.answer()
        talk.request()
        sizes.extend(len(piece) for piece in talk.body())
        talk.answer()

    with TinyContainer(asks) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        play(endpoint, build(b"POST", size=8193), reader(bytes(8193)))
        play(endpoint, build(b"POST", size=None), reader(bytes(10000)))
        endpoint.close()
    assert sizes == [8186, 3, 3, 1, 8186, 1814]


def test_a_source_is_not_read_again_after_its_end() -> None:
    """A terminal, for one, would make its user say the end twice."""

    def asks_again(talk: Talk) -> None:
        talk.request()
        for wanted in (b"ab", b"", b""):
            talk.send(encode_get_body_chunk(100))
            talk.arrivals.clear()
            talk.receive()
            expected = bytes.fromhex("12 34 00 04 00 02") + wanted if wanted else BODY_END_EMPTY_PACKET
            assert talk.arrivals == [expected]
        talk.answer()
        talk.wait_for_end()

    with TinyContainer(asks_again) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        assert play(endpoint, build(b"POST", size=None), reader(b"ab")) == (200, b"")
        endpoint.close()


def test_a_front_can_drive_the_cycle_event_by_event(container: TinyContainer) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    endpoint.send(build(b"PUT", size=3), b"a")
    assert endpoint.next_event() == BodyWanted(8186)
    endpoint.send_body(b"bc")
    assert endpoint.next_event() == HeadersReceived(200, b"OK", ())
    assert endpoint.next_event() == ResponseBody(b"PUT /a abc")
    assert endpoint.next_event() == ResponseEnded(True)
    endpoint.send(build(b"PUT", size=None))
    assert endpoint.next_event() == BodyWanted(8186)
    endpoint.end_body()
    assert isinstance(endpoint.next_event(), HeadersReceived)
    endpoint.close()


def test_pieces_are_told_before_the_answer_is_complete() -> None:
    go_on = threading.Event()

    def slow(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"", ())
        talk.core.send_body(b"first")
        talk.core.flush()
        talk.push()
        assert go_on.wait(10)
        talk.core.end_response()
        talk.push()
        talk.wait_for_end()

    with TinyContainer(slow) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        events = endpoint.exchange(build())
        assert [next(events) for _ in range(3)][1:] == [ResponseBody(b"first"), Flushed()]
        go_on.set()
        assert list(events) == []
        endpoint.close()


@covers("AJP-END-02")
def test_an_answer_without_reuse_closes_at_once() -> None:
    def refuse(talk: Talk) -> None:
        talk.request()
        talk.answer(reuse=False)
        talk.wait_for_end()

    with TinyContainer(refuse) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        assert play(endpoint, build()) == (200, b"")
        assert endpoint.closed


@covers("AJP-END-06")
def test_body_that_was_never_asked_for_stays_with_its_source_and_does_no_harm() -> None:
    asked: list[int] = []

    def uninterested(talk: Talk) -> None:
        for _ in range(2):
            talk.request()
            talk.answer()
        talk.wait_for_end()

    def read(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    with TinyContainer(uninterested) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        for _ in range(2):
            assert play(endpoint, build(b"POST", size=1 << 30), read)[0] == 200
        assert asked == [8186, 8186] and endpoint.idle
        endpoint.close()


def test_both_ends_may_write_much_at_once() -> None:
    """The container answers with more than the buffers hold before it reads the first body packet."""
    answer = bytes(900_000)

    def writes_first(talk: Talk) -> None:
        talk.send(OK)
        for at in range(0, len(answer), 8000):
            talk.send(encode_send_body_chunk(answer[at : at + 8000]))
        talk.send(END_RESPONSE_REUSE)
        talk.wait_for_end()

    with TinyContainer(writes_first, buffers=16384) as container:
        endpoint = Endpoint.connect(container.address, EndpointSettings(packet_size=65536))
        endpoint._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        request = build(b"POST", size=60000, filler=60000)
        assert play(endpoint, request, reader(bytes(60000))) == (200, answer)
        endpoint.close()


def test_memory_stays_flat_with_large_bodies() -> None:
    import tracemalloc

    size = 30_000_000
    counted = 0

    def counts(talk: Talk) -> None:
        talk.request()
        nonlocal counted
        counted = sum(len(piece) for piece in talk.body())
        talk.answer(bytes(8000) for _ in range(size // 8000))
        talk.wait_for_end()

    with TinyContainer(counts) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        tracemalloc.start()
        try:
            got = 0
            for event in endpoint.exchange(build(b"POST", size=size), bytes):
                if isinstance(event, ResponseBody):
                    got += len(event.data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (counted, got) == (size, size)
        assert peak < 3_000_000
        endpoint.close()


# -- failures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "clause", "headers_seen"),
    [
        (b"HTTP", "AJP-FRM-04", False),
        (END_RESPONSE_REUSE, "AJP-RSP-21", False),
        (CPONG_PACKET, "AJP-PNG-07", False),
        (OK + OK, "AJP-RSP-19", True),
        (encode_send_headers(200, b"", [(b"Content-Length", b"3")]) + END_RESPONSE_REUSE, "AJP-RSP-17", True),
    ],
)
@covers("AJP-END-05", "AJP-ERR-06", "AJP-ERR-07")
def test_a_broken_rule_is_named_and_tells_whether_the_answer_had_begun(
    octets: bytes, clause: str, headers_seen: bool
) -> None:
    error = failure(octets, ProtocolBroken)
    assert (error.clause, error.sent, error.headers_seen) == (clause, True, headers_seen)
    assert clause in str(error)


def test_what_came_before_a_broken_rule_is_told_first() -> None:
    with scripted(OK + encode_send_body_chunk(b"abc") + OK) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        events = endpoint.exchange(build())
        assert [next(events), next(events)] == [HeadersReceived(200, b"OK", ()), ResponseBody(b"abc")]
        with pytest.raises(ProtocolBroken):
            next(events)


@pytest.mark.parametrize(("octets", "headers_seen"), [(b"", False), (OK, True), (OK[:7], False)])
def test_silence_ends_with_the_reply_timeout(octets: bytes, headers_seen: bool) -> None:
    with scripted(octets) as container:
        endpoint = Endpoint.connect(container.address, SHORT)
        endpoint.send(build())
        if headers_seen:
            assert isinstance(endpoint.next_event(10), HeadersReceived)
        with pytest.raises(ReplyTimeout, match=r"did not answer within 0\.1 s") as raised:
            endpoint.next_event()
        assert endpoint.closed
    error = raised.value
    assert (error.sent, error.headers_seen, error.clause) == (True, headers_seen, None)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("octets", "headers_seen"), [(b"", False), (OK, True)])
@covers("AJP-ERR-07")
def test_a_container_that_leaves_is_noticed(octets: bytes, headers_seen: bool, reset: bool) -> None:
    def leave(talk: Talk) -> None:
        talk.request()
        talk.send(octets)
        if reset:
            linger = bytes.fromhex("01000000 00000000")
            talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            talk.socket.close()

    with TinyContainer(leave) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        seen: list[object] = []
        with pytest.raises(PeerGone) as raised:
            seen.extend(endpoint.exchange(build()))
        assert endpoint.closed
    assert raised.value.sent
    if not reset:  # a reset may overtake what was said before it
        assert raised.value.headers_seen is headers_seen


@covers("AJP-REQ-05")
def test_a_request_that_fits_no_packet_sends_nothing_and_costs_no_connection(
    container: TinyContainer,
) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    with pytest.raises(RequestTooLarge, match="the packet size is 8192") as raised:
        play(endpoint, build(filler=8192))
    assert not raised.value.sent
    assert play(endpoint, build()) == (200, b"GET /a ")
    endpoint.close()


@covers("AJP-BOD-15")
@pytest.mark.parametrize("size", [100_000, None])
def test_a_body_that_breaks_off_closes_without_an_end_marker(size: int | None) -> None:
    class ClientGone(Exception):
        pass

    left = [b"c" * 100]

    def read(size: int) -> bytes:
        if not left:
            raise ClientGone
        return left.pop()

    def reads(talk: Talk) -> None:
        talk.request()
        with pytest.raises(Gone):
            list(talk.body())

    with TinyContainer(reads) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(ClientGone):
            play(endpoint, build(b"POST", size=size), read)
        assert endpoint.closed


@covers("AJP-BOD-15")
def test_a_source_that_ends_too_early_closes_without_an_end_marker() -> None:
    def reads(talk: Talk) -> None:
        talk.request()
        with pytest.raises(Gone):
            list(talk.body())

    with TinyContainer(reads) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(BodyIncomplete, match="ended 5 octets before") as raised:
            play(endpoint, build(b"POST", size=10), reader(b"hello"))
        assert endpoint.closed and raised.value.sent
        endpoint = Endpoint.connect(container.address, SETTINGS)
        with pytest.raises(BodyIncomplete, match="ended 10 octets before") as raised:
            play(endpoint, build(b"POST", size=10), reader(b""))
        assert endpoint.closed and not raised.value.sent


def test_a_caller_that_stops_listening_ends_the_connection(container: TinyContainer) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    events = endpoint.exchange(build())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert endpoint.closed


def test_a_refusal_is_read_although_the_rest_of_the_request_cannot_be_written() -> None:
    def refuses(talk: Talk) -> None:
        talk.receive()
        talk.send(encode_send_headers(403, b"", []) + bytes.fromhex("4142 0002 0500"))
        talk.wait_for_end()

    with TinyContainer(refuses) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        endpoint.send(build(b"POST", size=1 << 20), bytes(8186))
        endpoint._socket.shutdown(socket.SHUT_WR)  # as after a reset: writing fails from now on
        endpoint._core._bodies_wanted = 1
        endpoint.send_body(bytes(100))
        assert endpoint.next_event() == HeadersReceived(403, b"Forbidden", ())
        assert endpoint.next_event() == ResponseEnded(False)
        assert endpoint.closed


def test_an_answer_that_came_too_late_spoils_the_connection() -> None:
    octets = encode_get_body_chunk(100) + OK + END_RESPONSE_REUSE
    with scripted(octets) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        assert play(endpoint, build(b"POST", size=None), reader(b"body")) == (200, b"")
        assert endpoint.closed


def test_a_write_that_is_stuck_has_a_deadline() -> None:
    def reads_nothing(talk: Talk) -> None:
        assert done.wait(10)

    done = threading.Event()
    with TinyContainer(reads_nothing, buffers=16384) as container:
        endpoint = Endpoint.connect(
            container.address, EndpointSettings(packet_size=65536, send_timeout_s=0.2)
        )
        endpoint._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        with pytest.raises(ReplyTimeout, match=r"took no octets for 0\.2 s") as raised:
            while True:  # until all buffers on the way are full
                endpoint._core._bodies_wanted = 1
                if endpoint.idle:
                    endpoint.send(build(b"POST", size=1 << 40), bytes(65530))
                else:
                    endpoint.send_body(bytes(65530))
        done.set()
        assert endpoint.closed and raised.value.sent


def test_calls_out_of_turn_are_refused(container: TinyContainer) -> None:
    endpoint = Endpoint.connect(container.address, SETTINGS)
    with pytest.raises(LocalProtocolError):
        endpoint.send_body(b"unasked")
    endpoint.send(build())
    with pytest.raises(LocalProtocolError, match="idle connection"):
        endpoint.send(build())
    with pytest.raises(LocalProtocolError):
        endpoint.ping()
    endpoint.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        endpoint.next_event()
    with pytest.raises(LocalProtocolError):
        endpoint.ping()
    assert not endpoint.usable()


@pytest.mark.parametrize(("size", "first_body"), [(3, b""), (0, b"abc"), (None, b"abc")])
def test_a_first_body_packet_that_does_not_fit_the_length_is_never_sent(
    size: int | None, first_body: bytes
) -> None:
    with TinyContainer() as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        endpoint.ping()
        with pytest.raises(LocalProtocolError, match="first body packet"):
            endpoint.send(build(b"POST", size=size), first_body)
        assert endpoint.closed
    assert container.talks[0].arrivals == [CPING_PACKET]


# -- reuse --------------------------------------------------------------------------------


def after_a_cycle(octets: bytes | None) -> bool:
    """Whether a connection is usable on which `octets` came after the cycle; None is the end."""
    cycle_over, said = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        talk.answer()
        assert cycle_over.wait(10)
        if octets is None:
            talk.socket.shutdown(socket.SHUT_WR)
        else:
            talk.send(octets)
        said.set()
        talk.wait_for_end()

    with TinyContainer(script) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS)
        play(endpoint, build())
        cycle_over.set()
        assert said.wait(10)
        endpoint._poll.poll(0 if octets == b"" else 10_000)
        usable = endpoint.usable()
        assert endpoint.closed is not usable
        endpoint.close()
        return usable


@covers("AJP-END-04", "AJP-CON-05", "AJP-FLU-03")
@pytest.mark.parametrize(
    ("octets", "usable"),
    [
        (b"", True),
        (FLUSH_PACKET, True),
        (FLUSH_PACKET * 3, True),
        (FLUSH_PACKET[:3], False),
        (FLUSH_PACKET + OK, False),
        (OK + END_RESPONSE_REUSE, False),
        (CPONG_PACKET, False),
        (b"x", False),
        (None, False),
    ],
)
def test_only_flushes_may_wait_on_an_idle_connection(octets: bytes | None, usable: bool) -> None:
    assert after_a_cycle(octets) is usable


def test_all_octets_of_a_connection_can_be_watched() -> None:
    seen: dict[str, bytes] = {"sent": b"", "received": b""}

    def trace(direction: str, octets: bytes) -> None:
        seen[direction] += octets

    with TinyContainer(echo) as container:
        endpoint = Endpoint.connect(container.address, SETTINGS, trace)
        endpoint.ping()
        play(endpoint, build(b"POST", size=3), reader(b"abc"))
        endpoint.close()
    assert seen["sent"] == b"".join(container.talks[0].arrivals)
    assert seen["received"].startswith(CPONG_PACKET + encode_send_headers(200, b"", []))
    assert seen["received"].endswith(END_RESPONSE_REUSE)


@pytest.mark.parametrize("packet_size", [8191, 65537])
def test_a_packet_size_that_nobody_speaks_is_refused(packet_size: int) -> None:
    with pytest.raises(ValueError, match="packet size"):
        EndpointSettings(packet_size=packet_size)
