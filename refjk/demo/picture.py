"""A failover as an SVG document: numbered steps that appear one after the other, and stay.

It stands alone: no script, nothing from elsewhere, colours for light and dark in its own style. Where nothing
is animated, all steps are there from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from refjk.demo.failover import YOU, Event, Failover, Kind

LEFT, LANE, WORDS, TOP, ROW, FOOT = 110, 112, 330, 96, 34, 20
STEP_S = 0.6

_STYLE = """
svg { background: #fbfaf8; color: #1c1b1a; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
.title { font-size: 17px; font-weight: 600; }
.lane { font-weight: 600; text-anchor: middle; }
.quiet { fill: #5d5a55; }
.line { stroke: #b9b4aa; stroke-width: 2; }
.gap { stroke: #fbfaf8; stroke-width: 4; }
.dead { stroke: #a3261b; stroke-width: 2; stroke-dasharray: 2 5; }
.click { stroke: #3b5bb5; stroke-width: 2; fill: #3b5bb5; }
.message { stroke: #1f7a4d; stroke-width: 2; fill: #1f7a4d; }
.copy { fill: #fbfaf8; stroke: #1f7a4d; stroke-width: 1.6; }
.number { text-anchor: middle; font-weight: 600; font-size: 11px; }
.killed { stroke: #a3261b; stroke-width: 4; }
.happened { fill: none; stroke: #5d5a55; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
svg { background: #16171a; color: #eceae6; }
.quiet { fill: #a8a59f; }
.line { stroke: #55595f; }
.gap { stroke: #16171a; }
.dead, .killed { stroke: #ff8f83; }
.click { stroke: #93abf2; fill: #93abf2; }
.message { stroke: #63c795; fill: #63c795; }
.copy { fill: #16171a; stroke: #63c795; }
.happened { stroke: #a8a59f; }
}
"""


def picture(failover: Failover) -> str:
    """The document."""
    return "\n".join(_Picture(failover).lines()) + "\n"


class _Picture:
    def __init__(self, failover: Failover) -> None:
        self._failover = failover
        lanes = (YOU, *failover.lanes)
        self._x = {lane: LEFT + LANE * index + LANE // 2 for index, lane in enumerate(lanes)}
        self._words_x = LEFT + LANE * len(lanes) + 8
        self._height = TOP + ROW * len(failover.events) + FOOT

    def lines(self) -> Iterator[str]:
        width = self._words_x + WORDS
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{self._height}"'
            f' viewBox="0 0 {width} {self._height}">'
        )
        title = f"A failover with {self._failover.mode} replication, step by step"
        yield f"<title>{title}</title>"
        said = " ".join(f"{number}. {_words(event)}." for number, event in self._numbered())
        yield f"<desc>{escape(said)}</desc><style>{_STYLE}</style>"
        yield f'<text class="title" x="16" y="30">{title}</text>'
        yield '<text class="quiet" x="16" y="50">A circle is the count that a node has now.</text>'
        for lane, x in self._x.items():
            yield f'<text class="lane" x="{x}" y="{TOP - 22}">{escape(lane)}</text>'
            yield f'<line class="line" x1="{x}" x2="{x}" y1="{TOP - 14}" y2="{self._height - 8}"/>'
        yield from self._death()
        for number, event in self._numbered():
            yield f"<g>{_appearing(number, len(self._failover.events))}"
            yield from self._row(number, event)
            yield "</g>"
        yield "</svg>"

    def _numbered(self) -> Iterator[tuple[int, Event]]:
        return enumerate(self._failover.events, 1)

    def _y(self, number: int) -> int:
        return TOP + ROW * (number - 1) + ROW // 2

    def _death(self) -> Iterator[str]:
        """The time without the node, over its line."""
        ends = [number for number, event in self._numbered() if event.kind in (Kind.KILLED, Kind.BACK)]
        x, first, last = self._x[self._failover.victim], self._y(ends[0]), self._y(ends[1])
        yield f'<line class="gap" x1="{x}" x2="{x}" y1="{first}" y2="{last}"/>'
        yield f'<line class="dead" x1="{x}" x2="{x}" y1="{first}" y2="{last}"/>'

    def _row(self, number: int, event: Event) -> Iterator[str]:
        y = self._y(number)
        yield f'<text class="quiet" x="16" y="{y + 4}">{number}. {_time(event.at_ms)}</text>'
        yield f'<text x="{self._words_x}" y="{y + 4}">{escape(_words(event))}</text>'
        style = "message" if event.kind is Kind.MESSAGE else "click"
        if event.kind in (Kind.KILLED, Kind.BACK, Kind.DROPPED):
            yield from self._happened(event, y)
        else:
            for target in event.targets:
                yield from self._arrow(event.source, target, y, style)
        for node, count in event.copies.items():
            x = self._x[node]
            yield f'<circle class="copy" cx="{x}" cy="{y}" r="11"/>'
            yield f'<text class="number" x="{x}" y="{y + 4}">{count}</text>'

    def _happened(self, event: Event, y: int) -> Iterator[str]:
        x = self._x[event.source]
        if event.kind is Kind.KILLED:
            yield f'<path class="killed" d="M{x - 9} {y - 9} l18 18 m0 -18 l-18 18"/>'
        elif event.kind is Kind.DROPPED:
            yield f'<circle class="happened" cx="{self._x[event.targets[0]]}" cy="{y}" r="6"/>'

    def _arrow(self, source: str, target: str, y: int, style: str) -> Iterator[str]:
        start, end = self._x.get(source), self._x.get(target)
        if start is None or end is None:
            return
        way = 1 if end > start else -1
        tip = end - way * 12
        yield f'<line class="{style}" x1="{start + way * 4}" x2="{tip}" y1="{y}" y2="{y}"/>'
        yield f'<path class="{style}" d="M{tip} {y} l{-way * 8} -4 v8 z"/>'


def _appearing(number: int, count: int) -> str:
    """Faint until its turn; what does not animate shows it at once."""
    turn = (number - 1) / count
    times = f"0;{turn:.4f};1" if turn else "0;1"
    values = ".08;1;1" if turn else "1;1"
    return (
        f'<animate attributeName="opacity" calcMode="discrete" values="{values}" keyTimes="{times}"'
        f' dur="{count * STEP_S:.1f}s" fill="freeze"/>'
    )


def _words(event: Event) -> str:
    to = " and ".join(event.targets)
    match event.kind:
        case Kind.CLICK:
            return f"you click; the request goes to {to}"
        case Kind.ANSWER:
            return f"{event.source} answers: {event.text}"
        case Kind.MESSAGE:
            return f"{event.source} to {to}: {event.text}"
        case Kind.KILLED:
            return f"{event.source} is killed (SIGKILL)"
        case Kind.DROPPED:
            return f"{to} has noticed that {event.source} is gone"
        case Kind.BACK:
            return f"{event.source} is back, with a copy of the session"


def _time(at_ms: int) -> str:
    return f"{at_ms / 1000:.3f} s"
