"""Names of archives, and the paths of their applications."""

from __future__ import annotations

import random

import pytest

from refjk.base.errors import Malformed
from refjk.farm import check_archive_name, context_path_of, file_name_of
from refjk.farm.names import NAME_SIZE_MAX, folded, last_part
from refjk.speccheck import covers

PAIRS = [
    ("shop.war", "/shop"),
    ("ROOT.war", ""),
    ("root.war", "/root"),
    ("a#b.war", "/a/b"),
    ("shop-1.2.war", "/shop-1.2"),
    ("größe.war", "/größe"),
    ("a b.war", "/a b"),
    ("ROOT#x.war", "/ROOT/x"),
]


@covers("FAR-CTX-01", "FAR-CTX-02", "FAR-CTX-03", "FAR-CTX-05")
@pytest.mark.parametrize(("name", "path"), PAIRS)
def test_name_and_path_are_inverse(name: str, path: str) -> None:
    assert context_path_of(check_archive_name(name)) == path
    assert file_name_of(path) == name


@covers("FAR-CTX-05")
def test_each_form_of_the_root_is_the_root() -> None:
    assert [file_name_of(path) for path in ("", "/", "/ROOT")] == ["ROOT.war"] * 3


BAD = [
    "",
    ".war",
    "..war",
    "...war",
    "shop",
    "shop.WAR",
    "shop.war/",
    "../shop.war",
    "/shop.war",
    "a/b.war",
    "a\\b.war",
    "C:shop.war",
    "C:\\shop.war",
    " shop.war",
    "sh\0op.war",
    "sh\nop.war",
    "sh\x7fop.war",
    "sh\u202eop.war",
    "sh\u200bop.war",
    "sh\u2028op.war",
    "sh\ud800op.war",
    "a\uff0fb.war",
    "a\uff3cb.war",
    "a\uff1ab.war",
    "\u2025.war",
    "\uff0e\uff0e.war",
    "a\u2024b.war",
    "#a.war",
    "a#.war",
    "a##b.war",
    "a#..#b.war",
    ".#a.war",
    "nul.war",
    "COM1.war",
    "com1.x.war",
    "aux .war",
    "a*.war",
    "a?.war",
    "x" * (NAME_SIZE_MAX - 3) + ".war",
    "ä" * 99 + ".war",
]


@covers("FAR-CTX-04")
@pytest.mark.parametrize("name", BAD)
def test_a_name_that_could_leave_or_cannot_be_made_is_refused(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        check_archive_name(name)
    assert caught.value.clause == "FAR-CTX-04"


@covers("FAR-CTX-04")
@pytest.mark.parametrize(
    "name", ["x" * (NAME_SIZE_MAX - 4) + ".war", "ä" * 98 + ".war", "null.war", "com.war"]
)
def test_a_name_just_inside_is_taken(name: str) -> None:
    assert check_archive_name(name) == name


@covers("FAR-CTX-05")
@pytest.mark.parametrize("path", ["shop", "//", "/a//b", "/../x", "/a/..", "/a\\b", "/a\0", " ", "/.", "/a/"])
def test_a_path_of_no_archive_is_refused(path: str) -> None:
    with pytest.raises(Malformed):
        file_name_of(path)


@covers("FAR-MSG-06")
@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("/var/wars/a.war", "a.war"),
        ("C:\\wars\\a b.war", "a b.war"),
        ("a.war", "a.war"),
        ("/x/..", ".."),
        ("/x\\../b.war", "b.war"),
    ],
)
def test_only_the_last_part_of_a_senders_path_counts(sent: str, name: str) -> None:
    assert last_part(sent) == name


def test_names_that_some_system_takes_for_one_fold_to_one() -> None:
    for one, other in (("A", "a"), ("é", "e\u0301"), ("ﬁ", "fi"), ("ß", "SS"), ("K", "\u212a")):
        assert folded(one) == folded(other)
    assert folded("a") != folded("b")


def test_no_text_makes_anything_but_malformed_and_what_passes_stays_one_part() -> None:
    chance = random.Random(5)
    alphabet = [
        "a",
        ".",
        "/",
        "\\",
        "#",
        ":",
        "\0",
        " ",
        "\uff0f",
        "\u2024",
        "\ud800",
        "é",
        ".war",
        "ROOT",
        "nul",
    ]
    for _ in range(3000):
        name = "".join(chance.choices(alphabet, k=chance.randrange(6))) + ".war"
        try:
            check_archive_name(name)
        except Malformed:
            continue
        assert not set(name) & set("/\\:\0") and name not in (".", "..")
        assert context_path_of(file_name_of(context_path_of(name))) == context_path_of(name)
