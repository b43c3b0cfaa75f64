"""Lines of the JkLogFile, their stamps, and the request log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refjk.base.errors import InputError
from refjk.configuration.httpd_model import LogLevel
from refjk.configuration.log_format import REQUEST_LETTERS
from refjk.configuration.origins import Profile
from refjk.logformat import (
    LEVEL_NUMBERS,
    Stamp,
    Where,
    compile_request_log,
    jk_line,
    line_form,
    request_line,
)
from refjk.speccheck import covers
from tests.logformat.entries import BARE, FULL, MOMENT, an_hour_east, request_items

OLD, NEW = line_form(Profile.V1_2_7), line_form(Profile.V1_2_50)
WHERE = Where("serve", "front.py", 12)


def old_line(threshold: LogLevel, text: str = "text") -> str:
    return jk_line(
        OLD, "[T] ", LogLevel.ERROR, WHERE, text, threshold=threshold, request_id="id", moment=MOMENT
    )


def new_line(text: str, threshold: LogLevel = LogLevel.INFO, request_id: str = "NO-ID") -> str:
    return jk_line(
        NEW, "[T] ", LogLevel.WARN, WHERE, text, threshold=threshold, request_id=request_id, moment=MOMENT
    )


@covers("LOG-LIN-01")
def test_a_line_of_1_2_7_names_the_thread_only_in_a_log_at_debug_or_trace() -> None:
    for level in (LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR, LogLevel.EMERG):
        assert old_line(level) == "[T] [error] serve::front.py (12): text"
    for level in (LogLevel.DEBUG, LogLevel.TRACE):
        assert old_line(level) == "[T] [4711:255] [error] serve::front.py (12): text"


@covers("LOG-LIN-02")
@pytest.mark.parametrize("threshold", list(LogLevel))
def test_a_line_of_1_2_50_names_request_and_thread_always(threshold: LogLevel) -> None:
    assert new_line("text", threshold) == "[T] [NO-ID] [4711:255] [warn] serve::front.py (12): text"


@covers("LOG-LIN-04")
@pytest.mark.parametrize(("form", "size_max"), [(OLD, 8191), (NEW, 1021)])
def test_a_line_that_is_too_long_ends_in_dots(form: object, size_max: int) -> None:
    line = old_line if form is OLD else lambda level, text: new_line(text, level)
    head = len(line(LogLevel.INFO, ""))
    fits = line(LogLevel.INFO, "x" * (size_max - 1 - head))
    assert len(fits) == size_max - 1 and fits.endswith("xxx")
    for more in (0, 1, 100_000):
        cut = line(LogLevel.INFO, "x" * (size_max - head + more))
        assert len(cut) == size_max and cut.endswith("x...")


@covers("LOG-LIN-04")
def test_what_counts_is_the_line_as_it_is_written() -> None:
    assert len(new_line("\n" * 1000)) == 1021


@covers("LOG-LIN-05")
def test_no_text_ends_a_line_or_speaks_to_a_terminal() -> None:
    for octet in range(256):
        shown = chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}"
        assert new_line(f"a{chr(octet)}b").endswith(f": a{shown}b")
    assert "\n" not in new_line("text", request_id="id\n[T] [forged]")
    assert new_line("€\u2028").endswith(": \\xe2\\x82\\xac\\xe2\\x80\\xa8")


@covers("LOG-LVL-01")
def test_levels_have_numbers_from_trace_to_emerg() -> None:
    assert {level.value: number for level, number in LEVEL_NUMBERS.items()} == {
        "trace": 0,
        "debug": 1,
        "info": 2,
        "warn": 3,
        "error": 4,
        "emerg": 5,
    }


@covers("LOG-STP-02")
@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("[%a %b %d %H:%M:%S %Y] ", "[Tue Dec 14 10:00:00 2004] "),
        ("[%a %b %d %H:%M:%S.%Q %Y] ", "[Tue Dec 14 10:00:00.123 2004] "),
        ("%H.%q|", "10.123456|"),
        ("%q %Q", "%q 123"),
        ("%Q%Q", "123%Q"),
        ("%%Q %Q", "%Q 123"),
        ("%%q", "%q"),
        ("%Q", "123"),
        ("", ""),
        ("plain", "plain"),
        ("%z %Z", "+0100 CET"),
    ],
)
def test_a_stamp_is_strftime_with_a_fraction(pattern: str, shown: str) -> None:
    assert Stamp(pattern, an_hour_east).text(MOMENT.now_us) == shown


@covers("LOG-STP-02")
def test_the_fraction_has_leading_zeros_and_the_second_moves_on() -> None:
    stamp = Stamp("%S.%Q", an_hour_east)
    times = [1_000_000, 1_000_999, 1_001_000, 1_999_999, 2_000_000, 1_500_000]
    assert [stamp.text(at) for at in times] == ["01.000", "01.000", "01.001", "01.999", "02.000", "01.500"]


def test_what_strftime_refuses_is_said_at_once() -> None:
    with pytest.raises(InputError, match="is no format for a time"):
        Stamp("\udcff", an_hour_east)


@covers("LOG-REQ-01")
def test_a_line_of_the_request_log_is_stamp_and_text() -> None:
    assert request_line(NEW, "[T] ", 'GET "/\n" €') == '[T] GET "/\\x0a" \\xe2\\x82\\xac'
    assert request_line(NEW, "[T] ", "x" * 2000) == "[T] " + "x" * 1014 + "..."


@covers("LOG-REQ-02")
@pytest.mark.parametrize(
    ("text", "full", "bare"),
    [
        ("%b", "1234", "-"),
        ("%B", "1234", "0"),
        ("%H", "HTTP/1.1", "-"),
        ("%m", "GET", "-"),
        ("%p", "80", "0"),
        ("%q", "?c=d", ""),
        ("%r", "GET /a%20b?c=d HTTP/1.1", "-"),
        ("%R", "node1", "-"),
        ("%s", "200", "-"),
        ("%T", "2.345678", "0.000000"),
        ("%U", "/a b", "-"),
        ("%v", "own.example", "-"),
        ("%V", "www.example", "-"),
        ("%w", "balancer", "-"),
        ("%w %V %T", "balancer www.example 2.345678", "- - 0.000000"),
    ],
)
def test_a_letter_of_the_request_log_says_what_is_known(text: str, full: str, bare: str) -> None:
    render = compile_request_log(request_items(text))
    assert (render(FULL), render(BARE)) == (full, bare)


@covers("LOG-REQ-02")
def test_the_route_may_be_a_note_and_every_letter_is_rendered() -> None:
    entry = replace(FULL, notes={"JK_WORKER_ROUTE": "noted"})
    assert compile_request_log(request_items("%R"))(entry) == "noted"
    for letter in REQUEST_LETTERS:
        assert isinstance(compile_request_log(request_items(f"%{letter}"))(entry), str), letter
