"""Octets to records. Nothing is recursive, nothing is made before the octets for it are there."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from types import GeneratorType
from typing import NoReturn

from refjk.base.errors import Malformed
from refjk.objectstream.codes import (
    FIRST_HANDLE,
    OBJECT_TYPES,
    PRIMITIVES,
    ClassFlag,
    TypeCode,
)
from refjk.objectstream.cursor import I64, Cursor
from refjk.objectstream.descriptions import (
    DESCRIPTION_TYPES,
    ClassDescription,
    Description,
    Field,
    ProxyDescription,
    chain_of,
)
from refjk.objectstream.limits import Limits
from refjk.objectstream.model import (
    Block,
    ByteArray,
    ClassData,
    ClassObject,
    Content,
    EnumConstant,
    FieldValue,
    JavaObject,
    JavaString,
    ObjectArray,
    OddNaN,
    PrimitiveArray,
    Reset,
    Stream,
    WriteAborted,
)
from refjk.objectstream.stack import Task, run_tasks
from refjk.objectstream.text import decode_text

_SWAP = sys.byteorder == "little"
_END = object()  # in place of a content: TC_ENDBLOCKDATA
_REFERENCE = int(TypeCode.REFERENCE)
_EXTERNALIZABLE = int(ClassFlag.EXTERNALIZABLE)
_BOTH = int(ClassFlag.SERIALIZABLE | ClassFlag.EXTERNALIZABLE)
Starters = Mapping[int, Callable[["ObjectReader", int], object]]
"""By type code, what reads on behind it; it gets the offset of the code."""


class _Torn(Exception):
    """An exception record stands where a part of an object should; never leaves this module."""


class ObjectReader(Cursor):
    """The contents of a stream one by one.

        reader = ObjectReader(octets)
        for content in reader:
            ...

    `octets` is the whole stream with its header. `fieldless`: names of classes whose objects have no field
    data although their descriptor lists fields; a stream cannot tell (OBS-OBJ-07). Raises `Malformed`, with
    the offset in `octets`, and cannot go on then.
    """

    def __init__(
        self, octets: bytes, *, limits: Limits | None = None, fieldless: Collection[str] = ()
    ) -> None:
        super().__init__(octets, Limits() if limits is None else limits)
        self._fieldless = frozenset(fieldless)
        self._handles: list[object] = []
        self._in_exception = False
        self._read_header()

    def __iter__(self) -> Iterator[Content]:
        while not self.at_end:
            yield self.read_content()

    def read_content(self) -> Content:
        """The next content of the top level; past the last one the stream is malformed."""
        start = self._position
        if self._peek() == TypeCode.RESET:
            self._position += 1
            self._handles.clear()
            return Reset.RESET
        try:
            return self._complete(start)
        except _Torn:
            # OBS-EXC-01: what was written of the object stays, and handles start again twice.
            torn = self._octets[start : self._position]
        self._position += 1
        self._handles.clear()
        self._in_exception = True
        thrown = self._complete(self._position)
        self._in_exception = False
        self._handles.clear()
        if not isinstance(thrown, JavaObject):
            self._refuse("OBS-EXC-02", start + len(torn) + 1, "an exception object", type(thrown).__name__)
        return WriteAborted(torn, thrown)

    def _complete(self, start: int) -> Content:
        content = self._begin(_CONTENTS)
        if type(content) is GeneratorType:
            content = run_tasks(content, self._limits.depth, self._too_deep)
        if content is _END:
            self._refuse("OBS-BLK-05", start, "a content", "an end of block data that ends nothing")
        return content

    # -- one content ------------------------------------------------------------------------

    def _begin(self, starters: Starters) -> object:
        """What begins here, or the task that will give it.

        `starters`: `_RECORDS`, or `_CONTENTS` where block data may stand too and an end mark gives `_END`.
        """
        at = self._position
        code = self._peek()
        starter = starters.get(code)
        if starter is not None:
            self._position = at + 1
            return starter(self, at)
        if code == TypeCode.EXCEPTION and not self._in_exception:
            raise _Torn
        return self._refuse_code(at, code)

    def _refuse_code(self, at: int, code: int) -> NoReturn:
        clause = "OBS-HDR-04"
        if code in (TypeCode.BLOCKDATA, TypeCode.BLOCKDATALONG, TypeCode.ENDBLOCKDATA):
            clause = "OBS-BLK-06"
        elif code == TypeCode.RESET:
            clause = "OBS-HND-05"
        elif code == TypeCode.EXCEPTION:
            clause = "OBS-EXC-03"
        name = TypeCode(code).name if code in _CODES else "no type code"
        self._refuse(clause, at, "an object", f"{code:02x} ({name})")

    def _short_block(self, at: int) -> Block:
        return self._block(at + 1, self._take(1)[0], long_form=False)

    def _long_block(self, at: int) -> Block:
        size = self._i32()
        if size < 0:
            self._refuse("OBS-BLK-07", at + 1, "a size from 0", str(size))
        return self._block(at + 1, size, long_form=True)

    def _block(self, at: int, size: int, long_form: bool) -> Block:
        self._count(1, at)
        return Block(self._take(size, "OBS-BLK-07"), long_form)

    def _end(self, at: int) -> object:
        return _END

    def _annotation(self) -> Task:
        """Contents up to the end mark."""
        contents: list[Content] = []
        while True:
            content = self._begin(_CONTENTS)
            if type(content) is GeneratorType:
                content = yield content
            if content is _END:
                return contents
            contents.append(content)

    # -- records ----------------------------------------------------------------------------

    def _null(self, at: int) -> None:
        return None

    def _reference(self, at: int) -> object:
        number = self._i32() - FIRST_HANDLE
        if not 0 <= number < len(self._handles):
            self._refuse(
                "OBS-HND-03", at + 1, f"one of {len(self._handles)} handles so far", f"number {number}"
            )
        found = self._handles[number]
        if isinstance(found, DESCRIPTION_TYPES) and not found.complete:
            self._refuse("OBS-HND-04", at + 1, "a descriptor that is complete", f"number {number}")
        return found

    def _string(self, at: int) -> JavaString:
        number = self._reserve(at)
        size = self._u16()
        return self._text(number, at, size, long_form=False)

    def _long_string(self, at: int) -> JavaString:
        number = self._reserve(at)
        size = I64.unpack(self._take(8))[0]
        return self._text(number, at, size, long_form=True)

    def _text(self, number: int, at: int, size: int, long_form: bool) -> JavaString:
        if not 0 <= size <= self._limits.string_octets:
            self._refuse(
                "OBS-LIM-03", at + 1, f"a string of at most {self._limits.string_octets} octets", str(size)
            )
        start = self._position
        odd = long_form and size <= 0xFFFF
        text = JavaString(decode_text(self._take(size, "OBS-STR-03"), start), odd)
        self._handles[number] = text
        return text

    def _object(self, at: int) -> JavaObject | Task:
        """At once where nothing in the object can nest, as in the many boxed values of a message.

        Only behind a reference: at anything else there might be an object again, and so on without end.
        """
        if self._peek() != _REFERENCE:
            return self._object_of(at)
        start = self._position
        found = self._numbered_object(self._checked_description(self._begin(_RECORDS), start), at)
        if not found.description.is_flat:
            return self._filled(found)
        for part in found.description.parts:
            found.data.append(data := ClassData(part))
            if part.name not in self._fieldless:
                data.values = self._primitive_values(part)
        return found

    def _object_of(self, at: int) -> Task:
        description = yield from self._described()
        return (yield from self._filled(self._numbered_object(description, at)))

    def _numbered_object(self, description: Description, at: int) -> JavaObject:
        found = JavaObject(description)
        self._number(found, at)
        return found

    def _filled(self, found: JavaObject) -> Task:
        for part in found.description.parts:
            found.data.append(data := ClassData(part))
            if not part.shape.is_external and part.name not in self._fieldless:
                data.values = values = self._primitive_values(part)
                for _ in range(len(part.fields) - len(values)):
                    value = self._begin(_RECORDS)
                    if type(value) is GeneratorType:
                        value = yield value
                    values.append(value)
            if part.shape.has_own_data:
                data.annotation = yield from self._annotation()
        return found

    def _primitive_values(self, part: ClassDescription) -> list[FieldValue]:
        at, shape = self._position, part.shape
        self._skip(shape.primitives.size, "OBS-OBJ-02")
        values: list[FieldValue] = list(shape.primitives.unpack_from(self._octets, at))
        for index, code, offset in shape.unusual:
            values[index] = self._unusual(code, values[index], at + offset)
        return values

    def _unusual(self, code: str, value: FieldValue, at: int) -> FieldValue:
        """A primitive value that is not what `struct` makes of it."""
        if code == "C":
            return chr(value)  # type: ignore[arg-type]
        if code == "Z":
            if value not in (0, 1):
                self._refuse("OBS-VAL-02", at, "00 or 01", f"{value:02x}")
            return bool(value)
        if value == value:  # all but a NaN
            return value
        octets = self._octets[at : at + PRIMITIVES[code].size]
        return value if struct.pack(f">{PRIMITIVES[code].format}", value) == octets else OddNaN(octets)

    def _array(self, at: int) -> Task:
        description = yield from self._described()
        name = description.name
        if not (isinstance(description, ClassDescription) and name[:1] == "[" and len(name) > 1):
            self._refuse("OBS-ARR-02", at + 1, "the descriptor of an array", name)
        number = self._reserve(at)
        start = self._position
        count = self._i32()
        left = len(self._octets) - self._position
        size = PRIMITIVES[name[1]].size if name[1] in PRIMITIVES else 1
        if not 0 <= count <= self._limits.array_items:
            self._refuse("OBS-LIM-03", start, f"at most {self._limits.array_items} items", str(count))
        if count * size > left:
            # Before anything is made: an announced size costs nothing.
            self._refuse("OBS-ARR-03", start, f"{count} items", f"{left} octets left")
        if name[1] in PRIMITIVES:
            found: ByteArray | PrimitiveArray = self._primitives(description, name[1], count * size)
            self._handles[number] = found
            return found
        items: list[object] = []
        array_of_objects = ObjectArray(description, items)
        self._handles[number] = array_of_objects
        for _ in range(count):
            item = self._begin(_RECORDS)
            if type(item) is GeneratorType:
                item = yield item
            items.append(item)
        return array_of_objects

    def _primitives(self, description: ClassDescription, code: str, size: int) -> ByteArray | PrimitiveArray:
        at = self._position
        octets = self._take(size)
        if code == "B":
            plain = ByteArray(octets)
            plain.description = description
            return plain
        if code == "Z" and octets.translate(None, b"\0\1"):
            place = next(index for index, octet in enumerate(octets) if octet > 1)
            self._refuse("OBS-VAL-02", at + place, "00 or 01", f"{octets[place]:02x}")
        found = PrimitiveArray(PRIMITIVES[code].typecode, octets)
        if _SWAP:
            found.byteswap()
        found.code, found.description = code, description
        return found

    def _enum(self, at: int) -> Task:
        description = yield from self._described()
        constant = EnumConstant(description, "")
        self._number(constant, at)
        constant.name = self._string_object("OBS-OBJ-05", "the name of a constant")
        return constant

    def _string_object(self, clause: str, expected: str) -> JavaString:
        at = self._position
        found = None if self._peek() == TypeCode.OBJECT else self._begin(_RECORDS)
        if not isinstance(found, JavaString):
            self._refuse(clause, at, expected, "something else")
        return found

    def _class(self, at: int) -> Task:
        description = yield from self._described()
        found = ClassObject(description)
        self._number(found, at)
        return found

    # -- class descriptors ------------------------------------------------------------------

    def _described(self, nullable: bool = False) -> Task:
        """The descriptor that must stand here; `nullable`: None for TC_NULL."""
        at = self._position
        description = self._begin(_RECORDS)
        if type(description) is GeneratorType:
            description = yield description
        if nullable and description is None:
            return None
        return self._checked_description(description, at)

    def _checked_description(self, description: object, at: int) -> Description:
        if isinstance(description, DESCRIPTION_TYPES):
            return description
        return self._refuse("OBS-CLS-01", at, "a class descriptor", type(description).__name__)

    def _class_description(self, at: int) -> Task:
        name = self._short_text()
        uid = I64.unpack(self._take(8))[0]
        description = ClassDescription(name, uid, complete=False)
        self._number(description, at)
        flags_at = self._position
        description.flags = flags = self._take(1)[0]
        if flags & _BOTH == _BOTH:
            self._refuse("OBS-CLS-03", flags_at, "serializable or externalizable", f"{flags:02x}")
        description.fields = self._fields()
        description.annotation = yield from self._annotation()
        description.superclass = yield from self._described(nullable=True)
        self._finish(description, at)
        return description

    def _fields(self) -> tuple[Field, ...]:
        at = self._position
        count = self._u16()
        if count > self._limits.fields:
            self._refuse("OBS-LIM-05", at, f"at most {self._limits.fields} fields", str(count))
        self._count(count, at)
        fields: list[Field] = []
        for _ in range(count):
            at = self._position
            code = chr(self._take(1)[0])
            if code not in PRIMITIVES and code not in OBJECT_TYPES:
                self._refuse("OBS-CLS-04", at, "a type code of a field", f"{ord(code):02x}")
            if code in PRIMITIVES and fields and not fields[-1].is_primitive:
                self._refuse("OBS-CLS-05", at, "primitive fields before others", code)
            name = self._short_text()
            signature = None
            if code in OBJECT_TYPES:
                signature = self._string_object("OBS-CLS-06", "a string object with the type")
            fields.append(Field(code, name, signature))
        return tuple(fields)

    def _proxy_description(self, at: int) -> Task:
        description = ProxyDescription((), complete=False)
        self._number(description, at)
        start = self._position
        count = self._i32()
        if not 0 <= count <= self._limits.fields:
            self._refuse("OBS-LIM-05", start, f"at most {self._limits.fields} interfaces", str(count))
        description.interfaces = tuple(self._short_text() for _ in range(count))
        description.annotation = yield from self._annotation()
        description.superclass = yield from self._described(nullable=True)
        self._finish(description, at)
        return description

    def _finish(self, description: Description, at: int) -> None:
        chain = chain_of(description)
        if len(chain) > self._limits.superclasses:
            self._refuse("OBS-LIM-05", at, f"at most {self._limits.superclasses} classes in a chain", "more")
        if len(chain) > 1 and chain[1].flags & ~description.flags & _EXTERNALIZABLE:
            self._refuse("OBS-CLS-03", at, "an externalizable class below one", f"{description.flags:02x}")
        description.complete = True

    # -- handles and limits ------------------------------------------------------------------

    def _reserve(self, at: int) -> int:
        """The next number; what gets it is put in its place before anybody can refer to it."""
        self._number(None, at)
        return len(self._handles) - 1

    def _number(self, record: object, at: int) -> None:
        self._count(1, at)
        self._handles.append(record)

    def _too_deep(self) -> Malformed:
        return Malformed(
            "OBS-LIM-01",
            offset=self._position,
            expected=f"records at most {self._limits.depth} deep",
            actual="one more",
        )


# Plain numbers as keys: an enumeration's members are slow to compare.
_RECORDS: Starters = {
    int(TypeCode.NULL): ObjectReader._null,
    int(TypeCode.REFERENCE): ObjectReader._reference,
    int(TypeCode.CLASSDESC): ObjectReader._class_description,
    int(TypeCode.PROXYCLASSDESC): ObjectReader._proxy_description,
    int(TypeCode.OBJECT): ObjectReader._object,
    int(TypeCode.STRING): ObjectReader._string,
    int(TypeCode.LONGSTRING): ObjectReader._long_string,
    int(TypeCode.ARRAY): ObjectReader._array,
    int(TypeCode.ENUM): ObjectReader._enum,
    int(TypeCode.CLASS): ObjectReader._class,
}
_CONTENTS: Starters = {
    **_RECORDS,
    int(TypeCode.BLOCKDATA): ObjectReader._short_block,
    int(TypeCode.BLOCKDATALONG): ObjectReader._long_block,
    int(TypeCode.ENDBLOCKDATA): ObjectReader._end,
}
_CODES = frozenset(map(int, TypeCode))


def read_stream(octets: bytes, *, limits: Limits | None = None, fieldless: Collection[str] = ()) -> Stream:
    """All contents of a stream. Raises `Malformed`; for `fieldless` see `ObjectReader`."""
    return Stream(list(ObjectReader(octets, limits=limits, fieldless=fieldless)))
