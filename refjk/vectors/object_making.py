"""Values that Python has too, made from their notation alone."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable
from decimal import Decimal

from refjk.base.errors import InputError
from refjk.objectstream import (
    BigInteger,
    Byte,
    ByteArray,
    Character,
    Float,
    JavaArray,
    JavaList,
    JavaMap,
    JavaSet,
    Long,
    PrimitiveArray,
    Reset,
    Short,
    blocks_of,
)
from refjk.objectstream.layouts import LAYOUTS, TREES
from refjk.objectstream.stack import Task, run_tasks
from refjk.vectors.document import Node

_DEPTH_MAX = 10_000


class NotMade(Exception):
    """The contents hold a value of a class that Python has no value for."""


def _decimal(node: Node) -> Decimal:
    sign, digits, _ = Decimal(node["unscaled"].text()).as_tuple()
    return Decimal((sign, digits, -node["scale"].number()))


_NUMBERS: dict[str, Callable[[Node], object]] = {
    "java.lang.Boolean": lambda node: node["v"].flag(),
    "java.lang.Byte": lambda node: Byte(node["v"].number()),
    "java.lang.Double": lambda node: struct.unpack(">d", node["bits"].octets())[0],
    "java.lang.Float": lambda node: Float(struct.unpack(">f", node["bits"].octets())[0]),
    "java.lang.Integer": lambda node: node["v"].number(),
    "java.lang.Long": lambda node: Long(node["v"].number()),
    "java.lang.Short": lambda node: Short(node["v"].number()),
    "java.math.BigDecimal": _decimal,
    "java.math.BigInteger": lambda node: BigInteger(node["v"].text()),
}


def made_stream(contents: list[Node]) -> list[object]:
    made: list[object] = []
    for content in contents:
        if (block := content.get("block")) is not None:
            made += blocks_of(block.octets())
        elif content.get("reset") is not None:
            made.append(Reset.RESET)
        elif "object" in content.table():
            made.append(_made(Node(content.value["object"], f"{content.place}.object")))
        else:
            raise NotMade
    return made


def _made(node: Node) -> object:
    """What cannot be made was compared when it was read; the notation itself is not at fault."""
    try:
        return run_tasks(_Maker().value(node), _DEPTH_MAX, RecursionError)
    except (OverflowError, TypeError, ValueError):
        raise NotMade from None


class _Maker:
    """A value from its notation."""

    def __init__(self) -> None:
        self._known: dict[int, object] = {}

    def value(self, node: Node) -> Task:
        if node.value is None or isinstance(node.value, str):
            return node.value
        table = node.table()
        if "ref" in table:
            number = node["ref"].number()
            if number not in self._known:
                raise InputError(f"{node.place}.ref: no value with that id")
            return self._known[number]
        made = self._single(node, table.get("t"))
        if made is None:
            return (yield self._container(node, node["t"].text()))
        self._know(node, made)
        return made

    def _know(self, node: Node, made: object) -> None:
        if (number := node.get("id")) is not None:
            self._known[number.number()] = made

    def _single(self, node: Node, name: object) -> object:
        """A value that holds no others; None for those that do."""
        if name in _NUMBERS:
            return _NUMBERS[str(name)](node)
        if name == "java.lang.Character":
            return Character(chr(node["code"].number()))
        if name == "java.util.Date":
            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
            return epoch + datetime.timedelta(milliseconds=node["ms"].number())
        if name == "[B":
            return ByteArray(node["hex"].octets())
        if isinstance(name, str) and name[:1] == "[" and name[1:] in tuple("CDFIJSZ"):
            return PrimitiveArray.of(name[1:], [_item(item) for item in node["v"].items()])
        return None

    def _container(self, node: Node, name: str) -> Task:
        made: JavaList | JavaMap | JavaSet | JavaArray
        if name[:1] == "[":
            made = JavaArray((), name)
        elif name in LAYOUTS:
            made = LAYOUTS[name].view((), name)
        else:
            raise NotMade
        self._know(node, made)
        if isinstance(made, JavaMap):
            for pair in node["entries"].items():
                key, value = pair.items()
                made_key = yield self.value(key)
                made[made_key] = yield self.value(value)
            return _in_natural_order(made, len(node["entries"].items()))
        for item in node["v"].items():
            made_item = yield self.value(item)
            made.add(made_item) if isinstance(made, JavaSet) else made.append(made_item)
        return _in_natural_order(made, len(node["v"].items()))


def _in_natural_order(made: JavaList | JavaMap | JavaSet | JavaArray, count: int) -> object:
    """The same; a tree in another order has a comparator, of which the notation says nothing."""
    if len(made) != count:
        raise NotMade  # keys that are one in Python
    try:
        if made.class_name in TREES and list(made) != sorted(made):
            raise NotMade
    except TypeError:
        raise NotMade from None
    return made


def _item(node: Node) -> int | float:
    if isinstance(node.value, dict):
        bits = node["bits"].octets()
        number: float = struct.unpack(">f" if len(bits) == 4 else ">d", bits)[0]
        return number
    return int(node.flag() if isinstance(node.value, bool) else node.number())
