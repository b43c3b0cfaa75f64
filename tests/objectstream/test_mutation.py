"""Recorded streams with a few octets wrong: contents or a complaint, and nothing is ever run."""

from __future__ import annotations

import builtins
import sys
from random import Random
from typing import Any

import pytest

from refjk.base.errors import Malformed
from refjk.objectstream import (
    JavaObject,
    Limits,
    ObjectInput,
    read_object,
    read_stream,
    value_of,
    write_stream,
)
from refjk.speccheck import covers
from tests.ajp13.mutation import mutated
from tests.objectstream.support import descriptor, recordings, stream

SEED = 20_050_331
ROUNDS = 12_000
SMALL = [octets for octets in recordings().values() if len(octets) < 3000]


def variant(random: Random) -> bytes:
    """One recording after a few changes, more often behind its header than in it."""
    octets = random.choice(SMALL)
    changed = mutated(random, octets[4:], random.choice(SMALL))
    return octets[:4] + changed if random.random() < 0.95 else mutated(random, octets, b"")


@covers("OBS-SEC-02", "OBS-WRT-01")
def test_wrong_octets_lead_to_contents_that_write_back_or_to_a_complaint() -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    read = 0
    for number in range(ROUNDS):
        octets = variant(random)
        try:
            found = read_stream(octets)
        except Malformed as complaint:
            assert 0 <= complaint.offset <= len(octets), number
            continue
        read += 1
        assert write_stream(found) == octets, (number, octets.hex())
        for content in found.contents:
            repr(value_of(content))
        assert write_stream(found) == octets, (number, octets.hex())
    assert 500 < read < ROUNDS - 500


@covers("OBS-SEC-02")
def test_wrong_octets_under_narrow_limits_lead_to_no_other_error() -> None:
    random = Random(SEED)
    refused = 0
    for _ in range(2000):
        limits = Limits(
            octets=random.choice((50, 5000)),
            depth=random.randrange(1, 8),
            records=random.randrange(30),
            string_octets=random.randrange(30),
            array_items=random.randrange(5),
            fields=random.randrange(4),
            superclasses=random.randrange(1, 3),
        )
        try:
            read_stream(variant(random), limits=limits)
        except Malformed:
            refused += 1
    assert refused > 1000


@covers("OBS-SEC-02")
def test_wrong_octets_read_value_by_value_lead_to_no_other_error() -> None:
    random = Random(SEED)
    refused = 0
    for _ in range(2000):
        try:
            source = ObjectInput(variant(random))
            while not source.at_end:
                getattr(source, random.choice(("read_object", "read_int", "read_utf", "read_boolean")))()
        except Malformed:
            refused += 1
    assert refused > 1000


@covers("OBS-SEC-01")
def test_no_name_in_a_stream_makes_anything_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("os.system", "builtins.eval", "wave.Wave_read", "tests.objectstream.support.stream")
    octets = [stream("73", descriptor(name)) for name in names]
    asked: list[str] = []
    real_import = builtins.__import__

    def watched(name: str, *rest: Any, **more: Any) -> object:
        asked.append(name)
        return real_import(name, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", watched)
        for name in ("eval", "exec"):
            patch.setattr(builtins, name, lambda *_: asked.append("eval"))
        found = [read_object(one) for one in octets]
        written = write_stream(found)

    assert [type(one) for one in found] == [JavaObject] * len(names)
    assert [one.class_name for one in found if isinstance(one, JavaObject)] == list(names)
    assert len(read_stream(written).contents) == len(names)
    assert not {"os", "eval", "builtins", "wave", "tests"} & {name.partition(".")[0] for name in asked}
    assert "wave" not in sys.modules
