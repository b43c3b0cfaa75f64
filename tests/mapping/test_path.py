"""The canonical form of a path (`spec/uri-mapping.md`)."""

from __future__ import annotations

import random
import string
from urllib.parse import unquote_to_bytes

import pytest

from refjk.base.errors import Malformed
from refjk.mapping import canonicalise_path, forwarded_uri, normalise_path
from refjk.speccheck import covers


def refused(raw: bytes) -> tuple[str, int]:
    with pytest.raises(Malformed) as error:
        canonicalise_path(raw)
    return error.value.clause, error.value.offset


@covers("MAP-NRM-01")
@pytest.mark.parametrize("raw", [b"", b"*", b"a/b", b"http://h/x", b"%2Fa"])
def test_path_without_leading_slash_is_refused(raw: bytes) -> None:
    assert refused(raw) == ("MAP-NRM-01", 0)


@covers("MAP-NRM-02")
@pytest.mark.parametrize("raw", [b"/a%", b"/a%4", b"/a%4g", b"/a%%41", b"/a%u0041", b"/a% 41"])
def test_broken_escape_is_refused_at_its_percent_sign(raw: bytes) -> None:
    assert refused(raw) == ("MAP-NRM-02", 2)


@covers("MAP-NRM-02")
def test_whole_escapes_in_both_cases_are_fine() -> None:
    assert normalise_path(b"/%c3%A4") == "/ä".encode()


@covers("MAP-NRM-03")
@pytest.mark.parametrize("raw", [b"/a%2Fb", b"/a%2f", b"/a%2F..%2Fb"])
def test_escaped_slash_is_refused(raw: bytes) -> None:
    assert refused(raw)[0] == "MAP-NRM-03"


@covers("MAP-NRM-03")
def test_escaped_slash_in_a_parameter_is_refused_as_well() -> None:
    assert refused(b"/a;jsessionid=1%2Fx") == ("MAP-NRM-03", 15)


@covers("MAP-NRM-03", "MAP-NRM-08")
def test_twice_escaped_slash_is_a_name_and_stays_one() -> None:
    canonical = canonicalise_path(b"/a%252Fb")
    assert canonical.path == b"/a%2Fb"
    assert canonical.uri == b"/a%252Fb"


@covers("MAP-NRM-04")
@pytest.mark.parametrize("raw", [b"/a\\b", b"/a%5cb", b"/a%5C..%5Cb"])
def test_backslash_is_refused_in_every_writing(raw: bytes) -> None:
    assert refused(raw) == ("MAP-NRM-04", 2)


@covers("MAP-NRM-05")
@pytest.mark.parametrize("raw", [b"/a\0", b"/a%00.jsp"])
def test_zero_octet_is_refused_in_every_writing(raw: bytes) -> None:
    assert refused(raw) == ("MAP-NRM-05", 2)


@covers("MAP-NRM-06")
@pytest.mark.parametrize(
    ("raw", "offset"),
    [(b"/..", 1), (b"/a/../..", 6), (b"//..", 2), (b"/%2e%2e/x", 1), (b"/..;x/y", 1), (b"/./../a", 3)],
)
def test_climbing_above_the_root_is_refused(raw: bytes, offset: int) -> None:
    assert refused(raw) == ("MAP-NRM-06", offset)


@covers("MAP-NRM-06")
def test_climbing_exactly_to_the_root_is_fine() -> None:
    assert normalise_path(b"/a/..") == b"/"


@covers("MAP-NRM-07")
def test_plain_question_mark_is_refused_and_an_escaped_one_is_a_character() -> None:
    assert refused(b"/a?b") == ("MAP-NRM-07", 2)
    assert canonicalise_path(b"/a%3Fb").path == b"/a?b"
    assert canonicalise_path(b"/a%3fb").uri == b"/a%3Fb"


@covers("MAP-NRM-08")
@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", b"/"),
        (b"//", b"/"),
        (b"/a", b"/a"),
        (b"/a/", b"/a/"),
        (b"//a///b", b"/a/b"),
        (b"/a/./b", b"/a/b"),
        (b"/a/.", b"/a/"),
        (b"/a/b/..", b"/a/"),
        (b"/a/b/../", b"/a/"),
        (b"/a/../b", b"/b"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a/%2e/b", b"/a/b"),
        (b"/a/.%2e/b", b"/b"),
        (b"/a//../b", b"/b"),
        (b"/...", b"/..."),
        (b"/.hidden/..x", b"/.hidden/..x"),
        (b"/%252e%252e/x", b"/%2e%2e/x"),
    ],
)
def test_segments_are_resolved_after_decoding_once(raw: bytes, path: bytes) -> None:
    assert normalise_path(raw) == path


@covers("MAP-NRM-09")
@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/app;v=1/x", b"/app/x"),
        (b"/app;v=1;w=2", b"/app"),
        (b"/app/;v", b"/app/"),
        (b"/;v/app", b"/app"),
        (b"/app/..;v=1/admin", b"/admin"),
        (b"/app/.;v/admin", b"/app/admin"),
        (b"/app/%2e%2e;v/admin", b"/admin"),
        (b"/app/x;/../../admin/y", b"/admin/y"),
        (b"/app//;a//..;b//admin", b"/admin"),
        (b"/app%3Bv/x", b"/app;v/x"),
    ],
)
def test_parameters_take_no_part_in_the_decision(raw: bytes, path: bytes) -> None:
    assert normalise_path(raw) == path


@covers("MAP-NRM-10")
@pytest.mark.parametrize("raw", [b"/a/..%3bx/b", b"/a/.%3B/b", b"/a/%2e%2e%3bx", b"/a/..%3Bx;y"])
def test_dot_segment_before_an_escaped_semicolon_is_refused(raw: bytes) -> None:
    assert refused(raw) == ("MAP-NRM-10", 3)


@covers("MAP-NRM-10")
def test_other_names_may_contain_an_escaped_semicolon() -> None:
    assert normalise_path(b"/a/...%3Bx") == b"/a/...;x"


@covers("MAP-FWD-01")
def test_every_octet_is_forwarded_plain_or_escaped_as_listed() -> None:
    plain = (string.ascii_letters + string.digits + "-._~!$&'()*+,=:@").encode()
    for octet in set(range(256)) - set(b"\0/\\"):
        raw = b"/x%%%02x" % octet
        assert forwarded_uri(raw) == b"/x" + (bytes([octet]) if octet in plain else b"%%%02X" % octet)


@covers("MAP-FWD-01")
def test_octets_that_came_plain_without_being_allowed_are_escaped() -> None:
    assert forwarded_uri(b'/a b/"\xe4|') == b"/a%20b/%22%E4%7C"


@covers("MAP-FWD-02")
@pytest.mark.parametrize(
    ("raw", "uri"),
    [
        (b"/a;jsessionid=1.n1/b;x=%41%20", b"/a;jsessionid=1.n1/b;x=A%20"),
        (b"/a/;jsessionid=1.n1", b"/a/;jsessionid=1.n1"),
        (b"/;jsessionid=1.n1", b"/;jsessionid=1.n1"),
        (b"/a/;gone=1/b", b"/a/b"),
        (b"/a;gone=1/../b;kept=1", b"/b;kept=1"),
        (b"/a;kept=1/.;gone=1", b"/a;kept=1/"),
        (b"/a;x=1%3By", b"/a;x=1%3By"),
    ],
)
def test_parameters_go_with_their_segment(raw: bytes, uri: bytes) -> None:
    assert forwarded_uri(raw) == uri


@covers("MAP-FWD-01", "MAP-NRM-08", "MAP-NRM-09")
def test_the_forwarded_form_is_stable_and_reads_as_the_path_that_decided() -> None:
    seed = 20240607
    print(f"seed {seed}")
    chance = random.Random(seed)
    pieces = [
        b"/",
        b"/",
        b".",
        b"..",
        b";",
        b";x=1",
        b"%2e",
        b"%25",
        b"%3b",
        b"%20",
        b"a",
        b"bc",
        b"\xff",
        b"%E4",
    ]
    accepted = 0
    for _ in range(20_000):
        raw = b"/" + b"".join(chance.choices(pieces, k=chance.randint(0, 9)))
        try:
            canonical = canonicalise_path(raw)
        except Malformed:
            continue
        accepted += 1
        assert canonicalise_path(canonical.uri) == canonical
        as_read = b"/".join(segment.partition(b";")[0] for segment in canonical.uri.split(b"/"))
        assert unquote_to_bytes(as_read) == canonical.path
        assert not {b".", b".."} & set(canonical.path.split(b"/"))
        assert b"//" not in canonical.path
    assert accepted > 5_000
