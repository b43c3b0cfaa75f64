"""What an archive may hold, from its directory; and its descriptor."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from refjk.base.errors import Malformed
from refjk.farm import (
    END_SEARCH_SIZE,
    ArchiveEntry,
    ArchiveLimits,
    SizeGuard,
    WebApplication,
    check_end,
    check_entries,
    is_public,
    read_web_xml,
)
from refjk.farm.web_xml import DEPTH_MAX, DESCRIPTOR_SIZE_MAX, ELEMENTS_MAX
from refjk.speccheck import covers
from tests.farm.support import mutations

LIMITS = ArchiveLimits()


def zipped(*names: str, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = comment
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def end_of(octets: bytes, limits: ArchiveLimits = LIMITS) -> int:
    return check_end(octets[-END_SEARCH_SIZE:], len(octets), limits)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Malformed) as caught:
        call()
    return caught.value.clause


@covers("FAR-ARC-01")
def test_the_end_record_of_a_sound_file_is_taken_with_any_comment() -> None:
    assert end_of(zipped("a", "b")) == 2
    assert end_of(zipped("a", comment=b"c" * 0xFFFF)) == 1
    assert end_of(zipped()) == 0


@covers("FAR-ARC-01")
def test_what_is_no_zip_file_in_one_piece_is_refused() -> None:
    sound = zipped("a")
    locator = b"PK\x06\x07" + bytes(16)
    for octets in (
        b"",
        b"PK\x05\x06",
        b"no zip at all" * 10,
        sound + b"x",
        b"x" + sound,
        sound[:-22] + locator + sound[-22:],
        sound[:-18] + b"\1\0\0\0" + sound[-14:],
        sound[:-14] + b"\2\0" + sound[-12:],
        sound[:-2] + b"\1\0",
    ):
        assert refusal(lambda octets=octets: end_of(octets)) == "FAR-ARC-01"  # type: ignore[misc]


@covers("FAR-ARC-05", "FAR-ARC-06")
def test_counts_and_sizes_are_bounded_before_the_directory_is_read() -> None:
    octets = zipped("a", "b")
    assert end_of(octets, ArchiveLimits(entries=2, directory_size=94, archive_size=len(octets))) == 2
    assert refusal(lambda: end_of(octets, ArchiveLimits(entries=1))) == "FAR-ARC-05"
    assert refusal(lambda: end_of(octets, ArchiveLimits(directory_size=93))) == "FAR-ARC-05"
    assert refusal(lambda: end_of(octets, ArchiveLimits(archive_size=len(octets) - 1))) == "FAR-ARC-06"


def laid_out(*entries: ArchiveEntry) -> list[ArchiveEntry]:
    """One after the other."""
    placed, offset = [], 0
    for entry in entries:
        placed.append(replace(entry, offset=offset))
        offset += 30 + len(entry.name.encode("utf-8", "surrogatepass")) + entry.packed_size
    return placed


def check(*entries: ArchiveEntry, limits: ArchiveLimits = LIMITS) -> None:
    check_entries(laid_out(*entries), 10**10, limits)


def named(name: str) -> ArchiveEntry:
    return ArchiveEntry(name, 0 if name.endswith("/") else 10, 10, 0)


OUTSIDE = [
    "../a",
    "a/../../b",
    "a/..",
    "..",
    ".",
    "./a",
    "a/./b",
    "/a",
    "//a",
    "a//b",
    "",
    "/",
    "a/ /b",
    "\\a",
    "a\\..\\b",
    "C:/a",
    "C:a",
    "a\0.txt",
    "a\n",
    "a\x7f",
    "a/\u202eb",
    "a\ud800",
    "a/\uff0e\uff0e/b",
    "\uff0fetc/a",
    "a\uff3cb",
    "a/\u2025/b",
    "a./b",
    "a /b",
    "nul",
    "a/CON.txt",
    "lpt1/x",
    "x/" * 32 + "y",
    "x" * 201,
    "/".join(["x" * 200] * 6),
]


@covers("FAR-ARC-02")
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_could_lead_out_is_refused(name: str) -> None:
    assert refusal(lambda: check(named("index.html"), named(name))) == "FAR-ARC-02"


@covers("FAR-ARC-02")
def test_ordinary_names_are_taken() -> None:
    check(
        *map(
            named,
            ["a", "b/", "b/c.txt", ".well-known/x", "x/" * 31 + "y", "größe/日本.html", "a b", "..a", "a..b"],
        )
    )


@covers("FAR-ARC-03")
@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR]
)
def test_links_and_devices_are_refused(kind: int) -> None:
    assert refusal(lambda: check(replace(named("a"), mode=kind | 0o777))) == "FAR-ARC-03"


@covers("FAR-ARC-03")
def test_files_and_folders_with_and_without_modes_are_taken() -> None:
    check(
        replace(named("a"), mode=stat.S_IFREG | 0o4777), replace(named("b/"), mode=stat.S_IFDIR), named("c")
    )
    assert refusal(lambda: check(replace(named("b/"), mode=stat.S_IFREG))) == "FAR-ARC-03"


@covers("FAR-ARC-04")
@pytest.mark.parametrize("change", [{"flags": 1}, {"flags": 0x40}, {"method": 12}, {"method": 99}])
def test_encrypted_and_oddly_packed_files_are_refused(change: dict[str, int]) -> None:
    check(replace(named("a"), method=0, flags=0x808))
    assert refusal(lambda: check(replace(named("a"), **change))) == "FAR-ARC-04"  # type: ignore[arg-type]


@covers("FAR-ARC-05", "FAR-ARC-06", "FAR-ARC-07")
def test_sizes_counts_and_ratio_have_bounds() -> None:
    small = ArchiveLimits(entries=2, entry_size=1000, expanded_size=1500, ratio=10, ratio_from=500)
    check(ArchiveEntry("a", 1000, 100, 0), ArchiveEntry("b", 500, 1, 0), limits=small)
    for clause, entries in (
        ("FAR-ARC-05", [named("a"), named("b"), named("c")]),
        ("FAR-ARC-06", [ArchiveEntry("a", 1001, 1001, 0)]),
        ("FAR-ARC-06", [ArchiveEntry("a", 1000, 1000, 0), ArchiveEntry("b", 501, 501, 0)]),
        ("FAR-ARC-06", [ArchiveEntry("a/", 1, 1, 0)]),
        ("FAR-ARC-07", [ArchiveEntry("a", 1000, 99, 0)]),
        ("FAR-ARC-07", [ArchiveEntry("a", 501, 0, 0)]),
    ):
        assert refusal(lambda entries=entries: check(*entries, limits=small)) == clause  # type: ignore[misc]


@covers("FAR-ARC-08")
@pytest.mark.parametrize(
    "names",
    [
        ["a", "a"],
        ["a", "A"],
        ["é", "e\u0301"],
        ["ﬁ", "fi"],
        ["ß", "ss"],
        ["x/a", "X/b"],
        ["a", "a/b"],
        ["a/b", "a"],
        ["A/", "a"],
        ["web-inf/x", "WEB-INF/web.xml"],
        ["a/", "A/"],
    ],
)
def test_two_paths_that_some_system_takes_for_one_are_refused(names: list[str]) -> None:
    assert refusal(lambda: check(*map(named, names))) == "FAR-ARC-08"


@covers("FAR-ARC-08")
def test_folders_may_be_listed_before_or_after_what_they_hold() -> None:
    check(*map(named, ["a/", "a/b", "c/d", "c/", "c/"]))


@covers("FAR-ARC-09")
def test_entries_that_share_octets_or_leave_some_in_front_are_refused() -> None:
    one, two = laid_out(named("a"), named("b"))
    check_entries([two, one], 100, LIMITS)
    for entries, end in (
        ([one, replace(two, offset=0)], 100),
        ([one, replace(two, offset=one.offset + 39)], 100),
        ([replace(one, offset=1)], 100),
        ([one, two], two.offset + 39),
    ):
        assert refusal(lambda e=entries, d=end: check_entries(e, d, LIMITS)) == "FAR-ARC-09"  # type: ignore[misc]


@covers("FAR-ARC-10")
def test_a_file_must_unpack_to_what_was_promised() -> None:
    guard = SizeGuard(ArchiveEntry("a", 10, 5, 0))
    guard.add(6)
    assert refusal(guard.end) == "FAR-ARC-10"
    guard.add(4)
    guard.end()
    assert refusal(lambda: guard.add(1)) == "FAR-ARC-10"


@covers("FAR-ARC-15")
def test_what_may_be_served() -> None:
    assert [
        n
        for n in ("a", "a/", "WEB-INF/web.xml", "web-inf/x", "META-INF/x", "x/WEB-INF/y", "ＷＥＢ-INF/x")
        if is_public(n)
    ] == ["a", "x/WEB-INF/y"]


# -- the descriptor ---------------------------------------------------------------------------


def web_xml(inner: str = "", callable_name: str | None = "shop.app:application") -> bytes:
    parameter = (
        f"<context-param><param-name>refjk.application</param-name>"
        f"<param-value>{callable_name}</param-value></context-param>"
        if callable_name is not None
        else ""
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><web-app>{inner}{parameter}</web-app>'.encode()


@covers("FAR-ARC-12", "FAR-ARC-13")
def test_a_descriptor_names_its_callable_and_more() -> None:
    inner = "<display-name> Shop </display-name><distributable/><servlet><x/></servlet>"
    inner += "<context-param><param-name>a</param-name><param-value>1 &lt; 2</param-value></context-param>"
    parameters = (("a", "1 < 2"), ("refjk.application", "shop.app:application"))
    expected = WebApplication("shop.app", "application", "Shop", True, parameters)
    assert read_web_xml(web_xml(inner)) == expected
    spaced = web_xml(inner).replace(b"<web-app>", b'<web-app xmlns="http://java.sun.com/xml/ns/j2ee">')
    assert read_web_xml(spaced) == expected
    assert read_web_xml(web_xml(inner).decode().replace("UTF-8", "UTF-16").encode("utf-16")) == expected


BOMB = (
    '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{("&a" + str(n - 1) + ";") * 10}">' for n in range(1, 9))
    + "]>"
)


@covers("FAR-ARC-12")
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"no xml",
        b"<web-app>",
        b"<other/>",
        web_xml().replace(b"<web-app>", b"<web-app>&x;"),
        b"<!DOCTYPE web-app>" + web_xml()[38:],
        b'<!DOCTYPE web-app SYSTEM "file:///etc/passwd">' + web_xml()[38:],
        b'<!DOCTYPE web-app [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + web_xml("&x;")[38:],
        BOMB.encode() + web_xml("&a8;")[38:],
        web_xml("<x/>" * ELEMENTS_MAX),
        web_xml("<x>" * DEPTH_MAX + "</x>" * DEPTH_MAX),
        web_xml(" " * DESCRIPTOR_SIZE_MAX),
        web_xml("<context-param><param-name>a</param-name></context-param>"),
        web_xml("<context-param><param-name>a</param-name><param-value>1</param-value></context-param>" * 2),
        web_xml().replace(b"UTF-8", b"x-unknown"),
        b"\xff\xfe" + web_xml(),
    ],
)
def test_a_descriptor_that_is_not_well_formed_small_and_without_entities_is_refused(octets: bytes) -> None:
    assert refusal(lambda: read_web_xml(octets)) == "FAR-ARC-12"


@covers("FAR-ARC-12")
def test_a_descriptor_at_its_bounds_is_taken() -> None:
    assert read_web_xml(web_xml("<x/>" * (ELEMENTS_MAX - 4))).module == "shop.app"
    assert read_web_xml(web_xml("<x>" * (DEPTH_MAX - 1) + "</x>" * (DEPTH_MAX - 1))).module == "shop.app"
    assert read_web_xml(web_xml() + b" " * (DESCRIPTOR_SIZE_MAX - len(web_xml()))).module == "shop.app"


@covers("FAR-ARC-13")
@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "shop",
        "shop:",
        ":app",
        "shop.:app",
        "shop..x:app",
        "shop:app()",
        "sh op:app",
        "../x:a",
        "a:b:c",
        "größe:a",
        "1a:b",
    ],
)
def test_a_callable_that_is_no_name_is_refused(name: str | None) -> None:
    assert refusal(lambda: read_web_xml(web_xml(callable_name=name))) == "FAR-ARC-13"


@covers("FAR-ARC-13")
@pytest.mark.parametrize("name", ["a:b", "a.b_1:C.d", "_x:_y"])
def test_a_callable_of_dotted_names_is_taken(name: str) -> None:
    application = read_web_xml(web_xml(callable_name=name))
    assert f"{application.module}:{application.attribute}" == name


@covers("FAR-ARC-12")
def test_a_mutated_descriptor_is_read_or_malformed_and_nothing_else() -> None:
    refused = 0
    for octets in mutations(web_xml("<display-name>Shop</display-name><!-- c -->"), 2500):
        try:
            read_web_xml(octets)
        except Malformed:
            refused += 1
    assert refused > 1000


@covers("FAR-ARC-01")
def test_a_mutated_end_record_is_taken_or_malformed_and_nothing_else() -> None:
    refused = 0
    for octets in mutations(zipped("a")[-40:], 1500):
        try:
            check_end(octets, len(octets), LIMITS)
        except (Malformed, struct.error) as error:
            assert isinstance(error, Malformed)
            refused += 1
    assert refused > 1000
