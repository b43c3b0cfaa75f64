"""The SVG document: well-formed, alone, light and dark, everything marked."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from refjk.simulation import Result, picture
from tests.simulation.support import play, subject

SVG = "{http://www.w3.org/2000/svg}"


def drawn(result: Result) -> ElementTree.Element:
    return ElementTree.fromstring(picture(result))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def test_each_worker_has_an_area_and_a_line_in_the_legend() -> None:
    result = play(subject("a.lbfactor=2"))
    root = drawn(result)
    assert len(of_class(root, "area")) == 3
    assert {f"{one.name} {one.share:.1%}" for one in result.workers} <= set(texts(root))


def test_areas_fill_the_plot_in_every_column() -> None:
    root = drawn(play(subject()))
    outlines = [area.get("d", "") for area in of_class(root, "area")]
    points = [[tuple(map(float, pair.split(","))) for pair in d[1:-1].split()] for d in outlines]
    ys = [y for outline in points for _, y in outline]
    assert (min(ys), max(ys)) == (64.0, 364.0)
    # The upper edge of one is the lower edge of the next.
    half = len(points[0]) // 2
    assert points[0][:half] == points[1][half:][::-1]


def test_failures_and_drains_are_marked() -> None:
    root = drawn(play(subject(), fail="b@15s..30s", drain="c@45s..:stop"))
    assert len(of_class(root, "down")) == len(of_class(root, "drain")) == 1
    assert {"b down from 15s to 30s", "c stopped from 45s to the end"} <= set(texts(root))
    down = of_class(root, "down")[0]
    width = 960 - 64 - 190
    assert float(down.get("x", "")) == pytest.approx(64 + width / 4, abs=0.1)
    assert float(down.get("width", "")) == pytest.approx(width / 4, abs=0.1)
    assert len(of_class(root, "mark")) == 3
    assert of_class(root, "moves")


def test_it_stands_alone_in_light_and_dark() -> None:
    text = picture(play(subject()))
    assert "prefers-color-scheme: dark" in text
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in text
    assert "href" not in text


def test_names_cannot_break_it() -> None:
    root = drawn(play(subject(names="a<b>&c d"), fail="a<b>&c@10s.."))
    assert any(text.startswith("a<b>&c ") for text in texts(root))


def test_many_workers_share_colours_and_the_legend_says_how_many_it_leaves_out() -> None:
    root = drawn(play(subject(names=" ".join(f"n{number}" for number in range(40)))))
    assert len(of_class(root, "area")) == 40
    assert "and 16 more" in texts(root)


def test_a_simulation_in_which_nothing_happened_can_be_drawn() -> None:
    root = drawn(play(subject(), duration="1us", users=1))
    assert len(of_class(root, "area")) == 3


def test_the_size_does_not_grow_with_the_length() -> None:
    short, long = (len(picture(play(subject(), duration=duration))) for duration in ("120s", "600s"))
    assert long < short * 3
