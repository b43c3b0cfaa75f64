"""Which values are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from refjk.balancing import Activation, BalancerSettings, WorkerState
from refjk.configuration import MountSource
from refjk.speccheck import covers
from refjk.status import AjpStatus, StatusReport, Traffic
from tests.status.support import (
    NOW_S,
    ask,
    body,
    read,
    report,
    report_of,
    rule,
    with_error,
    with_member,
)
from tests.status.support import access as access_of


def words(*lines: str) -> list[str]:
    return [word for line in lines for word in line.split()]


BALANCER = words(
    "name type sticky_session sticky_session_force retries recover_time error_escalation_time",
    "max_reply_timeouts method lock member_count good degraded bad busy max_busy map_count",
    "time_to_maintenance_min time_to_maintenance_max last_reset_at last_reset_ago members maps",
)
OWN = words(
    "name type host port address source connection_pool_timeout ping_timeout connect_timeout prepost_timeout",
    "reply_timeout retries connection_ping_interval recovery_options busy_limit max_packet_size",
)
MEMBER = OWN + words(
    "activation lbfactor route redirect domain distance state lbmult lbvalue elected sessions",
    "errors client_errors reply_timeouts transferred read busy max_busy connected max_connected",
    "time_to_recover_min time_to_recover_max last_reset_at last_reset_ago",
)
ALONE = OWN + words(
    "used errors client_errors reply_timeouts transferred read busy max_busy connected max_connected",
    "map_count last_reset_at last_reset_ago maps",
)
ERROR = words("error_time_datetime error_time_tz error_time_unix_seconds error_time_ago")
RULE = words(
    "id server uri type source reply_timeout sticky_ignore stateless fail_on_status active disabled stopped",
    "use_server_errors",
)


def shown(whole: StatusReport, *lines: str, query: str = "") -> Any:
    return json.loads(ask(f"mime=json&{query}", whole, access_of("GET", *lines)).body)


def balancer_of(whole: StatusReport, *lines: str) -> Any:
    return shown(whole, *lines)["balancers"][0]


@covers("STA-LST-01")
def test_a_balancer_has_the_values_of_its_settings_and_counters() -> None:
    settings = BalancerSettings(
        sticky_session=False, sticky_session_force=True, retries=4, recover_time_s=90, max_reply_timeouts=3
    )
    whole = report()
    balancer = replace(
        whole.balancers[0],
        settings=settings,
        busy=5,
        busy_max=9,
        maintained_at_s=NOW_S - 20,
        last_reset_s=NOW_S - 100,
    )
    got = balancer_of(replace(whole, balancers=(balancer,)))
    assert list(got) == BALANCER
    values = [got[name] for name in BALANCER[2:21]]
    assert values[:8] == [False, True, 4, 90, 45, 3, "Request", "Optimistic"]
    assert values[8:] == [2, 2, 0, 0, 5, 9, 1, 40, 100, NOW_S - 100, 100]


@covers("STA-LST-01")
def test_a_maintenance_that_is_overdue_may_come_at_once() -> None:
    whole = report()
    late = replace(whole.balancers[0], maintained_at_s=NOW_S - 500)
    got = balancer_of(replace(whole, balancers=(late,)))
    assert (got["time_to_maintenance_min"], got["time_to_maintenance_max"]) == (0, 0)


@covers("STA-LST-02")
def test_a_member_has_the_values_of_its_snapshot_and_settings() -> None:
    whole = with_member(
        report(),
        "node2",
        value=7,
        multiplicity=3,
        open=1,
        open_max=2,
        elected=30,
        sessions=4,
        errors=5,
        client_errors=6,
        reply_timeouts=8,
        octets_read=900,
        octets_written=1000,
    )
    member = replace(whole.balancers[0].members[1], connected=11, connected_max=12, address="192.0.2.1:1")
    balancer = replace(whole.balancers[0], members=(whole.balancers[0].members[0], member))
    got = balancer_of(replace(whole, balancers=(balancer,)))["members"][1]
    assert list(got) == MEMBER
    assert (got["host"], got["port"], got["address"]) == ("127.0.0.1", 9022, "192.0.2.1:1")
    assert (got["lbfactor"], got["route"], got["redirect"], got["domain"]) == (2, "node2", "node1", "d")
    counters = MEMBER[MEMBER.index("lbmult") : MEMBER.index("time_to_recover_min")]
    assert [got[name] for name in counters] == [3, 7, 30, 4, 5, 6, 8, 1000, 900, 1, 2, 11, 12]


def test_a_domain_that_is_not_set_is_what_the_route_says() -> None:
    whole = with_member(report(), "node1", settings={"domain": None, "route": "left.node1"})
    assert balancer_of(whole)["members"][0]["domain"] == "left"
    whole = with_member(report(), "node1", settings={"domain": None, "route": "node1"})
    assert balancer_of(whole)["members"][0]["domain"] == ""


@covers("STA-LST-10")
def test_a_worker_alone_has_its_own_counters() -> None:
    whole = report()
    traffic = Traffic(1, 2, 3, 4, 5, 6, 7, 8, NOW_S - 9)
    ajp = AjpStatus(whole.workers[0].worker, traffic, 10, 11, NOW_S - 12)
    (got,) = shown(replace(whole, workers=(ajp,)))["ajp_workers"]
    assert list(got) == [*ALONE[:-1], *ERROR, "maps"]
    assert [got[name] for name in ALONE[16:29]] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 1, NOW_S - 12, 12]
    (got,) = shown(whole)["ajp_workers"]
    assert list(got) == ALONE


@covers("STA-LST-03")
@pytest.mark.parametrize(
    ("state", "word"),
    [
        (WorkerState.IDLE, "OK/IDLE"),
        (WorkerState.OK, "OK"),
        (WorkerState.BUSY, "OK/BUSY"),
        (WorkerState.RECOVERING, "ERR/REC"),
        (WorkerState.FORCED, "ERR/FRC"),
        (WorkerState.PROBING, "ERR/PRB"),
        (WorkerState.ERROR, "ERR"),
    ],
)
def test_states_have_words(state: WorkerState, word: str) -> None:
    whole = with_member(report(), "node1", state=state)
    assert f" state={word} " in body(ask("mime=txt", whole))


@covers("STA-LST-03")
def test_activations_have_words() -> None:
    words = {Activation.ACTIVE: "ACT", Activation.DISABLED: "DIS", Activation.STOPPED: "STP"}
    for activation, word in words.items():
        whole = with_member(report(), "node1", settings={"activation": activation})
        assert f" activation={word} " in body(ask("mime=txt", whole))


@covers("STA-LST-04")
def test_rules_are_those_of_the_worker_and_of_all_with_what_they_change() -> None:
    rules = [
        rule("/a/*", "lb", reply_timeout=5000, sticky_ignore=True, stateless=True, use_server_errors=400),
        rule("/b?", "lb", disabled=True, exclude=True, fail_on_status=(503, -404)),
        rule("/c", "*", exclude=True, source=MountSource.FILE, active=("a", "b"), stopped=("c",)),
        rule("/d", "solo", disabled=True, source=MountSource.PROPERTY),
    ]
    got = shown(report_of(read(), rules))
    assert [list(one) for one in got["balancers"][0]["maps"]] == [RULE] * 3
    ours = [list(one.values()) for one in got["balancers"][0]["maps"]]
    assert ours == [
        [1, "127.0.0.1", "/a/*", "Wildchar", "JkMount", 5000, 1, 1, "", "", "", "", 400],
        [2, "127.0.0.1", "/b?", "Disabled Unmount Wildchar", "JkMount", -1, 0, 0, "503,-404", "", "", "", 0],
        [3, "127.0.0.1", "/c", "Unmount Exact", "uriworkermap", -1, 0, 0, "", "a,b", "", "c", 0],
    ]
    types = [(one["id"], one["type"]) for one in got["ajp_workers"][0]["maps"]]
    assert types == [(1, "Unmount Exact"), (2, "Disabled Exact")]


def test_a_rule_without_the_name_of_a_server_has_none() -> None:
    whole = report_of(read(), [replace(rule("/a", "solo"), server=None)])
    assert "server" not in shown(whole)["ajp_workers"][0]["maps"][0]
    assert 'Map: id=1 uri="/a" ' in body(ask("mime=txt", whole))


SITUATIONS = list(product(Activation, WorkerState))
RECOVERING = (WorkerState.RECOVERING, WorkerState.FORCED, WorkerState.PROBING)


def counted(activation: Activation, state: WorkerState, *lines: str) -> str:
    whole = with_member(report(), "node1", state=state, settings={"activation": activation})
    whole = replace(whole, balancers=(replace(whole.balancers[0], members=whole.balancers[0].members[:1]),))
    got = balancer_of(whole, *lines)
    (word,) = [name for name in ("good", "degraded", "bad") if got[name]]
    return word


@covers("STA-LST-06")
@pytest.mark.parametrize(("activation", "state"), SITUATIONS)
def test_without_patterns_active_members_are_good_and_errors_bad(
    activation: Activation, state: WorkerState
) -> None:
    if activation is Activation.STOPPED or state is WorkerState.ERROR:
        assert counted(activation, state) == "bad"
    else:
        assert counted(activation, state) == ("good" if activation is Activation.ACTIVE else "degraded")


@covers("STA-LST-05", "STA-LST-06")
@pytest.mark.parametrize(("activation", "state"), SITUATIONS)
def test_patterns_fit_by_their_first_letters(activation: Activation, state: WorkerState) -> None:
    is_bad = activation is Activation.DISABLED and state is WorkerState.BUSY
    is_good = state in RECOVERING or state is WorkerState.IDLE or activation is Activation.DISABLED
    expected = "bad" if is_bad else "good" if is_good else "degraded"
    assert counted(activation, state, "good=Rec,.nothing,disabled", "bad=Dis.b,x,zzz.ok") == expected


@covers("STA-LST-07")
@pytest.mark.parametrize(
    ("ago_s", "maintained_ago_s", "times"),
    [(10, 0, (60, 110)), (10, 50, (50, 110)), (59, 55, (5, 61)), (60, 60, (0, 60)), (500, 90, (0, 60))],
)
def test_a_member_in_error_says_when_it_may_recover(
    ago_s: int, maintained_ago_s: int, times: tuple[int, int]
) -> None:
    whole = with_error(report(), "node2", ago_s)
    balancer = replace(whole.balancers[0], maintained_at_s=NOW_S - maintained_ago_s)
    sound, failed = balancer_of(replace(whole, balancers=(balancer,)))["members"]
    assert (failed["time_to_recover_min"], failed["time_to_recover_max"]) == times
    assert (sound["time_to_recover_min"], sound["time_to_recover_max"]) == (0, 0)


@covers("STA-LST-08")
@pytest.mark.parametrize("mime", ["html", "xml", "txt", "prop", "json"])
def test_a_dump_shows_the_properties_without_secrets(mime: str) -> None:
    more = (("worker.a.secretkey", "topsecret2"), ("worker.node1.secret", "topsecret"))
    whole = report()
    got = body(ask(f"cmd=dump&mime={mime}", replace(whole, properties=(*whole.properties, *more))))
    assert "worker.lb.balance_workers" in got
    assert "topsecret" not in got


@pytest.mark.parametrize("mime", ["html", "xml", "txt", "prop", "json", "svg"])
def test_a_secret_is_shown_nowhere(mime: str) -> None:
    whole = report()
    assert whole.balancers[0].members[0].worker.secret == "topsecret"
    for query in ("", "cmd=show&w=lb&sw=node1", "cmd=edit&w=lb&sw=node1"):
        assert "topsecret" not in body(ask(f"mime={mime}&{query}", whole))


@covers("STA-LST-09")
def test_the_first_error_that_counts_is_shown_in_the_time_of_the_server() -> None:
    whole = with_member(
        report(utc_offset_s=3600), "node1", first_error_at_s=NOW_S - 30, error_at_s=NOW_S - 10
    )
    got, sound = balancer_of(whole)["members"]
    assert list(got)[-4:] == ERROR
    assert list(got.values())[-4:] == ["20261124120545", "+0100", NOW_S - 30, 30]
    assert "error_time_ago" not in sound


def test_an_algorithm_with_one_time_of_error_shows_that() -> None:
    whole = with_member(report(), "node1", first_error_at_s=None, error_at_s=NOW_S - 10)
    assert balancer_of(whole)["members"][0]["error_time_ago"] == 10


def test_show_of_a_member_shows_no_other() -> None:
    got = shown(report(), query="cmd=show&w=lb&sw=node2")["balancers"][0]
    assert [member["name"] for member in got["members"]] == ["node2"]
    assert got["member_count"] == 2
