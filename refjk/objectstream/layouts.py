"""Where the common collections keep their items: class by class, to read and to write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from refjk.objectstream.common_classes import array_description
from refjk.objectstream.model import Block, ClassData, JavaObject, ObjectArray
from refjk.objectstream.python_types import JavaList, JavaMap, JavaSet

_LOAD_FACTOR = 0.75
_BUCKETS_MIN = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """How objects of a class keep their items.

    `items` gives the records in a row (key, value, key, value of a map), or None when the content is not
    what the class writes. `replace` puts other ones in their place and keeps all that does not follow from
    them.
    """

    view: type[JavaList] | type[JavaMap] | type[JavaSet]
    items: Callable[[JavaObject], list[object] | None]
    replace: Callable[[JavaObject, Sequence[object]], None]


def _own_data(
    view: type[JavaList] | type[JavaMap] | type[JavaSet],
    owner: str,
    numbers: str,
    numbers_for: Callable[[int], tuple[int | float, ...]],
    lead: int = 0,
    count_field: str | None = None,
) -> Layout:
    """Items in the own data of the class `owner`, after `lead` other objects and a run of numbers.

    How many there are stands in the last number, or in a field and the number is a capacity.
    """
    each = 2 if view is JavaMap else 1
    packed = struct.Struct(">" + numbers)

    def items(record: JavaObject) -> list[object] | None:
        part = record.part(owner)
        if part is None:
            return None
        contents = part.annotation[lead:]
        blocks = [block.octets for block in takewhile(_is_block, contents) if isinstance(block, Block)]
        found = contents[len(blocks) :]
        octets = b"".join(blocks)
        if len(octets) != packed.size or Block in map(type, found) or len(part.annotation) < lead:
            return None
        count = _get(part, count_field, -1) if count_field else packed.unpack(octets)[-1]
        return found if len(found) == each * count else None

    def replace(record: JavaObject, new: Sequence[object]) -> None:
        part = record.part(owner)
        assert part is not None
        count = len(new) // each
        run = packed.pack(*numbers_for(count))
        part.annotation = [*(part.annotation[:lead] or [None] * lead), Block(run), *new]
        if count_field:
            _set(part, count_field, count)
        _set(part, "threshold", int(_buckets(count) * _LOAD_FACTOR))
        if not _get(part, "loadFactor", 1):
            _set(part, "loadFactor", _LOAD_FACTOR)

    return Layout(view, items, replace)


def _is_block(content: object) -> bool:
    return isinstance(content, Block)


def _get(part: ClassData, name: str, default: int) -> Any:
    index = part.description.positions.get(name)
    return default if index is None or part.values is None else part.values[index]


def _set(part: ClassData, name: str, value: object) -> None:
    index = part.description.positions.get(name)
    if index is not None and part.values is not None:
        part.values[index] = value


def _buckets(count: int) -> int:
    """A power of two as old readers want it, big enough for the load factor."""
    return max(_BUCKETS_MIN, 1 << (int(count / _LOAD_FACTOR)).bit_length())


def _vector_items(record: JavaObject) -> list[object] | None:
    count, array = record["elementCount"], record["elementData"]
    if not isinstance(array, ObjectArray) or not isinstance(count, int):
        return None
    if not 0 <= count <= len(array.items) or any(item is not None for item in array.items[count:]):
        return None
    return array.items[:count]


def _replace_vector(record: JavaObject, new: Sequence[object]) -> None:
    record["elementCount"] = len(new)
    record["elementData"] = ObjectArray(array_description("[Ljava.lang.Object;"), list(new))


def _fixed_items(record: JavaObject) -> list[object] | None:
    array = record["a"]
    return array.items if isinstance(array, ObjectArray) else None


def _replace_fixed(record: JavaObject, new: Sequence[object]) -> None:
    array = record["a"]
    description = (
        array.description if isinstance(array, ObjectArray) else array_description("[Ljava.lang.Object;")
    )
    record["a"] = ObjectArray(description, list(new))


def _count(count: int) -> tuple[int]:
    return (count,)


def _buckets_and_count(count: int) -> tuple[int, int]:
    return _buckets(count), count


_VECTOR = Layout(JavaList, _vector_items, _replace_vector)
_HASH_MAP = _own_data(JavaMap, "java.util.HashMap", "ii", _buckets_and_count)
_HASHTABLE = _own_data(JavaMap, "java.util.Hashtable", "ii", _buckets_and_count)
_HASH_SET = _own_data(
    JavaSet, "java.util.HashSet", "ifi", lambda count: (_buckets(count), _LOAD_FACTOR, count)
)

LAYOUTS: dict[str, Layout] = {
    "java.util.ArrayList": _own_data(JavaList, "java.util.ArrayList", "i", _count, count_field="size"),
    "java.util.LinkedList": _own_data(JavaList, "java.util.LinkedList", "i", _count),
    "java.util.ArrayDeque": _own_data(JavaList, "java.util.ArrayDeque", "i", _count),
    "java.util.concurrent.CopyOnWriteArrayList": _own_data(
        JavaList, "java.util.concurrent.CopyOnWriteArrayList", "i", _count
    ),
    "java.util.Vector": _VECTOR,
    "java.util.Stack": _VECTOR,
    "java.util.Arrays$ArrayList": Layout(JavaList, _fixed_items, _replace_fixed),
    "java.util.HashMap": _HASH_MAP,
    "java.util.LinkedHashMap": _HASH_MAP,
    "java.util.TreeMap": _own_data(JavaMap, "java.util.TreeMap", "i", _count),
    "java.util.Hashtable": _HASHTABLE,
    "java.util.Properties": _HASHTABLE,
    "java.util.HashSet": _HASH_SET,
    "java.util.LinkedHashSet": _HASH_SET,
    "java.util.TreeSet": _own_data(JavaSet, "java.util.TreeSet", "i", _count, lead=1),
}
"""The order of a map or set is that of the stream; for one that hashes it means nothing. OBS-VAL-06"""

TREES = frozenset({"java.util.TreeMap", "java.util.TreeSet"})


def has_comparator(tree: JavaObject) -> bool:
    """Whether a tree is ordered by something else than its keys themselves."""
    if tree.class_name == "java.util.TreeMap":
        return tree["comparator"] is not None
    part = tree.part(tree.class_name)
    return part is not None and part.annotation[:1] not in ([], [None])
