"""What follows a request."""

from __future__ import annotations

import pytest

from refjk.base.errors import InputError
from refjk.session import EventType, Outgoing, ReplicationFilter, ReplicationValve, SessionMessage
from refjk.speccheck import covers
from tests.session.support import START_MS, Cluster


class Recording:
    """Stands in for a manager."""

    def __init__(self, invalidated: list[str]) -> None:
        self.invalidated = invalidated

    def invalidated_sessions(self) -> list[str]:
        return self.invalidated

    def request_completed(self, session_id: str, now_ms: int) -> Outgoing | None:
        return None if session_id == "silent" else Outgoing(SessionMessage(13, "/app", session_id))


@covers("SES-VLV-01")
def test_without_manager_nothing_follows() -> None:
    valve = ReplicationValve(ReplicationFilter(None))

    assert valve.completed(None, "S", "/a", 0) == []
    assert valve.counters.requests == 1


@covers("SES-VLV-02")
@pytest.mark.parametrize(
    ("session", "uri", "expected"),
    [
        ("S", "/a", ["X", "Y", "S"]),
        ("S", "/a.gif", ["X", "Y"]),
        (None, "/a", ["X", "Y"]),
        ("silent", "/a", ["X", "Y"]),
    ],
)
def test_ended_sessions_come_first_then_that_of_the_request(
    session: str | None, uri: str, expected: list[str]
) -> None:
    valve = ReplicationValve(ReplicationFilter(r".*\.gif"))

    sent = valve.completed(Recording(["X", "silent", "Y"]), session, uri, 0)

    assert [getattr(one.message, "session_id", None) for one in sent] == expected
    assert valve.counters.sent == 1


@covers("SES-VLV-03")
def test_a_delta_manager_has_told_of_ends_already() -> None:
    cluster = Cluster()
    session = cluster["a"].create(START_MS)
    session.invalidate()

    assert cluster["a"].invalidated_sessions() == []


@covers("SES-VLV-04")
@pytest.mark.parametrize(
    ("text", "uri", "passes"),
    [
        (None, "/a.gif", True),
        (";;", "/a.gif", True),
        (r".*\.gif;.*\.js", "/a.js", False),
        (r".*\.gif;.*\.js", "/a.jsp", True),
        (r".*\.gif", "/a.GIF", True),
        (r" .*\.gif", "/a.gif", True),
        ("/app", "/app/x", True),
        ("/app/.*", "/app/x", False),
    ],
)
def test_the_filter_matches_whole_uris(text: str | None, uri: str, passes: bool) -> None:
    assert ReplicationFilter(text).passes(uri) is passes


@covers("SES-VLV-05")
@pytest.mark.parametrize("part", ["(", "*", "[a", "[[a]b]", r"\p{Alpha}"])
def test_a_part_that_is_no_expression_is_refused_at_once(part: str) -> None:
    with pytest.raises(InputError, match="filter"):
        ReplicationFilter(f".*;{part}")
    hole = ReplicationFilter(f"/a;{part}", holes=True)
    assert hole.patterns[1] is None and not hole.passes("/b")


@covers("SES-VLV-06", "SES-VLV-07")
def test_what_a_filtered_request_changed_goes_out_with_the_next() -> None:
    cluster = Cluster()
    valve = ReplicationValve(ReplicationFilter(r".*\.gif"))
    manager = cluster["a"]

    session = manager.create(START_MS)
    manager.attach(session, START_MS)
    session.set("x", 1)
    assert valve.completed(manager, session.id, "/a.gif", START_MS) == []
    manager.end(session)
    assert cluster.settle() == [EventType.CREATED]

    manager.begin(session.id, START_MS)
    (sent,) = valve.completed(manager, session.id, "/a", START_MS)
    manager.end(session)
    assert cluster.settle() == [EventType.DELTA]
    assert isinstance(sent.message, SessionMessage) and sent.message.event_type == EventType.DELTA
    assert cluster.nodes["b"].names(session.id) == {"x": 1}

    manager.begin(session.id, START_MS)
    session.invalidate()
    assert valve.completed(manager, session.id, "/a.gif", START_MS) == []
    assert cluster.settle() == [EventType.EXPIRED]
