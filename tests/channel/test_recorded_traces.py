"""Live recordings of original nodes, and that their player notices what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refjk.speccheck import covers
from refjk.vectors import play, read_document

TRACES = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5" / "traces.json"
Trace = dict[str, Any]


def traces() -> list[Trace]:
    entries: list[Trace] = json.loads(TRACES.read_text("utf-8"))["vectors"]
    return entries


def difference(trace: Trace) -> str:
    document = {"schema": "refjk-vectors/1", "vectors": [trace]}
    played = play(read_document(json.dumps(document)))
    return played.differences[0].where if played.differences else ""


@covers(
    "MEM-HBT-01",
    "MEM-HBT-02",
    "MEM-HBT-03",
    "MEM-EXP-01",
    "MEM-EXP-02",
    "CHN-SYN-03",
    "CHN-SYN-04",
    "CHN-SYN-06",
    "CHN-POL-01",
    "CHN-ASY-02",
    "CHN-ACK-02",
)
@pytest.mark.parametrize("trace", traces(), ids=lambda trace: trace["id"])
def test_a_recorded_trace_is_followed_step_by_step(trace: Trace) -> None:
    assert difference(trace) == ""


def without(condition: Callable[[dict[str, Any]], bool], number: int = 0) -> Callable[[Trace], None]:
    """Takes out the `number`-th event for which the condition holds."""

    def change(trace: Trace) -> None:
        hits = [index for index, event in enumerate(trace["events"]) if condition(event)]
        del trace["events"][hits[number]]

    return change


def setup(**values: object) -> Callable[[Trace], None]:
    return lambda trace: trace["setup"].update(values)


@pytest.mark.parametrize(
    ("name", "change", "where"),
    [
        ("tr-1", setup(mcastFrequency=700), "announces itself"),
        ("tr-1", setup(mcastDropTime=2000), "reports of A"),
        ("tr-1", without(lambda event: "Disappeared" in event.get("event", "")), "reports of A"),
        ("tr-2", without(lambda event: event.get("length", 0) > 3, 1), "answers not more than owed"),
        ("tr-4", without(lambda event: event.get("tcp") == "SYN", 1), "connection 2"),
        ("tr-4", setup(mode_A="asynchronous"), "event 20"),
        ("tr-9", setup(ackTimeout=20_000), ""),
        ("tr-10", setup(ackTimeout=5000), "waited for the answer"),
        ("tr-12", without(lambda event: event.get("data") == "03"), "waited for the answer"),
        ("tr-3", lambda trace: trace["connections"][0].update(acks=99), "messages of the connections"),
        ("tr-6", lambda trace: trace["first_burst"].update(received=499), "first burst, received"),
        ("tr-17", lambda trace: trace.update(send_number_that_blocks=27), "the send that waits"),
        ("tr-5", lambda trace: trace["summary"].update(connections_opened=26), "connections opened"),
    ],
)
def test_a_changed_trace_is_not_followed(name: str, change: Callable[[Trace], None], where: str) -> None:
    trace = next(trace for trace in traces() if trace["id"] == name)
    change(trace)
    assert where in difference(trace)
    assert bool(where) is bool(difference(trace))
