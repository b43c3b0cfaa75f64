"""The status page of a node as html and json, and to whom it answers."""

from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from typing import Any

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.speccheck import covers
from refjk.status.node_answer import answer_node
from refjk.status.node_model import NodeReport, SenderStatus, short_id
from refjk.status.rating import Rating
from tests.status.node_support import (
    EVIL,
    NODE2,
    NODE3,
    SESSION_ID,
    ask_node,
    cluster,
    evil_node,
    member,
    node,
    sessions,
    visitor,
)
from tests.status.support import Page, body, header
from tests.status.test_mutation import queries

TARGETS = ("/", "/status", "/?mime=json", "/?mime=svg", "/metrics")


def rows(got: str, name: str) -> list[dict[str, str]]:
    """The table of a class, as heading to text for each row."""
    found = re.search(rf"<table class={name}>(.*?)</table>", got, re.DOTALL)
    assert found is not None
    head, *lines = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    names = re.findall(r"<th>(.*?)</th>", head)
    cells = [re.findall(r"<td>(?:<span[^>]*>)?(.*?)(?:</span>)?</td>", line) for line in lines]
    return [dict(zip(names, line, strict=True)) for line in cells]


@covers("NOD-STS-03")
def test_the_page_shows_each_member_with_all_counters_of_its_sender() -> None:
    first, second = rows(body(ask_node()), "members")
    assert (
        first | {"name": NODE2, "alive_s": "61", "state": "ok", "messages": "40", "octets": "4000"} == first
    )
    expected = asdict(SenderStatus(True, 30, 3000, 2, 4, 5, 6, 7, 800, 9))
    assert second["name"] == NODE3 and second["state"] == "suspect" and second["domain"] == "east"
    assert {key: second[key] for key in expected if key != "suspect"} == {
        key: str(value) for key, value in expected.items() if key != "suspect"
    }


@covers("NOD-STS-03")
@pytest.mark.parametrize(
    ("values", "state", "rating"),
    [
        ({"sender": SenderStatus()}, "ok", Rating.GOOD),
        ({"sender": SenderStatus(queue_length=1)}, "ok", Rating.DEGRADED),
        ({"sender": SenderStatus(suspect=True)}, "suspect", Rating.BAD),
        ({"sender": None}, "no sender", Rating.DEGRADED),
        ({"sender": SenderStatus(), "alive_ms": None}, "gone", Rating.DEGRADED),
        ({"sender": SenderStatus(suspect=True), "alive_ms": None}, "suspect", Rating.BAD),
    ],
)
def test_a_member_is_in_the_state_of_its_sender(values: dict[str, Any], state: str, rating: Rating) -> None:
    one = member(**values)
    assert (one.state, one.rating) == (state, rating)
    report = node(clusters=(cluster(members=(one,)),))
    assert rows(body(ask_node("/", report)), "members")[0]["state"] == state
    assert json.loads(ask_node("/?mime=json", report).body)["clusters"][0]["members"][0]["state"] == state


@covers("NOD-STS-04")
def test_the_page_shows_receiver_and_connectors_with_their_counters() -> None:
    got = body(ask_node())
    expected = {"address": "127.0.0.1:4001", "connections": "2", "messages": "77"}
    assert rows(got, "receiver") == [expected]
    assert rows(got, "connector") == [{"requests": "12", "pings": "3"}]
    assert "<th>failed_sends</th><th>unclaimed</th>" in got and "<td>6</td><td>1</td>" in got
    assert "ajp://127.0.0.1:8009" in got


@covers("NOD-STS-05")
def test_the_page_shows_the_sessions_of_an_application_by_role_and_the_transfer() -> None:
    (row,) = rows(body(ask_node()), "sessions")
    assert row | {"sessions": "14", "primary": "5", "backup": "9", "most": "20", "limit": ""} == row
    assert (row["transfer"], row["asked"], row["questions"], row["held"]) == ("done", "", "1", "0")
    assert "<th>created</th><th>deltas_sent</th>" in body(ask_node())
    waiting = replace(sessions().transfer, phase="waiting", asked=NODE2, held_messages=4)
    report = node(clusters=(cluster(applications=(sessions(limit=100, transfer=waiting),)),))
    (row,) = rows(body(ask_node("/", report)), "sessions")
    assert (row["limit"], row["transfer"], row["asked"], row["held"]) == ("100", "waiting", NODE2, "4")


@covers("NOD-STS-15")
def test_the_page_shows_all_applications_and_why_one_was_not_started() -> None:
    first, second = rows(body(ask_node()), "contexts")
    assert first | {"path": "/shop", "from": "/srv/shop", "distributable": "yes", "state": "started"} == first
    assert second["path"] == "/" and second["state"] == "no module named &#x27;root&#x27;"


@covers("NOD-STS-16")
def test_the_page_shows_what_the_farm_has_and_what_it_told_last_first() -> None:
    got = body(ask_node())
    (place,) = rows(got, "farm")
    assert place == {"deploys_to": "/srv/webapps", "watches": "/srv/watch", "dropped": "2"}
    (version,) = rows(got, "versions")
    assert version | {"path": "/shop", "digest": "ab" * 32, "octets": "4711"} == version
    refused, deployed = rows(got, "events")
    assert (refused["path"], refused["event"]) == ("/bad", "no web.xml")
    assert deployed["event"] == "deployed abababababababab"
    assert '<span class="bad">no web.xml</span>' in got


@covers("NOD-STS-06")
@pytest.mark.parametrize("target", TARGETS)
def test_no_form_has_more_than_the_beginning_of_an_id(target: str) -> None:
    got = ask_node(target).body.decode("utf-8")
    assert SESSION_ID[:9] not in got
    assert (SESSION_ID[:8] in got) is (target in ("/", "/status", "/?mime=json"))


@covers("NOD-STS-06")
@pytest.mark.parametrize(
    ("session_id", "shown"),
    [(SESSION_ID, "01234567…"), ("A" * 16, "A" * 8 + "…"), ("ABCDEF.a", "ABCD…"), ("A", "…"), ("", "…")],
)
def test_a_short_id_is_no_more_than_half_of_the_id(session_id: str, shown: str) -> None:
    assert short_id(session_id) == shown


@covers("NOD-STS-08")
def test_the_page_is_balanced_needs_no_script_and_nothing_from_elsewhere() -> None:
    got = body(ask_node())
    page = Page(got)
    assert page.all("script") == [] and page.all("link") == [] and page.all("form") == []
    links = [str(tag["href"]) for tag in page.all("a")]
    assert links and all(one.startswith("?") or one == "metrics" for one in links)
    assert "url(" not in got and "prefers-color-scheme: dark" in got


@covers("NOD-STS-08")
def test_every_value_is_escaped() -> None:
    got = body(ask_node("/", evil_node()))
    page = Page(got)
    assert page.all("script") == []
    assert got.count("&lt;script&gt;") >= 15
    assert "<script" not in got and "\x00" not in got
    ET.fromstring(ask_node("/?mime=svg", evil_node()).body)


@covers("NOD-STS-08")
@pytest.mark.parametrize("target", [*TARGETS, "/nothing", "/?mime=xml"])
def test_every_answer_has_the_headers_of_a_status_worker(target: str) -> None:
    got = ask_node(target)
    policy = header(got, "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src ")
    assert "script" not in policy and "unsafe" not in policy
    assert header(got, "Cache-Control") == "no-cache, no-store"
    assert header(got, "X-Content-Type-Options") == "nosniff"
    is_drawn = target in ("/", "/status", "/?mime=svg")
    assert ("'sha256-" in policy) is is_drawn


@covers("NOD-STS-09")
def test_json_has_every_value_of_the_report() -> None:
    document = json.loads(ask_node("/?mime=json").body)
    assert document["name"] == "node1" and document["now_ms"] == node().now_ms
    (shown,) = document["clusters"]
    assert shown["receiver"] == {"address": "127.0.0.1:4001", "counters": {"connections": 2, "messages": 77}}
    assert shown["counters"] == {"failed_sends": 6, "unclaimed": 1}
    assert [one["name"] for one in shown["members"]] == [NODE2, NODE3]
    assert shown["members"][1]["sender"] == asdict(SenderStatus(True, 30, 3000, 2, 4, 5, 6, 7, 800, 9))
    (application,) = shown["applications"]
    assert (application["primary"], application["backup"]) == (5, 9)
    assert application["counters"] == {"created": 6, "deltas_sent": 31}
    assert application["listed"][0]["id"] == "01234567…"
    assert document["connectors"] == [
        {"name": "ajp://127.0.0.1:8009", "counters": {"requests": 12, "pings": 3}}
    ]
    (shown,) = document["farms"]
    assert shown["versions"][0]["digest"] == "ab" * 32 and shown["events"][1]["refused"] is True
    assert document["contexts"][1]["error"] == "no module named 'root'"
    assert json.loads(ask_node("/?mime=json", evil_node()).body)["name"] == EVIL


def test_a_page_asks_again_when_it_is_told_to() -> None:
    got = body(ask_node("/?re=10"))
    assert '<meta http-equiv="refresh" content="10">' in got and "Stop refreshing" in got
    assert "http-equiv" not in body(ask_node())


def test_a_node_without_cluster_applications_and_connectors_has_a_page_too() -> None:
    empty = node(clusters=(), contexts=(), connectors=(), farms=())
    assert "Contexts: 0" in Page(body(ask_node("/", empty))).text
    assert all(ask_node(target, empty).status == 200 for target in TARGETS)


@covers("NOD-STS-02")
@pytest.mark.parametrize(
    ("who", "status"),
    [
        (visitor(), 200),
        (visitor(peer="::1", host="localhost:9090"), 200),
        (visitor(host="[::1]:9090"), 200),
        (visitor(host="127.0.0.1"), 200),
        (visitor(host="shop.example", hosts=frozenset({"shop.example"})), 200),
        (visitor(host="attacker.example"), 403),
        (visitor(host="localhost, attacker.example"), 403),
        (visitor(peer="192.0.2.1"), 403),
        (visitor(peer="192.0.2.1", remote=True), 200),
        (visitor(peer="192.0.2.1", host="attacker.example", remote=True), 403),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_it_is_shown_on_this_machine_and_under_own_names_only(target: str, who: Any, status: int) -> None:
    got = ask_node(target, who=who)
    assert got.status == status
    assert ("tcp://" in body(got)) is (status == 200)


@covers("NOD-STS-02")
def test_nothing_is_gathered_for_whoever_may_not_look() -> None:
    def gather() -> NodeReport:
        raise LocalProtocolError("gathered")

    assert answer_node("/", b"", visitor(peer="192.0.2.1"), gather).status == 403
    assert answer_node("/nothing", b"", visitor(), gather).status == 404
    with pytest.raises(LocalProtocolError, match="gathered"):
        answer_node("/", b"", visitor(), gather)


@covers("NOD-STS-12")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""])
def test_any_other_method_is_refused(method: str) -> None:
    got = ask_node("/", who=visitor(method))
    assert (got.status, header(got, "Allow")) == (405, "GET, HEAD")
    assert ask_node("/", who=visitor("HEAD")).status == 200


@covers("NOD-STS-13")
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/status?", 200),
        ("/?cmd=list&mime=html", 200),
        ("/status/", 404),
        ("//", 404),
        ("/favicon.ico", 404),
        ("/metrics/", 404),
        ("", 404),
        ("*", 404),
        ("http://localhost/", 404),
        ("/?mime=xml", 400),
        ("/?mime=nonsense", 400),
        ("/?cmd=edit", 400),
        ("/?cmd=nonsense", 400),
        (f"/?x={'1' * 9000}", 400),
    ],
)
def test_what_there_is_not_is_not_found_and_what_makes_no_sense_refused(target: str, status: int) -> None:
    assert ask_node(target).status == status


def test_no_query_makes_it_raise() -> None:
    chance = random.Random(5)
    for query in queries(7, 300):
        path = chance.choice(["/", "/status", "/metrics", "/\x00"])
        got = answer_node(path, query, visitor(), evil_node)
        assert got.status in (200, 400, 404)
