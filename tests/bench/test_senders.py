"""The bench of the senders runs between processes, and its tables name every setting."""

from __future__ import annotations

import gzip

from refjk.runtime.senders import Mode
from tests.bench.senders import (
    GROWTH,
    GROWTH_SIZE,
    Result,
    Setting,
    as_markdown,
    filler,
    measure,
    percentile_us,
    settings,
)


def test_every_sender_is_measured_with_two_receivers() -> None:
    wanted = [Setting(mode, 200, 2) for mode in Mode]
    result = measure(1, 0.1, wanted)
    assert list(result.numbers) == [setting.name for setting in wanted]
    for numbers in result.numbers.values():
        assert all(value[0] > 0 for value in numbers.values())
        assert numbers["call_p50_us"] <= numbers["call_p90_us"] <= numbers["call_p99_us"]


def test_each_setting_is_measured_once() -> None:
    found = settings()
    assert len(found) == len(set(found)) == 27


def test_percentiles_are_numbers_that_occurred() -> None:
    numbers = [number * 1000 for number in range(100)]
    assert [percentile_us(numbers, share) for share in (0.5, 0.9, 0.99, 1)] == [50, 90, 99, 99]


def test_a_payload_has_its_size_and_zips_to_about_a_third() -> None:
    assert len(filler(65536)) == 65536
    assert 0.2 < len(gzip.compress(filler(65536))) / 65536 < 0.5


def test_tables_have_medians_and_the_growth_with_members() -> None:
    names = [
        f"{which}_p{share}_us" for which in ("call", "paced_call", "paced_delivery") for share in (50, 90, 99)
    ]
    names += ["sender_cpu_us", "receiver_cpu_us", "wire_octets"]
    result = Result()
    for count in GROWTH:
        numbers = {name: [1.0, 2.0, 9.0] for name in names} | {"messages_per_s": [1000.0 * count]}
        result.numbers[Setting(Mode.POOLED, GROWTH_SIZE, count).name] = numbers
    lines = as_markdown(result).splitlines()
    assert (
        "| pooled, 4096 octets, 8 receivers | 8000 | 2 / 2 / 2 | 2 / 2 / 2 | 2 / 2 / 2 | 2 | 2 | 2 |" in lines
    )
    assert "| pooled | 1000 | 2000 | 3000 | 5000 | 8000 |" in lines
