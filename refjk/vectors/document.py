"""Reading a recording: every value knows its place, so that a complaint can name it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from refjk.base.errors import InputError

DEPTH_MAX = 600  # a recorded chain of 200 objects needs 400


class Node:
    """A value of a JSON document and where it stands (`frames[3].hex`).

    Asking for a type that the value does not have, or for a key that is not there, raises
    `InputError` with the place.
    """

    __slots__ = ("place", "value")

    def __init__(self, value: Any, place: str = "") -> None:
        self.value = value
        self.place = place

    def __getitem__(self, key: str) -> Node:
        found = self.get(key)
        if found is None:
            raise InputError(f"{self._child(key)} is missing")
        return found

    def get(self, key: str) -> Node | None:
        """The value of a key that may be absent; null counts as absent."""
        value = self.table().get(key)
        return None if value is None else Node(value, self._child(key))

    def table(self) -> Mapping[str, Any]:
        if not isinstance(self.value, dict):
            raise self._wrong("an object")
        return self.value

    def entries(self) -> Iterator[tuple[str, Node]]:
        for key, value in self.table().items():
            yield key, Node(value, self._child(key))

    def items(self) -> list[Node]:
        if not isinstance(self.value, list):
            raise self._wrong("a list")
        return [Node(value, f"{self.place}[{number}]") for number, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self._wrong("a string")
        return self.value

    def number(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self._wrong("an integer")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self._wrong("true or false")
        return self.value

    def octets(self) -> bytes:
        """Hex text as octets."""
        try:
            return bytes.fromhex(self.text())
        except ValueError:
            raise self._wrong("octets in hex") from None

    def latin_1(self) -> bytes:
        """Text of one character per octet as octets."""
        try:
            return self.text().encode("latin-1")
        except UnicodeEncodeError:
            raise self._wrong("text of one character per octet") from None

    def _child(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def _wrong(self, expected: str) -> InputError:
        return InputError(f"{self.place or 'the document'}: expected {expected}, got {shorten(self.value)}")


def read_document(text: str) -> Node:
    """The JSON object in a file's text. Raises `InputError` with line and column."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"line {error.lineno} column {error.colno}: no JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise InputError("nested too deeply, or a number of too many digits") from None
    if not isinstance(value, dict):
        raise InputError(f"expected an object, got {shorten(value)}")
    if _deeper_than(value, DEPTH_MAX):
        raise InputError(f"nested more than {DEPTH_MAX} deep")
    return Node(value)


def _deeper_than(value: object, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for parent in layer
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not layer:
            return False
    return True


def shorten(value: object, size_max: int = 160) -> str:
    """A value as text for a complaint."""
    text = value if isinstance(value, str) else repr(value)
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= size_max else f"{text[: size_max - 20]}… ({len(text)} characters)"
