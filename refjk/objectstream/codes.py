"""The numbers of the protocol: type codes, class flags, field types, and where counting begins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

MAGIC = b"\xac\xed"
VERSION = b"\x00\x05"
HEADER = MAGIC + VERSION

FIRST_HANDLE = 0x7E0000
SHORT_SIZE_MAX = 0xFFFF  # octets of a string that has a size of two octets
SHORT_BLOCK_MAX = 0xFF
BLOCK_SIZE_MAX = 1024  # what a writer collects before it writes a block


class TypeCode(IntEnum):
    """The octet with which a content begins."""

    NULL = 0x70
    REFERENCE = 0x71
    CLASSDESC = 0x72
    OBJECT = 0x73
    STRING = 0x74
    ARRAY = 0x75
    CLASS = 0x76
    BLOCKDATA = 0x77
    ENDBLOCKDATA = 0x78
    RESET = 0x79
    BLOCKDATALONG = 0x7A
    EXCEPTION = 0x7B
    LONGSTRING = 0x7C
    PROXYCLASSDESC = 0x7D
    ENUM = 0x7E


class ClassFlag(IntFlag):
    """What a class descriptor says about the data of its objects."""

    WRITE_METHOD = 0x01  # own data follow the fields
    SERIALIZABLE = 0x02
    EXTERNALIZABLE = 0x04
    BLOCK_DATA = 0x08  # external data are in block-data mode
    ENUM = 0x10


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type: its format in `struct`, its typecode in `array`, its size in octets."""

    format: str
    typecode: str
    size: int


PRIMITIVES: dict[str, Primitive] = {
    "B": Primitive("b", "b", 1),
    "C": Primitive("H", "H", 2),
    "D": Primitive("d", "d", 8),
    "F": Primitive("f", "f", 4),
    "I": Primitive("i", "i", 4),
    "J": Primitive("q", "q", 8),
    "S": Primitive("h", "h", 2),
    "Z": Primitive("B", "B", 1),
}
OBJECT_TYPES = "L["
