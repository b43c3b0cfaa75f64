"""Method codes and stored methods."""

from __future__ import annotations

from functools import partial

import pytest

from refjk.ajp13.codes import METHOD_CODES, METHOD_NAMES
from refjk.ajp13.events import RequestReceived
from refjk.ajp13.forward_request import decode_forward_request, encode_forward_request
from refjk.speccheck import covers
from tests.ajp13.support import complaint, container, forward_request, request, string, violation

METHODS = {
    1: b"OPTIONS",
    2: b"GET",
    3: b"HEAD",
    4: b"POST",
    5: b"PUT",
    6: b"DELETE",
    7: b"TRACE",
    8: b"PROPFIND",
    9: b"PROPPATCH",
    10: b"MKCOL",
    11: b"COPY",
    12: b"MOVE",
    13: b"LOCK",
    14: b"UNLOCK",
    15: b"ACL",
    16: b"REPORT",
    17: b"VERSION-CONTROL",
    18: b"CHECKIN",
    19: b"CHECKOUT",
    20: b"UNCHECKOUT",
    21: b"SEARCH",
    22: b"MKWORKSPACE",
    23: b"UPDATE",
    24: b"LABEL",
    25: b"MERGE",
    26: b"BASELINE-CONTROL",
    27: b"MKACTIVITY",
}


def stored(name: bytes | None) -> bytes:
    return b"\x0d" + string(name)


@covers("AJP-MTH-01")
@pytest.mark.parametrize(("code", "name"), METHODS.items())
def test_each_method_code_stands_for_its_name_both_ways(code: int, name: bytes) -> None:
    assert decode_forward_request(forward_request(method=code)).method == name
    assert encode_forward_request(request(method=name), 8192) == forward_request(method=code)


@covers("AJP-MTH-01")
def test_there_are_no_other_codes() -> None:
    assert METHOD_NAMES == METHODS
    assert {name: code for code, name in METHODS.items()} == METHOD_CODES


@covers("AJP-MTH-02", "AJP-MTH-01")
@pytest.mark.parametrize("name", [b"PATCH", b"CONNECT", b"get", b"Get", b"BASELINE_CONTROL", b"PURGE"])
def test_a_method_without_a_code_is_stored(name: bytes) -> None:
    packet = encode_forward_request(request(method=name), 8192)

    assert packet == forward_request(method=255, attributes=stored(name))
    assert decode_forward_request(packet).method == name


@covers("AJP-MTH-03")
@pytest.mark.parametrize("name", METHODS.values())
def test_the_stored_form_of_a_method_that_has_a_code_is_the_same_method(name: bytes) -> None:
    packet = forward_request(method=255, attributes=stored(name))

    assert decode_forward_request(packet).method == name
    events = container().receive(packet)
    assert isinstance(events[0], RequestReceived)
    assert events[0].request.method == name


@covers("AJP-MTH-04")
@pytest.mark.parametrize("strict", [True, False])
def test_other_codes_are_refused(strict: bool) -> None:
    for code in (0, *range(28, 255)):
        packet = forward_request(method=code, attributes=stored(b"GET"))
        found = complaint(partial(decode_forward_request, packet, strict=strict))
        assert found == ("AJP-MTH-04", 5), code


@covers("AJP-MTH-05")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("attributes", [b"", stored(None)], ids=["none", "null"])
def test_code_255_without_a_stored_method_is_refused(attributes: bytes, strict: bool) -> None:
    packet = forward_request(method=255, attributes=attributes)

    assert complaint(lambda: decode_forward_request(packet, strict=strict)) == ("AJP-MTH-05", 5)


@covers("AJP-MTH-06")
def test_a_stored_method_beside_another_code_is_refused_when_strict_and_wins_when_lenient() -> None:
    packet = forward_request(method=2, attributes=stored(b"DELETE"))

    assert complaint(lambda: decode_forward_request(packet)) == ("AJP-MTH-06", 5)
    assert decode_forward_request(packet, strict=False).method == b"DELETE"


@covers("AJP-MTH-04", "AJP-MTH-05", "AJP-MTH-06", "AJP-REQ-06")
@pytest.mark.parametrize(
    ("packet", "clause"),
    [
        (forward_request(method=0), "AJP-MTH-04"),
        (forward_request(method=28), "AJP-MTH-04"),
        (forward_request(method=254), "AJP-MTH-04"),
        (forward_request(method=255), "AJP-MTH-05"),
        (forward_request(method=2, attributes=stored(b"DELETE")), "AJP-MTH-06"),
    ],
)
def test_the_container_answers_400_to_a_method_it_cannot_know(packet: bytes, clause: str) -> None:
    end = container()

    events = end.receive(packet)

    assert violation(events) == (clause, 5)
    assert events[-1].status == 400  # type: ignore[union-attr]
    assert end.data_to_send()[4:7] == b"\x04\x01\x90"


@covers("AJP-MTH-07")
@pytest.mark.parametrize("name", [b"", b"GE T", b"GET\r\nX: y", b"G\xc4T", b"GET\0", b"a/b", b"a:b", b"(x)"])
def test_a_stored_method_that_is_no_token_is_refused(name: bytes) -> None:
    packet = forward_request(method=255, attributes=stored(name))

    events = container().receive(packet)

    assert violation(events) == ("AJP-MTH-07", packet.rindex(stored(name)) + 1)
    assert events[-1].status == 400  # type: ignore[union-attr]


@covers("AJP-MTH-07")
@pytest.mark.parametrize("name", [b"X", b"M-SEARCH", b"a!#$%&'*+-.^_`|~9"])
def test_a_stored_method_may_be_any_token(name: bytes) -> None:
    events = container().receive(forward_request(method=255, attributes=stored(name)))

    assert isinstance(events[0], RequestReceived)
    assert events[0].request.method == name
