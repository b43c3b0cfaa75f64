"""The language of scenarios: what is read, what is refused, what each verb does."""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.base.errors import InputError
from refjk.simulation.cluster import VERBS, ClusterResult, parse_scenario, play
from refjk.simulation.cluster.settings import NAMES, OF_THE_NETWORK


def played(text: str) -> ClusterResult:
    return play(parse_scenario(text.splitlines(), "text"), seed=1)


def test_blanks_and_comments_do_not_count() -> None:
    commands = list(parse_scenario(["", "  # nothing", "  join   a  b # two of them", "pass 1s"], "text"))

    assert [str(command) for command in commands] == ["join a b", "pass 1s"]
    assert [command.place for command in commands] == ["text:3", "text:4"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("jion a", "'jion' is no command"),
        ("join", "write join NODE"),
        ("join A", "write join NODE"),
        ("join all", "'all' cannot be the name"),
        ("cut a", "write cut NODE NODE"),
        ("cut a <- b", "write cut NODE NODE"),
        ("heal a", "write heal"),
        ("pass soon", "'soon' is no time"),
        ("pass 0.5ms", "no whole number of ms"),
        ("slow a fast", "'fast' is no time"),
        ("send a k", "write send NODE KEY=VALUE"),
        ("send a k=1 to", "write send NODE KEY=VALUE"),
        ("expect a likes b", "write expect NODE sees"),
        ("expect a -> b lost", "write expect NODE sees"),
        ("settle now", "write settle"),
        ("set colour red", "'colour' cannot be set"),
        ("set mode slow", "'slow' is not a valid Mode"),
        ("set loss 101%", "not within 0% to 100%"),
        ("set loss 0.1", "not within 0% to 100%"),
        ("set delay 5ms..1ms", "ends before it begins"),
        ("set drop-time 0s", "not above 0"),
        ("set pool-size many", "not a number"),
        ("set when-full panic", "not a valid WhenFull"),
    ],
)
def test_a_line_that_is_no_command_is_refused_with_its_place(line: str, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        list(parse_scenario(["join a", line], "text"))

    assert str(refused.value).startswith("text:2: ")
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("join a\njoin a", "text:2: a has joined before"),
        ("join a\nrestart a", "text:2: a is running"),
        ("crash a", "text:1: a has not joined"),
        ("join a\nkill a\nkill a", "text:3: a is not running"),
        ("join a\ncrash a\ncrash a", "text:3: a has crashed already"),
        ("join a\nkill a\nsend a k=1", "text:3: a is not running"),
        ("join a b\ncut a b\nsettle", "text:3: heal before you settle"),
        ("join a\nset mode pooled", "text:2: mode can only be set before the first node joins"),
        ("join " + " ".join(f"n{number}" for number in range(101)), "text:1: there are 100 nodes already"),
        ("expect a sees b", "text:1: a has not joined"),
    ],
)
def test_a_command_that_makes_no_sense_where_it_stands_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        played(text)

    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("expectation", "known"),
    [
        ("expect a sees b", "a sees nobody"),
        ("expect all see all", "a misses b; b misses a"),
        ("expect b has k=1", "b has k=None"),
        ("expect a -> b acknowledged", "a knows: nothing"),
    ],
)
def test_what_is_expected_and_not_so_is_an_objection(expectation: str, known: str) -> None:
    result = played(f"join a b\n{expectation}")

    assert result.objections == (f"{known} (text:2: {expectation})",)


def test_what_is_expected_and_so_is_none() -> None:
    text = """
        set loss 0%
        join a b c
        pass 3s
        set delay 5ms..9ms
        expect all see all
        expect a sees b c
        cut a b
        heal a b
        send a k=1 to b
        pass 100ms
        expect b has k=1
        expect a -> b acknowledged
        expect c misses d
    """
    assert played(text).objections == ()


def test_a_message_to_a_stranger_fails_there() -> None:
    result = played("join a b\nsend a k=1 to b c\nexpect a -> c failed")

    assert result.objections == ()
    assert result.reasons == {"no such member": 2}


def test_every_verb_and_every_setting_is_in_the_how_to() -> None:
    text = (Path(__file__).parents[3] / "docs" / "howto" / "simulate-cluster.md").read_text("utf-8")

    assert [verb for verb in VERBS if f"`{verb}" not in text] == []
    assert [name for name in NAMES if f"`{name}`" not in text] == []
    assert set(OF_THE_NETWORK) < set(NAMES)
