"""What mod_jk makes of a decoded path (`spec/uri-mapping.md` section 7)."""

from __future__ import annotations

import pytest

from refjk.base.errors import Malformed
from refjk.mapping import cut_path, resolve_path, strip_session
from refjk.speccheck import covers


@covers("MAP-DEC-01")
@pytest.mark.parametrize(
    ("decoded", "path"),
    [
        (b"/s/page;x=y;jsessionid=1/z", b"/s/page;x=y"),
        (b"/s;jsessionidfoo", b"/s"),
        (b"/s;JSESSIONID=1", b"/s;JSESSIONID=1"),
        (b"//a///b", b"/a/b"),
        (b"/a/../b/.", b"/a/../b/."),
        (b"http://h/x", b"http://h/x"),
    ],
)
def test_127_cuts_and_collapses_only(decoded: bytes, path: bytes) -> None:
    assert cut_path(decoded) == path


@covers("MAP-DEC-02")
@pytest.mark.parametrize(
    ("decoded", "path"),
    [
        (b"/a;x=1/b", b"/a/b"),
        (b"/a//../b", b"/b"),
        (b"/a/..", b"/"),
        (b"/a/.", b"/a/"),
        (b"/a/..;x=1/b", b"/b"),
        (b"/a/...", b"/a/..."),
        (b"/a%2f../b", b"/a%2f../b"),
        (b"/a/;/", b"/a/"),
        (b"*", b"*"),
    ],
)
def test_1250_resolves(decoded: bytes, path: bytes) -> None:
    assert resolve_path(decoded) == path


@covers("MAP-DEC-03")
@pytest.mark.parametrize("decoded", [b"", b"a", b"**", b"http://h/"])
def test_path_without_slash_is_refused(decoded: bytes) -> None:
    with pytest.raises(Malformed) as error:
        resolve_path(decoded)
    assert error.value.clause == "MAP-DEC-03"


@covers("MAP-DEC-04")
@pytest.mark.parametrize(("decoded", "offset"), [(b"/..", 1), (b"/a/../../b", 6), (b"/..;/a", 1)])
def test_climbing_above_the_root_is_refused(decoded: bytes, offset: int) -> None:
    with pytest.raises(Malformed) as error:
        resolve_path(decoded)
    assert (error.value.clause, error.value.offset) == ("MAP-DEC-04", offset)


@covers("MAP-SSN-01")
@pytest.mark.parametrize(
    ("path", "stripped"),
    [
        (b"/a;jsessionid=1.n1/b", b"/a/b"),
        (b"/a;jsessionid=1;x=y", b"/a;x=y"),
        (b"/a;jsessionidX", b"/a"),
        (b"/a;jsessionid=1/b;jsessionid=2", b"/a/b;jsessionid=2"),
        (b"/a;JSESSIONID=1", b"/a;JSESSIONID=1"),
    ],
)
def test_session_is_cut_out_once(path: bytes, stripped: bytes) -> None:
    assert strip_session(path) == stripped


@covers("MAP-SSN-01")
def test_session_has_another_name_when_told() -> None:
    assert strip_session(b"/a;sid=1/b;jsessionid=2", b";sid") == b"/a/b;jsessionid=2"
