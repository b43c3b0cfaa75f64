"""Rules as they are written (`spec/uri-mapping.md`)."""

from __future__ import annotations

import pytest

from refjk.base.errors import InputError
from refjk.mapping import Mount, Rule, Source, parse_mount, rules_as_written
from refjk.speccheck import covers


def test_mount_is_cut_at_the_first_equals_sign_and_trimmed() -> None:
    assert parse_mount(" /app/* = balancer ") == Mount("/app/*", "balancer", None)
    assert parse_mount("/app=a=b").worker == "a=b"


def test_mount_with_an_exclamation_mark_is_an_exclusion() -> None:
    assert parse_mount("!/app/x=lb") == Rule("/app/x", "lb", None, exclude=True)


@pytest.mark.parametrize("text", ["", "/app", "/app=", "=w", "/app/* balancer"])
def test_mount_without_pattern_or_worker_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InputError, match="PATTERN=WORKER"):
        parse_mount(text)


def test_mount_with_a_bar_is_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="write two mounts"):
        parse_mount("/app|/*=w")


@covers("MAP-RUL-01")
@pytest.mark.parametrize("text", ["app=w", "*=w", "*.jsp=w", "!app=w", "?=w"])
def test_pattern_must_begin_with_a_slash(text: str) -> None:
    with pytest.raises(InputError, match="begins with /"):
        parse_mount(text)


@covers("MAP-RUL-07")
@pytest.mark.parametrize("text", ["//a=w", "/a//*=w", "/a/../b=w", "/./*=w", "/a/.=w", "/a\\b=w", "/a\0=w"])
def test_pattern_that_can_never_match_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no canonical path"):
        parse_mount(text)


@covers("MAP-RUL-07")
@pytest.mark.parametrize("text", ["/=w", "/a/=w", "/*=w", "/a/*.jsp=w", "/.../x=w", "/?=w", "/-=w"])
def test_pattern_that_some_path_has_is_taken(text: str) -> None:
    assert parse_mount(text).worker == "w"


@covers("MAP-RUL-08")
@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("/app", ["/app"]),
        ("/app|/*", ["/app", "/app/*"]),
        ("/b|/*.jsp", ["/b", "/b/*.jsp"]),
        ("/a|b|c", ["/a", "/ab|c"]),
        ("/a|", ["/a", "/a"]),
    ],
)
def test_bar_stands_for_two_rules(text: str, patterns: list[str]) -> None:
    assert [rule.pattern for rule in rules_as_written(text, "w", None)] == patterns


@covers("MAP-RUL-09")
@pytest.mark.parametrize(
    ("text", "disabled", "exclude", "pattern"),
    [
        ("/a", False, False, "/a"),
        ("!/a", False, True, "/a"),
        ("-/a", True, False, "/a"),
        ("-!/a", True, True, "/a"),
        ("!-/a", False, True, "-/a"),
        ("--/a", True, False, "-/a"),
    ],
)
def test_marks_before_a_pattern(text: str, disabled: bool, exclude: bool, pattern: str) -> None:
    (rule,) = rules_as_written(text, "w", None, Source.FILE)
    assert rule == Rule(pattern, "w", None, exclude, disabled, Source.FILE)
    assert str(rule) == f"{text} → w"


@covers("MAP-RUL-08", "MAP-RUL-09")
def test_marks_count_for_both_rules_of_a_bar() -> None:
    rules = rules_as_written("-!/a|/*", "w", None)
    assert [(rule.pattern, rule.disabled, rule.exclude) for rule in rules] == [
        ("/a", True, True),
        ("/a/*", True, True),
    ]
