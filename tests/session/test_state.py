"""A session in a state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from refjk.base.errors import Malformed
from refjk.objectstream import JavaList, Long, ObjectOutput, Reset, read_stream, record_of
from refjk.session import (
    MESSAGE_LIMITS,
    STATE_LIMITS,
    DeltaRequest,
    EventType,
    Principal,
    SessionMessage,
    SessionState,
    decode_all_sessions,
    decode_delta_request,
    decode_message,
    decode_session,
    encode_all_sessions,
    encode_delta_request,
    encode_message,
    encode_session,
)
from refjk.session.state import SESSIONS_BETWEEN_RESETS, encode_what_can_be
from refjk.speccheck import covers
from tests.session.support import CONTEXT, START_MS, Cluster

STATE = SessionState(
    "S1.a", 1, 2, 3, 1800, True, True, Principal("anna", "x", ("r",)), {"a": "list", "b": "text", "n": 5}
)


@covers("SES-LAY-01", "SES-LAY-02", "SES-LAY-03")
@pytest.mark.parametrize("release", [5, 6, 36])
def test_a_session_is_read_as_it_was_written_and_gives_the_same_octets_again(release: int) -> None:
    octets = encode_session(STATE, release)
    read = decode_session(octets, release)

    assert replace(read, attributes=dict(read.attributes)) == STATE
    assert encode_session(read, release) == octets
    both = encode_all_sessions([STATE, replace(STATE, id="S2")], release)
    assert [one.id for one in decode_all_sessions(both, release)] == ["S1.a", "S2"]


@covers("SES-LAY-02")
def test_what_two_sessions_share_is_one_object_and_equal_numbers_are_several() -> None:
    shared = JavaList(["x"])
    states = [replace(STATE, id=name, attributes={"s": shared, "n": 5}) for name in ("A", "B")]

    octets = encode_all_sessions(states, 5)
    one, other = decode_all_sessions(octets, 5)

    assert one.attributes["s"] is other.attributes["s"]
    # Three Longs for each session: a new object each, although two of the values are equal.
    assert octets.count(b"java.lang.Long") == 1
    equal = encode_all_sessions([replace(STATE, creation_ms=9, last_access_ms=9, attributes={})], 5)
    assert equal.count((9).to_bytes(8, "big")) == 2


@covers("SES-LAY-04")
def test_a_principal_without_password_can_be_written() -> None:
    state = replace(STATE, principal=Principal("anna", None))

    assert decode_session(encode_session(state, 5), 5).principal == Principal("anna", "")
    assert decode_session(encode_session(state, 6), 6).principal == Principal("anna", None)


def test_a_dictionary_that_changes_while_it_is_written_is_written_once_more() -> None:
    class Changing(dict[str, object]):
        reads = 0

        def items(self) -> Any:
            self.reads += 1
            if self.reads == 1:
                raise RuntimeError("dictionary changed size during iteration")
            return super().items()

    cart = Changing(apples=1)
    state = SessionState("S", 0, 0, 0, -1, attributes={"cart": cart})
    octets, left_out = encode_what_can_be([state], 5)
    (read,) = decode_all_sessions(octets, 5)
    assert cart.reads == 2
    assert left_out == [] and read.attributes == {"cart": {"apples": 1}}


@covers("SES-LAY-05")
def test_an_attribute_that_cannot_be_written_is_left_out() -> None:
    bad = replace(STATE, attributes={"bad": [object()], "good": 1})

    octets, left_out = encode_what_can_be([STATE, bad], 5)

    assert [dict(one.attributes) for one in decode_all_sessions(octets, 5)] == [STATE.attributes, {"good": 1}]
    assert [one[:2] for one in left_out] == [("S1.a", "bad")]
    assert encode_what_can_be([STATE], 5)[1] == []


@covers("SES-LAY-06")
def test_the_marker_alone_leaves_its_attribute_out() -> None:
    state = replace(STATE, attributes={"bad": "___NOT_SERIALIZABLE_EXCEPTION___", "good": 1})

    assert dict(decode_session(encode_session(state, 5), 5).attributes) == {"good": 1}


def items(**changes: object) -> bytes:
    values: dict[str, object] = {
        "created": Long(1),
        "last": Long(2),
        "interval": record_of(3),
        "new": record_of(True),
        "valid": record_of(True),
        "this": Long(4),
        "principal": None,
        "id": "S",
        "count": record_of(0),
    }
    target = ObjectOutput()
    for name, value in (values | changes).items():
        if name == "principal":
            target.write_boolean(value is not None)
            if value is not None:
                target.write_utf("anna")
                target.write_utf("x")
                target.write_int(value)  # type: ignore[arg-type]
        else:
            target.write_object(value)
    return target.octets()


@covers("SES-LAY-07")
@pytest.mark.parametrize(
    "changes",
    [
        {"created": 1},
        {"this": "x"},
        {"interval": Long(3)},
        {"interval": None},
        {"new": 1},
        {"valid": None},
        {"id": None},
        {"id": 7},
        {"count": -1},
        {"count": 100_001},
        {"count": "0"},
        {"principal": -1},
        {"principal": 10_001},
    ],
    ids=str,
)
def test_an_item_of_another_type_or_out_of_bounds_is_refused(changes: dict[str, object]) -> None:
    assert decode_session(items(), 5).id == "S"

    with pytest.raises(Malformed) as caught:
        decode_session(items(**changes), 5)

    assert caught.value.clause == "SES-LAY-07"


@covers("SES-LAY-07")
@pytest.mark.parametrize("count", [-1, 1_000_001, None, "1"])
def test_a_number_of_sessions_out_of_bounds_is_refused(count: object) -> None:
    target = ObjectOutput()
    target.write_object(count)

    with pytest.raises(Malformed, match="SES-LAY-07"):
        decode_all_sessions(target.octets(), 5)


@covers("SES-LAY-08", "SES-LAY-09", "SES-MGR-15")
@pytest.mark.parametrize("is_valid", [True, False])
def test_a_loaded_session_is_a_valid_replica_as_if_accessed_now(is_valid: bool) -> None:
    cluster = Cluster("b")
    asked = cluster.add("a")
    state = replace(STATE, is_valid=is_valid, max_inactive_interval=1)
    cluster["b"].start([asked.address], START_MS)

    message = SessionMessage(
        EventType.ALL_SESSION_DATA, CONTEXT, "SESSION-STATE", encode_all_sessions([state], 5)
    )
    cluster["b"].receive(message, START_MS)

    session = cluster["b"].known("S1.a")
    assert session is not None and session.is_valid
    assert (session.primary, session.is_new, session.access_count) == (False, False, 0)
    assert (session.creation_ms, session.last_access_ms, session.this_access_ms) == (1, 3, START_MS)
    assert session.principal == STATE.principal


@covers("SES-LAY-10")
def test_the_state_of_a_large_node_is_read_and_there_is_an_end_to_it() -> None:
    large = SessionMessage(EventType.ALL_SESSION_DATA, CONTEXT, "SESSION-STATE", bytes(20 * 1024 * 1024))
    octets = encode_all_sessions([STATE] * 3, 5)

    read = decode_message(encode_message(large, 5))

    assert isinstance(read, SessionMessage) and read.octets == large.octets
    assert MESSAGE_LIMITS.octets == STATE_LIMITS.octets == 256 * 1024 * 1024
    assert STATE_LIMITS.records >= 20 * 1_000_000
    with pytest.raises(Malformed):
        decode_all_sessions(octets, 5, limits=replace(STATE_LIMITS, octets=len(octets) - 1))


@covers("SES-LAY-11")
def test_nothing_behind_a_reset_refers_to_what_is_before_it() -> None:
    shared = ["the same"]
    count = 2 * SESSIONS_BETWEEN_RESETS + 1
    states = [replace(STATE, id=f"S{number}", attributes={"a": shared}) for number in range(count)]

    octets = encode_all_sessions(states, 5)
    read = decode_all_sessions(octets, 5)

    resets = [at for at, one in enumerate(read_stream(octets).contents) if one is Reset.RESET]
    assert len(resets) == 2
    assert [one.id for one in read] == [one.id for one in states]
    values = [one.attributes["a"] for one in read]
    assert all(value == shared for value in values)
    assert len(set(map(id, values))) == 3
    assert values[0] is values[SESSIONS_BETWEEN_RESETS - 1] is not values[SESSIONS_BETWEEN_RESETS]


@covers("SES-LAY-11")
def test_a_value_that_was_read_keeps_nothing_else_alive() -> None:
    (state,) = decode_all_sessions(encode_all_sessions([replace(STATE, attributes={"a": [1, 2]})], 5), 5)
    value = state.attributes["a"]
    assert isinstance(value, JavaList) and value.source is None
    request = DeltaRequest("S")
    request.set_attribute("a", [1, 2])
    (action,) = decode_delta_request(encode_delta_request(request))
    assert isinstance(action.value, JavaList) and action.value.source is None
