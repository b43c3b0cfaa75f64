"""Curves as SVG: they are well formed, have titles and units, and lie where their values say."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from tests.bench.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Curve, chart_svg

CHART = Chart(
    "Title <&>",
    "about",
    "nodes",
    "wait, ms",
    [Curve("one", [(1, 1), (10, 100)], 0), Curve("two, p99", [(1, 0), (10, 10)], 1, dashed=True)],
)
SVG = "{http://www.w3.org/2000/svg}"


def places(chart: Chart) -> list[tuple[float, float]]:
    tree = ElementTree.fromstring(chart_svg(chart))
    return [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in tree.iter(f"{SVG}circle")]


def texts(chart: Chart) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(chart_svg(chart)).iter(f"{SVG}text")]


def test_a_chart_has_title_axes_units_and_legend() -> None:
    assert {"Title <&>", "about", "nodes", "wait, ms", "one", "two, p99"} <= set(texts(CHART))
    assert "stroke-dasharray" in chart_svg(CHART)
    assert "prefers-color-scheme: dark" in chart_svg(CHART)


def test_an_axis_begins_at_zero_and_ends_at_a_round_number() -> None:
    assert places(CHART)[1] == (WIDTH - RIGHT, TOP)
    assert places(CHART)[2] == (LEFT + (WIDTH - RIGHT - LEFT) / 10, HEIGHT - BOTTOM)
    assert {"0", "20", "100"} <= set(texts(CHART))


def test_a_logarithmic_axis_leaves_out_what_it_has_no_place_for() -> None:
    found = places(replace(CHART, x_log=True, y_log=True))
    assert found == [
        (LEFT, HEIGHT - BOTTOM),
        (WIDTH - RIGHT, TOP),
        (WIDTH - RIGHT, (TOP + HEIGHT - BOTTOM) / 2),
    ]


def test_one_value_alone_has_its_place() -> None:
    for log in (False, True):
        ((x, y),) = places(replace(CHART, curves=[Curve("one", [(3, 7)], 0)], x_log=log, y_log=log))
        assert LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM


def test_the_drawing_is_told_in_words() -> None:
    tree = ElementTree.fromstring(chart_svg(CHART))
    told = tree.findtext(f"{SVG}desc")
    assert told == "wait, ms over nodes. one: 1 at 1, 100 at 10; two, p99: 0 at 1, 10 at 10."
