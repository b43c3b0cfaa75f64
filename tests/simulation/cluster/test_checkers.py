"""Each checker objects to a core that does what it watches for, and to nothing else."""

from __future__ import annotations

import pytest

from refjk.channel import Tomcat55Channel
from refjk.simulation.cluster import Cores, Plan, parse_scenario, play, run_plan
from tests.simulation.cluster import wrong_cores as wrong

MEMBERS = """
join a b c
pass 5s
crash b
pass 7s
restart b
settle
"""
# The answer to message 1 comes when nobody waits for it any more.
LATE_ANSWER = """
set mode synchronous
set answer-time 500ms
join a b
pass 3s
slow b 700ms
send a k=1
pass 600ms
send a k=2
pass 3s
"""
KILLED = """
set mode synchronous
join a b
pass 3s
slow b 700ms
send a k=1
pass 100ms
kill b
pass 100ms
"""
# Nobody answers for a while.
UNANSWERED = """
set mode synchronous
set answer-time 500ms
set drop-time 60s
join a b
pass 3s
send a k=1
pass 1s
slow b 20s
send a k=2
pass 10s
"""
SENT = """
set mode MODE
join a b
pass 3s
send a k=1
pass 100ms
send a k=2
pass 100ms
"""
QUEUED = """
set mode asynchronous
set connect-time 1s
set drop-time 60s
join a b
pass 3s
cut a b
send a m=1
send a k=1
send a k=2
pass 1500ms
heal
settle
"""

CASES = [
    ("not too early", Cores(membership=wrong.impatient), MEMBERS),
    ("in time", Cores(membership=wrong.patient), MEMBERS),
    ("all see all", Cores(membership=wrong.Unforgiving), MEMBERS),
    ("all see all", Cores(membership=wrong.Silent), MEMBERS),
    ("as often as allowed", Cores(sending=wrong.keeping_after_failure), LATE_ANSWER),
    ("as often as allowed", Cores(channel_dialect=Tomcat55Channel(answer_as_original=True)), KILLED),
    ("as often as allowed", Cores(sending=wrong.stubborn), UNANSWERED),
    ("as often as allowed", Cores(receiving=wrong.Echoing), SENT.replace("MODE", "pooled")),
    ("as often as allowed", Cores(receiving=wrong.Inventing), SENT.replace("MODE", "synchronous")),
    ("as often as allowed", Cores(receiving=wrong.deaf), SENT.replace("MODE", "pooled")),
    ("last value", Cores(receiving=wrong.deaf), SENT.replace("MODE", "asynchronous") + "settle"),
    ("last value", Cores(queue=wrong.Hiding), QUEUED),
    ("last value", Cores(queue=wrong.Stale), QUEUED),
    ("last value", Cores(queue=wrong.Backwards), QUEUED),
]
IDS = [f"{checker}, {number}" for number, (checker, _, _) in enumerate(CASES)]


def objections(scenario: str, cores: Cores | None = None) -> set[str]:
    """The names of those who object."""
    result = play(parse_scenario(scenario.splitlines(), "text"), seed=1, cores=cores)
    return {objection.partition(":")[0] for objection in result.objections}


@pytest.mark.parametrize(("checker", "cores", "scenario"), CASES, ids=IDS)
def test_a_checker_objects_to_a_wrong_core_and_to_no_right_one(
    checker: str, cores: Cores, scenario: str
) -> None:
    assert objections(scenario, cores) == {checker}
    assert objections(scenario) == set()


@pytest.mark.parametrize(
    "cores",
    [*(cores for _, cores, _ in CASES), Cores(pool=wrong.Leaking)],
    ids=[*IDS, "acknowledged in the end"],
)
def test_a_few_seeds_find_each_wrong_core(cores: Cores) -> None:
    assert any(run_plan(Plan(seed), cores=cores).objections for seed in range(40))
