"""Records and values to octets. Nothing is recursive."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from itertools import repeat

from refjk.base.errors import LocalProtocolError
from refjk.objectstream.codes import (
    FIRST_HANDLE,
    HEADER,
    PRIMITIVES,
    SHORT_BLOCK_MAX,
    SHORT_SIZE_MAX,
    TypeCode,
)
from refjk.objectstream.common_classes import array_description
from refjk.objectstream.descriptions import ClassDescription, Description, Field, ProxyDescription
from refjk.objectstream.model import (
    Block,
    ByteArray,
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
from refjk.objectstream.text import encode_text
from refjk.objectstream.values import Recorder, refresh

_SWAP = sys.byteorder == "little"
# Plain numbers: to look an enumeration's members up costs more than to write them.
_NULL = int(TypeCode.NULL)
_REFERENCE_CODE = int(TypeCode.REFERENCE)
_REFERENCE = struct.Struct(">Bi")


class ObjectWriter:
    """Writes contents one after the other; what was written before is only referred to.

        writer = ObjectWriter()
        writer.write_content({"answer": 42})
        octets = writer.octets()

    A content is a record, a `Block`, `Reset.RESET`, a `WriteAborted`, or any value that `record_of` knows.
    Raises `LocalProtocolError` for what cannot be written; the writer is of no use then.
    """

    def __init__(self) -> None:
        self._out = bytearray(HEADER)
        self._handles: dict[int, int] = {}
        self._kept: list[object] = []  # while a record is here its id is nobody else's
        self._given = 0
        self._recorder = Recorder(lasting=False)
        self._signatures: dict[str, JavaString] = {}

    def octets(self) -> bytes:
        """The stream so far, header included."""
        return bytes(self._out)

    def write_content(self, content: Content) -> None:
        if isinstance(content, Block):
            self._block(content)
        elif content is Reset.RESET:
            self._out.append(TypeCode.RESET)
            self._forget()
        elif isinstance(content, WriteAborted):
            self._out += content.torn
            self._out.append(TypeCode.EXCEPTION)
            self._forget()
            self._complete(content.exception)
            self._forget()
        else:
            self._complete(content)

    def _complete(self, record: object) -> None:
        task = self._begin(record)
        if task is not None:
            run_tasks(task, sys.maxsize, AssertionError)

    def _forget(self) -> None:
        """Handles begin again. OBS-HND-06"""
        self._handles.clear()
        self._kept.clear()
        self._given = 0
        self._recorder = Recorder(lasting=False)

    # -- records ----------------------------------------------------------------------------

    def _begin(self, value: object) -> Task | None:
        """Writes a record at once, or gives the task that will."""
        record = value
        write = _WRITERS.get(type(value))
        if write is None:
            record = self._recorder.record_of(value)
            if record is None:
                self._out.append(_NULL)
                return None
            write = _WRITERS[type(record)]
        number = self._handles.get(id(record))
        if number is not None:
            self._out += _REFERENCE.pack(_REFERENCE_CODE, FIRST_HANDLE + number)
            return None
        return write(self, record)

    def _number(self, record: object) -> None:
        # OBS-HND-01: the same moments at which a reader counts.
        self._handles[id(record)] = self._given
        self._kept.append(record)
        self._given += 1

    def _string(self, record: JavaString) -> None:
        octets = encode_text(record)
        long_form = record.long_form or len(octets) > SHORT_SIZE_MAX  # OBS-WRT-03
        self._number(record)
        if long_form:
            self._out += struct.pack(">Bq", TypeCode.LONGSTRING, len(octets))
        else:
            self._out += struct.pack(">BH", TypeCode.STRING, len(octets))
        self._out += octets

    def _object(self, record: JavaObject) -> Task | None:
        """At once where nothing in the object can nest."""
        refresh(record, self._recorder)
        task = self._sub(TypeCode.OBJECT, record.description)
        expected = record.description.parts
        if len(expected) != len(record.data):
            raise LocalProtocolError(
                f"{record!r} has data of {len(record.data)} classes, not {len(expected)}"
            )
        if task is not None or not record.description.is_flat:
            return self._filled(record, task)
        self._number(record)
        for part in record.data:
            if part.values is not None:
                self._out += _primitive_octets(part.description, part.values)
        return None

    def _filled(self, record: JavaObject, descriptor: Task | None) -> Task:
        if descriptor is not None:
            yield descriptor
        self._number(record)
        for part in record.data:
            description = part.description
            if part.values is not None:
                self._out += _primitive_octets(description, part.values)
                begun = description.shape.primitive_count
                for field, value in zip(description.fields[begun:], part.values[begun:], strict=True):
                    if field.is_primitive:
                        self._out += _pack(description, field, value)
                    elif (task := self._begin(value)) is not None:
                        yield task
            if description.shape.has_own_data:
                yield from self._annotation(part.annotation)

    def _sub(self, code: TypeCode, description: Description) -> Task | None:
        self._out.append(code)
        return self._begin(description)

    def _annotation(self, contents: list[Content]) -> Task:
        for content in contents:
            if isinstance(content, Block):
                self._block(content)
                continue
            task = self._begin(content)
            if task is not None:
                yield task
        self._out.append(TypeCode.ENDBLOCKDATA)

    def _block(self, block: Block) -> None:
        size = len(block.octets)
        if block.long_form or size > SHORT_BLOCK_MAX:
            self._out += struct.pack(">Bi", TypeCode.BLOCKDATALONG, size)
        else:
            self._out += struct.pack(">BB", TypeCode.BLOCKDATA, size)
        self._out += block.octets

    def _objects(self, record: ObjectArray) -> Task:
        refresh(record, self._recorder)
        if (task := self._sub(TypeCode.ARRAY, record.description)) is not None:
            yield task
        self._number(record)
        self._out += struct.pack(">i", len(record.items))
        for item in record.items:
            task = self._begin(item)
            if task is not None:
                yield task

    def _bytes(self, record: ByteArray) -> Task:
        task = self._sub(TypeCode.ARRAY, record.description or array_description("[B"))
        if task is not None:
            yield task
        self._number(record)
        self._out += struct.pack(">i", len(record)) + record

    def _primitives(self, record: PrimitiveArray) -> Task:
        task = self._sub(TypeCode.ARRAY, record.description or array_description("[" + record.code))
        if task is not None:
            yield task
        self._number(record)
        octets = record[:]
        if _SWAP:
            octets.byteswap()
        self._out += struct.pack(">i", len(record)) + octets.tobytes()

    def _enum(self, record: EnumConstant) -> Task:
        if (task := self._sub(TypeCode.ENUM, record.description)) is not None:
            yield task
        self._number(record)
        name = record.name if isinstance(record.name, JavaString) else JavaString(record.name)
        self._begin(name)

    def _class(self, record: ClassObject) -> Task:
        if (task := self._sub(TypeCode.CLASS, record.description)) is not None:
            yield task
        self._number(record)

    # -- class descriptors ------------------------------------------------------------------

    def _class_description(self, record: ClassDescription) -> Task:
        self._out.append(TypeCode.CLASSDESC)
        self._out += _short_text(record.name) + struct.pack(">q", record.serial_version_uid)
        self._number(record)
        self._out += struct.pack(">BH", record.flags, len(record.fields))
        for field in record.fields:
            self._out += field.code.encode("ascii") + _short_text(field.name)
            if not field.is_primitive:
                self._begin(self._signature(field))
        yield from self._annotation(record.annotation)
        task = self._begin(record.superclass)
        if task is not None:
            yield task

    def _signature(self, field: Field) -> JavaString:
        """The string object of a type; equal ones of our own making are one object (OBS-CLS-07)."""
        if isinstance(field.signature, JavaString):
            return field.signature
        text = field.signature or "Ljava/lang/Object;"
        return self._signatures.setdefault(text, JavaString(text))

    def _proxy_description(self, record: ProxyDescription) -> Task:
        self._out.append(TypeCode.PROXYCLASSDESC)
        self._number(record)
        self._out += struct.pack(">i", len(record.interfaces))
        for name in record.interfaces:
            self._out += _short_text(name)
        yield from self._annotation(record.annotation)
        task = self._begin(record.superclass)
        if task is not None:
            yield task


def _short_text(text: str) -> bytes:
    octets = encode_text(text)
    if len(octets) > SHORT_SIZE_MAX:
        raise LocalProtocolError(f"a name of {len(octets)} octets; at most {SHORT_SIZE_MAX} can be written")
    return struct.pack(">H", len(octets)) + octets


def _primitive_octets(description: ClassDescription, values: list[FieldValue]) -> bytes:
    """The primitive values with which the fields of a class begin."""
    if len(values) != len(description.fields):
        raise LocalProtocolError(
            f"{len(values)} values for the {len(description.fields)} fields of {description.name}"
        )
    shape = description.shape
    if not shape.unusual:
        try:
            return shape.primitives.pack(*values[: shape.primitive_count])
        except (struct.error, TypeError, OverflowError):
            return _one_by_one(description, values)  # which finds the one that does not fit
    return _one_by_one(description, values)


def _one_by_one(description: ClassDescription, values: list[FieldValue]) -> bytes:
    count = description.shape.primitive_count
    return b"".join(map(_pack, repeat(description, count), description.fields, values))


def _pack(description: ClassDescription, field: Field, value: FieldValue) -> bytes:
    try:
        if isinstance(value, OddNaN):
            return value.octets
        if field.code == "C":
            value = ord(value)  # type: ignore[arg-type]
        elif field.code == "Z":
            value = bool(value)
        return struct.pack(f">{PRIMITIVES[field.code].format}", value)
    except (struct.error, TypeError, OverflowError) as error:
        where = f"{description.name}.{field.name}"
        raise LocalProtocolError(
            f"{where} is of type {field.code} and cannot be {value!r}: {error}"
        ) from None


_WRITERS: dict[type, Callable[..., Task | None]] = {
    JavaString: ObjectWriter._string,
    JavaObject: ObjectWriter._object,
    ObjectArray: ObjectWriter._objects,
    ByteArray: ObjectWriter._bytes,
    PrimitiveArray: ObjectWriter._primitives,
    EnumConstant: ObjectWriter._enum,
    ClassObject: ObjectWriter._class,
    ClassDescription: ObjectWriter._class_description,
    ProxyDescription: ObjectWriter._proxy_description,
}


def write_stream(stream: Stream | Iterable[Content]) -> bytes:
    """The octets of a stream. What was read and not changed gives the octets that it was read from."""
    writer = ObjectWriter()
    for content in stream.contents if isinstance(stream, Stream) else stream:
        writer.write_content(content)
    return writer.octets()
