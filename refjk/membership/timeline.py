"""What was seen of a cluster as a picture: a lane for each member, a tick for each of its announcements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from refjk.membership.watching import Seen, Stay

LANES_MAX = 100
_LEFT = 250  # room for names
_RIGHT = 20
_WIDTH = 760  # of the time axis
_TOP = 56
_LANE = 34
_BAR = 14
_MARKS = 8  # labels along the axis, about
_STEPS_MS = [step * 10**power for power in range(2, 9) for step in (1, 2, 5)]
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.small{font-size:10px;fill:#555}.grid{stroke:#ddd}"
    ".bar{fill:#bcd7f0}.silent{fill:#f3d9a4}.beat{stroke:#1f5f99;stroke-width:1}"
    ".came{fill:#1a7f37}.gone{stroke:#b3261e;stroke-width:2.5}"
)


def timeline_svg(members: Sequence[Seen], from_ms: int, until_ms: int, title: str) -> str:
    """An SVG document; times are those of the members' `Seen`. Shows the first `LANES_MAX` of them."""
    shown = members[:LANES_MAX]
    height = _TOP + _LANE * max(len(shown), 1) + 30
    width = _LEFT + _WIDTH + _RIGHT
    scale = _Scale(from_ms, max(until_ms, from_ms + 1))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img">',
        f"<title>{_text(title)}</title>",
        f'<style>{_STYLE}</style><rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20">{_text(title)}</text>',
        *scale.grid(height - 24),
    ]
    for number, seen in enumerate(shown):
        lines += _lane(seen, scale, _TOP + _LANE * number)
    if len(members) > len(shown):
        lines.append(f'<text class="small" x="10" y="38">{len(members) - len(shown)} more, not shown</text>')
    return "\n".join([*lines, "</svg>", ""])


class _Scale:
    """Where a time lies."""

    def __init__(self, from_ms: int, until_ms: int) -> None:
        self._from_ms = from_ms
        self._until_ms = until_ms

    def x(self, time_ms: int | None) -> float:
        """None is the end. What is outside lies at the edge."""
        at = self._until_ms if time_ms is None else min(max(time_ms, self._from_ms), self._until_ms)
        return round(_LEFT + _WIDTH * (at - self._from_ms) / (self._until_ms - self._from_ms), 1)

    def grid(self, bottom: int) -> Iterator[str]:
        length = self._until_ms - self._from_ms
        step = next((step for step in _STEPS_MS if length / step <= _MARKS), _STEPS_MS[-1])
        for offset in range(0, length + 1, max(step, length // 100)):
            x = self.x(self._from_ms + offset)
            yield f'<line class="grid" x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{bottom}"/>'
            label = f"{offset / 1000:g} s"
            yield f'<text class="small" x="{x}" y="{bottom + 14}" text-anchor="middle">{label}</text>'


def _lane(seen: Seen, scale: _Scale, top: int) -> Iterator[str]:
    middle = top + _BAR / 2
    about = f"heard {seen.heard}, missed {seen.missed}, jitter {seen.jitter_ms:.1f} ms"
    yield f"<g><title>{_text(seen.member.text)}: {about}</title>"
    yield f'<text x="10" y="{top + 8}">{_text(_shortened(seen.member.text))}</text>'
    yield f'<text class="small" x="10" y="{top + 20}">{about}</text>'
    for stay in seen.stays:
        yield from _stay(stay, scale, top)
    # Ticks closer than the picture can show are one.
    for x in sorted({scale.x(beat_ms) for beat_ms in seen.beats_ms}):
        yield f'<line class="beat" x1="{x}" y1="{top + 2}" x2="{x}" y2="{top + _BAR - 2}"/>'
    for stay in seen.stays:
        yield f'<circle class="came" cx="{scale.x(stay.from_ms)}" cy="{middle}" r="4"/>'
        if stay.until_ms is not None:
            x = scale.x(stay.until_ms)
            yield (
                f'<path class="gone" d="M{x - 4:.1f} {middle - 4}L{x + 4:.1f} {middle + 4}'
                f'M{x - 4:.1f} {middle + 4}L{x + 4:.1f} {middle - 4}"/>'
            )
    yield "</g>"


def _stay(stay: Stay, scale: _Scale, top: int) -> Iterator[str]:
    """The time in which it was heard, and the silence until it was dropped."""
    start, silent, end = scale.x(stay.from_ms), scale.x(stay.silent_ms), scale.x(stay.until_ms)
    for name, left, right in (("bar", start, silent), ("silent", silent, end)):
        if right > left:
            yield f'<rect class="{name}" x="{left}" y="{top}" width="{right - left:.1f}" height="{_BAR}"/>'


def _shortened(text: str) -> str:
    return text if len(text) <= 36 else f"{text[:35]}…"


def _text(text: str) -> str:
    """Text from the net as XML, which has no way to say some characters."""
    return escape(
        "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    )
