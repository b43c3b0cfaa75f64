"""Where a request body ends."""

from __future__ import annotations

import pytest

from refjk.http1 import BodyEnded, BodyKind, BodyReceived, Limits, Refused, RequestReceived, ServerConnection
from refjk.speccheck import covers
from tests.http1.support import accepted, chunked, feed, get, post, refused


def body_of(octets: bytes, limits: Limits | None = None) -> bytes:
    """The content of a request, which must be complete."""
    events = feed(octets, limits)
    assert isinstance(events[0], RequestReceived), events
    assert events[-1] == BodyEnded(), events
    assert len(events) <= 3
    return b"".join(event.data for event in events if isinstance(event, BodyReceived))


@covers("HTP-LEN-01")
def test_content_length_is_digits() -> None:
    assert body_of(post(b"Content-Length: 3", body=b"abc")) == b"abc"
    assert body_of(post(b"Content-Length: 0", body=b"")) == b""
    assert body_of(post(b"Content-Length: \t003 ", body=b"abc")) == b"abc"
    assert accepted(post(b"Content-Length: 0", body=b"")).body_kind is BodyKind.LENGTH
    for value in (b"", b"+3", b"-3", b"3_0", b"0x3", b"3 0", b"3, 3", b"3,3", b"3.0", b"\xb2", b"3;a"):
        assert refused(post(b"Content-Length: " + value, body=b"abc")) == (400, "HTP-LEN-01"), value


@covers("HTP-LEN-02")
def test_content_length_comes_once() -> None:
    for second in (b"3", b"4", b"x"):
        octets = post(b"Content-Length: 3", b"content-length: " + second, body=b"abc")
        assert refused(octets) == (400, "HTP-LEN-02")


@covers("HTP-LEN-03")
def test_content_length_fits_63_bits_and_19_digits() -> None:
    assert accepted(post(b"Content-Length: 9223372036854775807", body=b"")).body_size == 2**63 - 1
    assert accepted(post(b"Content-Length: 0000000000000000003", body=b"")).body_size == 3
    for value in (b"9223372036854775808", b"00000000000000000003", b"9" * 5000):
        assert refused(post(b"Content-Length: " + value, body=b"")) == (400, "HTP-LEN-03")


@covers("HTP-TRE-01", "HTP-TRE-02")
@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (b"chunked", None),
        (b"Chunked", None),
        (b"  CHUNKED\t", None),
        (b"", (400, "HTP-TRE-01")),
        (b"chunked, chunked", (400, "HTP-TRE-01")),
        (b"chunked, identity", (400, "HTP-TRE-01")),
        (b"chunked,", (400, "HTP-TRE-01")),
        (b",chunked", (400, "HTP-TRE-01")),
        (b"chunked;q=1", (400, "HTP-TRE-01")),
        (b'"chunked"', (400, "HTP-TRE-01")),
        (b"chunked chunked", (400, "HTP-TRE-01")),
        (b"chunked\xa0", (400, "HTP-TRE-01")),
        (b"gzip", (501, "HTP-TRE-02")),
        (b"identity", (501, "HTP-TRE-02")),
        (b"xchunked", (501, "HTP-TRE-02")),
        (b"gzip, chunked", (501, "HTP-TRE-02")),
        (b"GZIP,Chunked", (501, "HTP-TRE-02")),
    ],
)
def test_transfer_encoding_is_chunked(value: bytes, outcome: tuple[int, str] | None) -> None:
    octets = post(b"Transfer-Encoding: " + value, body=b"3\r\nabc\r\n0\r\n\r\n")
    if outcome is None:
        assert body_of(octets) == b"abc"
    else:
        assert refused(octets) == outcome


@covers("HTP-TRE-03")
def test_http_1_0_has_no_transfer_encoding() -> None:
    assert accepted(get(b"POST / HTTP/1.0", b"TE: chunked")).body_kind is BodyKind.NONE
    octets = get(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")
    assert refused(octets) == (400, "HTP-TRE-03")


@covers("HTP-TRE-04")
def test_length_and_transfer_encoding_exclude_each_other() -> None:
    both = (b"Content-Length: 5", b"Transfer-Encoding: chunked")
    assert refused(post(*both, body=b"0\r\n\r\n")) == (400, "HTP-TRE-04")
    assert refused(post(*reversed(both), body=b"0\r\n\r\n")) == (400, "HTP-TRE-04")
    assert refused(post(b"Content-Length: 5", b"Transfer-Encoding:", body=b"")) == (400, "HTP-TRE-04")


@covers("HTP-TRE-05")
def test_transfer_encoding_comes_once() -> None:
    for second in (b"chunked", b"identity", b""):
        octets = chunked(b"0\r\n\r\n", b"Transfer-Encoding: " + second)
        assert refused(octets) == (400, "HTP-TRE-05")


@covers("HTP-CHK-01")
def test_a_chunk_size_is_1_to_16_hexadecimal_digits() -> None:
    assert body_of(chunked(b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n")) == b"01234567890123456789a"
    assert body_of(chunked(b"0000000000000001\r\na\r\n0000000000000000\r\n\r\n")) == b"a"
    for line in (b"00000000000000001", b"g", b"", b"-1", b"+1", b"0x1", b" 1", b"1 ", b"1_0", b"1 1", b"1,"):
        assert refused(chunked(line + b"\r\na\r\n0\r\n\r\n")) == (400, "HTP-CHK-01"), line


@covers("HTP-CHK-02")
def test_chunk_extensions_are_dropped() -> None:
    for extension in (b";", b";a", b' ;a="b;c"', b"\t; a = b;c", b";\xe4"):
        octets = chunked(b"1%b\r\na\r\n0%b\r\n\r\n" % (extension, extension))
        assert body_of(octets) == b"a", extension
    for extension in (b";\0", b";a\x7f", b";a=\x0b"):
        assert refused(chunked(b"1%b\r\na\r\n" % extension)) == (400, "HTP-CHK-02"), extension


@covers("HTP-CHK-03")
def test_chunk_lines_end_with_cr_lf() -> None:
    for line in (b"1\na\r\n", b"\n", b"1;a\na\r\n", b"1\r\r\n", b"1;a\rb\r\n", b"\rx"):
        assert refused(chunked(line)) == (400, "HTP-CHK-03"), line


@covers("HTP-CHK-04")
def test_a_chunk_line_has_a_limit() -> None:
    limits = Limits(chunk_line_size_max=10)
    assert body_of(chunked(b"1;34567890\r\na\r\n0\r\n\r\n"), limits) == b"a"
    assert refused(chunked(b"1;345678901\r\na\r\n0\r\n\r\n"), limits) == (400, "HTP-CHK-04")
    assert refused(chunked(b"1;3456789012"), limits) == (400, "HTP-CHK-04")


@covers("HTP-CHK-05")
def test_chunk_data_is_followed_by_cr_lf() -> None:
    for end in (b"b", b"\n", b"\r\r", b"\rb", b"0\r\n"):
        events = feed(chunked(b"1\r\na" + end))
        assert events[1] == BodyReceived(b"a"), "what came before the fault is reported"
        assert isinstance(events[2], Refused)
        assert (events[2].status, events[2].clause) == (400, "HTP-CHK-05")


@covers("HTP-CHK-06")
def test_a_trailer_section_has_a_limit() -> None:
    limits = Limits(trailer_size_max=10)
    assert body_of(chunked(b"0\r\nA: 345\r\n\r\n"), limits) == b""
    assert refused(chunked(b"0\r\nA: 3456\r\n\r\n"), limits) == (431, "HTP-CHK-06")
    assert refused(chunked(b"0\r\nA: 3456789"), limits) == (431, "HTP-CHK-06")


@covers("HTP-CHK-07")
def test_trailers_are_checked_and_dropped() -> None:
    octets = chunked(b"1\r\na\r\n0\r\nContent-Length: 7\r\nX: y\r\n\r\n")
    assert body_of(octets) == b"a"
    assert refused(chunked(b"0\r\nX : y\r\n\r\n")) == (400, "HTP-FLD-01")
    assert refused(chunked(b"0\r\nX: y\r\n z\r\n\r\n")) == (400, "HTP-FLD-02")
    assert refused(chunked(b"0\r\nX: \0\r\n\r\n")) == (400, "HTP-FLD-03")
    assert refused(chunked(b"0\r\nGET / HTTP/1.1\r\n\r\n")) == (400, "HTP-FLD-01")


def test_the_offset_of_a_refusal_in_a_body_counts_from_the_request_line() -> None:
    for sound, odd in ((b"1\r\na\r\n1\r\nb", b"X"), (b"3\r\nabc\r\n0\r\nA: b\r\nX", b" : y\r\n\r\n")):
        event = feed(chunked(sound + odd))[-1]
        assert isinstance(event, Refused)
        assert event.offset == len(chunked(sound))


def test_a_body_arrives_in_the_pieces_in_which_it_came() -> None:
    connection = ServerConnection()
    connection.receive(post(b"Content-Length: 5", body=b""))
    assert connection.receive(b"ab") == [BodyReceived(b"ab")]
    assert connection.receive(b"") == []
    assert connection.receive(b"cdeGET") == [BodyReceived(b"cde"), BodyEnded()]
    assert connection.buffered_size == 3
