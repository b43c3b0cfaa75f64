"""The language of scenarios with archives."""

from __future__ import annotations

import pytest

from refjk.base.errors import InputError
from refjk.simulation.farm import VERBS, parse_scenario, play

GOOD = [
    "set lost 5%",
    "set mode pooled",
    "join a b",
    "original o",
    "version shop=v1 20480",
    "version shop=v2 300 lame",
    "put a shop=v1",
    "half a shop=v1",
    "take a shop",
    "end a crash store 2",
    "end a kill send",
    "fail a write",
    "lose a part 3",
    "double a catalog 20ms",
    "delay a undeploy 2s 2",
    "back a b",
    "restart a",
    "expect all same",
    "expect all serves shop=none",
    "expect a has shop=v1",
    "expect a ended",
    "settle",
]


def test_every_command_is_understood() -> None:
    commands = list(parse_scenario(GOOD, "good"))

    assert [str(command) for command in commands] == GOOD
    assert {command.verb for command in commands} | {
        "cut",
        "heal",
        "break",
        "crash",
        "kill",
        "slow",
        "pass",
    } == {*VERBS}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("fly a", "'fly' is no command"),
        ("put a shop", "write put NODE NAME=VERSION"),
        ("end a crash", "write end NODE crash|kill sweep|"),
        ("fail a send", "write fail NODE copy|"),
        ("lose a letter", "write lose NODE part|"),
        ("delay a part soon", "soon"),
        ("set colour blue", "'colour' cannot be set; what can: look, "),
        ("set lost 5", "not within 0% to 100%"),
        ("original all", "'all' cannot be the name of a node"),
    ],
)
def test_what_is_no_command_is_refused_with_its_place(line: str, complaint: str) -> None:
    with pytest.raises(InputError, match="mine:2: ") as refused:
        list(parse_scenario(["join a", line], "mine"))

    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["take a shop"], "a has not joined"),
        (["join a", "take a shop"], "a has no shop.war"),
        (["join a", "put a shop=none"], "shop=none cannot be made"),
        (["join a", "version shop=v1 100"], "200 octets or more"),
        (["join a", "put a shop=v1", "version shop=v1 300"], "shop=v1 cannot be made"),
        (["join a", "set look 1s"], "look can only be set before the first node joins"),
        (["join a b", "cut a b", "settle"], "heal before you settle"),
        (["join a", "restart a"], "a is running"),
    ],
)
def test_a_command_that_makes_no_sense_where_it_stands_is_refused(lines: list[str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        play(parse_scenario(lines, "mine"), 1)
