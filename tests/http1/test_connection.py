"""One connection: segmentation, pipelining, Expect, draining, ends and refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.http1 import (
    BodyEnded,
    BodyReceived,
    Event,
    Limits,
    PeerClosed,
    Phase,
    Refused,
    RequestReceived,
    ServerConnection,
)
from refjk.speccheck import covers
from tests.http1.support import (
    NEXT_REQUEST,
    answer,
    chunked,
    connection_with,
    get,
    is_open,
    joined,
    post,
)

BROWSER = b"\r\n".join(
    [
        b"GET /app/p/echo?x=1 HTTP/1.1",
        b"Host: localhost:8080",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        b"Accept-Language: en-US,en;q=0.5",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Connection: keep-alive",
        b"Cookie: JSESSIONID=0123456789ABCDEF0123456789ABCDEF.node1",
        b"Sec-Fetch-Dest: document",
        b"",
        b"",
    ]
)

GOOD = {
    "a browser's": BROWSER,
    "no headers": b"GET / HTTP/1.0\r\n\r\n",
    "kept HTTP/1.0": get(b"GET / HTTP/1.0", b"Connection: Keep-Alive"),
    "an empty line before": b"\r\n" + get(),
    "an absolute target": get(b"GET http://other:80/a?b HTTP/1.1"),
    "options": get(b"OPTIONS * HTTP/1.1"),
    "head": get(b"HEAD / HTTP/1.1"),
    "blanks and high octets": get(b"GET / HTTP/1.1", b"X: \t \xe4\xff \t", b"Y:", b"Z:\t"),
    "an empty body": post(b"Content-Length: 0", body=b""),
    "a body": post(b"Content-Length: 12", body=b"\r\n\r\nGET / \r\n\r\n"[:12]),
    "an empty chunked body": chunked(b"0\r\n\r\n"),
    "chunks": chunked(b"1\r\na\r\nA;x=y\r\n\r\n0\r\n\r\nabc\r\n00\r\nA: b\r\nC: d\r\n\r\n"),
    "a body that waits": post(b"Content-Length: 2", b"Expect: 100-continue", body=b"ab"),
    "a long head": get(b"GET /" + b"a" * 8000 + b" HTTP/1.1", *[b"X: " + b"b" * 8000] * 6),
}


def dialogue(octets: bytes, size: int) -> list[Event]:
    """The events of two requests fed in pieces of this size, each answered as soon as it is complete."""
    connection = ServerConnection()
    events: list[Event] = []
    for start in range(0, len(octets), size):
        events += connection.receive(octets[start : start + size])
        while connection.phase is Phase.ANSWER_DUE:
            answer(connection)
            events += connection.resume()
    return joined(events)


@covers("HTP-PIP-01")
@pytest.mark.parametrize("name", GOOD)
def test_a_good_request_is_the_same_whole_in_octets_and_with_the_next_behind_it(name: str) -> None:
    octets = GOOD[name]
    alone = dialogue(octets, len(octets))
    assert isinstance(alone[0], RequestReceived)
    assert len(alone) == 1 or (len(alone) <= 3 and alone[-1] == BodyEnded())

    assert dialogue(octets, 1) == alone
    assert dialogue(octets, 7) == alone

    following = dialogue(NEXT_REQUEST, len(NEXT_REQUEST)) if alone[0].persistent else []
    glued = octets + NEXT_REQUEST
    assert dialogue(glued, len(glued)) == alone + following
    assert dialogue(glued, 1) == alone + following


@covers("HTP-PIP-01")
def test_pipelined_requests_wait_for_the_answer_before_them() -> None:
    connection = ServerConnection()
    events = connection.receive(
        get(b"GET /1 HTTP/1.1") + post(b"Content-Length: 1", body=b"a") + NEXT_REQUEST
    )
    assert [type(event) for event in events] == [RequestReceived]
    assert connection.receive(b"GET /4") == []
    assert not connection.may_receive
    answer(connection)
    assert [type(event) for event in connection.resume()] == [RequestReceived, BodyReceived, BodyEnded]
    answer(connection)
    (third,) = connection.resume()
    assert isinstance(third, RequestReceived) and third.path == b"/next"
    answer(connection)
    assert connection.resume() == []
    assert connection.phase is Phase.HEAD_DUE and connection.may_receive and connection.buffered_size == 6


@covers("HTP-PIP-02")
def test_what_waits_behind_a_request_is_bounded() -> None:
    limits = Limits(pipelined_size_max=10)
    connection = connection_with(get() + b"X" * 10, limits)
    assert connection.keep_alive and connection.buffered_size == 10
    connection.receive(b"X")
    assert not connection.keep_alive and connection.buffered_size == 0
    assert b"Connection: close" in answer(connection)
    assert connection.must_close and connection.resume() == []


@covers("HTP-PIP-03")
def test_nothing_is_kept_behind_a_last_request() -> None:
    last = get(b"GET / HTTP/1.1", b"Connection: close")
    connection = connection_with(last + NEXT_REQUEST)
    assert connection.buffered_size == 0
    answer(connection)
    assert connection.must_close
    assert connection.receive(NEXT_REQUEST) == []


@covers("HTP-CON-01", "HTP-CON-02", "HTP-CON-03")
@pytest.mark.parametrize(
    ("version", "option", "is_kept", "header"),
    [
        (b"HTTP/1.1", b"", True, b""),
        (b"HTTP/1.1", b"keep-alive", True, b""),
        (b"HTTP/1.1", b"close", False, b"Connection: close\r\n"),
        (b"HTTP/1.1", b"x, \tClose", False, b"Connection: close\r\n"),
        (b"HTTP/1.1", b"x\r\nConnection: close", False, b"Connection: close\r\n"),
        (b"HTTP/1.1", b"closed", True, b""),
        (b"HTTP/1.0", b"", False, b"Connection: close\r\n"),
        (b"HTTP/1.0", b"x", False, b"Connection: close\r\n"),
        (b"HTTP/1.0", b"Keep-Alive", True, b"Connection: keep-alive\r\n"),
        (b"HTTP/1.0", b"keep-alive, close", False, b"Connection: close\r\n"),
    ],
)
def test_connections_are_kept_as_version_and_connection_say(
    version: bytes, option: bytes, is_kept: bool, header: bytes
) -> None:
    connection = connection_with(get(b"GET / " + version, b"Connection: " + option))
    assert connection.keep_alive is is_kept
    octets = answer(connection)
    assert octets == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + header + b"\r\nok"
    assert is_open(connection) is is_kept


@covers("HTP-EXP-03")
def test_100_is_sent_only_to_a_client_that_waits() -> None:
    waiting = post(b"Content-Length: 2", b"Expect: 100-continue", body=b"")
    connection = connection_with(waiting)
    assert connection.continue_due
    connection.send_continue()
    assert connection.data_to_send() == b"HTTP/1.1 100 Continue\r\n\r\n"

    answered = connection_with(waiting)
    answered.send_response(200, b"OK", [])
    for other in (connection, answered, connection_with(waiting + b"a"), connection_with(get())):
        other.data_to_send()
        assert not other.continue_due
        with pytest.raises(LocalProtocolError):
            other.send_continue()
        assert other.data_to_send() == b""


@covers("HTP-EXP-04")
def test_an_answer_to_a_client_that_still_waits_ends_the_connection() -> None:
    waiting = post(b"Content-Length: 2", b"Expect: 100-continue", body=b"")
    connection = connection_with(waiting)
    assert b"Connection: close\r\n" in answer(connection)
    assert connection.must_close and not connection.answer_broken

    connection = connection_with(waiting)
    connection.send_continue()
    connection.receive(b"ab")
    assert b"Connection" not in answer(connection)
    assert is_open(connection)


@covers("HTP-DRN-01")
@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (post(b"Content-Length: 10", body=b"a"), b"bcdefghij"),
        (chunked(b"3\r\na"), b"bc\r\n0\r\n\r\n"),
    ],
)
def test_a_small_rest_of_a_body_is_dropped(head: bytes, rest: bytes) -> None:
    connection = connection_with(head, Limits(drain_size_max=len(rest)))
    assert connection.body_wanted
    answer(connection)
    assert connection.phase is Phase.DRAINING and connection.may_receive and not connection.body_wanted
    assert connection.resume() == []
    assert connection.receive(rest[:-1]) == []
    (event,) = connection.receive(rest[-1:] + NEXT_REQUEST)
    assert isinstance(event, RequestReceived) and event.path == b"/next"


@covers("HTP-DRN-02")
def test_a_large_rest_of_a_body_ends_the_connection() -> None:
    connection = connection_with(post(b"Content-Length: 10", body=b"a"), Limits(drain_size_max=8))
    answer(connection)
    assert connection.must_close and not connection.answer_broken

    connection = connection_with(chunked(b"3\r\na"), Limits(drain_size_max=8))
    answer(connection)
    assert connection.phase is Phase.DRAINING
    assert connection.receive(b"bc\r\n0\r\n\r\n") == []
    assert connection.must_close


def test_a_fault_in_a_rest_that_is_dropped_ends_the_connection_without_an_answer() -> None:
    connection = connection_with(chunked(b"3\r\na"))
    answer(connection)
    (event,) = connection.receive(b"bcX")
    assert isinstance(event, Refused) and event.clause == "HTP-CHK-05"
    assert connection.must_close and connection.data_to_send() == b"" and not connection.answer_broken


@covers("HTP-EOF-01")
def test_an_end_between_requests_is_clean_and_within_a_head_it_is_not() -> None:
    for octets, is_clean in (
        (b"", True),
        (b"\r\n", True),
        (b"\r", False),
        (b"G", False),
        (get()[:-1], False),
    ):
        connection = connection_with(octets)
        assert connection.receive_eof() == [PeerClosed(is_clean)]
        assert connection.must_close and connection.data_to_send() == b""
        assert connection.receive_eof() == []


@covers("HTP-EOF-02")
@pytest.mark.parametrize(
    "octets",
    [post(b"Content-Length: 2", body=b"a"), chunked(b"1\r\na\r\n"), chunked(b"0\r\n"), chunked(b"0\r\n\r")],
)
@pytest.mark.parametrize("has_begun", [False, True])
def test_a_body_that_stops_short_never_ends(octets: bytes, has_begun: bool) -> None:
    connection = connection_with(octets)
    if has_begun:
        connection.send_response(200, b"OK", [])
    assert connection.receive_eof() == [PeerClosed(clean=False)]
    assert connection.must_close and connection.answer_broken is has_begun
    assert octets.endswith(b"\r") is (connection_with(octets).receive(b"\n") == [BodyEnded()])


@covers("HTP-EOF-03")
def test_complete_requests_before_the_end_are_answered() -> None:
    connection = connection_with(get() + NEXT_REQUEST)
    assert connection.receive_eof() == []
    assert connection.keep_alive and not connection.may_receive
    assert b"Connection" not in answer(connection)
    (request,) = connection.resume()
    assert isinstance(request, RequestReceived)
    assert not connection.keep_alive
    assert b"Connection: close" in answer(connection)
    assert connection.must_close

    connection = connection_with(get() + NEXT_REQUEST[:-1])
    connection.receive_eof()
    answer(connection)
    assert connection.resume() == [PeerClosed(clean=False)]


@covers("HTP-REF-01")
def test_a_refusal_is_a_complete_answer_that_repeats_nothing() -> None:
    connection = ServerConnection()
    connection.refusal_headers = [(b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    (event,) = connection.receive(get(b"GET / HTTP/1.1", b"<b> : secret"))
    assert event == Refused(
        400, "HTP-FLD-01", 25, "a name token directly followed by a colon", "'<b> : secret'"
    )
    assert connection.must_close and not connection.answer_broken
    assert connection.data_to_send() == (
        b"HTTP/1.1 400 Bad Request\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\nContent-Length: 29\r\nConnection: close\r\n\r\n"
        b"400 Bad Request (HTP-FLD-01)\n"
    )


@covers("HTP-REF-01")
def test_headers_of_refusals_are_checked_when_they_are_set() -> None:
    connection = ServerConnection()
    with pytest.raises(LocalProtocolError):
        connection.refusal_headers = [(b"Server", b"a\r\nb")]
    assert connection.refusal_headers == ()


@covers("HTP-REF-02")
def test_a_refusal_of_head_has_no_content() -> None:
    for octets in (b"HEAD / HTTP/1.1\r\n\r\n", chunked(b"x\r\n").replace(b"POST", b"HEAD")):
        connection = ServerConnection()
        assert isinstance(connection.receive(octets)[-1], Refused)
        assert connection.data_to_send().endswith(b"Connection: close\r\n\r\n")


@covers("HTP-REF-03")
def test_a_fault_in_a_body_breaks_an_answer_that_has_begun() -> None:
    connection = connection_with(chunked(b""))
    connection.send_response(200, b"OK", [])
    connection.send_body(b"abc")
    connection.data_to_send()
    (event,) = connection.receive(b"x\r\n")
    assert isinstance(event, Refused)
    assert connection.data_to_send() == b""
    assert connection.must_close and connection.answer_broken

    connection = connection_with(chunked(b""))
    connection.receive(b"x\r\n")
    assert connection.data_to_send().startswith(b"HTTP/1.1 400 ")
    assert connection.must_close and not connection.answer_broken


@covers("HTP-REF-04")
def test_nothing_is_read_behind_a_refusal() -> None:
    connection = ServerConnection()
    connection.receive(b"x\r\n" + NEXT_REQUEST)
    assert connection.receive(NEXT_REQUEST) == []
    assert connection.receive_eof() == [] and connection.resume() == []
    assert connection.buffered_size == 0 and not connection.may_receive


CALLS: dict[str, Callable[[ServerConnection], object]] = {
    "send_response": lambda c: c.send_response(200, b"OK", []),
    "send_body": lambda c: c.send_body(b"a"),
    "end_response": lambda c: c.end_response(),
    "resume": lambda c: c.resume(),
    "send_continue": lambda c: c.send_continue(),
}


def _in_phase(phase: Phase) -> ServerConnection:
    connection = ServerConnection()
    if phase is Phase.HEAD_DUE:
        return connection
    has_body = phase in (Phase.BODY_DUE, Phase.BODY_ANSWERING, Phase.DRAINING)
    connection.receive(post(b"Content-Length: 1", body=b"") if has_body else get())
    if phase in (Phase.BODY_ANSWERING, Phase.ANSWERING):
        connection.send_response(200, b"OK", [])
    if phase in (Phase.DRAINING, Phase.ANSWERED):
        answer(connection)
    if phase is Phase.CLOSED:
        connection.abort()
    connection.data_to_send()
    return connection


LEGAL = {
    Phase.HEAD_DUE: set(),
    Phase.BODY_DUE: {"send_response"},
    Phase.BODY_ANSWERING: {"send_body", "end_response"},
    Phase.ANSWER_DUE: {"send_response"},
    Phase.ANSWERING: {"send_body", "end_response"},
    Phase.DRAINING: {"resume"},
    Phase.ANSWERED: {"resume"},
    Phase.CLOSED: {"resume"},
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_out_of_turn_is_an_error_and_changes_nothing(phase: Phase, call: str) -> None:
    connection = _in_phase(phase)
    assert connection.phase is phase
    if call in LEGAL[phase]:
        CALLS[call](connection)
        return
    with pytest.raises(LocalProtocolError):
        CALLS[call](connection)
    assert connection.phase is phase and connection.data_to_send() == b""


def test_a_timid_client_is_read_in_linear_time() -> None:
    # With limits this wide a search from the start for each octet would take minutes.
    size = 300_000
    limits = Limits(header_line_size_max=size, head_size_max=2 * size)
    octets = get(b"GET / HTTP/1.1", b"X: " + b"a" * (size - 100))
    connection = ServerConnection(limits)
    events = [event for octet in octets for event in connection.receive(bytes((octet,)))]
    assert [type(event) for event in events] == [RequestReceived]
