"""Python types for values of Java: what a plain list, dict or int cannot say is the class.

Each is used as the type that it extends, and equal to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableSet
from typing import Any

from refjk.objectstream.model import JavaObject, ObjectArray


class Byte(int):
    """A `java.lang.Byte`."""


class Short(int):
    """A `java.lang.Short`."""


class Long(int):
    """A `java.lang.Long`. A plain int is an Integer, or what is wide enough for it."""


class BigInteger(int):
    """A `java.math.BigInteger`."""


class Float(float):
    """A `java.lang.Float`. A plain float is a Double."""


class Character(str):
    """A `java.lang.Character`: one UTF-16 unit."""


class JavaCollection:
    """What the collections and arrays have in common.

    A class of its own, and none of the standard library's abstract ones, which are slow to ask for.
    """

    class_name: str
    source: JavaObject | ObjectArray | None
    """The record that the value was made of, or for."""


class JavaList(JavaCollection, list[Any]):
    """A list of the class `class_name`."""

    def __init__(self, items: Iterable[Any] = (), class_name: str = "java.util.ArrayList") -> None:
        super().__init__(items)
        self.class_name = class_name
        self.source = None


class JavaArray(JavaCollection, list[Any]):
    """An array of objects; `class_name` as Java names it, such as `[Ljava.lang.String;` or `[[I`."""

    def __init__(self, items: Iterable[Any] = (), class_name: str = "[Ljava.lang.Object;") -> None:
        super().__init__(items)
        self.class_name = class_name
        self.source = None


class JavaMap(JavaCollection, dict[Any, Any]):
    """A map of the class `class_name`, in the order in which it was written."""

    def __init__(
        self,
        items: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (),
        class_name: str = "java.util.LinkedHashMap",
    ) -> None:
        super().__init__(items)
        self.class_name = class_name
        self.source = None


class JavaSet(JavaCollection, MutableSet[Any]):
    """A set of the class `class_name` that keeps its order."""

    def __init__(self, items: Iterable[Any] = (), class_name: str = "java.util.LinkedHashSet") -> None:
        self._items: dict[Any, None] = dict.fromkeys(items)
        self.class_name = class_name
        self.source = None

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, value: Any) -> None:
        self._items[value] = None

    def discard(self, value: Any) -> None:
        self._items.pop(value, None)

    def __repr__(self) -> str:
        return f"JavaSet({list(self._items)!r})"
