"""What a container refuses in a request that can be decoded: URI, Host, length, secret, attributes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from refjk.ajp13 import ContainerConnection, ContainerPhase, ContainerPolicy, admission
from refjk.ajp13.admission import Refusal, admit, climbs_above_root
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.events import RequestReceived, Violation
from refjk.ajp13.forward_request import decode_forward_request
from refjk.ajp13.messages import EndResponse, Header, SendBodyChunk, SendHeaders
from refjk.speccheck import covers
from tests.ajp13.support import (
    CPING,
    END_0,
    HEADERS_AT,
    container,
    content_length,
    forward_request,
    request,
    string,
    to_container,
    violation,
)

LENIENT = ContainerPolicy(strict=False)


def refusal(packet: bytes, policy: ContainerPolicy | None = None) -> tuple[str, int | None]:
    """Clause and status with which a fresh container refuses the request; it must close then."""
    end = container(policy=policy)
    events = end.receive(packet)
    assert len(events) == 1
    found = events[0]
    assert isinstance(found, Violation), found
    assert end.phase is ContainerPhase.CLOSED
    messages = answered(end)
    assert isinstance(messages[0], SendHeaders)
    assert messages[0].status == found.status
    assert messages[-1] == EndResponse(False)
    return found.clause, found.status


def admitted(packet: bytes, policy: ContainerPolicy | None = None) -> RequestReceived:
    end = container(policy=policy)
    events = end.receive(packet)
    assert len(events) == 1
    assert isinstance(events[0], RequestReceived), events
    assert end.data_to_send() == b""
    return events[0]


def answered(end: ContainerConnection) -> list[object]:
    octets = end.data_to_send()
    messages: list[object] = []
    while octets:
        size = 4 + int.from_bytes(octets[2:4], "big")
        messages.append(decode_to_web_server(octets[:size]))
        octets = octets[size:]
    return messages


# -- how a refusal looks --------------------------------------------------------------------


@covers("AJP-REQ-06", "AJP-END-03", "AJP-RSP-06")
@pytest.mark.parametrize(
    ("packet", "clause", "offset"),
    [
        (forward_request(method=0), "AJP-MTH-04", 5),
        (forward_request(headers=[b"\xa0\x0f" + string(b"v")]), "AJP-HDR-03", HEADERS_AT),
        (forward_request(header_count=101), "AJP-HDR-08", HEADERS_AT - 2),
        (forward_request(end=b""), "AJP-ATT-02", HEADERS_AT),
        (forward_request(protocol=string(None)), "AJP-REQ-03", 6),
        (to_container(b"\x02"), "AJP-FRM-15", 5),
        (forward_request(attributes=b"\x0e"), "AJP-ATT-04", HEADERS_AT),
    ],
)
def test_what_cannot_be_decoded_is_answered_400_and_the_connection_closed(
    packet: bytes, clause: str, offset: int
) -> None:
    end = container()

    events = end.receive(packet + CPING)

    assert violation(events) == (clause, offset)
    assert end.phase is ContainerPhase.CLOSED
    headers, chunk, last = answered(end)
    assert isinstance(headers, SendHeaders)
    assert (headers.status, headers.message) == (400, b"Bad Request")
    assert isinstance(chunk, SendBodyChunk)
    assert dict(headers.headers) == {
        b"Content-Type": b"text/plain",
        b"Content-Length": b"%d" % len(chunk.data),
    }
    assert last == EndResponse(False)
    assert end.receive(forward_request()) == []
    assert end.data_to_send() == b""


@covers("AJP-REQ-06", "AJP-RSP-13")
@pytest.mark.parametrize(
    ("method", "attributes"), [(3, b""), (255, b"\x0d" + string(b"HEAD"))], ids=["coded", "stored"]
)
def test_a_refusal_of_head_has_no_body(method: int, attributes: bytes) -> None:
    end = container()

    end.receive(forward_request(method=method, req_uri=string(b""), attributes=attributes))

    headers, last = answered(end)
    assert isinstance(headers, SendHeaders)
    assert headers.status == 400
    assert last == EndResponse(False)


@covers("AJP-REQ-06")
def test_an_announced_body_behind_a_refused_request_is_not_read_as_packets() -> None:
    end = container()

    events = end.receive(forward_request(method=0, headers=[content_length(5)]) + CPING + forward_request())

    assert [type(event) for event in events] == [Violation]
    assert b"AB\x00\x01\x09" not in end.data_to_send()


def test_a_refusal_says_which_status_and_why() -> None:
    with pytest.raises(Refusal, match="AJP-REQ-02 at octet 0") as raised:
        admit(request(req_uri=b"x"), ContainerPolicy())
    assert raised.value.status == 400


# -- request URI ----------------------------------------------------------------------------


@covers("AJP-REQ-02")
@pytest.mark.parametrize(
    "uri",
    [
        b"/",
        b"//",
        b"/a/b;c=d/e",
        b"/a%20b%C3%BC%7f%25",
        b"/%3Fx",
        b"/a b",
        b"/\xfc\xff",
        b"/a/..",
        b"/a/../b/../c",
        b"/./.",
        b"/...",
        b"/..a",
        b"/a/%2e%2E/b",
        b"/*",
        b"/a~!$&'()*+,;=:@-_.",
        b"/%30%2d",
        b"/#",
        b"http://h",
        b"http://h/",
        b"HTTPS://h.example:443/a%20b",
    ],
)
def test_a_uri_of_good_form_is_admitted(uri: bytes) -> None:
    assert admitted(forward_request(req_uri=string(uri))).request.req_uri == uri


@covers("AJP-REQ-02")
@pytest.mark.parametrize(
    "uri",
    [
        b"",
        b"a",
        b"*",
        b" /",
        b"ftp://h/",
        b"http:/h",
        b"http:///a",
        b"http://h?a=1",
        b"/?",
        b"/x?a=1",
        b"/\\",
        b"/a\\..\\b",
        b"/\0",
        b"/\t",
        b"/\r\n",
        b"/\x1f",
        b"/\x7f",
        b"/%2f",
        b"/a%2Fb",
        b"/%5c",
        b"/%5C",
        b"/%00",
        b"/%",
        b"/%4",
        b"/%zz",
        b"/%4g",
        b"/..",
        b"/../a",
        b"/a/../..",
        b"/a/../../a",
        b"/./..",
        b"//..",
        b"/%2e%2e",
        b"/.%2E",
        b"/..;x=y/a",
        b"http://h/..",
        b"http://h/a\\b",
        b"http://h/%2f",
    ],
)
def test_a_uri_of_bad_form_is_refused_with_400(uri: bytes) -> None:
    assert refusal(forward_request(req_uri=string(uri))) == ("AJP-REQ-02", 400)


@covers("AJP-REQ-02")
def test_a_star_is_for_options_only() -> None:
    assert admitted(forward_request(method=1, req_uri=string(b"*"))).request.req_uri == b"*"
    assert refusal(forward_request(method=2, req_uri=string(b"*"))) == ("AJP-REQ-02", 400)
    assert refusal(forward_request(method=1, req_uri=string(b"**"))) == ("AJP-REQ-02", 400)


@covers("AJP-REQ-02")
def test_lenient_takes_a_question_mark_as_an_octet_of_the_path_and_nothing_else_more() -> None:
    assert admitted(forward_request(req_uri=string(b"/x?a=1")), LENIENT).request.req_uri == b"/x?a=1"
    for uri in (b"", b"/%2f", b"/..", b"/\\", b"/?%00"):
        assert refusal(forward_request(req_uri=string(uri)), LENIENT) == ("AJP-REQ-02", 400)


@covers("AJP-REQ-02")
@pytest.mark.parametrize(
    ("path", "climbs"),
    [
        (b"/", False),
        (b"/a/..", False),
        (b"/a/../..", True),
        (b"/a/b/../../..", True),
        (b"/a/./..", False),
        (b"/a//..", False),
        (b"/a/..;v/..", True),
        (b"/a/;v/..", False),
        (b"/%2e%2e/", True),
    ],
)
def test_dot_segments_are_counted_as_they_will_be_resolved(path: bytes, climbs: bool) -> None:
    assert climbs_above_root(path) is climbs


# -- Host -----------------------------------------------------------------------------------

HOST = b"\xa0\x0b"


@covers("AJP-REQ-04")
@pytest.mark.parametrize(
    "host",
    [b"", b"h", b"h:", b"h.example:8080", b"127.0.0.1:80", b"[::1]", b"[::1]:8009", b"a_b-c", b"xn--a"],
)
def test_a_host_of_good_syntax_is_admitted(host: bytes) -> None:
    assert admitted(forward_request(headers=[HOST + string(host)])).request.header_values(b"host") == [host]


@covers("AJP-REQ-04")
@pytest.mark.parametrize(
    "host",
    [
        b"a b",
        b"a/b",
        b"a?b",
        b"a@b",
        b"a:b",
        b"a:1:2",
        b"::1",
        b"[::1",
        b"::1]",
        b"[g::1]",
        b"a\\b",
        b"\xe4",
        b"a,b:x",
    ],
)
def test_a_host_of_bad_syntax_is_refused_with_400(host: bytes) -> None:
    assert refusal(forward_request(headers=[HOST + string(host)])) == ("AJP-REQ-04", 400)


@covers("AJP-REQ-04")
def test_a_second_host_is_refused_however_it_is_written() -> None:
    one = HOST + string(b"a")
    for other in (one, string(b"Host") + string(b"a"), string(b"HOST") + string(b"b")):
        assert refusal(forward_request(headers=[one, other])) == ("AJP-REQ-04", 400)


@covers("AJP-REQ-04")
def test_no_host_leaves_the_server_name_and_an_absolute_uri_needs_a_good_authority() -> None:
    asked = admitted(forward_request()).request
    assert (asked.header_values(b"host"), asked.server_name, asked.server_port) == ([], b"localhost", 80)

    assert admitted(forward_request(req_uri=string(b"http://other:81/x")))
    assert refusal(forward_request(req_uri=string(b"http://a b/x"))) == ("AJP-REQ-04", 400)
    assert refusal(forward_request(req_uri=string(b"http://user@h/x"))) == ("AJP-REQ-04", 400)


# -- lengths --------------------------------------------------------------------------------

LENGTH = b"\xa0\x08"


@covers("AJP-HDR-07")
@pytest.mark.parametrize("value", [b"0", b"5", b"00005", b"9223372036854775807"])
def test_a_length_of_decimal_digits_up_to_the_limit_is_admitted(value: bytes) -> None:
    assert admitted(forward_request(headers=[LENGTH + string(value)])).content_length == int(value)


@covers("AJP-HDR-07")
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"-5",
        b"+5",
        b" 5",
        b"5 ",
        b"5, 5",
        b"5,5",
        b"0x5",
        b"5.0",
        b"1_0",
        b"\xb2",
        b"five",
        b"9223372036854775808",
        b"10000000000000000000",
        b"9" * 5000,
    ],
)
def test_any_other_length_is_refused_with_400(value: bytes) -> None:
    assert refusal(forward_request(headers=[LENGTH + string(value)])) == ("AJP-HDR-07", 400)


@covers("AJP-HDR-07", "AJP-HDR-01")
@pytest.mark.parametrize("policy", [None, LENIENT], ids=["strict", "lenient"])
def test_a_second_length_is_refused_coded_or_not_equal_or_not(policy: ContainerPolicy | None) -> None:
    for other in (LENGTH + string(b"5"), LENGTH + string(b"6"), string(b"Content-Length") + string(b"5")):
        packet = forward_request(headers=[LENGTH + string(b"5"), other])
        assert refusal(packet, policy) == ("AJP-HDR-07", 400)


@covers("AJP-HDR-13", "AJP-HDR-05")
def test_a_length_beside_transfer_encoding_is_refused_when_strict_and_counts_when_lenient() -> None:
    both = forward_request(headers=[LENGTH + string(b"5"), string(b"transfer-encoding") + string(b"chunked")])
    alone = forward_request(headers=[string(b"Transfer-Encoding") + string(b"chunked")])

    assert refusal(both) == ("AJP-HDR-13", 400)
    assert admitted(both, LENIENT).content_length == 5
    assert admitted(alone).content_length is None


# -- names and values -----------------------------------------------------------------------


@covers("AJP-HDR-10")
@pytest.mark.parametrize("policy", [None, LENIENT], ids=["strict", "lenient"])
@pytest.mark.parametrize("octet", [b"\r", b"\n", b"\0"])
def test_cr_lf_and_nul_in_a_header_are_refused_with_400(octet: bytes, policy: ContainerPolicy | None) -> None:
    in_value = forward_request(headers=[string(b"X-A") + string(b"a" + octet + b"b")])
    in_coded = forward_request(headers=[b"\xa0\x01" + string(octet)])
    in_name = forward_request(headers=[string(b"X" + octet) + string(b"v")])

    for packet in (in_value, in_coded, in_name):
        assert refusal(packet, policy) == ("AJP-HDR-10", 400)


@covers("AJP-HDR-10", "AJP-STR-09")
def test_other_octets_in_a_value_pass() -> None:
    value = b"\t !\x7f\x80\xff\x01"

    assert admitted(forward_request(headers=[string(b"X-A") + string(value)])).request.headers == (
        (b"X-A", value),
    )


@covers("AJP-HDR-11")
@pytest.mark.parametrize("name", [b"", b" ", b"X A", b"X:", b"(x)", b"\xe4", b"X\t", b'"'])
def test_a_header_name_that_is_no_token_is_refused_with_400(name: bytes) -> None:
    assert refusal(forward_request(headers=[string(name) + string(b"v")])) == ("AJP-HDR-11", 400)


@covers("AJP-HDR-11")
@pytest.mark.parametrize("policy", [None, LENIENT], ids=["strict", "lenient"])
def test_a_null_name_and_a_null_value_are_refused_with_400(policy: ContainerPolicy | None) -> None:
    for pair, offset in (
        (string(None) + string(b"v"), HEADERS_AT),
        (string(b"n") + string(None), HEADERS_AT + 4),
        (b"\xa0\x01" + string(None), HEADERS_AT + 2),
    ):
        packet = forward_request(headers=[pair])
        assert refusal(packet, policy) == ("AJP-HDR-11", 400)
        assert violation(container(policy=policy).receive(packet)) == ("AJP-HDR-11", offset)


@covers("AJP-HDR-11")
@pytest.mark.parametrize("pair", [(b"x", b""), (b"!#$%&'*+-.^_`|~09azAZ", b"v"), (b"X_A", b"v")])
def test_any_token_is_a_header_name_and_a_value_may_be_empty(pair: Header) -> None:
    packet = forward_request(headers=[string(pair[0]) + string(pair[1])])

    assert admitted(packet).request.headers == (pair,)


@covers("AJP-HDR-08", "AJP-LIM-01")
def test_the_limit_of_headers_is_the_policys() -> None:
    pair = string(b"n") + string(b"v")

    assert len(admitted(forward_request(headers=[pair] * 100)).request.headers) == 100
    assert refusal(forward_request(headers=[pair] * 101)) == ("AJP-HDR-08", 400)
    few = ContainerPolicy(header_count_max=2)
    assert admitted(forward_request(headers=[pair] * 2), few)
    assert refusal(forward_request(headers=[pair] * 3), few) == ("AJP-HDR-08", 400)


# -- secret ---------------------------------------------------------------------------------

WITH_SECRET = ContainerPolicy(secret=b"s3cret")


def secrets(*values: bytes | None) -> bytes:
    return b"".join(b"\x0c" + string(value) for value in values)


@covers("AJP-SEC-02")
@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"",),
        (None,),
        (b"wrong",),
        (b"s3cret\0",),
        (b"s3cre",),
        (b"S3CRET",),
        (b"s3cret", b"wrong"),
        (b"wrong", b"s3cret"),
        (b"s3cret", None),
        (b"s3cret", b"", b"s3cret"),
    ],
)
def test_a_missing_or_wrong_secret_is_refused_with_403(values: tuple[bytes | None, ...]) -> None:
    assert refusal(forward_request(attributes=secrets(*values)), WITH_SECRET) == ("AJP-SEC-02", 403)


@covers("AJP-SEC-02")
@pytest.mark.parametrize("values", [(b"s3cret",), (b"s3cret", b"s3cret")])
def test_the_right_secret_is_admitted(values: tuple[bytes, ...]) -> None:
    assert admitted(forward_request(attributes=secrets(*values)), WITH_SECRET)


@covers("AJP-SEC-02")
def test_the_secret_is_asked_of_every_request() -> None:
    end = container(policy=WITH_SECRET)
    assert isinstance(end.receive(forward_request(attributes=secrets(b"s3cret")))[0], RequestReceived)
    end.send_headers(200, b"OK", [])
    end.end_response()

    without = forward_request()
    assert violation(end.receive(without)) == ("AJP-SEC-02", len(without) - 1)


@covers("AJP-SEC-02")
def test_the_secret_is_judged_before_anything_else_in_the_request() -> None:
    bad_in_many_ways = forward_request(
        req_uri=string(b""),
        headers=[LENGTH + string(b"-1")],
        attributes=b"\x0a" + string(b"n") + string(b"v"),
    )

    assert refusal(bad_in_many_ways, WITH_SECRET) == ("AJP-SEC-02", 403)


@covers("AJP-SEC-03")
def test_every_secret_is_compared_by_the_constant_time_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def recording(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(admission, "compare_digest", recording)

    refusal(forward_request(attributes=secrets(b"wrong", b"s3cret", b"x")), WITH_SECRET)

    assert compared == [(b"wrong", b"s3cret"), (b"s3cret", b"s3cret"), (b"x", b"s3cret")]


@covers("AJP-SEC-05", "AJP-SEC-04")
@pytest.mark.parametrize("configured", [None, b""])
def test_without_a_secret_or_with_an_empty_one_attribute_12_is_ignored(configured: bytes | None) -> None:
    policy = ContainerPolicy(secret=configured)

    for values in ((), (b"any",), (None,), (b"a", b"b")):
        assert admitted(forward_request(attributes=secrets(*values)), policy)


@covers("AJP-SEC-06", "AJP-END-03")
def test_after_a_refused_secret_nothing_more_is_processed() -> None:
    end = container(policy=WITH_SECRET)
    good = forward_request(attributes=secrets(b"s3cret"))

    bad = forward_request(attributes=secrets(b"wrong"))

    events = end.receive(bad + good)

    assert violation(events) == ("AJP-SEC-02", bad.index(string(b"wrong")))
    assert end.data_to_send().endswith(END_0)
    assert end.receive(good) == []
    assert end.data_to_send() == b""


# -- request attributes ---------------------------------------------------------------------

ALLOWING = ContainerPolicy(allowed_attributes=re.compile(rb"app\.[a-z]+"))


def attribute(name: bytes, value: bytes | None = b"v") -> bytes:
    return b"\x0a" + string(name) + string(value)


@covers("AJP-ATT-13")
@pytest.mark.parametrize(
    "name", [b"", b"app.", b"app.x2", b"xapp.x", b"APP.x", b"jakarta.servlet.include.path_info"]
)
def test_a_request_attribute_that_is_not_on_the_list_is_refused_with_403(name: bytes) -> None:
    assert refusal(forward_request(attributes=attribute(name)), ALLOWING) == ("AJP-ATT-13", 403)
    assert refusal(forward_request(attributes=attribute(b"app.x") + attribute(name)), ALLOWING) == (
        "AJP-ATT-13",
        403,
    )


@covers("AJP-ATT-13", "AJP-ATT-08")
def test_names_on_the_list_and_facts_about_the_connection_are_admitted() -> None:
    facts = (b"AJP_REMOTE_PORT", b"AJP_LOCAL_ADDR", b"AJP_SSL_PROTOCOL", b"JK_LB_ACTIVATION")

    for name in (b"app.x", *facts):
        assert admitted(forward_request(attributes=attribute(name)), ALLOWING)


@covers("AJP-ATT-13", "AJP-ATT-07")
def test_without_a_list_every_name_is_admitted_and_a_null_value_is_no_attribute() -> None:
    assert admitted(forward_request(attributes=attribute(b"anything")))
    assert admitted(forward_request(attributes=attribute(b"anything", None)), ALLOWING)


def test_a_request_may_meet_all_demands_at_once() -> None:
    packet = forward_request(
        headers=[HOST + string(b"h"), content_length(3), string(b"X-A") + string(b"v")],
        attributes=secrets(b"s3cret") + attribute(b"app.x"),
    )
    policy = ContainerPolicy(secret=b"s3cret", allowed_attributes=ALLOWING.allowed_attributes)

    assert admit(decode_forward_request(packet), policy) == 3


# -- where -----------------------------------------------------------------------------------

HOST = b"\xa0\x0b"


@covers("AJP-REQ-06")
@pytest.mark.parametrize(
    ("fields", "about"),
    [
        ({"req_uri": string(b"/a/%2f")}, string(b"/a/%2f")),
        ({"headers": [string(b"X Y") + string(b"1")]}, string(b"X Y")),
        ({"headers": [string(b"X-Y") + string(b"a\nb")]}, string(b"a\nb")),
        ({"headers": [LENGTH + string(b"5"), LENGTH + string(b"7")]}, string(b"7")),
        ({"headers": [HOST + string(b"a"), HOST + string(b"b")]}, string(b"b")),
        ({"attributes": attribute(b"unlisted")}, string(b"unlisted")),
    ],
)
def test_a_refusal_names_the_octet_where_the_field_begins(fields: dict[str, Any], about: bytes) -> None:
    packet = forward_request(**fields)

    events = container(policy=ALLOWING).receive(packet)

    assert violation(events)[1] == packet.index(about)
