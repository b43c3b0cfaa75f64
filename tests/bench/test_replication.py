"""The benches of replication start, and measure what they say."""

from __future__ import annotations

import pytest

from refjk.runtime.senders_settings import Mode
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from tests.bench import joining, session_memory
from tests.bench.replication import (
    ALONE,
    NODES,
    Result,
    User,
    as_markdown,
    charts,
    measure_once,
    name_of,
    settings,
)
from tests.interop.peers import free_port

FIELDS = ("p50_us", "p99_us", "cpu_us", "other_cpu_us", "sessions_per_s")


def test_a_request_is_measured_alone_and_in_a_cluster() -> None:
    assert len(User(Sessions.alone(ManagerSettings(""))).times_us(0.05)) > 10
    for mode, count in ((None, 1), (Mode.POOLED, 2), (Mode.ASYNCHRONOUS, 3)):
        numbers = measure_once(mode, count, 0.1)
        assert set(numbers) == set(FIELDS)
        assert 0 < numbers["p50_us"] <= numbers["p99_us"] and numbers["sessions_per_s"] > 0
        assert (numbers["other_cpu_us"] > 0) is (mode is not None)


@pytest.mark.parametrize("kind", list(session_memory.KINDS))
def test_a_node_that_starts_takes_all_sessions_over(kind: str) -> None:
    numbers = joining.join(50, kind, free_port())
    assert numbers["sessions"] == 50 and numbers["answers_missed"] == 0
    assert all(numbers[name] > 0 for name in ("took_s", "peak_octets", "wire_octets"))
    assert f"| {kind} | 50 |" in joining.as_markdown({kind: numbers})


def test_the_memory_of_a_session_is_looked_at_in_two_ways() -> None:
    small, large = (session_memory.octets_each(50, kind, "traced") for kind in session_memory.KINDS)
    assert 100 < small < large
    assert session_memory.taken("resident") > 1 << 20
    assert len(list(session_memory.messages(3, "a cart"))) == 6  # made, and changed


def test_the_table_has_a_row_for_each_setting_and_the_picture_a_curve_for_each_mode() -> None:
    numbers = {name: [3.0] for name in FIELDS} | {"p50_us": [2.0]}
    result = Result({name: dict(numbers) for name, _, _ in settings()}, memory={"a cart, traced": 5.4})
    result.numbers[name_of(Mode.POOLED, 6)] = {**numbers, "p50_us": [2002.0]}

    text = as_markdown(result)

    assert all(f"| {name} |" in text for name, _, _ in settings()) and ALONE in text
    assert "| pooled, 6 nodes | 2002 | 3 | 2000 | 0 | 3 | 3 | 3 |" in text
    assert "| a cart, traced | 5 |" in text
    curves = {curve.name: curve.points for curve in charts(result)["replication-latency"].curves}
    assert set(curves) == {f"{mode.value}, {which}" for mode in Mode for which in ("p50", "p99")}
    assert curves["pooled, p50"] == [(2.0, 0.0), (3.0, 0.0), (6.0, 2.0)]
    assert NODES == (2, 3, 6)
