"""Messages in both layouts, there and back, and whatever else comes is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import Malformed
from refjk.farm import (
    PART_SIZE,
    FileMessage,
    Layout,
    Member,
    UndeployMessage,
    encode_file_message,
    read_message,
    write_message,
)
from refjk.objectstream import JavaObject, ObjectArray, array_description, write_object
from refjk.speccheck import covers
from tests.farm.support import A, content, mutations, part

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"


def recorded(version: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"farm-message-{version}.json").read_text())[
        "vectors"
    ]
    return found


@covers("FAR-MSG-01", "FAR-MSG-02", "FAR-MSG-03", "FAR-UND-01")
@pytest.mark.parametrize(("version", "layout"), [("555", Layout.V555), ("5536", Layout.V5510)])
def test_recorded_messages_are_read_and_written_again(version: str, layout: Layout) -> None:
    for vector in recorded(version):
        octets = bytes.fromhex(vector["hex"])
        assert write_message(read_message(octets), layout) == octets


@covers("FAR-MSG-03")
def test_either_layout_gives_the_same_message_but_for_what_it_lacks() -> None:
    message = part(content(20_000), 2)
    undeploy = UndeployMessage.of("/shop", undeploy=True, sender=A, now_ms=5)
    for sent in (message, undeploy):
        assert read_message(write_message(sent, Layout.V555)) == sent
        assert read_message(write_message(sent, Layout.V5510)) == sent
    named = UndeployMessage("/x", sender=Member("n", "h", 1, domain="blue"))
    found = [read_message(write_message(named, layout)) for layout in Layout]
    assert [m.sender and m.sender.domain for m in found] == [None, "blue"]


@covers("FAR-UND-02", "FAR-MSG-05")
def test_ids_are_those_of_the_original() -> None:
    assert UndeployMessage.of("/shop", undeploy=False, sender=A, now_ms=17).unique_id == "Undeploy:/shop:17"
    assert part(b"x", 1, at_ms=17).unique_id == "/watch/shop.war#-#1#-#17"


@covers("FAR-MSG-04")
def test_an_object_that_is_in_neither_layout_is_refused() -> None:
    record = encode_file_message(part(b"x", 1), Layout.V555)
    wrong: list[object] = ["text", None, record["address"], [1]]
    odd: list[tuple[str, object]] = [("data", "text"), ("contextPath", b"x"), ("address", record)]
    for field, value in odd:
        made = encode_file_message(part(b"x", 1), Layout.V555)
        made[field] = value
        wrong.append(made)
    other = encode_file_message(part(b"x", 1), Layout.V555)
    other["data"] = ObjectArray(array_description("[Ljava.lang.Object;"), [])
    wrong.append(other)
    for value in wrong:
        octets = write_object(value)
        with pytest.raises(Malformed):
            read_message(octets)


@covers("FAR-MSG-04")
@pytest.mark.parametrize("layout", Layout)
def test_a_mutated_message_is_read_or_malformed_and_nothing_else(layout: Layout) -> None:
    messages: list[FileMessage | UndeployMessage] = [
        part(content(300), 1),
        UndeployMessage.of("/shop", undeploy=True, sender=A, now_ms=5),
        FileMessage(None, None),
    ]
    refused = 0
    for seed, message in enumerate(messages):
        for octets in mutations(write_message(message, layout), 700, seed):
            try:
                read_message(octets)
            except Malformed:
                refused += 1
    assert refused > 1000


@covers("FAR-MSG-07")
def test_a_message_of_more_than_64_kib_is_refused_unread() -> None:
    largest = FileMessage("a.war", "/a", 1, 1, 1, bytes(PART_SIZE), 1, A)
    assert isinstance(read_message(write_message(largest, Layout.V5510)), FileMessage)
    with pytest.raises(Malformed):
        read_message(write_message(FileMessage("a.war", "/a", data=bytes(64 * 1024)), Layout.V555))
    with pytest.raises(Malformed):
        read_message(write_message(FileMessage("a" * 9000, "/a"), Layout.V555))


def test_the_same_class_name_with_another_number_is_refused() -> None:
    octets = write_message(UndeployMessage("/x"), Layout.V555)
    number = (719884544328367936).to_bytes(8, "big")
    with pytest.raises(Malformed):
        read_message(octets.replace(number, number[:-1] + b"\x01"))
    assert isinstance(encode_file_message(part(b"", 1), Layout.V555), JavaObject)
