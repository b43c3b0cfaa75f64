"""`refjk decode` beside tshark: the same captures, the same packets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from refjk.decode import PacketSeen, Side
from refjk.decode.capture_writer import CAPTURE_HEAD, CaptureConnection
from tests.ajp13.support import (
    BODY_END_EMPTY,
    CPING,
    CPONG,
    END_0,
    END_1,
    FLUSH,
    HEADERS_200,
    body_packet,
    chunk,
    content_length,
    forward_request,
    get_body_chunk,
    request_octets,
    send_headers,
    string,
)
from tests.decode.support import findings, read
from tests.interop.peers.process import find_program
from tests.interop.peers.tshark import Frame, write_pcap

pytestmark = pytest.mark.interop

SEED = 20_050_301
PORT = 8009
FRAME_START_NS = 1_700_000_000_000_000_000

Seen = tuple[str, str, str]
"""Sender, payload length, prefix code (empty for a body packet)."""


def exchange(random: Random) -> list[tuple[Side, bytes]]:
    """Some right cycles on one connection.

    Only such bodies as tshark can follow: it takes the wanted length for what will come, so the
    packet after a body that is asked for and shorter is one more body packet to it. And it counts
    the size of a packet in 16 bits, so 65535 octets are the most.
    """
    frames: list[tuple[Side, bytes]] = []

    def say(side: Side, *packets: bytes) -> None:
        frames.extend((side, packet) for packet in packets)

    for _ in range(random.randrange(1, 5)):
        if random.random() < 0.3:
            say(Side.WEB_SERVER, CPING)
            say(Side.CONTAINER, CPONG)
        left = random.choice((None, 0, 5, 8186))
        headers = [string(b"X-Name") + string(b"value")] + ([] if left is None else [content_length(left)])
        attributes = b"\x05" + string(b"a=1") + b"\x0a" + string(b"AJP_REMOTE_PORT") + string(b"1234")
        say(Side.WEB_SERVER, forward_request(headers=headers, attributes=attributes))
        if left:
            say(Side.WEB_SERVER, body_packet(random.randbytes(left)))
        if left is None:
            say(Side.CONTAINER, get_body_chunk(8186))
            say(Side.WEB_SERVER, BODY_END_EMPTY)
        say(Side.CONTAINER, send_headers(200, b"OK", b"\xa0\x01" + string(b"text/plain")))
        for _ in range(random.randrange(3)):
            say(Side.CONTAINER, chunk(random.randbytes(random.choice((1, 8184, 65527)))), FLUSH)
        say(Side.CONTAINER, END_1)
    say(Side.WEB_SERVER, request_octets(20_000), body_packet(random.randbytes(8186)))
    for size in (8186, 3628):
        say(Side.CONTAINER, get_body_chunk(8186))
        say(Side.WEB_SERVER, body_packet(random.randbytes(size)))
    say(Side.CONTAINER, HEADERS_200, END_0)
    return frames


def recorded(frames: list[tuple[Side, bytes]]) -> bytes:
    """The capture file that a relay would have written."""
    connection = CaptureConnection(("127.0.0.1", 40000), ("127.0.0.2", PORT))
    records = [CAPTURE_HEAD, *connection.opened(FRAME_START_NS)]
    for number, (side, octets) in enumerate(frames):
        records += connection.passed(side, octets, FRAME_START_NS + number * 1000)
    for side in (Side.CONTAINER, Side.WEB_SERVER):
        records += connection.ended(side, False, FRAME_START_NS + 10**9)
    return b"".join(records)


def seen_by_tshark(path: Path) -> tuple[list[Seen], list[str]]:
    """The packets, and what tshark finds malformed or has a wrong checksum."""
    fields = (
        "tcp.dstport",
        "ajp13.len",
        "ajp13.code",
        "_ws.malformed",
        "ip.checksum.status",
        "tcp.checksum.status",
    )
    command = [find_program("tshark", "tshark"), "-r", str(path), "-n", "-d", f"tcp.port=={PORT},ajp13"]
    command += ["-T", "fields", *(word for field in fields for word in ("-e", field))]
    command += ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120, text=True)
    packets: list[Seen] = []
    complaints: list[str] = []
    for line in done.stdout.splitlines():
        port, size, code, malformed, *checksums = line.split("\t")
        sender = "web server" if port == str(PORT) else "container"
        if size:
            packets.append((sender, size, code))
        if malformed or checksums != ["1", "1"]:
            complaints.append(line)
    return packets, complaints


def seen_by_refjk(capture: bytes) -> list[Seen]:
    seen = []
    for event in read(capture):
        if isinstance(event, PacketSeen):
            fields = {field.name: field.value for field in event.fields}
            code = fields.get("prefix_code")
            seen.append((event.sender.value, str(event.size - 4), "" if code is None else str(code)))
    return seen


@pytest.mark.parametrize("number", range(5))
def test_tshark_reads_what_a_relay_records_as_refjk_does(tmp_path: Path, number: int) -> None:
    seed = f"{SEED} {number}"
    print(f"seed {seed}")
    frames = exchange(Random(seed))
    capture = recorded(frames)
    path = tmp_path / "relay.pcap"
    path.write_bytes(capture)
    by_tshark, complaints = seen_by_tshark(path)
    assert by_tshark == seen_by_refjk(capture), f"seed {seed}"
    assert len(by_tshark) == len(frames)
    assert (findings(read(capture)), complaints) == ([], []), f"seed {seed}"


def test_refjk_reads_another_programs_capture_as_tshark_does(tmp_path: Path) -> None:
    ways: dict[Side, Literal["request", "answer"]] = {Side.WEB_SERVER: "request", Side.CONTAINER: "answer"}
    print(f"seed {SEED}")
    frames = exchange(Random(SEED))
    path = tmp_path / "peer.pcap"
    write_pcap(path, [Frame(ways[side], octets) for side, octets in frames], PORT)
    tshark = find_program("tshark", "tshark")
    again = tmp_path / "again.pcapng"
    subprocess.run(
        [tshark, "-r", str(path), "-w", str(again), "-F", "pcapng"],
        check=True,
        timeout=60,
        capture_output=True,
    )
    expected = seen_by_tshark(path)[0]
    assert len(expected) == len(frames)
    assert seen_by_refjk(path.read_bytes()) == expected
    assert seen_by_refjk(again.read_bytes()) == expected
