"""The list of changes: what it collapses, how it reads, and what it does at another node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import JavaObject, Long, ObjectOutput
from refjk.session import (
    ORIGINAL,
    AttributeCodecs,
    DeltaAction,
    DeltaRequest,
    EventType,
    Principal,
    Session,
    SessionMessage,
    decode_delta_request,
    encode_delta_request,
)
from refjk.session.principal import DESCRIPTION
from refjk.speccheck import covers
from tests.session.support import CART, CONTEXT, START_MS, Cluster, set_to


def rows(request: DeltaRequest) -> list[tuple[int, int, str, object]]:
    return [(one.type, one.verb, one.name, one.value) for one in request]


@covers("SES-DLT-01")
def test_the_last_action_of_a_name_stands_at_the_end() -> None:
    request = DeltaRequest("S")

    request.set_attribute("a", 1)
    request.set_attribute("b", 2)
    request.set_attribute("a", 3)
    request.remove_attribute("b")

    assert rows(request) == [(0, 0, "a", 3), (0, 1, "b", None)]
    everything = DeltaRequest("S", record_all=True)
    for value in (1, 2):
        everything.set_attribute("a", value)
    assert rows(everything) == [(0, 0, "a", 1), (0, 0, "a", 2)]


@covers("SES-DLT-02")
def test_an_attribute_with_a_reserved_name_takes_the_place_of_that_action() -> None:
    request = DeltaRequest("S")

    request.set_max_inactive_interval(60)
    request.set_attribute("__SET__MAXINTERVAL__", "x")

    assert rows(request) == [(0, 0, "__SET__MAXINTERVAL__", "x")]


@covers("SES-DLT-03", "SES-DLT-08")
def test_all_kinds_of_actions_are_read_as_they_were_written() -> None:
    request = DeltaRequest("S.node1")
    request.set_attribute("a", [1])
    request.set_principal(Principal("anna", "secret", ("z", "b")))
    request.set_new(True)
    request.set_max_inactive_interval(-1)
    request.set_auth_type("FORM")

    read = decode_delta_request(encode_delta_request(request))

    assert (read.session_id, read.record_all) == ("S.node1", False)
    assert rows(read) == rows(request)
    principal = list(read)[1].value
    assert isinstance(principal, Principal) and principal.roles == ("b", "z")


def stream(*actions: tuple[int, int, str, object], count: int | None = None, tail: object = None) -> bytes:
    target = ObjectOutput()
    target.write_utf("S")
    target.write_boolean(False)
    target.write_int(len(actions) if count is None else count)
    for kind, verb, name, value in actions:
        target.write_int(kind)
        target.write_int(verb)
        target.write_utf(name)
        target.write_object(value)
    if tail is not None:
        target.write_object(tail)
    return target.octets()


ROLES_OF_NUMBERS = JavaObject.of(DESCRIPTION, name="anna", roles=(1, 2))

FAULTS: list[tuple[str, str, bytes]] = [
    ("something behind", "OBS-BLK-10", stream(tail="x")),
    ("fewer actions than said", "OBS-BLK-08", stream((0, 0, "a", "x"), count=2)),
    ("a negative count", "SES-DLT-05", stream(count=-1)),
    ("a count above the bound", "SES-DLT-05", stream(count=100_001)),
    ("an unknown type", "SES-DLT-06", stream((0, 0, "a", "x"), (5, 0, "b", "x"))),
    ("a negative type", "SES-DLT-06", stream((-1, 0, "b", "x"))),
    ("an unknown verb", "SES-DLT-06", stream((0, 2, "b", "x"))),
    ("an interval that is text", "SES-DLT-07", stream((3, 0, "i", "x"))),
    ("an interval that is a Long", "SES-DLT-07", stream((3, 0, "i", Long(1)))),
    ("an interval of null", "SES-DLT-07", stream((3, 0, "i", None))),
    ("new that is a number", "SES-DLT-07", stream((2, 0, "n", 1))),
    ("an authentication type that is a number", "SES-DLT-07", stream((4, 0, "n", 1))),
    ("a principal that is text", "SES-DLT-09", stream((1, 0, "p", "anna"))),
    ("a principal of another class", "SES-DLT-09", stream((1, 0, "p", JavaObject.of(CART)))),
    ("a principal without name", "SES-DLT-09", stream((1, 0, "p", JavaObject.of(DESCRIPTION)))),
    ("roles that are numbers", "SES-DLT-09", stream((1, 0, "p", ROLES_OF_NUMBERS))),
]


@covers("SES-DLT-04", "SES-DLT-05", "SES-DLT-06", "SES-DLT-07", "SES-DLT-09")
@pytest.mark.parametrize(("clause", "octets"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_a_delta_with_a_fault_is_refused_and_nothing_of_it_is_done(clause: str, octets: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        decode_delta_request(octets)
    assert caught.value.clause == clause

    cluster = Cluster()
    session = cluster.request("a", None, set_to("a", "before"))
    cluster.settle()
    cluster["b"].receive(SessionMessage(EventType.DELTA, CONTEXT, session.id, octets), START_MS)

    assert cluster.nodes["b"].names(session.id) == {"a": "before"}
    replica = cluster["b"].known(session.id)
    assert replica is not None and replica.access_count == 0
    assert [report.kind for report in cluster["b"].reports()] == ["malformed"]
    assert cluster["b"].counters.malformed == 1


def test_an_action_inside_the_bounds_is_taken() -> None:
    read = decode_delta_request(stream((0, 0, "a", None), (1, 0, "p", None), (4, 1, "t", None)))

    assert [one.value for one in read] == [None, None, None]


@covers("SES-DLT-10", "SES-MGR-15")
def test_a_received_delta_is_one_access_and_leaves_the_own_list_alone() -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    own = cluster["b"].begin(session.id, cluster.now_ms)
    assert own is not None
    own.set("y", "b")
    cluster.now_ms += 5000

    cluster.request("a", session.id, set_to("x", "a"))
    cluster.settle()

    assert own.attributes() == {"x": "a", "y": "b"}
    assert (own.this_access_ms, own.access_count, own.primary) == (cluster.now_ms, 1, False)
    cluster["b"].request_completed(session.id, cluster.now_ms)
    assert cluster.settle() == [EventType.DELTA]
    assert cluster.nodes["a"].names(session.id) == {"x": "a", "y": "b"}


@covers("SES-DLT-10")
def test_with_the_originals_rule_the_own_change_stays_where_it_is() -> None:
    cluster = Cluster(rules=ORIGINAL)
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    own = cluster["b"].begin(session.id, cluster.now_ms)
    assert own is not None
    own.set("y", "b")

    cluster.request("a", session.id, set_to("x", "a"))
    cluster.settle()
    cluster["b"].request_completed(session.id, cluster.now_ms)
    cluster.settle()

    assert cluster.nodes["a"].names(session.id) == {"x": "a"}


@covers("SES-DLT-11")
def test_a_delta_of_another_session_does_nothing() -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    request = DeltaRequest("OTHER")
    request.set_attribute("x", 1)

    octets = encode_delta_request(request)
    cluster["b"].receive(SessionMessage(EventType.DELTA, CONTEXT, session.id, octets), START_MS)

    assert cluster.nodes["b"].names(session.id) == {"x": 0}
    assert "SES-DLT-11" in cluster["b"].reports()[0].text


@covers("SES-DLT-12")
def test_what_cannot_be_written_any_more_keeps_nothing_else_back() -> None:
    cluster = Cluster()
    items: list[object] = []

    def act(session: Session) -> None:
        session.set("bad", items)
        session.set("good", 1)
        items.append(object())

    session = cluster.request("a", None, act)
    cluster.settle()

    assert cluster.nodes["b"].names(session.id) == {"good": 1}
    (report,) = cluster["a"].reports()
    assert (report.kind, report.attribute) == ("unwritable", "bad")

    items.clear()
    cluster.request("a", session.id)
    cluster.settle()
    assert cluster.nodes["b"].names(session.id) == {"bad": [], "good": 1}


def test_only_what_cannot_be_written_sends_nothing() -> None:
    cluster = Cluster()
    items: list[object] = []
    session = cluster.request("a", None, set_to("bad", items))
    cluster.settle()

    def act(session: Session) -> None:
        session.set("bad", items)
        items.append(object())

    cluster.request("a", session.id, act)

    assert cluster.settle() == []
    assert cluster["a"].reports()[0].attribute == "bad"


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda session: session.set_principal(Principal("anna", "x", ("admin",))), "principal"),
        (lambda session: session.set_max_inactive_interval(77), "max_inactive_interval"),
    ],
)
def test_principal_and_interval_are_the_same_there(act: Callable[[Session], None], told: str) -> None:
    cluster = Cluster()

    session = cluster.request("a", None, act)
    cluster.settle()

    replica = cluster["b"].known(session.id)
    assert getattr(replica, told) == getattr(session, told)


def test_a_value_that_cannot_be_written_is_told_by_the_writer() -> None:
    request = DeltaRequest("S")
    request.add(DeltaAction(0, 0, "x", object()))

    with pytest.raises(LocalProtocolError):
        encode_delta_request(request, AttributeCodecs())


@covers("SES-DLT-13")
def test_what_a_running_request_has_changed_stands_everywhere() -> None:
    cluster = Cluster("abc")
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    own = cluster["b"].begin(session.id, cluster.now_ms)
    assert own is not None
    own.set("x", "b")
    own.set_max_inactive_interval(5)

    def other(session: Session) -> None:
        session.set("x", "a")
        session.set("y", "a")
        session.set_max_inactive_interval(7)

    cluster.request("a", session.id, other)
    cluster.settle()
    assert own.attributes() == {"x": "b", "y": "a"}
    cluster["b"].request_completed(session.id, cluster.now_ms)
    cluster["b"].end(own)
    cluster.settle()

    for name in "abc":
        known = cluster[name].known(session.id)
        assert known is not None
        assert (known.attributes(), known.max_inactive_interval) == ({"x": "b", "y": "a"}, 5)


@covers("SES-DLT-13")
def test_what_was_kept_back_by_a_filter_gives_way_to_what_is_newer() -> None:
    cluster = Cluster("abc")
    session = cluster.request("a", None, set_to("x", 0))
    cluster.settle()
    own = cluster["b"].begin(session.id, cluster.now_ms)
    assert own is not None
    own.set("x", "old")
    own.set("z", "kept")
    cluster["b"].end(own)

    cluster.request("a", session.id, set_to("x", "new"))
    cluster.settle()
    cluster.request("b", session.id)
    cluster.settle()

    for name in "abc":
        assert cluster.nodes[name].names(session.id) == {"x": "new", "z": "kept"}
