"""Session ids and routes (`spec/balancing.md`)."""

from __future__ import annotations

import random

import pytest

from refjk.balancing import RequestFacts
from refjk.balancing.cookies import (
    SESSION_IDS_MAX,
    request_session_ids,
    route_of,
    session_id_from_path,
    session_ids,
)
from refjk.speccheck import covers


@covers("BAL-CKY-01")
def test_cookies_count_only_when_the_path_has_no_session_id() -> None:
    cookies = (b"JSESSIONID=C.n2",)
    assert request_session_ids(RequestFacts(b"/a;jsessionid=P.n1", cookies)) == [b"P.n1"]
    assert request_session_ids(RequestFacts(b"/a;jsessionid=;x", cookies)) == [b""]
    assert request_session_ids(RequestFacts(b"/a", cookies)) == [b"C.n2"]
    assert request_session_ids(RequestFacts(b"/a")) == []


@covers("BAL-CKY-02")
@pytest.mark.parametrize(
    ("uri", "session_id"),
    [
        (b"/a;jsessionid=1", b"1"),
        (b"/a;jsessionid=", None),
        (b"/a;jsessionid", None),
        (b"/a;jsessionidX=1", None),
        (b"/a;jsessionidX=1;jsessionid=2", b"2"),
        (b"/a;JSESSIONID=1", None),
        (b"/a;xjsessionid=1", None),
        (b"/a?jsessionid=1", None),
        (b"/a;v=1;jsessionid=1", b"1"),
        (b"", None),
    ],
)
def test_path_parameter_needs_its_name_an_equals_sign_and_an_octet(
    uri: bytes, session_id: bytes | None
) -> None:
    assert session_id_from_path(uri) == session_id


@covers("BAL-CKY-03")
def test_path_parameter_ends_at_a_question_mark_or_semicolon_but_not_at_a_slash() -> None:
    assert session_id_from_path(b"/a;jsessionid=1.n1?q") == b"1.n1"
    assert session_id_from_path(b"/a;jsessionid=1.n1;v=2") == b"1.n1"
    assert session_id_from_path(b"/a;jsessionid=1.n1/b") == b"1.n1/b"


@covers("BAL-CKY-04")
@pytest.mark.parametrize(
    ("header", "ids"),
    [
        (b"JSESSIONID=1", [b"1"]),
        (b"a=b;JSESSIONID=1", [b"1"]),
        (b"a=b,JSESSIONID=1", [b"1"]),
        (b"a=b JSESSIONID=1", [b"1"]),
        (b"a=b\tJSESSIONID \t=1", [b"1"]),
        (b"JSESSIONID=", []),
        (b"JSESSIONID", []),
        (b"JSESSIONID 1", []),
        (b"jsessionid=1", []),
        (b"XJSESSIONID=1", []),
        (b"JSESSIONIDX=1", []),
        (b"a=JSESSIONID=1", []),
        (b"", []),
    ],
)
def test_cookie_name_is_recognised_only_behind_a_separator(header: bytes, ids: list[bytes]) -> None:
    assert session_ids([header]) == ids


@covers("BAL-CKY-05")
@pytest.mark.parametrize(
    ("header", "session_id"),
    [
        (b"JSESSIONID=1.n1; a=b", b"1.n1"),
        (b"JSESSIONID=1.n1,a=b", b"1.n1"),
        (b"JSESSIONID= 1.n1 ", b" 1.n1 "),
        (b'JSESSIONID="1.n1"', b'"1.n1"'),
        (b'JSESSIONID="a;b.n1"', b'"a'),
        (b"JSESSIONID=;", b""),
    ],
)
def test_value_ends_at_a_semicolon_or_comma_and_keeps_blanks_and_quotes(
    header: bytes, session_id: bytes
) -> None:
    assert session_ids([header]) == [session_id]


@covers("BAL-CKY-06")
def test_each_header_gives_its_first_value_and_values_inside_it() -> None:
    assert session_ids([b"JSESSIONID=1; JSESSIONID=2", b"JSESSIONID=3"]) == [b"1", b"3"]
    assert session_ids([b"JSESSIONID=1 JSESSIONID=2; JSESSIONID=3"]) == [b"1 JSESSIONID=2", b"2"]


ODD_NEIGHBOURS = [
    b"x",
    b"=",
    b"=x",
    b"x=",
    b"x==",
    b'x="',
    b'x="open',
    b'x="a;b"',
    b'x="a, JSESSIONID=9.n9"',
    b'x="a; JSESSIONID=9.n9"',
    b'x="a \\"; JSESSIONID=9.n9"',
    b'x = "a; JSESSIONID=9.n9" ',
    b'x={"a":"b, JSESSIONID=9.n9"}',
    b'x={"k": [1, 2], "t": "JSESSIONID"}',
    b"x=a JSESSIONID=9.n9",
    b"JSESSIONID",
    b"JSESSIONID ",
    b"JSESSIONIDX=9.n9",
    b"x=JSESSIONID=9.n9",
    b"x=\xff\xfe\x01",
    b"$Version=1",
    b"expires=Thu, 01 Jan 1970 00:00:00 GMT",
]


@covers("BAL-CKY-07")
@pytest.mark.parametrize("neighbour", ODD_NEIGHBOURS)
def test_odd_neighbour_in_front_or_behind_never_hides_the_session_cookie(neighbour: bytes) -> None:
    assert session_ids([neighbour + b"; JSESSIONID=1.n1"]) == [b"1.n1"]
    assert session_ids([b"JSESSIONID=1.n1; " + neighbour]) == [b"1.n1"]


@covers("BAL-CKY-07")
@pytest.mark.parametrize("separator", [b"; ", b";", b", ", b","])
def test_odd_neighbours_around_a_joined_header_never_hide_the_session_cookie(separator: bytes) -> None:
    for neighbour in ODD_NEIGHBOURS:
        # A comma inside an unquoted value cannot be told from a joint of two headers.
        if b"9.n9" not in neighbour or neighbour.startswith((b'x="', b'x = "')):
            assert session_ids([separator.join([neighbour, b"JSESSIONID=1.n1", neighbour])]) == [b"1.n1"]


@covers("BAL-CKY-07")
def test_session_cookie_between_stray_quotes_is_found_although_it_looks_quoted() -> None:
    assert session_ids([b'x="a; JSESSIONID=1.n1; y="']) == [b"1.n1"]


@covers("BAL-CKY-08")
@pytest.mark.parametrize(
    ("session_id", "route"),
    [
        (b"A.n1", b"n1"),
        (b"A", None),
        (b"", None),
        (b"A.", b""),
        (b".n1", b"n1"),
        (b"A.west.n1", b"west.n1"),
        (b"A..n1", b".n1"),
    ],
)
def test_route_is_everything_behind_the_first_dot(session_id: bytes, route: bytes | None) -> None:
    assert route_of(session_id) == route


@covers("BAL-CKY-09")
def test_number_of_session_ids_is_bounded() -> None:
    assert len(session_ids([b"JSESSIONID=1"] * SESSION_IDS_MAX)) == SESSION_IDS_MAX
    assert len(session_ids([b"JSESSIONID=1"] * (SESSION_IDS_MAX + 1))) == SESSION_IDS_MAX
    assert len(session_ids([b"JSESSIONID=1 " * 5_000])) == SESSION_IDS_MAX


@covers("BAL-CKY-07")
def test_any_mixture_of_octets_before_the_session_cookie_leaves_it_visible() -> None:
    seed = 41
    print(f"seed {seed}")
    chance = random.Random(seed)
    pieces = [b'"', b"\\", b";", b",", b" ", b"=", b"a", b"{", b"}", b"JSESSION", b"\t", b'x="']
    for _ in range(20_000):
        noise = b"".join(chance.choices(pieces, k=chance.randint(0, 12)))
        assert session_ids([noise + b"; JSESSIONID=1.n1"]) == [b"1.n1"]
        assert session_ids([b"JSESSIONID=1.n1;" + noise]) == [b"1.n1"]
