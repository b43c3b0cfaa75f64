"""What each letter of a LogFormat says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refjk.configuration.log_format import ACCESS_LETTERS
from refjk.logformat import PLAIN, LogEntry, compile_access, is_logged
from refjk.speccheck import covers
from tests.logformat.entries import BARE, FULL, MOMENT, access_items, an_hour_east

LETTERS = [
    # format, of a request with everything, of one with nothing
    ("%a", "192.0.2.7", "-"),
    ("%{c}a", "192.0.2.7", "-"),
    ("%A", "192.0.2.1", "-"),
    ("%b", "1234", "-"),
    ("%B", "1234", "0"),
    ("%{jsessionid}C", "x.node1", "-"),
    ("%{empty}C", "-", "-"),
    ("%D", "2345678", "0"),
    ("%{COLOUR}e", "red", "-"),
    ("%{EMPTY}e", "", "-"),
    ("%f", "/srv/a b", "-"),
    ("%h", "client.example", "-"),
    ("%H", "HTTP/1.1", "-"),
    ("%{HOST}i", "www.example", "-"),
    ("%{X-In}^ti", "i", "-"),
    ("%I", "100", "-"),
    ("%k", "3", "0"),
    ("%l", "-", "-"),
    ("%L", "id7", "-"),
    ("%m", "GET", "-"),
    ("%{JK_WORKER_NAME}n", "balancer", "-"),
    ("%{JK_WORKER_ROUTE}n", "node1", "-"),
    ("%{X-Out}^to", "o", "-"),
    ("%O", "2000", "-"),
    ("%p", "80", "0"),
    ("%{canonical}p", "80", "0"),
    ("%{Local}p", "8080", "0"),
    ("%{remote}p", "50000", "0"),
    ("%{other}p", "other", "other"),
    ("%P", "4711", "4711"),
    ("%{pid}P", "4711", "4711"),
    ("%{tid}P", "255", "255"),
    ("%{hextid}P", "ff", "ff"),
    ("%{x}P", "x", "x"),
    ("%q", "?c=d", ""),
    ("%r", "GET /a%20b?c=d HTTP/1.1", "-"),
    ("%R", "jakarta-servlet", "-"),
    ("%s", "404", "-"),
    ("%<s", "404", "-"),
    ("%>s", "200", "-"),
    ("%S", "2100", "-"),
    ("%u", "joe", "-"),
    ("%U", "/a b", "-"),
    ("%v", "own.example", "-"),
    ("%V", "www.example", "-"),
    ("%X", "+", "-"),
    ("%%", "%", "%"),
    (r"a\tb", "a\tb", "a\tb"),
]


def render(text: str, entry: LogEntry) -> str:
    return compile_access(access_items(text), an_hour_east)(entry, MOMENT)


@covers("LOG-ACC-01")
@pytest.mark.parametrize(("text", "full", "bare"), LETTERS)
def test_a_letter_says_what_is_known_or_a_dash(text: str, full: str, bare: str) -> None:
    assert (render(text, FULL), render(text, BARE)) == (full, bare)


def test_every_letter_that_the_configuration_knows_is_rendered() -> None:
    for letter in ACCESS_LETTERS:
        assert isinstance(render(f"%{{x}}{letter}", FULL), str), letter


@covers("LOG-ACC-01")
def test_items_stand_one_behind_the_other() -> None:
    assert render('%h %l %u "%r" %>s %b', FULL) == ('client.example - joe "GET /a%20b?c=d HTTP/1.1" 200 1234')


@covers("LOG-ACC-01")
def test_without_other_names_the_address_and_the_own_name_serve() -> None:
    entry = replace(FULL, remote_host="", host="", original_status=None, local_port=0)
    assert render("%h %V %s %{local}p", entry) == "192.0.2.7 own.example 200 80"


@covers("LOG-ACC-01")
@pytest.mark.parametrize(
    ("state", "number", "shown"),
    [("+", 0, "0"), ("+", 2, "2"), ("-", 0, "0"), ("-", 2, "1"), ("X", 2, "2")],
)
def test_the_request_that_closes_a_connection_is_not_counted(state: str, number: int, shown: str) -> None:
    entry = replace(FULL, connection_state=state, keepalive_number=number)  # type: ignore[arg-type]
    assert render("%k%X", entry) == shown + state


@covers("LOG-ACC-01")
@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a%2Fb%e4", "/a/b\\xe4"),
        ("/a?b=%20", "/a"),
        ("http://other/a%20b?c", "/a b"),
        ("http://other", "/"),
        ("/redirect?to=http://x/y", "/redirect"),
        ("/http://x", "/http://x"),
        ("*", "*"),
        ("/100%", "/100%"),
    ],
)
def test_the_path_is_the_decoded_one_of_the_target(target: str, path: str) -> None:
    assert render("%U", replace(FULL, target=target)) == path
    assert render("%U", replace(FULL, target=target, path="/given")) == "/given"


@covers("LOG-ACC-02")
def test_what_others_say_is_escaped_as_httpd_does() -> None:
    special = {8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 13: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
    for octet in range(256):
        plain = chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}"
        entry = replace(FULL, user=f"a{chr(octet)}", in_headers=[(b"X", bytes([octet]))])
        shown = special.get(octet, plain)
        assert render("%u|%{X}i", entry) == f"a{shown}|{shown}"


@covers("LOG-ACC-02")
@pytest.mark.parametrize("letter", ["a", "f", "h", "H", "L", "m", "q", "r", "R", "u", "U", "v", "V"])
def test_every_text_of_others_is_escaped(letter: str) -> None:
    evil = 'a?"\n'
    entry = replace(
        FULL,
        remote_addr=evil,
        filename=evil,
        remote_host=evil,
        protocol=evil,
        log_id=evil,
        method=evil,
        target=evil,
        handler=evil,
        user=evil,
        path=evil,
        server_name=evil,
        host=evil,
    )
    line = render(f"%{letter}", entry)
    assert '\\"\\n' in line and "\n" not in line


@covers("LOG-ACC-02")
def test_text_beyond_latin_1_is_written_as_utf_8() -> None:
    assert render("%v", replace(FULL, server_name="€")) == "\\xe2\\x82\\xac"
    assert render("%v", replace(FULL, server_name="\udcff")) == "\\xed\\xb3\\xbf"


def test_the_plain_dialect_escapes_with_numbers_alone() -> None:
    line = compile_access(access_items('"%r" %u'), an_hour_east, PLAIN)
    assert line(replace(BARE, user='"\n'), MOMENT) == '"- - -" \\x22\\x0a'


@covers("LOG-ACC-03")
def test_request_headers_of_one_name_are_one_value_and_an_empty_one_is_nothing() -> None:
    assert render("%{X-Two}i|%{x-empty}i|%{None}i", FULL) == "1, 2||-"


@covers("LOG-ACC-03")
def test_without_headers_referer_and_user_agent_are_those_of_the_entry() -> None:
    entry = replace(BARE, referer="http://r/", user_agent='A"')
    assert render("%{Referer}i|%{user-agent}i|%{Host}i", entry) == 'http://r/|A\\"|-'


@covers("LOG-ACC-04")
def test_headers_of_the_answer_are_the_first_and_of_set_cookie_all() -> None:
    assert render("%{x-two}o|%{Set-Cookie}o|%{content-TYPE}o", FULL) == "1|a=1, b=2|text/html"


@covers("LOG-ACC-05")
@pytest.mark.parametrize(
    ("text", "shown"),
    [("%200,404m", "GET"), ("%404m", "-"), ("%!404m", "GET"), ("%!200,404m", "-"), ("%!m", "GET")],
)
def test_an_item_with_statuses_is_written_for_those_or_for_all_others(text: str, shown: str) -> None:
    assert render(text, FULL) == shown


@covers("LOG-ACC-06")
@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("", "[14/Dec/2004:09:59:57 +0100]"),
        ("begin", "[14/Dec/2004:09:59:57 +0100]"),
        ("begin:", "[14/Dec/2004:09:59:57 +0100]"),
        ("end", "[14/Dec/2004:10:00:00 +0100]"),
        ("sec", "1103014797"),
        ("begin:sec", "1103014797"),
        ("end:sec", "1103014800"),
        ("msec", "1103014797777"),
        ("end:usec", "1103014800123456"),
        ("msec_frac", "777"),
        ("end:msec_frac", "123"),
        ("usec_frac", "777778"),
        ("end:%H:%M %Z", "10:00 CET"),
        ("%d.%m.", "14.12."),
        ("beginning", "beginning"),
    ],
)
def test_a_time_has_the_form_its_argument_asks_for(argument: str, shown: str) -> None:
    assert render(f"%{{{argument}}}t", FULL) == shown


@covers("LOG-ACC-07")
@pytest.mark.parametrize(
    ("argument", "shown"), [("", "2"), ("s", "2"), ("ms", "2345"), ("US", "2345678"), ("h", "h")]
)
def test_a_duration_has_the_unit_its_argument_asks_for(argument: str, shown: str) -> None:
    assert render(f"%{{{argument}}}T", FULL) == shown


@covers("LOG-ACC-08", "LOG-ACC-09")
@pytest.mark.parametrize(
    ("condition", "logged"),
    [
        ("", True),
        ("env=COLOUR", True),
        ("env=EMPTY", True),
        ("env=NONE", False),
        ("env=!COLOUR", False),
        ("ENV=!NONE", True),
        ("expr=%{REQUEST_STATUS} == 0", True),
    ],
)
def test_a_condition_asks_for_a_variable(condition: str, logged: bool) -> None:
    assert is_logged(condition, FULL.env) is logged
