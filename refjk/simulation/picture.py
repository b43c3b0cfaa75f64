"""A result as an SVG document: the share of each worker over time, failures, moves and errors.

It stands alone: no script, nothing from elsewhere, colours for light and dark in its own style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from xml.sax.saxutils import escape

from refjk.simulation.notation import format_time
from refjk.simulation.report import span_words
from refjk.simulation.result import Result
from refjk.simulation.scenario import Outage
from refjk.simulation.tally import PARTS

WIDTH = 960
LEFT, RIGHT, TOP = 64, 190, 64
SHARES_HEIGHT, EVENTS_HEIGHT, GAP = 300, 90, 28
ROW = 20
# Fewer columns where there are few requests: a share of a handful says little.
COLUMN_COUNTS = (200, 100, 50, 40, 25, 20, 10)
REQUESTS_IN_COLUMN = 200
LEGEND_MAX = 24

COLOURS = (  # light, dark
    ("#4477aa", "#6fa3d8"),
    ("#ee7733", "#f2955f"),
    ("#228833", "#4fb35f"),
    ("#aa3377", "#d06ba3"),
    ("#ccaa22", "#d9c04f"),
    ("#33aabb", "#5fc5d3"),
    ("#885533", "#b58260"),
    ("#7755bb", "#a488dd"),
    ("#6b8e23", "#98b955"),
    ("#777777", "#a0a0a0"),
)
_STYLE = """
svg { background: #ffffff; color: #1c1e21; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
.title { font-size: 17px; font-weight: 600; }
.quiet { fill: #5b626b; }
.grid { stroke: #1c1e21; stroke-opacity: .18; stroke-width: 1; }
.area { stroke: #ffffff; stroke-width: .7; }
.down { fill: #c62828; }
.drain { fill: #8a6d00; }
.mark { stroke: #1c1e21; stroke-width: 1.2; stroke-dasharray: 4 3; }
.moves { fill: #4477aa; }
.errors { fill: #c62828; }
"""
_STYLE_DARK = """
svg { background: #16181c; color: #e6e8ea; }
.quiet { fill: #a3aab2; }
.grid { stroke: #e6e8ea; }
.area { stroke: #16181c; }
.down { fill: #ff6b63; }
.drain { fill: #e0b93c; }
.mark { stroke: #e6e8ea; }
.moves { fill: #6fa3d8; }
.errors { fill: #ff6b63; }
"""


def picture(result: Result) -> str:
    """The document."""
    return "\n".join(_Picture(result).lines()) + "\n"


@dataclass(frozen=True, slots=True)
class _Band:
    """What one worker served in each column, on top of those before it, as parts of all that was served."""

    below: Sequence[float]
    above: Sequence[float]


class _Picture:
    def __init__(self, result: Result) -> None:
        self._result = result
        self._spans = sorted(result.scenario.spans, key=lambda span: span.from_us)
        self._columns = next(
            (count for count in COLUMN_COUNTS if result.times.count >= count * REQUESTS_IN_COLUMN),
            COLUMN_COUNTS[-1],
        )
        self._plot_width = WIDTH - LEFT - RIGHT
        self._rows_top = TOP + SHARES_HEIGHT + GAP + 10
        self._events_top = self._rows_top + ROW * len(self._spans) + (GAP if self._spans else 0)
        self._height = self._events_top + EVENTS_HEIGHT + 44

    def lines(self) -> Iterator[str]:
        result = self._result
        title = f"{result.subject.name}: who served, {format_time(result.scenario.duration_us)}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self._height}"'
            f' viewBox="0 0 {WIDTH} {self._height}" role="img">'
        )
        yield f"<title>{escape(title)}</title>"
        yield f"<style>{_STYLE}{_worker_style(0)}"
        yield f"@media (prefers-color-scheme: dark) {{{_STYLE_DARK}{_worker_style(1)}}}</style>"
        yield text(LEFT, 28, title, "title")
        about = (
            f"mod_jk {result.subject.profile.value}, {result.requests} requests, {result.moves} moves,"
            f" {result.errors} errors, seed {result.scenario.seed}"
        )
        yield text(LEFT, 48, about, "quiet")
        yield from self._shares()
        yield from self._legend()
        yield from self._span_rows()
        yield from self._events()
        yield "</svg>"

    def _x(self, time_us: int) -> float:
        return LEFT + self._plot_width * min(1.0, time_us / self._result.scenario.duration_us)

    def _column_x(self, column: int) -> float:
        return self._x(column * (PARTS // self._columns) * self._result.part_us)

    def _merge(self, series: Sequence[int]) -> list[int]:
        width = PARTS // self._columns
        return [sum(series[start : start + width]) for start in range(0, PARTS, width)]

    def _shares(self) -> Iterator[str]:
        for number, (worker, band) in enumerate(zip(self._result.workers, self._bands(), strict=True)):
            tip = f"{worker.name}: {worker.share:.1%}"
            yield (
                f'<path class="area w{number % len(COLOURS)}" d="{self._outline(band)}">'
                f"<title>{escape(tip)}</title></path>"
            )
        for part in range(0, 101, 25):
            y = self._share_y(part / 100)
            yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + self._plot_width}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield text(LEFT - 8, y + 4, f"{part} %", "quiet", anchor="end")
        for span in self._spans:
            for time_us in (span.from_us, span.to_us):
                if time_us is not None and time_us < self._result.scenario.duration_us:
                    x = self._x(time_us)
                    bottom = TOP + SHARES_HEIGHT
                    yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'

    def _bands(self) -> list[_Band]:
        served = [self._merge(worker.series) for worker in self._result.workers]
        sums = [sum(column) for column in zip(*served, strict=True)]
        shares = [[count / (total or 1) for count, total in zip(row, sums, strict=True)] for row in served]
        edges = [[0.0] * self._columns, *zip(*map(accumulate, zip(*shares, strict=True)), strict=True)]
        return [_Band(below, above) for below, above in pairwise(edges)]

    def _outline(self, band: _Band) -> str:
        """Steps, as what was counted in a column did not happen at one moment of it."""
        there, back = [], []
        for column in range(self._columns):
            left, right = self._column_x(column), self._column_x(column + 1)
            above, below = self._share_y(band.above[column]), self._share_y(band.below[column])
            there.append(f"{left:.1f},{above:.1f} {right:.1f},{above:.1f}")
            back.append(f"{right:.1f},{below:.1f} {left:.1f},{below:.1f}")
        return f"M{' '.join(there + back[::-1])}Z"

    def _share_y(self, part: float) -> float:
        return TOP + SHARES_HEIGHT * (1 - part)

    def _legend(self) -> Iterator[str]:
        """From the top, as the bands lie."""
        x, workers = WIDTH - RIGHT + 16, self._result.workers
        hidden = max(0, len(workers) - LEGEND_MAX)
        step = min(ROW, SHARES_HEIGHT / min(len(workers), LEGEND_MAX))
        for number, worker in enumerate(workers[hidden:][::-1]):
            index = (len(workers) - 1 - number) % len(COLOURS)
            y = TOP + step * number
            yield f'<rect class="w{index}" x="{x}" y="{y:.1f}" width="11" height="11" rx="2"/>'
            yield text(x + 17, y + 10, f"{_short(worker.name)} {worker.share:.1%}")
        if hidden:
            yield text(x + 17, TOP + SHARES_HEIGHT + 14, f"and {hidden} more", "quiet")

    def _span_rows(self) -> Iterator[str]:
        """A bar for each outage and drain, below the time it has."""
        duration_us = self._result.scenario.duration_us
        for number, span in enumerate(self._spans):
            if span.from_us >= duration_us:
                continue
            y = self._rows_top + ROW * number
            left = self._x(span.from_us)
            width = max(2.0, self._x(duration_us if span.to_us is None else span.to_us) - left)
            kind = "down" if isinstance(span, Outage) else "drain"
            yield f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{width:.1f}" height="12" rx="2"/>'
            words = f"{_short(span.worker)} {span_words(span)}"
            if left < LEFT + self._plot_width / 2:
                yield text(left + width + 6, y + 11, words)
            else:
                yield text(left - 6, y + 11, words, anchor="end")

    def _events(self) -> Iterator[str]:
        """Moves and errors in a second, one above the other, and the axis of time."""
        bottom = self._events_top + EVENTS_HEIGHT
        rates = [
            [count * 1e6 / (self._result.part_us * (PARTS // self._columns)) for count in self._merge(series)]
            for series in (self._result.move_series, self._result.error_series)
        ]
        top = max(map(sum, zip(*rates, strict=True))) or 1.0
        yield text(LEFT, self._events_top - 6, "moves and errors in a second", "quiet")
        for column, (moves, errors) in enumerate(zip(*rates, strict=True)):
            left, right = self._column_x(column), self._column_x(column + 1)
            y = float(bottom)
            for kind, rate in (("moves", moves), ("errors", errors)):
                height = EVENTS_HEIGHT * rate / top
                y -= height
                if rate:
                    yield (
                        f'<rect class="{kind}" x="{left:.1f}" y="{y:.1f}" width="{right - left:.1f}"'
                        f' height="{height:.1f}"/>'
                    )
        yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + self._plot_width}" y1="{bottom}" y2="{bottom}"/>'
        yield text(LEFT - 8, self._events_top + 10, f"{top:.3g}", "quiet", anchor="end")
        yield text(LEFT - 8, bottom + 4, "0", "quiet", anchor="end")
        x = WIDTH - RIGHT + 16
        for number, kind in enumerate(("errors", "moves")):
            y = self._events_top + ROW * number
            yield f'<rect class="{kind}" x="{x}" y="{y}" width="11" height="11" rx="2"/>'
            yield text(x + 17, y + 10, kind)
        for tick in range(6):
            time_us = self._result.scenario.duration_us * tick // 5
            yield text(self._x(time_us), bottom + 20, format_time(time_us), "quiet", anchor="middle")


def _worker_style(scheme: int) -> str:
    return "".join(f".w{index} {{ fill: {colour[scheme]}; }}\n" for index, colour in enumerate(COLOURS))


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
