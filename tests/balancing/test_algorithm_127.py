"""The balancer of mod_jk 1.2.7, rule by rule (`spec/balancing.md`)."""

from __future__ import annotations

import pytest

from refjk.balancing import (
    Balancer127,
    BalancerSettings,
    Candidate,
    Decision,
    Outcome,
    RequestFacts,
    WorkerSettings,
    WorkerState,
)
from refjk.base.errors import InputError, LocalProtocolError
from refjk.speccheck import covers

PLAIN = RequestFacts(b"/app/x")
SUCCESS = Outcome.SUCCESS
FAILURE = Outcome.FAILURE


def balancer(*workers: WorkerSettings | str, **settings: int) -> Balancer127:
    listed = [WorkerSettings(w) if isinstance(w, str) else w for w in workers]
    return Balancer127(listed, BalancerSettings(**settings))  # type: ignore[arg-type]


def session(*ids: str) -> RequestFacts:
    """A request with one Cookie header per session id."""
    return RequestFacts(b"/app/x", tuple(f"JSESSIONID={text}".encode() for text in ids))


def serve(
    subject: Balancer127, facts: RequestFacts = PLAIN, now_ms: int = 0, **outcomes: Outcome
) -> list[Decision]:
    """One whole request; workers not named in `outcomes` succeed. Returns the attempts."""
    attempts = []
    decision = subject.choose(facts, now_ms)
    while decision is not None:
        attempts.append(decision)
        if not subject.report(decision, outcomes.get(decision.worker.name, SUCCESS), now_ms):
            break
        decision = subject.choose(facts, now_ms, after=decision)
    return attempts


def names(attempts: list[Decision]) -> str:
    return " ".join(decision.worker.name for decision in attempts)


def sequence(subject: Balancer127, count: int, facts: RequestFacts = PLAIN, now_ms: int = 0) -> str:
    return " ".join(names(serve(subject, facts, now_ms)) for _ in range(count))


def values(subject: Balancer127) -> list[int]:
    return [worker.value for worker in subject.snapshot()]


def states(subject: Balancer127) -> list[WorkerState]:
    return [worker.state for worker in subject.snapshot()]


def test_balancer_without_workers_is_refused() -> None:
    with pytest.raises(InputError, match="at least one worker"):
        Balancer127([], BalancerSettings())


def test_settings_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="below 1"):
        WorkerSettings("a", factor=0)
    with pytest.raises(ValueError, match="negative"):
        BalancerSettings(recover_time_s=-1)


@covers("BAL-CFG-03")
def test_worker_listed_twice_is_two_records() -> None:
    twice = WorkerSettings("a")
    subject = balancer(twice, "b", twice)
    assert sequence(subject, 3) == "a b a"
    serve(subject, a=FAILURE)
    assert states(subject) == [WorkerState.ERROR, WorkerState.OK, WorkerState.OK]


@covers("BAL-SEL-01")
@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((1, 1, 1), "a b c a b c"),
        ((2, 1, 1), "a b a c a b a c"),
        ((5, 3, 2), "a b a c a b a c a b a b a c"),
        ((1,), "a a a"),
    ],
)
def test_weights_give_smooth_sequences(factors: tuple[int, ...], expected: str) -> None:
    workers = [WorkerSettings(name, factor) for name, factor in zip("abc", factors, strict=False)]
    subject = Balancer127(workers, BalancerSettings())
    assert sequence(subject, len(expected.split())) == expected


@covers("BAL-SEL-01")
def test_values_keep_their_sum_and_each_worker_gets_its_share() -> None:
    subject = balancer(WorkerSettings("a", 7), WorkerSettings("b", 2), WorkerSettings("c", 1))
    served = sequence(subject, 1000).split()
    assert [served.count(name) for name in "abc"] == [700, 200, 100]
    assert sum(values(subject)) == 10


@covers("BAL-SEL-02")
def test_values_start_at_the_factors_without_error() -> None:
    subject = balancer(WorkerSettings("a", 3), "b")
    assert values(subject) == [3, 1]
    assert states(subject) == [WorkerState.OK, WorkerState.OK]
    assert subject.snapshot()[0].error_at_s is None


@covers("BAL-SEL-03")
def test_worker_in_error_keeps_its_value_while_others_are_chosen() -> None:
    subject = balancer("a", "b", "c")
    serve(subject, a=FAILURE)
    value = values(subject)[0]
    sequence(subject, 10, now_ms=60_000)
    assert values(subject)[0] == value


@covers("BAL-SEL-04")
def test_time_open_requests_outcomes_and_routes_change_no_value() -> None:
    subject = balancer("a", "b")
    first = subject.choose(PLAIN, 0)
    assert first is not None
    before = values(subject)
    subject.report(first, FAILURE, 5_000)
    serve(subject, session("x.b"), 900_000_000)
    assert values(subject) == before


@covers("BAL-STK-01")
def test_worker_named_by_the_route_is_taken_whatever_the_values() -> None:
    subject = balancer("a", "b")
    assert sequence(subject, 5, session("x.b")) == "b b b b b"
    assert values(subject) == [1, 1]


@covers("BAL-STK-01")
def test_route_is_compared_octet_for_octet() -> None:
    subject = balancer("a", "n1", WorkerSettings("b", route="west.n1"))
    assert sequence(subject, 2, session("x.west.n1")) == "b b"
    assert names(serve(subject, session("x.N1"))) == "a"


@covers("BAL-STK-02")
def test_ids_without_dot_are_skipped_and_the_others_tried_in_order() -> None:
    subject = balancer(WorkerSettings("a", domain="d1"), WorkerSettings("b", domain="d2"))
    assert names(serve(subject, session("x", "y.zz", "z.b", "z.a"))) == "b"


@covers("BAL-STK-02")
def test_domain_of_one_id_comes_before_the_next_id() -> None:
    subject = balancer(
        WorkerSettings("a1", domain="a"), WorkerSettings("a2", domain="a"), WorkerSettings("b1", domain="b")
    )
    assert names(serve(subject, session("x.a1", "x.b1"), a1=FAILURE, a2=FAILURE)) == "a1 a2 b1"


@covers("BAL-STK-03")
def test_session_ids_mean_nothing_with_sticky_session_off() -> None:
    subject = balancer("a", "b", sticky_session=False)
    assert sequence(subject, 4, session("x.b")) == "a b a b"


@covers("BAL-STK-04")
def test_later_attempts_consider_all_ids_again() -> None:
    subject = balancer(*(WorkerSettings(name, domain=name) for name in "abcd"))
    assert names(serve(subject, session("1.c", "2.d"), c=FAILURE)) == "c d"


@covers("BAL-STK-05")
def test_route_sent_is_that_of_the_worker_of_each_attempt() -> None:
    subject = balancer("a", WorkerSettings("b", route="rb"))
    attempts = serve(subject, session("x.a"), a=FAILURE)
    assert [decision.route for decision in attempts] == ["a", "rb"]


@covers("BAL-DOM-01")
def test_domain_of_the_lost_worker_takes_over_by_weight() -> None:
    east = [WorkerSettings(name, domain="east") for name in ("e1", "e2", "e3")]
    subject = balancer("w1", *east)
    serve(subject, session("x.e1"), e1=FAILURE)
    assert sequence(subject, 4, session("x.e1")) == "e3 e2 e3 e2"
    assert values(subject)[:2] == [1, 1]


@covers("BAL-DOM-02")
def test_unknown_route_means_the_default_domain_without_local_preference() -> None:
    subject = balancer(WorkerSettings("local", local=True), "far", WorkerSettings("east", domain="east"))
    assert sequence(subject, 4, session("x.nobody")) == "local far local far"
    assert sequence(subject, 2) == "local local"


@covers("BAL-DOM-02")
def test_unknown_route_falls_through_when_every_worker_has_a_domain() -> None:
    subject = balancer(WorkerSettings("a", domain="d"), WorkerSettings("b", domain="d"))
    decision = serve(subject, session("x.nobody"))[0]
    assert decision.why.clause == "BAL-SEL-01"


@covers("BAL-LOC-01", "BAL-LOC-02")
def test_local_workers_then_their_domains_then_the_rest() -> None:
    subject = balancer(
        WorkerSettings("rest", domain="d2"),
        WorkerSettings("near", domain="d1"),
        WorkerSettings("home", domain="d1", local=True),
    )
    assert sequence(subject, 3) == "home home home"
    assert names(serve(subject, home=FAILURE, near=FAILURE)) == "home near rest"
    assert sequence(subject, 2) == "rest rest"


@covers("BAL-LOC-03")
def test_local_workers_are_swapped_to_the_front() -> None:
    local = {"c", "e"}
    subject = Balancer127([WorkerSettings(n, local=n in local) for n in "abcde"], BalancerSettings())
    assert [worker.name for worker in subject.workers] == ["c", "e", "a", "d", "b"]


@covers("BAL-LOC-04")
def test_local_worker_only_gives_nobody_when_the_local_ones_are_gone() -> None:
    subject = balancer("far", WorkerSettings("home", local=True, domain="h"), local_worker_only=True)
    assert names(serve(subject, home=FAILURE)) == "home"
    assert serve(subject) == []
    assert names(serve(subject, session("x.far"))) == "far"


@covers("BAL-LOC-04")
def test_local_worker_only_without_local_workers_has_no_effect() -> None:
    assert sequence(balancer("a", "b", local_worker_only=True), 2) == "a b"


@covers("BAL-STA-01", "BAL-STA-02")
def test_probed_worker_is_left_alone_by_other_requests() -> None:
    subject = balancer("a", "b")
    serve(subject, a=FAILURE)
    probe = subject.choose(session("x.a"), 61_000)
    assert probe is not None
    assert probe.probe
    assert probe.worker.name == "a"
    assert states(subject) == [WorkerState.PROBING, WorkerState.OK]
    assert subject.snapshot()[0].error_at_s == 61
    assert sequence(subject, 3, session("x.a"), now_ms=900_000) == "b b b"
    subject.report(probe, SUCCESS, 900_000)
    assert names(serve(subject, session("x.a"), 900_000)) == "a"


@covers("BAL-STA-03")
@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.CLIENT_ERROR])
def test_success_and_client_error_clear_the_error_and_end_the_request(outcome: Outcome) -> None:
    subject = balancer("a", "b")
    open_request = subject.choose(PLAIN, 0)
    assert open_request is not None
    serve(subject, session("x.a"), a=FAILURE)
    assert states(subject)[0] is WorkerState.ERROR
    assert subject.report(open_request, outcome, 1_000) is False
    assert states(subject)[0] is WorkerState.OK


@covers("BAL-STA-04")
def test_failure_puts_the_worker_in_error_as_of_now() -> None:
    subject = balancer("a", "b")
    serve(subject, a=FAILURE)
    probe = subject.choose(session("x.a"), 61_000)
    assert probe is not None
    subject.report(probe, FAILURE, 75_999)
    assert states(subject)[0] is WorkerState.ERROR
    assert subject.snapshot()[0].error_at_s == 75


@covers("BAL-REC-01")
@pytest.mark.parametrize(
    ("failed_ms", "now_ms", "expected"),
    [(0, 60_999, "b"), (0, 61_000, "a"), (999, 61_000, "a"), (1_000, 61_999, "b"), (1_000, 62_000, "a")],
)
def test_waiting_time_is_strict_and_counts_whole_seconds(failed_ms: int, now_ms: int, expected: str) -> None:
    subject = balancer("a", "b")
    serve(subject, now_ms=failed_ms, a=FAILURE)
    assert names(serve(subject, session("x.a"), now_ms)) == expected


@covers("BAL-REC-01")
def test_recover_time_can_be_shorter_for_our_own_settings() -> None:
    subject = balancer("a", "b", recover_time_s=2)
    serve(subject, a=FAILURE)
    assert names(serve(subject, session("x.a"), 2_999)) == "b"
    assert names(serve(subject, session("x.a"), 3_000)) == "a"


@covers("BAL-REC-02")
def test_each_worker_is_tried_once_in_the_order_of_the_values() -> None:
    subject = balancer("a", "b", "c", "d")
    attempts = serve(subject, session("x.c"), a=FAILURE, b=FAILURE, c=FAILURE, d=FAILURE)
    assert names(attempts) == "c a b d"
    assert [decision.attempt for decision in attempts] == [1, 2, 3, 4]


@covers("BAL-REC-03")
def test_final_failure_marks_the_worker_and_ends_the_request() -> None:
    subject = balancer("a", "b")
    decision = subject.choose(PLAIN, 0)
    assert decision is not None
    assert not subject.report(decision, FAILURE, 0, again=False)
    assert states(subject) == [WorkerState.ERROR, WorkerState.OK]


@covers("BAL-REC-04")
def test_request_of_the_session_ends_the_waiting_but_others_need_the_value_to_win() -> None:
    subject = balancer("a", WorkerSettings("b", 3))
    serve(subject, session("x.a"), a=FAILURE)
    assert names(serve(subject, now_ms=61_000)) == "b"
    assert names(serve(subject, session("x.a"), 61_000)) == "a"
    assert states(subject) == [WorkerState.OK, WorkerState.OK]


@covers("BAL-REC-05")
def test_nobody_eligible_fails_at_once_and_recovers_only_by_time() -> None:
    subject = balancer("a", "b")
    assert names(serve(subject, a=FAILURE, b=FAILURE)) == "a b"
    assert serve(subject, now_ms=60_000) == []
    assert serve(subject, session("x.a"), 60_000) == []
    assert Balancer127.status_no_worker == 500
    assert len(serve(subject, now_ms=61_000)) == 1


@covers("BAL-REC-06")
def test_number_of_attempts_of_one_request_is_bounded() -> None:
    subject = balancer("a", "b")
    now_ms, attempts = 0, 0
    decision = subject.choose(PLAIN, now_ms)
    while decision is not None:
        attempts += 1
        now_ms += 100_000
        subject.report(decision, FAILURE, now_ms)
        decision = subject.choose(PLAIN, now_ms, after=decision)
        assert attempts < 10
    assert attempts == 4


def test_decision_tells_the_clause_and_the_values_before_and_after() -> None:
    subject = balancer(WorkerSettings("a", 2), "b")
    first, second = serve(subject)[0], serve(subject, session("x.b"))[0]
    assert first.why.clause == "BAL-SEL-01"
    assert first.why.candidates == (Candidate("a", 2, 1), Candidate("b", 1, 2))
    assert str(first.why) == "BAL-SEL-01: a 2→1, b 1→2"
    assert str(second.why) == "BAL-STK-01 for session 'x.b': b 2→2"


def test_reporting_twice_is_refused_and_changes_nothing() -> None:
    subject = balancer("a", "b")
    decision = serve(subject)[0]
    with pytest.raises(LocalProtocolError, match="already"):
        subject.report(decision, FAILURE, 0)
    assert states(subject) == [WorkerState.OK, WorkerState.OK]


def test_next_attempt_before_the_report_is_refused_and_changes_nothing() -> None:
    subject = balancer("a", "b")
    decision = subject.choose(PLAIN, 0)
    before = values(subject)
    with pytest.raises(LocalProtocolError, match="not been reported"):
        subject.choose(PLAIN, 0, after=decision)
    assert values(subject) == before
