"""A node and the other members as an SVG document: what it has sent to whom, and whether it got there."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.status.html_parts import text
from refjk.status.node_model import ClusterStatus, NodeMember, NodeReport
from refjk.status.rating import Rating
from refjk.status.styles import PICTURE_STYLE

WIDTH = 900
HEAD = 44
ROW = 34
FOOT = 12
_HUB_X, _HUB_WIDTH, _HUB_HEIGHT = 8, 190, 52
_NODE_X, _NODE_WIDTH = 270, 220
_STATE_X, _SENT_X, _QUEUE_X, _FAILED_X = 504, 590, 750, 830
_BAR_WIDTH = 84
_HUB_NAME_SIZE, _NODE_NAME_SIZE = 24, 25


def node_picture(report: NodeReport) -> str:
    """A document of its own with all clusters of a node. NOD-STS-10"""
    heights = [_height(cluster) for cluster in report.clusters]
    height = sum(heights) or HEAD
    words = " ".join(describe_members(cluster) for cluster in report.clusters)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pic" role="img" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}">',
        f"<title>Members that node {text(report.name)} sends to</title>",
        f"<desc>{text(words or 'No cluster.')}</desc>",
        f"<style>{PICTURE_STYLE}</style>",
    ]
    for index, cluster in enumerate(report.clusters):
        lines += [f'<g transform="translate(0 {sum(heights[:index])})">', *_drawing(cluster), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def inline_node_picture(cluster: ClusterStatus) -> Iterator[str]:
    """One cluster as a part of a page that has the style."""
    height = _height(cluster)
    yield f'<svg class="pic" role="img" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
    yield f"<title>Members of {text(cluster.name)}</title><desc>{text(describe_members(cluster))}</desc>"
    yield from _drawing(cluster)
    yield "</svg>"


def describe_members(cluster: ClusterStatus) -> str:
    """The drawing in words."""
    if not cluster.members:
        return f"{cluster.name}: {cluster.member} is alone."
    parts = [
        f"{member.name}: {member.state}, {sender.messages} messages, {sender.queue_length} waiting,"
        f" {sender.failures} failed"
        if (sender := member.sender) is not None
        else f"{member.name}: {member.state}"
        for member in cluster.members
    ]
    return f"{cluster.name}: {cluster.member} sends to " + "; ".join(parts) + "."


def _height(cluster: ClusterStatus) -> int:
    return HEAD + max(ROW * len(cluster.members), _HUB_HEIGHT) + FOOT


def _drawing(cluster: ClusterStatus) -> Iterator[str]:
    middle = (_height(cluster) + HEAD - FOOT) / 2
    for x, word in ((_STATE_X, "state"), (_SENT_X, "messages"), (_QUEUE_X, "waiting"), (_FAILED_X, "failed")):
        yield f'<text class="quiet" x="{x}" y="26">{word}</text>'
    yield (
        f'<rect class="box" x="{_HUB_X}" y="{middle - _HUB_HEIGHT / 2:g}" width="{_HUB_WIDTH}"'
        f' height="{_HUB_HEIGHT}" rx="5"/>'
    )
    primary = sum(one.primary for one in cluster.applications)
    backup = sum(one.backup for one in cluster.applications)
    own = _cut(cluster.member, _HUB_NAME_SIZE)
    yield f'<text class="head" x="{_HUB_X + 8}" y="{middle - 5:g}">{own}</text>'
    yield f'<text x="{_HUB_X + 8}" y="{middle + 15:g}">{primary} primary, {backup} backup</text>'
    most = max((member.sender.messages for member in cluster.members if member.sender), default=0)
    top = middle - ROW * len(cluster.members) / 2
    for index, member in enumerate(cluster.members):
        yield from _row(member, top + ROW * (index + 0.5), middle, most)


def _row(member: NodeMember, y: float, middle: float, most: int) -> Iterator[str]:
    link = "link bad-link" if member.rating is Rating.BAD else "link"
    start, end = _HUB_X + _HUB_WIDTH, _NODE_X
    sender = member.sender
    part = sender.messages / most if sender is not None and most else 0.0
    yield (
        f'<path class="{link}" stroke-width="{1 + 3 * part:.2f}"'
        f' d="M{start} {middle:g} C{start + 36} {middle:g} {end - 36} {y:g} {end} {y:g}"/>'
    )
    yield f'<rect class="box" x="{_NODE_X}" y="{y - 13:g}" width="{_NODE_WIDTH}" height="26" rx="5"/>'
    yield f'<circle class="{member.rating.value}" cx="{_NODE_X + 13}" cy="{y:g}" r="5"/>'
    yield f'<text x="{_NODE_X + 25}" y="{y + 5:g}">{_cut(member.name, _NODE_NAME_SIZE)}</text>'
    yield f'<text class="{member.rating.value}" x="{_STATE_X}" y="{y + 5:g}">{member.state}</text>'
    if sender is None:
        return
    yield f'<rect class="track" x="{_SENT_X}" y="{y - 6:g}" width="{_BAR_WIDTH}" height="12" rx="2"/>'
    filled = f"{_BAR_WIDTH * part:.1f}"
    yield f'<rect class="share" x="{_SENT_X}" y="{y - 6:g}" width="{filled}" height="12" rx="2"/>'
    yield f'<text x="{_SENT_X + _BAR_WIDTH + 8}" y="{y + 5:g}">{sender.messages}</text>'
    yield f'<text x="{_QUEUE_X}" y="{y + 5:g}">{sender.queue_length}</text>'
    yield f'<text x="{_FAILED_X}" y="{y + 5:g}">{sender.failures}</text>'


def _cut(name: str, size: int) -> str:
    return text(name if len(name) <= size else name[: size - 1] + "…")
