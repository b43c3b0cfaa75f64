"""The balancer of mod_jk 1.2.50, rule by rule (`spec/balancing.md`, sections 11 to 18)."""

from __future__ import annotations

from typing import Any

import pytest

from refjk.balancing import (
    Activation,
    Balancer127,
    Balancer1250,
    BalancerSettings,
    BalancingRule,
    Candidate,
    Decision,
    Method,
    Outcome,
    PassedOver,
    RequestFacts,
    Wait,
    WorkerSettings,
)
from refjk.base.errors import InputError, LocalProtocolError
from refjk.speccheck import covers
from tests.balancing.support import (
    FAILURE,
    PLAIN,
    SUCCESS,
    balancer,
    hold,
    sequence,
    serve,
    session,
    states,
    values,
)

DISABLED = Activation.DISABLED
STOPPED = Activation.STOPPED


def ruled(**rule: Any) -> RequestFacts:
    return RequestFacts(b"/app/x", rule=BalancingRule(**rule))


@covers("BAL-CFG-06")
def test_two_workers_with_one_route_are_refused_at_the_start_and_in_an_edit() -> None:
    with pytest.raises(InputError, match="another worker has the route 'a'"):
        balancer("a", WorkerSettings("b", route="a"))
    subject = balancer("a", "b")
    with pytest.raises(InputError, match="route"):
        subject.edit_worker(1, route="a")
    assert subject.workers[1].effective_route == "b"


def test_settings_refuse_nonsense() -> None:
    for settings in ({"retries": 0}, {"lb_retries": 0}, {"retry_interval_ms": -1}, {"recover_time_s": -1}):
        with pytest.raises(ValueError, match=r"negative|at least one"):
            BalancerSettings(**settings)
    with pytest.raises(InputError, match="at least one worker"):
        balancer()


@covers("BAL-VAL-01", "BAL-VAL-02", "BAL-VAL-04", "BAL-CNT-01")
@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((1, 1, 1), "a b c a b c"),
        ((2, 1, 1), "a b c a b c a a"),
        ((1,), "a a a"),
    ],
)
def test_factors_give_sequences(factors: tuple[int, ...], expected: str) -> None:
    subject = balancer(*(WorkerSettings(name, factor) for name, factor in zip("abc", factors, strict=False)))
    assert sequence(subject, len(expected.split())) == expected


@covers("BAL-VAL-04")
def test_multiplicity_is_the_least_common_multiple_divided_by_the_factor_and_follows_edits() -> None:
    subject = balancer(WorkerSettings("a", 2), WorkerSettings("b", 3), WorkerSettings("c", 4))
    assert [worker.multiplicity for worker in subject.snapshot()] == [6, 4, 3]
    sequence(subject, 3)
    subject.edit_worker(2, factor=6)
    assert [worker.multiplicity for worker in subject.snapshot()] == [3, 2, 1]
    assert values(subject) == [6, 4, 3]


@covers("BAL-VAL-02")
def test_choices_by_route_do_not_move_the_place_where_the_search_by_value_begins() -> None:
    subject = balancer("a", "b", "c")
    serve(subject)
    serve(subject, session("x.c"))
    serve(subject, session("x.b"))
    assert values(subject) == [1, 1, 1]
    assert sequence(subject, 3) == "b c a"


@covers("BAL-VAL-03")
def test_nearer_workers_serve_first_whatever_the_values_are() -> None:
    subject = balancer(WorkerSettings("a", distance=1), "b", WorkerSettings("c", distance=2))
    assert sequence(subject, 3) == "b b b"
    assert str(serve(subject, b=FAILURE)) == "b a"
    assert sequence(subject, 2) == "a a"


@covers("BAL-VAL-05")
def test_workers_start_idle_with_the_value_0() -> None:
    subject = balancer(WorkerSettings("a", 3), "b")
    assert values(subject) == [0, 0]
    assert states(subject) == "idle idle"


@covers("BAL-VAL-06")
def test_disabled_stand_in_serves_when_nobody_else_may() -> None:
    subject = balancer(WorkerSettings("a", redirect="b"), WorkerSettings("b", activation=DISABLED))
    assert sequence(subject, 2) == "a a"
    served = serve(subject, a=FAILURE)
    assert str(served) == "a b"
    assert served.attempts[1].clause == "BAL-VAL-06"
    assert not served.attempts[1].is_sticky


@covers("BAL-VAL-07")
def test_single_worker_is_sticky_and_disabled_only_serves_its_sessions() -> None:
    assert serve(balancer("a")).attempts[0].is_sticky
    disabled = balancer(WorkerSettings("a", activation=DISABLED))
    assert serve(disabled).nobody
    assert str(serve(disabled, session("x.a"))) == "a"
    stopped = balancer(WorkerSettings("a", activation=STOPPED))
    assert serve(stopped, session("x.a")).nobody


@covers("BAL-VAL-08", "BAL-CNT-01")
def test_stateless_requests_go_round_and_count_nothing_by_method_s() -> None:
    subject = balancer(WorkerSettings("a", 2), "b", "c", method=Method.SESSIONS)
    assert sequence(subject, 4) == "a b c a"
    assert sequence(subject, 4, ruled(stateless=True)) == "b c a b"
    assert values(subject) == [2, 2, 2]


@covers("BAL-ACT-01", "BAL-ACT-05")
def test_disabled_workers_keep_their_sessions_and_stopped_ones_lose_them() -> None:
    subject = balancer(WorkerSettings("a", activation=DISABLED), WorkerSettings("b", activation=STOPPED), "c")
    assert sequence(subject, 2) == "c c"
    decision = serve(subject, session("x.a")).attempts[0]
    assert (decision.worker.name, decision.activation.sent) == ("a", "DIS")
    assert str(serve(subject, session("x.b"))) == "c"


@covers("BAL-ACT-02")
def test_rule_states_another_activation_for_its_requests() -> None:
    subject = balancer(WorkerSettings("a", activation=DISABLED), "b")
    activated = ruled(activations={"a": Activation.ACTIVE, "b": STOPPED})
    assert str(serve(subject, activated)) == "a"
    assert str(serve(subject)) == "b"


@covers("BAL-ACT-03")
@pytest.mark.parametrize(("method", "after"), [(Method.REQUESTS, [0, 0]), (Method.BUSYNESS, [1, 0])])
def test_edited_activation_clears_all_values_except_by_method_b(method: Method, after: list[int]) -> None:
    subject = balancer("a", "b", method=method)
    hold(subject)
    subject.edit_worker(1, activation=DISABLED)
    assert values(subject) == after
    subject.edit_worker(1, distance=4)
    assert values(subject) == after


def test_edit_of_another_number_of_workers_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="1 workers in the place of 2"):
        balancer("a", "b").edit([WorkerSettings("a")])


@covers("BAL-RTE-01", "BAL-CNT-01")
def test_session_goes_to_its_worker_and_its_value_grows() -> None:
    subject = balancer("a", "b")
    assert sequence(subject, 3, session("x.b")) == "b b b"
    assert values(subject) == [0, 3]


@covers("BAL-RTE-02", "BAL-CFG-07")
def test_unknown_route_leads_to_the_domain_before_its_first_dot() -> None:
    subject = balancer(
        "a",
        WorkerSettings("b", domain="west"),
        WorkerSettings("c", route="west.c"),
        WorkerSettings("d", domain="x.y"),
    )
    decision = serve(subject, session("s.west.q")).attempts[0]
    assert (decision.worker.name, decision.route, decision.is_sticky) == ("b", "west", False)
    assert str(serve(subject, session("s.west"))) == "c"
    assert serve(subject, session("s.x.y")).attempts[0].clause == "BAL-VAL-01"


@covers("BAL-RTE-02", "BAL-VAL-03")
def test_domain_prefers_the_nearest_then_the_least_loaded_then_the_first() -> None:
    subject = balancer(
        WorkerSettings("a", domain="d", distance=1),
        WorkerSettings("b", domain="d"),
        WorkerSettings("c", domain="d"),
    )
    assert sequence(subject, 4, session("s.d")) == "b c b c"


@covers("BAL-RTE-03", "BAL-RTE-12", "BAL-ACT-05")
def test_redirect_takes_over_with_its_own_route() -> None:
    subject = balancer(WorkerSettings("a", redirect="c", domain="d"), WorkerSettings("b", domain="d"), "c")
    served = serve(subject, session("s.a"), a=FAILURE)
    assert [(d.worker.name, d.route) for d in served.attempts] == [("a", "a"), ("c", "c")]
    subject.edit_worker(2, activation=STOPPED)
    decision = serve(subject, session("s.a")).attempts[0]
    assert (decision.worker.name, decision.clause) == ("b", "BAL-VAL-01")


@covers("BAL-RTE-04", "BAL-RTE-11", "BAL-RTE-12")
def test_domain_of_the_worker_takes_over_and_the_domain_is_sent_as_route() -> None:
    subject = balancer(WorkerSettings("a", domain="d"), "b", WorkerSettings("c", domain="d"))
    served = serve(subject, session("s.a"), a=FAILURE)
    assert [(d.worker.name, d.route) for d in served.attempts] == [("a", "a"), ("c", "d")]
    alone = balancer(WorkerSettings("a", domain="d"), "b")
    assert [d.route for d in serve(alone, session("s.a"), a=FAILURE).attempts] == ["a", "b"]


@covers("BAL-RTE-05", "BAL-RTE-06", "BAL-TRY-07")
def test_forced_stickiness_rather_fails_than_leaves_the_worker() -> None:
    subject = balancer(
        WorkerSettings("a", redirect="b", domain="d", activation=STOPPED),
        WorkerSettings("b", domain="d"),
        sticky_session_force=True,
    )
    assert serve(subject, session("s.a")).nobody
    assert serve(subject, session("s.zz")).nobody
    assert serve(subject, session("s")).nobody
    assert str(serve(subject)) == "b"
    assert subject.status_no_worker == 503


@covers("BAL-RTE-07")
def test_second_attempt_looks_at_the_first_id_only() -> None:
    subject = balancer("a", "b", "c", "d")
    assert str(serve(subject, session("1.zz", "2.c", "3.d"), c=FAILURE)) == "c a"
    assert str(serve(subject, session("1.zz", "2.c", "3.d"))) == "d"


@covers("BAL-RTE-08")
def test_stand_in_is_sent_the_route_of_the_worker_chosen_first() -> None:
    served = serve(balancer("a", WorkerSettings("b", route="bee")), a=FAILURE)
    assert [(d.worker.name, d.route) for d in served.attempts] == [("a", "a"), ("b", "a")]


@covers("BAL-RTE-13")
def test_session_cookie_is_set_whenever_the_choice_was_not_sticky() -> None:
    subject = balancer("a", "b", set_session_cookie=True, session_cookie=b"SID", session_cookie_path="/app")
    assert serve(subject).attempts[0].session_cookie == "SID=.a;PATH=/app;HttpOnly"
    secure = RequestFacts(b"/app/x", is_secure=True)
    assert serve(subject, secure).attempts[0].session_cookie == "SID=.b;PATH=/app;HttpOnly;Secure"
    sticky = RequestFacts(b"/app/x", (b"SID=1.a",))
    assert serve(subject, sticky).attempts[0].session_cookie is None
    assert serve(balancer("a", "b")).attempts[0].session_cookie is None


@covers("BAL-CNT-01")
@pytest.mark.parametrize(
    ("method", "new", "known"),
    [
        (Method.REQUESTS, 2, 2),
        (Method.BUSYNESS, 2, 2),
        (Method.SESSIONS, 2, 0),
        (Method.NEXT, 2, 0),
        (Method.TRAFFIC, 0, 0),
    ],
)
def test_methods_count_at_the_start(method: Method, new: int, known: int) -> None:
    for facts, added in ((PLAIN, new), (session("x.a"), known)):
        subject = balancer("a", WorkerSettings("b", 2), method=method)
        decision = hold(subject, facts)
        assert decision.worker.name == "a"
        assert values(subject) == [added, 0]
        assert decision.why.candidates[0] == Candidate("a", 0, added)


@covers("BAL-CNT-02")
def test_traffic_grows_and_busyness_sinks_at_the_end() -> None:
    traffic = balancer("a", WorkerSettings("b", 2), method=Method.TRAFFIC)
    decision = hold(traffic)
    assert not traffic.report(decision, SUCCESS, 0, octets_read=100, octets_written=11)
    assert values(traffic) == [222, 0]
    assert (traffic.snapshot()[0].octets_read, traffic.snapshot()[0].octets_written) == (100, 11)
    busyness = balancer("a", "b", method=Method.BUSYNESS)
    first, second = hold(busyness), hold(busyness)
    busyness.report(first, SUCCESS, 0)
    assert values(busyness) == [0, 1]
    busyness.reset(1)
    busyness.report(second, SUCCESS, 0)
    assert values(busyness) == [0, 0]


@covers("BAL-CNT-03", "BAL-MEM-07")
def test_attempt_without_a_place_counts_nothing_and_makes_the_worker_busy() -> None:
    subject = balancer("a", "b")
    served = serve(subject, session("s.a"), a=Outcome.NO_PLACE)
    assert str(served) == "a b"
    assert values(subject) == [0, 1]
    assert states(subject) == "busy ok"
    assert subject.snapshot()[0].elected == 0


@covers("BAL-MEM-07")
def test_worker_in_error_does_not_become_busy() -> None:
    subject = balancer("a", "b")
    waiting = subject.choose(session("s.a"), 0)
    assert isinstance(waiting, Decision)
    serve(subject, session("s.a"), a=FAILURE)
    subject.report(waiting, Outcome.NO_PLACE, 0)
    assert states(subject) == "error ok"


@covers("BAL-MEM-08")
def test_busy_workers_are_ok_once_they_have_room() -> None:
    subject = balancer(WorkerSettings("a", busy_limit=1), "b")
    held = hold(subject, session("s.a"))
    serve(subject, session("s.a"), a=Outcome.BUSY)
    serve(subject)
    assert states(subject) == "busy ok"
    subject.report(held, SUCCESS, 0)
    assert states(subject) == "ok ok"
    serve(subject, session("s.a"), a=Outcome.NO_PLACE)
    serve(subject, RequestFacts(b"/app/x", full=("a",)))
    assert states(subject) == "busy ok"
    assert str(serve(subject, session("s.a"))) == "a"


@covers("BAL-TRY-01")
def test_request_does_not_see_what_others_bring_about() -> None:
    subject = balancer("a", "b", "c")
    slow = hold(subject)
    serve(subject, session("s.b"), b=FAILURE)
    assert states(subject) == "idle error ok"
    assert subject.report(slow, FAILURE, 0)
    again = subject.choose(PLAIN, 0, after=slow)
    assert isinstance(again, Decision)
    assert again.worker.name == "b"
    assert [state.value for state in again.states] == ["error", "idle", "idle"]  # type: ignore[attr-defined]


@covers("BAL-TRY-02", "BAL-TRY-03", "BAL-TRY-06", "BAL-TRY-07")
def test_rounds_of_tries_with_a_pause_between() -> None:
    failing = dict.fromkeys("abcde", FAILURE)
    served = serve(balancer(*"abcde"), **failing)
    assert (str(served), served.waits_ms, served.nobody) == ("a b c d", [100], False)
    short = balancer("a", "b", lb_retries=9, retries=3, retry_interval_ms=7)
    served = serve(short, a=Outcome.PROTOCOL_ERROR, b=Outcome.PROTOCOL_ERROR)
    assert (str(served), served.waits_ms) == ("a b a b a b", [7, 7])


@covers("BAL-TRY-04", "BAL-MEM-01")
def test_nobody_left_forces_all_in_error_once_per_request() -> None:
    subject = balancer("a", "b")
    assert str(serve(subject, a=FAILURE, b=FAILURE)) == "a b a b"
    assert states(subject) == "error error"
    served = serve(subject)
    assert [(d.worker.name, d.probe) for d in served.attempts] == [("a", True)]
    assert states(subject) == "ok forced"
    assert str(serve(subject, session("s.b"))) == "b"


@covers("BAL-TRY-05")
def test_choices_that_find_nobody_count_as_tries() -> None:
    subject = balancer(
        WorkerSettings("a", activation=DISABLED), WorkerSettings("b", activation=DISABLED), retries=3
    )
    served = serve(subject)
    assert (served.attempts, served.waits_ms, served.nobody) == ([], [100, 100], True)


@covers("BAL-TRY-06", "BAL-MEM-02")
@pytest.mark.parametrize("outcome", [SUCCESS, Outcome.CLIENT_ERROR])
def test_answers_and_failures_of_the_client_end_the_request_and_clear_the_worker(outcome: Outcome) -> None:
    subject = balancer("a", "b", lb_retries=1)
    serve(subject, session("s.a"), a=FAILURE)
    late = subject.choose(PLAIN, 0)
    assert isinstance(late, Decision)
    subject.start(late)
    assert not subject.report(late, outcome, 0)


@covers("BAL-TRY-06")
def test_failure_that_may_not_be_repeated_ends_the_request() -> None:
    subject = balancer("a", "b")
    decision = hold(subject)
    assert not subject.report(decision, FAILURE, 0, again=False)
    assert states(subject) == "error idle"


@covers("BAL-MEM-03")
def test_success_clears_the_times_of_errors() -> None:
    subject = balancer("a", "b")
    held = hold(subject, session("s.a"))
    serve(subject, session("s.a"), 5_000, a=FAILURE)
    assert (subject.snapshot()[0].first_error_at_s, subject.snapshot()[0].error_at_s) == (5, 5)
    subject.report(held, SUCCESS, 6_000)
    assert (subject.snapshot()[0].first_error_at_s, subject.snapshot()[0].error_at_s) == (None, None)


@covers("BAL-MEM-04")
def test_reply_timeouts_are_forgiven_up_to_the_limit() -> None:
    subject = balancer("a", "b", max_reply_timeouts=2)
    for seconds, tries, state in ((1, 2, "ok"), (2, 1, "error")):
        decision = hold(subject, session("s.a"))
        assert subject.report(decision, Outcome.REPLY_TIMEOUT, seconds * 1000, reply_timeouts=tries)
        assert subject.snapshot()[0].state.value == state
    worker = subject.snapshot()[0]
    assert (worker.reply_timeouts, worker.first_error_at_s, worker.error_at_s, worker.errors) == (3, 2, 2, 1)


@covers("BAL-MEM-02", "BAL-MEM-04")
@pytest.mark.parametrize(
    ("outcome", "state", "error_at_s"),
    [
        (Outcome.STATUS_FATAL, "error", 9),
        (Outcome.STATUS_SOFT, "ok", None),
        (Outcome.PROTOCOL_ERROR, "ok", None),
        (Outcome.SERVER_ERROR, "ok", None),
        (Outcome.BUSY, "busy", None),
        (Outcome.REPLY_TIMEOUT, "error", 9),
        (FAILURE, "error", 9),
    ],
)
def test_ends_of_attempts_move_the_worker_and_keep_it_out_of_the_round(
    outcome: Outcome, state: str, error_at_s: int | None
) -> None:
    subject = balancer("a", "b")
    assert str(serve(subject, session("s.a"), 9_000, a=outcome)) == "a b"
    assert subject.snapshot()[0].state.value == state
    assert subject.snapshot()[0].error_at_s == error_at_s


@covers("BAL-MEM-05", "BAL-CFG-05")
@pytest.mark.parametrize(
    ("settings", "states_after"),
    [
        ({}, "ok ok error"),
        ({"error_escalation_time_s": 0}, "error error error"),
        ({"recover_time_s": 63}, "ok ok ok"),
    ],
)
def test_failures_beside_open_requests_are_spared_until_they_are_old(
    settings: dict[str, object], states_after: str
) -> None:
    subject = balancer("a", "b", **settings)
    hold(subject, session("s.a"))
    first = hold(subject, session("s.a"))
    second = hold(subject, session("s.a"))
    third = hold(subject, session("s.a"))
    seen = []
    for decision, now_ms in ((first, 0), (second, 29_999), (third, 30_000)):
        subject.report(decision, FAILURE, now_ms)
        seen.append(subject.snapshot()[0].state.value)
    assert " ".join(seen) == states_after
    assert subject.snapshot()[0].error_at_s == 30


@covers("BAL-MEM-06")
def test_one_request_probes_a_recovering_worker() -> None:
    subject = balancer("a", "b")
    serve(subject, a=FAILURE)
    subject.recover(0)
    assert states(subject) == "recovering ok"
    probe = hold(subject, session("s.a"))
    assert (probe.probe, states(subject)) == (True, "probing ok")
    assert str(serve(subject, session("s.a"))) == "b"
    subject.report(probe, FAILURE, 0)
    assert states(subject) == "error ok"


def test_reasons_name_candidates_with_values_and_those_passed_over() -> None:
    subject = balancer(
        "a",
        "b",
        WorkerSettings("c", activation=STOPPED),
        WorkerSettings("d", distance=2),
        WorkerSettings("e", 1),
    )
    serve(subject, a=FAILURE)
    why = serve(subject).attempts[0].why
    assert why.clause == "BAL-VAL-01"
    assert why.candidates == (Candidate("b", 1, 1), Candidate("e", 0, 1))
    assert why.passed_over == (
        PassedOver("a", "error"),
        PassedOver("c", "stopped"),
        PassedOver("d", "distance 2"),
    )
    assert str(why) == "BAL-VAL-01: b 1→1, e 0→1, not a (error), not c (stopped), not d (distance 2)"


def test_reasons_of_a_stand_in_name_the_session_and_the_worker_it_stands_for() -> None:
    subject = balancer(WorkerSettings("a", redirect="b", activation=STOPPED), "b")
    why = serve(subject, session("s.a")).attempts[0].why
    assert str(why) == "BAL-RTE-03 for session 's.a': b 0→1, not a (stopped)"
    domain = balancer(
        WorkerSettings("a", domain="d", activation=STOPPED), WorkerSettings("b", domain="d"), "c"
    )
    why = serve(domain, session("s.a")).attempts[0].why
    assert str(why) == "BAL-RTE-04 for session 's.a': b 0→1, not a (stopped)"


def test_wait_names_its_clause() -> None:
    subject = balancer(WorkerSettings("a", activation=DISABLED), "b", lb_retries=1)
    decision = hold(subject)
    assert subject.report(decision, FAILURE, 0)
    wait = subject.choose(PLAIN, 0, after=decision)
    assert isinstance(wait, Wait)
    assert (wait.wait_ms, wait.clause) == (100, "BAL-TRY-03")


def test_calls_out_of_order_are_refused_and_change_nothing() -> None:
    subject = balancer("a", "b")
    decision = subject.choose(PLAIN, 0)
    assert isinstance(decision, Decision)
    with pytest.raises(LocalProtocolError, match="reported"):
        subject.choose(PLAIN, 0, after=decision)
    with pytest.raises(LocalProtocolError, match="started"):
        subject.report(decision, SUCCESS, 0)
    subject.start(decision)
    with pytest.raises(LocalProtocolError, match="started"):
        subject.start(decision)
    with pytest.raises(LocalProtocolError, match="no place"):
        subject.report(decision, Outcome.NO_PLACE, 0)
    assert values(subject) == [1, 0]
    assert subject.report(decision, FAILURE, 0)
    with pytest.raises(LocalProtocolError, match="already"):
        subject.report(decision, SUCCESS, 0)
    assert isinstance(subject.choose(PLAIN, 0, after=decision), Decision)
    with pytest.raises(LocalProtocolError, match="latest"):
        subject.choose(PLAIN, 0, after=decision)
    foreign = Balancer127([WorkerSettings("a")], BalancerSettings()).choose(PLAIN, 0)
    with pytest.raises(LocalProtocolError, match="latest"):
        subject.choose(PLAIN, 0, after=foreign)


def test_ended_request_cannot_go_on() -> None:
    subject = balancer("a")
    decision = hold(subject)
    assert not subject.report(decision, SUCCESS, 0)
    with pytest.raises(LocalProtocolError, match="latest"):
        subject.choose(PLAIN, 0, after=decision)


def test_counters_show_in_the_snapshot() -> None:
    subject = balancer("a", "b")
    serve(subject, session("s.a"), a=FAILURE)
    first = hold(subject, session("s.b"))
    second = hold(subject)
    subject.report(first, Outcome.CLIENT_ERROR, 0)
    a, b = subject.snapshot()
    assert (a.elected, a.sessions, a.errors, a.open) == (1, 0, 1, 0)
    assert (b.elected, b.sessions, b.client_errors, b.open, b.open_max) == (3, 1, 1, 1, 2)
    subject.report(second, SUCCESS, 0)
    assert subject.snapshot()[1].open == 0
    assert isinstance(subject, Balancer1250)
