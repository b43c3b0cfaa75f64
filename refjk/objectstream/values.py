"""Between records and Python values: text, numbers, dates, lists, maps, sets and arrays.

A list, map, set or array of objects that was read has one Python value for as long as its record lives.
Change the value, and whoever writes the record writes the change. What the tables do not know stays the
record that it is.
"""

from __future__ import annotations

import array
import operator
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from refjk.base.errors import LocalProtocolError
from refjk.objectstream.common_classes import array_description, is_common
from refjk.objectstream.layouts import LAYOUTS, TREES, has_comparator
from refjk.objectstream.model import (
    RECORD_TYPES,
    ByteArray,
    FieldValue,
    JavaObject,
    JavaString,
    ObjectArray,
    PrimitiveArray,
)
from refjk.objectstream.python_types import JavaArray, JavaCollection, JavaList, JavaMap, JavaSet
from refjk.objectstream.scalars import FROM_PYTHON, SCALAR_CLASSES, new_object, scalar_value

_NO_VALUE = object()  # as view: this object has no Python value but itself
_RECORDS = frozenset(RECORD_TYPES)
_VIEWED = (JavaObject, ObjectArray)
_NO_KEYS = (ObjectArray, ByteArray, PrimitiveArray, Decimal)
_SETS = (set, frozenset)
_KEY_BITS_MAX = 64
_FOLLOWS = object()
_FOLLOWING = frozenset({"size", "threshold", "elementCount", "elementData"})
_ARRAY_CODES = {"h": "S", "H": "C", "i": "I", "l": "J", "q": "J", "f": "F", "d": "D"}

View = JavaList | JavaMap | JavaSet | JavaArray
_Unfilled = list[tuple[View, list[object]]]


# -- records to values ------------------------------------------------------------------------


def value_of(record: FieldValue) -> object:
    """The Python value of a record; the record itself where there is none. Cycles stay cycles."""
    unfilled: _Unfilled = []
    value = _view(record, unfilled)
    while unfilled:
        view, items = unfilled.pop()
        _fill(view, [_view(item, unfilled) for item in items])
    return value


def _view(record: FieldValue, unfilled: _Unfilled) -> object:
    if not isinstance(record, _VIEWED):
        return record
    if record.view is None:
        record.view = _first_view(record, unfilled)
    return record if record.view is _NO_VALUE else record.view


def _first_view(record: JavaObject | ObjectArray, unfilled: _Unfilled) -> object:
    if isinstance(record, ObjectArray):
        view: View = JavaArray((), record.description.name)
        view.source = record
        unfilled.append((view, record.items))
        return view
    if not is_common(record.description):
        return _NO_VALUE
    if record.class_name in SCALAR_CLASSES:
        value = scalar_value(record)
        return _NO_VALUE if value is None else value
    layout = LAYOUTS.get(record.class_name)
    items = _items(record)
    if layout is None or items is None:
        return _NO_VALUE
    if layout.view is not JavaList and not _distinct(items[:: 2 if layout.view is JavaMap else 1]):
        return _NO_VALUE
    view = layout.view((), record.class_name)
    view.source = record
    unfilled.append((view, items))
    return view


def _items(record: JavaObject | ObjectArray) -> list[object] | None:
    """The records of a collection or an array, or None where the class would have written others."""
    if isinstance(record, ObjectArray):
        return record.items
    try:
        return LAYOUTS[record.class_name].items(record)
    except KeyError:
        return None


def _distinct(keys: Sequence[object]) -> bool:
    """Whether keys can be keys in Python: each hashable, no two equal, none cheap to make collide."""
    seen: set[object] = set()
    for record in keys:
        if isinstance(record, JavaObject):
            if record.class_name in LAYOUTS:
                return False
            key = _view(record, [])
        else:
            key = record
        if isinstance(key, _NO_KEYS):
            return False
        if isinstance(key, int) and key.bit_length() > _KEY_BITS_MAX:
            return False
        seen.add(key)
    return len(seen) == len(keys)


def _fill(view: View, values: list[object]) -> None:
    if isinstance(view, JavaMap):
        view.update(zip(values[::2], values[1::2], strict=True))
    elif isinstance(view, JavaSet):
        for value in values:
            view.add(value)
    else:
        view.extend(values)


def release(values: Iterable[object]) -> None:
    """Lets all collections of a stream go on without the records that they were read from. OBS-VAL-08

    Those take more than twice the memory. Where a record tells more than class and items (a comparator, an
    order of access) it stays. Nothing is released where an object without a value may hold some of the same
    records.
    """
    found: dict[int, JavaCollection] = {}
    stack = list(values)
    while stack:
        value = stack.pop()
        if type(value) in _VIEWED:
            return
        if not isinstance(value, JavaCollection) or id(value) in found:
            continue
        found[id(value)] = value
        if isinstance(value, dict):
            stack += value
            stack += value.values()
        else:
            stack += cast("Iterable[object]", value)
    for value in found.values():
        source = value.source
        if isinstance(source, JavaObject) and _is_usual(source):
            source.view = value.source = None


def _is_usual(record: JavaObject) -> bool:
    """Whether a new object of the class with the same items would say as much."""
    usual = _usual_values(record.class_name)
    if len(usual) != len(record.data) or (record.class_name in TREES and has_comparator(record)):
        return False
    for part, expected in zip(record.data, usual, strict=True):
        values = part.values or ()
        if len(values) != len(expected):
            return False
        if any(want is not _FOLLOWS and have != want for have, want in zip(values, expected, strict=True)):
            return False
    return True


@lru_cache
def _usual_values(class_name: str) -> tuple[tuple[object, ...], ...]:
    """Of the parts of a new object; `_FOLLOWS` for what follows from the items."""
    record = new_object(class_name)
    _replace(record, [])
    return tuple(
        tuple(
            _FOLLOWS if field.name in _FOLLOWING else value
            for field, value in zip(part.description.fields, part.values or (), strict=False)
        )
        for part in record.data
    )


# -- values to records ------------------------------------------------------------------------


class Recorder:
    """Makes records of values, one for each value however often it comes.

    Values are told apart by identity, so that what is shared stays shared; a plain list that changes
    after its first record is not looked at again. `lasting`: a collection keeps the record made for it.
    """

    def __init__(self, *, lasting: bool = True) -> None:
        self._lasting = lasting
        self._made: dict[int, tuple[object, object]] = {}  # with the value, whose id is taken then

    def record_of(self, value: object) -> object:
        """The record of a value. Raises `LocalProtocolError` for one of a type that Java has not."""
        unfilled: list[tuple[JavaObject | ObjectArray, Iterable[object]]] = []
        record = self._record(value, unfilled)
        while unfilled:
            made, items = unfilled.pop()
            _replace(made, [self._record(item, unfilled) for item in items])
        return record

    def _record(
        self, value: object, unfilled: list[tuple[JavaObject | ObjectArray, Iterable[object]]]
    ) -> object:
        if value is None or type(value) in _RECORDS:
            return value
        if isinstance(value, JavaCollection) and value.source is not None:
            return value.source
        known = self._made.get(id(value))
        if known is not None:
            return known[1]
        record = _plain_record(value)
        if record is None:
            record = _empty_record(value)
            unfilled.append((record, _in_order(value, record)))
            if self._lasting and isinstance(value, JavaCollection):
                value.source, record.view = record, value
        if not (isinstance(value, bytes) and len(value) == 1):
            # There is one object in Python for equal octets of one; nobody shares it on purpose.
            self._made[id(value)] = (value, record)
        return record


def record_of(value: object) -> object:
    """The record of one value; see `Recorder`."""
    return Recorder().record_of(value)


def refresh(record: JavaObject | ObjectArray, recorder: Recorder) -> None:
    """Brings a record up to what its Python value is by now; an unchanged one stays as it was read."""
    view = record.view
    if not isinstance(view, JavaCollection):
        return
    old = _items(record) or []
    as_read = [_known_view(item) for item in old]
    new = list(_flat(view))
    if len(new) == len(as_read) and all(map(operator.is_, new, as_read)):
        return
    kept = dict(zip(map(id, as_read), old, strict=True))
    ordered = _in_order(view, record)
    _replace(record, [kept[id(item)] if id(item) in kept else recorder.record_of(item) for item in ordered])


def _known_view(record: object) -> object:
    """The Python value of a record if it has been asked for, else the record."""
    if isinstance(record, _VIEWED) and not (record.view is None or record.view is _NO_VALUE):
        return record.view
    return record


def _flat(value: object) -> Iterable[object]:
    """The items in a row; key, value, key, value of a map. A set without order gets one."""
    if isinstance(value, dict):
        return [item for pair in value.items() for item in pair]
    if isinstance(value, _SETS):
        return sorted(value, key=lambda item: (type(item).__name__, repr(item)))
    return cast("Iterable[object]", value)


def _in_order(value: object, record: JavaObject | ObjectArray) -> Iterable[object]:
    """The items as they must be written: those of a tree are sorted. OBS-WRT-06

    A JVM takes them as they come and finds nothing in a tree that is not in order. What a comparator of
    Java's would say is not known here; its keys stay as they are.
    """
    if not isinstance(value, JavaMap | JavaSet) or not isinstance(record, JavaObject):
        return _flat(value)
    if value.class_name not in TREES or has_comparator(record):
        return _flat(value)
    try:
        keys = sorted(value, key=_natural_order)
    except TypeError:
        raise LocalProtocolError(f"the keys of a {value.class_name} cannot be compared") from None
    return [item for key in keys for item in (key, value[key])] if isinstance(value, JavaMap) else keys


def _natural_order(key: object) -> Any:
    """Text is ordered by UTF-16 units."""
    return key.encode("utf-16-be", "surrogatepass") if isinstance(key, str) else key


def _replace(record: JavaObject | ObjectArray, items: list[object]) -> None:
    if isinstance(record, ObjectArray):
        record.items[:] = items
    else:
        LAYOUTS[record.class_name].replace(record, items)


def _plain_record(value: object) -> object:
    """The record of a value that holds no others; None for those that do."""
    maker = FROM_PYTHON.get(type(value))
    if maker is not None:
        return maker(value)
    if isinstance(value, str):
        return JavaString(value)
    if isinstance(value, bytes | bytearray):
        return ByteArray(value)
    if isinstance(value, array.array):
        return _array_record(value)
    for kind in (int, float, datetime):  # an IntEnum, or whatever else extends them
        if isinstance(value, kind):
            return FROM_PYTHON[kind](value)
    return None


def _array_record(value: array.array[int] | array.array[float]) -> object:
    if value.typecode == "b":
        return ByteArray(value.tobytes())
    code = _ARRAY_CODES.get(value.typecode)
    if code is None:
        raise LocalProtocolError(f"an array of typecode {value.typecode!r} has no type in Java")
    return PrimitiveArray.of(code, value)


_CONTAINERS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (list, "java.util.ArrayList"),
    (dict, "java.util.LinkedHashMap"),
    (_SETS, "java.util.HashSet"),
)


def _empty_record(value: object) -> JavaObject | ObjectArray:
    if isinstance(value, JavaArray):
        return ObjectArray(array_description(value.class_name), [])
    if isinstance(value, tuple):
        return ObjectArray(array_description("[Ljava.lang.Object;"), [])
    class_name = value.class_name if isinstance(value, JavaCollection) else None
    if class_name is None:
        class_name = next((name for kinds, name in _CONTAINERS if isinstance(value, kinds)), "")
    layout = LAYOUTS.get(class_name)
    if layout is None or (isinstance(value, JavaCollection) and not isinstance(value, layout.view)):
        raise LocalProtocolError(
            f"a {type(value).__name__}{f' of class {class_name}' if class_name else ''} cannot be written"
        )
    return new_object(class_name)
