"""Frames of Tomcat 5.5, read strictly and as the original reads them."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import pytest

from refjk.base.errors import Malformed
from refjk.channel import (
    ChannelLimits,
    Compress,
    Envelope,
    Frame,
    FrameLayout,
    OriginalCutter,
    StrictCutter,
    Tomcat55Channel,
    encode_frame,
    unzip_data,
    zip_payload,
)
from refjk.speccheck import covers
from refjk.vectors import play, read_document

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"
PLAIN, FLAGGED = FrameLayout.PLAIN, FrameLayout.FLAGGED
LIMITS = ChannelLimits()

DIALECTS = [
    Tomcat55Channel(),
    Tomcat55Channel(FLAGGED),
    Tomcat55Channel(FLAGGED, compress=True),
]


def frame_of(payload: bytes, dialect: Tomcat55Channel = DIALECTS[0]) -> bytes:
    return dialect.encode_frame(dialect.wrap(payload, answered=True, now_ms=0))


def read(octets: bytes, limits: ChannelLimits = LIMITS, **how: bool) -> tuple[list[bytes], str | None]:
    """The payloads, and the clause for which nothing more is read."""
    reader = Tomcat55Channel(**how).frame_reader(limits)  # type: ignore[arg-type]
    payloads = [envelope.payload for envelope in reader.receive(octets)]
    return payloads, reader.failure.clause if reader.failure else None


@covers(
    "CHN-FRM-01",
    "CHN-FRM-02",
    "CHN-FRM-03",
    "CHN-FRM-07",
    "CHN-FRM-09",
    "CHN-FRM-10",
    "CHN-FRM-12",
    "CHN-FRM-15",
)
@pytest.mark.parametrize(("name", "number"), [("xbytebuffer-555", 49), ("xbytebuffer-flagged", 33)])
def test_recorded_frames_and_buffers_come_out_the_same(name: str, number: int) -> None:
    played = play(read_document((VECTORS / f"{name}.json").read_text("utf-8")))
    assert (played.passed, played.differences) == (number, ())


@covers("CHN-FRM-01", "CHN-FRM-02")
def test_both_layouts_octet_by_octet() -> None:
    assert encode_frame(Frame(b"abc"), PLAIN) == b"FLT2002\0\0\0\x03abcTLF2003"
    assert encode_frame(Frame(b"abc", 2), FLAGGED) == b"FLT2002\0\0\0\x02\0\0\0\x03abcTLF2003"


@covers("CHN-FRM-15")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_frames_come_out_however_they_are_cut(dialect: Tomcat55Channel) -> None:
    payloads = [b"", b"one", b"FLT2002", b"TLF2003" * 100, bytes(70_000)]
    octets = b"".join(frame_of(payload, dialect) for payload in payloads)
    for size in (1, 7, 1000, len(octets)):
        reader = dialect.frame_reader(LIMITS)
        got: list[Envelope] = []
        for start in range(0, len(octets), size):
            got += reader.receive(octets[start : start + size])
        assert [envelope.payload for envelope in got] == payloads
        assert (reader.buffered, reader.failure) == (0, None)


@covers("CHN-FRM-03")
def test_members_are_joined_and_what_follows_them_is_ignored() -> None:
    assert unzip_data(gzip.compress(b"one") + gzip.compress(b"two") + b"tail", 100) == b"onetwo"
    assert gzip.decompress(zip_payload(b"payload" * 1000)) == b"payload" * 1000
    assert zip_payload(b"same") == zip_payload(b"same")


@covers("CHN-FRM-04")
@pytest.mark.parametrize("octets", [b"x", b"FLT2003", b"xFLT2002"])
def test_anything_but_a_start_is_refused_at_its_first_octet(octets: bytes) -> None:
    assert read(octets) == ([], "CHN-FRM-04")
    assert read(frame_of(b"one") + octets + frame_of(b"two")) == ([b"one"], "CHN-FRM-04")
    assert read(octets[:0]) == ([], None)


@covers("CHN-FRM-05")
def test_a_size_is_bounded_before_the_data_come() -> None:
    limits = ChannelLimits(data_size=100)
    assert read(b"FLT2002" + (100).to_bytes(4, "big"), limits) == ([], None)
    assert read(b"FLT2002" + (101).to_bytes(4, "big"), limits) == ([], "CHN-FRM-05")
    assert read(b"FLT2002\xff\xff\xff\xff") == ([], "CHN-FRM-05")


@covers("CHN-FRM-06")
def test_a_wrong_end_is_refused_at_its_first_octet() -> None:
    assert read(frame_of(b"one")[:-1]) == ([], None)
    assert read(frame_of(b"one")[:-7] + b"TLF2002") == ([], "CHN-FRM-06")
    assert read(frame_of(b"one")[:-7] + b"x") == ([], "CHN-FRM-06")


@covers("CHN-FRM-07")
@pytest.mark.parametrize(
    "data", [b"", b"no gzip", gzip.compress(b"x")[:-1], gzip.compress(b"x")[:-1] + b"\xff", b"\x1f\x8b\x08"]
)
def test_data_that_cannot_be_unzipped_end_the_connection(data: bytes) -> None:
    octets = encode_frame(Frame(data), PLAIN)
    assert read(frame_of(b"one") + octets + frame_of(b"two")) == ([b"one"], "CHN-FRM-07")


@covers("CHN-FRM-08")
def test_no_more_is_unzipped_than_the_bound() -> None:
    limits = ChannelLimits(payload_size=1000)
    assert read(frame_of(bytes(1000)), limits) == ([bytes(1000)], None)
    assert read(frame_of(bytes(1001)), limits) == ([], "CHN-FRM-08")
    assert read(encode_frame(Frame(zlib.compress(bytes(10**7), wbits=31)), PLAIN), limits)[1] == "CHN-FRM-08"
    reader = Tomcat55Channel(FLAGGED).frame_reader(limits)
    assert reader.receive(encode_frame(Frame(bytes(1001), 2), FLAGGED)) == []
    assert reader.failure is not None
    assert reader.failure.clause == "CHN-FRM-08"


@covers("CHN-FRM-08")
def test_there_may_be_a_thousand_members_and_no_more() -> None:
    member = zip_payload(b"")
    assert unzip_data(member * 1000, 0) == b""
    with pytest.raises(Malformed, match="CHN-FRM-08"):
        unzip_data(member * 1001, 0)


@covers("CHN-FRM-09", "CHN-FRM-10")
def test_the_original_way_forgets_long_garbage_and_is_blocked_by_short() -> None:
    assert read(b"garbage!" * 5 + b"", resynchronise=True) == ([], None)
    reader = Tomcat55Channel(resynchronise=True).frame_reader(LIMITS)
    assert reader.receive(b"eight...") == []
    assert [one.payload for one in reader.receive(frame_of(b"one"))] == [b"one"]
    assert reader.receive(b"seven..") == []
    assert reader.receive(frame_of(b"two")) == []
    assert reader.receive(frame_of(b"three")) == []
    assert reader.failure is None


@covers("CHN-FRM-11")
def test_a_connection_that_is_blocked_ends_when_its_octets_reach_the_bound() -> None:
    reader = Tomcat55Channel(resynchronise=True).frame_reader(ChannelLimits(data_size=1000))
    reader.receive(b"seven..")
    reader.receive(b"FLT2002" + bytes(1000))
    assert reader.failure is None
    reader.receive(b"12345")
    assert reader.failure is not None
    assert reader.failure.clause == "CHN-FRM-11"


@covers("CHN-FRM-12")
@pytest.mark.parametrize("size", [-30, 0x7FFFFFFF])
def test_the_original_way_ends_a_connection_whose_size_points_outside(size: int) -> None:
    octets = b"FLT2002" + size.to_bytes(4, "big", signed=True) + b"abcdTLF2003"
    assert read(octets, resynchronise=True) == ([], "CHN-FRM-12")


@covers("CHN-FRM-13", "CHN-FRM-14")
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("flag", list(Compress))
def test_flag_and_setting_together_decide_on_zipping(compress: bool, flag: Compress) -> None:
    dialect = Tomcat55Channel(FLAGGED, compress=compress)
    data = dialect.encode_frame(Envelope(b"payload", flag))[15:-7]
    zipped = flag is Compress.ALLOWED or (compress and flag is not Compress.FORBIDDEN)
    assert (data != b"payload") is zipped
    if zipped:
        assert gzip.decompress(data) == b"payload"
    reader = dialect.frame_reader(LIMITS)
    if compress and not zipped:
        assert reader.receive(encode_frame(Frame(data, flag), FLAGGED)) == []
        assert reader.failure is not None  # such a reader unzips everything
    else:
        assert reader.receive(encode_frame(Frame(data, flag), FLAGGED)) == [Envelope(b"payload", flag)]


@pytest.mark.parametrize("layout", list(FrameLayout))
@pytest.mark.parametrize("resynchronise", [False, True])
def test_any_octets_are_read_or_refused_within_bounds(layout: FrameLayout, resynchronise: bool) -> None:
    chance = random.Random(2002)
    dialect = Tomcat55Channel(layout, resynchronise=resynchronise)
    limits = ChannelLimits(data_size=2000, payload_size=5000)
    got = failed = 0
    for _ in range(1500):
        octets = bytearray(
            b"".join(frame_of(chance.randbytes(chance.randrange(60)), dialect) for _ in range(3))
        )
        for _ in range(chance.randrange(3)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        if chance.random() < 0.3:
            del octets[: chance.randrange(12)]
        reader = dialect.frame_reader(limits)
        while octets:
            got += len(reader.receive(bytes(octets[:40])))
            del octets[:40]
            assert reader.buffered <= limits.data_size + 100
        failed += reader.failure is not None
    assert got > 1000
    assert failed > 0


def test_a_cutter_that_was_cleared_begins_anew() -> None:
    cutter = OriginalCutter(PLAIN, 1000)
    cutter.append(frame_of(b"one")[:20])
    cutter.clear()
    assert cutter.append(frame_of(b"two"))
    assert cutter.count() == 1
    assert StrictCutter(PLAIN, 10).take() is None
