"""Announcements, frames and answers out of hex text, recognised by content or by request."""

from __future__ import annotations

import gzip

import pytest

from refjk.decode import Wire
from refjk.decode.cluster_events import DatagramSeen, FrameSeen
from refjk.membership import Authenticator, Layout
from refjk.objectstream import write_object
from tests.decode.cluster_support import ANSWER, announcement, flagged, frame, golden, read, told


def text(*pieces: bytes, mark: str = "") -> bytes:
    return "".join(f"{mark}{piece.hex(' ')}\n" for piece in pieces).encode()


def only_frame(data: bytes) -> FrameSeen:
    (seen,) = [event for event in read(data) if isinstance(event, FrameSeen)]
    return seen


def only_datagram(data: bytes, wire: Wire | None = None) -> DatagramSeen:
    (seen,) = read(data, wire=wire)
    assert isinstance(seen, DatagramSeen)
    return seen


# The channel.


def test_frames_and_answers_follow_each_other_with_and_without_marks() -> None:
    octets = [frame("one"), ANSWER, frame("two"), ANSWER]
    plain = text(*octets)
    marked = b"".join(text(piece, mark=f"{mark} ") for piece, mark in zip(octets, "><><", strict=True))
    for data in (plain, marked):
        assert told(read(data)) == ["ChannelOpened", "frame", "answer", "frame", "answer"]


def test_pieces_of_any_size_give_the_same() -> None:
    data = text(frame("one") + ANSWER + frame("two"), ANSWER)
    whole = read(data)
    for step in (1, 2, 7, 100):
        assert read(data, step=step) == whole


def test_a_frame_shows_its_message() -> None:
    seen = only_frame(text(frame("hello")))
    assert seen.message is not None and seen.message.contents == ["hello"]
    assert (seen.flag, seen.zipped, seen.payload) == (None, True, write_object("hello"))
    assert seen.size == len(frame("hello"))


@pytest.mark.parametrize("flag", [0, 1, 2])
def test_the_later_layout_is_told_by_its_flag_and_its_data_by_themselves(flag: int) -> None:
    payload = write_object("hello")
    for data, zipped in ((payload, False), (gzip.compress(payload), True)):
        seen = only_frame(text(flagged(flag, data)))
        assert (seen.flag, seen.zipped, seen.payload) == (flag, zipped, payload)
        assert seen.fault is None


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"FLT2003" + frame(), ["misfit CHN-FRM-04", "(7 octets passed over)", "frame"]),
        (frame()[:-1] + b"?" + frame(), ["misfit CHN-FRM-06", "(SKIP)", "frame"]),
        (b"FLT2002\xff\xff\xff\xff" + frame(), ["misfit CHN-FRM-05", "(11 octets passed over)", "frame"]),
        (frame(data=b"no gzip at all") + frame(), ["frame CHN-FRM-07", "frame"]),
        (frame(data=gzip.compress(b"no object")) + frame(), ["frame OBS-HDR-01", "frame"]),
    ],
    ids=["start", "end", "size", "gzip", "object"],
)
def test_after_a_mistake_it_goes_on_at_the_next_frame(octets: bytes, expected: list[str]) -> None:
    skip = f"({len(frame())} octets passed over)"
    expected = [skip if word == "(SKIP)" else word for word in expected]
    assert told(read(text(octets), wire=Wire.CHANNEL))[1:] == expected


def test_an_answer_with_other_octets_before_its_end_is_shown_and_wrong() -> None:
    data = text(frame(), mark="> ") + text(b"hello" + ANSWER, b"\x03", ANSWER, mark="< ")
    assert told(read(data))[2:] == ["answer CHN-ACK-01", "answer CHN-ACK-01", "answer"]


def test_a_frame_that_does_not_end_is_a_remark() -> None:
    assert told(read(text(frame(), frame()[:-3]))) == [
        "ChannelOpened",
        "frame",
        f"(the recording ends in the middle of something, {len(frame()) - 3} octets after its start)",
    ]


# The membership.


def test_each_line_is_an_announcement_in_either_layout() -> None:
    octets = [bytes.fromhex(str(vector["hex"])) for name in NAMES for vector in ordinary(name)]
    events = read(text(*octets))
    assert [event.octets for event in events if isinstance(event, DatagramSeen)] == octets
    assert set(told(events)) == {"announcement"}


NAMES = ("mcast-member-555.json", "mcast-member-domain.json")


def ordinary(name: str) -> list[dict[str, object]]:
    """Those that a node would take."""
    return [
        vector
        for vector in golden(name)
        if vector["op"] == "encode" and ":" not in vector["member"]["host"] and is_taken(vector["member"])
    ]


def is_taken(member: dict[str, object]) -> bool:
    port, alive_ms, name = member["port"], member["alive_ms"], str(member["name"])
    assert isinstance(port, int) and isinstance(alive_ms, int)
    return 0 < port < 65536 and alive_ms >= 0 and name.isprintable() and 0 < len(name) < 300


@pytest.mark.parametrize(("name", "layout"), list(zip(NAMES, (Layout.PLAIN, Layout.DOMAIN), strict=True)))
def test_an_announcement_shows_what_the_original_reads_in_it(name: str, layout: Layout) -> None:
    for vector in ordinary(name):
        seen = only_datagram(bytes(str(vector["hex"]), "ascii"), Wire.MEMBERSHIP)
        expected = vector["decoded"]
        assert isinstance(expected, dict) and seen.announcement is not None
        assert seen.layout is layout
        assert seen.announcement.text == expected["name"]
        assert (seen.announcement.host, seen.announcement.port) == (expected["host"], expected["port"])
        assert seen.announcement.alive_ms == expected["alive_ms"]
        assert seen.announcement.domain.decode() == expected.get("domain", "")


def test_a_dump_with_offsets_is_one_datagram() -> None:
    octets = announcement()
    lines = [f"{at:04x}  {octets[at : at + 16].hex(' ')}\n" for at in range(0, len(octets), 16)]
    events = read("".join(lines * 3).encode())
    assert [event.octets for event in events if isinstance(event, DatagramSeen)] == [octets] * 3


def test_the_trailer_of_a_signed_one_is_shown_and_taken_off() -> None:
    signed = Authenticator(b"sixteen octets..").sign(announcement(), 1_700_000_000_123)
    seen = only_datagram(text(signed))
    assert seen.signed_ms == 1_700_000_000_123
    assert seen.announcement is not None and seen.announcement.text == "tcp://10.0.0.1:4001"
    assert seen.refused is None


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (bytes(15), "malformed"),
        (announcement(name=b""), "nonsense"),
        (announcement(alive_ms=-1), "nonsense"),
        (announcement(name=b"tcp://" + b"x" * 1000), "too long"),
        (b"refjkmac", "malformed"),
    ],
)
def test_what_a_node_would_refuse_is_wrong(octets: bytes, reason: str) -> None:
    assert told(read(text(octets), wire=Wire.MEMBERSHIP)) == [f"announcement {reason}"]


# Recognition.


@pytest.mark.parametrize(
    ("octets", "first"),
    [
        (bytes.fromhex("123400010a"), "Opened"),
        (frame(), "ChannelOpened"),
        (ANSWER, "ChannelOpened"),
        (announcement(), "announcement"),
        (bytes.fromhex("deadbeef") * 20, "Opened"),
        (bytes.fromhex("06"), "ChannelOpened"),
    ],
)
def test_the_first_octets_tell_the_protocol(octets: bytes, first: str) -> None:
    events = read(text(octets + ANSWER[len(octets) :] if octets == b"\x06" else octets))
    assert told(events)[0] == first


def test_what_was_asked_for_is_not_recognised_again() -> None:
    assert told(read(text(frame()), wire=Wire.AJP))[0] == "Opened"
    assert told(read(text(frame()), wire=Wire.MEMBERSHIP))[0].startswith("announcement")
