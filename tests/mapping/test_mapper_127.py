"""What 1.2.7 decides (`spec/uri-mapping.md`)."""

from __future__ import annotations

import itertools

import pytest

from refjk.base.errors import InputError
from refjk.mapping import Kind, Mapper127, Rule, kind_127
from refjk.speccheck import covers
from tests.mapping.rules import mapper_127, worker


@covers("MAP-RUL-05")
@pytest.mark.parametrize("wrong", ["*.jsp=w", "!x=w", "-/a=w", "=w"])
def test_one_pattern_without_slash_spoils_the_set(wrong: str) -> None:
    with pytest.raises(InputError, match="no rule of its set counts"):
        mapper_127("/a/*=w", wrong)


@covers("MAP-RUL-05")
def test_a_disabled_rule_spoils_the_set_as_well() -> None:
    with pytest.raises(InputError, match="-/a"):
        Mapper127([Rule("/a", "w", None, disabled=True)])


@covers("MAP-PAT-02")
@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("/a", Kind.EXACT),
        ("/s*", Kind.EXACT),
        ("/t/a*b", Kind.EXACT),
        ("/a/*", Kind.CONTEXT),
        ("/*", Kind.CONTEXT),
        ("/*/", Kind.CONTEXT_PATH),
        ("/*/servlet/x", Kind.CONTEXT_PATH),
        ("/*.jsp", Kind.SUFFIX),
        ("/a/*.", Kind.SUFFIX),
        ("/*_end", Kind.GENERAL_SUFFIX),
        ("/a/*/c", Kind.GENERAL_SUFFIX),
        ("/*/*", Kind.WILDCARD),
        ("/a/**", Kind.WILDCARD),
        ("/?", Kind.WILDCARD),
        ("/?/*.jsp", Kind.WILDCARD),
    ],
)
def test_kind_of_a_pattern(pattern: str, kind: Kind) -> None:
    assert kind_127(pattern.encode()) is kind


@covers("MAP-PAT-01")
def test_exact_pattern_has_its_path_only_and_its_star_is_a_character() -> None:
    assert worker(mapper_127("/a=w"), b"/a") == "w"
    for other in (b"/a/", b"/ab", b"/A", b"/a/b", b"/"):
        assert worker(mapper_127("/a=w"), other) is None
    assert worker(mapper_127("/s*=w"), b"/s*") == "w"
    assert worker(mapper_127("/s*=w"), b"/sx") is None


@covers("MAP-MAT-02")
def test_context_mount_matches_below_its_slash_and_leaves_the_bare_name_alone() -> None:
    mapper = mapper_127("/app/*=w")
    for inside in (b"/app/", b"/app/x", b"/app/x/y"):
        assert worker(mapper, inside) == "w"
    for outside in (b"/app", b"/application", b"/ap", b"/APP/", b"/"):
        assert worker(mapper, outside) is None


@covers("MAP-PAT-03")
@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a/*.jsp", b"/a/x.jsp", True),
        ("/a/*.jsp", b"/a/.jsp", True),
        ("/a/*.jsp", b"/a/b/x.y.jsp", True),
        ("/a/*.jsp", b"/a/x.jspx", False),
        ("/a/*.jsp", b"/b/x.jsp", False),
        ("/a/*.jsp", b"/a/jsp", False),
        ("/a/*.", b"/a/x.", True),
        ("/*.tar.gz", b"/x.tar.gz", False),
    ],
)
def test_suffix_is_what_follows_the_last_dot(pattern: str, path: bytes, matches: bool) -> None:
    assert worker(mapper_127(f"{pattern}=w"), path) == ("w" if matches else None)


@covers("MAP-PAT-04")
@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/c/*ext", b"/c/a.ext", True),
        ("/c/*ext", b"/c/ext", True),
        ("/c/*ext", b"/c/exte", False),
        ("/*_end", b"/z/a_end", True),
        ("/a/*/c", b"/a/x/c", True),
        ("/a/*/c", b"/a/c", True),
        ("/a/*/c", b"/a/c/", False),
        ("/a/*/b/c", b"/a/x/b/c", False),
        ("/*abca", b"/xabca", False),
    ],
)
def test_general_suffix_is_sought_at_its_first_octet(pattern: str, path: bytes, matches: bool) -> None:
    assert worker(mapper_127(f"{pattern}=w"), path) == ("w" if matches else None)


@covers("MAP-PAT-05")
@pytest.mark.parametrize(
    ("path", "matches"),
    [(b"/a/servlet", True), (b"/a/servletx/y", True), (b"/a/b/servlet", False), (b"/servlet", False)],
)
def test_context_path_is_compared_from_the_second_slash_on(path: bytes, matches: bool) -> None:
    assert worker(mapper_127("/*/servlet=w"), path) == ("w" if matches else None)
    assert worker(mapper_127("/*/=w"), b"/a") is None


@covers("MAP-PAT-06")
@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/m/*/user/*", b"/m/a/b/user/", True),
        ("/m/*/user/*", b"/m/user/b", False),
        ("/app?/x", b"/app1/x", True),
        ("/app?/x", b"/app/x", False),
        ("/a?b", b"/a/b", True),
        ("/a?b", b"/ab", False),
        ("/??", b"/\xc3\xa4", True),
        ("/*a*", b"/\n/a", True),
    ],
)
def test_wildcards_run_over_slashes(pattern: str, path: bytes, matches: bool) -> None:
    assert worker(mapper_127(f"{pattern}=w"), path) == ("w" if matches else None)


@covers("MAP-EXC-01")
def test_any_exclusion_counts_whatever_its_worker() -> None:
    mapper = mapper_127("/a/*=w", "/a/b/c=w", "!/a/b/*=other", "!/a/*.gif=*")
    assert worker(mapper, b"/a/x") == "w"
    for path in (b"/a/b/c", b"/a/b/", b"/a/x.gif"):
        assert worker(mapper, path) is None
    assert "MAP-EXC-01" in str(mapper.explain(b"/a/b/c"))


@covers("MAP-ORD-01", "MAP-MAT-03")
@pytest.mark.parametrize("mounts", list(itertools.permutations(("/*=root", "/a/*=a", "/a/b/*=b"))))
def test_longest_context_mount_decides_in_any_order_of_definition(mounts: tuple[str, ...]) -> None:
    mapper = mapper_127(*mounts)
    assert [worker(mapper, path) for path in (b"/a/b/c", b"/a/b", b"/a")] == ["b", "a", "root"]


@covers("MAP-ORD-01")
def test_wildcard_counts_with_all_of_its_pattern() -> None:
    mapper = mapper_127("/a/b/*=context", "/*/*.jsp=wild")
    assert worker(mapper, b"/a/b/x.jsp") == "wild"
    assert worker(mapper, b"/a/b/x") == "context"


@covers("MAP-ORD-02")
@pytest.mark.parametrize("exact_first", [True, False])
def test_exact_mount_decides_among_bases_of_one_size(exact_first: bool) -> None:
    mounts = ["/a/=exact", "/a/*=context"]
    assert worker(mapper_127(*(mounts if exact_first else reversed(mounts))), b"/a/") == "exact"


@covers("MAP-ORD-02")
def test_first_wildcard_of_one_size_decides() -> None:
    assert worker(mapper_127("/??/*=one", "/a?/*=two"), b"/ab/x") == "one"
    assert worker(mapper_127("/a?/*=two", "/??/*=one"), b"/ab/x") == "two"


@covers("MAP-ORD-03")
def test_last_suffix_of_one_size_decides_and_context_comes_last() -> None:
    mapper = mapper_127("/c/*ext=one", "/c/*x=two", "/c/*.ext=three", "/c/*=context")
    assert worker(mapper, b"/c/a.ext") == "three"
    assert worker(mapper, b"/c/aext") == "one"
    assert worker(mapper, b"/c/ax") == "two"
    assert worker(mapper, b"/c/a") == "context"
    assert worker(mapper_127("/c/*.ext=three", "/c/*ext=one"), b"/c/a.ext") == "one"


@covers("MAP-ORD-04")
def test_later_worker_of_one_pattern_counts() -> None:
    mapper = mapper_127("/a=first", "/a=second", "!/b=x", "/b=w")
    assert worker(mapper, b"/a") == "second"
    assert [rule.worker for rule in mapper.order] == ["second", "x", "w"]


@covers("MAP-SUS-01")
@pytest.mark.parametrize("path", [b"/z/a.jsp/", b"/z/a.jsp.", b"/z/a.jsp x", b"/z/a.jsp/path/info"])
def test_suffix_with_something_behind_it_is_mapped_and_suspect(path: bytes) -> None:
    match = mapper_127("/z/*.jsp=w", "/y/*.do=v").map(path)
    assert match is not None
    assert (match.worker, match.suspect, match.clause) == ("w", True, "MAP-SUS-01")
    assert str(match.explain()).endswith("decided: /z/*.jsp → w")


@covers("MAP-SUS-01")
@pytest.mark.parametrize("path", [b"/z/a.jspx", b"/z/a.jsp;", b"/q/a.jsp/", b"/z/jsp/", b"/z/.gif/"])
def test_other_continuations_are_not_suspect(path: bytes) -> None:
    assert worker(mapper_127("/z/*.jsp=w"), path) is None
    assert worker(mapper_127("/z=w"), path) is None


@covers("MAP-SUS-02")
def test_exclusion_never_leads_to_its_worker_in_the_front() -> None:
    mapper = mapper_127("!/y/*.gif=w9", "/y/*.jsp=w")
    recorded = mapper.decide(b"/y/a.gif/")
    assert recorded is not None
    assert recorded.worker == "w9"
    assert mapper.map(b"/y/a.gif/") is None
    assert worker(mapper, b"/y/a.gif/.jsp/") == "w"


def test_explanation_names_the_losers_and_why() -> None:
    mapper = mapper_127("/a/*=context", "/a/*.jsp=suffix", "/*=root", "/a/x.jsp=exact", "/?/x.jsp=wild")
    match = mapper.map(b"/a/x.jsp")
    assert match is not None
    assert str(match.explain()).splitlines() == [
        "/a/x.jsp: exact by MAP-ORD-01",
        "  decided: /a/x.jsp → exact",
        "  lost: /?/x.jsp → wild, not by MAP-ORD-02",
        "  lost: /a/*.jsp → suffix, not by MAP-ORD-01",
        "  lost: /a/* → context, not by MAP-ORD-01",
        "  lost: /* → root, not by MAP-ORD-01",
    ]
    suffix = mapper.map(b"/a/y.jsp")
    assert suffix is not None
    assert [lost.clause for lost in suffix.explain().lost] == ["MAP-ORD-03", "MAP-ORD-01"]
    assert str(mapper.explain(b"x")) == "x: nobody by MAP-MAT-05"


@covers("MAP-RLD-03")
def test_replacing_the_rules_leaves_the_old_set_as_it_was() -> None:
    old = mapper_127("/a=old")
    new = old.replaced([Rule("/a", "new", None)])
    assert (old.version, new.version) == (0, 1)
    assert [worker(old, b"/a"), worker(new, b"/a")] == ["old", "new"]
    with pytest.raises(InputError):
        new.replaced([Rule("a", "new", None)])
    assert worker(new, b"/a") == "new"
