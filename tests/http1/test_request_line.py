"""Request lines and line ends."""

from __future__ import annotations

import pytest

from refjk.speccheck import covers
from tests.http1.support import accepted, get, refused

REST = b"\r\nHost: h\r\n\r\n"


@covers("HTP-LIN-01")
def test_one_empty_line_before_a_request_is_skipped_and_a_second_refused() -> None:
    assert accepted(b"\r\n" + get()).path == b"/"
    assert refused(b"\r\n\r\n" + get()) == (400, "HTP-LIN-01")
    assert refused(b"\r\n\r\n") == (400, "HTP-LIN-01")


@covers("HTP-LIN-02")
def test_a_request_line_has_three_parts_and_single_spaces() -> None:
    assert accepted(b"GET /a HTTP/1.1" + REST).target == b"/a"
    for line in (
        b"GET  /a HTTP/1.1",
        b"GET /a  HTTP/1.1",
        b" GET /a HTTP/1.1",
        b"GET /a HTTP/1.1 ",
        b"GET /a",
        b"GET",
        b"GET /a b HTTP/1.1",
        b"GET\t/a HTTP/1.1",
    ):
        assert refused(line + REST) == (400, "HTP-LIN-02"), line


@covers("HTP-LIN-03")
def test_a_method_is_any_token() -> None:
    for method in (b"get", b"PROPFIND", b"M-SEARCH", b"!#$%&'*+-.^_`|~0Az"):
        assert accepted(method + b" / HTTP/1.1" + REST).method == method
    for method in (b"G(T", b"GET:", b"G\x00T", b"G\xc4T", b'"GET"', b"\x16\x03\x01"):
        assert refused(method + b" / HTTP/1.1" + REST) == (400, "HTP-LIN-03"), method


@covers("HTP-LIN-04")
@pytest.mark.parametrize("octet", range(256))
def test_a_target_has_visible_octets_without_the_number_sign(octet: int) -> None:
    octets = b"GET /a%cb HTTP/1.1" % octet + REST
    if 0x21 <= octet <= 0x7E and octet != ord("#"):
        assert accepted(octets).target == b"/a%cb" % octet
        return
    expected = {0x20: "HTP-LIN-02", 0x0A: "HTP-END-01", 0x0D: "HTP-END-02"}.get(octet, "HTP-LIN-04")
    assert refused(octets) == (400, expected)


@covers("HTP-LIN-05")
@pytest.mark.parametrize(
    ("target", "authority", "path", "query"),
    [
        (b"/", b"h", b"/", None),
        (b"/a;jsessionid=1.n?x=1?2", b"h", b"/a;jsessionid=1.n", b"x=1?2"),
        (b"/?", b"h", b"/", b""),
        (b"//two", b"h", b"//two", None),
        (b"/http://other/", b"h", b"/http://other/", None),
        (b"http://other", b"other", b"/", None),
        (b"HTTPS://other:8443/a?b", b"other:8443", b"/a", b"b"),
        (b"http://[::1]:80?q", b"[::1]:80", b"/", b"q"),
    ],
)
def test_targets_are_taken_apart(target: bytes, authority: bytes, path: bytes, query: bytes | None) -> None:
    request = accepted(b"GET " + target + b" HTTP/1.1" + REST)
    assert (request.target, request.authority, request.path, request.query) == (
        target,
        authority,
        path,
        query,
    )


@covers("HTP-LIN-05")
@pytest.mark.parametrize(
    "target",
    [
        b"a",
        b"h:80",
        b"?a",
        b"http:/a",
        b"http:///a",
        b"http://",
        b"http://u@h/",
        b"http://u:p@h/",
        b"http://h:99999/",
        b"http://h:x/",
        b"ftp://h/",
        b"*a",
        b"\\a",
    ],
)
def test_other_forms_of_target_are_refused(target: bytes) -> None:
    assert refused(b"GET " + target + b" HTTP/1.1" + REST) == (400, "HTP-LIN-05")


@covers("HTP-LIN-06")
def test_the_asterisk_is_for_options() -> None:
    assert accepted(b"OPTIONS * HTTP/1.1" + REST).path == b"*"
    assert accepted(b"OPTIONS http://h HTTP/1.1" + REST).path == b"*"
    assert accepted(b"OPTIONS http://h? HTTP/1.1" + REST).path == b"/"
    assert refused(b"GET * HTTP/1.1" + REST) == (400, "HTP-LIN-06")


@covers("HTP-LIN-07")
def test_connect_is_not_implemented() -> None:
    assert accepted(b"connect / HTTP/1.1" + REST).method == b"connect"
    assert refused(b"CONNECT h:80 HTTP/1.1" + REST) == (501, "HTP-LIN-07")
    assert refused(b"CONNECT / HTTP/1.1" + REST) == (501, "HTP-LIN-07")


@covers("HTP-LIN-08")
def test_other_versions_are_answered_with_505() -> None:
    assert accepted(b"GET / HTTP/1.0" + REST).version == b"HTTP/1.0"
    assert accepted(b"GET / HTTP/1.1" + REST).version == b"HTTP/1.1"
    for version in (b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.1"):
        assert refused(b"GET / " + version + REST) == (505, "HTP-LIN-08")
    assert refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == (505, "HTP-LIN-08")


@covers("HTP-LIN-09")
def test_odd_versions_are_bad_requests() -> None:
    for version in (
        b"http/1.1",
        b"HTTP/1",
        b"HTTP/1.",
        b"HTTP/1.10",
        b"HTTP/11.1",
        b"HTTP1.1",
        b"HTTP/1.1\0",
    ):
        assert refused(b"GET / " + version + REST) == (400, "HTP-LIN-09"), version


@covers("HTP-END-01")
@pytest.mark.parametrize(
    "octets",
    [
        b"\nGET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost: h\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\n",
        b"GET / HTTP/1.1\r\nHost: h\nX: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n",
    ],
)
def test_a_bare_line_feed_is_refused_at_once(octets: bytes) -> None:
    assert refused(octets) == (400, "HTP-END-01")


@covers("HTP-END-02")
@pytest.mark.parametrize(
    "octets",
    [
        b"\rGET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\rHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\rX",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: \rb\r\n\r\n",
    ],
)
def test_a_bare_carriage_return_is_refused_at_once(octets: bytes) -> None:
    assert refused(octets) == (400, "HTP-END-02")
