"""The table of endings against that of the chapter, row by row and style by style."""

from __future__ import annotations

import itertools

import pytest

from refjk.balancing import Outcome
from refjk.speccheck import covers
from refjk.webserver import CONSEQUENCES, IDEMPOTENT, Ending, Recovery, Style, Verdict, judge, judge_status

JK = (Style.JK_127, Style.JK_1250)
METHODS = (b"GET", b"HEAD", b"PUT", b"POST", b"PATCH", b"get")

# Ending, then for 1.2.7 and for 1.2.50: when the request may be sent again (n: never, o: as the options say,
# a: always, h: as the options say, if it is idempotent). The status is that of 1.2.50, `-` where the client
# has its answer.
TABLE = """
SERVED          -    success         n n
CLIENT_FAILED   -    client error    n n
TOO_LARGE       413  client error    n n
NO_PLACE        503  no place        n a
BUSY            503  busy            a a
NOT_SENT        503  failure         a a
BROKEN          502  failure         o o
GARBLED         502  protocol error  o o
UNKNOWN_PACKET  500  failure         o a
SILENT          504  reply timeout   a o
STATUS_FATAL    503  fatal status    a a
STATUS_SOFT     503  soft status     a a
UNFIT           502  client error    n n
HEAD_ONLY       502  failure         n h
HEAD_STALLED    504  reply timeout   n n
CUT_SHORT       -    failure         n n
STALLED         -    reply timeout   n n
"""


def rows() -> dict[Ending, tuple[int | None, Outcome, str, str]]:
    found = {}
    for line in TABLE.strip().splitlines():
        name, status, *outcome, old, new = line.split()
        number = None if status == "-" else int(status)
        found[Ending[name]] = (number, Outcome(" ".join(outcome)), old, new)
    return found


def judged(
    ending: Ending,
    style: Style,
    options: int = 0,
    method: bytes = b"GET",
    *,
    is_held: bool = True,
    body_asked: bool = False,
) -> Verdict:
    return judge(ending, Recovery(style, options=options), method, is_held=is_held, body_asked=body_asked)


def test_the_table_has_a_row_for_each_ending() -> None:
    assert set(rows()) == set(Ending) == set(CONSEQUENCES)


@covers("EPL-RTY-02", "EPL-RTY-03", "EPL-RTY-04", "EPL-RTY-05", "EPL-RTY-07", "EPL-RTY-12", "EPL-RTY-14")
@pytest.mark.parametrize("ending", list(Ending), ids=lambda ending: ending.name)
@pytest.mark.parametrize("style", JK, ids=lambda style: style.name)
def test_whether_a_request_is_sent_again_is_as_the_table_says(ending: Ending, style: Style) -> None:
    _, outcome, old, new = rows()[ending]
    rule = old if style is Style.JK_127 else new
    for options, method in itertools.product((0, 1, 2, 4, 3, 7), METHODS):
        verdict = judged(ending, style, options, method)
        allowed = {
            "n": False,
            "a": True,
            "o": not options & 1,
            "h": not options & 3 and method in IDEMPOTENT,
        }
        assert verdict.other is allowed[rule], (options, method)
        assert verdict.same is (verdict.other and ending not in (Ending.NO_PLACE, Ending.BUSY))
        assert verdict.outcome is outcome


@covers("EPL-RTY-11", "EPL-RTY-13")
@pytest.mark.parametrize("ending", list(Ending), ids=lambda ending: ending.name)
def test_the_client_of_1_2_7_gets_500_and_that_of_1_2_50_the_status_of_the_failure(ending: Ending) -> None:
    status = rows()[ending][0]
    assert judged(ending, Style.JK_1250).status == status
    assert judged(ending, Style.JK_127).status == (status if status in (None, 413) else 500)


@covers("EPL-RTY-10")
@pytest.mark.parametrize(
    ("options", "free"),
    [
        (1, ()),
        (1 | 8, (b"HEAD",)),
        (1 | 16, (b"GET",)),
        (1 | 8 | 16, (b"HEAD",)),
        (8, METHODS),
        (16, METHODS),
        (0, METHODS),
    ],
)
def test_bits_8_and_16_free_a_method_from_bit_1(options: int, free: tuple[bytes, ...]) -> None:
    for ending in (Ending.BROKEN, Ending.GARBLED, Ending.SILENT):
        again = [method for method in METHODS if judged(ending, Style.JK_1250, options, method).other]
        assert again == [method for method in METHODS if method in free]
    old = [judged(Ending.BROKEN, Style.JK_127, options, method).other for method in METHODS]
    assert old == [not options & 1] * len(METHODS)


@covers("EPL-RTY-09")
@pytest.mark.parametrize("style", JK, ids=lambda style: style.name)
@pytest.mark.parametrize("ending", [Ending.BROKEN, Ending.STATUS_FATAL, Ending.NOT_SENT])
def test_once_more_of_the_body_was_asked_for_only_an_idempotent_request_goes_on(
    style: Style, ending: Ending
) -> None:
    again = {method for method in METHODS if judged(ending, style, method=method, body_asked=True).other}
    assert again == IDEMPOTENT & set(METHODS)


@pytest.mark.parametrize("style", list(Style), ids=lambda style: style.name)
def test_what_is_not_held_is_never_sent_again(style: Style) -> None:
    for ending in Ending:
        verdict = judged(ending, style, is_held=False)
        assert (verdict.same, verdict.other) == (False, False)


def test_refjk_itself_sends_again_by_method_and_tries_a_worker_twice_only_when_a_connection_broke() -> None:
    for ending in Ending:
        get, post = (judged(ending, Style.REFJK, method=method) for method in (b"GET", b"POST"))
        is_broken = ending in (Ending.BROKEN, Ending.GARBLED, Ending.UNKNOWN_PACKET, Ending.HEAD_ONLY)
        is_free = ending in (Ending.NOT_SENT, Ending.BUSY, Ending.STATUS_FATAL, Ending.STATUS_SOFT)
        assert (get.same, get.other) == (is_broken, is_broken or is_free)
        assert (post.same, post.other) == (False, is_free)
    assert judged(Ending.UNKNOWN_PACKET, Style.REFJK).status == 502
    assert judged(Ending.NO_PLACE, Style.REFJK).outcome is Outcome.CLIENT_ERROR


@covers("EPL-RTY-08")
def test_a_status_counts_by_its_entry_and_a_positive_one_before_a_negative_one() -> None:
    entries = (500, -503, 404, -404)
    assert judge_status(500, entries) is Ending.STATUS_FATAL
    assert judge_status(503, entries) is Ending.STATUS_SOFT
    assert judge_status(404, entries) is Ending.STATUS_FATAL
    assert [judge_status(status, entries) for status in (200, 501, 502)] == [None] * 3
    assert judge_status(500, ()) is None


@covers("EPL-RTY-01")
def test_pauses_begin_with_the_second_try_or_where_the_recovery_says() -> None:
    new = Recovery(Style.JK_1250, 6, 50)
    assert [new.pause_before(number) for number in range(1, 7)] == [0, 50, 50, 50, 50, 50]
    old = Recovery(Style.JK_127, 6, 100, 5)
    assert [old.pause_before(number) for number in range(1, 7)] == [0, 0, 0, 0, 100, 100]
