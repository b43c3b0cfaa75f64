"""The web server's side of refjk against a real Tomcat: endpoint, pool, `refjk ping`, `refjk request`."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from refjk.ajp13.building import ConnectionFacts, TlsFacts, build_forward_request
from refjk.ajp13.codes import METHODS
from refjk.ajp13.events import Flushed, HeadersReceived, ResponseBody
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.ajp13.web_server import EndMarker
from refjk.cli.main import main
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings, ReadBody
from refjk.runtime.endpoint_errors import EndpointError
from refjk.runtime.endpoint_pool import EndpointPool, PoolSettings
from refjk.speccheck import covers
from tests.interop.peers import Certificates, Tomcat

pytestmark = pytest.mark.interop

FACTS = ConnectionFacts(b"192.0.2.7", b"www.example", 80)
MEGABYTES_50 = 50 << 20
SIZES = [0, 1, 8185, 8186, 8187, 65530, 1_000_000]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[Header, ...]
    body: bytes
    flushes: int

    def json(self) -> Any:
        return json.loads(self.body)


def address_of(tomcat: Tomcat) -> Address:
    return Address("127.0.0.1", tomcat.port)


def build(
    method: bytes = b"GET",
    path: bytes = b"/echo",
    query: bytes | None = None,
    headers: list[Header] | None = None,
    **more: Any,
) -> ForwardRequest:
    return build_forward_request(method, path, query, headers or [], more.pop("facts", FACTS), **more)


def play(endpoint: Endpoint, request: ForwardRequest, read_body: ReadBody | None = None) -> Answer:
    events = list(endpoint.exchange(request, read_body) if read_body else endpoint.exchange(request))
    head = events[0]
    assert isinstance(head, HeadersReceived)
    return Answer(
        head.status,
        head.headers,
        b"".join(event.data for event in events if isinstance(event, ResponseBody)),
        sum(isinstance(event, Flushed) for event in events),
    )


class Pattern:
    """A body of `size` octets, made while it is read, at most `piece` at a time."""

    def __init__(self, size: int, piece: int = 1 << 20) -> None:
        self.left = size
        self.digest = hashlib.sha256()
        self._piece = piece

    def read(self, size: int) -> bytes:
        size = min(size, self.left, self._piece)
        data = (bytes((self.left + i) & 0xFF for i in range(64)) * (size // 64 + 1))[:size]
        self.left -= size
        self.digest.update(data)
        return data


@pytest.fixture
def endpoint(tomcat: Tomcat) -> Iterator[Endpoint]:
    endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings())
    yield endpoint
    endpoint.close()


def test_tomcat_answers_cping_before_between_and_after_requests(endpoint: Endpoint) -> None:
    for _ in range(3):
        assert endpoint.ping() < 10
        assert play(endpoint, build()).status == 200
        assert endpoint.usable()
    assert endpoint.ping() < 10


@covers("AJP-MTH-01", "AJP-MTH-02")
@pytest.mark.parametrize("method", [*METHODS, b"PATCH", b"QUERY", b"get", b"X-Y.Z"])
def test_every_method_arrives_by_its_name(endpoint: Endpoint, method: bytes) -> None:
    answer = play(endpoint, build(method))
    assert answer.status == 200
    if method != b"HEAD":
        assert answer.json()["method"] == method.decode()
    assert endpoint.usable()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("piece", [1 << 20, 1000])
def test_bodies_arrive_whole(endpoint: Endpoint, size: int, announced: bool, piece: int) -> None:
    body = Pattern(size, piece)
    answer = play(endpoint, build(b"POST", body_size=size if announced else None), body.read).json()
    assert (answer["body"]["length"], answer["body"]["sha256"]) == (size, body.digest.hexdigest())
    assert answer["content_length"] == (size if announced else -1)
    assert endpoint.usable()


@pytest.mark.parametrize("marker", list(EndMarker))
def test_tomcat_takes_both_end_markers(tomcat: Tomcat, marker: EndMarker) -> None:
    endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings(end_marker=marker))
    for size in (10, None):
        answer = play(endpoint, build(b"POST", body_size=size), Pattern(10).read).json()
        assert answer["body"]["length"] == 10
    endpoint.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [b"", b"&length=no"])
def test_answers_arrive_whole(endpoint: Endpoint, size: int, length: bytes) -> None:
    answer = play(endpoint, build(path=b"/big", query=b"n=%d%s" % (size, length)))
    assert answer.body == (bytes(range(251)) * (size // 251 + 1))[:size]
    assert endpoint.usable()


@pytest.mark.parametrize("packet_size", [8192, 65536])
@pytest.mark.parametrize("announced", [True, False])
def test_50_megabytes_go_up_and_down(packet_size: int, announced: bool) -> None:
    with Tomcat(packet_size=packet_size) as tomcat:
        endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings(packet_size=packet_size))
        body = Pattern(MEGABYTES_50)
        request = build(b"PUT", body_size=MEGABYTES_50 if announced else None)
        answer = play(endpoint, request, body.read).json()["body"]
        assert (answer["length"], answer["sha256"]) == (MEGABYTES_50, body.digest.hexdigest())
        size = 0
        for event in endpoint.exchange(build(path=b"/big", query=b"n=%d" % MEGABYTES_50)):
            size += len(event.data) if isinstance(event, ResponseBody) else 0
        assert size == MEGABYTES_50
        endpoint.close()


@pytest.mark.parametrize("status", [204, 205, 304, 404, 500, 599])
def test_every_status_arrives_and_leaves_a_usable_connection(endpoint: Endpoint, status: int) -> None:
    assert play(endpoint, build(path=b"/status", query=b"code=%d" % status)).status == status
    assert endpoint.usable()


def test_head_has_headers_and_no_body(endpoint: Endpoint) -> None:
    answer = play(endpoint, build(b"HEAD", b"/big", b"n=100000"))
    assert (answer.status, answer.body) == (200, b"")
    assert [value for name, value in answer.headers if name.lower() == b"content-length"] == [b"100000"]
    assert endpoint.usable()


@covers("AJP-HDR-06", "AJP-RSP-10")
def test_repeated_headers_stay_apart_in_both_directions(endpoint: Endpoint) -> None:
    headers = [(b"X-A", b"1"), (b"Cookie", b"a=1"), (b"X-A", b"2"), (b"Cookie", b"b=2"), (b"x-a", b"\xe4")]
    answer = play(
        endpoint, build(headers=headers, query=b"header=Set-Cookie:a=1&header=Set-Cookie:b=2&header=X-B:c")
    )
    seen = [(name.lower(), value) for name, value in answer.json()["headers"]]
    assert [value for name, value in seen if name == "x-a"] == ["1", "2", "ä"]
    assert [value for name, value in seen if name == "cookie"] == ["a=1", "b=2"]
    assert [value for name, value in answer.headers if name == b"Set-Cookie"] == [b"a=1", b"b=2"]


def test_large_headers_arrive_as_far_as_the_packet_reaches(endpoint: Endpoint) -> None:
    large = b"x" * 7000
    seen = {
        name.lower(): value
        for name, value in play(endpoint, build(headers=[(b"X-L", large)])).json()["headers"]
    }
    assert seen["x-l"] == large.decode()


def test_flushes_are_told_as_they_come(endpoint: Endpoint) -> None:
    answer = play(endpoint, build(path=b"/flush", query=b"n=5"))
    assert answer.body == b"".join(b"piece %d\n" % number for number in range(5))
    assert answer.flushes == 5


def test_a_body_that_is_left_unread_does_no_harm(endpoint: Endpoint) -> None:
    for _ in range(3):
        body = Pattern(1_000_000)
        assert play(endpoint, build(b"POST", b"/noread", body_size=1_000_000), body.read).status == 200
        assert body.left == 1_000_000 - 8186
        assert endpoint.usable()
    assert play(endpoint, build()).json()["method"] == "GET"


@covers("AJP-ERR-07")
def test_a_failure_in_the_middle_of_an_answer_is_no_complete_answer(endpoint: Endpoint) -> None:
    seen = bytearray()
    endpoint.send(build(path=b"/fail", query=b"late=100"))
    with pytest.raises(EndpointError) as raised:
        while True:
            event = endpoint.next_event(1)
            seen += event.data if isinstance(event, ResponseBody) else b""
    assert raised.value.headers_seen and endpoint.closed
    assert len(seen) == 100


def test_the_facts_of_the_client_reach_the_application() -> None:
    facts = ConnectionFacts(
        remote_addr=b"192.0.2.7",
        server_name=b"www.example",
        server_port=8443,
        remote_host=b"client.example",
        remote_port=54321,
        local_addr=b"192.0.2.1",
        remote_user=b"alice",
        auth_type=b"BASIC",
    )
    with Tomcat(tomcat_authentication=False, connector={"enableLookups": "true"}) as tomcat:
        endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings())
        seen = play(endpoint, build(facts=facts, query=b"", protocol=b"HTTP/1.0")).json()
        endpoint.close()
    expected = {
        "remote_addr": "192.0.2.7",
        "remote_host": "client.example",
        "remote_port": 54321,
        "local_addr": "192.0.2.1",
        "server_name": "www.example",
        "server_port": 8443,
        "remote_user": "alice",
        "auth_type": "BASIC",
        "protocol": "HTTP/1.0",
        "query": "",
        "scheme": "http",
        "secure": False,
    }
    assert {name: seen[name] for name in expected} == expected


def test_tls_facts_reach_the_application(endpoint: Endpoint, certificates: Certificates) -> None:
    tls = TlsFacts(
        cipher=b"TLS_AES_256_GCM_SHA384",
        key_size=256,
        session=b"0a0b0c",
        protocol=b"TLSv1.3",
        certificate=certificates.client.read_bytes(),
    )
    facts = ConnectionFacts(b"192.0.2.7", b"www.example", 443, tls=tls)
    name = "org.apache.tomcat.util.net.secure_protocol_version"
    seen = play(endpoint, build(facts=facts, query=b"attribute=%s" % name.encode())).json()
    assert (seen["scheme"], seen["secure"], seen["attributes"][name]) == ("https", True, "TLSv1.3")
    assert (seen["tls"]["cipher"], seen["tls"]["key_size"]) == ("TLS_AES_256_GCM_SHA384", 256)
    assert seen["tls"]["session"] == "0a0b0c"
    assert "refjk client" in seen["tls"]["certificates"][0]


def test_attributes_pass_when_tomcat_allows_their_names() -> None:
    with Tomcat(allowed_attributes="COLOUR|SHAPE") as tomcat:
        endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings())
        allowed = build(query=b"attribute=COLOUR", attributes=[(b"COLOUR", b"red"), (b"SHAPE", b"")])
        assert play(endpoint, allowed).json()["attributes"] == {"COLOUR": "red"}
        assert play(endpoint, build(attributes=[(b"SIZE", b"1")])).status == 403
        assert endpoint.closed


@covers("AJP-SEC-01")
def test_a_secret_opens_tomcat_and_a_wrong_or_missing_one_does_not() -> None:
    with Tomcat(secret="open sesame") as tomcat:
        endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings())
        for _ in range(3):
            assert endpoint.ping() < 10
            assert play(endpoint, build(secret=b"open sesame")).status == 200
        for wrong in (None, b"", b"open sesam", b"open sesame "):
            stranger = Endpoint.connect(address_of(tomcat), EndpointSettings())
            assert play(stranger, build(secret=wrong)).status == 403
            assert stranger.closed
        assert play(endpoint, build(secret=b"open sesame")).status == 200
        endpoint.close()


def test_packets_of_65536_octets_carry_large_requests_and_answers() -> None:
    with Tomcat(packet_size=65536) as tomcat:
        endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings(packet_size=65536))
        large = b"x" * 60000
        headers = play(endpoint, build(headers=[(b"X-L", large)])).json()["headers"]
        assert {name.lower(): value for name, value in headers}["x-l"] == large.decode()
        body = Pattern(1_000_000)
        answer = play(endpoint, build(b"POST", body_size=None), body.read).json()["body"]
        assert (answer["length"], answer["sha256"]) == (1_000_000, body.digest.hexdigest())
        pieces = [
            len(event.data)
            for event in endpoint.exchange(build(path=b"/big", query=b"n=1000000"))
            if isinstance(event, ResponseBody)
        ]
        assert sum(pieces) == 1_000_000 and max(pieces) > 8184
        endpoint.close()


def test_a_pool_serves_many_threads_over_few_connections(tomcat: Tomcat) -> None:
    pool = EndpointPool(
        address_of(tomcat), EndpointSettings(), PoolSettings(size_max=8, ping_before_request=True)
    )

    def work(number: int) -> None:
        endpoint = pool.acquire(30)
        try:
            path = b"/echo/%d" % number
            assert play(endpoint, build(path=path)).json()["uri"] == path.decode()
        finally:
            pool.release(endpoint)

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(work, range(500), timeout=60))
    counters = pool.counters()
    pool.close_all()
    assert (counters.opened + counters.reused, counters.pings) == (500, 500)
    assert counters.opened <= 8


@covers("AJP-CON-05")
def test_a_pool_survives_a_restart_of_tomcat() -> None:
    with Tomcat() as tomcat:
        pool = EndpointPool(address_of(tomcat), EndpointSettings(), PoolSettings(ping_idle_s=None))

        def use_three() -> None:
            held = [pool.acquire(10) for _ in range(3)]
            for endpoint in held:
                assert play(endpoint, build()).status == 200
                pool.release(endpoint)

        use_three()
        tomcat.restart()
        use_three()
        counters = pool.counters()
        pool.close_all()
    assert (counters.opened, counters.reused, counters.found_unusable) == (6, 0, 3)


@covers("AJP-CON-05")
def test_a_connection_that_tomcat_closed_after_its_keep_alive_time_is_found_out() -> None:
    with Tomcat(connector={"keepAliveTimeout": 200}) as tomcat:
        endpoint = Endpoint.connect(address_of(tomcat), EndpointSettings())
        assert play(endpoint, build()).status == 200
        assert endpoint.usable()
        pause = threading.Event()
        for _ in range(1000):  # Tomcat looks at its connections at its own pace
            if not endpoint.usable():
                break
            pause.wait(0.02)
        assert endpoint.closed


# -- the commands -------------------------------------------------------------------------


def test_refjk_ping_reaches_tomcat(tomcat: Tomcat, capsys: pytest.CaptureFixture[str]) -> None:
    target = f"ajp://127.0.0.1:{tomcat.port}"
    assert main(["ping", target, "--interval", "0", "--count", "20"]) == 0
    assert "20 sent, 20 answered, 0 lost" in capsys.readouterr().out
    assert main(["ping", target, "--interval", "0", "--reconnect", "--quiet"]) == 0


def test_refjk_request_reaches_tomcat(
    tomcat: Tomcat, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = tmp_path / "data"
    data.write_bytes(bytes(range(256)) * 10000)
    url = f"ajp://127.0.0.1:{tomcat.port}/echo?a=b"
    words = ["-d", f"@{data}", "-X", "PATCH", "--remote-addr", "192.0.2.9", "--tls", "-v"]
    for chunked in ([], ["--chunked"]):
        assert main(["request", url, *words, *chunked]) == 0
        out, err = capsysbinary.readouterr()
        seen = json.loads(out)
        assert (seen["method"], seen["query"], seen["scheme"]) == ("PATCH", "a=b", "https")
        assert seen["remote_addr"] == "192.0.2.9"
        assert seen["body"]["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
        assert b"< GET_BODY_CHUNK, 7 octets\n" in err
        assert not [line for line in err.splitlines() if line.startswith(b"!")]


def test_refjk_request_shows_what_tomcat_refuses(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s\n")
    with Tomcat(secret="s") as tomcat:
        url = f"ajp://127.0.0.1:{tomcat.port}/echo"
        assert main(["request", url, "--fail", "--secret-file", str(secret)]) == 0
        assert main(["request", url, "--fail"]) == 1
        words = ["--secret-file", str(secret), "--attribute", "unknown=1"]
        assert main(["request", url, "--fail", *words]) == 1
    assert capsysbinary.readouterr().err.count(b"the status is 403") == 2
