"""tshark as a second opinion: octets go into a capture file of our own, its AJP13 dissection comes back."""

from __future__ import annotations

import struct
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.interop.peers.process import find_program

CLIENT_PORT = 40000
SEGMENT_SIZE = 16000  # An IPv4 packet cannot hold the largest AJP packet; the dissector puts them together.
SYN, ACK, PUSH = 0x02, 0x10, 0x08
# Chats and notes are tshark's remarks on ordinary things.
SEVERE = ("Warning", "Error")


@dataclass(frozen=True, slots=True)
class Frame:
    """Octets in one direction: `request` from the web server, `answer` from the container."""

    direction: Literal["request", "answer"]
    octets: bytes


@dataclass(frozen=True, slots=True)
class Dissected:
    """What tshark says of one TCP segment; `fields` are (name, shown value) in order, nested ones flattened.

    `is_ajp` tells whether an AJP13 packet ended here; `complaints` holds marks of malformed data
    and expert remarks of severity warning and above.
    """

    number: int
    direction: Literal["request", "answer"]
    is_ajp: bool
    fields: list[tuple[str, str]]
    complaints: list[str]

    def values(self, name: str) -> list[str]:
        """All values of a field, for example `ajp13.uri`."""
        return [value for key, value in self.fields if key == name]


def write_pcap(path: Path, frames: Sequence[Frame], port: int = 8009) -> None:
    """A capture file (pcap, raw IPv4) with one TCP connection: handshake, then the frames in order."""
    sent = {"request": 1, "answer": 1}
    records = [_segment("request", port, 0, 0, SYN, b""), _segment("answer", port, 0, 1, SYN | ACK, b"")]
    records.append(_segment("request", port, 1, 1, ACK, b""))
    for frame in frames:
        other = "answer" if frame.direction == "request" else "request"
        for start in range(0, len(frame.octets), SEGMENT_SIZE):
            piece = frame.octets[start : start + SEGMENT_SIZE]
            numbers = (sent[frame.direction], sent[other])
            records.append(_segment(frame.direction, port, *numbers, PUSH | ACK, piece))
            sent[frame.direction] += len(piece)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101))
        for index, record in enumerate(records):
            file.write(struct.pack("<IIII", 1_000_000_000, index, len(record), len(record)) + record)


def dissect(frames: Sequence[Frame], port: int = 8009) -> list[Dissected]:
    """Let tshark dissect one AJP13 connection; the segments that carry data, in order."""
    tshark = find_program("tshark", "tshark")
    with tempfile.TemporaryDirectory(prefix="refjk-tshark-") as directory:
        path = Path(directory) / "frames.pcap"
        write_pcap(path, frames, port)
        command = [tshark, "-r", str(path), "-n", "-d", f"tcp.port=={port},ajp13", "-T", "pdml"]
        command += ["-o", "ip.check_checksum:FALSE", "-o", "tcp.check_checksum:FALSE"]
        done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    packets = ElementTree.fromstring(done.stdout).iter("packet")
    return [result for result in map(_dissected, packets) if result is not None]


def _dissected(packet: ElementTree.Element) -> Dissected | None:
    facts = [(field.get("name", ""), field.get("show", "")) for field in packet.iter("field")]
    values = dict(facts)
    if values.get("tcp.len") == "0":
        return None
    protocols = [proto.get("name", "") for proto in packet.iter("proto")]
    complaints = ["malformed"] if "_ws.malformed" in protocols else []
    for expert in packet.iter("field"):
        if expert.get("name") == "_ws.expert":
            complaints += _severe_message(expert)
    return Dissected(
        number=int(values["frame.number"]),
        direction="request" if values["tcp.srcport"] == str(CLIENT_PORT) else "answer",
        is_ajp="ajp13" in protocols,
        fields=[(name, value) for name, value in facts if name.startswith("ajp13.")],
        complaints=complaints,
    )


def _severe_message(expert: ElementTree.Element) -> list[str]:
    shown = {field.get("name", ""): field.get("showname", "") for field in expert.iter("field")}
    severe = any(word in shown.get("_ws.expert.severity", "") for word in SEVERE)
    return [shown.get("_ws.expert.message", "expert remark without text")] if severe else []


def _segment(
    direction: str, port: int, sequence: int, acknowledged: int, flags: int, payload: bytes
) -> bytes:
    """One IPv4 packet with one TCP segment; checksums stay zero."""
    addresses, ports = [b"\x7f\0\0\1", b"\x7f\0\0\2"], [CLIENT_PORT, port]
    if direction == "answer":
        addresses.reverse()
        ports.reverse()
    numbers = (sequence, acknowledged if flags & ACK else 0)
    tcp = struct.pack(">HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 65535, 0, 0)
    size = 20 + len(tcp) + len(payload)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 6, 0, *addresses)
    return ip + tcp + payload
