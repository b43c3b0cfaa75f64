"""Scenario files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SECTIONS = ("httpd.conf", "workers.properties", "steps")
ROUTES_IGNORED = "routes are not compared"

_STEP = re.compile(
    r"(?P<until>until )?(?P<method>get|post) (?P<path>/\S*)"
    r"(?: cookie=(?P<cookie>\S+))?(?: body=(?P<body>\d+))? -> (?P<answer>.+)"
)
_EVENT = re.compile(r"(?P<verb>kill|return) (?P<node>\w+)|(?P<speaker>\w+) says (?P<status>\d{3})")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and the answer that is expected; with `until` it is asked again until it comes."""

    text: str
    method: str
    path: str
    cookie: str | None
    body_size: int
    answer: str
    until: bool


@dataclass(frozen=True, slots=True)
class Kill:
    node: str


@dataclass(frozen=True, slots=True)
class Return:
    node: str


@dataclass(frozen=True, slots=True)
class Says:
    """From now on a node answers everything with this status."""

    node: str
    status: int


Step = Ask | Kill | Return | Says


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file says; the two texts hold `{node}` where the port of a node belongs."""

    name: str
    about: str
    httpd_conf: str
    workers: str
    steps: tuple[Step, ...]
    routes_compared: bool

    @property
    def nodes(self) -> list[str]:
        return sorted(set(re.findall(r"\{(\w+)\}", self.workers)))

    @property
    def expected(self) -> list[str]:
        """What `play` gives when all answers are the expected ones."""
        return [f"{step.text} -> {step.answer}" for step in self.steps if isinstance(step, Ask)]


def scenario_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read_scenario(name: str) -> Scenario:
    """Raises `ValueError` for a line that is no step."""
    about, *parts = re.split(r"^\[(.+)\]\n", (FOLDER / f"{name}.txt").read_text("utf-8"), flags=re.MULTILINE)
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    if tuple(texts) != SECTIONS:
        raise ValueError(f"{name}: sections {', '.join(texts)} instead of {', '.join(SECTIONS)}")
    lines = [line for line in texts["steps"].splitlines() if line]
    return Scenario(
        name,
        about.strip(),
        texts["httpd.conf"],
        texts["workers.properties"],
        tuple(_steps(line for line in lines if line != ROUTES_IGNORED)),
        routes_compared=ROUTES_IGNORED not in lines,
    )


def _steps(lines: Iterator[str]) -> Iterator[Step]:
    for line in lines:
        if asked := _STEP.fullmatch(line):
            yield Ask(
                line.partition(" -> ")[0],
                asked["method"].upper(),
                asked["path"],
                asked["cookie"],
                int(asked["body"] or 0),
                asked["answer"],
                until=asked["until"] is not None,
            )
        elif event := _EVENT.fullmatch(line):
            if event["verb"]:
                yield Kill(event["node"]) if event["verb"] == "kill" else Return(event["node"])
            else:
                yield Says(event["speaker"], int(event["status"]))
        else:
            raise ValueError(f"no step: {line}")
