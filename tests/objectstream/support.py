"""Octets of streams, by hand and out of the recordings."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import Malformed
from refjk.objectstream import Limits, read_stream

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "java-serialization"

# The one recording that cannot be read without being told so: the class writes no fields.
FIELDLESS_ID = "jo-17"
FIELDLESS = ("refjk.sample.NoDefault",)


@cache
def recordings() -> dict[str, bytes]:
    """The octets of every recorded stream by its id."""
    found: dict[str, bytes] = {}
    for path in sorted(VECTORS.glob("*.json")):
        vectors: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["vectors"]
        found.update({vector["id"]: bytes.fromhex(vector["hex"]) for vector in vectors if "hex" in vector})
    return found


def fieldless_of(name: str) -> tuple[str, ...]:
    return FIELDLESS if name == FIELDLESS_ID else ()


def stream(*parts: bytes | str) -> bytes:
    """A header and what follows; str is hex."""
    return b"\xac\xed\x00\x05" + b"".join(
        bytes.fromhex(part) if isinstance(part, str) else part for part in parts
    )


def name(text: str) -> bytes:
    octets = text.encode()
    return struct.pack(">H", len(octets)) + octets


def string(text: str) -> bytes:
    return b"\x74" + name(text)


def descriptor(
    class_name: str, flags: int = 2, fields: bytes = b"\x00\x00", above: str | bytes = "70"
) -> bytes:
    """A class descriptor without annotation."""
    above = bytes.fromhex(above) if isinstance(above, str) else above
    return b"\x72" + name(class_name) + bytes(8) + bytes([flags]) + fields + b"\x78" + above


def refused(octets: bytes, clause: str, offset: int, limits: Limits | None = None) -> Malformed:
    """The complaint about octets that must be refused there, by that clause."""
    with pytest.raises(Malformed) as caught:
        read_stream(octets, limits=limits)
    assert (caught.value.clause, caught.value.offset) == (clause, offset), str(caught.value)
    return caught.value
