"""The class descriptors of common classes, as OpenJDK writes them.

They are needed to write values made in Python, and to tell that an object in a stream is of the class that
its name says.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

from refjk.objectstream.codes import ClassFlag
from refjk.objectstream.descriptions import ClassDescription, Description, chain_of

_PUBLIC_ABSTRACT_FINAL = 0x411

_OWN_DATA = ClassFlag.SERIALIZABLE | ClassFlag.WRITE_METHOD
_PLAIN = ClassFlag.SERIALIZABLE

_TABLE: tuple[tuple[str, int, int, str | None, str], ...] = (
    # name, serialVersionUID, flags, superclass, fields
    ("java.lang.Number", -8742448824652078965, _PLAIN, None, ""),
    ("java.lang.Boolean", -3665804199014368530, _PLAIN, None, "Z value"),
    ("java.lang.Byte", -7183698231559129828, _PLAIN, "java.lang.Number", "B value"),
    ("java.lang.Character", 3786198910865385080, _PLAIN, None, "C value"),
    ("java.lang.Double", -9172774392245257468, _PLAIN, "java.lang.Number", "D value"),
    ("java.lang.Float", -2671257302660747028, _PLAIN, "java.lang.Number", "F value"),
    ("java.lang.Integer", 1360826667806852920, _PLAIN, "java.lang.Number", "I value"),
    ("java.lang.Long", 4290774380558885855, _PLAIN, "java.lang.Number", "J value"),
    ("java.lang.Short", 7515723908773894738, _PLAIN, "java.lang.Number", "S value"),
    (
        "java.math.BigInteger",
        -8287574255936472291,
        _OWN_DATA,
        "java.lang.Number",
        "I bitCount, I bitLength, I firstNonzeroByteNum, I lowestSetBit, I signum, [B magnitude",
    ),
    (
        "java.math.BigDecimal",
        6108874887143696463,
        _OWN_DATA,
        "java.lang.Number",
        "I scale, Ljava/math/BigInteger; intVal",
    ),
    ("java.util.Date", 7523967970034938905, _OWN_DATA, None, ""),
    ("java.util.ArrayList", 8683452581122892189, _OWN_DATA, None, "I size"),
    ("java.util.LinkedList", 876323262645176354, _OWN_DATA, None, ""),
    ("java.util.ArrayDeque", 2340985798034038923, _OWN_DATA, None, ""),
    ("java.util.concurrent.CopyOnWriteArrayList", 8673264195747942595, _OWN_DATA, None, ""),
    (
        "java.util.Vector",
        -2767605614048989439,
        _OWN_DATA,
        None,
        "I capacityIncrement, I elementCount, [Ljava/lang/Object; elementData",
    ),
    ("java.util.Stack", 1224463164541339165, _PLAIN, "java.util.Vector", ""),
    ("java.util.Arrays$ArrayList", -2764017481108945198, _PLAIN, None, "[Ljava/lang/Object; a"),
    ("java.util.HashMap", 362498820763181265, _OWN_DATA, None, "F loadFactor, I threshold"),
    ("java.util.LinkedHashMap", 3801124242820219131, _PLAIN, "java.util.HashMap", "Z accessOrder"),
    ("java.util.TreeMap", 919286545866124006, _OWN_DATA, None, "Ljava/util/Comparator; comparator"),
    ("java.util.Hashtable", 1421746759512286392, _OWN_DATA, None, "F loadFactor, I threshold"),
    (
        "java.util.Properties",
        4112578634029874840,
        _PLAIN,
        "java.util.Hashtable",
        "Ljava/util/Properties; defaults",
    ),
    ("java.util.HashSet", -5024744406713321676, _OWN_DATA, None, ""),
    ("java.util.LinkedHashSet", -2851667679971038690, _PLAIN, "java.util.HashSet", ""),
    ("java.util.TreeSet", -2479143000061671589, _OWN_DATA, None, ""),
    ("java.lang.Enum", 0, _PLAIN | ClassFlag.ENUM, None, ""),
)


def _build() -> dict[str, ClassDescription]:
    built: dict[str, ClassDescription] = {}
    for name, uid, flags, superclass, fields in _TABLE:
        built[name] = ClassDescription.of(name, uid, fields, flags, built[superclass] if superclass else None)
    return built


COMMON_CLASSES: dict[str, ClassDescription] = _build()


def is_common(description: Description) -> bool:
    """Whether a descriptor is, up to its topmost class, the one that we know under its name."""
    if description.found_common is None:
        description.found_common = _is_common(description)
    return description.found_common


def _is_common(description: Description) -> bool:
    known: Description | None = COMMON_CLASSES.get(description.name)
    for link in chain_of(description):
        if (
            not isinstance(known, ClassDescription)
            or (link.name, link.serial_version_uid, link.flags)
            != (known.name, known.serial_version_uid, known.flags)
            or not isinstance(link, ClassDescription)
            or link.fields != known.fields
        ):
            return False
        known = known.superclass
    return known is None


@lru_cache(maxsize=256)
def array_description(name: str) -> ClassDescription:
    """The descriptor of an array class, such as `[I` or `[Ljava.lang.String;`. OBS-ARR-04"""
    octets = name.encode("utf-8", "surrogatepass")
    digest = hashlib.sha1(
        struct.pack(">H", len(octets)) + octets + struct.pack(">i", _PUBLIC_ABSTRACT_FINAL),
        usedforsecurity=False,
    ).digest()
    return ClassDescription(name, int.from_bytes(digest[:8], "little", signed=True))


@lru_cache(maxsize=256)
def enum_description(class_name: str) -> ClassDescription:
    """The descriptor of an enumeration."""
    flags = ClassFlag.SERIALIZABLE | ClassFlag.ENUM
    return ClassDescription.of(class_name, 0, "", flags, COMMON_CLASSES["java.lang.Enum"])
