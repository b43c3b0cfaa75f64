"""Frames, announcements and captures of a cluster, and short ways to decode them."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from refjk.decode import ClusterEvent, Event, Reader, Remark, Settings, Wire
from refjk.decode.cluster_events import AnswerSeen, ChannelEnded, ChannelMisfit, DatagramSeen, FrameSeen
from refjk.objectstream import write_object
from tests.decode.support import ip4

GOLDEN = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"
ANSWER = bytes.fromhex("060203")
SENDER, RECEIVER = ("10.0.0.1", 40000), ("10.0.0.2", 4001)
GROUP = ("228.0.0.4", 45564)


def golden(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((GOLDEN / name).read_text("utf-8"))["vectors"]
    return vectors


def frame(message: object = "hello", data: bytes | None = None) -> bytes:
    """In the layout plain."""
    zipped = gzip.compress(write_object(message), mtime=0) if data is None else data
    return b"FLT2002" + struct.pack(">i", len(zipped)) + zipped + b"TLF2003"


def flagged(flag: int, data: bytes) -> bytes:
    return b"FLT2002" + struct.pack(">ii", flag, len(data)) + data + b"TLF2003"


def announcement(alive_ms: int = 500, name: bytes = b"tcp://10.0.0.1:4001") -> bytes:
    return struct.pack(">qi4s", alive_ms, 4001, ip4("10.0.0.1")) + name


def udp(data: bytes, target: tuple[str, int] = GROUP, source: tuple[str, int] = ("10.0.0.1", 45564)) -> bytes:
    """As an IPv4 packet."""
    size = 8 + len(data)
    head = struct.pack(">HHHH", source[1], target[1], size, 0)
    ends = ip4(source[0]) + ip4(target[0])
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 7, 0, 1, 17, 0) + ends + head + data


def read(
    data: bytes, *, step: int | None = None, port: int | None = None, wire: Wire | None = None
) -> list[Event | ClusterEvent]:
    reader = Reader(Settings(), port, wire)
    events: list[Event | ClusterEvent] = []
    for start in range(0, len(data), step or len(data) or 1):
        events += reader.feed(data[start : start + (step or len(data))])
    return events + list(reader.end())


def told(events: Iterable[Event | ClusterEvent]) -> list[str]:
    """A word for each event, with the clause of what is wrong in it."""
    words = []
    for event in events:
        if isinstance(event, FrameSeen):
            words.append(_with("frame", event.fault.clause if event.fault else ""))
        elif isinstance(event, AnswerSeen):
            words.append(_with("answer", event.fault.clause if event.fault else ""))
        elif isinstance(event, ChannelMisfit):
            words.append(_with("misfit", event.fault.clause))
        elif isinstance(event, DatagramSeen):
            words.append(_with("announcement", event.refused.reason.value if event.refused else ""))
        elif isinstance(event, ChannelEnded):
            words.append(f"{event.how} by {event.who}" + (f", {event.note}" if event.note else ""))
        elif isinstance(event, Remark):
            words.append(f"({event.text})")
        else:
            words.append(type(event).__name__)
    return words


def _with(word: str, wrong: str) -> str:
    return f"{word} {wrong}" if wrong else word
