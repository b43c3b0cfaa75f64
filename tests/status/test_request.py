"""What octets ask for."""

from __future__ import annotations

import pytest

from refjk.speccheck import covers
from refjk.status import Command, Mime, Option, parse_request
from refjk.status.request import FORM_SIZE_MAX, PARAMETERS_MAX, QUERY_SIZE_MAX, REFRESH_S_MAX
from tests.status.support import Page, access, ask, body, report


@covers("STA-REQ-01")
@pytest.mark.parametrize("query", [b"", b"cmd=", b"mime=", b"cmd=&mime=", b"x", b"&&=&"])
def test_without_words_a_request_is_for_the_list_as_a_page(query: bytes) -> None:
    request = parse_request(query)
    assert (request.command, request.mime, request.fault) == (Command.LIST, Mime.HTML, "")


def test_every_word_of_a_command_and_a_form_is_known() -> None:
    for command in Command:
        assert not command.value or parse_request(b"cmd=" + command.value.encode()).command is command
    for mime in Mime:
        assert not mime.value or parse_request(b"mime=" + mime.value.encode()).mime is mime


@covers("STA-REQ-02")
def test_names_and_values_are_decoded_and_the_last_value_counts() -> None:
    request = parse_request(b"w=a&%77=b+c%C3%A4&sw=%2B&sw")
    assert (request.worker, request.member) == ("b cä", "")
    assert parse_request(b"w=%ff%zz%").worker == "\ufffd%zz%"


def test_a_form_stands_before_the_query() -> None:
    request = parse_request(b"cmd=list&w=a", b"w=b")
    assert (request.command, request.worker) == (Command.LIST, "b")


@covers("STA-REQ-03")
def test_what_is_too_long_is_answered_with_an_error() -> None:
    parameters = b"&".join(b"%d" % number for number in range(PARAMETERS_MAX))
    assert not parse_request(b"w=" + b"a" * (QUERY_SIZE_MAX - 2)).fault
    assert not parse_request(b"", b"w=" + b"a" * (FORM_SIZE_MAX - 2)).fault
    assert not parse_request(b"", parameters).fault
    for request in (
        parse_request(b"w=" + b"a" * (QUERY_SIZE_MAX - 1)),
        parse_request(b"", b"w=" + b"a" * (FORM_SIZE_MAX - 1)),
        parse_request(b"", parameters + b"&one-more"),
    ):
        assert request.fault
    assert body(ask("w=" + "a" * QUERY_SIZE_MAX)).startswith("worker.result.type=ERROR\n")


@covers("STA-REQ-04")
@pytest.mark.parametrize(
    ("text", "number"), [("10", 10), (" 7s", 7), ("-1", 0), ("x", 0), ("", 0), ("9" * 40, REFRESH_S_MAX)]
)
def test_numbers_are_read_as_far_as_they_go(text: str, number: int) -> None:
    assert parse_request(f"re={text}".encode()).refresh_s == number


@covers("STA-REQ-04")
def test_only_known_bits_of_opt_count() -> None:
    assert parse_request(b"opt=33x").options == Option.NO_MEMBERS | Option.READ_ONLY
    assert parse_request(b"opt=1536").options == Option(0)


@covers("STA-REQ-05")
@pytest.mark.parametrize("mime", ["html", "xml", "txt", "prop", "json"])
def test_opt_leaves_out_members_rules_balancers_and_workers_in_every_form(mime: str) -> None:
    def shown(option: int) -> str:
        return body(ask(f"mime={mime}&opt={option}"))

    for option, word in ((1, "9012"), (2, "/app/*"), (8, "Request"), (16, "9099")):
        assert word in shown(0)
        assert word not in shown(option)


@covers("STA-REQ-05")
def test_the_other_bits_of_opt_count_for_pages_only() -> None:
    assert body(ask("mime=txt&opt=508&cmd=show&w=lb")) == body(ask("mime=txt&cmd=show&w=lb"))
    for option, word in ((4, "Legend of words"), (64, "Optimistic"), (128, "60/120"), (256, "8192")):
        whole, part = Page(body(ask(""))).text, Page(body(ask(f"opt={option}"))).text
        assert len(part) < len(whole)
        assert option == 4 or (word in whole and word not in part)


@covers("STA-REQ-06")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("cmd=show&w=sol", "Could not find worker 'sol'. The nearest name is solo."),
        ("cmd=edit&w=balancer", "Could not find worker 'balancer'. The nearest name is lb."),
        ("cmd=show&w=lb&sw=node3", "Could not find member 'node3'. The nearest name is node"),
        ("cmd=show&w=solo&sw=node1", "Worker 'solo' has no members."),
        ("cmd=show&w=lb&sw=", "The member is empty: add a name after sw=, or leave sw out."),
        ("cmd=show&w=lb&sw=node*", "Could not find member 'node*'."),
        ("cmd=show", "No worker is given: add w=NAME."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(query: str, message: str) -> None:
    got = ask(f"{query}&mime=txt")
    assert got.status == 200
    assert body(got).startswith(f'Result: type=ERROR message="{message}')


@covers("STA-REQ-07", "STA-REQ-08")
@pytest.mark.parametrize(
    ("query", "begin"),
    [
        ("cmd=nonsense&mime=txt", 'Result: type=ERROR message="Invalid command.'),
        ("cmd=nonsense&mime=xml", "<?xml"),
        ("mime=nonsense", "worker.result.type=ERROR\nworker.result.message=Invalid mime type."),
        ("mime=svg&cmd=dump", 'Result: type=ERROR message="There is no picture of dump."'),
    ],
)
def test_unknown_words_are_answered_with_200_and_an_error(query: str, begin: str) -> None:
    got = ask(query)
    assert got.status == 200
    assert body(got).startswith(begin)
    assert "ERROR" in body(got)


@covers("STA-REQ-09")
def test_a_page_asks_again_when_told_to() -> None:
    def refresh(query: str) -> list[str | None]:
        metas = Page(body(ask(query, report(), access()))).all("meta")
        return [meta["content"] for meta in metas if meta.get("http-equiv") == "refresh"]

    assert refresh("re=10") == refresh("re=10&cmd=show&w=lb") == ["10"]
    assert refresh("") == refresh("re=0") == refresh("re=10&cmd=dump") == refresh("re=10&cmd=edit&w=lb") == []
