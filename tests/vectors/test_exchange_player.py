"""The player of exchanges fails where anything is not as it was."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refjk.ajp13.container import ContainerConnection
from refjk.ajp13.events import BodyEnded, ContainerEvent, HeadersReceived, WebServerEvent
from refjk.ajp13.web_server import WebServerConnection
from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors import Played, play
from refjk.vectors.document import Node

Document = dict[str, Any]
Read = Callable[[str], Document]

NAMES = [
    "jk-post-8187",
    "jk-flush",
    "jk-pingA",
    "j7-methods",
    "px-tls-cert",
    "px-client-abort",
    "jk-secret-wrong",
]
MUTATIONS = 60
SEEDS = [1, 2]


def played(document: Document) -> Played:
    return play(Node(document))


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if children is None:
        yield path
    else:
        for key, child in children:
            yield from leaves(child, (*path, key))


def changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return "x" if value is None else f"{value}x"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_any_changed_octet_fails(recorded: Read, name: str, seed: int) -> None:
    print(f"seed {seed}")
    document = recorded(f"ajp13/{name}")
    chance = random.Random(seed)
    packets = [number for number, frame in enumerate(document["frames"]) if "hex" in frame]
    for _ in range(MUTATIONS):
        number = chance.choice(packets)
        octets = bytearray.fromhex(document["frames"][number]["hex"])
        at = chance.randrange(len(octets))
        octets[at] ^= 1 << chance.randrange(8)
        mutant = copy.deepcopy(document)
        mutant["frames"][number]["hex"] = octets.hex()

        assert played(mutant).failed == 1, f"seed {seed}: frame {number}, octet {at}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_any_changed_field_fails(recorded: Read, name: str, seed: int) -> None:
    print(f"seed {seed}")
    document = recorded(f"ajp13/{name}")
    chance = random.Random(seed)
    paths = list(leaves(document["decoded"]))
    for _ in range(MUTATIONS):
        path = chance.choice(paths)
        mutant = copy.deepcopy(document)
        parent = mutant["decoded"]
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = changed(parent[path[-1]])

        assert played(mutant).failed == 1, f"seed {seed}: decoded{list(path)}"


def test_the_first_difference_shows_the_place_and_both_sides(recorded: Read) -> None:
    document = recorded("ajp13/jk-get-basic")
    document["decoded"][1]["status"] = 201

    [difference] = played(document).differences

    assert (difference.where, difference.expected, difference.actual) == ("decoded[1].status", "201", "200")


def without(document: Document, number: int) -> Document:
    del document["frames"][number], document["decoded"][number]
    return document


def swapped(document: Document, one: int, other: int) -> Document:
    for entries in (document["frames"], document["decoded"]):
        entries[one], entries[other] = entries[other], entries[one]
    return document


@covers("AJP-RSP-01", "AJP-RSP-20", "AJP-RSP-21", "AJP-BOD-04", "AJP-BOD-17", "AJP-PNG-07", "AJP-CON-06")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("jk-get-basic", lambda document: without(document, 1)),  # chunk without headers
        ("jk-head", lambda document: without(document, 1)),  # end without headers
        ("jk-get-basic", lambda document: swapped(document, 1, 2)),  # chunk before headers
        ("jk-post-small", lambda document: without(document, 1)),  # the answer taken for the first packet
        ("jk-post-small", lambda document: without(document, 2)),  # a body packet that nobody asked for
        ("jk-post-8187", lambda document: swapped(document, 2, 3)),  # answered before it was asked
        ("jk-keepalive", lambda document: without(document, 3)),  # a request before the end of the last
        ("jk-pingA", lambda document: without(document, 0)),  # CPONG without CPING
    ],
)
def test_packets_in_an_order_that_is_no_protocol_fail(
    recorded: Read, name: str, change: Callable[[Document], Document]
) -> None:
    assert played(recorded(f"ajp13/{name}")).failed == 0
    assert played(change(recorded(f"ajp13/{name}"))).failed == 1


def test_a_body_that_the_client_did_not_get_fails(recorded: Read) -> None:
    document = recorded("ajp13/jk-big-nolen")
    document["http"][0]["response"]["body_sha256"] = "0" * 64

    [difference] = played(document).differences

    assert difference.where == "http[0].response"


def test_a_request_that_only_the_recorded_container_refused_fails(recorded: Read) -> None:
    document = recorded("ajp13/jk-secret-wrong")
    del document["setup"]["container"]["secret"]

    [difference] = played(document).differences

    assert (difference.expected, difference.actual) == ("a request that is refused", "one that was admitted")


def test_a_request_that_only_refjk_refuses_fails(recorded: Read) -> None:
    document = recorded("ajp13/jk-secret")
    document["setup"]["container"]["secret"] = "another"

    [difference] = played(document).differences

    assert "AJP-SEC-02" in difference.actual


def test_a_container_end_that_forgets_an_event_fails(recorded: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    receive = ContainerConnection.receive

    def forgetful(self: ContainerConnection, data: bytes) -> list[ContainerEvent]:
        return [event for event in receive(self, data) if not isinstance(event, BodyEnded)]

    monkeypatch.setattr(ContainerConnection, "receive", forgetful)

    assert played(recorded("ajp13/jk-post-small")).failed == 1


def test_a_web_server_end_that_forgets_an_event_fails(
    recorded: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = WebServerConnection.receive

    def forgetful(self: WebServerConnection, data: bytes) -> list[WebServerEvent]:
        return [event for event in receive(self, data) if not isinstance(event, HeadersReceived)]

    monkeypatch.setattr(WebServerConnection, "receive", forgetful)

    assert played(recorded("ajp13/jk-get-basic")).failed == 1


@covers("AJP-FRM-05")
def test_an_end_for_which_segmentation_has_a_meaning_fails(
    recorded: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = WebServerConnection.receive

    def one_packet_only(self: WebServerConnection, data: bytes) -> list[WebServerEvent]:
        return receive(self, data[: 4 + int.from_bytes(data[2:4], "big")])

    monkeypatch.setattr(WebServerConnection, "receive", one_packet_only)

    [difference] = played(recorded("ajp13/jk-get-basic")).differences

    assert difference.where.endswith(("octet by octet", "with the next packet glued on"))


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("frames", 1), 7, "frames[1]: expected an object"),
        (("frames", 1, "hex"), "zz", "frames[1].hex: expected octets in hex"),
        (("frames", 1, "dir"), "up", "frames[1].dir: expected to_container or to_server"),
        (("frames", 1, "conn"), "1", "frames[1].conn: expected an integer"),
        (("decoded",), [], "decoded: expected as many entries as frames"),
        (("decoded", 1), None, "decoded[1]: expected an object"),
        (("setup", "container", "packetSize"), 100, "setup.container.packetSize: expected 8192 to 65536"),
        (("setup", "container"), {"allowedRequestAttributesPattern": "("}, "no regular expression"),
        (("http", 0, "response"), None, "http[0].response is missing"),
    ],
)
def test_a_document_that_breaks_its_schema_is_refused_with_the_place(
    recorded: Read, path: tuple[str | int, ...], value: object, place: str
) -> None:
    document = recorded("ajp13/jk-get-basic")
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value

    with pytest.raises(InputError) as refused:
        played(document)

    assert place in str(refused.value)
