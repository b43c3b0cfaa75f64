"""The player of object streams repeats every recording, and can say no."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.vectors import play
from refjk.vectors.document import Node

Recorded = Callable[[str], dict[str, Any]]
FILES = ("arrays", "blockdata", "collections", "misc-classes", "objects", "scalars", "streams")
REPLACED = ("java.time.", "java.util.ImmutableCollections$", "refjk.sample.Original", "$proxy")


def play_one(vector: dict[str, Any]) -> list[str]:
    """What the player says against one vector."""
    played = play(Node({"schema": "refjk-vectors/1", "topic": "t", "source": "s", "vectors": [vector]}))
    assert played.passed + played.failed == 1
    return [str(difference) for difference in played.differences]


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a notation that says something, as container and key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        if isinstance(child, dict | list):
            yield from leaves(child)
        elif key not in ("id", "unshared", "ref", "ref_to_first_object", "reset"):
            yield value, key


def changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("1" if value[-1:] == "0" else "0") if value else "0"
    return "0"


def is_compared(vector: dict[str, Any], container: Any, key: Any) -> bool:
    """Not compared: the class of an object that writes another in its place, and comments on bits."""
    if not isinstance(container, dict):
        return True
    if key == "t":
        return not str(container["t"]).startswith(REPLACED)
    if key == "v":
        return "bits" not in container and "unscaled" not in container
    return key != "s" and not (vector["id"] == "jo-17" and key == "notWritten")


@pytest.mark.parametrize("file", FILES)
def test_every_change_of_what_is_said_is_seen(file: str, recorded: Recorded) -> None:
    unseen, tried = [], 0
    for vector in recorded(f"java-serialization/{file}")["vectors"]:
        if len(vector["hex"]) > 2000:
            continue
        for number in range(len(list(leaves(vector["contents"])))):
            copied = copy.deepcopy(vector)
            container, key = list(leaves(copied["contents"]))[number]
            if not is_compared(vector, container, key):
                continue
            container[key] = changed(container[key])
            tried += 1
            try:
                unseen += [] if play_one(copied) else [(vector["id"], key, container[key])]
            except InputError:
                pass
    assert unseen == []
    assert tried > 10


def test_a_changed_text_of_a_known_class_is_seen(recorded: Recorded) -> None:
    vectors = recorded("java-serialization/misc-classes")["vectors"]
    seen = []
    for vector in vectors:
        value = vector["contents"][0]["object"]
        if "s" in value:
            value["s"] += "x"
            seen += [vector["id"]] if play_one(vector) else []
    assert len(seen) > 25


def test_octets_that_are_no_stream_are_a_difference_with_clause_and_place() -> None:
    vector = {"id": "x", "contents": [{"object": "a"}], "hex": "aced00057400"}
    (said,) = play_one(vector)
    assert "x: hex, octet 5 (OBS-HDR-03)" in said


@pytest.mark.parametrize(
    ("contents", "place"),
    [
        ([], "contents"),
        ([{"block": "00"}], "block"),
        ([{"object": "b"}], "object"),
        ([{"object": {"t": "java.lang.Integer", "v": 1}}], "object.t"),
        ([{"object": {"ref_to_first_object": True}}, {"object": "a"}], "contents"),
    ],
)
def test_the_place_of_a_difference_is_named(contents: list[object], place: str) -> None:
    (said,) = play_one({"id": "x", "contents": contents, "hex": "aced000574000161"})
    assert place in said


@pytest.mark.parametrize(
    "vector",
    [
        {"id": "x", "contents": [{"what": 1}], "hex": "aced000570"},
        {"id": "x", "contents": [{"object": {"t": "A", "odd": 1}}], "hex": "aced000570"},
        {"id": "x", "contents": [{"object": None}], "hex": "0"},
        {"id": "x", "contents": 5, "hex": "aced0005"},
        {"id": "x", "other": 5},
    ],
)
def test_a_document_that_breaks_its_form_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        play_one(vector)


def test_a_changed_class_descriptor_is_seen(recorded: Recorded) -> None:
    document = recorded("java-serialization/class-descriptors")
    entry = next(vector for vector in document["vectors"] if vector["name"] == "java.util.HashMap")
    assert play_one(entry) == []
    for key, value in (("suid", 5), ("flags", "02"), ("fields", []), ("super", "java.util.Map")):
        assert play_one({**entry, key: value}), key


def test_the_folder_has_a_page_and_no_file_that_is_not_played(vectors: Path) -> None:
    folder = vectors / "java-serialization"
    page = (folder / "README.md").read_text("utf-8")
    for path in folder.iterdir():
        if path.name != "README.md":
            assert f"`{path.name}`" in page
