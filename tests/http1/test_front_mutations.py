"""Valid requests, changed a little: the front never sees more requests than a strict reading does.

Beside it the shapes of `spec/http-front.md` that need limits or an end of the input, each with its answer.
Each seed is a run of its own; its number is in the name of the test and in every message.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

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
from tests.http1.support import NEXT_REQUEST, answer, chunked, feed, get, is_open, post, refused
from tests.http1.test_smuggling import REFUSED

SEEDS = range(12)
ROUNDS = 250
SPEC = Path(__file__).resolve().parents[2] / "spec" / "http-front.md"

VALID = (
    get(),
    get(b"GET /app/a;x=1?b=c HTTP/1.1", b"User-Agent: u", b"Accept: */*", b"Cookie: a=b; c=d"),
    get(b"HEAD /x HTTP/1.1"),
    get(b"OPTIONS * HTTP/1.1"),
    get(b"GET http://other:80/a?b HTTP/1.1"),
    get(b"DELETE /x HTTP/1.1", b"Content-Length: 0"),
    get(b"GET / HTTP/1.0", b"Connection: keep-alive"),
    b"GET / HTTP/1.0\r\n\r\n",
    b"\r\n" + get(b"GET /after-an-empty-line HTTP/1.1"),
    get(b"GET /last HTTP/1.1", b"Connection: close"),
    get(b"GET / HTTP/1.1", b"TE: trailers", b"Connection: TE"),
    get(b"GET / HTTP/1.1", b"X:", b"Y: \t a \t", b"Z: \xe4\xff"),
    post(b"Content-Length: 5", body=b"hello"),
    post(b"Content-Length: 31", body=NEXT_REQUEST),
    post(b"Content-Length: 4", b"Expect: 100-continue", body=b"\r\n\r\n"),
    post(b"Content-Type: text/plain", b"content-length: 2", b"X: y", body=b"ab"),
    chunked(b"0\r\n\r\n"),
    chunked(b"5\r\nhello\r\n0\r\n\r\n"),
    chunked(b"1f;a=b\r\n" + NEXT_REQUEST + b"\r\n00\r\nTrailer-A: b\r\n\r\n"),
    chunked(b"1\r\na\r\n1\r\nb\r\n0\r\nContent-Length: 9\r\nHost: other\r\n\r\n"),
    get(b"PUT /x HTTP/1.1", b"transfer-encoding: Chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
)
LINES = (
    *(
        b"Content-Length: 0\r\n",
        b"Content-Length: 31\r\n",
        b"Content-Length: +5\r\n",
        b"content-length:5\r\n",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding: x\r\n"),
    *(
        b" folded\r\n",
        b"Host: other\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"X: a\n",
        b"X: \0\r\n",
        b"Bad\r\n",
    ),
    *(b"0\r\n", b"5;x\r\n", b"ffffffffffffffff\r\n", NEXT_REQUEST),
)
ODD = b"\r\n\t :;,+-0159afxX\0\x0b\x7f\x80\xff"

# The oracle: a reading so strict that whoever knows HTTP/1.1 agrees where its requests end.
_LINE = re.compile(rb"([!#-'*+\-.^-z|~\w]+) ([!-~]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#-'*+\-.^-z|~\w]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")


@dataclass(frozen=True)
class Read:
    """A request and, if it is complete, its body."""

    method: bytes
    target: bytes
    body: bytes | None


def fields_until_empty(octets: bytes, at: int) -> tuple[list[tuple[bytes, bytes]], int] | None:
    """Fields of sound lines and what follows the empty one."""
    found: list[tuple[bytes, bytes]] = []
    while True:
        end = octets.find(b"\r\n", at)
        line = octets[at:end]
        if end < 0 or b"\n" in line:
            return None
        at = end + 2
        if not line:
            return found, at
        match = _FIELD.fullmatch(line)
        if match is None:
            return None
        found.append((match[1].lower(), match[2]))


def chunks(octets: bytes, at: int) -> tuple[bytes, int] | None:
    body = b""
    while True:
        end = octets.find(b"\r\n", at)
        match = _CHUNK.fullmatch(octets[at:end]) if end >= 0 else None
        if match is None:
            return None
        size, at = int(match[1], 16), end + 2
        if size == 0:
            trailers = fields_until_empty(octets, at)
            return None if trailers is None else (body, trailers[1])
        if octets[at + size : at + size + 2] != b"\r\n":
            return None
        body, at = body + octets[at : at + size], at + size + 2


def read_strictly(octets: bytes) -> list[Read]:
    """All requests up to the first octet about which there could be two opinions."""
    seen: list[Read] = []
    at = 0
    while True:
        at += 2 if octets.startswith(b"\r\n", at) else 0
        end = octets.find(b"\r\n", at)
        line = _LINE.fullmatch(octets[at:end]) if end >= 0 else None
        fields = None if line is None else fields_until_empty(octets, end + 2)
        if line is None or fields is None:
            return seen
        found, at = fields
        lengths = [value for name, value in found if name == b"content-length"]
        codings = [value.lower() for name, value in found if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
            return seen
        if not all(re.fullmatch(rb"[0-9]+", value) for value in lengths):
            return seen
        body: bytes | None = b""
        if codings:
            whole = chunks(octets, at)
            body, at = (None, at) if whole is None else whole
        elif lengths:
            size = int(lengths[0])
            body, at = octets[at : at + size], at + size
            body = body if len(body) == size else None
        seen.append(Read(line[1], line[2], body))
        if body is None:
            return seen


def changed(octets: bytes, chance: random.Random) -> bytes:
    """Some octets or lines inserted, left out, doubled or swapped, or the rest cut off."""
    for _ in range(chance.randint(1, 3)):
        lines = octets.splitlines(keepends=True) or [b""]
        row, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        at = chance.randint(0, len(octets))
        match chance.randrange(12):
            case 0:
                octets = octets[:at] + bytes([chance.choice(ODD)]) + octets[at:]
            case 1:
                octets = octets[:at] + octets[at + chance.randint(1, 2) :]
            case 2:
                octets = octets[:at] + octets[at : at + 2][::-1] + octets[at + 2 :]
            case 3:
                octets = octets[:at] + octets[at : at + 1] + octets[at:]
            case 4:
                octets = octets[:at] + bytes([chance.randrange(256)]) + octets[at + 1 :]
            case 5:
                octets = b"".join([*lines[:row], chance.choice(LINES), *lines[row:]])
            case 6:
                octets = b"".join([*lines[:row], *lines[row + 1 :]])
            case 7:
                octets = b"".join([*lines[:row], lines[row], *lines[row:]])
            case 8:
                lines[row], lines[other] = lines[other], lines[row]
                octets = b"".join(lines)
            case 9 | 10:
                body = lines[row].rstrip(b"\r\n")
                lines[row] = body + bytes([chance.choice(ODD)]) + lines[row][len(body) :]
                octets = b"".join(lines)
            case _:
                octets = octets[:at] if chance.random() < 0.3 else octets
    return octets


def seen_by_the_front(octets: bytes, chance: random.Random, where: str) -> list[Read]:
    """The requests that the core reports for octets in random pieces, each answered when it is complete."""
    connection = ServerConnection()
    seen: list[Read] = []
    refusals = 0

    def take(events: list[Event]) -> None:
        nonlocal refusals
        for event in events:
            assert not refusals, where
            if isinstance(event, RequestReceived):
                assert not seen or seen[-1].body is not None, where
                seen.append(Read(event.method, event.target, None if event.body_size != 0 else b""))
                pieces.clear()
            elif isinstance(event, BodyReceived):
                pieces.append(event.data)
            elif isinstance(event, BodyEnded):
                seen[-1] = Read(seen[-1].method, seen[-1].target, b"".join(pieces))
            elif isinstance(event, Refused):
                assert event.status in (400, 413, 414, 417, 431, 501, 505), where
                assert connection.must_close, where
                refusals += 1
        if connection.phase is Phase.ANSWER_DUE:
            answer(connection)
            take(connection.resume())

    pieces: list[bytes] = []
    at = 0
    while at < len(octets) and connection.may_receive:
        size = chance.choice((1, 2, 7, 100, 10_000))
        take(connection.receive(octets[at : at + size]))
        at += size
    assert connection.phase in (Phase.HEAD_DUE, Phase.BODY_DUE, Phase.CLOSED), where
    if connection.may_receive:
        last = connection.receive_eof()
        assert all(isinstance(event, PeerClosed) for event in last), where
    assert connection.phase is Phase.CLOSED and connection.must_close, where
    assert connection.buffered_size == 0, where
    return seen


@covers("HTP-REF-04", "HTP-PIP-01")
@pytest.mark.parametrize("octets", VALID)
def test_the_oracle_and_the_front_agree_about_valid_requests(octets: bytes) -> None:
    glued = octets + NEXT_REQUEST
    seen = seen_by_the_front(glued, random.Random(0), repr(octets))
    assert seen == read_strictly(glued)[: len(seen)]
    is_last = b"close" in octets or octets.startswith(b"GET / HTTP/1.0\r\n\r\n")
    assert len(seen) == (1 if is_last else 2)


@covers("HTP-REF-04", "HTP-TRE-04", "HTP-LEN-02", "HTP-END-01", "HTP-END-02", "HTP-FLD-01", "HTP-CHK-05")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_front_never_sees_a_request_that_a_strict_reading_does_not(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    requests = ended_early = 0
    for number in range(ROUNDS):
        octets = b"".join(chance.choices(VALID, k=chance.randint(0, 1)))
        octets += changed(chance.choice(VALID), chance) + NEXT_REQUEST
        where = f"seed {seed}, round {number}: {octets!r}"
        seen, strict = seen_by_the_front(octets, chance, where), read_strictly(octets)
        assert len(seen) <= len(strict), (where, seen, strict)
        for ours, theirs in zip(seen, strict, strict=False):
            assert (ours.method, ours.target) == (theirs.method, theirs.target), where
            # The front may have refused the rest of a body; it never takes another body for complete.
            assert ours.body in (None, theirs.body), where
        requests += len(seen)
        ended_early += NEXT_REQUEST.split()[1] not in [one.target for one in seen]
    assert requests > ROUNDS / 2 and ended_early > ROUNDS / 10


TIGHT = Limits(request_line_size_max=40, header_line_size_max=40, head_size_max=200, header_count_max=4)
CHUNKY = Limits(chunk_line_size_max=20, trailer_size_max=40, body_size_max=10)

LIMITED = {
    "an oversized request line": (TIGHT, get(b"GET /" + b"a" * 40 + b" HTTP/1.1"), 414, "HTP-LIM-01"),
    "a request line without an end": (TIGHT, b"G" * 41, 414, "HTP-LIM-01"),
    "an oversized header line": (TIGHT, get(b"GET / HTTP/1.1", b"X: " + b"a" * 40), 431, "HTP-LIM-02"),
    "a header line without an end": (TIGHT, get()[:-2] + b"X" * 41, 431, "HTP-LIM-02"),
    "too large a head": (
        Limits(head_size_max=60),
        get(b"GET / HTTP/1.1", b"X: " + b"a" * 40),
        431,
        "HTP-LIM-03",
    ),
    "too many headers": (TIGHT, get(b"GET / HTTP/1.1", *[b"X: y"] * 4), 431, "HTP-LIM-04"),
    "an oversized chunk line": (CHUNKY, chunked(b"0;" + b"x" * 20 + b"\r\n\r\n"), 400, "HTP-CHK-04"),
    "a chunk line without an end": (CHUNKY, chunked(b"0;" + b"x" * 20), 400, "HTP-CHK-04"),
    "zeros before a chunk size": (Limits(), chunked(b"0" * 17 + b"\r\n\r\n"), 400, "HTP-CHK-01"),
    "a chunk size above the limit": (CHUNKY, chunked(b"fffffffffffffff0\r\n"), 413, "HTP-LIM-06"),
    "an extension with a control octet": (Limits(), chunked(b"0;a=\x00\r\n\r\n"), 400, "HTP-CHK-02"),
    "oversized trailers": (CHUNKY, chunked(b"0\r\n" + b"A: b\r\n" * 7 + b"\r\n"), 431, "HTP-CHK-06"),
    "a folded trailer": (Limits(), chunked(b"0\r\nA: b\r\n c\r\n\r\n"), 400, "HTP-FLD-02"),
    "an absolute target that names a user": (
        Limits(),
        get(b"GET http://u@other/ HTTP/1.1"),
        400,
        "HTP-LIN-05",
    ),
}

CLEAR = {
    "a coding in other letter case or with blanks around it": get(
        b"PUT /x HTTP/1.1", b"TRANSFER-encoding: \t CHUNKED \t", body=b"1\r\na\r\n0\r\n\r\n"
    ),
    "up to 16 digits of a chunk size, zeros before it": chunked(b"0000000000000001\r\na\r\n0\r\n\r\n"),
    "a chunk extension of any text": chunked(b'1 ; a="\xff;;==\\\r\na\r\n0;;;\r\n\r\n'),
    "Transfer-Encoding or Host among the trailers": chunked(
        b"0\r\nTransfer-Encoding: x\r\nHost: other\r\n\r\n"
    ),
    "an absolute target beside another Host": get(b"GET http://other/ HTTP/1.1"),
    "zeros before a Content-Length": post(b"Content-Length: 0001", body=b"a"),
}


@covers("HTP-LIM-01", "HTP-LIM-02", "HTP-LIM-03", "HTP-LIM-04", "HTP-LIM-06", "HTP-CHK-01", "HTP-CHK-02")
@covers("HTP-CHK-04", "HTP-CHK-06", "HTP-CHK-07", "HTP-FLD-02", "HTP-LIN-05")
@pytest.mark.parametrize("name", LIMITED)
def test_what_is_too_large_or_odd_is_refused_and_ends_the_connection(name: str) -> None:
    limits, octets, status, clause = LIMITED[name]
    assert refused(octets + NEXT_REQUEST, limits) == (status, clause)
    connection = ServerConnection(limits)
    connection.receive(octets + NEXT_REQUEST)
    assert connection.must_close
    assert connection.data_to_send().startswith(b"HTTP/1.1 %d " % status)
    assert connection.receive(NEXT_REQUEST) == []


@covers("HTP-TRE-01", "HTP-CHK-01", "HTP-CHK-02", "HTP-CHK-07", "HTP-LIN-05", "HTP-LEN-01")
@pytest.mark.parametrize("name", CLEAR)
def test_what_looks_odd_and_is_clear_is_one_request_before_the_next(name: str) -> None:
    seen = seen_by_the_front(CLEAR[name] + NEXT_REQUEST, random.Random(0), name)
    assert [one.target for one in seen][1:] == [b"/next"]
    assert seen == read_strictly(CLEAR[name] + NEXT_REQUEST)


@covers("HTP-LIN-05")
def test_the_authority_of_an_absolute_target_is_what_is_reported() -> None:
    (request,) = feed(CLEAR["an absolute target beside another Host"])
    assert isinstance(request, RequestReceived) and request.authority == b"other"


@covers("HTP-EOF-01", "HTP-EOF-02")
@pytest.mark.parametrize("octets", [get()[:-2], get()[:-1], chunked(b"0\r\n"), chunked(b"1\r\na"), get()[:9]])
def test_without_its_last_line_end_a_request_is_not_complete(octets: bytes) -> None:
    connection = ServerConnection()
    events = connection.receive(octets)
    assert is_open(connection) and not any(isinstance(event, BodyEnded) for event in events)
    assert connection.phase in (Phase.HEAD_DUE, Phase.BODY_DUE)
    assert connection.receive_eof() == [PeerClosed(clean=False)]
    assert connection.must_close and connection.data_to_send() == b""


@pytest.mark.parametrize("name", [*REFUSED, *LIMITED])
def test_the_answer_to_a_shape_says_that_the_connection_ends(name: str) -> None:
    limits, octets = LIMITED[name][:2] if name in LIMITED else (Limits(), REFUSED[name][0])
    connection = ServerConnection(limits)
    connection.receive(octets + NEXT_REQUEST)
    assert b"\r\nConnection: close\r\n" in connection.data_to_send()
    assert connection.must_close


@pytest.mark.parametrize("name", CLEAR)
def test_the_chapter_names_every_odd_shape_that_is_clear(name: str) -> None:
    table = SPEC.read_text().partition("## 16. ")[2].partition("## 17. ")[0]
    assert f"| {name} |" in table.replace("`", "")
