"""Balancers and scenarios in short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from refjk.configuration import Profile, raise_if_refused, read_workers
from refjk.simulation import (
    Constant,
    Result,
    Scenario,
    Subject,
    parse_drain,
    parse_outage,
    parse_time,
    read_subject,
    simulate,
)

OLD, NEW = Profile.V1_2_7, Profile.V1_2_50
BOTH = (OLD, NEW)


def subject(*lines: str, names: str = "a b c", profile: Profile = NEW, processes: int = 1) -> Subject:
    """A balancer `lb` over workers of these names; the lines are properties without `worker.`."""
    text = ["worker.list=lb", "worker.lb.type=lb", f"worker.lb.balance_workers={','.join(names.split())}"]
    text += [f"worker.{name}.port={9001 + number}" for number, name in enumerate(names.split())]
    text += [f"worker.{line}" for line in lines]
    workers = read_workers("\n".join(text), "workers.properties", profile=profile)
    raise_if_refused(workers.complaints)
    return read_subject(workers, processes=processes)


def play(
    whose: Subject, *, fail: str = "", drain: str = "", duration: str = "60s", **scenario: Any
) -> Result:
    """A scenario with constant times unless told otherwise; outages and drains are separated by blanks."""
    about: dict[str, Any] = {
        "seed": 7,
        "users": 60,
        "think": Constant(1_000_000),
        "response": Constant(50_000),
        "session_length": 10,
        "duration_us": parse_time(duration),
        "outages": tuple(map(parse_outage, fail.split())),
        "drains": tuple(map(parse_drain, drain.split())),
    }
    return simulate(whose, Scenario(**{**about, **scenario}))


def worker(result: Result, name: str) -> Any:
    """What one worker did."""
    return next(one for one in result.workers if one.name == name)


def without_seed(result: Result) -> Result:
    """The same with another name for its chance."""
    return replace(result, scenario=replace(result.scenario, seed=0))
