"""The balancers as an SVG document: members with state, activation, load value, share and open requests."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from refjk.balancing import Activation
from refjk.configuration import StatusWorker
from refjk.status.fields import ACTIVATIONS, STATES
from refjk.status.model import BalancerStatus, MemberStatus, StatusReport
from refjk.status.rating import Rating, rate
from refjk.status.styles import PICTURE_STYLE

WIDTH = 820
HEAD = 44
ROW = 34
FOOT = 12
_HUB_X, _HUB_WIDTH = 8, 130
_NODE_X, _NODE_WIDTH = 210, 150
_STATE_X, _SHARE_X, _VALUE_X, _BUSY_X = 374, 476, 636, 752
_BAR_WIDTH = 84
_NAME_SIZE = 17


def picture(report: StatusReport, worker: StatusWorker, only: str = "") -> str:
    """A document of its own with all balancers, or the one called `only`. STA-PIC-01"""
    shown = [balancer for balancer in report.balancers if only in ("", balancer.name)]
    heights = [picture_height(balancer) for balancer in shown]
    height = sum(heights) or HEAD
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pic" role="img" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}">',
        f"<title>Balancers of {_text(report.server_name)}:{report.server_port}</title>",
        f"<desc>{_text(' '.join(describe(balancer) for balancer in shown) or 'No balancer.')}</desc>",
        f"<style>{PICTURE_STYLE}</style>",
    ]
    for index, balancer in enumerate(shown):
        lines += [f'<g transform="translate(0 {sum(heights[:index])})">', *_drawing(balancer, worker), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def inline_picture(balancer: BalancerStatus, worker: StatusWorker) -> Iterator[str]:
    """One balancer as a part of a page that has the style. STA-PIC-02"""
    height = picture_height(balancer)
    yield f'<svg class="pic" role="img" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
    yield f"<title>Balancer {_text(balancer.name)}</title><desc>{_text(describe(balancer))}</desc>"
    yield from _drawing(balancer, worker)
    yield "</svg>"


def picture_height(balancer: BalancerStatus) -> int:
    """In the units of the drawing."""
    return HEAD + ROW * len(balancer.members) + FOOT


def describe(balancer: BalancerStatus) -> str:
    """The drawing in words. STA-PIC-03"""
    total = sum(member.snapshot.elected for member in balancer.members)
    parts = [
        f"{member.name}: {STATES[member.snapshot.state]},"
        f" {ACTIVATIONS[member.snapshot.settings.activation].lower()}, value {member.snapshot.value},"
        f" share {_percent(member.snapshot.elected, total)}, busy {member.snapshot.open}"
        for member in balancer.members
    ]
    return f"{balancer.name}: " + "; ".join(parts) + "."


def _drawing(balancer: BalancerStatus, worker: StatusWorker) -> Iterator[str]:
    total = sum(member.snapshot.elected for member in balancer.members)
    value_max = max((member.snapshot.value for member in balancer.members), default=0)
    middle = HEAD + ROW * len(balancer.members) / 2
    for x, word in ((_STATE_X, "state"), (_SHARE_X, "share"), (_VALUE_X, "load value"), (_BUSY_X, "busy")):
        yield f'<text class="quiet" x="{x}" y="26">{word}</text>'
    yield f'<rect class="box" x="{_HUB_X}" y="{middle - 15:g}" width="{_HUB_WIDTH}" height="30" rx="5"/>'
    yield f'<text class="head" x="{_HUB_X + 8}" y="{middle + 5:g}">{_name(balancer.name)}</text>'
    for index, member in enumerate(balancer.members):
        yield from _row(member, rate(member, worker), HEAD + ROW * (index + 0.5), middle, total, value_max)


def _row(
    member: MemberStatus, rating: Rating, y: float, middle: float, total: int, value_max: int
) -> Iterator[str]:
    seen = member.snapshot
    share = seen.elected / total if total else 0.0
    link = "link bad-link" if rating is Rating.BAD else "link"
    start, end = _HUB_X + _HUB_WIDTH, _NODE_X
    yield (
        f'<path class="{link}" stroke-width="{1 + 5 * share:.2f}"'
        f' d="M{start} {middle:g} C{start + 36} {middle:g} {end - 36} {y:g} {end} {y:g}"/>'
    )
    yield f'<rect class="box" x="{_NODE_X}" y="{y - 13:g}" width="{_NODE_WIDTH}" height="26" rx="5"/>'
    yield f'<circle class="{rating.value}" cx="{_NODE_X + 13}" cy="{y:g}" r="5"/>'
    yield f'<text x="{_NODE_X + 25}" y="{y + 5:g}">{_name(member.name)}</text>'
    activation = seen.settings.activation
    mark = "" if activation is Activation.ACTIVE else f" {activation.sent}"
    yield f'<text class="{rating.value}" x="{_STATE_X}" y="{y + 5:g}">{STATES[seen.state]}{mark}</text>'
    yield from _bar("share", _SHARE_X, y, share, _percent(seen.elected, total))
    yield from _bar("value", _VALUE_X, y, seen.value / value_max if value_max else 0.0, str(seen.value), 30)
    yield f'<text x="{_BUSY_X}" y="{y + 5:g}">{seen.open} / {seen.open_max}</text>'


def _bar(kind: str, x: int, y: float, part: float, words: str, width: int = _BAR_WIDTH) -> Iterator[str]:
    yield f'<rect class="track" x="{x}" y="{y - 6:g}" width="{width}" height="12" rx="2"/>'
    yield f'<rect class="{kind}" x="{x}" y="{y - 6:g}" width="{width * part:.1f}" height="12" rx="2"/>'
    yield f'<text x="{x + width + 8}" y="{y + 5:g}">{words}</text>'


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total:.1f} %" if total else "–"


def _name(name: str) -> str:
    return _text(name if len(name) <= _NAME_SIZE else name[: _NAME_SIZE - 1] + "…")


def _text(text: str) -> str:
    return escape("".join(character if character.isprintable() else "?" for character in text))
