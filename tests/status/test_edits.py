"""What a change comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refjk.balancing import Activation, Method, WorkerState
from refjk.configuration import Lock
from refjk.speccheck import covers
from refjk.status import (
    EditBalancer,
    EditMember,
    EditWorker,
    Recover,
    Reset,
    decide,
    parse_request,
    render,
)
from tests.status.support import (
    Page,
    access,
    apply,
    ask,
    body,
    edits,
    post,
    report,
    with_error,
    with_member,
)


@covers("STA-EDT-01")
def test_a_balancer_gets_all_that_is_given_and_differs() -> None:
    form = {"vlr": "5", "vlri": "200", "vlt": "30", "vlee": "10", "vlx": "2", "vls": "off", "vlf": "on"}
    (edit,) = edits(report(), w="lb", **form, vlm="Busyness", vll="p")
    assert edit == EditBalancer(
        "lb",
        {
            "retries": 5,
            "retry_interval_ms": 200,
            "recover_time_s": 30,
            "error_escalation_time_s": 10,
            "max_reply_timeouts": 2,
            "sticky_session": False,
            "sticky_session_force": True,
            "method": Method.BUSYNESS,
            "lock": Lock.PESSIMISTIC,
        },
    )


@covers("STA-EDT-01")
def test_what_is_as_it_was_is_no_edit() -> None:
    form = {"vlr": "2", "vlt": "60", "vlee": "30", "vls": "yes", "vlm": "R", "vll": "0"}
    assert edits(report(), w="lb", **form) == ()
    assert edits(report(), w="lb", vlr="3", vlt="60") == (EditBalancer("lb", {"retries": 3}),)
    assert edits(report(), w="lb") == ()


@covers("STA-EDT-02", "STA-EDT-03")
def test_a_member_gets_what_concerns_the_balancer_and_what_concerns_the_connector() -> None:
    member = {"vwa": "1", "vwf": "4", "vwn": "r.1", "vwr": "node2", "vwc": "left", "vwd": "3"}
    (in_balancer, of_worker) = edits(report(), w="lb", sw="node1", **member, vaprt="9013", vabl="7")
    assert in_balancer == EditMember(
        "lb",
        "node1",
        {
            "activation": Activation.DISABLED,
            "factor": 4,
            "route": "r.1",
            "redirect": "node2",
            "domain": "left",
            "distance": 3,
        },
    )
    assert of_worker == EditWorker("node1", {"port": 9013, "busy_limit": 7})


@covers("STA-EDT-02")
def test_an_empty_word_takes_a_route_redirect_or_domain_away() -> None:
    whole = with_member(report(), "node2", settings={"route": "other"})
    (edit,) = edits(whole, w="lb", sw="node2", vwn="", vwr="", vwc="")
    assert edit == EditMember("lb", "node2", {"route": None, "redirect": None, "domain": None})


@covers("STA-EDT-03")
def test_a_worker_alone_gets_what_concerns_the_connector() -> None:
    form = {
        "vahst": "app.example.com",
        "vaprt": "1",
        "vacpt": "2",
        "vapng": "3",
        "vact": "4",
        "vapt": "5",
        "vart": "6",
        "var": "7",
        "vari": "8",
        "vacpi": "9",
        "varo": "10",
        "vabl": "11",
        "vamps": "16384",
    }
    (edit,) = edits(report(), w="solo", **form, vwf="99")
    assert edit == EditWorker(
        "solo",
        {
            "host": "app.example.com",
            "port": 1,
            "connection_pool_timeout": 2,
            "ping_timeout": 3,
            "connect_timeout": 4,
            "prepost_timeout": 5,
            "reply_timeout": 6,
            "retries": 7,
            "retry_interval": 8,
            "connection_ping_interval": 9,
            "recovery_options": 10,
            "busy_limit": 11,
            "max_packet_size": 16384,
        },
    )


GOOD_AND_BAD = [
    ("vlr", "1", "0"),
    ("vlri", "1", "0"),
    ("vlt", "2147483647", "2147483648"),
    ("vlee", "1", "-1"),
    ("vlx", "0", "1.5"),
    ("vls", "True", "maybe"),
    ("vlm", "next", "5"),
    ("vll", "o", "x"),
    ("vwa", "S", "3"),
    ("vwf", "1", "0"),
    ("vwn", "a" * 60, "a" * 61),
    ("vwn", "a.b-c_d", "a;b"),
    ("vwr", "a", "a\r\nb"),
    ("vwc", "a", 'a"'),
    ("vwd", "0", ""),
    ("vahst", "2001:db8::1", ""),
    ("vahst", "a" * 60, "a b"),
    ("vaprt", "65535", "65536"),
    ("vaprt", "1", "0"),
    ("vacpt", "0", "-5"),
    ("var", "1", "0"),
    ("vari", "1", "0"),
    ("vacpi", "0", "x"),
    ("varo", "31", "²"),
    ("vamps", "8192", "8191"),
    ("vamps", "65536", "65537"),
]


@covers("STA-EDT-04", "STA-EDT-01", "STA-EDT-02", "STA-EDT-03")
@pytest.mark.parametrize(("parameter", "good", "bad"), GOOD_AND_BAD)
def test_a_value_outside_its_table_changes_nothing_at_all(parameter: str, good: str, bad: str) -> None:
    other = {"vl": "vlr" if parameter == "vlx" else "vlx", "vw": "vabl"}.get(parameter[:2], "vwd")
    about = {"w": "lb"} if parameter.startswith("vl") else {"w": "lb", "sw": "node1"}
    fine: dict[str, str] = {**about, parameter: good}
    edits(report(), **fine)
    got = post(None, None, cmd="update", **about, **{parameter: bad, other: "9"})
    assert got.edits == ()
    assert "type=ERROR" in body(got) and f"Update failed: {parameter} (" in body(got)


@covers("STA-EDT-05")
@pytest.mark.parametrize("text", ["1", "D", "d", "Disabled", "DIS", "dwarf", " d"])
def test_a_choice_is_known_by_its_number_or_first_letter(text: str) -> None:
    assert edits(report(), w="lb", sw="node1", vwa=text) == (
        EditMember("lb", "node1", {"activation": Activation.DISABLED}),
    )


@covers("STA-EDT-05")
def test_every_method_is_known_by_number_and_letter() -> None:
    for number, method in enumerate("RTBSN"):
        for text in (str(number), method, method.lower()):
            expected: Any = () if method == "R" else (EditBalancer("lb", {"method": Method(method)}),)
            assert edits(report(), w="lb", vlm=text) == expected


@covers("STA-EDT-06")
@pytest.mark.parametrize(("text", "size"), [("8193", 9216), ("9216", 9216), ("65535", 65536)])
def test_a_packet_size_is_raised_to_a_multiple_of_1024(text: str, size: int) -> None:
    assert edits(report(), w="solo", vamps=text) == (EditWorker("solo", {"max_packet_size": size}),)


@covers("STA-EDT-07")
@pytest.mark.parametrize(
    ("pattern", "names"),
    [("*", "node1 node2"), ("node?", "node1 node2"), ("*1", "node1"), ("n*2", "node2"), ("node2", "node2")],
)
def test_an_update_changes_every_member_that_fits(pattern: str, names: str) -> None:
    expected = tuple(EditMember("lb", name, {"distance": 9}) for name in names.split())
    assert edits(report(), w="lb", sw=pattern, vwd="9") == expected


@covers("STA-EDT-07")
@pytest.mark.parametrize("form", [{"cmd": "reset"}, {"cmd": "recover"}, {"cmd": "update", "pattern": "x*"}])
def test_a_pattern_that_fits_nobody_or_stands_elsewhere_is_an_error(form: dict[str, str]) -> None:
    got = post(with_error(report()), None, cmd=form["cmd"], w="lb", sw=form.get("pattern", "node*"), vwd="9")
    assert got.edits == ()
    assert "type=ERROR" in body(got)


def test_brackets_and_many_stars_are_no_trouble() -> None:
    for pattern in ("[n]ode1*", "*a" * 400, "*" * 400 + "x"):
        assert post(None, None, cmd="update", w="lb", sw=pattern, vwd="9").edits == ()


def test_one_attribute_of_all_members_is_changed_in_their_order() -> None:
    assert edits(report(), w="lb", att="vwf", val0="1", val1="5") == (
        EditMember("lb", "node2", {"factor": 5}),
    )
    assert edits(report(), w="lb", att="vart", val0="10", val1="20", val2="30") == (
        EditWorker("node1", {"reply_timeout": 10}),
        EditWorker("node2", {"reply_timeout": 20}),
    )
    for attribute in ("vaprt", "vlr", "nonsense"):
        got = post(None, None, cmd="update", w="lb", att=attribute, val0="1")
        assert got.edits == () and "there is no attribute" in body(got)


@covers("STA-EDT-08")
def test_reset_is_for_a_member_a_balancer_or_a_worker_alone() -> None:
    assert post(None, None, cmd="reset", w="lb", sw="node1").edits == (Reset("lb", "node1"),)
    assert post(None, None, cmd="reset", w="lb").edits == (Reset("lb"),)
    assert post(None, None, cmd="reset", w="solo").edits == (Reset("solo"),)


@covers("STA-EDT-09")
def test_recover_is_for_a_member_in_error() -> None:
    whole = with_error(report(), "node2")
    assert post(whole, None, cmd="recover", w="lb", sw="node2").edits == (Recover("lb", "node2"),)
    cases: list[dict[str, str]] = [{"w": "lb", "sw": "node1"}, {"w": "lb"}, {"w": "solo"}]
    for about in cases:
        got = post(whole, None, cmd="recover", **about)
        assert got.edits == ()
        assert 'type=ERROR message="Marking worker for recovery failed' in body(got)
    for state in WorkerState:
        whole = with_member(report(), "node1", state=state)
        got = post(whole, None, cmd="recover", w="lb", sw="node1")
        assert bool(got.edits) is (state is WorkerState.ERROR)


@covers("STA-EDT-10")
def test_two_members_never_get_one_route() -> None:
    forms: list[dict[str, str]] = [
        {"sw": "node1", "vwn": "node2"},
        {"sw": "node*", "vwn": "same"},
        {"att": "vwn", "val0": "node2"},
    ]
    for form in forms:
        got = post(None, None, cmd="update", w="lb", **form)
        assert got.edits == ()
        assert "would both have the route" in body(got)
    assert len(edits(report(), w="lb", att="vwn", val0="node2", val1="node1")) == 2


@covers("STA-EDT-11")
def test_the_page_after_a_change_shows_what_holds_now() -> None:
    who, before = access("POST"), report()
    for came_from, others in (("list", True), ("show", False)):
        form = f"cmd=update&w=lb&sw=node1&vwd=77&from={came_from}&token={who.token('lb')}".encode()
        request = parse_request(b"", form)
        verdict = decide(request, before, who)
        page = Page(body(render(request, apply(before, verdict.edits), who, verdict)))
        assert "Result: OK" in page.text and "77" in page.text
        assert ("Worker solo" in page.text) is others


@covers("STA-EDT-11", "STA-FMT-01")
@pytest.mark.parametrize("mime", ["xml", "txt", "prop", "json"])
def test_other_forms_give_the_result_of_a_change_alone(mime: str) -> None:
    got = body(post(None, None, cmd="reset", w="lb", mime=mime))
    assert "OK" in got and "Action finished" in got
    assert "node1" not in got and "127.0.0.1" not in got


def test_an_edit_that_could_not_be_applied_is_an_error() -> None:
    who, whole = access("POST"), report()
    request = parse_request(b"", f"cmd=reset&w=lb&mime=txt&token={who.token('lb')}".encode())
    failed = decide(request, whole, who).failed("no such host")
    got = render(request, whole, who, failed)
    assert (got.status, got.edits) == (200, ())
    assert body(got) == 'Result: type=ERROR message="no such host"\n'


@covers("STA-EDT-12")
@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("w=lb", {"vlr": "2", "vlt": "60", "vlee": "30", "vls": "on", "vlf": "off", "vlm": "Request"}),
        ("w=lb&sw=node2", {"vwa": "Active", "vwf": "2", "vwn": "node2", "vwc": "d", "vaprt": "9022"}),
        ("w=solo", {"vahst": "127.0.0.1", "vaprt": "9099", "vamps": "8192"}),
        ("w=lb&att=vwf", {"val0": "1", "val1": "2"}),
        ("w=lb&att=vwa", {"val0": "Active", "val1": "Active"}),
    ],
)
def test_the_form_has_the_values_in_force_and_can_be_sent_as_it_is(
    query: str, fields: dict[str, str]
) -> None:
    who = access()
    got = json.loads(ask(f"cmd=edit&{query}&mime=json", who=who).body)
    offered = {entry["parameter"]: entry["value"] for entry in got["attributes"]}
    assert offered.items() >= fields.items()
    page = Page(body(ask(f"cmd=edit&{query}", who=who)))
    named = {tag["name"]: tag.get("value") for tag in page.all("input") if tag.get("name")}
    assert named["token"] == got["token"] and named["cmd"] == "update"
    assert {tag["name"] for tag in (*page.all("input"), *page.all("select"))} >= offered.keys()
    (form,) = [tag for tag in page.all("form") if tag.get("class") == "edit"]
    assert form == {"method": "post", "action": "?", "class": "edit"}
    hidden = {key: value or "" for key, value in named.items() if key not in offered}
    sent = post(None, access("POST"), **{**hidden, **offered, "mime": "txt"})
    assert sent.edits == () and "type=OK" in body(sent)


@covers("STA-EDT-12")
def test_a_form_for_an_attribute_that_is_not_shared_is_an_error() -> None:
    for attribute in ("vaprt", "vlr", "nonsense"):
        got = body(ask(f"cmd=edit&w=lb&att={attribute}&mime=txt"))
        assert got.startswith('Result: type=ERROR message="There is no attribute')
