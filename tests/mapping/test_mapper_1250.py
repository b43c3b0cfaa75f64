"""What 1.2.50 decides (`spec/uri-mapping.md`)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest

from refjk.base.errors import InputError
from refjk.mapping import Mapper1250, Rule, Source, normalise_path
from refjk.speccheck import covers
from tests.mapping.rules import mapper_1250, worker, written


@covers("MAP-RUL-06")
def test_rule_without_slash_is_left_out_alone() -> None:
    mapper = mapper_1250("*.jsp=w1", "/ok/*=w3", "!x=w3")
    assert [str(rule) for rule in mapper.refused] == ["*.jsp → w1", "!x → w3"]
    assert worker(mapper, b"/ok/a.jsp") == "w3"


@covers("MAP-PAT-07", "MAP-PAT-01", "MAP-MAT-02")
@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a", b"/a", True),
        ("/a", b"/a/", False),
        ("/a", b"/A", False),
        ("/s*", b"/s", True),
        ("/s*", b"/s/abc", True),
        ("/app/*", b"/app/", True),
        ("/app/*", b"/app/x/y", True),
        ("/app/*", b"/app", False),
        ("/app/*", b"/application", False),
        ("/*.jsp", b"/a/b.jsp", True),
        ("/*.jsp", b"/b.jsp/", False),
        ("/*/servlet/", b"/a/servlet/foo", False),
        ("/*/", b"/a", False),
        ("/a/*/c", b"/a/c", False),
        ("/*.tar.gz", b"/x.tar.gz", True),
    ],
)
def test_star_and_question_mark_are_wild_wherever_they_are(pattern: str, path: bytes, matches: bool) -> None:
    assert worker(mapper_1250(f"{pattern}=w"), path) == ("w" if matches else None)


@covers("MAP-PAT-06")
@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a*b*c", b"/abc", True),
        ("/a*b*c", b"/a/b/x/c", True),
        ("/a*b*c", b"/acb", False),
        ("/*ab*ab", b"/ab", False),
        ("/*ab*ab", b"/abab", True),
        ("/**x", b"/x", True),
        ("/**x", b"/y/x", True),
        ("/a?c", b"/a/c", True),
        ("/a?c", b"/ac", False),
        ("/?*?", b"/ab", True),
        ("/?*?", b"/a", False),
        ("/*?b*", b"/b", False),
        ("/*?b*", b"/ab", True),
        ("/(*[x]*", b"/(a[x]", True),
        ("/*\n*", b"/\n", True),
    ],
)
def test_wildcards_of_several_parts(pattern: str, path: bytes, matches: bool) -> None:
    assert worker(mapper_1250(f"{pattern}=w"), path) == ("w" if matches else None)


@covers("MAP-PAT-06")
def test_a_pattern_of_many_stars_takes_no_time_to_fail() -> None:
    mapper = mapper_1250("/" + "*a" * 30 + "*b=w")
    assert worker(mapper, b"/" + b"a" * 4000) is None


@covers("MAP-ORD-10")
def test_first_mount_of_the_order_decides_even_over_an_exact_one() -> None:
    mapper = mapper_1250("/a/=exact", "/a/*=wild", "/a/x=exact", "/a/y*=longer")
    assert worker(mapper, b"/a/") == "wild"
    assert worker(mapper, b"/a/x") == "wild"
    assert worker(mapper, b"/a/y") == "longer"
    assert worker(mapper_1250("/a/xyz=exact", "/a/*=wild"), b"/a/xyz") == "exact"


@covers("MAP-ORD-11", "MAP-ORD-12")
def test_slashes_come_before_size() -> None:
    mapper = mapper_1250("/aaaaaaaa*=long", "/a*/b=slashes", "/aa*/b=longer")
    assert [rule.worker for rule in mapper.order] == ["longer", "slashes", "long"]
    assert worker(mapper, b"/aaaaaaaa/b") == "longer"


@covers("MAP-MAT-03")
@pytest.mark.parametrize("mounts", list(itertools.permutations(("/*=root", "/a/*=a", "/a/b/*=b"))))
def test_longest_context_mount_decides_in_any_order_of_definition(mounts: tuple[str, ...]) -> None:
    mapper = mapper_1250(*mounts)
    assert [worker(mapper, path) for path in (b"/a/b/c", b"/a/b", b"/a")] == ["b", "a", "root"]


@covers("MAP-ORD-13")
@pytest.mark.parametrize("sources", list(itertools.permutations(Source)))
def test_mount_file_comes_before_directives_before_properties(sources: tuple[Source, ...]) -> None:
    rules = [Rule("/s/*", source.name, None, source=source) for source in sources]
    assert [rule.worker for rule in Mapper1250(rules).order] == ["FILE", "DIRECTIVE", "PROPERTY"]
    assert worker(Mapper1250(rules), b"/s/x") == "FILE"


@covers("MAP-ORD-14")
def test_first_defined_of_equals_decides() -> None:
    assert worker(mapper_1250("/??/*=one", "/a?/*=two"), b"/ab/x") == "one"
    assert worker(mapper_1250("/a?/*=two", "/??/*=one"), b"/ab/x") == "two"


@covers("MAP-ORD-04")
def test_later_worker_of_one_pattern_counts_in_the_place_of_the_earlier() -> None:
    mapper = mapper_1250("/a?=first", "/?a=w", "/a?=second", "-/a?=off", "!/a?=out")
    assert worker(mapper, b"/aa") == "second"
    assert [rule.worker for rule in mapper.order] == ["second", "w", "off", "out"]


@covers("MAP-EXC-02")
def test_exclusion_counts_for_its_worker_and_for_all_with_a_star() -> None:
    mapper = mapper_1250("/a/*=w1", "/a/b/*=w2", "!/a/b/x=w1", "!/a/y=w1", "!/*/secret=*")
    assert worker(mapper, b"/a/b/x") == "w2"
    assert worker(mapper, b"/a/y") is None
    assert worker(mapper, b"/a/secret") is None
    assert worker(mapper, b"/a/b/secret") is None
    assert worker(mapper, b"/a/z") == "w1"


@covers("MAP-EXC-03")
def test_no_second_mount_is_tried_after_an_exclusion() -> None:
    mapper = mapper_1250("/*=root", "/a/*=w1", "!/a/x=w1")
    assert worker(mapper, b"/a/x") is None
    assert str(mapper.explain(b"/a/x")).splitlines() == [
        "/a/x: nobody by MAP-EXC-02",
        "  decided: !/a/x → w1",
        "  lost: /a/* → w1, not by MAP-EXC-02",
        "  lost: /* → root, not by MAP-EXC-03",
    ]


@covers("MAP-EXC-02", "MAP-NRM-09", "MAP-NRM-08")
@pytest.mark.parametrize(
    "raw",
    [
        b"/app/admin/x",
        b"/app//admin/x",
        b"/app/;v/admin;w=1/x",
        b"/app/y/..;/admin/x",
        b"/app/y/%2e%2e/admin/x",
        b"/app/%61dmin/x",
        b"/app/./admin/.;a/x",
    ],
)
def test_no_writing_of_a_path_slips_past_an_exclusion(raw: bytes) -> None:
    assert worker(mapper_1250("/app/*=w", "!/app/admin/*=w"), normalise_path(raw)) is None


@covers("MAP-DIS-01")
def test_disabled_rules_take_no_part() -> None:
    mapper = mapper_1250("-/off/*=w1", "/off/*=w2", "-!/on/x=w1", "/on/*=w1", "-/on/x/y=w3")
    assert worker(mapper, b"/off/x") == "w2"
    assert worker(mapper, b"/on/x") == "w1"
    assert worker(mapper, b"/on/x/y") == "w1"
    assert [lost.clause for lost in mapper.explain(b"/on/x").lost] == ["MAP-DIS-01"]


@covers("MAP-MAT-05", "MAP-NRM-09")
def test_no_writing_of_a_path_leads_past_the_mounts() -> None:
    mapper = mapper_1250("/pub/*=pub")
    for raw in (
        b"/pub/../admin/x",
        b"/pub/..;/admin/x",
        b"/pub/;a/../admin/x",
        b"/pub/%2e%2e/admin/x",
        b"//admin/x",
    ):
        assert mapper.map(normalise_path(raw)) is None
    assert mapper_1250().map(b"/") is None
    assert mapper_1250("/*=w").map(b"*") is None
    assert str(mapper.explain(b"/x")) == "/x: nobody by MAP-MAT-05"


@covers("MAP-DEC-05")
def test_path_of_4096_octets_belongs_to_nobody() -> None:
    mapper = mapper_1250("/*=w")
    assert worker(mapper, b"/" + b"a" * 4094) == "w"
    assert worker(mapper, b"/" + b"a" * 4095) is None
    assert mapper.explain(b"/" + b"a" * 4095).clause == "MAP-DEC-05"
    assert worker(mapper, mapper.normalise(b"/;" + b"a" * 5000)) == "w"


@covers("MAP-DEC-06")
@pytest.mark.parametrize("path", [b"/r/a%20b", b"/r/a\\b"])
def test_unsafe_octets_belong_to_nobody_when_the_option_is_on(path: bytes) -> None:
    rules = written("/r/*=w")
    assert worker(Mapper1250(rules), path) == "w"
    strict = Mapper1250(rules, reject_unsafe=True)
    assert worker(strict, path) is None
    assert worker(strict, b"/r/a b") == "w"
    assert strict.explain(path).clause == "MAP-DEC-06"
    assert worker(strict.replaced(rules), path) is None


@dataclass
class Anything:
    """Extensions need not be hashable nor comparable."""

    words: list[str]


@covers("MAP-EXT-01")
def test_match_carries_the_extensions_of_its_own_rule() -> None:
    outer, inner = Anything(["stateless"]), Anything(["stopped"])
    mapper = Mapper1250([Rule("/a/*", "lb", outer), Rule("/a/b/*", "lb", inner)])
    for path, extensions in ((b"/a/x", outer), (b"/a/b/x", inner)):
        match = mapper.map(path)
        assert match is not None
        assert match.extensions is extensions


def test_match_explains_itself_with_the_rules_that_lost() -> None:
    rules = [*written("/a/*=file", source=Source.FILE)]
    rules += written("/a/*=directive", "/*=root", "/a*=w", "/a/?=equal", "!/a/x=other", "-/a/x=off", "/b=w")
    match = Mapper1250(rules).map(b"/a/x")
    assert match is not None
    assert str(match) == "MAP-ORD-10: /a/* → file"
    assert str(match.explain()).splitlines() == [
        "/a/x: file by MAP-ORD-10",
        "  decided: /a/* → file",
        "  lost: /a/* → directive, not by MAP-ORD-13",
        "  lost: /a/? → equal, not by MAP-ORD-13",
        "  lost: !/a/x → other, not by MAP-EXC-02",
        "  lost: -/a/x → off, not by MAP-DIS-01",
        "  lost: /a* → w, not by MAP-ORD-11",
        "  lost: /* → root, not by MAP-ORD-11",
    ]


@covers("MAP-RLD-03")
def test_replacing_one_source_leaves_the_others_and_the_old_set() -> None:
    old = Mapper1250([*written("/f/*=old", source=Source.FILE), *written("/d/*=d")])
    new = old.replaced(written("/g/*=new", source=Source.FILE), Source.FILE)
    assert (old.version, new.version, new.replaced([]).version) == (0, 1, 2)
    assert [worker(old, path) for path in (b"/f/x", b"/g/x", b"/d/x")] == ["old", None, "d"]
    assert [worker(new, path) for path in (b"/f/x", b"/g/x", b"/d/x")] == [None, "new", "d"]
    assert worker(new.replaced(written("/f/*=all")), b"/d/x") is None


@covers("MAP-RLD-03")
def test_replacing_a_source_with_rules_of_another_is_refused() -> None:
    with pytest.raises(InputError, match="not of the source FILE"):
        mapper_1250().replaced(written("/a=w"), Source.FILE)
