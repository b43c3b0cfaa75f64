"""The rules of one sending connection, as steps."""

from __future__ import annotations

import pytest

from refjk.channel import Fate, Phase, SendingConnection, SendingRules, Step, Suspicion
from refjk.speccheck import covers


def sent(connection: SendingConnection, now_ms: int) -> list[Step]:
    """All steps of a message at which nothing fails."""
    steps = connection.begin(now_ms)
    while steps[-1] not in (Step.DONE, Step.GIVE_UP):
        steps = [*steps, *connection.succeeded(now_ms, 10 if steps[-1] is Step.WRITE else 0)]
    return steps


@covers("CHN-SYN-01")
def test_a_message_connects_writes_and_awaits_and_the_next_uses_the_connection() -> None:
    connection = SendingConnection(SendingRules())
    assert sent(connection, 0) == [Step.CONNECT, Step.WRITE, Step.AWAIT, Step.DONE]
    assert connection.phase is Phase.OPEN
    assert sent(connection, 10) == [Step.WRITE, Step.AWAIT, Step.DONE]
    assert (connection.counters.messages, connection.counters.octets, connection.counters.connects) == (
        2,
        20,
        1,
    )


def test_a_sender_that_does_not_wait_is_done_when_it_has_written() -> None:
    assert sent(SendingConnection(SendingRules(waits=False)), 0) == [Step.CONNECT, Step.WRITE, Step.DONE]


@covers("CHN-SYN-02")
def test_a_connection_of_exactly_the_keep_alive_time_is_used() -> None:
    connection = SendingConnection(SendingRules(keep_alive_ms=60_000))
    sent(connection, 0)
    assert sent(connection, 60_000) == [Step.WRITE, Step.AWAIT, Step.DONE]
    assert sent(connection, 60_001) == [Step.CLOSE, Step.CONNECT, Step.WRITE, Step.AWAIT, Step.DONE]


@covers("CHN-SYN-03")
def test_a_connection_is_closed_right_after_the_last_answer_it_may_carry() -> None:
    connection = SendingConnection(SendingRules(keep_alive_messages=100))
    for number in range(1, 251):
        steps = sent(connection, 0)
        assert (Step.CONNECT in steps) is (number in (1, 101, 201))
        assert (steps[-2:] == [Step.CLOSE, Step.DONE]) is (number in (100, 200))
    assert connection.counters.connects == 3


@covers("CHN-SYN-04", "CHN-SYN-08")
@pytest.mark.parametrize("failing", [Step.WRITE, Step.AWAIT])
def test_a_failure_is_followed_by_one_resend_on_a_new_connection(failing: Step) -> None:
    connection = SendingConnection(SendingRules())
    sent(connection, 0)
    steps = connection.begin(1)
    while steps[-1] is not failing:
        steps = connection.succeeded(1)
    assert connection.failed() == [Step.CLOSE, Step.CONNECT]
    assert connection.succeeded(2) == [Step.WRITE]
    assert connection.succeeded(2) == [Step.AWAIT]
    assert connection.succeeded(2) == [Step.DONE]
    assert connection.counters.resends == 1
    assert connection.counters.answers_missed == (failing is Step.AWAIT)


@covers("CHN-SYN-05", "CHN-SYN-10")
def test_a_second_failure_gives_the_message_up_and_the_next_may_be_resent_again() -> None:
    connection = SendingConnection(SendingRules())
    for number in (1, 2):
        connection.begin(0)
        for _ in range(2):
            connection.succeeded(0)
            connection.succeeded(0)
            last = connection.failed()
        assert last == [Step.CLOSE, Step.GIVE_UP]
        assert (connection.counters.failures, connection.counters.resends) == (number, number)
        assert connection.phase is Phase.CLOSED


@covers("CHN-SYN-06")
def test_a_refused_connection_is_not_tried_again_for_the_same_message() -> None:
    connection = SendingConnection(SendingRules())
    assert connection.begin(0) == [Step.CONNECT]
    assert connection.failed() == [Step.CLOSE, Step.GIVE_UP]
    sent(connection, 0)
    connection.begin(0)
    connection.failed()
    assert connection.failed() == [Step.CLOSE, Step.GIVE_UP]  # nor for the resend


@covers("CHN-SYN-07")
def test_the_answer_time_is_that_of_the_settings_or_on_request_the_originals() -> None:
    plain = SendingConnection(SendingRules(answer_time_ms=800))
    original = SendingConnection(SendingRules(answer_time_ms=800, answer_time_first_ms=15_000))
    for connection, first_ms in ((plain, 800), (original, 15_000)):
        connection.begin(0)
        connection.succeeded(0)
        connection.succeeded(0)
        assert connection.answer_time_ms == first_ms
        connection.failed()
        connection.succeeded(0)
        assert connection.answer_time_ms == 800


@covers("CHN-SYN-05")
def test_on_request_a_connection_survives_a_missing_answer_as_in_the_original() -> None:
    connection = SendingConnection(SendingRules(resends_max=0, keep_after_failure=True))
    connection.begin(0)
    connection.succeeded(0)
    connection.succeeded(0)
    assert connection.failed() == [Step.GIVE_UP]
    assert connection.begin(1) == [Step.WRITE]


def test_a_connection_that_was_lost_between_messages_is_made_anew() -> None:
    connection = SendingConnection(SendingRules())
    sent(connection, 0)
    connection.lost()
    assert sent(connection, 1) == [Step.CONNECT, Step.WRITE, Step.AWAIT, Step.DONE]


@covers("CHN-CNT-02", "CHN-CNT-03")
def test_a_failure_makes_suspect_and_only_the_first_in_a_row_is_worth_a_warning() -> None:
    suspicion = Suspicion()
    fates = [Fate.ACKNOWLEDGED, Fate.FAILED, Fate.FAILED, Fate.WRITTEN, Fate.FAILED]
    assert [(suspicion.judge(fate), suspicion.suspect) for fate in fates] == [
        (False, False),
        (True, True),
        (False, True),
        (False, False),
        (True, True),
    ]
