"""Values of session attributes from their notation, and back to what was read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from refjk.base.errors import InputError
from refjk.objectstream import (
    ClassDescription,
    JavaArray,
    JavaObject,
    JavaString,
    ObjectArray,
    WriteAborted,
    read_stream,
    value_of,
)
from refjk.session import Principal
from refjk.vectors.document import Node
from refjk.vectors.object_making import NotMade, made_stream

OPAQUE = "refjk.sample.Opaque"


@dataclass
class Opaque:
    """An object of a class that cannot be serialised."""

    notation: str = ""


@dataclass
class ValueMaker:
    """Values of one stream.

    `descriptions`: the classes that the recorded stream describes, by name. `shared`: equal notations are one
    object; the notation does not say which are.
    """

    descriptions: dict[str, ClassDescription]
    shared: bool
    _known: dict[str, object] = field(default_factory=dict)

    def make(self, node: Node) -> object:
        """Raises `InputError` for a class that nothing is known of."""
        key = json.dumps(node.value, sort_keys=True)
        if self.shared and key in self._known:
            return self._known[key]
        made = self._made(node)
        self._known[key] = made
        return made

    def text(self, text: str) -> str:
        """A text as an object."""
        made = self.make(Node(text))
        assert isinstance(made, str)
        return made

    def _made(self, node: Node) -> object:
        value = node.value
        if isinstance(value, str):
            return JavaString(value)
        if isinstance(value, dict) and "fields" in value:
            return self._object(node)
        if isinstance(value, dict) and isinstance(value.get("v"), list) and _holds_objects(value["v"]):
            return [self.make(item) for item in node["v"].items()]
        try:
            return made_stream([Node({"object": value}, node.place)])[0]
        except NotMade:
            raise InputError(f"{node.place}: a class that refjk has no value for") from None

    def _object(self, node: Node) -> object:
        name = node["t"].text()
        if name == OPAQUE:
            return Opaque(name)
        description = self.descriptions.get(name)
        if description is None:
            raise InputError(f"{node.place}: the octets do not describe {name}")
        values = {key: self._field(value) for key, value in node["fields"].entries()}
        return JavaObject.of(description, **values)

    def _field(self, node: Node) -> object:
        primitive = isinstance(node.value, int | float)
        return node.value if primitive else self.make(node)


def _holds_objects(items: Iterable[object]) -> bool:
    return any(isinstance(item, dict) and "fields" in item for item in items)


def descriptions_in(octets: bytes) -> dict[str, ClassDescription]:
    """The classes of all objects in a stream. Raises `Malformed`."""
    found: dict[str, ClassDescription] = {}
    stack: list[object] = list(read_stream(octets).contents)
    while stack:
        one = stack.pop()
        if isinstance(one, JavaObject):
            if isinstance(one.description, ClassDescription):
                found.setdefault(one.class_name, one.description)
            for part in one.data:
                stack += [*(part.values or ()), *part.annotation]
        elif isinstance(one, ObjectArray):
            stack += one.items
        elif isinstance(one, WriteAborted):
            continue
    return found


def principal_from(node: Node | None) -> Principal | None:
    """From `name`, `password` and `roles`."""
    if node is None or node.get("name") is None:
        return None
    password, roles = node.get("password"), node.get("roles")
    names = () if roles is None else tuple(role.text() for role in roles.items())
    return Principal(node["name"].text(), None if password is None else password.text(), names)


def alike(one: object, other: object) -> bool:
    """Whether two values mean the same; objects are compared by class and fields."""
    one, other = value_of(one), value_of(other)
    if isinstance(one, JavaObject) and isinstance(other, JavaObject):
        mine, theirs = one.fields, other.fields
        return (
            one.class_name == other.class_name
            and mine.keys() == theirs.keys()
            and all(alike(mine[key], theirs[key]) for key in mine)
        )
    if isinstance(one, list | JavaArray) and isinstance(other, list | JavaArray):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return bool(one == other)
