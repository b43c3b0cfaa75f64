"""What a node has deployed, and which of two versions is the later one everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.farm.names import context_path_of, file_name_of

DIGEST_SIZE = 32  # octets of SHA-256


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of an application, or its removal (`digest` None).

    `stamp_ms` grows with every version of a path; of two entries the one with the greater `rank` is the
    later, for every node alike. FAR-LAT-03
    """

    context_path: str
    stamp_ms: int
    digest: bytes | None
    size: int = 0

    def __post_init__(self) -> None:
        if self.digest is not None and len(self.digest) != DIGEST_SIZE:
            raise ValueError(f"a digest of {len(self.digest)} octets")

    @property
    def rank(self) -> tuple[int, bytes]:
        return self.stamp_ms, self.digest or b""


class Catalog:
    """The entries of one node: what it has whole, and what was removed.

    Beyond `entries_max` the oldest removals are forgotten, and no further application fits. FAR-LAT-09
    """

    def __init__(self, entries: Iterable[Entry] = (), entries_max: int = 1000) -> None:
        self._entries_max = entries_max
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            self.put(entry)

    def get(self, context_path: str) -> Entry | None:
        return self._entries.get(context_path)

    def entries(self) -> list[Entry]:
        return [self._entries[path] for path in sorted(self._entries)]

    def put(self, entry: Entry) -> None:
        self._entries[entry.context_path] = entry
        excess = len(self._entries) - self._entries_max
        if excess > 0:
            removals = sorted((e for e in self._entries.values() if e.digest is None), key=lambda e: e.rank)
            for removal in removals[:excess]:
                del self._entries[removal.context_path]

    def has_room_for(self, context_path: str) -> bool:
        """Whether an application may be deployed at this path as far as their number goes."""
        deployed = [path for path, entry in self._entries.items() if entry.digest is not None]
        return context_path in deployed or len(deployed) < self._entries_max

    def is_newer(self, entry: Entry) -> bool:
        """Whether an entry is later than what is known of its path."""
        known = self._entries.get(entry.context_path)
        return known is None or entry.rank > known.rank

    def next_stamp_ms(self, context_path: str, now_ms: int) -> int:
        """A stamp that is later than what is known of the path, whatever the clocks say. FAR-DEP-06"""
        known = self._entries.get(context_path)
        return now_ms if known is None else max(now_ms, known.stamp_ms + 1)


def encode_entries(entries: Iterable[Entry]) -> str:
    """One line for each: stamp, digest in hex or `-`, size, path. FAR-LAT-02"""
    return "".join(
        f"{e.stamp_ms} {e.digest.hex() if e.digest else '-'} {e.size} {e.context_path or '/'}\n"
        for e in entries
    )


def decode_entries(text: str, entries_max: int = 1000) -> list[Entry]:
    """The inverse of `encode_entries`. Raises `Malformed`."""
    lines = text.split("\n")
    if lines.pop():
        _refuse(text, "an end of line at the end", "none")
    if len(lines) > entries_max:
        _refuse(text, f"at most {entries_max} entries", str(len(lines)))
    return [_entry(line) for line in lines]


def _entry(line: str) -> Entry:
    parts = line.split(" ", 3)
    if len(parts) != 4:
        _refuse(line, "stamp, digest, size, path", repr(line[:80]))
    stamp, digest, size, path = parts
    for number in (stamp, size):
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            _refuse(line, "a number of up to 18 digits", repr(number[:40]))
    if digest != "-" and (len(digest) != 2 * DIGEST_SIZE or set(digest) - set("0123456789abcdef")):
        _refuse(line, "a digest in lower-case hex, or -", repr(digest[:80]))
    octets = None if digest == "-" else bytes.fromhex(digest)
    return Entry(context_path_of(file_name_of(path)), int(stamp), octets, int(size))


def _refuse(text: str, expected: str, actual: str) -> None:
    raise Malformed("FAR-LAT-02", offset=len(text), expected=expected, actual=actual)
