"""What the types of a class's fields and its flags come to: how its part of an object is laid out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from refjk.objectstream.codes import PRIMITIVES, ClassFlag

_EXTERNALIZABLE = int(ClassFlag.EXTERNALIZABLE)
_BLOCK_DATA = int(ClassFlag.BLOCK_DATA)
_WRITE_METHOD = int(ClassFlag.WRITE_METHOD)
_DEFAULTS: dict[str, object] = {**dict.fromkeys("BDFIJS", 0), "C": "\0", "Z": False}


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of one class in an object.

    `primitive_count`: with how many primitive fields the class begins; in what was read, only others follow.
    `primitives`: those in a row. `unusual`: those of them whose value is not always what `struct` makes, as
    index, type, offset. `defaults`: the values of fields that nobody sets. `is_flat`: there is nothing but
    primitive values.
    """

    is_external: bool
    has_own_data: bool
    is_flat: bool
    primitive_count: int
    primitives: struct.Struct
    unusual: tuple[tuple[int, str, int], ...]
    defaults: tuple[object, ...]


@lru_cache(maxsize=1024)  # streams describe the same few classes again and again
def shape_of(codes: str, flags: int) -> Shape:
    """The shape of a class whose fields have these types.

    External data of the first protocol version have neither blocks nor an end; nobody but the class can
    tell where they end, and they are taken as empty. OBS-OBJ-06
    """
    is_external = bool(flags & _EXTERNALIZABLE)
    has_own_data = bool(flags & (_BLOCK_DATA if is_external else _WRITE_METHOD))
    count = next((index for index, code in enumerate(codes) if code not in PRIMITIVES), len(codes))
    unusual, offset = [], 0
    for index, code in enumerate(codes[:count]):
        if code in "CDFZ":
            unusual.append((index, code, offset))
        offset += PRIMITIVES[code].size
    return Shape(
        is_external,
        has_own_data,
        not is_external and not has_own_data and count == len(codes),
        count,
        struct.Struct(">" + "".join(PRIMITIVES[code].format for code in codes[:count])),
        tuple(unusual),
        tuple(map(_DEFAULTS.get, codes)),
    )
