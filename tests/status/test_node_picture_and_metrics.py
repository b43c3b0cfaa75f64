"""The picture of a node's members, and its metrics."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import asdict

import pytest

from refjk.speccheck import covers
from refjk.status.node_model import TRANSFER_PHASES, SenderStatus, TransferStatus
from tests.status.node_support import NODE2, NODE3, ask_node, cluster, evil_node, member, node, sessions
from tests.status.support import body, header
from tests.status.test_picture_and_metrics import samples

SVG = "{http://www.w3.org/2000/svg}"
HERE = 'cluster="Catalina/localhost"'


@covers("NOD-STS-10")
def test_a_picture_shows_each_sender_with_what_it_sent_what_waits_and_what_failed() -> None:
    root = ET.fromstring(ask_node("/?mime=svg").body)
    texts = [one.text for one in root.iter(f"{SVG}text")]
    expected = {"tcp://127.0.0.1:4001", "5 primary, 9 backup", NODE2, NODE3, "ok", "suspect", "40", "30"}
    assert expected <= set(texts)
    assert texts[texts.index("30") :] == ["30", "7", "6"]
    assert [one.get("class") for one in root.iter(f"{SVG}circle")] == ["good", "bad"]
    assert [one.get("class") for one in root.iter(f"{SVG}path")] == ["link", "link bad-link"]
    widths = [float(one.get("width", "0")) for one in root.iter(f"{SVG}rect") if one.get("class") == "share"]
    assert widths == [84.0, 63.0]


@covers("NOD-STS-10")
def test_a_picture_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(ask_node("/?mime=svg").body)
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.findtext(f"{SVG}title") == "Members that node node1 sends to"
    assert root.findtext(f"{SVG}desc") == (
        "Catalina/localhost: tcp://127.0.0.1:4001 sends to"
        f" {NODE2}: ok, 40 messages, 0 waiting, 0 failed; {NODE3}: suspect, 30 messages, 7 waiting, 6 failed."
    )


@covers("NOD-STS-10")
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_a_picture_has_room_for_all_members(count: int) -> None:
    members = tuple(member(f"tcp://127.0.0.1:{5000 + number}") for number in range(count))
    both = (cluster(members=members), cluster(name="other", members=members))
    root = ET.fromstring(ask_node("/?mime=svg", node(clusters=both)).body)
    circles = [float(one.get("cy", "0")) for one in root.iter(f"{SVG}circle")]
    assert len(circles) == 2 * count
    assert all(44 < y < float(root.get("height", "0")) / 2 for y in circles)
    words = str(root.findtext(f"{SVG}desc"))
    assert ("is alone." in words) is (count == 0)
    assert body(ask_node("/", node(clusters=both))).count('<svg class="pic" role="img"') == 2


def test_a_picture_needs_nothing_from_elsewhere_and_fits_light_and_dark() -> None:
    got = body(ask_node("/?mime=svg"))
    assert "prefers-color-scheme: dark" in got
    assert "href" not in got and "url(" not in got and "<script" not in got
    assert "No cluster." in body(ask_node("/?mime=svg", node(clusters=())))


@covers("NOD-STS-11")
def test_metrics_have_the_values_of_members_senders_sessions_and_connectors() -> None:
    got = ask_node("/metrics")
    assert header(got, "Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(body(got))
    assert all(name.startswith("refjk_node_") for name, _ in found)
    assert found["refjk_node_info", 'node="node1",software="refjk/1.0"'] == 1
    assert found["refjk_node_members", HERE] == 2
    assert found["refjk_node_member_alive_seconds", f'{HERE},member="{NODE2}"'] == 61
    of_node3 = {
        name.removeprefix("refjk_node_sender_").removesuffix("_total"): value
        for (name, labels), value in found.items()
        if name.startswith("refjk_node_sender_") and labels == f'{HERE},member="{NODE3}"'
    }
    of_node3["octets"] = of_node3.pop("bytes")
    assert of_node3 == asdict(SenderStatus(True, 30, 3000, 2, 4, 5, 6, 7, 800, 9))
    shop = f'{HERE},application="/shop"'
    assert found["refjk_node_sessions", f'{shop},role="primary"'] == 5
    assert found["refjk_node_sessions", f'{shop},role="backup"'] == 9
    assert found["refjk_node_sessions_max", shop] == 20
    assert found["refjk_node_session_events_total", f'{shop},event="deltas_sent"'] == 31
    assert found["refjk_node_receiver_events_total", f'{HERE},event="messages"'] == 77
    assert found["refjk_node_message_events_total", f'{HERE},event="failed_sends"'] == 6
    assert found["refjk_node_context_up", 'host="Catalina/localhost",application="/"'] == 0
    version = f'host="Catalina/localhost",application="/shop",digest="{"ab" * 32}"'
    assert found["refjk_node_farm_version_info", version] == 1
    connector = 'connector="ajp://127.0.0.1:8009",event="requests"'
    assert found["refjk_node_connector_events_total", connector] == 12


@covers("NOD-STS-11")
@pytest.mark.parametrize("phase", TRANSFER_PHASES)
def test_the_phase_of_a_transfer_is_one_among_samples_of_all(phase: str) -> None:
    report = node(clusters=(cluster(applications=(sessions(transfer=TransferStatus(phase)),)),))
    found = samples(body(ask_node("/metrics", report)))
    phases = {key[1]: value for key, value in found.items() if key[0] == "refjk_node_transfer_phase"}
    assert [labels for labels, value in phases.items() if value] == [
        f'{HERE},application="/shop",phase="{phase}"'
    ]
    assert len(phases) == len(TRANSFER_PHASES)


@covers("NOD-STS-11")
def test_labels_are_escaped_and_a_metric_without_samples_is_left_out() -> None:
    assert samples(body(ask_node("/metrics", evil_node())))
    empty = samples(body(ask_node("/metrics", node(clusters=(), contexts=(), connectors=(), farms=()))))
    assert [name for name, _ in empty] == ["refjk_node_info"]


@covers("NOD-STS-11")
def test_a_member_that_is_gone_is_not_counted_and_one_without_sender_has_no_counters() -> None:
    gone, new = member(NODE2, alive_ms=None, sender=SenderStatus(messages=3)), member(NODE3, sender=None)
    found = samples(body(ask_node("/metrics", node(clusters=(cluster(members=(gone, new)),)))))
    assert found["refjk_node_members", HERE] == 1
    shown = {
        (name, re.findall(r"member=\"(.*?)\"", labels)[0]) for name, labels in found if "member=" in labels
    }
    assert ("refjk_node_member_alive_seconds", NODE3) in shown
    assert ("refjk_node_member_alive_seconds", NODE2) not in shown
    assert ("refjk_node_sender_messages_total", NODE2) in shown
    assert ("refjk_node_sender_messages_total", NODE3) not in shown
