"""A stream as lines: one for each record, deeper ones below what they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from refjk.objectstream import (
    Block,
    ByteArray,
    Character,
    ClassDescription,
    ClassObject,
    EnumConstant,
    JavaMap,
    JavaObject,
    JavaString,
    ObjectArray,
    PrimitiveArray,
    ProxyDescription,
    Reset,
    Stream,
    WriteAborted,
    record_of,
    value_of,
)

SHOWN_MAX = 200  # characters of text, or digits of a number
ITEMS_MAX = 20  # of an array of primitive values
OCTETS_MAX = 64

_PRIMITIVE_NAMES = {
    "C": "char",
    "D": "double",
    "F": "float",
    "I": "int",
    "J": "long",
    "S": "short",
    "Z": "boolean",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One record.

    `number`: by which later lines name an object, an array or a constant; `again`: this is such a later
    line. `label`: the field, index or key under which it stands.
    """

    depth: int
    label: str
    kind: str
    text: str
    number: int | None = None
    again: bool = False

    def __str__(self) -> str:
        number = "" if self.number is None else f" #{self.number}"
        words = f"same as{number}" if self.again else f"{self.text}{number}"
        return "  " * self.depth + (f"{self.label}: " if self.label else "") + words

    def as_json(self) -> dict[str, object]:
        return {
            "depth": self.depth,
            "label": self.label,
            "kind": self.kind,
            "text": self.text,
            "number": self.number,
            "again": self.again,
        }


_Child = tuple[str, object]


def lines_of(stream: Stream) -> Iterator[Line]:
    """The lines of all contents. What occurs again is named and not shown again."""
    numbers: dict[int, int] = {}
    waiting: list[tuple[int, str, object]] = [(0, "", content) for content in reversed(stream.contents)]
    while waiting:
        depth, label, record = waiting.pop()
        kind, text, children = _describe(record)
        number = None
        if isinstance(record, JavaObject | ObjectArray | ByteArray | PrimitiveArray) and kind != "value":
            number = numbers.get(id(record))
            if number is not None:
                yield Line(depth, label, kind, text, number, again=True)
                continue
            number = numbers[id(record)] = len(numbers) + 1
        yield Line(depth, label, kind, text, number)
        waiting += [(depth + 1, name, child) for name, child in reversed(children)]


def _describe(record: object) -> tuple[str, str, list[_Child]]:
    """The kind of a record, itself in words, and what belongs to it."""
    if isinstance(record, JavaObject):
        return _describe_object(record)
    if isinstance(record, ObjectArray):
        children = [(str(index), item) for index, item in enumerate(record.items)]
        return "array", f"{printable(record.description.name)}, {_amount(record.items)}", children
    if isinstance(record, WriteAborted):
        torn: list[_Child] = [("torn", Block(record.torn))] if record.torn else []
        return "failure", "the writer failed", [*torn, ("exception", record.exception)]
    return (*_describe_single(record), [])


def _describe_single(record: object) -> tuple[str, str]:
    if isinstance(record, ByteArray):
        return "array", f"byte[{len(record)}] {_octets(record)}".rstrip()
    if isinstance(record, PrimitiveArray):
        shown = [scalar_text(item) for item in record[:ITEMS_MAX]] + ["…"] * (len(record) > ITEMS_MAX)
        return "array", f"{_PRIMITIVE_NAMES[record.code]}[{len(record)}] {', '.join(shown)}".rstrip()
    if isinstance(record, Block):
        return "block", f"data, {_amount(record.octets, 'octet')}: {_octets(record.octets)}"
    if isinstance(record, EnumConstant):
        return "constant", printable(f"{record.class_name}.{record.name}")
    if isinstance(record, ClassObject):
        return "class", f"class {printable(record.description.name)}"
    if isinstance(record, ClassDescription | ProxyDescription):
        return "descriptor", f"descriptor of {printable(record.name)}"
    if record is Reset.RESET:
        return "reset", "reset"
    return ("string" if isinstance(record, JavaString) else "value"), scalar_text(record)


def _describe_object(record: JavaObject) -> tuple[str, str, list[_Child]]:
    value: Any = value_of(record)
    name = printable(record.class_name)
    if value is record:
        flags = f"serialVersionUID {record.serial_version_uid}, flags {record.flags:02x}"
        return "object", f"{name} ({flags})", list(_parts(record))
    if isinstance(value, bool | int | float | str | Decimal | datetime):
        return "value", f"{scalar_text(value)} ({name.rpartition('.')[2]})", []
    children = list(_pairs(value)) if isinstance(value, JavaMap) else [("", item) for item in value]
    size = f"{name}, {_amount(value, 'entry' if isinstance(value, JavaMap) else 'item')}"
    return "collection", size, [(label, record_of(item)) for label, item in children]


def _parts(record: JavaObject) -> Iterator[_Child]:
    """Fields under their names, own data under that of their class."""
    for part in record.data:
        for field, value in zip(part.description.fields, part.values or (), strict=False):
            yield printable(field.name), value
        for content in part.annotation:
            yield f"data of {printable(part.description.name)}", content


def _pairs(value: JavaMap) -> Iterator[_Child]:
    """Values under their keys; a key that needs lines of its own stands before its value."""
    for key, item in value.items():
        _, text, children = _describe(record_of(key))
        if children:
            yield "key", key
            yield "value", item
        else:
            yield text, item


def scalar_text(value: object) -> str:
    """A value on one line, cut when it is long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Character) or (isinstance(value, str) and not isinstance(value, JavaString)):
        return f"'{printable(value)}'"
    if isinstance(value, str):
        rest = f"… ({len(value)} characters)" if len(value) > SHOWN_MAX else ""
        return f'"{printable(value[:SHOWN_MAX])}"{rest}'
    if isinstance(value, int) and value.bit_length() > 3 * SHOWN_MAX:
        return f"a number of {value.bit_length()} bits"
    return str(value)


def printable(text: str) -> str:
    """Text from a stream, with nothing in it that a terminal would obey."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def _octets(octets: bytes | bytearray) -> str:
    return octets[:OCTETS_MAX].hex() + ("…" if len(octets) > OCTETS_MAX else "")


def _amount(items: Any, what: str = "item") -> str:
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{len(items)} {what if len(items) == 1 else plural}"
