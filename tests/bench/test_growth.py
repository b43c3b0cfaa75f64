"""The simulated growth: every node has everything, and the counts are those of all-to-all and of domains."""

from __future__ import annotations

import pytest

from refjk.runtime.senders_settings import Mode
from tests.bench import growth
from tests.bench.decisions import ALGORITHMS
from tests.bench.failover_domains import found_again
from tests.bench.growth import COSTS, PARTED, WHOLE, measure_once
from tests.bench.growth_model import Costs, Load, play

LOAD = Load(10.0, 30, 7)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("nodes", "domain", "messages"), [(2, 2, 1), (6, 6, 5), (6, 3, 2)])
def test_a_change_goes_to_each_member_of_its_cluster_and_comes_back_as_answer(
    mode: Mode, nodes: int, domain: int, messages: int
) -> None:
    numbers = measure_once(nodes, domain, mode, LOAD)

    assert numbers["messages_per_change"] == numbers["answers_per_change"] == messages
    assert numbers["sessions_per_node"] == domain


def test_every_node_has_the_newest_of_every_session() -> None:
    _, members, _ = play(5, 5, Mode.SYNCHRONOUS, COSTS[Mode.SYNCHRONOUS], LOAD)
    counts = members[0].counts()
    assert all(node.counts() == counts for node in members)
    assert sum(int(str(count)) for count in counts) == LOAD.requests


def test_one_request_alone_waits_for_one_member_after_the_other() -> None:
    costs = Costs(change=90, send=200, receive=380, delay=100)
    world, members, _ = play(4, 4, Mode.SYNCHRONOUS, costs, Load(10.0, 1, 1))
    (waited,) = [wait for node in members for wait in node.waits_us]
    assert waited == 90 + 3 * (200 + 100 + 380 + 100)
    assert world.counts.changes == 1


def test_a_request_of_the_asynchronous_sender_waits_for_its_own_part_only() -> None:
    _, members, _ = play(4, 4, Mode.ASYNCHRONOUS, COSTS[Mode.ASYNCHRONOUS], Load(10.0, 1, 1))
    assert [wait for node in members for wait in node.waits_us] == [COSTS[Mode.ASYNCHRONOUS].change]


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second = (measure_once(4, 4, Mode.POOLED, LOAD) for _ in range(2))
    assert first == second
    assert measure_once(4, 4, Mode.POOLED, Load(10.0, 30, 8)) != first


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_sessions_of_a_failed_node_find_their_copy_where_the_balancer_knows_the_domains(
    algorithm: str,
) -> None:
    assert found_again(algorithm, 12, 3, told=True, seed=1) == 1
    assert found_again(algorithm, 12, 3, told=False, seed=1) < 0.7
    assert found_again(algorithm, 12, 12, told=False, seed=1) == 1


def test_tables_and_curves_have_every_mode_with_and_without_domains() -> None:
    result = growth.measure(short=True)
    text = growth.as_markdown(result)
    charts = growth.charts(result)

    assert "| mod_jk 1.2.7, domains told | 100 % |" in text
    assert f"| {WHOLE}: nodes |" in text and f"| {PARTED}: nodes |" in text
    assert [curve.name for curve in charts["growth-wait"].curves] == [
        name for mode in Mode for name in (mode.value, f"{mode.value}, domains")
    ]
    assert len(charts["growth-capacity"].curves) == 3
