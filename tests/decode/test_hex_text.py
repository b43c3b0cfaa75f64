"""Hex text in the forms in which people have it."""

from __future__ import annotations

import pytest

from refjk.base import InputError
from refjk.decode import Reader, Settings
from refjk.decode.hex_text import LINE_SIZE_MAX
from tests.ajp13.support import CPING, CPONG, END_1, HEADERS_200, chunk, forward_request
from tests.decode.support import ajp_of, findings, kinds, read, remarks

PING_PONG = ["> CPING", "< CPONG"]


def xxd(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        groups = " ".join(row[at : at + 2].hex() for at in range(0, len(row), 2))
        shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)
        lines.append(f"{start:08x}: {groups:<39}  {shown}")
    return "\n".join(lines) + "\n"


def hexdump(data: bytes) -> str:
    """`hexdump -C`, with `*` for rows that repeat."""
    lines, before, starred = [], b"", False
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        if row == before and len(row) == 16:
            lines += [] if starred else ["*"]
            starred = True
            continue
        before, starred = row, False
        shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)
        lines.append(f"{start:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{shown}|")
    return "\n".join([*lines, f"{len(data):08x}"]) + "\n"


def od(data: bytes) -> str:
    rows = [f"{at:06x} {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16)]
    return "\n".join([*rows, f"{len(data):06x}"]) + "\n"


def wireshark(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)
        lines.append(f"{at:04x}  {row.hex(' '):<47}   {shown}")
    return "\n".join(lines) + "\n"


EXCHANGE = (
    forward_request() + HEADERS_200 + chunk(b"12 34 ab cd ef 01 23 45 67 89") + chunk(bytes(100)) + END_1
)
EXCHANGE_KINDS = [
    "> FORWARD_REQUEST",
    "< SEND_HEADERS",
    "< SEND_BODY_CHUNK",
    "< SEND_BODY_CHUNK",
    "< END_RESPONSE",
]


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize("dump", [xxd, hexdump, od, wireshark, bytes.hex, lambda data: data.hex(" ")])
def test_every_form_of_dump_gives_the_same_packets(dump: object, step: int | None) -> None:
    events = read(dump(EXCHANGE).encode(), step=step)  # type: ignore[operator]
    assert kinds(events) == EXCHANGE_KINDS
    assert findings(events) == []


def test_a_dump_with_repeated_rows_left_out_is_filled_up() -> None:
    text = hexdump(HEADERS_200 + chunk(b"\0" * 300))
    assert "*" in text
    assert kinds(read(text.encode())) == ["< SEND_HEADERS", "< SEND_BODY_CHUNK"]


@pytest.mark.parametrize(
    "text",
    [
        "12 34 00 01 0a\n41 42 00 01 09",
        "123400010a 4142000109",
        "12340001 0a\r\n41420001 09\r\n",
        "0x12,0x34,0x00,0x01,0x0A, 0x41,0x42,0x00,0x01,0x09",
        r"\x12\x34\x00\x01\x0a\x41\x42\x00\x01\x09",
        "12:34:00:01:0a 41:42:00:01:09",
        "# what I saw\n12 34 00 01 0a  # CPING\n\n41 42 00 01 09",
        "12 34\n00 01\n0a\n41 42 00 01 09",
        "\ufeff12 34 00 01 0a 41 42 00 01 09",
        "1234 0001\n0a41 4200\n0109",
    ],
)
def test_plain_octets_may_be_written_in_many_ways(text: str) -> None:
    assert kinds(read(text.encode())) == PING_PONG


@pytest.mark.parametrize(
    ("to_container", "to_web_server"),
    [
        (">", "<"),
        (">>", "<<"),
        ("->", "<-"),
        ("C->S", "S->C"),
        ("C->S:", "S->C:"),
        ("to_container", "to_server"),
    ],
)
def test_a_mark_before_a_line_tells_the_sender(to_container: str, to_web_server: str) -> None:
    text = f"{to_container} 12 34 00 01\n0a\n{to_web_server} 41 42 00 01 09\n"
    events = read(text.encode())
    assert kinds(events) == PING_PONG
    assert findings(events) == []


def test_packets_cut_by_a_packet_of_the_other_side_are_put_together() -> None:
    events = read(b"> 12 34 00\n< 41 42 00 01 09\n> 01 0a\n")
    assert kinds(events) == ["< CPONG", "> CPING"]


def test_the_magic_of_the_other_direction_is_complained_about_when_the_sender_is_marked() -> None:
    assert findings(read(b"> 41 42 00 01 09")) == [("AJP-FRM-04", "web server", 0)]


def test_octets_without_mark_and_magic_are_remarked_and_passed_over() -> None:
    events = read(b"de ad 12 34 00 01 0a")
    assert kinds(events) == ["> CPING"]
    assert remarks(events) == ["no packet begins with de ad", "2 octets passed over until the next packet"]


def test_each_dump_that_begins_at_zero_again_is_a_piece_of_its_own() -> None:
    text = "0000  12 34 00 01 0a\n\n0000  41 42 00 01 09\n"
    assert kinds(read(text.encode())) == PING_PONG


def test_a_last_plain_line_of_zeros_is_octets_and_no_offset() -> None:
    packet = chunk(b"")
    text = packet[:6].hex(" ") + "\n0000\n"
    assert kinds(read(text.encode())) == ["< SEND_BODY_CHUNK"]


def test_a_packet_that_ends_too_early_is_the_senders_mistake_in_hex_text() -> None:
    events = read(b"12 34 00 05 0a")
    assert kinds(events) == ["> CPING -4"]
    assert findings(events) == [("AJP-FRM-02", "web server", 2)]


@pytest.mark.parametrize("octets", [CPING[:1], CPING[:3]])
def test_less_than_a_header_is_incomplete(octets: bytes) -> None:
    events = read(b"> " + octets.hex(" ").encode())
    assert kinds(events) == [f"> INCOMPLETE -{4 - len(octets)}"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("GET / HTTP/1.1\n", "line 1: not octets in hexadecimal: 'GET'"),
        ("12 34 00 01 0a\n41 4\n", "line 2: not octets in hexadecimal: '4'"),
        ("12 3\n", "line 1: not octets in hexadecimal: '3'"),
        ("00000000: 1234\n00000010: 0001\n", "line 2: the dump goes on at offset 0x10 after 0x2 octets"),
        ("00000000  12 34\n*\n00000003\n", "line 3: offset 0x3 does not fit the * before it"),
        ("00000000  12 34\n*\nfffffffe  00\n", "line 3: offset 0xfffffffe does not fit the * before it"),
        ("*\n00000010\n", "line 2: offset 0x10 does not fit the * before it"),
        (f"{'z' * 80}\n", f"line 1: not octets in hexadecimal: '{'z' * 40}...'"),
    ],
)
def test_what_is_no_hex_text_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        read(text.encode())
    assert str(refused.value) == complaint


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="line 1 is longer than"):
        read(b"12" * LINE_SIZE_MAX)


def test_octets_before_a_bad_line_are_decoded() -> None:
    reader = Reader(Settings())
    seen = []
    with pytest.raises(InputError):
        for event in reader.feed(CPING.hex().encode() + b"\n" + CPONG.hex().encode() + b"\nxyz\n"):
            seen.append(event)
    assert kinds(ajp_of(seen)) == PING_PONG
