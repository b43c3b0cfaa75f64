"""What a stream says of classes: names, numbers, flags and fields, and nothing that could run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from refjk.objectstream.codes import OBJECT_TYPES, PRIMITIVES, ClassFlag
from refjk.objectstream.shapes import Shape, shape_of

# Plain numbers: an enumeration's members are slow to combine.
_SERIALIZABLE = int(ClassFlag.SERIALIZABLE)
_WRITE_METHOD = int(ClassFlag.WRITE_METHOD)


@dataclass(frozen=True, slots=True)
class Field:
    """A field as a class descriptor lists it.

    Objects and arrays have a `signature` such as `Ljava/util/List;`, which is a string object of its own.
    """

    code: str
    name: str
    signature: str | None = None

    @property
    def is_primitive(self) -> bool:
        return self.code not in OBJECT_TYPES


@dataclass(eq=False, repr=False)
class ClassDescription:
    """A class descriptor. `annotation`: what the writer added to it, usually nothing."""

    name: str
    serial_version_uid: int  # signed
    flags: int = _SERIALIZABLE
    fields: tuple[Field, ...] = ()
    superclass: Description | None = None
    annotation: list[object] = field(default_factory=list)
    complete: bool = True  # False while it is being read; nothing changes after
    found_common: bool | None = field(default=None, init=False)  # what `is_common` has found

    @classmethod
    def of(
        cls,
        name: str,
        serial_version_uid: int,
        fields: str = "",
        flags: int = _SERIALIZABLE,
        superclass: Description | None = None,
    ) -> ClassDescription:
        """A descriptor with its fields as text, in the order of the stream: `I port, [B octets`."""
        words = (text.split() for text in fields.split(", ") if text)
        parsed = tuple(
            Field(signature[0], field_name, None if signature in PRIMITIVES else signature)
            for signature, field_name in words
        )
        return cls(name, serial_version_uid, int(flags), parsed, superclass)

    @cached_property
    def shape(self) -> Shape:
        return shape_of("".join([f.code for f in self.fields]), self.flags)

    @property
    def has_own_data(self) -> bool:
        """Whether contents and an end mark follow the fields."""
        return self.shape.has_own_data

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where the value of each field is; the first one counts if several have the name."""
        return {f.name: index for index, f in reversed([*enumerate(self.fields)])}

    @cached_property
    def parts(self) -> tuple[ClassDescription, ...]:
        """The classes that can have data in an object, from the topmost down."""
        if self.shape.is_external:
            return (self,)
        return _parts(self)

    @cached_property
    def is_flat(self) -> bool:
        """Whether objects consist of primitive values alone."""
        return _is_flat(self.parts)

    def __repr__(self) -> str:
        return f"<class {self.name}>"


@dataclass(eq=False, repr=False)
class ProxyDescription:
    """The descriptor of a dynamic proxy class, which has interfaces and no name."""

    interfaces: tuple[str, ...]
    flags = _SERIALIZABLE
    serial_version_uid = 0
    superclass: Description | None = None
    annotation: list[object] = field(default_factory=list)
    complete: bool = True
    found_common: bool | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return f"proxy of {', '.join(self.interfaces)}"

    @cached_property
    def parts(self) -> tuple[ClassDescription, ...]:
        return _parts(self)

    @cached_property
    def is_flat(self) -> bool:
        return _is_flat(self.parts)

    def __repr__(self) -> str:
        return f"<{self.name}>"


Description = ClassDescription | ProxyDescription
DESCRIPTION_TYPES = (ClassDescription, ProxyDescription)


def chain_of(description: Description) -> list[Description]:
    """The classes from this one up."""
    chain: list[Description] = []
    link: Description | None = description
    while link is not None:
        chain.append(link)
        link = link.superclass
    return chain


def _is_flat(parts: tuple[ClassDescription, ...]) -> bool:
    return all([part.shape.is_flat for part in parts])


def _parts(description: Description) -> tuple[ClassDescription, ...]:
    return tuple(
        link
        for link in reversed(chain_of(description))
        if isinstance(link, ClassDescription) and (link.fields or link.flags & _WRITE_METHOD)
    )
