"""The picture of a watched cluster."""

from __future__ import annotations

from xml.etree import ElementTree

from refjk.membership import Announcement
from refjk.membership.timeline import LANES_MAX, timeline_svg
from refjk.membership.watching import Seen, Stay

SVG = "{http://www.w3.org/2000/svg}"


def seen(name: bytes, *stays: Stay, beats_ms: tuple[int, ...] = ()) -> Seen:
    made = Seen(Announcement(name, name, bytes(4), 1, 0), heard=len(beats_ms))
    made.stays.extend(stays)
    made.beats_ms.extend(beats_ms)
    return made


def of_class(picture: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in picture.iter() if element.get("class") == name]


def drawn(*members: Seen, until_ms: int = 10_000) -> ElementTree.Element:
    return ElementTree.fromstring(timeline_svg(members, 0, until_ms, "228.0.0.4:45564"))


def test_each_member_has_a_lane_with_its_stays_its_silence_and_its_beats() -> None:
    picture = drawn(
        seen(b"a", Stay(0, 2000, 5000), Stay(6000, 9000), beats_ms=(0, 1000, 2000, 6000, 9000)),
        seen(b"b", Stay(1000, 1000), beats_ms=(1000,)),
    )
    assert len(picture.findall(f"{SVG}g")) == 2
    assert len(of_class(picture, "came")) == 3
    assert len(of_class(picture, "gone")) == 1
    assert len(of_class(picture, "beat")) == 6
    assert [bar.get("x") for bar in of_class(picture, "bar")] == ["250.0", "706.0"]
    assert [bar.get("width") for bar in of_class(picture, "bar")] == ["152.0", "228.0"]
    assert [bar.get("width") for bar in of_class(picture, "silent")] == ["228.0", "76.0", "684.0"]


def test_beats_that_lie_closer_than_can_be_drawn_are_one_tick() -> None:
    picture = drawn(seen(b"a", Stay(0, 9), beats_ms=tuple(range(10))), until_ms=1_000_000)
    assert len(of_class(picture, "beat")) == 1


def test_names_from_the_net_cannot_break_the_picture() -> None:
    picture = drawn(seen(b"<script>&\"'\x00\x1b\xff" + b"x" * 50, Stay(0, 0), beats_ms=(0,)))
    assert picture.find(f".//{SVG}script") is None
    texts = [element.text or "" for element in picture.iter(f"{SVG}text")]
    assert any(text.startswith("<script>&") for text in texts)
    assert all(len(text) <= 60 for text in texts)


def test_an_empty_watch_and_one_of_no_length_are_pictures_too() -> None:
    assert drawn().get("height") == drawn(seen(b"a")).get("height")
    assert drawn(seen(b"a", Stay(0, 0)), until_ms=0).tag == f"{SVG}svg"


def test_a_crowd_is_cut_and_the_picture_says_so() -> None:
    picture = drawn(*(seen(b"%d" % number) for number in range(LANES_MAX + 7)))
    assert len(picture.findall(f"{SVG}g")) == LANES_MAX
    assert any(element.text == "7 more, not shown" for element in picture.iter(f"{SVG}text"))


def test_the_grid_has_few_lines_whatever_the_length() -> None:
    for until_ms in (1, 999, 10_000, 3_600_000, 10**12):
        assert 1 <= len(of_class(drawn(until_ms=until_ms), "grid")) <= 102
