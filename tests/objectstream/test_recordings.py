"""Every recorded stream is read and gives its octets back."""

from __future__ import annotations

import pytest

from refjk.base.errors import Malformed
from refjk.objectstream import (
    Block,
    ClassDescription,
    JavaObject,
    ProxyDescription,
    Reset,
    WriteAborted,
    read_object,
    read_stream,
    value_of,
    write_object,
    write_stream,
)
from refjk.speccheck import covers
from refjk.vectors import play, read_document
from tests.objectstream.support import FIELDLESS, FIELDLESS_ID, VECTORS, fieldless_of, recordings

COUNTS = {
    "arrays": 24,
    "blockdata": 14,
    "class-descriptors": 152,
    "collections": 61,
    "misc-classes": 49,
    "objects": 37,
    "scalars": 33,
    "streams": 17,
    "strings": 15,
}


@covers(
    "OBS-HDR-05",
    "OBS-STR-01",
    "OBS-CLS-02",
    "OBS-CLS-08",
    "OBS-OBJ-01",
    "OBS-OBJ-03",
    "OBS-OBJ-04",
    "OBS-ARR-01",
    "OBS-HND-01",
    "OBS-VAL-01",
    "OBS-VAL-06",
    "OBS-EXC-01",
)
@pytest.mark.parametrize(("file", "count"), list(COUNTS.items()))
def test_every_recording_holds_what_it_says(file: str, count: int) -> None:
    played = play(read_document((VECTORS / f"{file}.json").read_text("utf-8")))
    assert (played.passed, played.failed, played.differences) == (count, 0, ())


@covers("OBS-WRT-01")
@pytest.mark.parametrize("recording", list(recordings()))
def test_every_recording_is_written_with_its_octets(recording: str) -> None:
    octets = recordings()[recording]
    stream = read_stream(octets, fieldless=fieldless_of(recording))
    assert write_stream(stream) == octets
    for content in stream.contents:
        value_of(content)
    assert write_stream(stream) == octets


@covers("OBS-WRT-01")
def test_the_value_of_a_recorded_object_is_written_with_its_octets() -> None:
    written = 0
    for recording, octets in recordings().items():
        try:
            value = read_object(octets, fieldless=fieldless_of(recording))
        except Malformed:
            continue  # several contents, or none that is an object
        if octets[4:5] != b"\x79":  # resets are passed over
            assert write_object(value) == octets, recording
            written += 1
    assert written > 200


@covers("OBS-HDR-03", "OBS-SEC-02")
@pytest.mark.parametrize("recording", [name for name, octets in recordings().items() if len(octets) < 400])
def test_a_recording_cut_anywhere_is_refused_or_ends_between_contents(recording: str) -> None:
    octets = recordings()[recording]
    fieldless = fieldless_of(recording)
    for size in range(len(octets)):
        try:
            stream = read_stream(octets[:size], fieldless=fieldless)
        except Malformed as complaint:
            assert complaint.offset <= size
        else:
            assert write_stream(stream) == octets[:size]


@covers("OBS-OBJ-07")
def test_a_class_that_writes_no_fields_must_be_known_as_such() -> None:
    octets = recordings()[FIELDLESS_ID]
    with pytest.raises(Malformed):
        read_stream(octets)
    (read,) = read_stream(octets, fieldless=FIELDLESS).contents
    assert isinstance(read, JavaObject)
    assert read.fields == {}
    assert read.data[0].annotation == [Block(b"\0\4only")]


@covers("OBS-OBJ-06")
def test_external_data_without_blocks_are_taken_as_empty() -> None:
    first, second = read_stream(recordings()["jr-11"]).contents
    assert isinstance(first, JavaObject) and isinstance(second, JavaObject)
    assert (first.flags, [part.annotation for part in first.data]) == (0x04, [[]])
    assert second["text"] == "t"


@covers("OBS-OBJ-08")
def test_a_proxy_has_interfaces_and_the_data_of_its_superclass() -> None:
    (proxy,) = read_stream(recordings()["jo-34"]).contents
    assert isinstance(proxy, JavaObject) and isinstance(proxy.description, ProxyDescription)
    assert proxy.description.interfaces == ("java.lang.Comparable", "java.lang.Runnable")
    assert proxy.class_name == "proxy of java.lang.Comparable, java.lang.Runnable"
    assert (proxy.flags, proxy.serial_version_uid) == (2, 0)
    assert isinstance(proxy["h"], JavaObject)
    assert repr(proxy.description) == "<proxy of java.lang.Comparable, java.lang.Runnable>"


@covers("OBS-EXC-01")
def test_a_torn_object_and_its_exception_are_one_content() -> None:
    octets = recordings()["jr-9"]
    before, aborted, again, holder = read_stream(octets).contents
    assert (before, again) == ("before", "before")
    assert isinstance(aborted, WriteAborted) and isinstance(aborted.exception, JavaObject)
    assert aborted.torn == octets[13:131]
    assert aborted.exception.class_name == "java.io.NotSerializableException"
    assert aborted.exception["detailMessage"] == "refjk.sample.Opaque"
    assert isinstance(holder, JavaObject)
    assert holder["v"] == "ok"


@covers("OBS-HND-06")
def test_after_a_reset_everything_is_read_and_written_in_full() -> None:
    octets = recordings()["jr-3"]
    first, reset, second = read_stream(octets).contents
    assert reset is Reset.RESET
    assert first == second
    assert first is not second
    assert write_stream([first, reset, first]) == octets


@covers("OBS-CLS-02")
def test_a_class_keeps_all_that_its_descriptor_says() -> None:
    (point,) = read_stream(recordings()["jr-12"]).contents
    assert isinstance(point, JavaObject) and isinstance(point.description, ClassDescription)
    description = point.description
    assert (description.name, description.serial_version_uid) == ("refjk.sample.Point3", -2273791958049005821)
    assert description.flags == 2
    assert [(field.code, field.name) for field in description.fields] == [("I", "z")]
    assert description.annotation == ["loc:Point3", Block(b"\0\0\0\1")]
    assert description.superclass is not None
    assert repr(description.superclass) == "<class refjk.sample.Point>"
    assert point.fields == {"x": 1, "y": 2, "z": 3}
