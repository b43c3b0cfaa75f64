"""The small parts: agenda, distributions, spreads."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from refjk.simulation import Constant, Distribution, Exponential, Lognormal
from refjk.simulation.agenda import Agenda
from refjk.simulation.tally import Spread


def test_events_happen_in_the_order_of_time_and_then_of_adding() -> None:
    agenda, seen = Agenda(), []

    def note(subject: Any, _number: int) -> None:
        seen.append((agenda.now_us, subject))
        if subject == "first":
            agenda.add(0, note, "brought by the first")

    agenda.add(20, note, "late")
    agenda.add(10, note, "first")
    agenda.add(10, note, "second")
    agenda.add(30, note, "never")
    agenda.run(until_us=30)
    assert seen == [(10, "first"), (10, "second"), (10, "brought by the first"), (20, "late")]
    assert agenda.now_us == 30


@pytest.mark.parametrize(
    ("distribution", "mean_us", "median_us"),
    [
        (Constant(50_000), 50_000, 50_000),
        (Exponential(50_000), 50_000, 50_000 * math.log(2)),
        (Lognormal(50_000, 0.5), 50_000 * math.exp(0.125), 50_000),
    ],
)
def test_times_have_the_mean_and_the_median_of_their_distribution(
    distribution: Distribution, mean_us: float, median_us: float
) -> None:
    sample = distribution.sampler(Random(7))
    times = sorted(sample() for _ in range(20_000))
    assert sum(times) / len(times) == pytest.approx(mean_us, rel=0.03)
    assert times[10_000] == pytest.approx(median_us, rel=0.03)
    assert times[0] >= 0


@pytest.mark.parametrize(
    ("distribution", "mean_us"),
    [
        (Constant(50_000), 25_000),
        (Exponential(50_000), 50_000),
        # The mean of the square by twice the mean.
        (Lognormal(50_000, 0.5), 50_000 * math.exp(0.5 - 0.125) / 2),
    ],
)
def test_what_is_left_of_a_time_has_its_mean(distribution: Distribution, mean_us: float) -> None:
    random = Random(7)
    rests = [distribution.rest_us(random) for _ in range(20_000)]
    assert sum(rests) / len(rests) == pytest.approx(mean_us, rel=0.03)


@pytest.mark.parametrize(
    "times", [[0], [1, 2, 3], [5, 10**7, 31_622_400 * 10**6], list(range(0, 10**6, 997))]
)
def test_a_quantile_is_right_to_one_percent(times: list[int]) -> None:
    spread = Spread()
    for time in times:
        spread.add(time)
    for part in (0.5, 0.95, 1.0):
        exact = times[math.ceil(part * len(times)) - 1]
        assert spread.quantile_us(part) == pytest.approx(exact, rel=0.0101, abs=1)
    assert (spread.count, spread.sum_us, spread.longest_us) == (len(times), sum(times), times[-1])


def test_nothing_has_no_quantiles_but_zero() -> None:
    assert Spread().quantile_us(0.5) == 0


def test_a_spread_takes_up_another_one() -> None:
    one, other = Spread(), Spread()
    one.add(10)
    other.add(1000)
    one.add_all(other)
    assert (one.count, one.sum_us, one.longest_us, one.quantile_us(0.5)) == (2, 1010, 1000, 10)
