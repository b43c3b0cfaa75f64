"""The forms of an answer; their names and order are compared with mod_jk in tests/interop."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from dataclasses import replace

import pytest

from refjk.speccheck import covers
from refjk.status import BalancerStatus, StatusReport
from tests.status.support import (
    Page,
    access,
    ask,
    body,
    header,
    post,
    read,
    report,
    report_of,
    rule,
    with_error,
    with_member,
)

JK = "{http://tomcat.apache.org}"
EVIL = "\"'<script>&alert(1)\n\r\t\0\x1b\u2028\ud800]]>--"


def evil_report() -> StatusReport:
    """Every text that somebody may have written holds what could end a value."""
    text = read().properties
    rules = [rule("/" + EVIL, "lb"), rule("/x", "solo", active=(EVIL,))]
    whole = report_of(read(), rules, server_name=EVIL, software=EVIL)
    settings = {"route": EVIL, "redirect": EVIL, "domain": EVIL}
    whole = with_error(with_member(whole, "node1", settings=settings), "node1")
    (solo,) = whole.workers
    solo = replace(solo, worker=replace(solo.worker, name="so" + EVIL, host=EVIL, source=EVIL), address=EVIL)
    names = (*((entry.name, EVIL) for entry in text), (EVIL, EVIL), ("1", "a"), ("worker a", "b"))
    balancer: BalancerStatus = replace(whole.balancers[0], name="l" + EVIL)
    return replace(whole, workers=(solo,), balancers=(balancer,), properties=names)


@covers("STA-FMT-01")
@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("cmd=list", "server time software balancers ajp_workers result"),
        ("cmd=show&w=lb", "server time software balancer result"),
        ("cmd=show&w=solo", "server time software ajp map result"),
        ("cmd=version", "server time software result"),
        ("cmd=dump", "server time software configuration result"),
        ("cmd=edit&w=lb", "server result"),
        ("cmd=show&w=nobody", "result"),
    ],
)
def test_an_answer_has_its_parts_in_order(query: str, kinds: str) -> None:
    root = ET.fromstring(ask(f"mime=xml&{query}").body)
    assert [child.tag.removeprefix(JK) for child in root] == kinds.split()


@covers("STA-FMT-02")
def test_xml_nests_members_and_rules_in_their_balancer() -> None:
    root = ET.fromstring(ask("mime=xml").body)
    assert [child.tag for child in root.iterfind(f"{JK}balancers/{JK}balancer/*")] == [
        f"{JK}member",
        f"{JK}member",
        f"{JK}map",
    ]
    assert [child.tag for child in root.iterfind(f"{JK}ajp_workers/*")] == [f"{JK}ajp", f"{JK}map"]
    member = root.find(f".//{JK}member[@name='node2']")
    assert member is not None and member.get("port") == "9022" and member.get("lbfactor") == "2"


@covers("STA-FMT-03")
def test_txt_has_a_line_for_each_object() -> None:
    lines = body(ask("mime=txt")).splitlines()
    assert lines[0] == "Server: name=127.0.0.1 port=8080"
    assert lines[1] == "Time: datetime=20261124110615 tz=+0000 unix=1795518375"
    assert lines[2] == 'Software: web_server="refjk/1.0 (mod_jk 1.2.50 profile)" jk_version=refjk/1.0'
    assert lines[3] == "Balancer Workers: count=1"
    assert lines[5].startswith("Member: name=node1 type=ajp13 host=127.0.0.1 port=9012 ")
    assert lines[-1] == 'Result: type=OK message="Action finished"'


@covers("STA-FMT-04", "STA-FMT-05")
def test_prop_has_a_line_for_each_value_under_the_name_of_its_worker() -> None:
    whole = report()
    members = tuple(replace(member, last_reset_s=5) for member in whole.balancers[0].members)
    whole = replace(whole, balancers=(replace(whole.balancers[0], members=members),))
    lines = body(ask("mime=prop", whole, access("GET", "prefix=mine"))).splitlines()
    assert "mine.lb_count=1" in lines and "mine.ajp_count=1" in lines
    assert [line for line in lines if line.startswith("mine.list=")] == ["mine.list=lb", "mine.list=solo"]
    resets = [line for line in lines if "last_reset_at" in line]
    assert resets[1:3] == ["mine.node1.last_reset_at=5", "mine.node2.last_reset_at=5"]
    assert "mine.lb.map.1.uri=/app/*" in lines and "mine.server_port=8080" in lines
    assert lines[-2:] == ["mine.result.type=OK", "mine.result.message=Action finished"]


@covers("STA-FMT-06")
@pytest.mark.parametrize("mime", ["txt", "prop"])
@pytest.mark.parametrize("command", ["list", "dump"])
def test_no_value_makes_a_line_of_its_own(mime: str, command: str) -> None:
    def lines(whole: StatusReport) -> list[str]:
        return body(ask(f"mime={mime}&cmd={command}", whole)).splitlines()

    evil = lines(evil_report())
    known = re.compile(r"[A-Z][A-Za-z ]*: ?|worker\.|Configuration:|[^=]+=")
    assert all(known.match(line) for line in evil)
    assert not [line for line in evil if not line.isprintable()]
    if mime == "txt" and command == "list":
        assert evil[4].count("=") == lines(report())[4].count("=")
        assert re.search(r' route="\'\'<script>&alert\(1\)\?+]]>--" redirect=', evil[5])


@covers("STA-FMT-07")
@pytest.mark.parametrize(
    ("lines", "tag"),
    [
        ((), f"{JK}status"),
        (("ns=a.b:",), f"{JK}status"),
        (("ns=-",), f"{JK}status"),
        (("ns=-", "xmlns=-"), "status"),
        (("ns=x:", "xmlns=urn:status"), "{urn:status}status"),
        (("ns=x:", 'xmlns=xmlns:x="urn:other"'), "{urn:other}status"),
        (("ns=-", 'xmlns=xmlns="urn:other"'), "{urn:other}status"),
        (("ns=<!--",), f"{JK}status"),
        (("xmlns=urn:<&",), "{urn:<&}status"),
        (('doctype=<!DOCTYPE status SYSTEM "status.dtd">',), f"{JK}status"),
    ],
)
def test_the_namespace_is_that_of_the_properties(lines: tuple[str, ...], tag: str) -> None:
    root = ET.fromstring(ask("mime=xml", who=access("GET", *lines)).body)
    assert root.tag == tag
    text = body(ask("mime=xml", who=access("GET", *lines)))
    assert ("<!DOCTYPE" in text) is any(line.startswith("doctype") for line in lines)


@covers("STA-FMT-08")
def test_json_has_the_names_of_txt_nested() -> None:
    got = json.loads(ask("mime=json").body)
    assert list(got) == ["server", "time", "software", "balancers", "ajp_workers", "result"]
    (balancer,) = got["balancers"]
    assert balancer["sticky_session"] is True and balancer["method"] == "Request"
    assert [member["name"] for member in balancer["members"]] == ["node1", "node2"]
    assert balancer["maps"][0]["uri"] == "/app/*"
    assert got["result"] == {"type": "OK", "message": "Action finished"}
    assert json.loads(ask("mime=json&cmd=dump").body)["configuration"]["worker.lb.type"] == "lb"
    form = json.loads(ask("mime=json&cmd=edit&w=lb").body)
    assert form["token"] == access().token("lb")
    refused = json.loads(ask("mime=json&cmd=edit&w=lb", who=access(writable=False)).body)
    assert list(refused) == ["result"]


@covers("STA-FMT-09")
@pytest.mark.parametrize("command", ["list", "show&w=lb", "show&w=solo", "edit&w=solo", "dump", "version"])
@pytest.mark.parametrize("mime", ["html", "xml", "svg", "json"])
def test_no_value_becomes_markup(command: str, mime: str) -> None:
    whole = evil_report()
    names = {"lb": whole.balancers[0].name, "solo": whole.workers[0].name}
    for plain, evil in names.items():
        encoded = "".join(f"%{octet:02x}" for octet in evil.encode("utf-8", "surrogatepass"))
        command = command.replace(f"w={plain}", f"w={encoded}")
    got = ask(f"mime={mime}&cmd={command}", whole)
    assert got.status == 200
    if mime == "json":
        json.loads(got.body)
    elif mime == "html":
        assert not Page(body(got)).all("script")
    elif header(got, "Content-Type") != "text/plain; charset=utf-8":
        assert not [one for one in ET.fromstring(got.body).iter() if one.tag.endswith("script")]


@covers("STA-FMT-09")
def test_a_name_that_was_asked_for_is_no_markup_in_the_answer() -> None:
    for mime in ("html", "xml"):
        got = body(ask(f"mime={mime}&cmd=show&w=%3Cscript%3Ealert(1)%3C/script%3E%22"))
        assert "<script" not in got and "&lt;script&gt;" in got


@covers("STA-FMT-10")
@pytest.mark.parametrize("query", ["", "cmd=show&w=lb", "cmd=edit&w=lb&sw=node1", "cmd=dump", "cmd=version"])
def test_a_page_needs_no_script_and_nothing_from_elsewhere(query: str) -> None:
    got = body(ask(query, with_error(report())))
    page = Page(got)
    assert not page.all("script") and not page.all("img") and not page.all("link")
    assert all(str(tag["href"]).startswith("?") for tag in page.all("a"))
    assert all(tag["action"] == "?" for tag in page.all("form"))
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "style"]
    assert "url(" not in got and "@import" not in got
    assert "prefers-color-scheme: dark" in got


@covers("STA-FMT-10", "STA-FMT-11")
def test_the_style_sheet_of_the_property_is_linked_and_permitted() -> None:
    for css, source in (("/a.css", "'self'"), ("https://x.example:1/a.css?b", "https://x.example:1")):
        got = ask("", who=access("GET", f"css={css}"))
        assert Page(body(got)).all("link") == [{"rel": "stylesheet", "href": css}]
        assert f" {source}; form-action" in str(header(got, "Content-Security-Policy"))


@covers("STA-FMT-11")
@pytest.mark.parametrize(
    ("mime", "content_type"),
    [
        ("html", "text/html; charset=utf-8"),
        ("xml", "text/xml; charset=utf-8"),
        ("txt", "text/plain; charset=utf-8"),
        ("prop", "text/plain; charset=utf-8"),
        ("json", "application/json"),
        ("svg", "image/svg+xml"),
    ],
)
def test_headers_permit_as_little_as_possible(mime: str, content_type: str) -> None:
    got = ask(f"mime={mime}")
    assert header(got, "Content-Type") == content_type
    assert header(got, "Cache-Control") == "no-cache, no-store"
    assert header(got, "X-Content-Type-Options") == "nosniff"
    policy = str(header(got, "Content-Security-Policy"))
    assert policy.startswith("default-src 'none'; ") and "form-action 'self'" in policy
    for style in re.findall(r"<style>(.*?)</style>", body(got), re.DOTALL):
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert ("'sha256-" in policy) is (mime in ("html", "svg"))


def test_the_links_of_a_page_lead_where_they_say() -> None:
    page = Page(body(ask("opt=4&cmd=show&w=lb")))
    links = [str(tag["href"]) for tag in page.all("a")]
    assert "?cmd=show&mime=xml&w=lb&opt=4" in links
    assert "?cmd=show&w=lb" in links
    assert "?cmd=edit&w=lb&sw=node1&from=show&opt=4" in links
    for link in links:
        assert "ERROR" not in body(ask(link.removeprefix("?")))


def test_the_buttons_of_a_page_work() -> None:
    whole = with_error(report(), "node2")
    got = body(ask("", whole))
    forms = re.findall(r'<form method="post" action="\?">(.*?)<button>(\w+)</button></form>', got)
    assert [word for _, word in forms] == ["Reset", "Reset", "Reset", "Recover", "Reset"]
    for fields, word in forms:
        sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', fields))
        edits = post(whole, access("POST"), **sent).edits
        assert len(edits) == 1 and type(edits[0]).__name__ == word
