"""TCP connections put together: order, repeats, gaps, and which of them are AJP13."""

from __future__ import annotations

from random import Random

import pytest

from refjk.decode import Ended, Event, Opened, Reader, Remark, Settings
from refjk.decode import tracker as tracker_module
from refjk.decode.link import segment_of
from refjk.decode.reassembly import WAITING_MAX, Data, Lost, TcpStream
from refjk.decode.tracker import Tracker
from tests.ajp13.support import (
    BODY_END_EMPTY,
    CPING,
    CPONG,
    END_1,
    HEADERS_200,
    body_packet,
    chunk,
    forward_request,
    get_body_chunk,
    request_octets,
)
from tests.decode.support import (
    ACK,
    CONTAINER,
    FIN,
    RAW,
    RST,
    SYN,
    Talk,
    ajp_of,
    findings,
    kinds,
    pcap,
    read,
    remarks,
)

BIG = chunk(bytes(range(256)) * 30)
REQUEST = forward_request()
EXCHANGE_KINDS = ["> FORWARD_REQUEST", "< SEND_HEADERS", "< SEND_BODY_CHUNK", "< END_RESPONSE"]


def exchange(talk: Talk | None = None) -> Talk:
    return (talk or Talk()).open().say(">", REQUEST).say("<", HEADERS_200 + BIG + END_1)


def shuffled(packets: list[bytes], random: Random, reach: int) -> list[bytes]:
    """Every packet moved by less than `reach` places."""
    keyed = sorted(range(len(packets)), key=lambda index: index + random.random() * reach)
    return [packets[index] for index in keyed]


@pytest.mark.parametrize("seed", range(20))
def test_answers_out_of_order_and_repeated_come_out_in_order(seed: int) -> None:
    print(f"seed {seed}")
    packets = exchange().packets
    random = Random(seed)
    answer = packets[4:]
    mixed = shuffled(answer + random.choices(answer, k=4), random, 6)
    events = read(pcap(packets[:4] + mixed))
    assert (kinds(events), findings(events)) == (EXCHANGE_KINDS, []), f"seed {seed}"


def test_a_repeated_segment_that_holds_more_than_before_adds_only_the_new() -> None:
    talk = Talk().open().say(">", CPING[:3])
    talk.packets.append(talk.packet(">", ACK, CPING, sequence=talk.numbers[">"] - 3))
    assert kinds(read(pcap(talk.packets))) == ["> CPING"]


def test_a_keep_alive_probe_adds_nothing() -> None:
    talk = Talk().open().say(">", CPING)
    talk.packets.append(talk.packet(">", ACK, b"\0", sequence=talk.numbers[">"] - 1))
    assert kinds(read(pcap(talk.say("<", CPONG).packets))) == ["> CPING", "< CPONG"]


def test_sequence_numbers_may_wrap_around() -> None:
    talk = exchange(Talk(numbers={">": 2**32 - 20, "<": 2**32 - 3000}))
    events = read(pcap(talk.packets))
    assert (kinds(events), findings(events)) == (EXCHANGE_KINDS, [])


def test_an_answer_captured_before_its_question_waits_for_it() -> None:
    packets = exchange().packets
    first_answer = packets.pop(4)
    packets.insert(3, first_answer)
    # Nothing is missing of the question's direction, so it can only be told in the captured order.
    talk = Talk().open().say(">", REQUEST, size=40).say("<", HEADERS_200 + END_1)
    late = talk.packets.pop(3)
    events = read(pcap([*talk.packets[:3], *talk.packets[3:], late]))
    assert kinds(events) == ["> FORWARD_REQUEST", "< SEND_HEADERS", "< END_RESPONSE"]
    assert findings(events) == []


def test_a_gap_inside_a_chunk_keeps_the_count() -> None:
    talk = Talk().open().say(">", REQUEST).say("<", HEADERS_200 + BIG[:2000])
    talk.lose("<", BIG[2000:3000]).say("<", BIG[3000:] + END_1).say(">", CPING)
    events = read(pcap(talk.packets))
    assert kinds(events) == [
        "> FORWARD_REQUEST",
        "< SEND_HEADERS",
        "< SEND_BODY_CHUNK -1000",
        "< END_RESPONSE",
        "> CPING",
    ]
    assert remarks(events) == ["1000 octets of the container are missing"]
    assert findings(events) == []


def test_after_a_gap_over_packets_the_next_plausible_one_is_found() -> None:
    talk = Talk().open().say(">", REQUEST).lose("<", HEADERS_200 + BIG[:100])
    talk.say("<", BIG[100:] + b"AB noise" + END_1).say(">", CPING).say("<", CPONG)
    events = read(pcap(talk.packets))
    assert kinds(events) == ["> FORWARD_REQUEST", "< END_RESPONSE", "> CPING", "< CPONG"]
    missing = len(HEADERS_200) + 100
    passed = len(BIG) - 100 + 8
    assert remarks(events) == [
        f"{missing} octets of the container are missing",
        f"{passed} octets passed over until the next packet of the container",
    ]
    assert findings(events) == []


def test_what_the_other_end_acknowledged_is_waited_for_only_a_while() -> None:
    talk = Talk().open().say(">", REQUEST).lose("<", HEADERS_200).say("<", BIG[:1400])
    events: list[Event] = []
    reader = Reader(Settings())
    events += ajp_of(reader.feed(pcap(talk.packets)))
    assert remarks(events) == []
    more = Talk(numbers=talk.numbers)
    for _ in range(20):
        more.say(">", b"").packets.append(more.packet(">", ACK))
    events += ajp_of(reader.feed(pcap(more.packets)[24:]))
    assert remarks(events) == [f"{len(HEADERS_200)} octets of the container are missing"]


def test_a_gap_is_given_up_when_too_much_waits() -> None:
    stream = TcpStream()
    talk = Talk().open()
    talk.numbers[">"] += 100
    out = []
    for number in range(WAITING_MAX + 2):
        segment = segment_of(RAW, talk.packet(">", 0, b"ab", sequence=talk.numbers[">"] + number * 2))
        assert segment is not None
        if number == 0:
            opening = segment_of(RAW, talk.packet(">", SYN, sequence=1000))
            assert opening is not None
            out += list(stream.feed(opening))
        out += list(stream.feed(segment))
    assert out[0] == Lost(("10.0.0.1", 40000), 100)
    assert sum(len(item.octets) for item in out if isinstance(item, Data)) == 2 * (WAITING_MAX + 2)
    assert len(stream) == 0


def test_a_capture_that_keeps_only_the_beginning_of_frames_is_followed() -> None:
    talk = Talk().open().say(">", request_octets(3000)).say(">", body_packet(b"b" * 3000))
    talk.say("<", HEADERS_200).say("<", BIG).say("<", END_1).say(">", CPING)
    events = read(pcap(talk.packets, keep=120))
    assert [kind.partition(" -")[0] for kind in kinds(events)] == [
        "> FORWARD_REQUEST",
        "> BODY",
        "< SEND_HEADERS",
        "< SEND_BODY_CHUNK",
        "< END_RESPONSE",
        "> CPING",
    ]
    assert findings(events) == []


def test_a_connection_seen_from_its_middle_on_is_told_as_that() -> None:
    talk = exchange()
    talk.say(">", request_octets(5)).say(">", body_packet(b"hello")).say("<", get_body_chunk(8186))
    talk.say(">", BODY_END_EMPTY).say("<", HEADERS_200 + END_1)
    events = read(pcap(talk.packets[6:]))
    assert kinds(events) == [
        "< END_RESPONSE",
        "> FORWARD_REQUEST",
        "> BODY",
        "< GET_BODY_CHUNK",
        "> BODY_END",
        "< SEND_HEADERS",
        "< END_RESPONSE",
    ]
    assert findings(events) == []
    assert remarks(events)[0] == "seen from its middle on"
    assert remarks(events)[1].endswith("octets passed over until the next packet of the container")


def test_the_ends_of_a_connection_are_told_once() -> None:
    talk = exchange().end("<").end(">")
    talk.packets += talk.packets[-2:]
    ended = [
        (event.side.value, event.how, event.note)
        for event in read(pcap(talk.packets))
        if isinstance(event, Ended)
    ]
    assert ended == [("container", "closed", ""), ("web server", "closed", "")]


@pytest.mark.parametrize(
    ("octets", "note"), [(b"", "in the middle of a cycle"), (HEADERS_200[:9], "in the middle of a packet")]
)
def test_an_end_in_the_middle_says_so(octets: bytes, note: str) -> None:
    talk = Talk().open().say(">", REQUEST).say("<", octets).end("<", RST | ACK)
    ended = [event for event in read(pcap(talk.packets)) if isinstance(event, Ended)]
    assert [(event.how, event.note) for event in ended] == [("reset", note)]


def test_the_same_ports_may_serve_a_second_connection() -> None:
    first = exchange().end(">").end("<")
    second = exchange(Talk(numbers={">": 77_000, "<": 99_000}))
    events = read(pcap(first.packets + second.packets))
    assert kinds(events) == EXCHANGE_KINDS * 2
    assert [event.connection for event in events if isinstance(event, Opened)] == [1, 2]


def test_connections_side_by_side_are_kept_apart() -> None:
    talks = [exchange(Talk(source=("10.0.0.1", 40000 + number))) for number in range(5)]
    mixed = [packet for packets in zip(*(talk.packets for talk in talks), strict=True) for packet in packets]
    events = read(pcap(mixed))
    assert len(kinds(events)) == 5 * len(EXCHANGE_KINDS)
    assert findings(events) == []


# Which connections are AJP13.


def http_talk(port: int = 80) -> Talk:
    talk = Talk(target=("10.0.0.9", port)).open()
    return talk.say(">", b"GET /AB HTTP/1.1\r\n\r\n").say("<", b"HTTP/1.1 200 OK\r\n\r\nAB\x00\x05\x01")


def test_other_connections_are_counted_and_not_shown() -> None:
    events = read(pcap(http_talk().packets + exchange().packets))
    assert kinds(events) == EXCHANGE_KINDS
    assert remarks(events) == ["other TCP connections, not shown: 1"]


@pytest.mark.parametrize("beginning", [0, 3])
def test_a_connection_without_any_packet_is_given_up_after_a_while(beginning: int) -> None:
    talk = Talk().open().say(">", b"x12" * 100_000)
    events = read(pcap(talk.packets[beginning:]))
    assert (kinds(events), remarks(events)) == ([], ["other TCP connections, not shown: 1"])


def test_with_a_port_its_connections_are_ajp13_whatever_they_say() -> None:
    events = read(pcap(http_talk(8009).packets + exchange(Talk(target=("10.0.0.3", 81))).packets), port=8009)
    assert findings(events) == [("AJP-FRM-04", "web server", 0), ("AJP-FRM-04", "container", 0)]
    assert remarks(events)[-1] == "other TCP connections, not shown: 1"


def test_with_a_port_the_container_is_known_also_when_it_is_seen_first() -> None:
    events = read(pcap(exchange().packets[5:]), port=8009)
    opened = next(event for event in events if isinstance(event, Opened))
    assert opened.container == f"{CONTAINER[0]}:{CONTAINER[1]}"


def test_with_the_port_on_both_ends_the_one_that_listens_is_the_container() -> None:
    events = read(pcap(exchange(Talk(source=("10.0.0.1", 8009))).packets), port=8009)
    assert kinds(events) == EXCHANGE_KINDS


def test_a_segment_from_an_end_to_itself_is_ignored() -> None:
    talk = exchange(Talk(source=CONTAINER))
    assert kinds(read(pcap(talk.packets))) == []


@pytest.mark.parametrize("packet", [CPONG, END_1, HEADERS_200, get_body_chunk(8186), chunk(b"x")])
def test_looking_for_a_packet_stands_any_cut_at_the_end_of_what_was_captured(packet: bytes) -> None:
    for size in range(len(packet)):
        talk = Talk().open().lose("<", b"?").say("<", b"noise" + packet[:size])
        assert findings(read(pcap(talk.packets), port=8009)) == []


# Bounds.


def feed(tracker: Tracker, packets: list[bytes]) -> list[Event]:
    events: list[Event] = []
    for packet in packets:
        segment = segment_of(RAW, packet)
        assert segment is not None
        events += tracker.feed(segment, 0)
    return events


def test_the_connection_that_was_silent_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "CONNECTIONS_MAX", 3)
    tracker = Tracker(Settings())
    events: list[Event] = []
    for number in range(6):
        events += feed(tracker, Talk(source=("10.0.0.1", 50000 + number)).open().say(">", CPING).packets)
    assert kinds(events) == ["> CPING"] * 6
    forgotten = [event for event in events if isinstance(event, Remark) and "forgotten" in event.text]
    assert [event.connection for event in forgotten] == [1, 2, 3]


def test_octets_that_wait_are_bounded_over_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "HELD_SIZE_MAX", 20_000)
    tracker = Tracker(Settings())
    most = 0
    for number in range(50):
        talk = (
            Talk(source=("10.0.0.1", 50000 + number))
            .open()
            .say(">", CPING)
            .lose(">", b"?")
            .say(">", bytes(5000))
        )
        feed(tracker, talk.packets)
        most = max(most, sum(len(connection) for connection in tracker._connections.values()))
    assert most <= 20_000
    assert len(tracker._connections) < 6


def test_endless_input_is_read_in_constant_space() -> None:
    reader = Reader(Settings())
    reader_events = sum(1 for _ in reader.feed(pcap([])))
    talk = Talk().open()
    for round_number in range(3000):
        talk.say(">", REQUEST).say("<", HEADERS_200 + BIG + END_1)
        reader_events += sum(1 for _ in reader.feed(pcap(talk.packets)[24:]))
        talk.packets.clear()
        if round_number % 500 == 0:
            tracker = reader._source._ajp  # type: ignore[union-attr]
            assert len(tracker._connections) == 1
            assert tracker._held == sum(len(item) for item in tracker._connections.values()) < 100_000
    assert reader_events == 1 + 3000 * len(EXCHANGE_KINDS)


@pytest.mark.parametrize("flags", [FIN | ACK, RST, ACK])
def test_a_stray_segment_without_data_makes_no_connection(flags: int) -> None:
    assert feed(Tracker(Settings()), [Talk().packet(">", flags)]) == []
