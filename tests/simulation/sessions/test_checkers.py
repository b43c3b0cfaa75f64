"""Each checker objects to a manager that does what it watches for, and not to a right one."""

from __future__ import annotations

import pytest

from refjk.session import SessionManager
from refjk.simulation.cluster import ClusterSettings
from refjk.simulation.sessions import SessionCluster, SessionsPlan, SessionsSettings, run_plan
from refjk.simulation.sessions.settings import ManagerMaker
from refjk.speccheck import covers
from tests.simulation.sessions import wrong_managers as wrong

CASES: list[tuple[str, ManagerMaker]] = [
    ("no update lost", wrong.Forgetting),
    ("last one stands", wrong.Forgetting),
    ("same everywhere", wrong.Forgetting),
    ("same everywhere", wrong.Secretive),
    ("state taken over", wrong.Dropping),
    ("ends once", wrong.Immortal),
    ("ends once", wrong.Reviving),
    ("ends once", wrong.Possessive),
    ("ends once", wrong.impatient),
    ("listeners", wrong.silent),
    ("listeners", wrong.vague),
]
IDS = [f"{checker}, {number}" for number, (checker, _) in enumerate(CASES)]


def objecting(manager: ManagerMaker) -> set[str]:
    """Two nodes, a third that starts, sessions that are used and ended, and a long time without requests."""
    cluster = SessionCluster(1, SessionsSettings(interval_s=20, manager=manager))
    cluster.join("a", "b")
    for _ in range(3):
        cluster.click("anna", "a")
        cluster.click("ben", "b")
    cluster.join("c")
    cluster.click("ben", "b", "logout")
    for _ in range(3):
        cluster.click("anna", "a", within_ms=3000)
    for _ in range(2):
        cluster.click("anna", "a", "look", within_ms=8000)
    cluster.settled()
    cluster.idle()
    return {objection.partition(":")[0] for objection in cluster.objections}


def test_nobody_objects_to_the_right_manager() -> None:
    assert objecting(SessionManager) == set()


@pytest.mark.parametrize(("checker", "manager"), CASES, ids=IDS)
def test_a_checker_objects_to_a_wrong_manager(checker: str, manager: ManagerMaker) -> None:
    assert checker in objecting(manager)


@covers("SES-GUA-07")
def test_a_node_that_has_missed_something_is_judged_by_what_it_took() -> None:
    """Nothing that b has acknowledged is lost with it; but what it did not do, it did not do."""
    channel = ClusterSettings(answer_time_ms=300, connect_time_ms=300, drop_time_ms=60_000)
    cluster = SessionCluster(1, SessionsSettings(channel, manager=wrong.Forgetting))
    cluster.join("a", "b")
    cluster.cut("a", "b")
    cluster.click("anna", "a", within_ms=3000)
    cluster.heal()
    cluster.pass_ms(1000)
    healed_ms = cluster.now_ms
    assert cluster.objections == []
    cluster.click("anna", "a")
    cluster.rejoined(healed_ms)

    said = [objection.partition(": at")[0] for objection in cluster.objections]
    assert {"last one stands", "same everywhere"} <= set(said)


@pytest.mark.parametrize(
    "manager",
    [wrong.Forgetting, wrong.Secretive, wrong.Dropping, wrong.Immortal, wrong.Reviving, wrong.silent],
)
def test_a_few_seeds_find_each_wrong_manager(manager: ManagerMaker) -> None:
    assert any(run_plan(SessionsPlan(seed, manager=manager, users=3)).objections for seed in range(4))
