"""Announcements, frames and answers out of capture files, beside AJP13 in the same one."""

from __future__ import annotations

import struct

import pytest

from refjk.decode import ClusterEvent, Event, Opened, Wire
from refjk.decode import channel_tracker as tracker_module
from refjk.decode.cluster_events import ChannelEnded, ChannelOpened, DatagramSeen, FrameSeen
from refjk.decode.link import datagram_of
from refjk.objectstream import JavaObject
from tests.decode.cluster_support import (
    ANSWER,
    GROUP,
    RECEIVER,
    SENDER,
    announcement,
    frame,
    golden,
    read,
    told,
    udp,
)
from tests.decode.support import ACK, ETHERNET, FIN, RAW, RST, Talk, ethernet, pcap, pcapng

CPING = bytes.fromhex("123400010a")


def talk() -> Talk:
    return Talk(SENDER, RECEIVER)


def opened(events: list[Event | ClusterEvent]) -> list[tuple[int, str, str]]:
    return [
        (event.connection, event.sender, event.receiver)
        for event in events
        if isinstance(event, ChannelOpened)
    ]


def test_a_connection_of_the_channel_is_followed_from_its_handshake_to_its_ends() -> None:
    said = talk().open().say(">", frame("one")).say("<", ANSWER).say(">", frame("x" * 5000), size=100)
    said.say("<", ANSWER).end(">").end("<")
    for data in (pcap(said.packets), pcapng(said.packets), pcap(map(ethernet, said.packets), ETHERNET)):
        events = read(data)
        assert told(events) == [
            "ChannelOpened",
            "frame",
            "answer",
            "frame",
            "answer",
            "closed by sender",
            "closed by receiver",
        ]
        assert opened(events) == [(1, "10.0.0.1:40000", "10.0.0.2:4001")]
        assert events[1].time_ns == 4_000_005_000


def test_the_handshake_tells_who_sends_even_if_the_answer_is_captured_alone() -> None:
    begun = talk().open().say(">", frame())
    joined = talk().say("<", ANSWER).say(">", frame())
    for packets in (begun.packets, joined.packets):
        assert opened(read(pcap(packets))) == [(1, "10.0.0.1:40000", "10.0.0.2:4001")]


def test_a_recording_that_begins_in_the_middle_of_a_frame_goes_on_at_the_next() -> None:
    said = talk().say(">", frame("lost")[20:] + frame("one")).say("<", ANSWER)
    assert told(read(pcap(said.packets))) == [
        "ChannelOpened",
        f"({len(frame('lost')) - 20} octets passed over)",
        "frame",
        "answer",
    ]


def test_missing_octets_cost_their_frame_only() -> None:
    said = talk().open().say(">", frame("one")[:30]).lose(">", frame("one")[30:40])
    said.say(">", frame("one")[40:] + frame("two"))
    words = told(read(pcap(said.packets)))
    assert words[1:] == [
        "(10 octets of the sender are missing)",
        f"({len(frame('one')) - 10} octets passed over)",
        "frame",
    ]


def test_an_end_in_the_middle_of_a_frame_says_so() -> None:
    said = talk().open().say(">", frame()[:-1]).end(">", RST | ACK)
    assert told(read(pcap(said.packets)))[-1] == "reset by sender, in the middle of a frame"


def test_announcements_stand_beside_frames_and_ajp13_in_one_capture() -> None:
    ajp = Talk().open().say(">", CPING).packets
    channel = talk().open().say(">", frame()).say("<", ANSWER).packets
    packets = [udp(announcement(500)), *ajp, udp(announcement(1000)), *channel, udp(b"\0" * 40)]
    events = read(pcap(packets))
    assert told(events) == [
        "announcement",
        "Opened",
        "PacketSeen",
        "announcement",
        "ChannelOpened",
        "frame",
        "answer",
    ]
    assert [event.connection for event in events if isinstance(event, Opened | ChannelOpened)] == [1, 2]
    first = events[0]
    assert isinstance(first, DatagramSeen)
    assert (first.source, first.target) == ("10.0.0.1:45564", "228.0.0.4:45564")


def test_other_connections_are_still_counted_once() -> None:
    http = Talk(target=("10.0.0.2", 80)).open().say(">", b"GET / HTTP/1.1\r\n\r\n").end(">").end("<")
    events = read(pcap(http.packets + talk().open().say(">", frame()).end(">", FIN | ACK).packets))
    assert told(events) == [
        "ChannelOpened",
        "frame",
        "closed by sender",
        "(other TCP connections, not shown: 1)",
    ]


def test_one_protocol_alone_can_be_asked_for() -> None:
    ajp = Talk().open().say(">", CPING).packets
    packets = [udp(announcement()), *ajp, *talk().open().say(">", frame()).packets]
    assert told(read(pcap(packets), wire=Wire.MEMBERSHIP)) == ["announcement"]
    assert told(read(pcap(packets), wire=Wire.CHANNEL)) == ["ChannelOpened", "frame"]
    assert told(read(pcap(packets), wire=Wire.AJP))[:2] == ["Opened", "PacketSeen"]
    assert told(read(pcap(packets), port=8009)) == [
        "Opened",
        "PacketSeen",
        "(other TCP connections, not shown: 1)",
    ]


def test_with_its_port_a_connection_is_the_channels_whatever_it_says() -> None:
    said = talk().open().say(">", b"GET / HTTP/1.1\r\n\r\n").say("<", b"no\x03").packets
    assert told(read(pcap(said))) == ["(other TCP connections, not shown: 1)"]
    assert told(read(pcap(said), port=4001, wire=Wire.CHANNEL))[:3] == [
        "ChannelOpened",
        "misfit CHN-FRM-04",
        "answer CHN-ACK-01",
    ]
    assert read(pcap(said), port=4002, wire=Wire.CHANNEL) == []


def test_with_its_port_every_datagram_to_it_is_an_announcement() -> None:
    packets = [udp(b"?"), udp(announcement(), ("228.0.0.4", 1)), udp(announcement(), ("10.0.0.9", 45564))]
    assert told(read(pcap(packets))) == ["announcement"]
    assert told(read(pcap(packets), wire=Wire.MEMBERSHIP)) == ["announcement malformed", "announcement"]
    by_port = told(read(pcap(packets), port=45564, wire=Wire.MEMBERSHIP))
    assert by_port == ["announcement malformed", "announcement"]


def test_a_datagram_that_was_not_kept_whole_is_a_remark() -> None:
    data = pcap([udp(announcement())], keep=60)
    assert told(read(data, wire=Wire.MEMBERSHIP)) == [
        "(3 octets of a datagram of 10.0.0.1:45564 are missing)"
    ]


@pytest.mark.parametrize("cut", range(28))
def test_a_datagram_without_its_headers_is_none(cut: int) -> None:
    assert datagram_of(RAW, udp(b"")[:cut]) is None
    assert datagram_of(RAW, udp(b"")) is not None


def test_a_length_that_does_not_fit_the_packet_is_no_datagram() -> None:
    packet = bytearray(udp(b"abc"))
    for length in (7, 12):
        packet[24:26] = struct.pack(">H", length)
        assert datagram_of(RAW, bytes(packet)) is None


def test_the_connection_that_was_silent_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "CONNECTIONS_MAX", 2)
    packets = []
    for number in range(4):
        packets += Talk(("10.0.0.1", 40000 + number), RECEIVER).open().say(">", frame()[:20]).packets
    words = told(read(pcap(packets), wire=Wire.CHANNEL))
    assert words.count("(forgotten: more connections or octets than are kept at a time)") == 2


def test_octets_that_wait_are_bounded_over_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "HELD_SIZE_MAX", 10_000)
    said = talk().open().say(">", b"FLT2002\x00\x10\x00\x00" + bytes(20_000))
    words = told(read(pcap(said.packets), wire=Wire.CHANNEL))
    assert "(forgotten: more connections or octets than are kept at a time)" in words


def recorded(trace: dict) -> tuple[list[bytes], int, int]:  # type: ignore[type-arg]
    """The packets of a recorded exchange, and how many frames and answers they hold."""
    talks: dict[int, Talk] = {}
    packets: list[bytes] = []
    frames = answers = 0
    for event in trace["events"]:
        if "datagram_from" in event:
            packets.append(udp(bytes.fromhex(event["data"]), GROUP))
        if "conn" not in event:
            continue
        number = event["conn"]
        if event.get("tcp") == "SYN":
            said = talks[number] = Talk(("10.0.0.1", 40000 + number), RECEIVER).open()
            said.opener = event["dir"]  # type: ignore[attr-defined]
        elif "data" in event:
            said = talks[number]
            data = bytes.fromhex(event["data"])
            said.say(">" if event["dir"] == said.opener else "<", data)  # type: ignore[attr-defined]
            frames += data.count(b"FLT2002")
            answers += data.count(b"\x03") if len(data) < 20 else 0
        packets += said.packets
        said.packets.clear()
    return packets, frames, answers


@pytest.mark.parametrize("trace", [t for t in golden("traces.json") if "events" in t], ids=lambda t: t["id"])
def test_what_two_nodes_of_the_original_said_is_decoded_whole(trace: dict) -> None:  # type: ignore[type-arg]
    packets, frames, answers = recorded(trace)
    events = read(pcap(packets))
    words = told(events)
    assert words.count("frame") == frames
    assert sum(word.startswith("answer") for word in words) == answers
    assert words.count("announcement") == sum("datagram_from" in event for event in trace["events"])
    assert not any(word.startswith(("misfit", "frame ", "announcement ")) for word in words)
    messages = [event.message for event in events if isinstance(event, FrameSeen)]
    for message in messages:
        assert message is not None and isinstance(message.contents[0], JavaObject)
        assert message.contents[0].class_name.startswith("org.apache.catalina.cluster.session.SessionMessage")


def test_ends_are_told_once() -> None:
    said = talk().open().say(">", frame()).end(">").end(">").end("<")
    events = read(pcap(said.packets))
    assert [event.who for event in events if isinstance(event, ChannelEnded)] == ["sender", "receiver"]


def test_a_port_that_is_used_again_is_another_connection() -> None:
    first = talk().open().say(">", frame()[:20]).packets
    again = Talk(SENDER, RECEIVER, {">": 70_000, "<": 90_000}).open().say(">", frame()).packets
    words = told(read(pcap([*first, *again])))
    assert words[-2:] == ["ChannelOpened", "frame"]
    assert words.count("ChannelOpened") == 2
