"""Curves as an SVG document: several lines over one axis, with titles, units and a legend.

It stands alone, with the colours of the simulation's picture for light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from refjk.simulation.picture import COLOURS, text

WIDTH, HEIGHT = 740, 400
LEFT, RIGHT, TOP, BOTTOM = 76, 206, 60, 52
TICKS = 6  # of an axis that is not logarithmic, about

_STYLE = """
svg { background: #ffffff; color: #1c1e21; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
.title { font-size: 17px; font-weight: 600; }
.quiet { fill: #5b626b; }
.grid { stroke: #1c1e21; stroke-opacity: .18; stroke-width: 1; }
.curve { fill: none; stroke-width: 2; }
"""
_STYLE_DARK = """
svg { background: #16181c; color: #e6e8ea; }
.quiet { fill: #a3aab2; }
.grid { stroke: #e6e8ea; }
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line; `dashed` sets it apart from another one of the same `colour`, a number from 0."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is shown. An axis is from 0 on, or logarithmic, which shows no value of 0."""

    title: str
    about: str
    x_title: str
    y_title: str
    curves: Sequence[Curve]
    x_log: bool = False
    y_log: bool = False


class _Axis:
    """Where a value lies, and which values are marked."""

    def __init__(self, values: Sequence[float], from_px: float, to_px: float, *, log: bool) -> None:
        self._log = log
        self._from_px, self._to_px = from_px, to_px
        top = max(values)
        if log:
            self._low, self._high = math.log10(min(values)), math.log10(top)
            if self._high - self._low < 1e-9:
                self._low, self._high = self._low - 0.5, self._high + 0.5
            self.marks = [
                mark
                for power in range(math.floor(self._low), math.ceil(self._high) + 1)
                for step in (1, 2, 5)
                if self._low - 1e-9 <= math.log10(mark := step * 10.0**power) <= self._high + 1e-9
            ]
            if len(self.marks) > 2 * TICKS:
                self.marks = [mark for mark in self.marks if math.log10(mark).is_integer()]
        else:
            step = _round_step(top / TICKS)
            self._low, self._high = 0.0, max(step * math.ceil(top / step), step)
            self.marks = [step * number for number in range(round(self._high / step) + 1)]

    def px(self, value: float) -> float:
        at = math.log10(value) if self._log else value
        return self._from_px + (self._to_px - self._from_px) * (at - self._low) / (self._high - self._low)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def chart_svg(chart: Chart) -> str:
    """The document."""
    return "\n".join(_lines(chart)) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    shown = [_shown(curve, chart) for curve in chart.curves]
    points = [point for curve in shown for point in curve.points]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    x_axis = _Axis([x for x, _ in points], LEFT, right, log=chart.x_log)
    y_axis = _Axis([y for _, y in points], bottom, TOP, log=chart.y_log)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    )
    yield f"<title>{escape(chart.title)}</title><desc>{escape(_described(chart))}</desc>"
    yield f"<style>{_STYLE}{_colours(0)}"
    yield f"@media (prefers-color-scheme: dark) {{{_STYLE_DARK}{_colours(1)}}}</style>"
    yield text(LEFT, 24, chart.title, "title")
    yield text(LEFT, 44, chart.about, "quiet")
    for mark in y_axis.marks:
        y = y_axis.px(mark)
        yield f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield text(LEFT - 8, y + 4, f"{mark:g}", "quiet", anchor="end")
    for mark in x_axis.marks:
        x = x_axis.px(mark)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        yield text(x, bottom + 18, f"{mark:g}", "quiet", anchor="middle")
    yield text((LEFT + right) / 2, bottom + 40, chart.x_title, anchor="middle")
    middle = (TOP + bottom) / 2
    yield (
        f'<text x="18" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 18 {middle:.1f})">'
        f"{escape(chart.y_title)}</text>"
    )
    for curve in shown:
        yield from _curve(curve, [(x_axis.px(x), y_axis.px(y)) for x, y in curve.points])
    yield from _legend(shown, right + 16)
    yield "</svg>"


def _shown(curve: Curve, chart: Chart) -> Curve:
    """Without the points that a logarithmic axis has no place for."""
    points = [(x, y) for x, y in curve.points if (x > 0 or not chart.x_log) and (y > 0 or not chart.y_log)]
    return Curve(curve.name, points, curve.colour, curve.dashed)


def _described(chart: Chart) -> str:
    """The drawing in words."""
    parts = [
        f"{curve.name}: " + ", ".join(f"{y:.4g} at {x:g}" for x, y in curve.points) for curve in chart.curves
    ]
    return f"{chart.y_title} over {chart.x_title}. " + "; ".join(parts) + "."


def _curve(curve: Curve, places: Sequence[tuple[float, float]]) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline class="curve s{curve.colour}"{_dash(curve)} points="{path}"/>'
    for (x, y), (left, value) in zip(places, curve.points, strict=True):
        tip = f"{curve.name}: {value:.4g} at {left:g}"
        yield f'<circle class="w{curve.colour}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
        yield f"<title>{escape(tip)}</title></circle>"


def _legend(curves: Sequence[Curve], x: float) -> Iterator[str]:
    for number, curve in enumerate(curves):
        y = TOP + 8 + 20 * number
        yield f'<line class="curve s{curve.colour}"{_dash(curve)} x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}"/>'
        yield text(x + 28, y + 4, curve.name)


def _dash(curve: Curve) -> str:
    return ' stroke-dasharray="6 4"' if curve.dashed else ""


def _colours(scheme: int) -> str:
    return "".join(
        f".w{index} {{ fill: {colour[scheme]}; }} .s{index} {{ stroke: {colour[scheme]}; }}\n"
        for index, colour in enumerate(COLOURS)
    )
