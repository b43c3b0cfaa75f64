"""What the original sent, did and told, file by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors import play, read_document
from refjk.vectors.session_messages import CLASS_KIND, MESSAGE_KIND
from refjk.vectors.session_octets import DELTA_KIND, SESSION_KIND, STATE_KIND
from refjk.vectors.session_requests import ROUTE_KIND, VALVE_KIND
from refjk.vectors.session_scenarios import SCENARIO_KIND

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"
FILES = [
    ("delta-request", DELTA_KIND, 33),
    ("delta-session-555", SESSION_KIND, 11),
    ("delta-session-559", SESSION_KIND, 11),
    ("all-session-data-555", STATE_KIND, 8),
    ("all-session-data-559", STATE_KIND, 8),
    ("session-message-555", MESSAGE_KIND, 26),
    ("session-message-5536", MESSAGE_KIND, 27),
    ("session-id-message-555", MESSAGE_KIND, 4),
    ("session-id-message-5536", MESSAGE_KIND, 4),
    ("single-sign-on-message", MESSAGE_KIND, 7),
    ("message-classes", CLASS_KIND, 13),
    ("replication-valve", VALVE_KIND, 37),
    ("jvm-route", ROUTE_KIND, 11),
    ("delta-manager-scenarios", SCENARIO_KIND, 21),
]


def document(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


@covers(
    "SES-DLT-01",
    "SES-DLT-03",
    "SES-LAY-01",
    "SES-LAY-02",
    "SES-LAY-03",
    "SES-LAY-06",
    "SES-LAY-08",
    "SES-MSG-01",
    "SES-MSG-02",
    "SES-SSO-01",
    "SES-MGR-01",
    "SES-MGR-02",
    "SES-MGR-05",
    "SES-MGR-06",
    "SES-MGR-07",
    "SES-MGR-08",
    "SES-MGR-11",
    "SES-LSN-01",
    "SES-LSN-03",
    "SES-LSN-04",
    "SES-VLV-01",
    "SES-VLV-02",
    "SES-VLV-04",
    "SES-XFR-01",
    "SES-RTE-02",
)
@pytest.mark.parametrize(("name", "kind", "count"), FILES, ids=[name for name, _, _ in FILES])
def test_every_recording_is_played_without_a_difference(name: str, kind: str, count: int) -> None:
    result = play(read_document(json.dumps(document(name))))

    assert result.differences == ()
    assert (result.kind, result.passed, result.failed) == (kind, count, 0)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("delta-request", lambda vector: vector["actions"].pop()),
        ("delta-request", lambda vector: vector.update(hex=vector["hex"][:-2] + "00")),
        ("delta-session-555", lambda vector: vector["session"].update(maxInactiveInterval=7)),
        ("all-session-data-559", lambda vector: vector["sessions_in_order"][0].update(isNew=True)),
        ("all-session-data-555", lambda vector: vector["loaded_by_original"][0].update(accessCount=1)),
        ("session-message-555", lambda vector: vector["fields"].update(sessionID="X")),
        ("message-classes", lambda vector: vector.update(suid=1)),
        ("replication-valve", lambda vector: vector["calls"].append("more")),
        ("jvm-route", lambda vector: vector.update(counter=5)),
        ("delta-manager-scenarios", lambda vector: vector["steps"][0]["listener_calls"].pop()),
        ("delta-manager-scenarios", lambda vector: vector["steps"][0]["messages"].pop()),
        ("delta-manager-scenarios", lambda vector: vector["steps"][0]["state"]["A"].clear()),
    ],
)
def test_a_recording_that_says_something_else_is_found(name: str, change: Any) -> None:
    changed = document(name)
    place = 1 if name in ("delta-request", "all-session-data-559", "all-session-data-555") else 0
    change(changed["vectors"][place])

    result = play(read_document(json.dumps(changed)))

    assert result.failed == 1 and result.differences


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("delta-manager-scenarios", lambda vector: vector["steps"][0].update(step="something else")),
        ("delta-request", lambda vector: vector["calls"][0].update(call="something else")),
        ("delta-session-555", lambda vector: vector["session"].pop("id")),
    ],
)
def test_a_recording_that_breaks_the_schema_is_named(name: str, change: Any) -> None:
    changed = document(name)
    change(changed["vectors"][1])

    with pytest.raises(InputError, match="vectors"):
        play(read_document(json.dumps(changed)))
