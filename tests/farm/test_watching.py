"""New, changed, removed: the table, and what it makes of a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.farm import Happening, Seen, Watcher, WatchTicks
from refjk.farm.watching import CHECK, Look, Phase
from refjk.speccheck import covers

SPEC = Path(__file__).resolve().parents[2] / "spec" / "farm-deployment.md"


def told(watcher: Watcher, *entries: Seen) -> list[str]:
    return [f"{event.happening.value} {event.name}" for event in watcher.check(entries)]


def shop(size: int = 10, modified_ns: int = 1_000) -> Seen:
    return Seen("shop.war", size, modified_ns)


def told_once() -> Watcher:
    watcher = Watcher()
    watcher.check([shop()])
    assert told(watcher, shop()) == ["changed shop.war"]
    return watcher


def test_the_table_is_the_one_in_the_chapter() -> None:
    rows = []
    for phase in Phase:
        cells = []
        for look in Look:
            after, happening = CHECK.get((phase, look), (None, None))
            words = [after.value] if after else []
            cells.append(", ".join([*words, *([f"*{happening.value}*"] if happening else [])]))
        rows.append(f"| {phase.value} | {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    assert "\n".join(rows) in SPEC.read_text("utf-8")


@covers("FAR-WCH-03", "FAR-WCH-04")
def test_a_file_is_told_when_two_checks_found_it_alike_also_at_the_start() -> None:
    watcher = Watcher()
    assert told(watcher, shop()) == []
    assert told(watcher, shop()) == ["changed shop.war"]
    assert told(watcher, shop()) == []


@covers("FAR-WCH-03")
@pytest.mark.parametrize("changes", [{"size": 11}, {"modified_ns": 1_001}])
def test_a_file_that_grows_or_is_touched_at_each_check_is_not_told(changes: dict[str, int]) -> None:
    watcher = Watcher()
    now = {"size": 10, "modified_ns": 1_000}
    for _ in range(5):
        assert told(watcher, shop(**now)) == []
        now = {key: value + (key in changes) for key, value in now.items()}
    assert told(watcher, shop(**now)) == []
    assert told(watcher, shop(**now)) == ["changed shop.war"]


@covers("FAR-WCH-05")
@pytest.mark.parametrize("other", [shop(11), shop(9), shop(10, 1), shop(10, 10**18)])
def test_any_difference_is_a_change_once(other: Seen) -> None:
    watcher = told_once()
    assert told(watcher, other) == []
    assert told(watcher, other) == ["changed shop.war"]
    assert told(watcher, other) == []


@covers("FAR-WCH-06")
def test_a_name_is_removed_when_two_checks_do_not_find_it() -> None:
    watcher = told_once()
    assert told(watcher) == []
    assert told(watcher) == ["removed shop.war"]
    assert told(watcher) == []
    assert told(watcher, shop()) == []
    assert told(watcher, shop()) == ["changed shop.war"]


@covers("FAR-WCH-06")
def test_a_file_that_is_replaced_with_a_gap_is_changed_and_not_removed() -> None:
    watcher = told_once()
    assert told(watcher) == []
    assert told(watcher, shop(12)) == []
    assert told(watcher, shop(12)) == ["changed shop.war"]


@covers("FAR-WCH-07")
def test_a_file_that_came_and_went_is_not_told() -> None:
    watcher = Watcher()
    assert told(watcher, shop()) == []
    assert told(watcher) == []
    assert told(watcher) == []
    assert watcher.phase_of("shop.war") is Phase.UNKNOWN


@covers("FAR-WCH-08")
def test_a_file_that_is_not_ready_is_told_again_after_another_look() -> None:
    watcher = told_once()
    watcher.not_ready("shop.war")
    assert told(watcher, shop()) == []
    assert told(watcher, shop()) == ["changed shop.war"]
    with pytest.raises(LocalProtocolError):
        watcher.not_ready("other.war")


@covers("FAR-WCH-02")
@pytest.mark.parametrize(
    "entry",
    [
        Seen("a.zip", 1, 1),
        Seen("a.WAR", 1, 1),
        Seen("war", 1, 1),
        Seen(".war", 1, 1),
        Seen("d.war", 1, 1, is_directory=True),
        Seen("a.war.part", 1, 1),
    ],
)
def test_other_entries_do_not_count(entry: Seen) -> None:
    watcher = Watcher()
    assert told(watcher, entry) == told(watcher, entry) == []
    assert told(watcher, shop()) == []
    assert told(watcher, shop()) == ["changed shop.war"]


@covers("FAR-WCH-09")
def test_names_beyond_the_bound_wait_until_others_are_gone() -> None:
    watcher = Watcher(names_max=2)
    three = [Seen(f"{name}.war", 1, 1) for name in "abc"]
    assert told(watcher, *three) == []
    assert told(watcher, *three) == ["changed a.war", "changed b.war"]
    assert told(watcher, *three[1:]) == []
    assert told(watcher, *three[1:]) == ["removed a.war"]
    assert told(watcher, *three[1:]) == ["changed c.war"]


@covers("FAR-WCH-01", "FAR-WCH-11")
def test_every_nth_tick_looks_if_watching_is_on() -> None:
    ticks = WatchTicks(enabled=True)
    assert [ticks.tick() for _ in range(6)] == [False, True, False, True, False, True]
    ticks = WatchTicks(enabled=True, every=3)
    assert [ticks.tick() for _ in range(6)] == [False, False, True, False, False, True]
    assert not any(WatchTicks(every=1).tick() for _ in range(5))


@covers("FAR-WCH-10")
def test_a_frequency_below_one_is_passed_over() -> None:
    ticks = WatchTicks(enabled=True, every=3)
    for value in (0, -1):
        ticks.every = value
        assert ticks.every == 3
    assert WatchTicks(every=0).every == 2
    assert Happening.CHANGED.value == "changed"
