"""What users write for times, distributions, arrivals, outages and drains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refjk.balancing import Activation
from refjk.simulation import (
    Arrivals,
    Constant,
    Drain,
    Exponential,
    Lognormal,
    Outage,
    WorkerChange,
    format_time,
    parse_arrivals,
    parse_distribution,
    parse_drain,
    parse_outage,
    parse_time,
    parse_worker_change,
)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("250us", 250),
        ("250ms", 250_000),
        ("30s", 30_000_000),
        ("1.5s", 1_500_000),
        ("1.5", 1_500_000),
        ("0", 0),
        ("10m", 600_000_000),
        ("1m30s", 90_000_000),
        ("2h", 7_200_000_000),
        ("366d", 31_622_400_000_000),
    ],
)
def test_a_time_is_read(text: str, time_us: int) -> None:
    assert parse_time(text) == time_us


@pytest.mark.parametrize("text", ["", "s", "10x", "-1s", "1 s", "1e3", "1m 30s", "nan", "١s", "367d", "1s,5"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time|more than 366 days"):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["0s", "1.5ms", "250ms", "30s", "59.5s", "1m", "1m30s", "2h", "1h5m", "3d2h"]
)
def test_a_time_is_written_as_it_is_read(text: str) -> None:
    assert format_time(parse_time(text)) == text


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_distribution, "constant:50ms", Constant(50_000)),
        (parse_distribution, "exponential:50ms", Exponential(50_000)),
        (parse_distribution, "50ms", Exponential(50_000)),
        (parse_distribution, "lognormal:80ms,0.5", Lognormal(80_000, 0.5)),
        (parse_distribution, "lognormal:80ms", Lognormal(80_000, 1.0)),
        (parse_arrivals, "poisson:25", Arrivals(40_000, is_random=True)),
        (parse_arrivals, "poisson:0.5", Arrivals(2_000_000, is_random=True)),
        (parse_arrivals, "every:10ms", Arrivals(10_000, is_random=False)),
        (parse_arrivals, "every:2", Arrivals(2_000_000, is_random=False)),
        (parse_outage, "node2@30s..60s", Outage("node2", 30_000_000, 60_000_000)),
        (parse_outage, "node2@0..", Outage("node2", 0, None)),
        (parse_outage, "a@b@1..2", Outage("a@b", 1_000_000, 2_000_000)),
        (parse_drain, "n@1s..", Drain("n", 1_000_000, None, Activation.DISABLED)),
        (parse_drain, "n@1s..2s:disable", Drain("n", 1_000_000, 2_000_000, Activation.DISABLED)),
        (parse_drain, "n:1@1s..2s:stop", Drain("n:1", 1_000_000, 2_000_000, Activation.STOPPED)),
        (parse_worker_change, "node4", WorkerChange("node4")),
        (parse_worker_change, "n=lbfactor=3,distance=1", WorkerChange("n", ("lbfactor=3", "distance=1"))),
    ],
)
def test_a_value_is_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (parse_distribution, "gauss:3s", "constant:… or exponential:… or lognormal:…"),
        (parse_distribution, "constant:x", "is no time"),
        (parse_distribution, "lognormal:0s,1", "above 0"),
        (parse_distribution, "lognormal:1s,9", "sigma"),
        (parse_distribution, "lognormal:1s,x", "sigma"),
        (parse_arrivals, "poisson", "rate"),
        (parse_arrivals, "poisson:0", "rate"),
        (parse_arrivals, "poisson:9999999", "rate"),
        (parse_arrivals, "every:0", "above 0"),
        (parse_arrivals, "sometimes:1", "poisson:… or every:…"),
        (parse_outage, "node2", "WORKER@FROM"),
        (parse_outage, "@1s..2s", "WORKER@FROM"),
        (parse_outage, "node2@1s", "WORKER@FROM"),
        (parse_outage, "node2@..2s", "WORKER@FROM"),
        (parse_outage, "node2@2s..2s", "ends before it begins"),
        (parse_outage, "node2@1s..2s:stop", "is no time"),
        (parse_drain, "node2@1s..2s:halt", "disable or stop"),
        (parse_drain, "node2:stop", "WORKER@FROM"),
        (parse_worker_change, "", "WORKER=NAME=VALUE"),
        (parse_worker_change, "n=lbfactor", "WORKER=NAME=VALUE"),
        (parse_worker_change, "n=lbfactor=1,,", "WORKER=NAME=VALUE"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(
    parse: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)
