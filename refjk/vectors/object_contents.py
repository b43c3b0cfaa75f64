"""The contents of an object stream against the notation of what they should be."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from refjk.base.errors import InputError
from refjk.objectstream import (
    BigInteger,
    Block,
    ByteArray,
    ClassObject,
    EnumConstant,
    JavaObject,
    JavaString,
    ObjectArray,
    PrimitiveArray,
    ProxyDescription,
    Reset,
    Stream,
    WriteAborted,
    value_of,
)
from refjk.objectstream.layouts import LAYOUTS
from refjk.objectstream.stack import Task, run_tasks
from refjk.vectors.document import Node, shorten
from refjk.vectors.java_text import collection_items, text_of
from refjk.vectors.result import Unlike

_DEPTH_MAX = 10_000

_WRITTEN_AS: tuple[tuple[str, str], ...] = (
    # The class of the value begins so; it is written as
    ("java.util.ImmutableCollections$", "java.util.CollSer"),
    ("java.util.RegularEnumSet", "java.util.EnumSet$SerializationProxy"),
    ("java.util.JumboEnumSet", "java.util.EnumSet$SerializationProxy"),
    ("java.net.Inet4Address", "java.net.InetAddress"),
    ("java.util.Collections$UnmodifiableRandomAccessList", "java.util.Collections$UnmodifiableList"),
    ("java.util.Collections$SynchronizedRandomAccessList", "java.util.Collections$SynchronizedList"),
    ("java.time.chrono.", "java.time.chrono.Ser"),
    ("java.time.zone.", "java.time.zone.Ser"),
    ("java.time.", "java.time.Ser"),
)


def compare_contents(contents: list[Node], stream: Stream, fieldless: frozenset[str]) -> None:
    found = list(_joined(stream.contents))
    same("contents", len(contents), len(found))
    for content, item in zip(contents, found, strict=True):
        comparison = _Comparison(fieldless)
        first = found[0] if found else None
        run_tasks(comparison.content(content, item, first), _DEPTH_MAX, RecursionError)


def _joined(contents: Iterable[object]) -> Iterator[object]:
    """The contents with blocks that follow one another as one."""
    for is_block, group in groupby(contents, lambda item: isinstance(item, Block)):
        if is_block:
            yield Block(b"".join(item.octets for item in group if isinstance(item, Block)))
        else:
            yield from group


class _Comparison:
    """One content against its notation; within it `id` and `ref` tie objects."""

    def __init__(self, fieldless: frozenset[str]) -> None:
        self._fieldless = fieldless
        self._known: dict[int, object] = {}

    def content(self, node: Node, item: object, first: object) -> Task:
        if (block := node.get("block")) is not None:
            octets = item.octets if isinstance(item, Block) else None
            same(block.place, block.octets(), octets)
        elif node.get("reset") is not None:
            same(node.place, Reset.RESET, item)
        elif (thrown := node.get("exception")) is not None:
            exception = item.exception if isinstance(item, WriteAborted) else None
            same(thrown.place, thrown.text(), _class_name(exception))
            if isinstance(exception, JavaObject) and "detail" in node.table():
                same(f"{node.place}.detail", node.value["detail"], exception["detailMessage"])
        elif "object" in node.table():
            value = Node(node.value["object"], f"{node.place}.object")
            if value.value == {"ref_to_first_object": True}:
                _require(value.place, "the first object again", item is first, item)
            else:
                yield self.value(value, item)
        else:
            raise InputError(f"{node.place}: expected block, reset, exception or object")

    def value(self, node: Node, record: object) -> Task:
        if node.value is None or isinstance(node.value, str | bool | int):
            same(node.place, node.value, record)
            return
        table = node.table()
        if "ref" in table:
            _require(node.place, "the same object again", record is self._known.get(table["ref"]), record)
            return
        if "id" in table:
            self._known[node["id"].number()] = record
        if "t" not in table:
            _same_float(node, record)
            return
        for key, compare in _COMPARERS.items():
            if key in table:
                yield compare(self, node, node["t"].text(), record)
                return
        raise InputError(f"{node.place}: no known notation of a value")

    def number(self, node: Node, name: str, record: object) -> Task:
        """`v`: a boxed value, or the items of an array or a collection."""
        if isinstance(node.value["v"], list):
            yield self.items(node, name, record)
            return
        self._class(node, name, record)
        record = _as_object(node, record)
        value = value_of(record)
        if isinstance(value, float):
            _same_float(node, value)
        elif name == "java.math.BigDecimal":
            same(f"{node.place}.unscaled", int(node["unscaled"].text()), value_of(record["intVal"]))
            same(f"{node.place}.scale", node["scale"].number(), record["scale"])
        elif isinstance(value, BigInteger):
            same(f"{node.place}.v", int(node["v"].text()), value)
        else:
            same(f"{node.place}.v", node.value["v"], value)

    def items(self, node: Node, name: str, record: object) -> Task:
        self._class(node, name, record)
        nodes = node["v"].items()
        if isinstance(record, PrimitiveArray):
            same(f"{node.place}.v", len(nodes), len(record))
            for item, value in zip(nodes, record, strict=True):
                if isinstance(value, float):
                    _same_float(item, value)
                else:
                    same(item.place, item.value, bool(value) if record.code == "Z" else value)
            return
        found = record.items if isinstance(record, ObjectArray) else _items(node, record)
        if found is None:
            return
        same(f"{node.place}.v", len(nodes), len(found))
        for item, value in zip(nodes, found, strict=True):
            yield self.value(item, value)

    def entries(self, node: Node, name: str, record: object) -> Task:
        self._class(node, name, record)
        found = _items(node, record)
        if found is None:
            return
        nodes = [side for pair in node["entries"].items() for side in pair.items()]
        same(f"{node.place}.entries", len(nodes), len(found))
        for side, value in zip(nodes, found, strict=True):
            yield self.value(side, value)

    def code(self, node: Node, name: str, record: object) -> Task:
        self._class(node, name, record)
        value = value_of(record)
        same(f"{node.place}.code", node["code"].number(), ord(value) if isinstance(value, str) else value)
        return
        yield

    def octets(self, node: Node, name: str, record: object) -> Task:
        self._class(node, name, record)
        same_octets(
            f"{node.place}.hex", node["hex"].octets(), record if isinstance(record, ByteArray) else b""
        )
        return
        yield

    def moment(self, node: Node, name: str, record: object) -> Task:
        self._class(node, name, record)
        same(f"{node.place}.ms", node["ms"].number(), _milliseconds(node, record))
        if (zone := node.get("zone")) is not None:
            record = _as_object(node, record)
            same(zone.place, zone.text(), _zone_id(record["zone"]))
        return
        yield

    def zone(self, node: Node, name: str, record: object) -> Task:
        self._class(node, name, record)
        same(f"{node.place}.zone", node["zone"].text(), _zone_id(record))
        return
        yield

    def constant(self, node: Node, name: str, record: object) -> Task:
        same(f"{node.place}.t", name, _class_name(record))
        same(f"{node.place}.enum", node["enum"].text(), text_of(record))
        return
        yield

    def class_object(self, node: Node, name: str, record: object) -> Task:
        same(f"{node.place}.t", name, "java.lang.Class")
        found = record.description.name if isinstance(record, ClassObject) else None
        same(f"{node.place}.name", node["name"].text(), found)
        return
        yield

    def text(self, node: Node, name: str, record: object) -> Task:
        if name != "java.io.ObjectStreamClass":
            self._class(node, name, record)
        text = text_of(record)
        if text is not None:
            same(f"{node.place}.s", node["s"].text(), text)
        return
        yield

    def proxy(self, node: Node, name: str, record: object) -> Task:
        description = record.description if isinstance(record, JavaObject) else None
        interfaces = description.interfaces if isinstance(description, ProxyDescription) else ()
        same(f"{node.place}.interfaces", [item.text() for item in node["interfaces"].items()], [*interfaces])
        record = _as_object(node, record)
        yield self.value(node["handler"], record["h"])

    def fields(self, node: Node, name: str, record: object) -> Task:
        if "$written_as" in node["fields"].table():
            yield self.value(node["fields"]["$written_as"], record)
            return
        self._class(node, name, record)
        record = _as_object(node, record)
        left = set(record.fields)
        for key, child in _entries(node["fields"]):
            if key.startswith("$"):
                yield self.own_data(child, key.partition(" ")[2], record)
            elif name not in self._fieldless:
                _require(child.place, "a field", key in record, "none")
                left.discard(key)
                yield self.field(child, record[key])
        same(f"{node.place}.fields, others", [], sorted(left))

    def field(self, node: Node, value: object) -> Task:
        if isinstance(value, float):
            _same_float(node, value)
        elif isinstance(value, str) and not isinstance(value, JavaString):
            same(node.place, node.value, ord(value))
        else:
            yield self.value(node, value)

    def own_data(self, node: Node, class_name: str, record: JavaObject) -> Task:
        parts = [part for part in record.data if part.description.has_own_data]
        part = record.part(class_name) if class_name else (parts[0] if len(parts) == 1 else None)
        found = list(_joined(part.annotation)) if part is not None else []
        contents = node.items()
        same(node.place, len(contents), len(found))
        for content, item in zip(contents, found, strict=True):
            yield self.content(content, item, None)

    def _class(self, node: Node, name: str, record: object) -> None:
        written_as = next((written for start, written in _WRITTEN_AS if name.startswith(start)), name)
        same(f"{node.place}.t", written_as, _class_name(record))


_COMPARERS: dict[str, Callable[[_Comparison, Node, str, object], Task]] = {
    "interfaces": _Comparison.proxy,
    "fields": _Comparison.fields,
    "v": _Comparison.number,
    "entries": _Comparison.entries,
    "code": _Comparison.code,
    "hex": _Comparison.octets,
    "ms": _Comparison.moment,
    "zone": _Comparison.zone,
    "enum": _Comparison.constant,
    "name": _Comparison.class_object,
    "s": _Comparison.text,
}


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    for key, value in node.table().items():
        yield key, Node(value, f"{node.place}.{key}")


def _class_name(record: object) -> str | None:
    if isinstance(record, JavaObject | EnumConstant):
        return record.class_name
    if isinstance(record, ObjectArray):
        return record.description.name
    if isinstance(record, ByteArray | PrimitiveArray):
        return "[B" if isinstance(record, ByteArray) else f"[{record.code}"
    return None if record is None else type(record).__name__


def _items(node: Node, given: object) -> list[object] | None:
    """The records of a collection, as they stand in the stream; None for a class that we do not know."""
    record = _as_object(node, given)
    layout = LAYOUTS.get(record.class_name)
    if layout is None:
        return collection_items(record)
    found = layout.items(record)
    if found is None:
        raise Unlike(node.place, "a collection", "one of another form")
    return found


def _zone_id(record: object) -> object:
    return record["ID"] if isinstance(record, JavaObject) else None


def _milliseconds(node: Node, given: object) -> object:
    record = _as_object(node, given)
    if "time" in record:  # a Calendar
        return record["time"]
    part = record.part("java.util.Date")
    block = part.annotation[0] if part is not None and part.annotation else None
    if not isinstance(block, Block) or len(block.octets) != 8:
        return None
    number: int = struct.unpack(">q", block.octets)[0]
    return number + (record["nanos"] // 1_000_000 if "nanos" in record else 0)  # type: ignore[operator]


def _as_object(node: Node, record: object) -> JavaObject:
    if not isinstance(record, JavaObject):
        raise Unlike(node.place, "an object with fields", shorten(record))
    return record


def same(where: str, expected: object, actual: object) -> None:
    if expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        raise Unlike(where, shorten(expected), shorten(actual))


def same_octets(where: str, expected: bytes, actual: bytes | bytearray) -> None:
    if expected == actual:
        return
    at = next((at for at, pair in enumerate(zip(expected, actual, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(expected), len(actual)) if at is None else at
    raise Unlike(f"{where}, octet {at}", expected[at : at + 16].hex(), bytes(actual[at : at + 16]).hex())


def _same_float(node: Node, value: object) -> None:
    bits = node["bits"].octets()
    packed = struct.pack(">f" if len(bits) == 4 else ">d", value) if isinstance(value, float) else b""
    same(f"{node.place}.bits", bits.hex(), packed.hex())


def _require(where: str, expected: str, holds: bool, actual: object) -> None:
    if not holds:
        raise Unlike(where, expected, shorten(actual))
