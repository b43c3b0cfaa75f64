"""A node that starts, and what happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from refjk.session import (
    ORIGINAL,
    REPAIRED,
    Contexts,
    EventType,
    MemberAddress,
    Rules,
    Session,
    SessionManager,
    SessionMessage,
    SessionState,
    TransferPhase,
    decode_all_sessions,
    decode_message,
    encode_all_sessions,
)
from refjk.session.transfer import HeldMessages
from refjk.speccheck import covers
from tests.session.support import CONTEXT, START_MS, Cluster, set_to


@dataclass
class Joining:
    """Node `b` starts; the state that `a` has written for it is still under way."""

    cluster: Cluster
    session: Session
    blobs: list[bytes]

    def state_arrives(self) -> None:
        for octets in self.blobs:
            message = decode_message(octets)
            assert isinstance(message, SessionMessage)
            self.cluster["b"].receive(message, self.cluster.now_ms)

    def values(self) -> dict[str, object] | None:
        known = self.cluster["b"].known(self.session.id)
        return None if known is None else known.attributes()


def joining(rules: Rules = REPAIRED, **settings: Any) -> Joining:
    cluster = Cluster("a", rules=rules, **settings)
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    cluster.add("b")
    assert cluster["b"].start(cluster.members_but("b"), cluster.now_ms) is True
    cluster.collect()
    ((_, _, question),) = cluster.wire
    cluster.wire.clear()
    message = decode_message(question)
    assert isinstance(message, SessionMessage)
    cluster["a"].receive(message, cluster.now_ms)
    cluster.collect()
    blobs = [octets for _, _, octets in cluster.wire]
    cluster.wire.clear()
    cluster.seen.clear()
    return Joining(cluster, session, blobs)


@covers("SES-XFR-01")
def test_the_first_node_asks_nobody_and_another_the_oldest() -> None:
    cluster = Cluster("a")
    assert cluster["a"].start([], START_MS) is False
    assert cluster["a"].ready and cluster.settle() == []

    cluster.add("b")
    members = [MemberAddress("tcp://old", "h", 1), MemberAddress("tcp://young", "h", 2)]
    assert cluster["b"].start(members, START_MS) is True
    (outgoing,) = cluster["b"].messages_to_send()
    assert outgoing.to == members[0]
    message = outgoing.message
    assert isinstance(message, SessionMessage)
    assert (message.event_type, message.session_id, message.unique_id, message.octets) == (
        EventType.GET_ALL,
        "GET-ALL",
        "GET-ALL-/app",
        None,
    )
    assert not cluster["b"].ready


@covers("SES-XFR-02", "SES-XFR-03")
@pytest.mark.parametrize(("release", "states"), [(5, 1), (9, 1), (10, 3), (36, 3)])
def test_a_starting_node_has_every_session_before_it_is_ready(release: int, states: int) -> None:
    cluster = Cluster("a", release=release, state_sessions_max=2)
    for number in range(5):
        cluster.request("a", None, set_to("n", number))
    cluster.settle()
    cluster.add("b")
    cluster["b"].start(cluster.members_but("b"), START_MS)

    events = cluster.settle()

    ends = [EventType.STATE_COMPLETE] if release >= 10 else []
    assert events == [EventType.GET_ALL, *[EventType.ALL_SESSION_DATA] * states, *ends]
    assert cluster["b"].ready and cluster["b"].transfer.phase is TransferPhase.DONE
    assert [one.attributes() for one in cluster["b"].sessions()] == [{"n": n} for n in range(5)]


@covers("SES-XFR-02")
def test_since_5_5_10_a_node_is_ready_when_it_was_told_that_this_was_all() -> None:
    join = joining(release=10)
    first, end = join.blobs

    for octets, ready in ((first, False), (end, True)):
        message = decode_message(octets)
        assert isinstance(message, SessionMessage)
        join.cluster["b"].receive(message, START_MS)
        assert join.cluster["b"].ready is ready


@covers("SES-XFR-03")
def test_the_state_of_a_node_without_sessions_is_an_empty_one() -> None:
    cluster = Cluster("a")
    asker = MemberAddress("tcp://b", "h", 1)

    message = SessionMessage(EventType.GET_ALL, CONTEXT, "GET-ALL", None, "x", 0, asker)
    cluster["a"].receive(message, START_MS)
    cluster["a"].receive(replace(message, address=None), START_MS)

    (outgoing,) = cluster["a"].messages_to_send()
    answer = outgoing.written()
    assert outgoing.to == asker and isinstance(answer, SessionMessage)
    assert decode_all_sessions(answer.octets or b"", 5) == []
    assert (answer.session_id, answer.unique_id) == ("SESSION-STATE", "SESSION-STATE-/app")
    assert "SES-XFR-03" in cluster["a"].reports()[0].text


@covers("SES-XFR-04")
@pytest.mark.parametrize(("rules", "value"), [(ORIGINAL, 0), (REPAIRED, 1)], ids=["original", "refjk"])
def test_a_change_that_overtakes_the_state_is_lost_only_with_the_originals_rule(
    rules: Rules, value: int
) -> None:
    join = joining(rules)

    join.cluster.request("a", join.session.id, set_to("x", 1))
    join.cluster.settle()
    join.state_arrives()

    assert join.values() == {"x": value}


@covers("SES-XFR-04")
@pytest.mark.parametrize(("rules", "there"), [(ORIGINAL, True), (REPAIRED, False)], ids=["original", "refjk"])
def test_a_session_that_ended_meanwhile_comes_back_only_with_the_originals_rule(
    rules: Rules, there: bool
) -> None:
    join = joining(rules)

    join.session.invalidate()
    join.cluster.settle()
    join.state_arrives()

    assert (join.values() is not None) is there
    assert len(join.cluster["a"]) == 0


@covers("SES-XFR-04")
def test_what_was_kept_is_done_in_the_order_in_which_it_came() -> None:
    join = joining()
    cluster = join.cluster

    for value in (1, 2, 3):
        cluster.request("a", join.session.id, set_to("x", value))
    new = cluster.request("a", None, set_to("y", 1))
    cluster.request("a", new.id, set_to("y", 2))
    gone = cluster.request("a", None)
    gone.invalidate()
    cluster.settle()
    assert len(cluster["b"]) == 0
    join.state_arrives()

    assert join.values() == {"x": 3}
    assert cluster.nodes["b"].names(new.id) == {"y": 2}
    assert cluster["b"].known(gone.id) is None


@covers("SES-XFR-05")
def test_when_the_asked_member_is_gone_the_next_is_asked_and_at_last_nobody() -> None:
    cluster = Cluster("ab")
    cluster.add("c")
    first, second = (cluster.nodes[name].address for name in "ab")
    manager = cluster["c"]
    manager.start([first, second], START_MS)
    manager.messages_to_send()

    manager.members_changed([first], START_MS)
    assert manager.messages_to_send() == []
    manager.members_changed([second], START_MS + 1)
    (outgoing,) = manager.messages_to_send()
    assert outgoing.to == second and not manager.ready
    manager.receive(SessionMessage(EventType.CREATED, CONTEXT, "S"), START_MS)
    manager.members_changed([], START_MS + 2)

    assert manager.ready and manager.known("S") is not None
    assert manager.next_wakeup_ms() is None


@covers("SES-XFR-02", "SES-XFR-06")
def test_after_60_seconds_the_application_is_served_and_a_late_state_still_counts() -> None:
    join = joining()
    cluster, manager = join.cluster, join.cluster["b"]
    new = cluster.request("a", None, set_to("y", 1))
    cluster.request("a", join.session.id, set_to("x", 1))
    cluster.settle()

    manager.pass_time(START_MS + 59_999)
    assert manager.next_wakeup_ms() == START_MS + 60_000
    assert not manager.ready and len(manager) == 0
    manager.pass_time(START_MS + 60_000)
    assert manager.ready and manager.transfer.phase is TransferPhase.LATE
    assert [one.id for one in manager.sessions()] == [new.id]
    assert manager.reports()[0].kind == "state"

    cluster.request("b", new.id, set_to("y", 2))
    cluster.request("a", join.session.id, set_to("z", 1))
    cluster.settle()
    join.state_arrives()
    assert join.values() == {"x": 1, "z": 1}
    assert cluster.nodes["b"].names(new.id) == {"y": 2}
    assert manager.transfer.phase is TransferPhase.DONE


@covers("SES-XFR-06")
def test_nobody_waits_for_a_late_state_for_ever() -> None:
    join = joining(state_late_ms=1000)
    manager = join.cluster["b"]

    manager.pass_time(START_MS + 60_000)
    manager.tick(START_MS + 60_999)
    phases = [manager.transfer.phase]
    manager.tick(START_MS + 61_000)

    assert [*phases, manager.transfer.phase] == [TransferPhase.LATE, TransferPhase.DONE]
    join.state_arrives()
    assert join.values() is None


@pytest.mark.parametrize(("rules", "wakeup_ms"), [(REPAIRED, 1_000_015_000), (Rules(asks_once=True), None)])
def test_a_negative_time_waits_without_end(rules: Rules, wakeup_ms: int | None) -> None:
    join = joining(rules, state_transfer_timeout_ms=-1)
    manager = join.cluster["b"]

    manager.pass_time(START_MS + 1_000_000_000)

    assert not manager.ready
    assert manager.next_wakeup_ms() == (None if wakeup_ms is None else START_MS + wakeup_ms)


def asked_in(manager: SessionManager, *times_ms: int) -> list[str | None]:
    """Whom it asks at these times after the start."""
    asked: list[str | None] = []
    for time_ms in times_ms:
        manager.pass_time(START_MS + time_ms)
        asked += [None if one.to is None else one.to.name for one in manager.messages_to_send()]
    return asked


@covers("SES-XFR-14")
def test_a_state_that_does_not_come_is_asked_for_again_and_then_of_the_next_oldest() -> None:
    cluster = Cluster("abc")
    cluster.add("d", state_transfer_timeout_ms=100)
    first, second, third = (cluster.nodes[name].address for name in "abc")
    manager = cluster["d"]
    manager.start([first, second], START_MS)

    assert asked_in(manager, 24) == [first.name]
    assert asked_in(manager, 25) == [first.name]
    assert asked_in(manager, 49, 50) == [second.name]
    manager.members_changed([first, second, third], START_MS + 60)
    assert asked_in(manager, 74, 75, 99) == [second.name]
    assert manager.next_wakeup_ms() == START_MS + 100
    assert asked_in(manager, 100, 200) == []
    assert manager.ready and manager.transfer.phase is TransferPhase.LATE


@covers("SES-XFR-14")
def test_after_the_youngest_the_oldest_is_asked_once_more_and_nobody_who_is_starting_too() -> None:
    cluster = Cluster("abc")
    cluster.add("d", state_transfer_timeout_ms=-1)
    first, second, third = (cluster.nodes[name].address for name in "abc")
    manager = cluster["d"]
    manager.start([first, second, third], START_MS)
    question = SessionMessage(EventType.GET_ALL, CONTEXT, "GET-ALL", address=second)
    manager.receive(question, START_MS)

    asked = asked_in(manager, *(15_000 * number for number in range(7)))

    assert asked == [one.name for one in (first, first, third, third, first, first, third)]


@covers("SES-XFR-14")
def test_with_the_originals_rule_a_state_is_asked_for_once() -> None:
    for rules in (ORIGINAL, Rules(asks_once=True)):
        join = joining(rules)

        assert asked_in(join.cluster["b"], 15_000, 30_000, 59_999) == []


@covers("SES-XFR-14")
def test_a_state_of_each_that_was_asked_is_loaded_and_parts_of_one_put_the_next_question_off() -> None:
    join = joining(release=10)
    manager = join.cluster["b"]
    assert len(asked_in(manager, 15_000)) == 1
    first, end = (decode_message(octets) for octets in join.blobs)
    assert isinstance(first, SessionMessage) and isinstance(end, SessionMessage)

    manager.receive(first, START_MS + 20_000)
    assert asked_in(manager, 34_999) == []
    manager.receive(end, START_MS + 34_999)
    manager.receive(first, START_MS + 35_000)

    assert manager.ready and join.values() == {"x": 0}
    assert manager.next_wakeup_ms() is None
    assert manager.counters.states_refused == 1


@covers("SES-XFR-14")
def test_a_question_of_time_does_not_hide_a_gap_in_what_was_kept() -> None:
    join = joining(held_messages_max=0)
    manager = join.cluster["b"]
    manager.receive(SessionMessage(EventType.DELTA, CONTEXT, join.session.id, b"x"), START_MS)
    assert len(asked_in(manager, 15_000)) == 1

    join.state_arrives()

    assert not manager.ready and manager.transfer.gaps == 1


@covers("SES-XFR-07")
@pytest.mark.parametrize("bounds", [{"held_messages_max": 2}, {"held_octets_max": 60}], ids=str)
def test_what_is_kept_has_a_bound_and_a_state_with_a_gap_behind_it_is_asked_for_again(
    bounds: dict[str, Any],
) -> None:
    join = joining(**bounds)
    cluster = join.cluster
    for value in (1, 2, 3):
        cluster.request("a", join.session.id, set_to("x", value))
    cluster.settle()

    join.state_arrives()
    assert join.values() is None and not cluster["b"].ready
    assert cluster.settle() == [EventType.GET_ALL, EventType.ALL_SESSION_DATA]

    assert join.values() == {"x": 3}
    assert cluster["b"].ready


@covers("SES-XFR-07")
def test_after_three_questions_the_state_is_taken_as_it_is() -> None:
    join = joining(held_messages_max=0)
    manager = join.cluster["b"]

    for _ in range(3):
        assert not manager.ready
        manager.receive(SessionMessage(EventType.DELTA, CONTEXT, join.session.id, b"x"), START_MS)
        join.state_arrives()

    assert manager.ready and join.values() == {"x": 0}
    assert manager.transfer.questions == 3


@covers("SES-XFR-17")
def test_a_second_answer_from_before_a_gap_does_not_close_it() -> None:
    join = joining(held_messages_max=2)
    cluster, manager = join.cluster, join.cluster["b"]
    manager.pass_time(START_MS + 15_000)
    assert len(manager.messages_to_send()) == 1  # asks once more; the answer is as old as the first one
    for value in (1, 2, 3):
        cluster.request("a", join.session.id, set_to("x", value))
    cluster.settle()

    join.state_arrives()  # the gap is noticed, and a third question leaves
    join.state_arrives()
    assert join.values() is None and not manager.ready
    assert cluster.settle() == [EventType.GET_ALL, EventType.ALL_SESSION_DATA]

    assert manager.ready and join.values() == {"x": 3}


@covers("SES-XFR-17")
def test_the_rest_of_a_state_with_a_gap_behind_it_and_its_end_do_not_count() -> None:
    join = joining(release=10, held_messages_max=2, state_sessions_max=1)
    cluster, manager = join.cluster, join.cluster["b"]
    for value in (1, 2, 3):
        cluster.request("a", join.session.id, set_to("x", value))
    cluster.settle()

    join.state_arrives()  # a part, and the end
    assert join.values() is None and not manager.ready
    assert cluster.settle() == [EventType.GET_ALL, EventType.ALL_SESSION_DATA, EventType.STATE_COMPLETE]

    assert manager.ready and join.values() == {"x": 3}


@covers("SES-XFR-17")
def test_with_the_next_question_by_time_no_older_answer_is_waited_for() -> None:
    join = joining(held_messages_max=0)
    manager = join.cluster["b"]
    manager.pass_time(START_MS + 15_000)  # two questions, of which the other makes one
    manager.receive(SessionMessage(EventType.DELTA, CONTEXT, join.session.id, b"x"), START_MS)
    join.state_arrives()
    manager.pass_time(START_MS + 30_000)
    join.state_arrives()
    assert manager.ready and join.values() == {"x": 0}


def test_held_messages_count_their_octets() -> None:
    held = HeldMessages(10, 5)
    held.add(SessionMessage(13, "", "S", b"12345"))
    assert not held.overflowed
    held.add(SessionMessage(13, "", "S", b"1"))
    assert held.overflowed and held.messages == []


@covers("SES-XFR-08")
def test_a_state_that_was_not_asked_for_or_comes_again_is_refused() -> None:
    join = joining()
    cluster = join.cluster
    old = cluster["a"].counters.states_refused
    stranger = SessionMessage(
        EventType.ALL_SESSION_DATA,
        CONTEXT,
        "SESSION-STATE",
        encode_all_sessions([SessionState("EVIL", 0, 0, 0, -1)], 5),
        address=MemberAddress("tcp://stranger", "h", 1),
    )
    cluster["a"].receive(stranger, START_MS)
    cluster["b"].receive(stranger, START_MS)
    assert not cluster["b"].ready
    join.state_arrives()
    cluster.request("b", join.session.id, set_to("x", "newer"))
    join.state_arrives()
    cluster["b"].receive(stranger, START_MS)

    assert join.values() == {"x": "newer"}
    assert cluster["b"].known("EVIL") is None and cluster["a"].known("EVIL") is None
    assert (cluster["b"].counters.states_refused, cluster["a"].counters.states_refused) == (3, old + 1)


@covers("SES-XFR-08")
def test_a_late_state_neither_replaces_nor_brings_back() -> None:
    join = joining()
    cluster, manager = join.cluster, join.cluster["b"]
    manager.pass_time(START_MS + 60_000)
    cluster.now_ms += 60_000
    # The session becomes known here by other means, changes, and another of the state ends.
    manager.receive(SessionMessage(EventType.CREATED, CONTEXT, join.session.id), cluster.now_ms)
    cluster.request("b", join.session.id, set_to("x", "newer"))
    other = SessionState("ENDED", 0, 0, 0, -1)
    manager.receive(SessionMessage(EventType.CREATED, CONTEXT, "ENDED"), cluster.now_ms)
    manager.receive(SessionMessage(EventType.EXPIRED, CONTEXT, "ENDED"), cluster.now_ms)
    blob = encode_all_sessions([join.session.to_state(), other], 5)

    manager.receive(
        SessionMessage(EventType.ALL_SESSION_DATA, CONTEXT, "SESSION-STATE", blob), cluster.now_ms
    )

    assert join.values() == {"x": "newer"}
    assert manager.known("ENDED") is None


@covers("SES-XFR-09")
@pytest.mark.parametrize("release", [5, 36])
def test_a_node_without_the_application_answers_with_an_empty_state(release: int) -> None:
    contexts = Contexts(release)
    cluster = Cluster("b", release=release)
    asked = MemberAddress("tcp://a", "h", 1)
    cluster["b"].start([asked], START_MS)
    (question,) = cluster["b"].messages_to_send()
    message = question.message
    assert isinstance(message, SessionMessage)

    contexts.receive(replace(message, address=None), START_MS)
    assert contexts.messages_to_send() == []
    contexts.receive(replace(message, address=cluster.nodes["b"].address), START_MS)
    for outgoing in contexts.messages_to_send():
        assert outgoing.to == cluster.nodes["b"].address
        answer = outgoing.written()
        assert isinstance(answer, SessionMessage)
        cluster["b"].receive(replace(answer, address=asked), START_MS)

    assert cluster["b"].ready and len(cluster["b"]) == 0


@covers("SES-XFR-10")
def test_the_first_request_after_a_transfer_is_sent() -> None:
    for rules, expected in ((ORIGINAL, {"x": 0}), (REPAIRED, {"x": "b"})):
        join = joining(rules)
        join.state_arrives()

        join.cluster.request("b", join.session.id, set_to("x", "b"))
        join.cluster.settle()

        assert join.cluster.nodes["a"].names(join.session.id) == expected


def test_a_state_that_cannot_be_read_leaves_the_node_waiting() -> None:
    join = joining()
    manager = join.cluster["b"]

    manager.receive(
        SessionMessage(EventType.ALL_SESSION_DATA, CONTEXT, "SESSION-STATE", b"rubbish"), START_MS
    )

    assert not manager.ready and manager.counters.malformed == 1
    join.state_arrives()
    assert join.values() == {"x": 0}


@covers("SES-XFR-11")
@pytest.mark.parametrize("names", ["ab", "abc", "abcdef"])
def test_nodes_that_start_at_once_all_get_ready_without_waiting(names: str) -> None:
    cluster = Cluster(names)
    for name in names:
        cluster[name].start(cluster.members_but(name), cluster.now_ms)

    cluster.settle()

    assert [cluster[name].ready for name in names] == [True] * len(names)
    assert [cluster[name].reports() for name in names if cluster[name].counters.malformed] == []


@covers("SES-XFR-11")
def test_a_node_that_has_nothing_yet_answers_when_it_has() -> None:
    join = joining()
    cluster = join.cluster
    cluster.add("c")
    cluster["c"].start([cluster.nodes["b"].address, cluster.nodes["a"].address], START_MS)
    cluster.settle()
    assert not cluster["c"].ready

    join.state_arrives()
    cluster.settle()

    assert cluster["c"].ready
    assert cluster.nodes["c"].names(join.session.id) == {"x": 0}


@covers("SES-XFR-11")
def test_two_that_start_and_ask_each_other_turn_to_the_one_that_has_sessions() -> None:
    cluster = Cluster("a")
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    cluster.add("b")
    cluster.add("c")
    have, b, c = (cluster.nodes[name].address for name in "abc")
    cluster["b"].start([c, have], START_MS)
    cluster["c"].start([b, have], START_MS)

    cluster.settle()

    for name in "bc":
        assert cluster[name].ready and cluster.nodes[name].names(session.id) == {"x": 1}


@covers("SES-XFR-11")
def test_whoever_waits_for_a_node_that_waited_in_vain_gets_what_it_has() -> None:
    join = joining()
    cluster = join.cluster
    cluster.add("c")
    cluster["c"].start([cluster.nodes["b"].address], START_MS)
    cluster.settle()

    cluster["b"].pass_time(START_MS + 60_000)
    cluster.settle()

    assert cluster["b"].ready and cluster["c"].ready
