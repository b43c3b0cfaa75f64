"""The bench of replication starts, and measures what it says."""

from __future__ import annotations

from refjk.runtime.senders_settings import Mode
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from tests.bench.replication import ALONE, Result, User, as_markdown, clustered, join_time_s, settings


def test_a_request_is_measured_alone_and_in_a_cluster() -> None:
    assert len(User(Sessions.alone(ManagerSettings(""))).times_us(0.05)) > 10
    with clustered(Mode.POOLED, 2) as sessions:
        assert len(User(sessions).times_us(0.2)) > 5


def test_a_node_that_starts_takes_all_sessions_over() -> None:
    count, took_s = join_time_s(50)
    assert count == 50 and took_s > 0


def test_the_table_has_a_row_for_each_setting() -> None:
    names = [name for name, _, _ in settings()]
    result = Result({name: [2.0] for name in names}, {name: [3.0] for name in names})
    assert all(f"| {name} | 2 | 3 | 0 |" in as_markdown(result) for name in names) and ALONE in names
