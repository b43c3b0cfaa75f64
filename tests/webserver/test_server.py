"""Who gets a request, attempt by attempt, and what the server remembers of it."""

from __future__ import annotations

import pytest

from refjk.balancing import Outcome, WorkerState
from refjk.speccheck import covers
from refjk.webserver import Ending, Offer, Target, Verdict, WebServer, compose, judge
from tests.configuration.support import OLD, httpd
from tests.webserver.support import balancer, course, plan_of, properties, target_of, verdict_of

NOT_SENT, BROKEN, SERVED, SILENT = Ending.NOT_SENT, Ending.BROKEN, Ending.SERVED, Ending.SILENT
NO_PLACE, BUSY = Ending.NO_PLACE, Ending.BUSY


def server_of(text: str, mounts: str = "JkMount /* lb\n", files: dict[str, str] | None = None) -> WebServer:
    return WebServer(plan_of(text + mounts, files))


def target(server: WebServer, path: bytes = b"/x") -> Target:
    return target_of(server.hosts.all[0], path)


def first(server: WebServer, path: bytes = b"/x", *cookies: bytes, now_ms: int = 0) -> Offer:
    where = target(server, path)
    offer = server.offer(where, server.facts(where, cookies), now_ms)
    assert isinstance(offer, Offer)
    return offer


def states(server: WebServer) -> list[WorkerState]:
    return [snapshot.state for snapshot in server.balancers["lb"].snapshot()]


# -- the course of a request ----------------------------------------------------------------------


@covers("EPL-RTY-13")
def test_all_members_fail_again_and_again_until_nobody_is_left() -> None:
    server = server_of(balancer("a", "b"))
    failures = [NOT_SENT] * 4
    assert course(server, target(server), *failures) == ["a", "b", "wait", "a", "b", "503"]


@covers("EPL-RTY-13")
def test_the_last_try_tells_the_status() -> None:
    server = server_of(balancer("a", "b", more=("worker.lb.retries=1",)))
    assert course(server, target(server), NOT_SENT, BROKEN) == ["a", "b", "502"]
    server = server_of(balancer("a", "b", more=("worker.lb.retries=1",)))
    assert course(server, target(server), BROKEN, Ending.UNKNOWN_PACKET) == ["a", "b", "500"]
    server = server_of(balancer("a", "b", more=("worker.lb.retries=1", "worker.lb.lb_retries=1")))
    assert course(server, target(server), SILENT) == ["a", "504"]


@covers("EPL-RTY-05")
def test_a_member_without_a_place_becomes_busy_and_another_is_asked() -> None:
    server = server_of(balancer("a", "b"))
    assert course(server, target(server), NO_PLACE, SERVED) == ["a", "b", "None"]
    assert states(server) == [WorkerState.BUSY, WorkerState.OK]


@covers("EPL-RTY-05")
def test_a_member_whose_place_was_lost_between_two_tries_is_busy_too() -> None:
    server = server_of(balancer("a", "b"))
    offer = first(server)
    assert server.start(target(server), offer)
    verdict = judge(NO_PLACE, offer.recovery, b"GET", is_held=True)
    assert server.report(target(server), offer, verdict, 0, started=True) is True
    assert states(server)[0] is WorkerState.BUSY
    assert server.balancers["lb"].snapshot()[0].open == 0


@covers("EPL-RTY-06")
def test_a_member_at_its_limit_refuses_and_another_is_asked() -> None:
    server = server_of(balancer("a", "b", more=("worker.a.busy_limit=1",)))
    offer = first(server)
    assert offer.worker.name == "a" and server.start(target(server), offer)
    assert course(server, target(server), SERVED) == ["b", "None"]
    assert course(server, target(server), SERVED, SERVED) == ["a", "b", "None"]
    assert states(server)[0] is WorkerState.BUSY


@covers("EPL-RTY-06")
def test_a_worker_by_itself_has_a_limit_as_well() -> None:
    text = properties("worker.list=w", "worker.w.type=ajp13", "worker.w.busy_limit=1")
    server = server_of(text, "JkMount /* w\n")
    offers = [first(server) for _ in range(2)]
    assert [server.start(target(server), offer) for offer in offers] == [True, False]
    for offer, ending in zip(offers, (SERVED, BUSY), strict=True):
        assert server.report(target(server), offer, verdict_of(ending, offer), 0, started=True) is False
    assert course(server, target(server), SERVED) == ["w", "None"]


def test_with_1_2_7_each_member_is_offered_once_and_the_client_gets_500() -> None:
    text = balancer("a", "b").replace("balance_workers", "balanced_workers") + "JkMount /* lb\n"
    server = WebServer(compose(httpd(text, profile=OLD)))
    assert course(server, target(server), NOT_SENT, BROKEN) == ["a", "b", "500"]
    assert first(server, now_ms=61_000).decision is not None


def test_a_session_stays_and_the_route_is_the_name_of_the_worker() -> None:
    server = server_of(balancer("a", "b"))
    offers = [first(server, b"/x", b"JSESSIONID=1.b") for _ in range(3)]
    assert {offer.worker.name for offer in offers} == {"b"}
    assert offers[0].decision is not None and offers[0].decision.route == "b"
    assert (offers[0].attempt, "1.b" in offers[0].why) == (1, True)


# -- workers mounted by themselves, and names of nobody -------------------------------------------


def test_a_worker_by_itself_is_offered_once_and_counted() -> None:
    text = properties("worker.list=w", "worker.w.type=ajp13")
    server = server_of(text, "JkMount /* w\n")
    offer = first(server)
    assert (offer.why, offer.attempt, offer.decision) == ("mounted directly", 1, None)
    assert server.start(target(server), offer)
    verdict = verdict_of(BROKEN, offer)
    assert not server.report(
        target(server), offer, verdict, 0, started=True, octets_read=5, octets_written=7, reply_timeouts=2
    )
    records = server.direct["w"]
    assert (records.open[0], records.open_max[0], records.elected[0]) == (0, 1, 1)
    assert (records.octets_read[0], records.octets_written[0], records.reply_timeouts[0]) == (5, 7, 2)
    assert (records.errors[0], records.client_errors[0]) == (1, 0)


@covers("FWD-STS-07")
@pytest.mark.parametrize("name", ["nobody", "a"])
def test_a_mount_of_nobody_or_of_one_that_is_only_a_member_gives_500(name: str) -> None:
    server = server_of(balancer("a"), f"JkMount /* {name}\n")
    assert course(server, target(server)) == ["500"]
    assert server.notes(target(server), ()) == {"JK_WORKER_NAME": name}


# -- what rules and variables change --------------------------------------------------------------


def of_rule(extensions: str, *more: str, path: bytes = b"/x", cookies: tuple[bytes, ...] = ()) -> Offer:
    text = balancer("a", "b", more=more)
    server = server_of(text, "JkMountFile m\n", {"/srv/m": f"/*=lb{extensions}\n"})
    return first(server, path, *cookies)


@covers("EPL-RTY-08")
def test_a_rule_replaces_fail_on_status_and_the_reply_timeout() -> None:
    own = ("worker.a.fail_on_status=500", "worker.a.reply_timeout=100")
    assert (of_rule("", *own).recovery.fail_on_status, of_rule("", *own).recovery.reply_timeout_ms) == (
        (500,),
        100,
    )
    assert of_rule(";fail_on_status=404,-503", *own).recovery.fail_on_status == (404, -503)
    assert of_rule(";reply_timeout=7", *own).recovery.reply_timeout_ms == 7
    assert of_rule(";reply_timeout=0", *own).recovery.reply_timeout_ms is None
    assert of_rule(";reply_timeout=-1", *own).recovery.reply_timeout_ms == 100


def test_a_rule_changes_who_may_be_chosen_and_by_which_session() -> None:
    cookie = (b"JSESSIONID=1.b; SID=1.b",)
    assert of_rule(";stopped=a").worker.name == "b"
    assert of_rule(";disabled=a").worker.name == "b"
    assert of_rule("", "worker.a.activation=stopped").worker.name == "b"
    assert of_rule(";active=a", "worker.a.activation=stopped").worker.name == "a"
    assert of_rule("", cookies=cookie).worker.name == "b"
    assert of_rule(";sticky_ignore=1", cookies=cookie).worker.name == "a"
    assert of_rule(";session_cookie=OTHER", cookies=cookie).worker.name == "a"
    assert of_rule(";session_cookie=SID", cookies=cookie).worker.name == "b"
    decision = of_rule(";set_session_cookie=1").decision
    assert decision is not None and decision.session_cookie == "JSESSIONID=.a;PATH=/;HttpOnly"


def test_a_stateless_rule_begins_no_session() -> None:
    for extensions, sessions in (("", 1), (";stateless=1", 0)):
        server = server_of(balancer("a"), "JkMountFile m\n", {"/srv/m": f"/*=lb{extensions}\n"})
        assert course(server, target(server), SERVED) == ["a", "None"]
        assert server.balancers["lb"].snapshot()[0].sessions == sessions


def with_variables(*lines: str, cookie: bytes = b"JSESSIONID=1.b") -> Offer:
    text = "".join(f"SetEnv {line}\n" for line in lines)
    server = server_of(
        balancer("a", "b", more=("worker.a.reply_timeout=100", "worker.b.reply_timeout=100")),
        text + "JkMountFile m\n",
        {"/srv/m": "/*=lb;reply_timeout=50;sticky_ignore=0\n"},
    )
    return first(server, b"/x", *([cookie] if cookie else []))


@covers("FWD-ENV-04")
def test_variables_count_in_place_of_route_timeout_and_rule() -> None:
    assert with_variables().worker.name == "b"
    assert with_variables("JK_ROUTE a").worker.name == "a"
    assert with_variables("JK_ROUTE b", cookie=b"").worker.name == "b"
    assert with_variables("JK_STICKY_IGNORE 1").worker.name == "a"
    assert with_variables("JK_STICKY_IGNORE 0").worker.name == "b"
    assert with_variables().recovery.reply_timeout_ms == 50
    assert with_variables("JK_REPLY_TIMEOUT 7").recovery.reply_timeout_ms == 7
    assert with_variables("JK_REPLY_TIMEOUT 0").recovery.reply_timeout_ms is None
    assert with_variables("JK_REPLY_TIMEOUT soon").recovery.reply_timeout_ms == 50


@covers("FWD-ENV-04")
def test_jk_stateless_makes_a_request_begin_no_session() -> None:
    for value, sessions in (("1", 0), ("0", 1)):
        server = server_of(balancer("a"), f"SetEnv JK_STATELESS {value}\nJkMount /* lb\n")
        course(server, target(server), SERVED)
        assert server.balancers["lb"].snapshot()[0].sessions == sessions


# -- notes ----------------------------------------------------------------------------------------


@covers("LOG-REQ-04")
def test_notes_tell_of_the_first_and_the_last_member() -> None:
    server = server_of(balancer("a", "b", more=("worker.b.route=r2", "worker.b.activation=disabled")))
    where = target(server)
    facts = server.facts(where, ())
    one = server.offer(where, facts, 0)
    assert isinstance(one, Offer) and server.start(where, one)
    server.report(where, one, verdict_of(BROKEN, one), 0, started=True, octets_read=3, octets_written=4)
    notes = server.notes(where, [one])
    assert notes["JK_LB_FIRST_NAME"] == notes["JK_LB_LAST_NAME"] == "a"
    other = first(server, b"/x", b"JSESSIONID=1.r2")
    notes = server.notes(where, [one, other])
    assert (notes["JK_WORKER_NAME"], notes["JK_WORKER_TYPE"], notes["JK_WORKER_ROUTE"]) == ("lb", "lb", "r2")
    assert {name[12:]: value for name, value in notes.items() if name.startswith("JK_LB_FIRST_")} == {
        "NAME": "a",
        "VALUE": "1",
        "ACCESSED": "1",
        "SESSIONS": "1",
        "READ": "3",
        "TRANSFERRED": "4",
        "ERRORS": "1",
        "BUSY": "0",
        "ACTIVATION": "ACT",
        "STATE": "error",
    }
    assert (notes["JK_LB_LAST_NAME"], notes["JK_LB_LAST_ACTIVATION"]) == ("b", "DIS")
    assert set(server.notes(where, ())) == {"JK_WORKER_NAME", "JK_WORKER_TYPE"}


@covers("LOG-REQ-04")
def test_a_worker_by_itself_has_its_name_and_type() -> None:
    server = server_of(properties("worker.list=w", "worker.w.type=ajp13"), "JkMount /* w\n")
    notes = server.notes(target(server), [first(server)])
    assert notes == {"JK_WORKER_NAME": "w", "JK_WORKER_TYPE": "ajp13"}


# -- time -----------------------------------------------------------------------------------------


@covers("FWD-CHO-01")
def test_maintenance_is_due_by_the_time_that_the_configuration_names() -> None:
    server = server_of(balancer("a", "b", more=("worker.maintain=20", "worker.lb.recover_time=30")))
    course(server, target(server), NOT_SENT, SERVED)
    assert states(server)[0] is WorkerState.ERROR
    assert server.maintain(1_000)  # the first look of a process
    assert [server.maintain(time_ms) for time_ms in (20_000, 22_000, 30_000)] == [False, True, False]
    assert states(server)[0] is WorkerState.ERROR
    assert server.maintain(61_000)
    assert states(server)[0] is WorkerState.RECOVERING


def test_1_2_7_knows_no_maintenance() -> None:
    text = balancer("a").replace("balance_workers", "balanced_workers") + "JkMount /* lb\n"
    server = WebServer(compose(httpd(text, profile=OLD)))
    assert [server.maintain(time_ms) for time_ms in (0, 10**6, 10**9)] == [False] * 3


def test_a_client_that_failed_is_no_error_of_the_worker() -> None:
    server = server_of(balancer("a"))
    offer = first(server)
    assert server.start(target(server), offer)
    verdict = Verdict(None, Outcome.CLIENT_ERROR)
    assert server.report(target(server), offer, verdict, 0, started=True) is False
    snapshot = server.balancers["lb"].snapshot()[0]
    assert (snapshot.client_errors, snapshot.errors, snapshot.state) == (1, 0, WorkerState.OK)
