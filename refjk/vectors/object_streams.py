"""Plays recorded object streams against `refjk.objectstream`, in both directions.

Reading: the octets must hold what `contents` says. Writing: what was read gives the same octets, and where
`contents` holds nothing but values that Python has too, values made from it alone give a stream that holds
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from refjk.base.errors import InputError, LocalProtocolError, Malformed
from refjk.objectstream import (
    ClassDescription,
    ClassObject,
    Field,
    Stream,
    read_stream,
    value_of,
    write_stream,
)
from refjk.objectstream.common_classes import COMMON_CLASSES, array_description
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all
from refjk.vectors.object_contents import compare_contents, same, same_octets
from refjk.vectors.object_making import NotMade, made_stream
from refjk.vectors.result import Played, Unlike

STREAM_KIND = "object stream"
DESCRIPTOR_KIND = "class descriptor"

_MEANINGLESS = (IndexError, KeyError, LocalProtocolError, Malformed, RecursionError, TypeError, ValueError)


def play_object_streams(document: Node) -> Played:
    """Raises `InputError` for a document that does not keep to the schema."""
    return play_all(document, STREAM_KIND, _guarded(_play_stream))


def play_class_descriptors(document: Node) -> Played:
    """Descriptors from an entry to octets and back, and those that refjk has itself compared."""
    return play_all(document, DESCRIPTOR_KIND, _guarded(_play_descriptor))


def _guarded(play: Callable[[Node], None]) -> Callable[[Node], None]:
    """The same play; a notation that means nothing breaks the schema and is no difference."""

    def guarded(vector: Node) -> None:
        try:
            play(vector)
        except _MEANINGLESS as error:
            raise InputError(f"{vector.place}: no such notation: {type(error).__name__}: {error}") from error

    return guarded


def _play_stream(vector: Node) -> None:
    octets, contents = vector["hex"].octets(), vector["contents"].items()
    if (length := vector.get("length")) is not None:
        same("length", length.number(), len(octets))
    try:
        stream = _read(octets, contents, frozenset())
    except Unlike as unlike:
        # A class that writes no fields must be known as such; the contents tell, the octets cannot.
        try:
            stream = _read(octets, contents, frozenset(_annotated_classes(vector["contents"])))
        except Unlike:
            raise unlike from None
    same_octets("written again", octets, write_stream(stream))
    for content in stream.contents:
        value_of(content)
    same_octets("written again after a look at the values", octets, write_stream(stream))
    try:
        made = write_stream(made_stream(contents))
    except (NotMade, LocalProtocolError):
        return
    try:
        _read(made, contents, frozenset())
    except Unlike as unlike:
        found = unlike.difference
        raise Unlike(f"made anew, {found.where}", found.expected, found.actual) from None


def _read(octets: bytes, contents: list[Node], fieldless: frozenset[str]) -> Stream:
    """The stream, which holds what it should."""
    try:
        stream = read_stream(octets, fieldless=fieldless)
    except Malformed as complaint:
        where = f"hex, octet {complaint.offset} ({complaint.clause})"
        raise Unlike(where, complaint.expected, complaint.actual) from None
    compare_contents(contents, stream, fieldless)
    return stream


def _annotated_classes(contents: Node) -> Iterator[str]:
    """The classes of all objects that have own data and may have nothing else."""
    waiting = [contents.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            fields = value.get("fields")
            if isinstance(fields, dict) and "$annotation" in fields:
                yield str(value.get("t"))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


# -- class descriptors -------------------------------------------------------------------------


def _play_descriptor(vector: Node) -> None:
    """The superclass is known by name alone; it has no entry of its own here."""
    name, above = vector["name"].text(), vector.get("super")
    description = ClassDescription(
        name,
        vector["suid"].number(),
        vector["flags"].octets()[0],
        tuple(_field_of(entry) for entry in vector["fields"].items()),
        None if above is None else ClassDescription(above.text(), 0),
    )
    read = read_stream(write_stream([ClassObject(description)])).contents[0]
    assert isinstance(read, ClassObject) and isinstance(read.description, ClassDescription)
    _same_description("read again", description, read.description)
    known = array_description(name) if name[:1] == "[" else COMMON_CLASSES.get(name)
    # The computed number of an array class depends on its items being public, which no name tells.
    if known is not None and (known.serial_version_uid == description.serial_version_uid or name[:1] != "["):
        _same_description("known to refjk", description, known)


def _field_of(entry: Node) -> Field:
    signature = entry.get("type")
    return Field(entry["code"].text(), entry["name"].text(), None if signature is None else signature.text())


def _same_description(where: str, expected: ClassDescription, actual: ClassDescription) -> None:
    for what in ("name", "serial_version_uid", "flags", "fields"):
        same(f"{where}, {what}", getattr(expected, what), getattr(actual, what))
    above = [None if link.superclass is None else link.superclass.name for link in (expected, actual)]
    same(f"{where}, super", *above)
