"""The table of what each sender guarantees, line by line; and where no sender can keep a promise."""

from __future__ import annotations

import pytest

from refjk.session import ORIGINAL, REPAIRED, Rules
from refjk.simulation.cluster import ClusterSettings, Mode
from refjk.simulation.sessions import SessionCluster, SessionsSettings
from refjk.simulation.sessions.process import Reply
from refjk.speccheck import covers

ANSWERED = (Mode.SYNCHRONOUS, Mode.POOLED)


def made(
    *nodes: str, mode: Mode = Mode.SYNCHRONOUS, seed: int = 1, rules: Rules = REPAIRED, **more: object
) -> SessionCluster:
    """A cluster of these nodes; `more` is of the channel."""
    cluster = ClusterSettings(mode=mode, **more)  # type: ignore[arg-type]
    made = SessionCluster(seed, SessionsSettings(cluster, rules=rules))
    made.join(*nodes)
    return made


def copies(cluster: SessionCluster, user: str, nodes: str) -> list[int | None]:
    """The clicks that nodes have of the session of a user."""
    key = (cluster.user(user).session_id or "").partition(".")[0]
    views = [cluster.view(node) for node in nodes]
    return [view[key].click if key in view else None for view in views]


def ask_at_once(cluster: SessionCluster, *places: tuple[str, str]) -> None:
    """Requests of users at nodes, at the same moment."""
    for user, node in places:
        cluster.ask(user, node)


# Line 1: an acknowledged change survives.


@covers("SES-GUA-01")
@pytest.mark.parametrize("mode", ANSWERED)
@pytest.mark.parametrize("end", ["kill", "crash"])
def test_what_was_answered_survives_the_node_that_made_it(mode: Mode, end: str) -> None:
    cluster = made("a", "b", "c", mode=mode, delay_ms=(5, 50))
    cluster.click("anna", "a")
    cluster.ask("anna", "a")
    while cluster.user("anna").waiting:
        cluster.pass_ms(1)
    getattr(cluster, end)("a")
    cluster.settled()
    cluster.click("anna", "b", within_ms=40_000)

    assert (cluster.lost, cluster.objections) == (0, [])
    assert copies(cluster, "anna", "bc") == [3, 3]


@pytest.mark.parametrize(("wait_ms", "lost"), [(1, 1), (1000, 0)])
def test_asynchronous_loses_what_has_not_left_the_queue(wait_ms: int, lost: int) -> None:
    cluster = made("a", "b", mode=Mode.ASYNCHRONOUS)
    cluster.ask("anna", "a")
    cluster.pass_ms(wait_ms)
    assert not cluster.user("anna").waiting
    cluster.crash("a")
    cluster.pass_ms(100)
    cluster.settled()

    assert (cluster.lost, cluster.objections) == (lost, [])


# Line 2: one after the other.


@pytest.mark.parametrize("mode", Mode)
def test_changes_made_one_after_the_other_arrive_in_their_order(mode: Mode) -> None:
    cluster = made("a", "b", mode=mode, delay_ms=(1, 80))
    for _ in range(20):
        cluster.click("anna", "a", within_ms=400)
    cluster.pass_ms(1000)

    assert copies(cluster, "anna", "ab") == [20, 20]
    assert cluster.knowledge.overtaken == 0


# Line 3: at the same time at one node.


@pytest.mark.parametrize(("mode", "last"), [(Mode.SYNCHRONOUS, {3}), (Mode.POOLED, {2, 3})])
def test_changes_at_the_same_time_arrive_in_any_order_only_with_a_pool(mode: Mode, last: set[int]) -> None:
    found = set()
    for seed in range(12):
        cluster = made("a", "b", mode=mode, seed=seed, delay_ms=(1, 80))
        cluster.click("anna", "a")
        cluster.user("ben").session_id = cluster.user("anna").session_id
        ask_at_once(cluster, ("anna", "a"), ("ben", "a"))
        cluster.pass_ms(3000)
        assert cluster.objections == []
        found |= set(copies(cluster, "anna", "b"))

    assert found == last


# Line 4: at the same time at two nodes.


@pytest.mark.parametrize(
    ("mode", "later_ms"), [(Mode.SYNCHRONOUS, 45), (Mode.POOLED, 45), (Mode.ASYNCHRONOUS, 0)]
)
def test_of_changes_at_the_same_time_at_two_nodes_one_is_lost(mode: Mode, later_ms: int) -> None:
    """b turns the session over to its route, and both change it; each has what came last."""
    cluster = made("a", "b", mode=mode, delay_ms=(30, 30))
    cluster.click("anna", "a")
    cluster.user("ben").session_id = cluster.user("anna").session_id
    cluster.ask("ben", "b")
    cluster.pass_ms(later_ms)
    cluster.ask("anna", "a")
    cluster.pass_ms(3000)

    assert [seen.count for node in "ab" for seen in cluster.view(node).values()] == [2, 2]
    assert sorted(click or 0 for click in copies(cluster, "anna", "ab")) == [2, 3]
    cluster.click("anna", "a")
    assert copies(cluster, "anna", "ab") == [4, 4]
    assert cluster.objections == []


# Line 5: a member that was not reachable.


@covers("SES-GUA-02")
@pytest.mark.parametrize("mode", ANSWERED)
def test_a_member_that_was_not_reachable_has_the_next_change_and_the_state_when_it_starts_again(
    mode: Mode,
) -> None:
    cluster = made("a", "b", mode=mode, answer_time_ms=300, connect_time_ms=300)
    cluster.click("anna", "a")
    cluster.part("a", "b")
    cluster.click("anna", "a", within_ms=2000)
    cluster.click("ben", "a", within_ms=6000)
    cluster.heal()
    cluster.pass_ms(4000)
    assert copies(cluster, "ben", "ab") == [3, None]
    cluster.click("anna", "a")
    assert copies(cluster, "anna", "ab") == [4, 4]
    cluster.click("ben", "a")
    assert copies(cluster, "ben", "ab") == [5, None]
    cluster.kill("b")
    cluster.pass_ms(100)
    cluster.restart("b")
    cluster.pass_ms(4000)

    assert copies(cluster, "ben", "ab") == [5, 5]
    assert cluster.objections == []


def test_asynchronous_keeps_for_a_member_what_the_queue_can_hold() -> None:
    cluster = made("a", "b", mode=Mode.ASYNCHRONOUS)
    cluster.part("a", "b")
    cluster.click("anna", "a")
    assert copies(cluster, "anna", "ab") == [1, None]
    cluster.heal()
    cluster.pass_ms(3000)

    assert copies(cluster, "anna", "ab") == [1, 1]


# Line 6: done twice.


@pytest.mark.parametrize("mode", ANSWERED)
def test_a_message_may_be_done_twice_and_counts_once(mode: Mode) -> None:
    journal: list[str] = []
    settings = SessionsSettings(ClusterSettings(mode=mode, answer_time_ms=300))
    cluster = SessionCluster(1, settings, write=journal.append)
    cluster.join("a", "b")
    cluster.click("anna", "a")
    cluster.slow("b", 500)
    cluster.click("anna", "a", within_ms=3000)
    taken = [line for line in journal if "b gets message" in line]

    assert len(taken) > len({line.split(" of ")[0].split("message")[1] for line in taken})
    (copy,) = cluster.view("b").values()
    assert (copy.count, copy.click) == (2, 2)
    assert cluster.objections == []


# Where a promise cannot be kept.


@covers("SES-GUA-06")
def test_after_a_partition_there_are_two_primaries_and_each_goes_on_with_its_copy() -> None:
    cluster = made("a", "b", "c", "d", answer_time_ms=300, connect_time_ms=300)
    cluster.click("anna", "a")
    cluster.click("ben", "a")
    cluster.part("ab", "cd")
    cluster.pass_ms(5000)
    cookies = [cluster.user(name).session_id for name in ("anna", "ben")]
    cluster.click("anna", "a")
    cluster.user("other").session_id, cluster.user("another").session_id = cookies
    cluster.click("other", "c")
    cluster.click("another", "c", "look")
    cluster.click("ben", "a", "logout")
    cluster.heal()
    cluster.pass_ms(5000)
    assert copies(cluster, "anna", "abcd") == [3, 3, 4, 4]
    assert copies(cluster, "another", "abcd") == [None, None, 2, 2]
    cluster.click("anna", "a")

    # c has turned the session over to its route; the next change reaches all nevertheless.
    assert copies(cluster, "anna", "abcd") == [5, 5, 5, 5]
    assert cluster.objections == []


@pytest.mark.parametrize("mode", Mode)
def test_a_change_on_a_connection_that_was_given_up_can_stand_over_a_newer_one(mode: Mode) -> None:
    """Some of the seeds have it, in which the network is cut and joined while b stays a member."""
    overtaken = 0
    for seed in range(10):
        cluster = made("a", "b", mode=mode, seed=seed, answer_time_ms=300, drop_time_ms=60_000)
        cluster.click("anna", "a")
        cluster.cut("a", "b")
        cluster.ask("anna", "a")
        cluster.pass_ms(280)
        cluster.heal()
        cluster.pass_ms(30)
        cluster.click("anna", "a", within_ms=3000)
        assert cluster.objections == []
        overtaken += copies(cluster, "anna", "ab") == [3, 2]

    assert (overtaken > 0) is (mode is not Mode.ASYNCHRONOUS)


def used_elsewhere(rules: Rules) -> SessionCluster:
    """a is the primary of a session that b has turned over, and hears no more of it for longer than its
    interval; what it hears next is a click."""
    channel = ClusterSettings(answer_time_ms=300, connect_time_ms=300, drop_time_ms=60_000)
    settings = SessionsSettings(channel, rules, interval_s=10, tick_ms=60_000, work_ms=(500, 500))
    cluster = SessionCluster(1, settings)
    cluster.join("a", "b", "c")
    cluster.click("anna", "a")
    cluster.click("anna", "b", within_ms=100)
    cluster.cut("b", "a")
    cluster.pass_ms(3000)
    for _ in range(3):
        cluster.click("anna", "b", within_ms=4000)
    cluster.heal()
    cluster.pass_ms(1000)
    cluster.click("anna", "b", within_ms=4000)
    return cluster


@covers("SES-MGR-16")
def test_a_session_that_is_used_elsewhere_ends_with_the_originals_rule_and_not_with_refjks() -> None:
    repaired = used_elsewhere(REPAIRED)
    assert copies(repaired, "anna", "abc") == [6, 6, 6]
    assert repaired.counts["EXPIRED"] == 0
    assert repaired.objections == []

    for rules in (ORIGINAL, Rules(idle_before_message=True)):
        original = used_elsewhere(rules)
        reply = original.user("anna").answers[-1]
        assert reply is not None and not reply.found
        assert original.counts["EXPIRED"] == 1
        assert any("ends once" in one for one in original.objections)


# State transfer.


def state_on_its_way(rules: Rules) -> SessionCluster:
    """c starts and asks a; what a has given is held up, and b does a click meanwhile."""
    cluster = made("a", "b", rules=rules)
    cluster.click("anna", "b")
    cluster.begin("c")
    while cluster.counts["ALL_SESSION_DATA"] < 2:
        cluster.pass_ms(1)
    cluster.cut("a", "c")
    cluster.click("anna", "b")
    cluster.heal()
    cluster.pass_ms(3000)
    return cluster


def new_id_missed(rules: Rules) -> SessionCluster:
    """b turns a session over while c is out of reach, and goes on when it is back."""
    cluster = made("a", "b", "c", rules=rules, answer_time_ms=300, connect_time_ms=300, drop_time_ms=60_000)
    cluster.click("anna", "a")
    cluster.cut("b", "c")
    cluster.click("anna", "b", "look", within_ms=3000)
    cluster.heal()
    cluster.pass_ms(1000)
    cluster.click("anna", "b", within_ms=3000)
    return cluster


@covers("SES-RTE-08")
def test_a_change_after_a_missed_new_id_is_lost_with_the_originals_rule_and_not_with_refjks() -> None:
    repaired = new_id_missed(REPAIRED)
    assert copies(repaired, "anna", "abc") == [2, 2, 2]
    repaired.crash("b")
    repaired.click("anna", "c", within_ms=5000)
    assert copies(repaired, "anna", "ac") == [3, 3]
    assert repaired.user("anna").answers[-1] == Reply(repaired.user("anna").session_id, True, 3)
    assert repaired.objections == []

    for rules in (ORIGINAL, Rules(exact_ids=True)):
        original = new_id_missed(rules)
        assert copies(original, "anna", "abc") == [2, 2, 1]
        assert any("no update lost" in one for one in original.objections)


def state_lost(rules: Rules) -> tuple[SessionCluster, int]:
    """c starts and asks a, whose answer never arrives; and how long c waits."""
    cluster = made("a", "b", rules=rules, answer_time_ms=300, connect_time_ms=300)
    cluster.click("anna", "b")
    cluster.begin("c")
    while cluster.counts["ALL_SESSION_DATA"] < 2:
        cluster.pass_ms(1)
    cluster.cut("a", "c")
    cluster.pass_ms(1000)
    cluster.heal()
    asked_ms = cluster.now_ms
    while not cluster.nodes["c"].ready:
        cluster.pass_ms(100)
    return cluster, cluster.now_ms - asked_ms


@covers("SES-XFR-14")
def test_a_state_that_is_lost_is_asked_for_again_with_refjks_rule_and_not_with_the_originals() -> None:
    repaired, waited_ms = state_lost(REPAIRED)
    assert waited_ms < 20_000
    assert copies(repaired, "anna", "abc") == [1, 1, 1]
    assert repaired.objections == []

    for rules in (ORIGINAL, Rules(asks_once=True)):
        original, waited_ms = state_lost(rules)
        assert waited_ms > 50_000
        assert copies(original, "anna", "abc")[2] is None


def begins_late(rules: Rules) -> SessionCluster:
    """c starts again; b tells it of a click before its application begins, and a, whom c asks, later."""
    cluster = SessionCluster(1, SessionsSettings(rules=rules, begin_ms=1000))
    cluster.join("a", "c")
    cluster.cut("a", "b")  # so that b lists c before a
    cluster.join("b")
    cluster.heal()
    cluster.pass_ms(1000)
    cluster.click("anna", "b")
    cluster.kill("c")
    cluster.restart("c")
    cluster.pass_ms(2500)
    cluster.cut("b", "a")
    cluster.click("anna", "b", within_ms=1500)
    assert cluster.nodes["c"].ready
    cluster.heal()
    cluster.pass_ms(3000)
    return cluster


@covers("SES-XFR-13")
def test_a_change_before_the_application_begins_is_lost_with_the_originals_rule_and_not_with_refjks() -> None:
    repaired = begins_late(REPAIRED)
    assert copies(repaired, "anna", "abc") == [2, 2, 2]
    assert repaired.objections == []

    for rules in (ORIGINAL, Rules(deaf_before_begin=True)):
        original = begins_late(rules)
        assert copies(original, "anna", "abc") == [2, 2, 1]
        assert any("no update lost" in one for one in original.objections)


@covers("SES-XFR-04")
def test_a_change_that_overtakes_the_state_is_lost_with_the_originals_rule_and_not_with_refjks() -> None:
    repaired = state_on_its_way(REPAIRED)
    assert copies(repaired, "anna", "abc") == [2, 2, 2]
    assert repaired.objections == []

    for rules in (ORIGINAL, Rules(state_overwrites=True)):
        original = state_on_its_way(rules)
        assert copies(original, "anna", "abc") == [2, 2, 1]
        assert any("no update lost" in one for one in original.objections)
