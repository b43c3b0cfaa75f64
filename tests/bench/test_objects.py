"""The bench of object streams runs, and what it measures reads back what it writes."""

from __future__ import annotations

import json

import pytest

from refjk.session import decode_message
from tests.bench.objects import SMALL, as_markdown, cases, measure, message, recordings, unpickled_in_python


def test_every_case_is_measured_both_ways() -> None:
    rates = measure(1, seconds=0)
    assert set(rates) == set(cases())
    assert all(numbers["read_us"][0] > 0 and numbers["write_us"][0] > 0 for numbers in rates.values())


@pytest.mark.parametrize("name", list(cases()))
def test_every_case_writes_as_many_octets_as_it_reads(name: str) -> None:
    case = cases()[name]
    written = case.write()
    octets = b"".join(written) if isinstance(written, list) else written
    assert isinstance(octets, bytes)
    assert len(octets) == case.octets


def test_what_is_read_is_what_was_to_be_written() -> None:
    measured = cases()
    written = measured["session message"].write()
    assert isinstance(written, bytes)
    assert decode_message(written) == message()
    carts = measured["100 carts"].read()
    assert carts == measured["100 carts, json"].read() == measured["100 carts, pickle"].read()
    pickled = measured["100 carts, pickle in Python"].write()
    assert isinstance(pickled, bytes)
    assert unpickled_in_python(pickled) == json.loads(json.dumps(carts))


def test_all_recordings_are_read_and_the_small_ones_are_most_of_them() -> None:
    assert len(recordings(None)) > len(recordings(SMALL)) > 200


def test_table_has_medians_and_rates() -> None:
    rates = {"some case": {"octets": [1000.0], "read_us": [10.0, 20.0, 90.0], "write_us": [40.0]}}
    assert "| some case | 1000 | 50.0 | 20 | 25.0 | 40 |" in as_markdown(rates)
