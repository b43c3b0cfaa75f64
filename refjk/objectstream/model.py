"""What a stream holds: records, as they stand there, with nothing lost.

A record that occurs once in the stream is one Python object, and what refers to it refers to that object.
Records compare by identity, but for those that are a Python value anyway (text, octets, numbers).
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Union

from refjk.base.errors import LocalProtocolError
from refjk.objectstream.codes import PRIMITIVES
from refjk.objectstream.descriptions import ClassDescription, Description, Field, ProxyDescription


class JavaString(str):
    """A string object. `long_form`: written with a size of eight octets although two would do."""

    __slots__ = ("long_form",)
    long_form: bool

    def __new__(cls, text: str = "", long_form: bool = False) -> JavaString:
        self = super().__new__(cls, text)
        self.long_form = long_form
        return self


class OddNaN(float):
    """A NaN that is not the usual one; `octets` are its bits."""

    __slots__ = ("octets",)
    octets: bytes

    def __new__(cls, octets: bytes) -> OddNaN:
        self = super().__new__(cls, "nan")
        self.octets = octets
        return self


@dataclass(eq=False, slots=True)
class ClassData:
    """What one class of the chain has in an object.

    `values` follow `description.fields`; None: this class writes no fields although its descriptor lists
    some, or is externalizable. `annotation`: the class's own data, or its external data.
    """

    description: ClassDescription
    values: list[FieldValue] | None = None
    annotation: list[Content] = field(default_factory=list)


@dataclass(eq=False, slots=True, repr=False)
class JavaObject:
    """An object of a class that is described in the stream and never looked for anywhere else.

    `obj["name"]` reads and writes a field, that of the lowest class if several have the name. What is read
    is a record, which `value_of` turns into a Python value; written can be both.
    """

    description: Description
    data: list[ClassData] = field(default_factory=list)
    view: object = field(default=None, init=False)
    """The Python value that stands for this object, once somebody asked for it."""

    @classmethod
    def of(cls, description: Description, /, **values: FieldValue) -> JavaObject:
        """An object with these fields; those without a value are zero, false or null.

        Raises `LocalProtocolError` for a field that no class of the chain has.
        """
        made = cls(description)
        for part in description.parts:
            made.data.append(ClassData(part, list(part.shape.defaults)))
        for name, value in values.items():
            try:
                made[name] = value
            except KeyError:
                raise LocalProtocolError(f"{description.name} has no field {name}") from None
        return made

    @property
    def class_name(self) -> str:
        return self.description.name

    @property
    def serial_version_uid(self) -> int:
        return self.description.serial_version_uid

    @property
    def flags(self) -> int:
        return self.description.flags

    @property
    def fields(self) -> dict[str, FieldValue]:
        """All fields by name, a copy; a lower class hides the equal name of a higher one."""
        return {f.name: value for f, value in self._fields()}

    def part(self, class_name: str) -> ClassData | None:
        """The data of one class of the chain."""
        for part in self.data:
            if part.description.name == class_name:
                return part
        return None

    def _fields(self) -> Iterator[tuple[Field, FieldValue]]:
        for part in self.data:
            if part.values is not None:
                yield from zip(part.description.fields, part.values, strict=True)

    def _find(self, name: str) -> tuple[list[FieldValue], int]:
        for part in reversed(self.data):
            index = part.description.positions.get(name)
            if index is not None and part.values is not None:
                return part.values, index
        raise KeyError(name)

    def __getitem__(self, name: str) -> FieldValue:
        values, index = self._find(name)
        return values[index]

    def __setitem__(self, name: str, value: FieldValue) -> None:
        values, index = self._find(name)
        values[index] = value

    def __contains__(self, name: str) -> bool:
        return any(f.name == name for f, _ in self._fields())

    def __repr__(self) -> str:
        return f"<{self.class_name} object>"


@dataclass(eq=False, slots=True, repr=False)
class ObjectArray:
    """An array whose items are objects or arrays."""

    description: ClassDescription
    items: list[object]
    view: object = field(default=None, init=False)

    def __repr__(self) -> str:
        return f"<{self.description.name} of {len(self.items)}>"


class ByteArray(bytearray):
    """A `byte[]`. `description` None: the usual one."""

    description: ClassDescription | None = None


class PrimitiveArray(array.array):  # type: ignore[type-arg]
    """An array of another primitive type, in the machine's octet order; `code` is the type's letter.

    Characters are UTF-16 units, and booleans 0 and 1.
    """

    description: ClassDescription | None = None
    code: str

    @classmethod
    def of(cls, code: str, items: Iterable[int | float]) -> PrimitiveArray:
        """An array of the type with the letter `code`: C D F I J S Z. Raises `OverflowError`, `TypeError`."""
        made = cls(PRIMITIVES[code].typecode, items)
        made.code = code
        return made


@dataclass(eq=False, slots=True)
class EnumConstant:
    """A constant of an enumeration; equal to another of the same class and name."""

    description: Description
    name: str

    @property
    def class_name(self) -> str:
        return self.description.name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnumConstant):
            return NotImplemented
        return (self.class_name, self.name) == (other.class_name, other.name)

    def __hash__(self) -> int:
        return hash((self.class_name, self.name))


@dataclass(eq=False, slots=True)
class ClassObject:
    """A `java.lang.Class`: nothing but the descriptor of the class that is meant."""

    description: Description


@dataclass(frozen=True, slots=True)
class Block:
    """A block of primitive data. `long_form`: with a size of four octets although one would do."""

    octets: bytes
    long_form: bool = False


class Reset(Enum):
    """All handles are forgotten."""

    RESET = "reset"


@dataclass(eq=False, slots=True)
class WriteAborted:
    """The writer failed here: what it had written of an object, and the exception that it met."""

    torn: bytes
    exception: object


Record = Union[  # noqa: UP007 - the names below are strings
    None,
    JavaString,
    JavaObject,
    ObjectArray,
    ByteArray,
    PrimitiveArray,
    EnumConstant,
    ClassObject,
    ClassDescription,
    ProxyDescription,
]
Content = object
"""A `Record`, a `Block`, or at the top level also `Reset.RESET` or a `WriteAborted`.

What is written may also hold values, which become records then.
"""
FieldValue = object
"""A primitive value (int, float, bool, text of one UTF-16 unit) or a `Record`; to be written also a value."""

RECORD_TYPES = (
    JavaString,
    JavaObject,
    ObjectArray,
    ByteArray,
    PrimitiveArray,
    EnumConstant,
    ClassObject,
    ClassDescription,
    ProxyDescription,
)


@dataclass(slots=True)
class Stream:
    """The contents of a whole stream, in order."""

    contents: list[Content] = field(default_factory=list)
