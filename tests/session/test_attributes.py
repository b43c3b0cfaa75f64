"""What may be an attribute."""

from __future__ import annotations

import array
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import BigInteger, ByteArray, JavaList, JavaMap, JavaObject, Long
from refjk.session import (
    AttributeCodec,
    AttributeCodecs,
    DeltaRequest,
    NotAnAttribute,
    decode_delta_request,
    encode_delta_request,
)
from refjk.speccheck import covers
from tests.session.support import CART, CART_CODEC, Cart, Cluster, set_to


class Plain:
    """Nobody knows this class."""


class Number(IntEnum):
    ONE = 1


GOOD: list[Any] = [
    "text",
    "",
    True,
    0,
    -(1 << 63),
    (1 << 63) - 1,
    1.5,
    float("nan"),
    b"\x00\xff",
    bytearray(b"x"),
    datetime(2005, 1, 1, tzinfo=UTC),
    Decimal("1.50"),
    [1, None, "x", [2, {"k": [3, 4]}]],
    (1, 2),
    {"a": 1, 2: "b"},
    {1, 2},
    frozenset({"x"}),
    BigInteger(1 << 100),
    Long(3),
    ByteArray(b"1"),
    JavaList([1], "java.util.LinkedList"),
    JavaObject.of(CART, owner="anna", items=None),
]

BAD: list[tuple[Any, str]] = [
    (Plain(), "Plain"),
    (1 << 63, "more than 64 bits"),
    ([1, {"k": [Plain()]}], r"\[1\]\['k'\]\[0\] in it is a .*Plain"),
    ({Plain(): 1}, "a key of the map"),
    (OrderedDict(a=1), "OrderedDict"),
    (Number.ONE, "Number"),
    (datetime(2005, 1, 1), "without time zone"),
    (datetime(2005, 1, 1, 0, 0, 0, 1, tzinfo=UTC), "milliseconds"),
    (Decimal("NaN"), "BigDecimal"),
    (array.array("I", [1]), "array"),
    (lambda: None, "function"),
    (1j, "complex"),
    (JavaMap({"a": 1, 2: "b"}, "java.util.TreeMap"), "compared"),
    (JavaList([1], "no.such.List"), "no.such.List"),
    (JavaObject.of(CART, owner=Plain(), items=None), "Plain"),
]


@covers("SES-ATT-01")
@pytest.mark.parametrize("value", GOOD, ids=lambda value: type(value).__name__)
def test_a_value_of_the_table_is_the_same_at_another_node(value: object) -> None:
    cluster = Cluster()

    session = cluster.request("a", None, set_to("x", value))
    cluster.settle()

    arrived = cluster.nodes["b"].names(session.id)["x"]
    if isinstance(value, JavaObject):
        assert isinstance(arrived, Cart) and arrived.owner == "anna"
    elif isinstance(value, tuple):
        assert arrived == list(value)
    elif value == value:
        assert arrived == value
    else:
        assert arrived != arrived
    assert cluster["a"].reports() == cluster["b"].reports() == []


@covers("SES-ATT-01", "SES-SES-02")
@pytest.mark.parametrize(("value", "said"), BAD, ids=lambda value: type(value).__name__)
def test_any_other_value_is_refused_with_name_and_type_and_nothing_changes(value: object, said: str) -> None:
    cluster = Cluster()
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    cluster["a"].begin(session.id, cluster.now_ms)

    with pytest.raises(NotAnAttribute, match=f"'x'.*{said}") as caught:
        session.set("x", value)

    assert caught.value.name == "x"
    assert session.get("x") == 1
    assert session.pending is not None and len(session.pending) == 0
    assert cluster.nodes["a"].log[-1] == "added x=1"


@covers("SES-ATT-02")
def test_a_name_is_text_of_at_most_65535_octets() -> None:
    session = Cluster()["a"].create(0)

    session.set("ü" * 32_767 + "x", 1)

    for name in ("ü" * 32_768, "\0" * 32_768, "n" * 65_536, 7):
        with pytest.raises(NotAnAttribute):
            session.set(name, 1)  # type: ignore[arg-type]
    assert len(session.names()) == 1


@covers("SES-ATT-03")
def test_an_object_under_two_names_is_one_object_there_too() -> None:
    cluster = Cluster()
    shared = ["x"]

    def act(session: Any) -> None:
        session.set("one", shared)
        session.set("two", {"in": shared})
        session.set("other", ["x"])

    session = cluster.request("a", None, act)
    cluster.settle()

    there: Any = cluster.nodes["b"].names(session.id)
    assert there["one"] is there["two"]["in"]
    assert there["one"] is not there["other"]


@covers("SES-ATT-04")
def test_an_object_with_a_codec_arrives_wherever_it_stands() -> None:
    codecs = AttributeCodecs([CART_CODEC])
    cart = Cart("anna", [Cart("inner"), 5])
    request = DeltaRequest("S")
    for name, value in {"direct": cart, "deep": [{"k": (cart, {"s": {1}})}], "set": {"plain"}}.items():
        codecs.check(name, value)
        request.set_attribute(name, value)

    read: Any = {
        one.name: one.value for one in decode_delta_request(encode_delta_request(request, codecs), codecs)
    }

    assert isinstance(read["direct"], Cart) and read["direct"].owner == "anna"
    assert read["deep"][0]["k"][0] is read["direct"]
    assert read["set"] == {"plain"}


def test_a_cycle_through_a_container_is_written_and_read() -> None:
    loop: list[Any] = ["x"]
    loop.append(loop)
    loop.append(Cart("anna"))
    codecs = AttributeCodecs([CART_CODEC])
    codecs.check("loop", loop)
    request = DeltaRequest("S")
    request.set_attribute("loop", loop)

    read: Any = next(iter(decode_delta_request(encode_delta_request(request, codecs), codecs))).value

    assert read[1] is read and isinstance(read[2], Cart)


@covers("SES-ATT-05")
def test_what_a_codec_raises_refuses_the_octets() -> None:
    request = DeltaRequest("S")
    request.set_attribute("cart", [Cart("anna")])
    octets = encode_delta_request(request, AttributeCodecs([CART_CODEC]))

    def broken(record: JavaObject) -> object:
        raise ZeroDivisionError("no")

    codecs = AttributeCodecs([AttributeCodec(Cart, "shop.Cart", CART_CODEC.encode, broken)])
    with pytest.raises(Malformed, match=r"SES-ATT-05.*ZeroDivisionError"):
        decode_delta_request(octets, codecs)


def test_an_object_inside_one_with_a_codec_is_looked_at_too() -> None:
    codecs = AttributeCodecs([CART_CODEC])

    with pytest.raises(NotAnAttribute, match=r"items.*Plain"):
        codecs.check("cart", Cart("anna", [Plain()]))


def test_a_codec_is_registered_once_and_only_where_one_is_needed() -> None:
    codecs = AttributeCodecs([CART_CODEC])

    for codec in (CART_CODEC, AttributeCodec(list, "x.List", lambda v: v, lambda r: r)):
        with pytest.raises(LocalProtocolError):
            codecs.register(codec)


def test_a_codec_that_gives_another_class_is_found_when_the_attribute_is_set() -> None:
    wrong = AttributeCodec(Cart, "shop.Other", CART_CODEC.encode, CART_CODEC.decode)

    with pytest.raises(NotAnAttribute, match=r"shop.Other"):
        AttributeCodecs([wrong]).check("cart", Cart("anna"))


def test_a_codec_that_raises_is_found_when_the_attribute_is_set() -> None:
    def broken(cart: Cart) -> JavaObject:
        raise ValueError("empty cart")

    wrong = AttributeCodec(Cart, "shop.Cart", broken, CART_CODEC.decode)

    with pytest.raises(NotAnAttribute, match="empty cart"):
        AttributeCodecs([wrong]).check("cart", [Cart("anna")])


@covers("SES-ATT-06")
def test_a_change_inside_a_value_is_not_sent() -> None:
    cluster = Cluster()
    items: list[int] = []
    session = cluster.request("a", None, set_to("items", items))
    cluster.settle()

    cluster.request("a", session.id, lambda session: items.append(1))

    assert cluster.settle() == []
    assert cluster.nodes["b"].names(session.id)["items"] == []


@covers("SES-ATT-07")
def test_the_mutation_watch_names_what_was_changed_without_being_set() -> None:
    cluster = Cluster(watch_mutations=True)
    items: list[int] = []
    other: list[int] = []

    def first(session: Any) -> None:
        session.set("items", items)
        session.set("other", other)
        session.set("same", [1])

    session = cluster.request("a", None, first)
    assert cluster["a"].reports() == []

    def second(session: Any) -> None:
        items.append(1)
        other.append(2)
        session.set("other", other)

    cluster.request("a", session.id, second)

    (report,) = cluster["a"].reports()
    assert (report.kind, report.attribute, report.session_id) == ("mutated", "items", session.id)


@covers("SES-ATT-07")
def test_a_delta_of_another_node_is_no_change_that_the_watch_reports() -> None:
    cluster = Cluster(watch_mutations=True)
    session = cluster.request("a", None, set_to("x", 1))
    cluster.settle()
    cluster["a"].begin(session.id, cluster.now_ms)

    cluster.request("b", session.id, set_to("x", 2))
    cluster.settle()
    cluster["a"].request_completed(session.id, cluster.now_ms)

    assert cluster["a"].reports() == []
    assert session.get("x") == 2


def test_the_watch_is_off_unless_it_is_asked_for() -> None:
    cluster = Cluster()
    items: list[int] = []
    session = cluster.request("a", None, set_to("items", items))

    cluster.request("a", session.id, lambda session: items.append(1))

    assert cluster["a"].reports() == []
