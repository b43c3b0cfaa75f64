"""Java Object Serialization: streams of objects to read and write, without Java and without its classes.

`spec/object-stream.md`; no I/O. One object:

    value = read_object(octets)            # raises Malformed
    octets = write_object({"answer": 42})  # raises LocalProtocolError for what Java has not

Text, numbers, dates, lists, maps, sets and arrays become Python values; an object of any other class is a
`JavaObject`, which is never more than what the stream says of it:

    message["mSessionID"]                  # a field; value_of(...) of it is the Python value

A stream whole, which gives its octets back:

    stream = read_stream(octets)
    assert write_stream(stream) == octets

Primitive data and objects in turn, as Java code reads and writes them by hand: `ObjectInput`,
`ObjectOutput`.
"""

from refjk.objectstream.codes import ClassFlag, TypeCode
from refjk.objectstream.common_classes import array_description, enum_description
from refjk.objectstream.descriptions import ClassDescription, Field, ProxyDescription
from refjk.objectstream.limits import Limits
from refjk.objectstream.model import (
    Block,
    ByteArray,
    ClassData,
    ClassObject,
    EnumConstant,
    JavaObject,
    JavaString,
    ObjectArray,
    PrimitiveArray,
    Reset,
    Stream,
    WriteAborted,
)
from refjk.objectstream.python_types import (
    BigInteger,
    Byte,
    Character,
    Float,
    JavaArray,
    JavaList,
    JavaMap,
    JavaSet,
    Long,
    Short,
)
from refjk.objectstream.reader import ObjectReader, read_stream
from refjk.objectstream.sequence import ObjectInput, ObjectOutput, blocks_of, read_object, write_object
from refjk.objectstream.values import record_of, release, value_of
from refjk.objectstream.writer import ObjectWriter, write_stream

__all__ = [
    "BigInteger",
    "Block",
    "Byte",
    "ByteArray",
    "Character",
    "ClassData",
    "ClassDescription",
    "ClassFlag",
    "ClassObject",
    "EnumConstant",
    "Field",
    "Float",
    "JavaArray",
    "JavaList",
    "JavaMap",
    "JavaObject",
    "JavaSet",
    "JavaString",
    "Limits",
    "Long",
    "ObjectArray",
    "ObjectInput",
    "ObjectOutput",
    "ObjectReader",
    "ObjectWriter",
    "PrimitiveArray",
    "ProxyDescription",
    "Reset",
    "Short",
    "Stream",
    "TypeCode",
    "WriteAborted",
    "array_description",
    "blocks_of",
    "enum_description",
    "read_object",
    "read_stream",
    "record_of",
    "release",
    "value_of",
    "write_object",
    "write_stream",
]
