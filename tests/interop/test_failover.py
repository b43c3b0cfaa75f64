"""A Tomcat is killed under the load of fifty clients with sessions, and comes back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from refjk.speccheck import covers
from tests.interop.measure_failover import CLIENTS, measure

pytestmark = pytest.mark.interop


@covers("AJP-ERR-07")
def test_a_killed_tomcat_costs_fifty_clients_no_request_and_takes_load_again(
    record_property: Callable[[str, object], None],
) -> None:
    numbers = measure()
    for name, value in dataclasses.asdict(numbers).items():
        record_property(name, value)
    assert numbers.shares_before == {"left": CLIENTS // 2, "right": CLIENTS // 2}
    # An answer that had begun cannot be had from the other Tomcat; nothing else may fail.
    assert len(numbers.failures) == numbers.cut_short < CLIENTS // 2, numbers
    assert numbers.moved == CLIENTS // 2 and numbers.strayed == 0, numbers
    assert numbers.shares_after.get("left", 0) >= CLIENTS // 4, numbers
