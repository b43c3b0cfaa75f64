"""uriworkermap.properties: lines, marks, the bar, rule extensions."""

from __future__ import annotations

import pytest

from refjk.configuration import MountSource, RuleExtensions
from refjk.speccheck import covers
from tests.configuration.support import mount_rules, short


def patterns(*lines: str) -> list[tuple[str, str]]:
    return [(rule.pattern, rule.worker) for rule in mount_rules(*lines)[0]]


@covers("CFG-URM-01")
def test_a_line_is_cut_at_its_first_equals_sign() -> None:
    rules, complaints = mount_rules("# x", "", " /a/* = w  # tail", "/a=b/c=w", "/c", "=w")
    assert [(rule.pattern, rule.worker, rule.place.line) for rule in rules] == [
        ("/a/*", "w", 3),
        ("/a", "b/c=w", 4),
    ]
    assert {rule.source for rule in rules} == {MountSource.FILE}
    assert short(complaints) == ["warning CFG-URM-01 5", "warning CFG-URM-01 6"]


@covers("CFG-URM-02")
def test_marks_exclude_and_disable() -> None:
    rules, complaints = mount_rules("/a=w", "!/a=w", "-/a=w", "-!/a=w")
    assert [(rule.disabled, rule.exclude) for rule in rules] == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]
    assert complaints == ()


@covers("CFG-URM-03")
def test_the_bar_stands_for_two_patterns() -> None:
    assert patterns("/app|/*=w", "!/x|y|z=v") == [("/app", "w"), ("/app/*", "w"), ("/x", "v"), ("/xy|z", "v")]


@covers("CFG-URM-04")
@pytest.mark.parametrize("line", ["*.jsp=w", "?/x=w", "!a=w", "|/*=w"])
def test_a_pattern_without_slash_is_left_out(line: str) -> None:
    rules, complaints = mount_rules(line, "/ok=w")
    assert [rule.pattern for rule in rules] == ["/ok"]
    assert short(complaints) == ["warning CFG-URM-04 1"]


@covers("CFG-URM-05")
def test_a_pattern_given_again_takes_the_later_worker() -> None:
    rules, complaints = mount_rules("/a=w", "/b=w", "/a=v", "/A=u", "!/a=t")
    assert [(rule.pattern, rule.worker) for rule in rules] == [
        ("/a", "v"),
        ("/b", "w"),
        ("/A", "u"),
        ("/a", "t"),
    ]
    assert short(complaints) == ["warning CFG-URM-05 3"]


@covers("CFG-URM-06")
def test_rule_extensions_are_read() -> None:
    rules, complaints = mount_rules(
        "/a=lb;reply_timeout=500; active=n1,n2 ;disabled=n3;stopped=n4 n5;fail_on_status=500,-404",
        "/b=lb;use_server_errors=400;sticky_ignore=1;stateless=0;session_cookie=C;session_path=;sid",
        "/c=lb;set_session_cookie=1;session_cookie_path=/x;reply_timeout=-1",
    )
    assert rules[0].extensions == RuleExtensions(
        reply_timeout=500,
        active=("n1", "n2"),
        disabled=("n3",),
        stopped=("n4", "n5"),
        fail_on_status=(500, -404),
    )
    assert rules[1].extensions == RuleExtensions(
        use_server_errors=400, sticky_ignore=True, session_cookie="C", session_path=""
    )
    assert rules[2].extensions == RuleExtensions(set_session_cookie=True, session_cookie_path="/x")
    assert {rule.worker for rule in rules} == {"lb"}
    assert short(complaints) == ["warning CFG-URM-06 2"]


@covers("CFG-URM-06")
def test_an_unknown_extension_is_warned_of_with_the_nearest_name() -> None:
    rules, complaints = mount_rules("/a=lb;reply_timout=5;")
    assert rules[0].extensions == RuleExtensions()
    assert short(complaints) == ["warning CFG-URM-06 1"]
    assert complaints[0].nearest == "reply_timeout"


@covers("CFG-URM-07")
def test_of_an_extension_given_twice_the_first_counts_or_the_later() -> None:
    extensions = "active=n1;active=n2;stateless=1;stateless=0;reply_timeout=1;reply_timeout=2"
    rules, complaints = mount_rules(f"/a=lb;{extensions}")
    assert rules[0].extensions == RuleExtensions(reply_timeout=2, active=("n1",))
    assert short(complaints) == ["warning CFG-URM-07 1"] * 3
