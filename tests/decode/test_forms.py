"""What is printed: lines, JSON, diagram, and that secrets are not among it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest

from refjk.decode import Ended, Event, Remark, Side
from refjk.decode.describe import Style, iso_time, shown
from refjk.decode.diagram import DiagramForm
from refjk.decode.json_lines import JsonForm
from refjk.decode.text import TextForm
from tests.ajp13.support import (
    BODY_END_EMPTY,
    CPING,
    CPONG,
    END_0,
    FLUSH,
    body_packet,
    chunk,
    content_length,
    forward_request,
    get_body_chunk,
    send_headers,
    string,
)
from tests.decode.support import ACK, RST, Talk, pcap, read

POST = forward_request(
    method=4,
    headers=[
        content_length(5),
        b"\xa0\x09" + string(b"JSESSIONID=abc.node1"),
        b"\xa0\x05" + string(b"Basic eDp5"),
    ],
    attributes=b"\x0c" + string(b"s3cret") + b"\x05" + string(b"a=1"),
)
ANSWER = send_headers(200, b"OK", b"\xa0\x07" + string(b"JSESSIONID=new"), string(b"X-A") + string(b"1"))
TALK = (
    Talk()
    .open()
    .say(">", CPING)
    .say("<", CPONG)
    .say(">", POST)
    .say(">", body_packet(b"hello"))
    .say("<", get_body_chunk(8186))
    .say(">", BODY_END_EMPTY)
    .say("<", ANSWER)
    .say("<", chunk(b"12345") + FLUSH + END_0)
    .say("<", chunk(b"?"))
    .end("<")
    .end(">", RST | ACK)
)
EVENTS = read(pcap(TALK.packets))
SECRETS = ("s3cret", "abc.node1", "JSESSIONID", "eDp5")
SECRET_HEX = tuple(secret.encode().hex(" ") for secret in SECRETS) + tuple(s.encode().hex() for s in SECRETS)


def lines(form: object, events: Iterable[Event] = EVENTS) -> list[str]:
    return [line for event in events for line in form.lines(event)]  # type: ignore[attr-defined]


GOLDEN_TEXT = """\
connection #1: web server 10.0.0.1:40000 → container 10.0.0.2:8009
00:00:04.000005 #1 → CPING               5
00:00:05.000005 #1 ← CPONG               5
00:00:06.000005 #1 → FORWARD_REQUEST   117  POST /x?a=1 HTTP/1.1, 3 headers, content-length 5
00:00:07.000005 #1 → BODY               11  5 octets
00:00:08.000005 #1 ← GET_BODY_CHUNK      7  8186 octets wanted
00:00:09.000005 #1 → BODY_END            4  end marker
00:00:10.000005 #1 ← SEND_HEADERS       43  200 OK, 2 headers
00:00:11.000005 #1 ← SEND_BODY_CHUNK    13  5 octets
00:00:11.000005 #1 ← SEND_BODY_CHUNK     8  flush
00:00:11.000005 #1 ← END_RESPONSE        6  no reuse
00:00:12.000005 #1 ← SEND_BODY_CHUNK     9  1 octet
    wrong: AJP-END-03 at octet 0, container: \
expected nothing after END_RESPONSE without reuse, got SEND_BODY_CHUNK
00:00:13.000005 #1 closed by container
00:00:14.000005 #1 reset by web server
"""

GOLDEN_DIAGRAM = """\

connection #1: web server 10.0.0.1:40000 → container 10.0.0.2:8009
      web server                                                     container
#1   │ ── CPING ────────────────────────────────────────────────────▶ │
#1   │ ◀──────────────────────────────────────────────────── CPONG ── │
"""


def test_a_packet_is_a_line_and_what_is_wrong_stands_below_it() -> None:
    assert "\n".join([*lines(TextForm(Style())), ""]) == GOLDEN_TEXT


def test_in_detail_every_field_has_its_offset_size_and_octets() -> None:
    text = lines(TextForm(Style(detail=1)), read(b"< 41 42 00 03 06 1f fa\n> 12 34 00 00"))
    assert text == [
        "connection #1",
        "#1 ← GET_BODY_CHUNK      7  8186 octets wanted",
        "         0     2  magic              41 42  [41 42]",
        "         2     2  payload_length     3  [00 03]",
        "         4     1  prefix_code        6 GET_BODY_CHUNK  [06]",
        "         5     2  wanted_length      8186  [1f fa]",
        "#1 → BODY_END            4  end marker",
        "         0     2  magic              12 34  [12 34]",
        "         2     2  payload_length     0  [00 00]",
    ]


def test_long_fields_are_cut_until_more_detail_is_asked_for() -> None:
    events = read(chunk(bytes(40)).hex().encode())
    data = [line for line in lines(TextForm(Style(detail=1)), events) if " data  " in line]
    assert data == [f"         7    40  data               40 octets  [{'00 ' * 15}00 … 24 more]"]
    data = [line for line in lines(TextForm(Style(detail=2)), events) if " data  " in line]
    assert data == [f"         7    40  data               40 octets  [{'00 ' * 39}00]"]


@pytest.mark.parametrize("detail", [0, 1, 2])
@pytest.mark.parametrize("form", [TextForm, JsonForm, DiagramForm])
def test_secrets_are_masked_in_every_form(form: type, detail: int) -> None:
    out = "\n".join(lines(form(Style(detail=detail))))
    assert [secret for secret in (*SECRETS, *SECRET_HEX) if secret in out] == []


@pytest.mark.parametrize("form", [TextForm, JsonForm])
def test_secrets_are_shown_when_asked_for(form: type) -> None:
    out = "\n".join(lines(form(Style(detail=1, show_secrets=True))))
    assert [secret for secret in SECRETS if secret not in out] == []


BROKEN = [
    forward_request(headers=[b"\xa0\x09" + string(b"hidden\r\nvalue")]),
    forward_request(headers=[b"\xa0\x0f" + string(b"x"), b"\xa0\x05" + string(b"hidden")]),
    forward_request(attributes=b"\x0e" + b"\x0c" + string(b"hidden")),
    forward_request(header_count=0, headers=[b"\xa0\x09" + string(b"hidden")]),
    forward_request(attributes=b"\x0c" + string(b"hidden"), end=b""),
    send_headers(200, b"OK", b"\xa0\x07" + string(b"hidden\r\nvalue")),
]


@pytest.mark.parametrize("packet", BROKEN)
@pytest.mark.parametrize("form", [TextForm, JsonForm, DiagramForm])
def test_secrets_are_masked_in_packets_that_cannot_be_decoded(form: type, packet: bytes) -> None:
    events = read(packet.hex().encode())
    out = "\n".join(lines(form(Style(detail=2)), events))
    assert "AJP-" in out
    assert "hidden" not in out
    assert b"hidden".hex(" ") not in out
    assert b"hidden".hex() not in out


def test_a_complaint_shows_what_it_is_about_unless_that_is_secret() -> None:
    plain = forward_request(headers=[string(b"X") + string(b"a\r\nb")])
    assert "got b'a\\r\\nb'" in lines(TextForm(Style()), read(plain.hex().encode()))[-1]
    events = read(BROKEN[0].hex().encode())
    assert lines(TextForm(Style()), events)[-1].endswith("expected no CR, LF or NUL, got ***")
    assert "hidden" in lines(TextForm(Style(show_secrets=True)), events)[-1]


def test_json_has_one_object_on_a_line() -> None:
    objects = [json.loads(line) for line in lines(JsonForm(Style()))]
    assert [item["event"] for item in objects] == ["opened", *["packet"] * 11, "ended", "ended"]
    assert objects[0] == {
        "event": "opened",
        "connection": 1,
        "time": "1970-01-01T00:00:04.000005000Z",
        "web_server": "10.0.0.1:40000",
        "container": "10.0.0.2:8009",
    }
    request = objects[3]
    assert {key: request[key] for key in ("from", "type", "size", "missing", "wrong")} == {
        "from": "web server",
        "type": "FORWARD_REQUEST",
        "size": len(POST),
        "missing": 0,
        "wrong": [],
    }
    values = [(field["name"], field["value"], field.get("label")) for field in request["fields"]]
    assert ("header_value", "***", "cookie") in values
    assert ("attribute_value", "***", "secret") in values
    assert ("header_value", "5", "content-length") in values
    assert objects[-3]["wrong"] == [
        {
            "clause": "AJP-END-03",
            "side": "container",
            "offset": 0,
            "expected": "nothing after END_RESPONSE without reuse",
            "actual": "SEND_BODY_CHUNK",
        }
    ]
    assert objects[-1] == {
        "event": "ended",
        "connection": 1,
        "time": "1970-01-01T00:00:14.000005000Z",
        "from": "web server",
        "how": "reset",
        "note": None,
    }


def test_json_of_octets_is_hexadecimal_and_cut_unless_in_detail() -> None:
    events = read(chunk(b"x" * 100).hex().encode())
    for detail, size in ((0, 64), (1, 100)):
        packet = json.loads(lines(JsonForm(Style(detail=detail)), events)[1])
        assert packet["fields"][0]["value"] == "4142"
        assert packet["fields"][4] == {"name": "data", "offset": 7, "size": 100, "value": "78" * size}


def test_json_has_a_misfit_and_a_remark_for_octets_that_are_no_packet() -> None:
    objects = [json.loads(line) for line in lines(JsonForm(Style()), read(b"> 12 35 00 01 0a"))]
    assert [item["event"] for item in objects] == ["opened", "misfit", "remark"]
    assert objects[1]["wrong"][0]["clause"] == "AJP-FRM-04"
    assert objects[0]["web_server"] is None


def test_the_diagram_has_two_lifelines_and_an_arrow_for_each_packet() -> None:
    out = lines(DiagramForm(Style()))
    assert out[:5] == GOLDEN_DIAGRAM.splitlines()
    rows = out[3:]
    assert {len(row) for row in rows} == {71}
    assert sum("▶" in row for row in rows) == 4
    assert sum("◀" in row for row in rows) == 7
    assert any("! AJP-END-03" in row for row in rows)
    assert any(" closed by container " in row for row in rows)


def test_the_diagram_cuts_what_does_not_fit() -> None:
    events = read(forward_request(req_uri=string(b"/" + b"long" * 50)).hex().encode())
    row = lines(DiagramForm(Style()), events)[-1]
    assert len(row) == 71
    assert "longlong" in row and "… ─" in row


def test_colour_surrounds_and_changes_nothing() -> None:
    plain, coloured = lines(TextForm(Style())), lines(TextForm(Style(), colour=True))
    assert any("\x1b[31mwrong: " in line for line in coloured)
    assert [re.sub("\x1b\\[[0-9]*m", "", line) for line in coloured] == plain


def test_octets_from_the_wire_never_reach_a_terminal_as_they_are() -> None:
    hostile = bytes(range(256))
    assert all(" " <= character < "\x7f" for character in shown(hostile))
    packet = forward_request(req_uri=string(hostile), headers=[string(hostile) + string(hostile)])
    for detail in (0, 1, 2):
        out = "".join(lines(TextForm(Style(detail=detail)), read(packet.hex().encode())))
        assert all(character.isprintable() for character in out)


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_109_664_900_123_456_789, "2005-03-01T08:15:00.123456789Z"),
        (2**63 * 1000, "1970-01-01T00:00:00.000000000Z"),
    ],
)
def test_times_are_told_to_the_nanosecond(time_ns: int, text: str) -> None:
    assert iso_time(time_ns) == text


def test_remarks_and_ends_name_their_connection_where_there_is_one() -> None:
    events: list[Event] = [
        Remark(None, None, "about the file"),
        Remark(2, None, "about the connection"),
        Ended(2, None, Side.CONTAINER, "closed", "in the middle of a packet"),
    ]
    assert lines(TextForm(Style()), events) == [
        "about the file",
        "#2 about the connection",
        "#2 closed by container, in the middle of a packet",
    ]
    assert lines(DiagramForm(Style()), events)[0] == "(about the file)"
