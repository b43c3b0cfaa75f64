"""The bench of the balancers runs, and its table names every case."""

from __future__ import annotations

import pytest

from tests.bench.decisions import ALGORITHMS, COUNTS, as_markdown, rate


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", COUNTS)
def test_every_size_is_measured(algorithm: str, count: int) -> None:
    assert rate(algorithm, count, has_session=True, seconds=0.01) > 0


def test_table_has_the_median_of_each_case() -> None:
    assert "| some case | 2000 |" in as_markdown({"some case": [1000.0, 2000.0, 9000.0]})
