"""Header lines, Host and Expect."""

from __future__ import annotations

import pytest

from refjk.http1 import BodyKind, ServerConnection
from refjk.http1.messages import Refused
from refjk.speccheck import covers
from tests.http1.support import accepted, get, post, refused


@covers("HTP-FLD-01")
def test_a_header_line_is_a_token_and_a_colon() -> None:
    assert accepted(get(b"GET / HTTP/1.1", b"!#$%&'*+-.^_`|~0Az:v")).headers[1] == (
        b"!#$%&'*+-.^_`|~0Az",
        b"v",
    )
    for line in (b"X : a", b"X\t: a", b": a", b"X", b"X(a): b", b"X\xe4: b", b"X\0: b", b"X a: b"):
        assert refused(get(b"GET / HTTP/1.1", line)) == (400, "HTP-FLD-01"), line


@covers("HTP-FLD-01")
def test_the_offset_of_a_refusal_points_at_the_octet() -> None:
    octets = get(b"GET / HTTP/1.1", b"Bad Name: a")
    (event,) = ServerConnection().receive(octets)
    assert isinstance(event, Refused)
    assert event.offset == octets.index(b" Name")


@covers("HTP-FLD-02")
def test_a_folded_line_is_refused() -> None:
    for line in (b" folded", b"\tfolded", b" Folded: a", b" "):
        assert refused(get(b"GET / HTTP/1.1", b"X: a", line)) == (400, "HTP-FLD-02")
    assert refused(b"GET / HTTP/1.1\r\n Host: h\r\n\r\n") == (400, "HTP-FLD-02")


@covers("HTP-FLD-03")
@pytest.mark.parametrize("octet", range(256))
def test_a_header_value_has_no_control_octets(octet: int) -> None:
    octets = get(b"GET / HTTP/1.1", b"X: a%cb" % octet)
    if octet == 9 or (octet >= 0x20 and octet != 0x7F):
        assert accepted(octets).headers[1] == (b"X", b"a%cb" % octet)
        return
    expected = {0x0A: "HTP-END-01", 0x0D: "HTP-END-02"}.get(octet, "HTP-FLD-03")
    assert refused(octets) == (400, expected)


@covers("HTP-FLD-04")
def test_headers_keep_order_repeats_and_letter_case_without_outer_blanks() -> None:
    lines = (b"x-A: 1", b"X-a:2", b"Cookie: \t a=1; b \t ", b"Cookie: c", b"Empty:", b"Blank: \t ", b"a_b: 1")
    assert accepted(get(b"GET / HTTP/1.1", *lines)).headers == [
        (b"Host", b"h"),
        (b"x-A", b"1"),
        (b"X-a", b"2"),
        (b"Cookie", b"a=1; b"),
        (b"Cookie", b"c"),
        (b"Empty", b""),
        (b"Blank", b""),
        (b"a_b", b"1"),
    ]


@covers("HTP-HST-01")
def test_http_1_1_has_exactly_one_host() -> None:
    assert accepted(b"GET / HTTP/1.1\r\nhOST: h\r\n\r\n").authority == b"h"
    assert refused(b"GET / HTTP/1.1\r\n\r\n") == (400, "HTP-HST-01")
    assert refused(b"GET http://h/ HTTP/1.1\r\n\r\n") == (400, "HTP-HST-01")
    assert refused(get(b"GET / HTTP/1.1", b"Host: h")) == (400, "HTP-HST-01")


@covers("HTP-HST-02")
@pytest.mark.parametrize(
    ("host", "is_sound"),
    [
        (b"example.test", True),
        (b"a-b_c~d.0", True),
        (b"127.0.0.1:8080", True),
        (b"[::1]", True),
        (b"[::ffff:1.2.3.4]:65535", True),
        (b"h:", True),
        (b"h:0", True),
        (b"h:65536", False),
        (b"h:000080", False),
        (b"h:8o", False),
        (b"h:80:80", False),
        (b"", False),
        (b":80", False),
        (b"a b", False),
        (b"a, b", False),
        (b"a,b", False),
        (b"u@h", False),
        (b"h/p", False),
        (b"[::1", False),
        (b"[x]", False),
        (b"%41", False),
        (b"h\xe4", False),
    ],
)
def test_host_is_a_name_or_an_address_with_an_optional_port(host: bytes, is_sound: bool) -> None:
    octets = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    if is_sound:
        assert accepted(octets).authority == host
    else:
        assert refused(octets) == (400, "HTP-HST-02")


@covers("HTP-HST-03")
def test_http_1_0_has_at_most_one_host() -> None:
    assert accepted(b"GET / HTTP/1.0\r\n\r\n").authority == b""
    assert accepted(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n").authority == b"h"
    assert refused(b"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n") == (400, "HTP-HST-03")


@covers("HTP-EXP-01")
def test_only_100_continue_can_be_expected() -> None:
    assert accepted(post(b"Content-Length: 1", b"Expect: 100-Continue", body=b"a")).expect_continue
    assert accepted(
        post(b"Content-Length: 1", b"Expect: 100-continue", b"Expect: 100-continue", body=b"a")
    ).expect_continue
    for value in (b"", b"200-ok", b"100-continue, 100-continue", b"100-continue;a"):
        assert refused(post(b"Content-Length: 1", b"Expect: " + value, body=b"a")) == (417, "HTP-EXP-01")


@covers("HTP-EXP-02")
def test_expectations_of_old_or_empty_requests_are_ignored() -> None:
    expect = b"Expect: 100-continue"
    assert not accepted(get(b"POST / HTTP/1.0", b"Content-Length: 1", expect, body=b"a")).expect_continue
    assert not accepted(post(b"Content-Length: 0", expect, body=b"")).expect_continue
    assert not accepted(get(b"GET / HTTP/1.1", expect)).expect_continue
    assert accepted(post(b"Transfer-Encoding: chunked", expect, body=b"0\r\n\r\n")).expect_continue


@covers("HTP-CON-04")
def test_upgrade_is_ignored() -> None:
    request = accepted(get(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: websocket"))
    assert request.persistent and request.body_kind is BodyKind.NONE
    assert (b"Upgrade", b"websocket") in request.headers
