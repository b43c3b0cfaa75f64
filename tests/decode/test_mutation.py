"""Octets that somebody changed: an answer or a complaint, never another exception, never endless."""

from __future__ import annotations

from random import Random

import pytest

from refjk.base import RefjkError
from refjk.decode import Conversation, Event, Reader, Settings, Side
from refjk.decode.describe import Style
from refjk.decode.diagram import DiagramForm
from refjk.decode.json_lines import JsonForm
from refjk.decode.text import TextForm
from tests.ajp13.support import (
    BODY_END_EMPTY,
    CPING,
    CPONG,
    END_1,
    HEADERS_200,
    body_packet,
    chunk,
    content_length,
    forward_request,
    get_body_chunk,
    random_splits,
    string,
)
from tests.decode.support import ETHERNET, Talk, ajp_of, ethernet, pcap, pcapng
from tests.decode.test_hex_text import hexdump, wireshark, xxd

SEED = 20_050_301
ROUNDS = 60

REQUEST = forward_request(
    headers=[content_length(5), string(b"X") + string(b"y")], attributes=b"\x0c" + string(b"s") + b"\x0b\0\1"
)
TO_CONTAINER = CPING + REQUEST + body_packet(b"hello") + BODY_END_EMPTY
TO_WEB_SERVER = CPONG + get_body_chunk(8186) + HEADERS_200 + chunk(b"abc") + END_1
TALK = (
    Talk()
    .open()
    .say(">", CPING)
    .say("<", CPONG)
    .say(">", REQUEST + body_packet(b"hello"), size=40)
    .say("<", get_body_chunk(8186))
    .say(">", BODY_END_EMPTY)
    .say("<", HEADERS_200 + chunk(b"abc") + END_1, size=9)
    .end("<")
    .end(">")
)
RECORDINGS = {
    "pcap": pcap(TALK.packets),
    "pcap of Ethernet, other byte order": pcap(map(ethernet, TALK.packets), ETHERNET, ">"),
    "pcap that keeps little": pcap(TALK.packets, keep=70),
    "pcapng": pcapng(TALK.packets),
    "xxd": xxd(TO_CONTAINER).encode(),
    "hexdump": hexdump(TO_WEB_SERVER + chunk(bytes(80))).encode(),
    "wireshark": wireshark(TO_CONTAINER).encode(),
    "marked": f"> {TO_CONTAINER.hex(' ')}\n< {TO_WEB_SERVER.hex()}\n".encode(),
}
FORMS = (TextForm(Style(detail=2)), JsonForm(Style(detail=1)), DiagramForm(Style()))


def mutated(data: bytes, random: Random) -> bytes:
    octets = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        at = random.randrange(len(octets) + 1)
        kind = random.randrange(5)
        if kind == 0:
            octets[at : at + 1] = bytes((random.randrange(256),))
        elif kind == 1:
            del octets[at : at + random.randrange(1, 30)]
        elif kind == 2:
            octets[at:at] = random.randbytes(random.randrange(1, 30))
        elif kind == 3:
            octets[at : at + 2] = random.choice((b"\xff\xff", b"\0\0", b"\x7f\xff", b"\x12\x34", b"AB"))
        else:
            start = random.randrange(len(octets) + 1)
            octets[at:at] = octets[start : start + random.randrange(60)]
    return bytes(octets)


def show(events: list[Event]) -> None:
    for event in events:
        for form in FORMS:
            for line in form.lines(event):
                assert line.isprintable()


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_changed_recording_is_decoded_or_refused(name: str) -> None:
    print(f"seed {SEED}")
    for number in range(ROUNDS):
        seed = f"{SEED} {name} {number}"
        random = Random(seed)
        data = mutated(RECORDINGS[name], random)
        reader = Reader(Settings(packet_size=8192), port=random.choice((None, 8009)))
        try:
            for piece in random_splits(data, random, 200):
                show(ajp_of(reader.feed(piece)))
            show(ajp_of(reader.end()))
        except RefjkError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed!r}") from error


@pytest.mark.parametrize("from_start", [True, False])
def test_a_changed_conversation_is_followed_to_its_end(from_start: bool) -> None:
    print(f"seed {SEED}")
    for number in range(4 * ROUNDS):
        seed = f"{SEED} conversation {number}"
        random = Random(seed)
        ways = {
            Side.WEB_SERVER: random_splits(mutated(TO_CONTAINER, random), random, 50),
            Side.CONTAINER: random_splits(mutated(TO_WEB_SERVER, random), random, 50),
        }
        conversation = Conversation(1, Settings(), from_start=from_start, searching=not from_start)
        try:
            while ways:
                side = random.choice(list(ways))
                piece = next(ways[side], None)
                if piece is None:
                    del ways[side]
                    show(list(conversation.ended(side, "closed", 0)))
                elif random.random() < 0.1:
                    show(list(conversation.gap(side, len(piece), 0)))
                else:
                    show(list(conversation.receive(side, piece, 0)))
                assert len(conversation) <= 2 * 65540
            show(list(conversation.end_of_recording()))
        except Exception as error:
            raise AssertionError(f"seed {seed!r}") from error
