"""The forms in which a URI is forwarded (`spec/uri-mapping.md` section 8)."""

from __future__ import annotations

import string

import pytest

from refjk.base.errors import Malformed
from refjk.mapping import UriForm, canonicalise_path, jk_forwarded_uri, uri_to_forward
from refjk.speccheck import covers

PLAIN = (string.ascii_letters + string.digits + "$-_.+!*'(),:@&=/~;").encode()


def front(form: UriForm, raw: bytes) -> bytes:
    return uri_to_forward(form, canonicalise_path(raw), raw)


@covers("MAP-FWD-03", "MAP-FWD-04")
def test_every_octet_is_plain_or_escaped_as_listed() -> None:
    for octet in range(256):
        path = b"/" + bytes([octet])
        plain = octet in PLAIN
        assert jk_forwarded_uri(UriForm.PROXY, path, b"") == (path if plain else b"/%%%02X" % octet)
        assert jk_forwarded_uri(UriForm.ESCAPED, path, b"") == (path if plain else b"/%%%02x" % octet)


@covers("MAP-FWD-05", "MAP-FWD-06")
def test_decoded_path_and_target_are_forwarded_as_they_are() -> None:
    decoded, target = b"/p/a?;\xc3 /", b"/p/a%3F;%c3%20/?q=1?2"
    assert jk_forwarded_uri(UriForm.COMPAT, decoded, target) == decoded
    assert jk_forwarded_uri(UriForm.COMPAT_UNPARSED, decoded, target) == b"/p/a%3F;%c3%20/"


@pytest.mark.parametrize(
    ("raw", "proxy", "escaped", "compat"),
    [
        (b"/p/a%20b", b"/p/a%20b", b"/p/a%20b", b"/p/a b"),
        (b"/p/%c3%A4", b"/p/%C3%A4", b"/p/%c3%a4", b"/p/\xc3\xa4"),
        (b"/p/a;jsessionid=1.n1", b"/p/a;jsessionid=1.n1", b"/p/a;jsessionid=1.n1", b"/p/a;jsessionid=1.n1"),
        (b"/p/a/../b|c", b"/p/b%7Cc", b"/p/b%7cc", b"/p/b|c"),
        (b"/p/%41", b"/p/A", b"/p/A", b"/p/A"),
    ],
)
@covers("MAP-FWD-01", "MAP-FWD-04", "MAP-FWD-05", "MAP-FWD-06", "MAP-FWD-07")
def test_front_forwards_the_canonical_path_in_each_form(
    raw: bytes, proxy: bytes, escaped: bytes, compat: bytes
) -> None:
    forms = [front(form, raw) for form in (UriForm.PROXY, UriForm.ESCAPED, UriForm.COMPAT)]
    assert forms == [proxy, escaped, compat]
    assert front(UriForm.COMPAT_UNPARSED, raw) == raw


@covers("MAP-FWD-07")
@pytest.mark.parametrize(
    "raw",
    [
        b"/a/%252e%252e/b",
        b"/a%252Fb",
        b"/a%255Cb",
        b"/100%25",
        b"/a%3Bb",
        b"/a%3Fb",
        b"/a;v=%252F",
        b"/%2541",
    ],
)
def test_decoded_form_that_reads_as_another_path_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed) as error:
        front(UriForm.COMPAT, raw)
    assert error.value.clause == "MAP-FWD-07"
    for form in (UriForm.PROXY, UriForm.ESCAPED, UriForm.COMPAT_UNPARSED):
        assert canonicalise_path(front(form, raw)).path == canonicalise_path(raw).path
