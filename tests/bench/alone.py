"""The benches of refjk by itself, without httpd and other servers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import codec, decisions, growth, objects, replication, senders
from tests.bench.chart import Chart, chart_svg


@dataclass(frozen=True, slots=True)
class Wish:
    """`short`: each measurement once and small, to see that it runs."""

    rounds: int
    seconds: float
    short: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """Markdown, what goes into JSON, and pictures by the name of their file."""

    text: str
    numbers: object
    charts: Mapping[str, Chart] = field(default_factory=dict)


def _codec(wish: Wish) -> Done:
    rates = codec.measure(wish.rounds)
    return Done(codec.as_markdown(rates), rates)


def _decisions(wish: Wish) -> Done:
    rates = decisions.measure(wish.rounds)
    return Done(decisions.as_markdown(rates), rates)


def _objects(wish: Wish) -> Done:
    rates = objects.measure(wish.rounds, 0.0 if wish.short else objects.SECONDS)
    return Done(objects.as_markdown(rates), rates)


def _senders(wish: Wish) -> Done:
    wanted = senders.settings()[:1] if wish.short else None
    sent = senders.measure(wish.rounds, wish.seconds, wanted)
    return Done(senders.as_markdown(sent), dataclasses.asdict(sent), senders.charts(sent))


def _replication(wish: Wish) -> Done:
    added = replication.measure(wish.rounds, wish.seconds, short=wish.short)
    return Done(replication.as_markdown(added), dataclasses.asdict(added), replication.charts(added))


def _growth(wish: Wish) -> Done:
    grown = growth.measure(short=wish.short)
    return Done(growth.as_markdown(grown), dataclasses.asdict(grown), growth.charts(grown))


def _cluster(wish: Wish) -> Done:
    """All that the pages say of a cluster."""
    parts = {name: BENCHES[name](wish) for name in ("senders", "replication", "objects", "growth")}
    return Done(
        "\n\n".join(f"## {name}\n\n{part.text}" for name, part in parts.items()),
        {name: part.numbers for name, part in parts.items()},
        {name: chart for part in parts.values() for name, chart in part.charts.items()},
    )


BENCHES: dict[str, Callable[[Wish], Done]] = {
    "codec": _codec,
    "decisions": _decisions,
    "objects": _objects,
    "senders": _senders,
    "replication": _replication,
    "growth": _growth,
    "cluster": _cluster,
}


def write_pictures(charts: Mapping[str, Chart], directory: Path) -> list[Path]:
    """One file for each chart; what was written."""
    paths = []
    for name, chart in charts.items():
        paths.append(directory / f"{name}.svg")
        paths[-1].write_text(chart_svg(chart))
    return paths
