"""Mounts and their order (`spec/uri-mapping.md`)."""

from __future__ import annotations

import pytest

from refjk.base.errors import InputError
from refjk.mapping import Mapper, Mount, MountKind, normalise_path, parse_mount
from refjk.speccheck import covers


def worker(path: bytes, *mounts: str) -> str | None:
    match = Mapper([parse_mount(text) for text in mounts]).map(path)
    return None if match is None else match.worker


def test_mount_is_cut_at_the_first_equals_sign_and_trimmed() -> None:
    assert parse_mount(" /app/* = balancer ") == Mount("/app/*", "balancer", MountKind.CONTEXT, b"/app/")
    assert parse_mount("/app=a=b").worker == "a=b"


@pytest.mark.parametrize("text", ["", "/app", "/app=", "=w", "/app/* balancer"])
def test_mount_without_pattern_or_worker_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InputError, match="PATTERN=WORKER"):
        parse_mount(text)


@covers("MAP-RUL-01")
@pytest.mark.parametrize("text", ["app=w", "*=w", "*.jsp=w", "!/app=w"])
def test_pattern_must_begin_with_a_slash(text: str) -> None:
    with pytest.raises(InputError, match="begins with /"):
        parse_mount(text)


@covers("MAP-RUL-02")
@pytest.mark.parametrize(
    ("text", "kind", "base"),
    [
        ("/=w", MountKind.EXACT, b"/"),
        ("/a=w", MountKind.EXACT, b"/a"),
        ("/a/=w", MountKind.EXACT, b"/a/"),
        ("/*=w", MountKind.CONTEXT, b"/"),
        ("/a/b/*=w", MountKind.CONTEXT, b"/a/b/"),
    ],
)
def test_kind_follows_from_the_pattern(text: str, kind: MountKind, base: bytes) -> None:
    mount = parse_mount(text)
    assert (mount.kind, mount.base) == (kind, base)


@covers("MAP-RUL-02")
@pytest.mark.parametrize("text", ["/a*=w", "/*.jsp=w", "/a/*/b=w", "/*/*=w", "/a?/*=w", "/?=w"])
def test_kinds_of_later_cuts_are_refused_for_now(text: str) -> None:
    with pytest.raises(InputError, match="only exact patterns"):
        parse_mount(text)


@covers("MAP-RUL-03")
@pytest.mark.parametrize("text", ["//a=w", "/a//*=w", "/a/../b=w", "/./*=w", "/a/.=w", "/a\\b=w", "/a\0=w"])
def test_pattern_that_can_never_match_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no canonical path"):
        parse_mount(text)


@covers("MAP-MAT-01")
def test_exact_mount_matches_its_path_only() -> None:
    assert worker(b"/a", "/a=w") == "w"
    for other in (b"/a/", b"/ab", b"/A", b"/a/b", b"/"):
        assert worker(other, "/a=w") is None


@covers("MAP-MAT-01")
def test_exact_mount_wins_over_the_context_mount_of_the_same_length() -> None:
    assert worker(b"/a/", "/a/*=context", "/a/=exact") == "exact"
    assert worker(b"/a/x", "/a/x=exact", "/a/*=context") == "exact"


@covers("MAP-MAT-02")
def test_context_mount_matches_below_its_slash_and_leaves_the_bare_name_alone() -> None:
    for inside in (b"/app/", b"/app/x", b"/app/x/y"):
        assert worker(inside, "/app/*=w") == "w"
    for outside in (b"/app", b"/application", b"/ap", b"/APP/", b"/"):
        assert worker(outside, "/app/*=w") is None


@covers("MAP-MAT-03")
@pytest.mark.parametrize("mounts", [("/*=root", "/a/*=a", "/a/b/*=b"), ("/a/b/*=b", "/a/*=a", "/*=root")])
def test_longest_context_mount_decides_in_any_order_of_definition(mounts: tuple[str, ...]) -> None:
    assert worker(b"/a/b/c", *mounts) == "b"
    assert worker(b"/a/b", *mounts) == "a"
    assert worker(b"/a", *mounts) == "root"


@covers("MAP-MAT-04")
def test_later_mount_of_the_same_pattern_counts() -> None:
    assert worker(b"/a", "/a=first", "/a=second") == "second"
    assert worker(b"/a/x", "/a/*=first", "/a/*=second") == "second"


@covers("MAP-MAT-05")
def test_path_without_mount_belongs_to_nobody() -> None:
    assert worker(b"/x", "/a=w", "/b/*=w") is None
    assert worker(b"/x") is None
    assert worker(b"*", "/*=w") is None


@covers("MAP-MAT-05", "MAP-NRM-09")
def test_no_writing_of_a_path_leads_past_the_mounts() -> None:
    mapper = Mapper([parse_mount("/pub/*=pub")])
    for raw in (
        b"/pub/../admin/x",
        b"/pub/..;/admin/x",
        b"/pub/;a/../admin/x",
        b"/pub/%2e%2e/admin/x",
        b"//admin/x",
    ):
        assert mapper.map(normalise_path(raw)) is None


def test_match_says_which_mount_and_which_clause_decided() -> None:
    match = Mapper([parse_mount("/a/*=w")]).map(b"/a/b")
    assert str(match) == "MAP-MAT-02: context /a/* → w"
