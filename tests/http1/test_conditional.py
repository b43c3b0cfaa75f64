"""What conditions and ranges make of an answer, without a file."""

from __future__ import annotations

import random

import pytest

from refjk.http1.conditional import Content, Selection, parse_date, select
from refjk.speccheck import covers

MODIFIED_S = 1_700_000_000
DATE = b"Tue, 14 Nov 2023 22:13:20 GMT"
LATER = b"Tue, 14 Nov 2023 22:13:21 GMT"
EARLIER = b"Tue, 14 Nov 2023 22:13:19 GMT"
FILE = Content(100, MODIFIED_S, b'"64-a"')
FRESH = Content(100, MODIFIED_S, b'W/"64-a"')
EMPTY = Content(0, MODIFIED_S, b'"0-a"')
WHOLE = Selection(200, 0, 100)


def selected(*lines: bytes, content: Content = FILE, is_get: bool = True) -> Selection:
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return select(headers, is_get, content)


@covers("SFI-CND-03")
@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b'"64-a"', 304),
        (b'W/"64-a"', 304),
        (b"*", 304),
        (b'"x", "64-a"', 304),
        (b'"x" , W/"64-a",', 304),
        (b'"x,y","64-a"', 304),
        (b'"x"', 200),
        (b'w/"64-a"', 200),
        (b"64-a", 200),
        (b'"64-a', 200),
        (b'"x" "64-a"', 200),
        (b"", 200),
    ],
)
def test_if_none_match_compares_weakly_and_takes_only_lists(value: bytes, status: int) -> None:
    assert selected(b"If-None-Match: " + value).status == status
    assert selected(b"if-none-match: " + value, content=FRESH).status == status
    assert selected(b"If-None-Match: " + value, is_get=False).status == status


@covers("SFI-CND-03")
def test_several_lines_of_if_none_match_are_one_list_and_dates_do_not_count_beside_it() -> None:
    assert selected(b'If-None-Match: "x"', b'If-None-Match: "64-a"').status == 304
    assert selected(b'If-None-Match: "x"', b"If-Modified-Since: " + DATE).status == 200


@covers("SFI-CND-04")
@pytest.mark.parametrize(
    ("value", "status"),
    [(DATE, 304), (LATER, 304), (EARLIER, 200), (b"junk", 200), (b"", 200), (b"1700000000", 200)],
)
def test_if_modified_since_is_304_from_the_date_of_the_file_on(value: bytes, status: int) -> None:
    assert selected(b"If-Modified-Since: " + value).status == status


@covers("SFI-CND-04")
def test_two_dates_are_none() -> None:
    assert selected(b"If-Modified-Since: " + DATE, b"If-Modified-Since: " + DATE).status == 200


@covers("SFI-CND-05")
@pytest.mark.parametrize(
    ("line", "status", "fresh"),
    [
        (b'If-Match: "64-a"', 200, 412),
        (b'If-Match: "x", "64-a"', 200, 412),
        (b"If-Match: *", 200, 200),
        (b'If-Match: W/"64-a"', 412, 412),
        (b'If-Match: "x"', 412, 412),
        (b"If-Unmodified-Since: " + DATE, 200, 200),
        (b"If-Unmodified-Since: " + EARLIER, 412, 412),
        (b"If-Unmodified-Since: junk", 200, 200),
    ],
)
def test_what_must_be_unchanged_is_412_when_it_is_not(line: bytes, status: int, fresh: int) -> None:
    assert selected(line).status == status
    assert selected(line, content=FRESH).status == fresh


@covers("SFI-CND-05")
def test_if_match_comes_first_and_replaces_the_date() -> None:
    assert selected(b'If-Match: "x"', b"If-None-Match: *").status == 412
    assert selected(b'If-Match: "64-a"', b"If-None-Match: *").status == 304
    assert selected(b'If-Match: "64-a"', b"If-Unmodified-Since: " + EARLIER).status == 200


@covers("SFI-RNG-01")
@pytest.mark.parametrize(
    ("value", "start", "size"),
    [
        (b"bytes=0-0", 0, 1),
        (b"bytes=0-9", 0, 10),
        (b"bytes=90-", 90, 10),
        (b"bytes=99-99", 99, 1),
        (b"bytes=95-500", 95, 5),
        (b"bytes=-5", 95, 5),
        (b"bytes=-500", 0, 100),
        (b"BYTES=0-99", 0, 100),
    ],
)
def test_one_range_gives_what_it_and_the_file_have_in_common(value: bytes, start: int, size: int) -> None:
    assert selected(b"Range: " + value) == Selection(206, start, size)


@covers("SFI-RNG-02")
@pytest.mark.parametrize("value", [b"bytes=100-", b"bytes=100-200", b"bytes=999999-", b"bytes=-0"])
def test_a_range_behind_the_end_is_416(value: bytes) -> None:
    assert selected(b"Range: " + value).status == 416


@covers("SFI-RNG-03")
@pytest.mark.parametrize(
    "value",
    [
        b"bytes=0-1,5-6",
        b"bytes=0-0,",
        b"bytes=5-4",
        b"bytes=100-99",
        b"bytes=x",
        b"bytes=-",
        b"bytes=",
        b"bytes= 0-9",
        b"bytes=0-9x",
        b"bytes=+0-9",
        b"bytes=" + b"9" * 19 + b"-",
        b"lines=1-2",
        b"0-9",
        b"",
    ],
)
def test_any_other_range_is_none(value: bytes) -> None:
    assert selected(b"Range: " + value) == WHOLE


@covers("SFI-RNG-03")
def test_two_ranges_and_those_of_an_empty_file_are_none() -> None:
    assert selected(b"Range: bytes=0-1", b"Range: bytes=0-1") == WHOLE
    for value in (b"bytes=0-9", b"bytes=-5", b"bytes=-0"):
        assert selected(b"Range: " + value, content=EMPTY) == Selection(200, 0, 0)


@covers("SFI-RNG-04")
def test_a_range_means_nothing_to_head() -> None:
    assert selected(b"Range: bytes=0-9", is_get=False) == WHOLE


@covers("SFI-RNG-05")
@pytest.mark.parametrize(
    ("condition", "holds"),
    [(b'"64-a"', True), (DATE, True), (b'"x"', False), (b'W/"64-a"', False), (LATER, False), (b"", False)],
)
def test_if_range_wants_the_very_file(condition: bytes, holds: bool) -> None:
    lines = (b"Range: bytes=0-9", b"If-Range: " + condition)
    assert selected(*lines).status == (206 if holds else 200)
    assert selected(*lines, content=FRESH) == WHOLE


@covers("SFI-CND-03", "SFI-RNG-01")
def test_a_range_of_what_is_known_is_304() -> None:
    assert selected(b"Range: bytes=0-9", b'If-None-Match: "64-a"').status == 304


@pytest.mark.parametrize(
    ("text", "date"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        (b"Sun Nov  6 08:49:37 1994", 784111777),
        (b"Saturday, 01-Jan-00 00:00:00 GMT", 946684800),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (b"Sun, 06 Nov 1994 08:49:37", None),
        (b"Sun, 06 Nov 1994 08:49:37 +0000", None),
        (b"Sun, 31 Feb 1994 08:49:37 GMT", None),
        (b"Sun, 06 Now 1994 08:49:37 GMT", None),
        (b"Sun, 06 Nov 0000 08:49:37 GMT", None),
        (b"Sun, 06 Nov 1994 25:49:37 GMT", None),
    ],
)
def test_dates_are_taken_in_three_forms(text: bytes, date: int | None) -> None:
    assert parse_date(text) == date


@covers("SFI-RNG-01", "SFI-RNG-03")
def test_no_header_at_random_breaks_the_choice() -> None:
    seed = 7233
    print(f"seed {seed}")
    chance = random.Random(seed)
    names = (b"Range", b"If-Range", b"If-Match", b"If-None-Match", b"If-Modified-Since")
    bits = (
        b"bytes=",
        b"0",
        b"9",
        b"-",
        b",",
        b'"',
        b"W/",
        b'"64-a"',
        b"*",
        b" ",
        DATE,
        b"\xff",
        b"bytes=9-",
        b"bytes=999-",
    )
    seen = set()
    for _ in range(5_000):
        headers = [
            (chance.choice(names), b"".join(chance.choices(bits, k=chance.randint(0, 5))))
            for _ in range(chance.randint(0, 3))
        ]
        content = chance.choice((FILE, FRESH, EMPTY))
        selection = select(headers, True, content)
        seen.add(selection.status)
        assert 0 <= selection.start <= selection.start + selection.size <= content.size
        assert (selection.status == 206) <= (selection.size > 0)
        assert (selection.status == 200) <= (selection.size == content.size)
    assert seen == {200, 206, 304, 412, 416}
