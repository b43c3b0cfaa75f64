"""Lines, comments, words, variables."""

from __future__ import annotations

import pytest

from refjk.configuration.httpd_lines import split_words
from refjk.speccheck import covers
from tests.configuration.support import WORKER, errors, httpd, short, warnings


@covers("CFG-TXT-01")
def test_a_backslash_at_the_end_joins_lines_without_a_blank() -> None:
    read = httpd(WORKER + "JkMount /a\\\nb w\nJkWorkerProperty worker.w.\\\r\nport=8010\n")
    assert [rule.pattern for rule in read.main.mounts] == ["/ab"]
    assert read.workers.workers["w"].port == 8010  # type: ignore[union-attr]
    assert read.main.mounts[0].place.line == 4
    assert read.complaints == ()


@covers("CFG-TXT-01")
def test_a_backslash_with_a_blank_behind_it_joins_nothing_and_is_complained_of() -> None:
    read = httpd(WORKER + "JkMount /a \\ \nJkMount /b w\n")
    assert "CFG-TXT-01 4" in warnings(read.complaints)
    assert [rule.pattern for rule in read.main.mounts] == ["/a", "/b"]
    assert read.main.mounts[0].worker == "\\"


def test_a_backslash_at_the_end_of_the_file_joins_nothing() -> None:
    assert [rule.pattern for rule in httpd(WORKER + "JkMount /a w\\").main.mounts] == ["/a"]


@covers("CFG-TXT-02")
def test_only_a_number_sign_at_the_start_of_a_line_begins_a_comment() -> None:
    read = httpd(WORKER + "  # JkBogus\nJkMount /a#b w\nJkMount /c w # why\n")
    assert [rule.pattern for rule in read.main.mounts] == ["/a#b"]
    assert errors(read.complaints) == ["CFG-DIR-04 6"]
    assert "line of its own" in read.complaints[-1].remedy


@covers("CFG-TXT-02")
def test_a_comment_that_swallows_a_directive_is_complained_of() -> None:
    read = httpd(WORKER + "# off \\\nJkMount /a w\n# fine \\\n# too\n")
    assert read.main.mounts == ()
    assert short(read.complaints) == ["warning CFG-TXT-02 4"]
    assert "JkMount /a w" in read.complaints[0].text


@covers("CFG-TXT-03")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/a w", ["/a", "w"]),
        ('"/a b"  w', ["/a b", "w"]),
        ("'/a b' w", ["/a b", "w"]),
        (r'"a\"b\\" w', ['a"b\\', "w"]),
        ('"/a"b w', ["/a", "b", "w"]),
        ('/a"b c" w', ['/a"b', 'c"', "w"]),
        ('"/a w', ["/a w"]),
        ("'", [""]),
        ('"" x', ["", "x"]),
        (r"a\\b \c", ["a\\b", "\\c"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_words_are_cut_as_httpd_cuts_them(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@covers("CFG-TXT-04")
def test_variables_come_from_define_and_from_the_environment() -> None:
    text = WORKER + "Define NAME w\nJkMount /${DIR}/x ${NAME}\nUnDefine NAME\nJkMount /y ${NAME}\n"
    read = httpd(text, environment={"DIR": "a"})
    assert [(rule.pattern, rule.worker) for rule in read.main.mounts] == [("/a/x", "w"), ("/y", "${NAME}")]
    assert "CFG-TXT-04 7" in warnings(read.complaints)


def test_names_of_directives_and_sections_are_compared_without_case() -> None:
    read = httpd(WORKER + "<virtualhost *:80>\nJKMOUNT /a w\n</VIRTUALHOST>\n")
    assert [rule.pattern for rule in read.servers[1].mounts] == ["/a"]
    assert read.complaints == ()
