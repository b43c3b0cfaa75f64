"""How much a stream may ask of its reader."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a reader; what exceeds one is malformed.

    The defaults hold every stream of the cluster with room to spare: a message is a few kilooctets, the
    state of a node with ten thousand sessions some dozen megaoctets.
    """

    octets: int = 64 * 1024 * 1024  # of the whole stream
    depth: int = 1000  # records that stand within one another
    records: int = 1_000_000  # with a handle, resets notwithstanding, and also fields and blocks
    string_octets: int = 16 * 1024 * 1024
    array_items: int = 16 * 1024 * 1024
    fields: int = 1000  # of one class
    superclasses: int = 100  # classes in the chain of one class
