"""Maintenance of the balancer of mod_jk 1.2.50."""

from __future__ import annotations

from array import array

import pytest

from refjk.balancing import (
    Activation,
    Balancer1250,
    BalancerSettings,
    Due,
    MaintenanceClock,
    Method,
    Outcome,
    Records,
    WorkerSettings,
)
from refjk.speccheck import covers
from tests.balancing.support import FAILURE, balancer, hold, sequence, serve, session, states, values


@covers("BAL-MNT-01", "BAL-MNT-02")
def test_first_check_is_local_and_a_global_one_needs_a_whole_period() -> None:
    clock = MaintenanceClock(60, 0)
    times = (30_000, 61_000, 89_999, 90_000, 149_999, 150_000)
    assert [clock.check(now_ms).value for now_ms in times] == [
        "local", "nothing", "nothing", "global", "nothing", "global",
    ]  # fmt: skip
    assert MaintenanceClock(0, 0).check(10**9) is Due.NOTHING


@covers("BAL-MNT-02")
def test_one_of_several_processes_does_the_global_work() -> None:
    stamp = [0]
    clocks = [MaintenanceClock(60, 0, stamp) for _ in range(3)]
    assert [clock.check(0) for clock in clocks] == [Due.LOCAL] * 3
    assert [clock.check(60_000) for clock in clocks] == [Due.GLOBAL, Due.LOCAL, Due.LOCAL]


@covers("BAL-MNT-03")
def test_values_and_reply_timeouts_are_halved_for_each_whole_period() -> None:
    subject = balancer("a", max_reply_timeouts=99)
    sequence(subject, 21)
    subject.report(hold(subject), Outcome.REPLY_TIMEOUT, 0, reply_timeouts=9)
    assert values(subject) == [22]
    assert subject.maintain(119_000, 60) == 1
    assert (values(subject), subject.snapshot()[0].reply_timeouts) == ([11], 4)
    assert subject.maintain(240_000, 60) == 2
    assert (values(subject), subject.snapshot()[0].reply_timeouts) == ([2], 1)


@covers("BAL-MNT-04")
def test_method_n_takes_off_the_least_value_of_open_workers_and_method_b_nothing() -> None:
    subject = balancer("a", "b", WorkerSettings("c", activation=Activation.DISABLED), method=Method.NEXT)
    sequence(subject, 5)
    assert values(subject) == [3, 2, 0]
    subject.maintain(60_000, 60)
    assert values(subject) == [1, 0, 0]
    busy = balancer("a", method=Method.BUSYNESS)
    hold(busy)
    busy.maintain(60_000, 60)
    assert values(busy) == [1]


@covers("BAL-MNT-05")
@pytest.mark.parametrize(
    ("method", "values_after"),
    [(Method.REQUESTS, [4, 4]), (Method.NEXT, [9, 0]), (Method.BUSYNESS, [0, 0])],
)
def test_worker_that_waited_long_enough_recovers_with_the_greatest_value(
    method: Method, values_after: list[int]
) -> None:
    subject = balancer("a", "b", method=method)
    serve(subject, a=FAILURE)
    sequence(subject, 8)
    subject.maintain(60_999, 60)
    assert states(subject) == "error ok"
    subject = balancer("a", "b", method=method)
    serve(subject, a=FAILURE)
    sequence(subject, 8)
    subject.maintain(61_000, 60)
    assert states(subject) == "recovering ok"
    assert values(subject) == values_after


@covers("BAL-MNT-06")
def test_spared_errors_that_go_on_become_errors_for_all() -> None:
    subject = balancer("a", "b", error_escalation_time_s=20)
    hold(subject, session("s.a"))
    subject.report(hold(subject, session("s.a")), FAILURE, 0)
    subject.maintain(19_000, 10)
    assert states(subject) == "ok idle"
    subject.maintain(29_000, 10)
    assert states(subject) == "error idle"


@covers("BAL-MNT-07")
def test_ok_worker_that_was_not_used_becomes_idle() -> None:
    subject = balancer("a", "b")
    serve(subject)
    subject.maintain(60_000, 60)
    assert states(subject) == "ok idle"
    subject.maintain(120_000, 60)
    assert states(subject) == "idle idle"


@covers("BAL-MNT-08")
def test_all_in_error_are_forced() -> None:
    subject = balancer("a", "b")
    for name in ("a", "b"):
        subject.report(hold(subject, session(f"s.{name}")), Outcome.STATUS_FATAL, 59_000)
    assert states(subject) == "error error"
    subject.maintain(60_000, 60)
    assert states(subject) == "forced forced"


@covers("BAL-MNT-09")
def test_reset_begins_anew_but_keeps_open_requests() -> None:
    subject = balancer("a", "b")
    held = hold(subject)
    serve(subject, session("s.a"), a=Outcome.STATUS_FATAL)
    subject.reset(0)
    worker = subject.snapshot()[0]
    assert (worker.value, worker.state.value, worker.errors, worker.error_at_s, worker.elected) == (
        0, "idle", 0, None, 0,
    )  # fmt: skip
    assert worker.open == 1
    subject.report(held, Outcome.SUCCESS, 0)
    assert subject.snapshot()[0].open == 0


@covers("BAL-MNT-10")
@pytest.mark.parametrize(("method", "value"), [(Method.REQUESTS, 6), (Method.BUSYNESS, 0)])
def test_operator_ends_the_waiting(method: Method, value: int) -> None:
    subject = balancer("a", "b", method=method)
    serve(subject, a=FAILURE)
    sequence(subject, 5)
    subject.recover(0)
    subject.recover(1)
    assert states(subject) == "recovering ok"
    assert values(subject)[0] == value


@covers("BAL-MNT-03", "BAL-MNT-05", "BAL-MEM-06")
def test_the_example_of_the_chapter() -> None:
    subject = balancer("n1", "n2")
    served = serve(subject, n1=FAILURE)
    assert [(d.worker.name, d.route) for d in served.attempts] == [("n1", "n1"), ("n2", "n1")]
    assert str(serve(subject, session("S.n1"), 1_000)) == "n2"
    subject.maintain(65_000, 60)
    assert (values(subject), states(subject)) == ([1, 1], "recovering ok")
    probe = hold(subject, session("S.n1"), 65_000)
    assert (values(subject), states(subject)) == ([2, 1], "probing ok")
    assert str(serve(subject, session("S.n1"), 65_000)) == "n2"
    subject.report(probe, Outcome.SUCCESS, 66_000)
    assert (values(subject), states(subject)) == ([2, 2], "ok ok")


def test_balancers_over_one_storage_share_values_states_and_counts() -> None:
    storage = memoryview(array("q", [0] * Records.size(2)))
    workers = [WorkerSettings("a"), WorkerSettings("b")]
    first = Balancer1250(workers, BalancerSettings(), 0, Records(2, 0, storage))
    second = Balancer1250(workers, BalancerSettings(), 0, Records(2, 0, storage, fresh=False))
    serve(first, a=FAILURE)
    assert states(second) == "error ok"
    assert str(serve(second)) == "b"
    assert values(first) == values(second) == [1, 2]
    assert second.maintain(65_000, 60) == 1
    assert states(first) == "recovering ok"
    lists = balancer("a", "b")
    serve(lists, a=FAILURE)
    serve(lists)
    lists.maintain(65_000, 60)
    assert lists.snapshot() == first.snapshot()
