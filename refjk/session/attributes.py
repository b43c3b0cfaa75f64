"""What may be an attribute of a session, and how objects of an application's own classes travel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import (
    BigInteger,
    Byte,
    ByteArray,
    Character,
    EnumConstant,
    Float,
    JavaArray,
    JavaList,
    JavaMap,
    JavaObject,
    JavaSet,
    JavaString,
    Long,
    ObjectArray,
    PrimitiveArray,
    Short,
    value_of,
    write_object,
)

NAME_OCTETS_MAX = 65_535
VALUES_MAX = 1_000_000  # in one attribute
_INT_BITS = 64

_SCALARS = frozenset({str, bool, float, bytes, bytearray, type(None), JavaString, Character})
_CHECKED_SCALARS = frozenset({Decimal, datetime, Byte, Short, Long, BigInteger, Float})
_PLAIN_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_JAVA_CONTAINERS = frozenset({JavaList, JavaMap, JavaSet, JavaArray})
_CONTAINERS = _PLAIN_CONTAINERS | _JAVA_CONTAINERS
_RECORDS = frozenset({ByteArray, PrimitiveArray, JavaObject, ObjectArray, EnumConstant})
_UNCHECKED = _SCALARS | _CONTAINERS | _RECORDS
_PLAIN = _SCALARS | _PLAIN_CONTAINERS | {int}  # of these, the type tells that they can be written


class NotAnAttribute(LocalProtocolError):
    """A value that could not be replicated; nothing was changed. `name`: the attribute, `found`: the type."""

    def __init__(self, name: object, found: str, reason: str) -> None:
        super().__init__(f"attribute {name!r}: {reason}")
        self.name = name
        self.found = found


@dataclass(frozen=True, slots=True)
class AttributeCodec:
    """How objects of one Python type become objects of one Java class, and back.

    `encode` gives a `JavaObject` of that class, whose fields may hold anything that may be an attribute;
    `decode` takes one, whose fields are read with `value_of`, and raises anything for one that does not fit.
    """

    type: type[Any]
    class_name: str
    encode: Callable[[Any], JavaObject]
    decode: Callable[[JavaObject], object]


class AttributeCodecs:
    """The codecs of an application. Without any, only the types that every application has may be used."""

    def __init__(self, codecs: Iterable[AttributeCodec] = ()) -> None:
        self._by_type: dict[type[Any], AttributeCodec] = {}
        self._by_class: dict[str, AttributeCodec] = {}
        for codec in codecs:
            self.register(codec)

    def register(self, codec: AttributeCodec) -> None:
        """Raises `LocalProtocolError` for a type or class that has a codec, or needs none."""
        if codec.type in self._by_type or codec.class_name in self._by_class:
            raise LocalProtocolError(f"{codec.type.__name__} or {codec.class_name} has a codec already")
        if codec.type is int or codec.type in _UNCHECKED | _CHECKED_SCALARS:
            raise LocalProtocolError(f"{codec.type.__name__} may be an attribute without a codec")
        self._by_type[codec.type] = codec
        self._by_class[codec.class_name] = codec

    # -- before an attribute is set -----------------------------------------------------------

    def check(self, name: object, value: object, *, inside: bool = True) -> None:
        """Raises `NotAnAttribute` unless `value` can be written under `name`. SES-ATT-01, SES-ATT-02

        `inside`: what a container holds counts too.
        """
        _check_name(name)
        written_too = False
        try:
            for where, found in self._walk(value, True) if inside else iter([("", value)]):
                kind = type(found)
                reason = self._objection(found)
                if reason is not None:
                    place = f"{where} in it" if where else "the value"
                    told = f"{place} is a {_type_name(kind)}, {reason}"
                    raise NotAnAttribute(name, _type_name(kind), told)
                written_too = written_too or kind not in _PLAIN
            if written_too and inside:
                write_object(self.to_stream(value, {}))
        except NotAnAttribute:
            raise
        except LocalProtocolError as error:
            raise NotAnAttribute(name, _type_name(type(value)), str(error)) from None

    def _objection(self, value: object) -> str | None:
        """Why a value cannot be replicated, if its type tells."""
        kind = type(value)
        if kind is int:
            fits = isinstance(value, int) and -(1 << _INT_BITS - 1) <= value < 1 << _INT_BITS - 1
            return None if fits else f"of more than {_INT_BITS} bits; a BigInteger may have more"
        if kind in _CHECKED_SCALARS:
            try:
                write_object(value)
            except LocalProtocolError as error:
                return f"but {error}"
        elif kind not in _UNCHECKED and kind not in self._by_type:
            return "which cannot be replicated; a codec may be registered"
        return None

    def _walk(self, value: object, encoded: bool) -> Iterator[tuple[str, object]]:
        """A value and all that its containers hold, with the place; a container once.

        `encoded`: also what an object with a codec holds in its encoded form.
        """
        seen: set[int] = set()
        stack = [("", value)]
        count = 0
        while stack:
            where, found = stack.pop()
            if id(found) in seen:
                continue
            count += 1
            if count > VALUES_MAX:
                raise LocalProtocolError(f"it holds more than {VALUES_MAX} values")
            yield where, found
            codec = self._by_type.get(type(found))
            if type(found) in _CONTAINERS:
                seen.add(id(found))
                stack += reversed(list(_placed(where, found)))
            elif codec is not None and encoded:
                seen.add(id(found))
                stack += _fields(where, _encoded(codec, found))

    # -- to and from a stream -----------------------------------------------------------------

    def to_stream(self, value: object, made: dict[int, tuple[object, object]]) -> object:
        """The value as `ObjectOutput` can write it.

        `made` holds what was made for this stream, so that what is shared stays shared; a new one is empty.
        Values without objects that need a codec are written as they are. Raises `LocalProtocolError`.
        """
        if not self._by_type or all(type(one) not in self._by_type for _, one in self._walk(value, False)):
            return value
        pending: list[tuple[object, object]] = []
        result = self._made(value, made, pending)
        while pending:
            old, new = pending.pop()
            self._fill(old, new, made, pending)
        return result

    def _made(
        self,
        value: object,
        made: dict[int, tuple[object, object]],
        pending: list[tuple[object, object]],
    ) -> object:
        kind = type(value)
        codec = self._by_type.get(kind)
        if codec is None and kind not in _CONTAINERS:
            return value
        if id(value) in made:
            return made[id(value)][1]
        new = _empty_like(value) if codec is None else _encoded(codec, value)
        made[id(value)] = (value, new)
        pending.append((value, new))
        return new

    def _fill(
        self,
        old: object,
        new: object,
        made: dict[int, tuple[object, object]],
        pending: list[tuple[object, object]],
    ) -> None:
        if isinstance(new, JavaObject):
            for part in new.data:
                if part.values is not None:
                    part.values[:] = [self._made(item, made, pending) for item in part.values]
                part.annotation[:] = [self._made(item, made, pending) for item in part.annotation]
        elif isinstance(new, dict) and isinstance(old, dict):
            for key, item in old.items():
                new[self._made(key, made, pending)] = self._made(item, made, pending)
        elif isinstance(new, JavaSet) and isinstance(old, Iterable):
            for item in old:
                new.add(self._made(item, made, pending))
        elif isinstance(new, list) and isinstance(old, Iterable):
            new.extend(self._made(item, made, pending) for item in old)

    def from_stream(self, record: object, decoded: dict[int, tuple[object, object]]) -> object:
        """The Python value of a record. Raises `Malformed` when a codec cannot read it. SES-ATT-05

        `decoded` holds what was made of this stream, as `made` does in the other direction.
        """
        value = value_of(record)
        if not self._by_class:
            return value
        seen: set[int] = set()
        stack = [value]
        while stack:
            found = stack.pop()
            if id(found) in seen or type(found) not in _JAVA_CONTAINERS:
                continue
            seen.add(id(found))
            stack += _children(found)
            self._replace_inside(found, decoded)
        return self._decoded(value, decoded)

    def _replace_inside(self, container: object, decoded: dict[int, tuple[object, object]]) -> None:
        if not any(self._has_codec(item) for item in _children(container)):
            return
        if isinstance(container, list):
            container[:] = [self._decoded(item, decoded) for item in container]
        elif isinstance(container, dict):
            pairs = [(self._decoded(k, decoded), self._decoded(v, decoded)) for k, v in container.items()]
            container.clear()
            container.update(pairs)
        elif isinstance(container, JavaSet):
            items = [self._decoded(item, decoded) for item in container]
            for item in list(container):
                container.discard(item)
            for item in items:
                container.add(item)

    def _has_codec(self, value: object) -> bool:
        return isinstance(value, JavaObject) and value.class_name in self._by_class

    def _decoded(self, value: object, decoded: dict[int, tuple[object, object]]) -> object:
        if not isinstance(value, JavaObject) or value.class_name not in self._by_class:
            return value
        if id(value) not in decoded:
            try:
                decoded[id(value)] = (value, self._by_class[value.class_name].decode(value))
            except Exception as error:
                raise Malformed(
                    "SES-ATT-05",
                    offset=0,
                    expected=f"a {value.class_name} that its codec reads",
                    actual=f"{type(error).__name__}: {error}",
                ) from error
        return decoded[id(value)][1]


NO_CODECS = AttributeCodecs()


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise NotAnAttribute(name, _type_name(type(name)), "the name is no text")
    size = sum(
        1 if 0 < ord(c) < 0x80 else 2 if ord(c) < 0x800 else 3 if ord(c) < 0x10000 else 6 for c in name
    )
    if size > NAME_OCTETS_MAX:
        shown = name[:20] + "…"
        raise NotAnAttribute(shown, "str", f"the name has {size} octets, {NAME_OCTETS_MAX} can be written")


def _type_name(kind: type) -> str:
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _encoded(codec: AttributeCodec, value: object) -> JavaObject:
    try:
        record = codec.encode(value)
    except Exception as error:
        text = f"its codec failed: {type(error).__name__}: {error}"
        raise LocalProtocolError(f"a {_type_name(codec.type)} cannot be written, {text}") from error
    if not isinstance(record, JavaObject) or record.class_name != codec.class_name:
        raise LocalProtocolError(f"the codec of {_type_name(codec.type)} gave no {codec.class_name}")
    return record


def _fields(where: str, record: JavaObject) -> Iterator[tuple[str, object]]:
    for part in record.data:
        for field, item in zip(part.description.fields, part.values or (), strict=False):
            if not field.is_primitive:
                yield f"{where}.{field.name}", item


def _placed(where: str, container: object) -> Iterator[tuple[str, object]]:
    if isinstance(container, dict):
        for key, item in container.items():
            yield f"a key of {where or 'the map'}", key
            yield f"{where}[{key!r}]"[:80], item
    elif isinstance(container, list | tuple):
        for number, item in enumerate(container):
            yield f"{where}[{number}]", item
    elif isinstance(container, Iterable):
        for item in container:
            yield f"an item of {where or 'the set'}", item


def _children(container: object) -> list[object]:
    return [item for _, item in _placed("", container)]


def _empty_like(value: object) -> object:
    if isinstance(value, JavaList | JavaArray | JavaMap | JavaSet):
        return type(value)((), value.class_name)
    if isinstance(value, dict):
        return JavaMap()
    if isinstance(value, tuple):
        return JavaArray()
    return JavaList() if isinstance(value, list) else JavaSet((), "java.util.HashSet")
