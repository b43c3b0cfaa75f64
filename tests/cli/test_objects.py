"""`refjk objects show`: streams as trees, whatever is in them."""

from __future__ import annotations

import argparse
import base64
import io
import json
from pathlib import Path

import pytest

from refjk.base.errors import InputError, Malformed, UsageError
from refjk.cli import objects
from refjk.objectstream import (
    BigInteger,
    Block,
    ByteArray,
    Character,
    ClassObject,
    EnumConstant,
    PrimitiveArray,
    Reset,
    enum_description,
    write_object,
    write_stream,
)
from tests.objectstream.support import FIELDLESS, FIELDLESS_ID, recordings


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    objects.add_arguments(parser)
    return objects.run(parser.parse_args(["show", *words]))


@pytest.fixture
def shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> object:
    def show(octets: bytes, *words: str) -> list[str]:
        path = tmp_path / "stream"
        path.write_bytes(octets)
        assert run(str(path), *words) == 0
        return capsys.readouterr().out.splitlines()

    return show


def test_an_object_is_a_tree_of_its_fields(shown: object) -> None:
    assert callable(shown)
    assert shown(recordings()["jo-37"]) == [
        "refjk.sample.Cart (serialVersionUID 1, flags 02) #1",
        "  count: 2",
        "  items: java.util.ArrayList, 2 items #2",
        '    "apple"',
        "    refjk.sample.Cart (serialVersionUID 1, flags 02) #3",
        "      count: 0",
        "      items: java.util.ArrayList, 0 items #4",
        '      owner: "b"',
        '  owner: "anna"',
    ]


def test_what_occurs_again_is_named_and_not_repeated(shown: object) -> None:
    assert callable(shown)
    circle: list[object] = [b"\1\2"]
    circle += [circle, circle[0]]
    assert shown(write_object(circle)) == [
        "java.util.ArrayList, 3 items #1",
        "  byte[2] 0102 #2",
        "  same as #1",
        "  same as #2",
    ]


def test_own_data_stand_under_their_class(shown: object) -> None:
    assert callable(shown)
    lines = shown(recordings()["jo-14"])
    assert lines[1:] == [
        "  a: 1",
        '  text: "t"',
        "  data of refjk.sample.Annotated: data, 4 octets: 00000002",
        '  data of refjk.sample.Annotated: "more"',
        "  data of refjk.sample.Annotated: data, 5 octets: 0003656e64",
    ]


def test_every_kind_of_content_has_a_line(shown: object) -> None:
    assert callable(shown)
    suit = enum_description("Suit")
    contents = [
        None,
        [True, 5, 1.5, Character("c"), BigInteger(1 << 5000)],
        {"k": [1], (1,): 2},
        (None,),
        PrimitiveArray.of("I", range(30)),
        PrimitiveArray.of("Z", []),
        ByteArray(bytes(100)),
        EnumConstant(suit, "CLUBS"),
        ClassObject(suit),
        suit,
        Block(b"\1"),
        Reset.RESET,
        "x" * 300,
    ]
    lines = shown(write_stream(contents))
    assert lines == [
        "null",
        "java.util.ArrayList, 5 items #1",
        "  true (Boolean)",
        "  5 (Integer)",
        "  1.5 (Double)",
        "  'c' (Character)",
        "  a number of 5001 bits (BigInteger)",
        "java.util.LinkedHashMap (serialVersionUID 3801124242820219131, flags 02) #2",
        "  loadFactor: 0.75",
        "  threshold: 12",
        "  data of java.util.HashMap: data, 8 octets: 0000001000000002",
        '  data of java.util.HashMap: "k"',
        "  data of java.util.HashMap: java.util.ArrayList, 1 item #3",
        "    1 (Integer)",
        "  data of java.util.HashMap: [Ljava.lang.Object;, 1 item #4",
        "    0: 1 (Integer)",
        "  data of java.util.HashMap: 2 (Integer)",
        "  accessOrder: false",
        "[Ljava.lang.Object;, 1 item #5",
        "  0: null",
        f"int[30] {', '.join(map(str, range(20)))}, … #6",
        "boolean[0] #7",
        f"byte[100] {'00' * 64}… #8",
        "Suit.CLUBS",
        "class Suit",
        "descriptor of Suit",
        "data, 1 octet: 01",
        "reset",
        f'"{"x" * 200}"… (300 characters)',
    ]


def test_entries_of_a_map_stand_under_their_keys(shown: object) -> None:
    assert callable(shown)
    assert shown(write_object({"k": None, 2: ["v"]})) == [
        "java.util.LinkedHashMap, 2 entries #1",
        '  "k": null',
        "  2 (Integer): java.util.ArrayList, 1 item #2",
        '    "v"',
    ]
    suit = EnumConstant(enum_description("Suit"), "CLUBS")
    assert shown(write_object({suit: 1}))[1:] == ["  Suit.CLUBS: 1 (Integer)"]


def test_a_failure_of_the_writer_is_shown_with_what_it_left(shown: object) -> None:
    assert callable(shown)
    lines = shown(recordings()["jr-10"])
    assert lines[0] == "the writer failed"
    assert lines[1].startswith("  torn: data, 85 octets: 7372")
    assert lines[2].startswith("  exception: java.io.NotSerializableException")
    assert lines[-1] == '"after"'


def test_nothing_that_a_terminal_would_obey_gets_through(shown: object) -> None:
    assert callable(shown)
    assert shown(write_object("\x1b[2J\n\u009b\ud834 é\u202e")) == ['"\\x1b[2J\\n\\x9b\\ud834 é\\u202e"']
    hostile = write_object(EnumConstant(enum_description("A\x1b[2J"), "B\r"))
    assert shown(hostile) == ["A\\x1b[2J.B\\r"]


@pytest.mark.parametrize("recording", list(recordings()))
def test_every_recording_can_be_shown(recording: str, shown: object) -> None:
    assert callable(shown)
    words = [f"--without-fields={FIELDLESS[0]}"] if recording == FIELDLESS_ID else []
    octets = recordings()[recording]
    lines = shown(octets, *words)
    assert len(lines) == len(shown(octets, "--json", *words))
    assert all(line.isprintable() for line in lines)


def test_json_has_one_object_for_each_line(shown: object) -> None:
    assert callable(shown)
    shared: list[object] = []
    octets = write_object({"a": shared, "b": shared})
    first, second, third = map(json.loads, shown(octets, "--json"))
    assert first == {
        "depth": 0,
        "label": "",
        "kind": "collection",
        "text": "java.util.LinkedHashMap, 2 entries",
        "number": 1,
        "again": False,
    }
    assert (second["label"], second["number"], second["again"]) == ('"a"', 2, False)
    assert (third["label"], third["number"], third["again"]) == ('"b"', 2, True)


@pytest.mark.parametrize("form", ["--hex", "--base64"])
def test_standard_input_may_be_text(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    octets = write_object(["a"] * 50)
    text = octets.hex(" ").encode() if form == "--hex" else base64.encodebytes(octets)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run("-", form) == 0
    assert capsys.readouterr().out.startswith('java.util.ArrayList, 50 items #1\n  "a"\n')


def test_octets_that_are_no_stream_are_refused_with_clause_and_offset(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(b"\xac\xed\x00\x05\x74\x00\x05ab")
    with pytest.raises(Malformed, match=r"OBS-STR-03 at octet 7"):
        run(str(path))
    path.write_bytes(write_object([[[]]]))
    with pytest.raises(Malformed, match="OBS-LIM-01"):
        run(str(path), "--depth=2")


def test_input_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    with pytest.raises(InputError, match="No such file"):
        run(str(path))
    path.write_bytes(b"zz")
    for form in ("--hex", "--base64"):
        with pytest.raises(InputError, match=form[2:]):
            run(str(path), form)
    with pytest.raises(UsageError):
        run(str(path), "--depth=0")
