"""tshark's AJP13 dissector as a second opinion on what refjk sends, at both of its ends.

The dissector takes a wanted length for a promise: after a body packet that is shorter, it reads the
next packet as more of that body. So a body that ends in such a packet, and not in an end marker, is
the last thing in a recording. It shows bodies as text, so that they are text. It counts the octets of
a packet in 16 bits, so that the largest packets here are those of the next smaller size of mod_jk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from refjk.ajp13.building import ConnectionFacts, TlsFacts, build_forward_request
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.codes import METHODS, AttributeCode
from refjk.ajp13.events import HeadersReceived
from refjk.ajp13.forward_request import decode_forward_request
from refjk.ajp13.messages import EndResponse, ForwardRequest, GetBodyChunk, Header, SendBodyChunk, SendHeaders
from refjk.ajp13.web_server import EndMarker
from refjk.runtime.addresses import Address
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.speccheck import covers
from tests.interop.fronts import FRONTS
from tests.interop.peers import Certificates, Dissected, Frame, Httpd, ask, dissect
from tests.interop.refjk_server import RefjkServer
from tests.interop.tap import Tap, by_packets

pytestmark = pytest.mark.interop

FACTS = ConnectionFacts(
    b"192.0.2.7",
    b"www.example",
    8443,
    remote_host=b"client.example",
    remote_port=54321,
    local_addr=b"192.0.2.1",
    remote_user=b"alice",
    auth_type=b"BASIC",
)
PREFIX_CODE = {"request": {2, 10}, "answer": {3, 4, 5, 6, 9}}


class Recording:
    """Exchanges of refjk's endpoint with `refjk serve`, through a tap."""

    def __init__(self, port: int, settings: EndpointSettings) -> None:
        self._tap = Tap(port)
        self._settings = settings
        self.statuses: list[int] = []
        self.body_octets = 0

    def __enter__(self) -> Recording:
        self._tap.__enter__()
        self._endpoint = Endpoint.connect(Address("127.0.0.1", self._tap.port), self._settings)
        return self

    def __exit__(self, *_: object) -> None:
        self._endpoint.close()
        self._tap.__exit__(None, None, None)

    @property
    def frames(self) -> list[Frame]:
        return by_packets(self._tap.connections[0])

    def ping(self) -> None:
        self._endpoint.ping()

    def play(
        self,
        method: bytes = b"GET",
        path: bytes = b"/echo",
        query: bytes | None = None,
        headers: Iterable[Header] = (),
        *,
        body_size: int = 0,
        announced: bool = True,
        facts: ConnectionFacts = FACTS,
        **more: object,
    ) -> None:
        left = body_size

        def read(size: int) -> bytes:
            nonlocal left
            size = min(size, left)
            left -= size
            self.body_octets += size
            return b"x" * size

        request = build_forward_request(
            method, path, query, headers, facts, body_size=body_size if announced else None, **more
        )
        for event in self._endpoint.exchange(request, read):
            if isinstance(event, HeadersReceived):
                self.statuses.append(event.status)


@pytest.fixture(scope="module", params=[8192, 64512])
def packet_size(request: pytest.FixtureRequest) -> int:
    size: int = request.param
    return size


@pytest.fixture(scope="module")
def container(packet_size: int) -> Iterator[RefjkServer]:
    with RefjkServer("--packet-size", str(packet_size), "--trust-remote-user") as server:
        yield server


@covers("AJP-FRM-01", "AJP-FRM-02", "AJP-FRM-03", "AJP-RSP-02")
@pytest.mark.parametrize("marker", list(EndMarker))
def test_everything_that_both_ends_send_is_read_as_what_it_is(
    container: RefjkServer, packet_size: int, certificates: Certificates, marker: EndMarker
) -> None:
    tls = TlsFacts(b"TLS_AES_256_GCM_SHA384", 256, b"0a0b", b"TLSv1.3", certificates.client.read_bytes())
    secure = ConnectionFacts(b"192.0.2.7", b"www.example", 443, tls=tls)
    many = [
        (b"Cookie", b"a=1"),
        (b"Cookie", b"b=2"),
        (b"X-Own", b"\xe4"),
        (b"Accept", b"*/*"),
        (b"Host", b"h"),
    ]
    extra = {"secret": b"s", "route": b"node1", "activation": b"ACT", "attributes": [(b"COLOUR", b"red")]}
    settings = EndpointSettings(packet_size=packet_size, end_marker=marker)
    with Recording(container.port, settings) as recording:
        recording.ping()
        for method in [*METHODS, b"PATCH", b"get"]:
            recording.play(method)
        for size in (0, 1, packet_size - 6, 2 * (packet_size - 6)):
            recording.play(b"POST", body_size=size)
        for size in (0, 1, packet_size - 6, packet_size - 5, 200_000):
            recording.play(b"PUT", body_size=size, announced=False)
            recording.play(path=b"/status", query=b"length=%d" % size)
        recording.ping()
        recording.play(query=b"", headers=many, **extra)
        recording.play(facts=secure)
        for query in (
            b"code=204",
            b"code=304",
            b"code=599&large=7500",
            b"large=%d" % packet_size,
            b"reason=%E4",
        ):
            recording.play(path=b"/status", query=query)
        recording.play(
            path=b"/status",
            query=b"code=401&header=Set-Cookie:a&header=Set-Cookie:b&header=WWW-Authenticate:c",
        )
        recording.play(path=b"/write")
        recording.play(path=b"/fail")
        recording.play(b"POST", b"/unread", body_size=packet_size - 6)
        recording.play(b"POST", body_size=200_000)
    assert Counter(recording.statuses)[200] > 40
    assert {204, 304, 401, 500, 599} <= set(recording.statuses)
    assert agreed_body_octets(recording.frames) == recording.body_octets


@pytest.mark.parametrize("name", list(FRONTS))
def test_what_refjk_answers_to_httpd_is_read_as_what_it_is(
    container: RefjkServer, packet_size: int, name: str
) -> None:
    with (
        Tap(container.port) as tap,
        Httpd(FRONTS[name](tap.port, packet_size=packet_size, ping=True)) as httpd,
    ):
        for size in (1, 200_000):
            assert ask(httpd.port, "/echo?a=b", "POST", body=iter([b"x" * size])).status == 200
            assert len(ask(httpd.port, f"/status?length={size}").body) == size
        for method, path in (
            ("HEAD", "/echo"),
            ("PATCH", "/echo"),
            ("GET", "/status?code=304"),
            ("GET", "/write"),
        ):
            assert ask(httpd.port, path, method).status in (200, 304)
        for size in (1, 200_000):
            assert ask(httpd.port, "/echo", "POST", body=b"x" * size).status == 200
    assert sum(agreed_body_octets(by_packets(connection)) for connection in tap.connections) == 400_002


def agreed_body_octets(frames: list[Frame]) -> int:
    """tshark complains of nothing and sees in each packet what refjk sees in it; so many octets of bodies."""
    dissected = {packet.number: packet for packet in dissect(frames)}
    assert [packet for packet in dissected.values() if packet.complaints] == []
    seen = [packet for packet in dissected.values() if packet.is_ajp]
    assert [packet.direction for packet in seen] == [frame.direction for frame in frames]
    octets_seen = 0
    for frame, packet in zip(frames, seen, strict=True):
        assert packet.values("ajp13.len") == [str(len(frame.octets) - 4)]
        codes = packet.values("ajp13.code")
        if codes:
            assert codes == [str(frame.octets[4])] and frame.octets[4] in PREFIX_CODE[frame.direction]
            assert facts_seen(packet) == facts_of(frame)
        else:
            assert frame.direction == "request"
            octets_seen += max(len(frame.octets) - 6, 0)
    return octets_seen


def facts_of(frame: Frame) -> dict[str, list[str]]:
    """What refjk reads in a packet, under tshark's names."""
    if frame.direction == "request":
        return facts_of_request(frame.octets) if frame.octets[4] == 2 else {}
    match decode_to_web_server(frame.octets):
        case SendHeaders() as message:
            return {
                "rstatus": [str(message.status)],
                "nhdr": [str(len(message.headers))],
                "set_cookie": [value.decode() for name, value in message.headers if name == b"Set-Cookie"],
                "content_type": [
                    value.decode() for name, value in message.headers if name == b"Content-Type"
                ],
            }
        case GetBodyChunk(wanted):
            return {"rlen": [str(wanted)]}
        case EndResponse(reuse):
            return {"reusep": [str(int(reuse))]}
        case SendBodyChunk():
            return {}
        case other:
            assert frame.octets == b"AB\0\1\x09", other
            return {}


def facts_of_request(octets: bytes) -> dict[str, list[str]]:
    request = decode_forward_request(octets, keep_spelling=True)
    assert request.spelling is not None
    return {
        "method": [str(request.spelling.method_code)],
        "ver": [request.protocol.decode()],
        "uri": [request.req_uri.decode()],
        "raddr": [(request.remote_addr or b"").decode()],
        "rhost": [(request.remote_host or b"").decode()],
        "srv": [(request.server_name or b"").decode()],
        "port": [str(request.server_port)],
        "sslp": [str(int(request.is_ssl))],
        "nhdr": [str(len(request.headers))],
        "content_length": [value.decode() for value in request.header_values(b"content-length")],
        "query_string": attribute_values(request, AttributeCode.QUERY_STRING),
        "secret": attribute_values(request, AttributeCode.SECRET),
        "route": attribute_values(request, AttributeCode.ROUTE),
        "stored_method": attribute_values(request, AttributeCode.STORED_METHOD),
        "remote_user": attribute_values(request, AttributeCode.REMOTE_USER),
        "req_attribute": [
            f"{(name or b'').decode()}: {value.decode() if isinstance(value, bytes) else value}"
            for code, name, value in request.attributes
            if code == AttributeCode.REQ_ATTRIBUTE
        ],
    }


def attribute_values(request: ForwardRequest, wanted: AttributeCode) -> list[str]:
    return [
        value.decode() for code, _, value in request.attributes if code == wanted and isinstance(value, bytes)
    ]


def facts_seen(packet: Dissected) -> dict[str, list[str]]:
    """What tshark shows of the same fields."""
    names = {
        2: "method ver uri raddr rhost srv port sslp nhdr content_length query_string secret route"
        " stored_method remote_user req_attribute",
        4: "rstatus nhdr set_cookie content_type",
        5: "reusep",
        6: "rlen",
    }
    code = int(packet.values("ajp13.code")[0])
    return {name: packet.values(f"ajp13.{name}") for name in names.get(code, "").split()}
