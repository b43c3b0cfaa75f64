"""Fronts from a configuration when workers fail: tries, members, what the client gets; 1.2.50 and 1.2.7."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.messages import ForwardRequest
from refjk.configuration import Profile
from refjk.speccheck import covers
from tests.interop.peers.client import ask
from tests.runtime.containers import Script, Talk, TinyContainer, echo
from tests.runtime.fronts import recording, running_front, wait_for
from tests.runtime.sites import RunningSite, balancer, running_site
from tests.runtime.test_front_failures import drops, drops_late, hangs, head_alone, nobody

ALL = "JkMount /* lb\n"
OLD = Profile.V1_2_7
TO_A = {"Cookie": "JSESSIONID=1.a"}
TO_B = {"Cookie": "JSESSIONID=1.b"}


def answers(status: int, body: bytes = b"own page") -> Script:
    """A container that answers each request like this."""

    def script(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer(body, status, [(b"Content-Length", b"%d" % len(body))])

    return script


def asks_and(ends: Script) -> Script:
    """A container that takes one more body packet than it gets unasked, and then does something."""

    def script(talk: Talk) -> None:
        talk.request()
        pieces = iter(talk.body())
        next(pieces)
        next(pieces)
        ends(talk)

    return script


def unknown_packet(talk: Talk) -> None:
    talk.request()
    talk.send(b"AB\0\1\x77")
    talk.wait_for_end()


def requests(container: TinyContainer) -> int:
    """How many tries reached it; for scripts that serve one request only."""
    return len(container.talks)


# -- recovery as 1.2.50 has it --------------------------------------------------------------------


@covers("EPL-RTY-01", "EPL-RTY-02", "EPL-RTY-13")
@pytest.mark.parametrize(
    ("retries", "rounds", "tries"),
    [(2, 2, 8), (1, 2, 4), (3, 1, 6), (2, 1, 4)],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_members_that_refuse_are_tried_by_their_retries_in_each_round(
    tmp_path: Path, retries: int, rounds: int, tries: int, method: str
) -> None:
    more = (f"a.retries={retries}", f"b.retries={retries}", f"lb.retries={rounds}")
    options = ("a.recovery_options=1", "b.recovery_options=1")
    with running_site(tmp_path, balancer(nobody(), nobody(), more=(*more, *options)) + ALL) as site:
        assert site.ask(method=method, body=b"body").status == 503
        assert site.counted("not_sent") == tries
        # The last round forces those in error, and they stay in error when they fail again.
        assert site.states() == ["error", "error"]


@covers("EPL-RTY-01")
def test_before_each_further_try_the_worker_is_given_time(tmp_path: Path) -> None:
    more = ("lb.retries=1", "a.retries=3")
    text = balancer(nobody(), more=more).replace("a.retry_interval=1\n", "a.retry_interval=100\n") + ALL
    with running_site(tmp_path, text) as site:
        began = time.monotonic()
        assert site.ask().status == 503
        assert time.monotonic() - began >= 0.2
        assert site.counted("not_sent") == 3


@covers("EPL-RTY-01", "EPL-RTY-13")
def test_only_as_many_members_as_lb_retries_are_asked_in_a_round(tmp_path: Path) -> None:
    with (
        TinyContainer(drops) as a,
        TinyContainer(drops) as b,
        TinyContainer(drops) as c,
        running_site(
            tmp_path,
            balancer(a.address, b.address, c.address, more=("lb.lb_retries=1", "lb.retries=2")) + ALL,
        ) as site,
    ):
        assert site.ask().status == 502
        assert [requests(one) for one in (a, b, c)] == [2, 2, 0]


OPTIONS = [
    (0, {"GET", "HEAD", "POST"}),
    (1, set()),
    (3, set()),
    (9, {"HEAD"}),
    (17, {"GET"}),
]


@covers("EPL-RTY-01", "EPL-RTY-03", "EPL-RTY-10")
@pytest.mark.parametrize(("options", "again"), OPTIONS)
def test_a_request_whose_connection_broke_goes_on_as_the_options_allow(
    tmp_path: Path, options: int, again: set[str]
) -> None:
    for method in ("GET", "HEAD", "POST"):
        with (
            TinyContainer(drops) as a,
            TinyContainer() as b,
            running_site(
                tmp_path, balancer(a.address, b.address, more=(f"a.recovery_options={options}",)) + ALL
            ) as site,
        ):
            answer = site.ask(method=method, headers=TO_A, body=b"body" if method == "POST" else None)
            may = method in again
            assert answer.status == (200 if may else 502)
            assert (requests(a), requests(b)) == ((2, 1) if may else (1, 0)), method
            assert site.states()[0] == "error"


@covers("EPL-RTY-04")
@pytest.mark.parametrize(("options", "again"), OPTIONS)
def test_a_request_that_was_not_answered_in_time_goes_on_as_the_options_allow(
    tmp_path: Path, options: int, again: set[str]
) -> None:
    for method in ("GET", "POST"):
        more = (f"a.recovery_options={options}", "a.reply_timeout=80")
        with (
            TinyContainer(hangs) as a,
            TinyContainer() as b,
            running_site(tmp_path, balancer(a.address, b.address, more=more) + ALL) as site,
        ):
            answer = site.ask(method=method, headers=TO_A, body=b"body" if method == "POST" else None)
            may = method in again
            assert answer.status == (200 if may else 504)
            assert (requests(a), requests(b)) == ((2, 1) if may else (1, 0)), method
            # Each try counts, and max_reply_timeouts is 0.
            assert (site.states()[0], site.member("a").reply_timeouts) == ("error", 2 if may else 1)


@covers("EPL-RTY-07")
def test_a_packet_of_an_unknown_code_is_offered_again_whatever_the_options(tmp_path: Path) -> None:
    more = ("a.recovery_options=3", "b.recovery_options=3", "lb.retries=1")
    with (
        TinyContainer(unknown_packet) as a,
        TinyContainer(echo, unknown_packet) as b,
        running_site(tmp_path, balancer(a.address, b.address, more=more) + ALL) as site,
    ):
        assert site.ask(method="POST", headers=TO_A, body=b"1").body == b"POST /x 1"
        assert (requests(a), requests(b)) == (2, 1)
    with (
        TinyContainer(unknown_packet) as a,
        running_site(tmp_path, balancer(a.address, more=more) + ALL) as site,
    ):
        assert site.ask(method="POST", body=b"1").status == 500
        assert requests(a) == 2


@covers("EPL-RTY-08")
@pytest.mark.parametrize(
    ("own", "rule", "status", "state"),
    [
        ("500,404", "", 500, "error"),
        ("-500", "", 500, "ok"),
        ("404", ";fail_on_status=-500", 500, "ok"),
        ("-404", ";fail_on_status=500", 500, "error"),
    ],
)
def test_a_status_of_the_list_is_a_failure_that_the_client_never_sees(
    tmp_path: Path, own: str, rule: str, status: int, state: str
) -> None:
    more = (f"a.fail_on_status={own}", f"b.fail_on_status={own}")
    with (
        TinyContainer(answers(status)) as a,
        TinyContainer() as b,
        running_site(tmp_path, balancer(a.address, b.address, more=more) + f"JkMount /* lb{rule}\n") as site,
    ):
        answer = site.ask(method="POST", headers=TO_A, body=b"1")
        assert (answer.status, answer.body) == (200, b"POST /x 1")
        assert (site.counted("status_fatal") + site.counted("status_soft"), requests(b)) == (2, 1)
        assert site.states()[0] == state


@covers("EPL-RTY-08")
def test_a_rule_list_replaces_the_workers_list_altogether(tmp_path: Path) -> None:
    with (
        TinyContainer(answers(500)) as a,
        running_site(
            tmp_path,
            balancer(a.address, more=("a.fail_on_status=500",)) + "JkMount /* lb;fail_on_status=404\n",
        ) as site,
    ):
        answer = site.ask()
        assert (answer.status, answer.body) == (500, b"own page")
        assert site.wait_for_states("ok")


def test_when_all_answer_with_a_status_of_the_list_the_client_gets_503(tmp_path: Path) -> None:
    with (
        TinyContainer(answers(500)) as a,
        running_site(tmp_path, balancer(a.address, more=("a.fail_on_status=500",)) + ALL) as site,
    ):
        answer = site.ask()
        assert answer.status == 503 and b"own page" not in answer.body


@covers("EPL-RTY-09")
@pytest.mark.parametrize(("method", "again"), [("POST", False), ("PUT", True)])
@pytest.mark.parametrize("how", ["drops", "status"])
def test_a_post_whose_container_asked_for_more_is_never_sent_again(
    tmp_path: Path, method: str, again: bool, how: str
) -> None:
    def fails(talk: Talk) -> None:
        if how == "status":
            talk.answer(b"", 500)

    with (
        TinyContainer(asks_and(fails)) as a,
        TinyContainer() as b,
        running_site(tmp_path, balancer(a.address, b.address, more=("a.fail_on_status=500",)) + ALL) as site,
    ):
        body = bytes(range(256)) * 80
        answer = site.ask(method=method, headers=TO_A, body=body)
        if again:
            assert (answer.status, answer.body) == (200, b"PUT /x " + body)
            assert (requests(a), requests(b)) == (2, 1)
        else:
            assert answer.status == (502 if how == "drops" else 503)
            assert (requests(a), requests(b)) == (1, 0)


@covers("EPL-RTY-09")
def test_the_first_octets_of_a_chunked_body_are_asked_for_already(tmp_path: Path) -> None:
    with (
        TinyContainer(drops_late) as a,
        TinyContainer() as b,
        running_site(tmp_path, balancer(a.address, b.address) + ALL) as site,
    ):
        assert site.ask(method="POST", headers=TO_A, body=[b"some"]).status == 502
        assert (requests(a), requests(b)) == (1, 0)


@covers("EPL-RTY-12")
@pytest.mark.parametrize("options", [0, 2])
@pytest.mark.parametrize("profile", [None, OLD])
def test_after_headers_nothing_is_sent_again(tmp_path: Path, options: int, profile: Profile | None) -> None:
    def breaks(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", [(b"Content-Length", b"100")])
        talk.core.send_body(b"half")
        talk.push()

    members = "balanced_workers" if profile else "balance_workers"
    more = (f"a.recovery_options={options}",)
    with (
        TinyContainer(breaks) as a,
        TinyContainer() as b,
        running_site(
            tmp_path, balancer(a.address, b.address, more=more, members=members) + ALL, profile=profile
        ) as site,
    ):
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            site.ask(headers=TO_A)
        wait_for(lambda: site.counted("cut_short") == 1)
        assert (requests(a), requests(b)) == (1, 0)


@covers("EPL-RTY-14")
@pytest.mark.parametrize(
    ("options", "method", "again"),
    [(0, "GET", True), (1, "GET", False), (2, "GET", False), (0, "POST", False), (17, "GET", True)],
)
def test_after_a_head_that_the_client_has_not_got_the_bits_decide(
    tmp_path: Path, options: int, method: str, again: bool
) -> None:
    with (
        TinyContainer(head_alone) as a,
        TinyContainer() as b,
        running_site(
            tmp_path, balancer(a.address, b.address, more=(f"a.recovery_options={options}",)) + ALL
        ) as site,
    ):
        assert site.ask(method=method, headers=TO_A).status == (200 if again else 502)
        assert (requests(a) > 1, requests(b)) == (again, int(again))


class Waiting:
    """A container script that holds each request back until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, talk: Talk) -> None:
        while True:
            talk.request()
            self.begun.release()
            assert self.go_on.wait(10)
            talk.answer(b"late", headers=[(b"Content-Length", b"4")])


def while_one_waits(site: RunningSite, script: Waiting, path: str = "/x") -> threading.Thread:
    """A request that the container of the script holds; joined by the caller."""
    thread = threading.Thread(target=lambda: site.ask(path, headers=TO_A), daemon=True)
    thread.start()
    assert script.begun.acquire(timeout=10)
    return thread


@covers("EPL-RTY-06")
def test_a_member_at_its_busy_limit_refuses_at_once_and_another_serves(tmp_path: Path) -> None:
    script = Waiting()
    more = ("a.busy_limit=1", "list=solo", "solo.type=ajp13", "solo.reference=worker.a")
    with (
        TinyContainer(script) as a,
        TinyContainer() as b,
        running_site(
            tmp_path, balancer(a.address, b.address, more=more) + ALL + "JkMount /solo solo\n"
        ) as site,
    ):
        thread = while_one_waits(site, script)
        assert site.ask(headers=TO_A).body == b"GET /x "
        assert site.counted("busy") == 1 and site.wait_for_states("busy", "ok")
        assert site.member("a").open == 1
        script.go_on.set()
        thread.join(10)
        wait_for(lambda: site.member("a").open == 0)
        assert site.ask(headers=TO_A).body == b"late"


@covers("EPL-RTY-05")
def test_a_request_that_gets_no_place_in_time_goes_to_another_member(tmp_path: Path) -> None:
    script = Waiting()
    more = ("a.connection_pool_size=1", "a.connection_acquire_timeout=100")
    with (
        TinyContainer(script) as a,
        TinyContainer() as b,
        running_site(tmp_path, balancer(a.address, b.address, more=more) + ALL) as site,
    ):
        thread = while_one_waits(site, script)
        assert site.ask(headers=TO_A).body == b"GET /x "
        assert site.counted("no_place") == 1 and site.wait_for_states("busy", "ok")
        assert (site.member("a").open, site.member("a").errors) == (1, 0)
        # It stays busy as long as its places are taken, and nobody waits for it.
        assert site.ask(headers=TO_A).body == b"GET /x "
        assert site.counted("no_place") == 1
        script.go_on.set()
        thread.join(10)
        wait_for(lambda: site.ask(headers=TO_A).body == b"late")


@covers("EPL-RTY-05")
def test_a_place_that_is_lost_between_two_tries_makes_the_member_busy(tmp_path: Path) -> None:
    script = Waiting()
    more = ("a.connection_pool_size=1", "a.connection_acquire_timeout=100", "a.retry_interval=300")
    first = threading.Event()

    def drops_and_tells(talk: Talk) -> None:
        talk.request()
        first.set()

    with (
        TinyContainer(drops_and_tells, script) as a,
        TinyContainer() as b,
        running_site(tmp_path, balancer(a.address, b.address, more=more) + ALL) as site,
    ):
        bodies: list[bytes] = []
        thread = threading.Thread(target=lambda: bodies.append(site.ask(headers=TO_A).body), daemon=True)
        thread.start()
        assert first.wait(10)
        other = while_one_waits(site, script)
        thread.join(10)
        assert bodies == [b"GET /x "]
        assert (site.counted("broken"), site.counted("no_place"), site.states()[0]) == (1, 1, "busy")
        script.go_on.set()
        other.join(10)


def test_a_worker_by_itself_without_a_place_gives_503(tmp_path: Path) -> None:
    script = Waiting()
    with TinyContainer(script) as a:
        more = ("a.connection_pool_size=1", "a.connection_acquire_timeout=100", "list=a")
        with running_site(tmp_path, balancer(a.address, more=more) + "JkMount /* a\n") as site:
            thread = while_one_waits(site, script)
            assert site.ask().status == 503
            script.go_on.set()
            thread.join(10)


@pytest.mark.parametrize("profile", [None, OLD])
def test_a_request_that_fits_no_packet_gives_413_and_blames_nobody(
    tmp_path: Path, profile: Profile | None
) -> None:
    members = "balanced_workers" if profile else "balance_workers"
    with (
        TinyContainer() as a,
        running_site(tmp_path, balancer(a.address, members=members) + ALL, profile=profile) as site,
    ):
        assert site.ask(headers={f"X-{number}": "v" * 4000 for number in range(3)}).status == 413
        assert (site.counted("too_large"), site.wait_for_states("ok")) == (1, True)
        assert site.ask().status == 200


@covers("EPL-RTY-13")
def test_the_status_is_that_of_the_last_try(tmp_path: Path) -> None:
    with TinyContainer(hangs) as a, TinyContainer(drops) as b:
        for order, status in (((a, b), 502), ((b, a), 504)):
            addresses = [one.address for one in order]
            more = ("lb.retries=1", "a.reply_timeout=80", "b.reply_timeout=80")
            with running_site(tmp_path, balancer(*addresses, more=more) + ALL) as site:
                assert site.ask(headers=TO_A).status == status


@covers("FWD-STS-08")
def test_by_options_the_last_failure_counts_even_when_nobody_is_left() -> None:
    with TinyContainer(drops) as container, running_front(container.address) as running:
        assert ask(running.port).status == 502
        assert running.front.counters["no_worker"] == 1
        assert ask(running.port).status == 503


# -- recovery as 1.2.7 has it ---------------------------------------------------------------------


@covers("EPL-RTY-01", "EPL-RTY-02", "EPL-RTY-11")
@pytest.mark.parametrize(("more", "tries"), [((), 3), (("lb.retries=2", "a.retries=7"), 2)])
def test_in_1_2_7_a_member_is_tried_by_the_retries_of_its_balancer(
    tmp_path: Path, more: Sequence[str], tries: int
) -> None:
    with TinyContainer(drops) as a:
        text = balancer(a.address, nobody(), more=more, members="balanced_workers")
        with running_site(tmp_path, text + ALL, profile=OLD) as site:
            assert site.ask(method="POST", headers=TO_A, body=b"1").status == 500
            assert (requests(a), site.counted("not_sent")) == (tries, tries)
            assert site.states() == ["error", "error"]
            assert site.ask().status == 500


@covers("EPL-RTY-03")
@pytest.mark.parametrize(("options", "again"), [(0, True), (1, False), (9, False), (17, False)])
def test_in_1_2_7_bit_1_holds_for_every_method(tmp_path: Path, options: int, again: bool) -> None:
    more = (f"a.recovery_options={options}",)
    for method in ("GET", "HEAD"):
        with (
            TinyContainer(drops) as a,
            TinyContainer() as b,
            running_site(
                tmp_path,
                balancer(a.address, b.address, more=more, members="balanced_workers") + ALL,
                profile=OLD,
            ) as site,
        ):
            assert site.ask(method=method, headers=TO_A).status == (200 if again else 500)
            assert (requests(a), requests(b)) == ((3, 1) if again else (1, 0))


@covers("EPL-RTY-04")
def test_in_1_2_7_silence_is_tried_again_whatever_the_options(tmp_path: Path) -> None:
    more = ("a.recovery_options=3", "a.reply_timeout=80", "lb.retries=2")
    with (
        TinyContainer(hangs) as a,
        TinyContainer() as b,
        running_site(
            tmp_path, balancer(a.address, b.address, more=more, members="balanced_workers") + ALL, profile=OLD
        ) as site,
    ):
        assert site.ask(method="POST", headers=TO_A, body=b"1").body == b"POST /x 1"
        assert (requests(a), requests(b)) == (2, 1)


@pytest.mark.parametrize(
    ("profile", "members", "activation"),
    [(OLD, "balanced_workers", None), (None, "balance_workers", b"ACT")],
)
def test_the_route_is_the_name_of_the_worker_and_1_2_7_says_nothing_of_an_activation(
    tmp_path: Path, profile: Profile | None, members: str, activation: bytes | None
) -> None:
    seen: list[ForwardRequest] = []
    with (
        TinyContainer(recording(seen)) as a,
        running_site(tmp_path, balancer(a.address, members=members) + ALL, profile=profile) as site,
    ):
        assert site.ask().status == 200
    assert seen[0].attribute(AttributeCode.ROUTE) == b"a"
    assert dict(seen[0].request_attributes()).get(b"JK_LB_ACTIVATION") == activation
