"""Capture files: formats, link types, and what becomes of broken ones."""

from __future__ import annotations

import struct

import pytest

from refjk.base import InputError
from refjk.decode import Opened, PacketSeen, Reader, Settings
from refjk.decode.link import LINK_TYPES, segment_of
from tests.ajp13.support import CPING, CPONG, END_1, HEADERS_200, chunk, forward_request
from tests.decode.support import (
    ACK,
    COOKED,
    COOKED_2,
    ETHERNET,
    LOOP,
    NULL,
    RAW,
    WEB_SERVER,
    Talk,
    ajp_of,
    enhanced,
    ethernet,
    findings,
    interface,
    ipv6_packet,
    kinds,
    pcap,
    pcapng,
    read,
    remarks,
    section,
    simple,
)

TALK = Talk().open().say(">", forward_request()).say("<", HEADERS_200 + chunk(b"x") + END_1)
TALK_KINDS = ["> FORWARD_REQUEST", "< SEND_HEADERS", "< SEND_BODY_CHUNK", "< END_RESPONSE"]


def times(data: bytes) -> set[int | None]:
    return {event.time_ns for event in read(data) if isinstance(event, PacketSeen)}


@pytest.mark.parametrize("step", [None, 1, 13])
@pytest.mark.parametrize(
    "data",
    [
        pcap(TALK.packets),
        pcap(TALK.packets, order=">"),
        pcap(TALK.packets, nanoseconds=True),
        pcap(TALK.packets, order=">", nanoseconds=True),
        pcapng(TALK.packets),
        pcapng(TALK.packets, order=">"),
        section() + interface() + b"".join(simple(packet) for packet in TALK.packets),
    ],
)
def test_every_format_gives_the_same_packets_in_any_pieces(data: bytes, step: int | None) -> None:
    events = read(data, step=step)
    assert kinds(events) == TALK_KINDS
    assert findings(events) == []
    assert events[0] == Opened(1, events[0].time_ns, "10.0.0.1:40000", "10.0.0.2:8009")


def test_time_is_told_in_nanoseconds() -> None:
    assert times(pcap(TALK.packets)) == {4_000_005_000, 5_000_005_000}
    assert times(pcap(TALK.packets, nanoseconds=True)) == {4_000_000_005, 5_000_000_005}
    assert times(pcapng(TALK.packets)) == {4_000_005_000, 5_000_005_000}
    assert times(section() + interface() + b"".join(map(simple, TALK.packets))) == {None}


@pytest.mark.parametrize(
    ("resolution", "time", "expected"),
    [(b"\x09", 7, 7), (b"\x03", 7, 7_000_000), (b"\x81", 3, 1_500_000_000), (b"\x06", 7, 7000)],
)
def test_the_time_resolution_of_an_interface_counts(resolution: bytes, time: int, expected: int) -> None:
    options = struct.pack("<HH", 2, 3) + b"eth\0" + struct.pack("<HH", 9, 1) + resolution + b"\0\0\0"
    data = section() + interface(options=options + struct.pack("<HH", 0, 0))
    assert times(data + b"".join(enhanced(packet, time) for packet in TALK.packets)) == {expected}


def test_a_new_section_may_have_another_byte_order_and_other_interfaces() -> None:
    first = section() + interface(ETHERNET) + b"".join(enhanced(ethernet(p)) for p in TALK.packets[:3])
    then = section(">") + interface(RAW, ">") + b"".join(enhanced(p, order=">") for p in TALK.packets[3:])
    assert kinds(read(first + then)) == TALK_KINDS


def framed(link_type: int, packet: bytes) -> bytes:
    return {
        ETHERNET: ethernet(packet),
        COOKED: bytes(14) + b"\x08\x00" + packet,
        COOKED_2: b"\x08\x00" + bytes(18) + packet,
        NULL: b"\x02\0\0\0" + packet,
        LOOP: b"\0\0\0\x02" + packet,
    }.get(link_type, packet)


@pytest.mark.parametrize("link_type", sorted(LINK_TYPES))
def test_every_link_type_is_read(link_type: int) -> None:
    frames = [framed(link_type, packet) for packet in TALK.packets]
    assert kinds(read(pcap(frames, link_type))) == TALK_KINDS


@pytest.mark.parametrize(
    ("link_type", "before"),
    [
        (ETHERNET, bytes(12) + b"\x81\0\0\x07" + b"\x08\0"),
        (ETHERNET, bytes(12) + b"\x88\xa8\0\x07" + b"\x81\0\0\x07" + b"\x08\0"),
        (COOKED, bytes(14) + b"\x81\0\0\x07" + b"\x08\0"),
        (COOKED_2, b"\x81\0" + bytes(18) + b"\0\x07" + b"\x08\0"),
    ],
)
def test_vlan_tags_are_passed_over(link_type: int, before: bytes) -> None:
    assert kinds(read(pcap([before + packet for packet in TALK.packets], link_type))) == TALK_KINDS


@pytest.mark.parametrize(
    ("kind", "extensions"),
    [
        (6, b""),
        (0, b"\x06\0" + bytes(6)),
        (0, b"\x2b\x01" + bytes(14) + b"\x06\0" + bytes(6)),
        (44, b"\x06\0\0\0" + bytes(4)),
    ],
)
def test_ipv6_is_read_with_its_extension_headers(kind: int, extensions: bytes) -> None:
    talk = Talk().open()
    segment = talk.segment(">", ACK, CPING)
    found = segment_of(RAW, ipv6_packet("10.0.0.1", "10.0.0.2", segment, extensions, kind))
    assert found is not None
    assert (found.source, found.data, found.missing) == (("2001::a00:1", 40000), CPING, 0)


def test_padding_behind_an_ip_packet_is_no_data() -> None:
    packet = Talk().packet(">", ACK, CPING)
    found = segment_of(ETHERNET, ethernet(packet) + bytes(9))
    assert found is not None
    assert (found.source, found.data, found.missing) == (WEB_SERVER, CPING, 0)


def test_what_the_capture_did_not_keep_is_known_to_be_missing() -> None:
    packet = Talk().packet(">", ACK, CPING)
    found = segment_of(RAW, packet[:-2])
    assert found is not None
    assert (found.data, found.missing) == (CPING[:-2], 2)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x45",
        Talk().packet(">", ACK, CPING)[:39],
        Talk().packet(">", ACK, CPING).replace(b"\x40\x06", b"\x40\x11", 1),  # UDP
        Talk().packet(">", ACK)[:6] + b"\x20\x00" + Talk().packet(">", ACK)[8:],  # first fragment
        Talk().packet(">", ACK)[:6] + b"\x00\x08" + Talk().packet(">", ACK)[8:],  # another fragment
        ipv6_packet("10.0.0.1", "10.0.0.2", Talk().segment(">", ACK), b"\x06\0\0\x08" + bytes(4), 44),
        ipv6_packet("10.0.0.1", "10.0.0.2", b"", b"\0\0" + bytes(6), 0),
        b"\x41" + Talk().packet(">", ACK)[1:],  # header of 4 octets
        Talk().packet(">", ACK)[:32] + b"\x10" + Talk().packet(">", ACK)[33:],  # TCP header of 4 octets
        Talk().packet(">", ACK)[:32] + b"\xf0" + Talk().packet(">", ACK)[33:],  # of 60, which are not there
    ],
)
def test_what_is_no_whole_tcp_header_gives_no_segment(packet: bytes) -> None:
    assert segment_of(RAW, packet) is None


def test_a_file_cut_short_gives_what_is_whole_and_a_remark() -> None:
    data = pcap(TALK.packets)
    events = read(data[:-1])
    assert kinds(events) == TALK_KINDS[:1]
    assert remarks(events)[-1].startswith("the file ends in the middle of a record")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (pcap([]) + struct.pack("<IIII", 0, 0, 1 << 31, 0), "at octet 24: a record of 2147483648 octets"),
        (section()[:8] + b"\1\2\3\4" + section()[12:], "at octet 0: a section without byte order"),
        (section() + struct.pack("<II", 1, 13) + bytes(8), "at octet 28: a block of 13 octets"),
        (section() + struct.pack("<II", 1, 8) + bytes(8), "at octet 28: a block of 8 octets"),
        (section() + struct.pack("<II", 1, 1 << 30) + bytes(8), "at octet 28: a block of 1073741824 octets"),
        (section() + struct.pack("<IIII", 5, 16, 0, 20), "at octet 28: a block whose two lengths differ"),
        (section() + struct.pack("<III", 1, 12, 12), "at octet 28: an interface too short, or one too many"),
        (section() + struct.pack("<III", 6, 12, 12), "at octet 28: a packet block too short"),
        (section() + struct.pack("<III", 3, 12, 12), "at octet 28: a packet block too short, or without"),
        (section() + enhanced(b""), "at octet 28: a packet of 0 octets on interface 0"),
        (
            section() + interface() + enhanced(b"abcd").replace(struct.pack("<I", 4), struct.pack("<I", 999)),
            "at octet 48: a packet of 999 octets on interface 0",
        ),
        (
            section() + interface(options=struct.pack("<HH", 9, 1) + b"\xff\0\0\0"),
            "at octet 28: a time resolution 0xff",
        ),
    ],
)
def test_a_broken_file_is_refused_with_the_octet(data: bytes, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        read(data)
    assert str(refused.value).startswith(f"broken capture file: {complaint}")


def test_an_unknown_link_type_is_refused_in_pcap_and_remarked_in_pcapng() -> None:
    with pytest.raises(InputError, match="link type 147 cannot be read; those that can: 0, 1, 12"):
        read(pcap(TALK.packets, 147))
    data = section() + interface(147) + interface(RAW)
    data += enhanced(b"?") * 3 + b"".join(enhanced(packet, index=1) for packet in TALK.packets)
    events = read(data)
    assert kinds(events) == TALK_KINDS
    assert [text[:39] for text in remarks(events)] == ["frames of link type 147 cannot be read; tho"[:39]]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "there is nothing in it"),
        (b"\x1f\x8b\x08\x00", "compressed (gzip): unpack it first"),
        (b"\x28\xb5\x2f\xfd", "compressed (zstd): unpack it first"),
        (b"\x7fELF", "neither a capture file (pcap, pcapng) nor hex text; it begins with 7f 45 4c 46"),
        (b"\x00", "neither a capture file (pcap, pcapng) nor hex text; it begins with 00"),
    ],
)
def test_what_is_not_recognised_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        read(data)
    assert str(refused.value) == complaint


def test_packets_are_given_as_soon_as_they_are_whole() -> None:
    reader = Reader(Settings())
    data = pcap(Talk().open().say(">", CPING).say("<", CPONG).packets)
    seen: list[tuple[int, list[str]]] = []
    for offset in range(len(data)):
        found = kinds(ajp_of(reader.feed(data[offset : offset + 1])))
        if found:
            seen.append((len(data) - offset, found))
    assert [found for _, found in seen] == [["> CPING"], ["< CPONG"]]
    assert seen[1][0] == 1
