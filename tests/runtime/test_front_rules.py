"""What the front decides without a socket: consequences, offers, headers, the body kept for another try."""

from __future__ import annotations

import pytest

from refjk.balancing import WorkerSettings
from refjk.base.errors import Malformed, UsageError
from refjk.http1 import RequestReceived, ServerConnection
from refjk.mapping import parse_mount
from refjk.runtime.addresses import Address
from refjk.runtime.front_body import Upload
from refjk.runtime.front_connection import split_authority
from refjk.runtime.front_forwarding import forwarded_headers
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.speccheck import covers
from refjk.webserver import CONSEQUENCES, Ending, Offer, Plan, Recovery, Target, Verdict, WebServer, judge


def plan(*mounts: str, **settings: object) -> Plan:
    workers = tuple(FrontWorker(WorkerSettings(name), Address("h", 1)) for name in ("a", "b", "node"))
    return FrontSettings(
        workers=workers,
        mounts=tuple(parse_mount(text) for text in mounts or ("/*=lb",)),
        balancers={"lb": ("a", "b")},
        **settings,  # type: ignore[arg-type]
    ).plan()


def find(server: WebServer, path: bytes) -> Target | None:
    return server.host(b"h", "127.0.0.1", 80).place(path).target


def verdict_of(ending: Ending, method: bytes = b"GET", *, is_held: bool = True) -> Verdict:
    return judge(ending, Recovery(), method, is_held=is_held)


def report(server: WebServer, target: Target, offer: Offer, ending: Ending) -> bool:
    return server.report(target, offer, verdict_of(ending), 0, started=True)


def request(head: bytes) -> RequestReceived:
    (event,) = ServerConnection().receive(head + b"\r\n\r\n")
    assert isinstance(event, RequestReceived)
    return event


@covers("FWD-RTY-01", "FWD-RTY-02", "FWD-RTY-03", "FWD-RTY-04", "FWD-RTY-05", "FWD-RTY-07", "FWD-RTY-08")
@pytest.mark.parametrize(
    ("ending", "get", "post", "get_not_held"),
    [
        (Ending.SERVED, False, False, False),
        (Ending.CLIENT_FAILED, False, False, False),
        (Ending.TOO_LARGE, False, False, False),
        (Ending.NO_PLACE, False, False, False),
        (Ending.NOT_SENT, True, True, False),
        (Ending.BROKEN, True, False, False),
        (Ending.GARBLED, True, False, False),
        (Ending.UNKNOWN_PACKET, True, False, False),
        (Ending.SILENT, False, False, False),
        (Ending.UNFIT, False, False, False),
        (Ending.HEAD_ONLY, True, False, False),
        (Ending.HEAD_STALLED, False, False, False),
        (Ending.CUT_SHORT, False, False, False),
        (Ending.STALLED, False, False, False),
    ],
)
def test_endings_allow_another_try_as_the_table_says(
    ending: Ending, get: bool, post: bool, get_not_held: bool
) -> None:
    assert verdict_of(ending, b"GET").other is get
    assert verdict_of(ending, b"POST").other is post
    assert verdict_of(ending, b"PATCH").other is post
    assert verdict_of(ending, b"get").other is post
    assert verdict_of(ending, b"GET", is_held=False).other is get_not_held


@covers("FWD-RTY-06")
def test_only_a_broken_connection_is_a_reason_to_try_the_same_worker_again() -> None:
    same = {ending for ending in Ending if verdict_of(ending).same}
    assert same == {Ending.BROKEN, Ending.GARBLED, Ending.UNKNOWN_PACKET, Ending.HEAD_ONLY}


def test_every_ending_has_its_consequence() -> None:
    assert set(CONSEQUENCES) == set(Ending)
    assert {ending.name: verdict_of(ending).status for ending in Ending if verdict_of(ending).status} == {
        "TOO_LARGE": 413,
        "NO_PLACE": 503,
        "BUSY": 503,
        "NOT_SENT": 503,
        "HEAD_ONLY": 502,
        "HEAD_STALLED": 504,
        "BROKEN": 502,
        "GARBLED": 502,
        "UNKNOWN_PACKET": 502,
        "SILENT": 504,
        "STATUS_FATAL": 503,
        "STATUS_SOFT": 503,
        "UNFIT": 502,
    }


@covers("FWD-OUT-01", "FWD-OUT-02", "FWD-OUT-03")
@pytest.mark.parametrize("ending", Ending)
def test_only_failures_of_the_worker_put_it_in_error(ending: Ending) -> None:
    server = WebServer(plan())
    target = find(server, b"/x")
    assert target is not None
    offer = server.offer(target, server.facts(target, []), 0)
    assert isinstance(offer, Offer) and offer.worker.name == "a"
    report(server, target, offer, ending)
    innocent = {
        Ending.SERVED,
        Ending.CLIENT_FAILED,
        Ending.TOO_LARGE,
        Ending.NO_PLACE,
        Ending.UNFIT,
    }
    state = server.balancers["lb"].snapshot()[0].state.value
    assert state == ("ok" if ending in innocent else "error")


def test_the_next_offer_is_another_worker_and_then_nobody() -> None:
    server = WebServer(plan())
    target = find(server, b"/x")
    assert target is not None
    facts = server.facts(target, [b"JSESSIONID=1.b"])
    first = server.offer(target, facts, 0)
    assert isinstance(first, Offer) and (first.worker.name, first.attempt) == ("b", 1)
    assert report(server, target, first, Ending.NOT_SENT)
    second = server.offer(target, facts, 0, first)
    assert isinstance(second, Offer) and (second.worker.name, second.attempt) == ("a", 2)
    assert report(server, target, second, Ending.BROKEN)
    assert server.offer(target, facts, 0, second) is None


def test_a_worker_that_is_mounted_directly_is_offered_once_and_has_no_route() -> None:
    server = WebServer(plan("/app/*=node", "/*=lb"))
    target = find(server, b"/app/x")
    assert target is not None and target.worker == "node"
    offer = server.offer(target, server.facts(target, []), 0)
    assert isinstance(offer, Offer) and offer.decision is None and offer.why == "mounted directly"
    assert server.start(target, offer)
    assert server.direct["node"].open[0] == 1
    assert not report(server, target, offer, Ending.NOT_SENT)
    assert (server.direct["node"].open[0], server.direct["node"].errors[0]) == (0, 1)
    assert server.offer(target, server.facts(target, []), 0, offer) is None


def test_the_forwarded_path_is_the_canonical_one() -> None:
    server = WebServer(plan("/app/*=lb"))
    target = find(server, b"/x/%2e%2e/app/./a%7eb;v=1")
    assert target is not None and target.uri == b"/app/a~b;v=1"
    assert find(server, b"/app") is None
    with pytest.raises(Malformed):
        find(server, b"/a%2fb")


def test_a_session_cookie_of_another_name_is_followed_and_the_usual_one_is_not() -> None:
    server = WebServer(plan(session_cookie=b"SID"))
    target = find(server, b"/x")
    assert target is not None
    facts = server.facts(target, [b'JSESSIONID=1.a; X="{"; SID=2.b', b"SID=3.a"])
    offer = server.offer(target, facts, 0)
    assert isinstance(offer, Offer) and offer.worker.name == "b"
    assert server.facts(target, [b"JSESSIONID=1.a"]).cookie_headers == ()


@covers("FWD-HDR-01")
def test_headers_about_the_connection_stay_here() -> None:
    headers, cookies = forwarded_headers(
        request(
            b"POST / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop, host\r\nX-Hop: 1\r\nX-Stays: 2\r\n"
            b"Keep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: close\r\nTrailer: X\r\n"
            b"Connection: content-length,content-type\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n"
            b"Expect: 100-continue\r\nCookie: a=1\r\nX-Stays: 3\r\nCookie: b=2"
        )
    )
    assert headers == [
        (b"Host", b"h"),
        (b"X-Stays", b"2"),
        (b"Content-Type", b"text/plain"),
        (b"Content-Length", b"1"),
        (b"Cookie", b"a=1"),
        (b"X-Stays", b"3"),
        (b"Cookie", b"b=2"),
    ]
    assert cookies == [b"a=1", b"b=2"]


@covers("FWD-HDR-02")
def test_the_authority_of_an_absolute_target_takes_the_place_of_host() -> None:
    absolute = request(b"GET http://real.example:81/x HTTP/1.1\r\nHost: other")
    assert forwarded_headers(absolute)[0] == [(b"Host", b"real.example:81")]


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        (b"h", b"h", 80),
        (b"h:", b"h", 80),
        (b"h:8080", b"h", 8080),
        (b"[::1]", b"[::1]", 80),
        (b"[::1]:81", b"[::1]", 81),
        (b"", b"", 80),
    ],
)
def test_an_authority_is_a_host_and_a_port(authority: bytes, host: bytes, port: int) -> None:
    assert split_authority(authority) == (host, port)


def upload(*pieces: bytes, fills: bool = True, replay_size: int = 10) -> Upload:
    source = iter([*pieces, b""])
    return Upload(lambda: next(source), fills=fills, replay_size=replay_size)


def test_an_announced_body_is_read_in_full_pieces_and_a_chunked_one_as_it_comes() -> None:
    filling, passing = upload(b"ab", b"cd", b"e"), upload(b"ab", b"cd", b"e", fills=False)
    assert [filling.read(4), filling.read(4), filling.read(4)] == [b"abcd", b"e", b""]
    assert [passing.read(4) for _ in range(4)] == [b"ab", b"cd", b"e", b""]
    assert filling.read(4) == b""


def test_a_body_can_be_read_again_from_its_start_up_to_the_limit() -> None:
    body = upload(b"abcdef", b"ghijkl")
    assert body.read(4) == b"abcd" and body.is_held
    body.rewind()
    assert body.read(3) + body.read(7) == b"abcdefghij" and body.is_held
    body.rewind()
    assert body.read(11) == b"abcdefghijk" and not body.is_held
    assert body.read(5) == b"l"


WORKER = FrontWorker(WorkerSettings("node1"), Address("127.0.0.1", 8009))
MOUNT = parse_mount("/*=balancer")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"workers": ()}, "no worker"),
        ({"mounts": ()}, "no mount"),
        ({"workers": (WORKER, WORKER)}, "two workers are called node1"),
        ({"mounts": (parse_mount("/*=balancr"),)}, "did you mean 'balancer'"),
        ({"balancers": {"lb": ("node2",)}, "mounts": (parse_mount("/*=lb"),)}, "did you mean 'node1'"),
        ({"balancers": {"node1": ("node1",)}}, "name of a worker and of a balancer"),
        ({"threads": 0}, "threads is at least 1"),
        ({"pool_size": 0}, "at least 1 connection"),
        ({"retries": -1}, "retries is not negative"),
        ({"reply_timeout_s": 0.0}, "reply timeout"),
        ({"idle_timeout_s": float("nan")}, "idle timeout"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_with_a_reason(
    settings: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        FrontSettings(**{"workers": (WORKER,), "mounts": (MOUNT,), **settings})  # type: ignore[arg-type]


def test_a_packet_size_out_of_range_names_the_worker() -> None:
    with pytest.raises(UsageError, match=r"worker node1: .*8191"):
        FrontWorker(WorkerSettings("node1"), Address("127.0.0.1", 8009), packet_size=8191)
