"""What comes out of a simulation: shares, sessions, moves, losses, waiting, errors."""

from __future__ import annotations

from typing import Any

import pytest

from refjk.base.errors import UsageError
from refjk.configuration import Profile
from refjk.simulation import (
    Arrivals,
    Constant,
    Drain,
    Exponential,
    Outage,
    Replication,
    Result,
    Scenario,
    report,
)
from tests.counting import calls_of
from tests.simulation.support import BOTH, NEW, OLD, play, subject, without_seed, worker

SECOND = 1_000_000
GOLDEN = """\
seed 7
balancer lb of mod_jk 1.2.50, method R, sticky sessions, 3 workers
4 users, for 20s
sessions of 1 requests, think constant 1s, response constant 50ms, replication none
c: down from 5s to 7s
b: stopped from 10s to the end

worker  factor  share  requests  sessions  moved in  moved out  lost  failed  open max  median   95 %
a            2  77.6%        59        59         0          0     0       0         3    50ms   50ms
b            1  15.8%        12        12         0          0     0       0         1    50ms  149ms
c            1   6.6%         5         5         0          0     0       1         1    50ms   50ms

requests: 76, 0 errors, 0 under way at the end
response times: median 50ms, 95 % 50ms, 99 % 149ms, longest 150ms
sessions: 76 begun by users
moves: 0 times a session changed its worker; 0 were lost by it, 0 by a restart of their worker
waiting: 1 requests (1.32%), longest 100ms; together for a place 0, between tries 100ms, for a thread 0
seed 7
"""


def begun(result: Result) -> int:
    """Sessions that containers began: the users' own and those in the place of lost ones."""
    return sum(one.sessions for one in result.workers)


@pytest.mark.parametrize("profile", BOTH)
def test_the_same_seed_gives_the_same_result_and_another_one_another(profile: Profile) -> None:
    def once(seed: int) -> Result:
        return play(subject(profile=profile), seed=seed, think=Exponential(SECOND), fail="b@10s..20s")

    assert once(7) == once(7)
    assert without_seed(once(7)) != without_seed(once(8))


@pytest.mark.parametrize("profile", BOTH)
def test_every_request_and_every_session_is_accounted_for(profile: Profile) -> None:
    result = play(
        subject("a.lbfactor=3", profile=profile),
        fail="a@10s..20s b@15s..25s c@18s..19s",
        think=Exponential(SECOND),
        response=Exponential(80_000),
    )
    assert result.requests == sum(one.requests for one in result.workers) + result.errors
    assert sum(sum(one.series) for one in result.workers) == result.times.count
    assert sum(result.error_series) == result.errors
    assert sum(result.move_series) == result.moves == sum(one.moved_out for one in result.workers)
    lost = result.lost_by_move + result.lost_by_restart
    # Some users had nothing but errors, or no answer yet.
    assert lost < begun(result) <= result.visits + lost
    assert 0 <= result.unfinished <= 60


@pytest.mark.parametrize("profile", BOTH)
def test_without_sessions_shares_are_those_of_the_factors(profile: Profile) -> None:
    result = play(subject("a.lbfactor=3", "b.lbfactor=2", profile=profile), session_length=1)
    assert [one.share for one in result.workers] == pytest.approx([3 / 6, 2 / 6, 1 / 6], abs=0.01)
    assert result.moves == 0


@pytest.mark.parametrize("profile", BOTH)
def test_a_session_stays_where_it_is_while_nothing_fails(profile: Profile) -> None:
    result = play(subject(profile=profile))
    assert (result.moves, result.errors, result.waiting.count) == (0, 0, 0)
    assert begun(result) in range(result.visits - 60, result.visits + 1)
    assert result.visits == pytest.approx(60 * 60 / 10.5, rel=0.2)


@pytest.mark.parametrize("profile", BOTH)
def test_without_stickiness_sessions_move_and_are_lost_unless_replicated(profile: Profile) -> None:
    whose = subject("lb.sticky_session=false", profile=profile)
    think = Exponential(SECOND)
    alone, together = play(whose, think=think), play(whose, think=think, replication=Replication.ALL)
    assert alone.moves > alone.requests / 3
    assert alone.lost_by_move == alone.moves
    assert together.moves == pytest.approx(alone.moves, rel=0.1)
    assert (together.lost_by_move, together.lost_by_restart) == (0, 0)


@pytest.mark.parametrize("profile", BOTH)
def test_a_failure_moves_the_sessions_of_its_worker_and_nobody_gets_an_error(profile: Profile) -> None:
    result = play(subject(profile=profile), fail="b@30s..")
    b = worker(result, "b")
    assert result.errors == 0
    assert result.moves == result.lost_by_move == b.lost_by_move == b.moved_out
    assert 10 <= b.moved_out <= 25  # of 60 users a third was there
    assert b.moved_in == 0
    # The container serves nothing any more.
    assert sum(b.series[:100]) > 0
    assert sum(b.series[100:]) == 0


def test_replication_within_domains_saves_what_stays_in_the_domain() -> None:
    lines = ["a.domain=x", "b.domain=x", "c.domain=y", "d.domain=y"]
    whose = subject(*lines, names="a b c d")
    one_down = play(whose, fail="b@30s..", replication=Replication.DOMAIN)
    assert one_down.moves == worker(one_down, "a").moved_in > 0
    assert one_down.lost_by_move == 0
    both_down = play(whose, fail="b@30s.. a@30s..", replication=Replication.DOMAIN)
    assert both_down.lost_by_move == both_down.moves > 0


def test_without_a_domain_replication_within_domains_saves_nothing() -> None:
    for profile in BOTH:
        result = play(subject(profile=profile), fail="b@30s..", replication=Replication.DOMAIN)
        assert result.lost_by_move == result.moves > 0


def test_who_comes_back_after_a_restart_has_lost_the_session() -> None:
    whose = subject("lb.sticky_session_force=true", "lb.recover_time=1", "maintain=1")
    result = play(whose, fail="b@30s..32s")
    b = worker(result, "b")
    assert result.moves == 0
    assert result.statuses == {503: result.errors}
    assert 5 < b.lost_by_restart <= result.errors


def test_the_group_must_be_down_as_a_whole_to_forget() -> None:
    whose = subject("lb.sticky_session_force=true", "lb.recover_time=1", "maintain=1")
    one = play(whose, fail="b@30s..32s", replication=Replication.ALL)
    everyone = play(whose, fail="a@30s..32s b@31s..32s c@31s..33s", replication=Replication.ALL)
    assert (one.lost_by_restart, one.lost_by_move) == (0, 0)
    assert everyone.lost_by_restart > 10


@pytest.mark.parametrize(("profile", "status"), [(OLD, 500), (NEW, 503)])
def test_with_everybody_down_users_get_errors_and_then_are_served_again(
    profile: Profile, status: int
) -> None:
    whose = subject("lb.recover_time=1", "maintain=1", profile=profile)
    result = play(whose, fail="a@10s..20s b@10s..20s c@10s..20s", duration="180s", session_length=1e6)
    assert set(result.statuses) == {status}
    assert sum(result.error_series[:11]) == 0
    assert sum(one.series[-1] for one in result.workers) > 0
    assert result.lost_by_move + result.lost_by_restart > 0


@pytest.mark.parametrize("profile", BOTH)
def test_what_was_sent_is_repeated_unless_forbidden(profile: Profile) -> None:
    lines = [f"{name}.recovery_options=1" for name in "abc"]
    slow: dict[str, Any] = {"fail": "b@30s..", "response": Constant(SECOND), "think": Exponential(SECOND)}
    repeated = play(subject(profile=profile), **slow)
    kept = play(subject(*lines, profile=profile), **slow)
    assert repeated.errors == 0
    assert set(kept.statuses) == {502}
    assert 5 < kept.errors < 20  # half of the users of one worker are waiting for it at any moment


def test_get_is_repeated_all_the_same_with_the_option_for_it() -> None:
    lines = [f"{name}.recovery_options=17" for name in "abc"]
    assert play(subject(*lines), fail="b@30s..", response=Constant(SECOND)).errors == 0


def test_a_disabled_worker_keeps_its_sessions_and_gets_no_others() -> None:
    result = play(subject(), drain="b@20s..40s:disable", duration="100s", session_length=5)
    b = worker(result, "b")
    assert result.moves == 0
    before, during, after = b.series[:40], b.series[60:80], b.series[120:]
    assert min(before[10:]) > 0
    assert sum(during) < sum(before) / 8
    assert sum(after) > sum(before)


def test_a_stopped_worker_gets_nothing_and_its_sessions_move() -> None:
    result = play(subject(), drain="b@30s..:stop")
    b = worker(result, "b")
    assert b.moved_out == result.moves > 5
    assert sum(b.series[102:]) == 0
    assert (b.failed_attempts, result.errors) == (0, 0)


def test_the_activation_that_was_configured_comes_back_after_a_drain() -> None:
    result = play(subject("b.activation=disabled"), drain="b@10s..20s:stop")
    assert worker(result, "b").requests == 0


def test_the_old_version_cannot_drain() -> None:
    with pytest.raises(UsageError, match=r"mod_jk 1\.2\.7 cannot drain"):
        play(subject(profile=OLD), drain="b@1s..")


@pytest.mark.parametrize(
    "scenario",
    [{"fail": "bb@1s.."}, {"drain": "bb@1s..:stop"}, {"responses": {"bb": Constant(1)}}],
)
def test_an_unknown_worker_is_refused_with_the_nearest_name(scenario: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="has no worker 'bb'; the nearest name is b"):
        play(subject(), **scenario)


def test_a_late_answer_costs_the_tries_and_the_user_gets_a_gateway_timeout() -> None:
    lines = [f"{name}.{line}" for name in "abc" for line in ("reply_timeout=200", "retries=1")]
    whose = subject(*lines, "lb.max_reply_timeouts=100000", "lb.retries=1")
    result = play(whose, response=Constant(300_000))
    assert (set(result.statuses), result.times.count) == ({504}, 0)
    # Two workers for each request, one try each.
    assert sum(one.failed_attempts for one in result.workers) == pytest.approx(2 * result.errors, abs=60)


def test_a_thread_goes_on_with_what_nobody_waits_for() -> None:
    whose = subject("a.reply_timeout=200", "a.retries=1", "lb.retries=1", names="a")
    slow = play(whose, users=2, threads=1, response=Constant(10 * SECOND), duration="60s")
    assert slow.times.count == 0
    quick_for_one = play(whose, users=2, threads=1, response=Constant(150_000), duration="60s")
    assert quick_for_one.times.count > 0


def test_more_requests_than_threads_wait_in_order() -> None:
    result = play(subject(names="a"), users=10, threads=2, response=Constant(SECOND))
    # Two threads serve two requests in a second, and all ten users stand in the queue for them.
    assert result.times.count == pytest.approx(2 * 59, abs=4)
    assert result.times.median_us == pytest.approx(4 * SECOND, rel=0.02)
    assert result.waiting_for_thread_us > 300 * SECOND
    assert worker(result, "a").open_max == 10


def test_any_number_of_threads_never_lets_wait() -> None:
    assert play(subject(names="a"), users=25, threads=0).waiting.count == 0
    assert play(subject(names="a"), users=25, threads=1).waiting.count > 0


def test_who_finds_no_place_waits_and_goes_elsewhere() -> None:
    whose = subject("a.connection_pool_size=1", "a.connection_acquire_timeout=100")
    result = play(whose, response=Constant(500_000))
    a = worker(result, "a")
    assert a.open_max == 1
    assert a.failed_attempts > 0
    assert result.waiting_for_place_us >= 100_000 * a.failed_attempts
    assert result.errors == 0


def test_processes_multiply_the_places_and_the_old_version_has_no_bound() -> None:
    line = "a.connection_pool_size=2"
    assert subject(line, processes=8).members[0].places == 16
    assert subject("a.cachesize=2", profile=OLD).members[0].places is None


def test_a_busy_limit_sends_elsewhere() -> None:
    result = play(subject("a.busy_limit=2"), response=Constant(500_000))
    a = worker(result, "a")
    assert a.failed_attempts > 0
    assert a.open_max == 3  # it is counted before it is refused
    assert result.errors == 0


def test_users_who_are_always_there_begin_as_if_they_had_been_there_before() -> None:
    for think in (Constant(5 * SECOND), Exponential(5 * SECOND)):
        result = play(subject(), users=2000, think=think, duration="100s")
        rates = [sum(parts) for parts in zip(*(one.series for one in result.workers), strict=True)]
        assert sum(rates[1:11]) == pytest.approx(10 * 0.5 * 2000 / 5.05, rel=0.08)
        assert sum(rates[100:110]) == pytest.approx(10 * 0.5 * 2000 / 5.05, rel=0.08)


def test_arrivals_at_equal_distances_are_counted_exactly() -> None:
    arrivals = Arrivals(100_000, is_random=False)
    result = play(subject(), arrivals=arrivals, session_length=1, duration="10.05s")
    assert (result.visits, result.turned_away) == (100, 0)


def test_arrivals_at_random_have_their_rate() -> None:
    arrivals = Arrivals(50_000, is_random=True)
    result = play(subject(), arrivals=arrivals, session_length=2, users=1000, duration="200s")
    assert result.visits == pytest.approx(200 * 20, rel=0.06)


def test_arrivals_with_nobody_free_are_turned_away() -> None:
    arrivals = Arrivals(100_000, is_random=False)
    result = play(subject(), arrivals=arrivals, users=5, session_length=10)
    assert result.turned_away > 300
    assert result.visits + result.turned_away == 599


def test_the_same_users_come_whatever_the_containers_do() -> None:
    arrivals = Arrivals(100_000, is_random=True)
    well = play(subject(), arrivals=arrivals, users=1000)
    ill = play(subject(), arrivals=arrivals, users=1000, fail="a@5s..")
    assert well.visits == ill.visits


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"users": 0}, "users"),
        ({"users": 200_001}, "users"),
        ({"duration_us": 0}, "duration"),
        ({"session_length": 0.5}, "session"),
        ({"session_length": float("nan")}, "session"),
        ({"think": Constant(999)}, "think"),
        ({"outages": (Outage("a", 600 * SECOND),)}, "never played"),
        ({"outages": (Outage("a", 0), Outage("a", 5))}, "outages of a overlap"),
        ({"drains": (Drain("a", 5, 9), Drain("a", 0, 6))}, "drains of a overlap"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(numbers: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Scenario(seed=1, **numbers)


def test_spans_that_touch_do_not_overlap() -> None:
    assert Scenario(seed=1, outages=(Outage("a", 5, 9), Outage("a", 0, 5), Outage("b", 1))).seed == 1


@pytest.mark.parametrize("profile", BOTH)
def test_many_hundred_failures_in_a_row_are_no_matter(profile: Profile) -> None:
    """Tries, waits and choices follow each other without calling each other."""
    names = " ".join(f"n{number}" for number in range(200))
    fail = " ".join(f"n{number}@0s.." for number in range(200))
    result = play(
        subject("lb.lb_retries=200", names=names, profile=profile), fail=fail, users=2, duration="2s"
    )
    assert result.times.count == 0
    assert result.errors > 0 or result.unfinished == 2


def test_a_request_costs_little() -> None:
    names = " ".join(f"n{number}" for number in range(10))
    results = []

    def work() -> None:
        results.append(play(subject(names=names), users=500, think=Exponential(SECOND), fail="n2@20s..30s"))

    calls = calls_of(work)
    assert results[0].requests > 25_000
    assert calls / results[0].requests < 100


def test_the_report_of_a_small_run() -> None:
    spans = {"fail": "c@5s..7s", "drain": "b@10s..:stop"}
    result = play(subject("a.lbfactor=2"), users=4, session_length=1, duration="20s", **spans)
    assert report(result) == GOLDEN.splitlines()
