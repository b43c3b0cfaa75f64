"""Octets written as text: plain hexadecimal or a dump with offsets, line by line.

    12 34 00 01 0a                                   plain; also 1234 0001 0A, 0x12,0x34, \\x12\\x34
    > 12 34 00 01 0a                                 with a mark that tells the sender
    00000000: 1234 0001 0a         .4...             xxd
    00000000  12 34 00 01 0a       |.4...|           hexdump -C
    0000  12 34 00 01 0a           .4...             od -A x -t x1, Wireshark

A `#` begins a comment. A dump whose offset begins at 0 again is the next piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from refjk.base.errors import InputError
from refjk.decode.events import Side

LINE_SIZE_MAX = 1 << 20
REPEAT_SIZE_MAX = 1 << 24

MARKS = {
    ">": Side.WEB_SERVER,
    ">>": Side.WEB_SERVER,
    "->": Side.WEB_SERVER,
    "-->": Side.WEB_SERVER,
    "C->S": Side.WEB_SERVER,
    "to_container": Side.WEB_SERVER,
    "<": Side.CONTAINER,
    "<<": Side.CONTAINER,
    "<-": Side.CONTAINER,
    "<--": Side.CONTAINER,
    "S->C": Side.CONTAINER,
    "to_server": Side.CONTAINER,
    "to_web_server": Side.CONTAINER,
}
"""Who sends what follows on the line; client and server in the sense of TCP."""

_OFFSET = re.compile(r"(?:0x)?([0-9A-Fa-f]{4,16})(:?)(\s+|$)")
_PAIR = re.compile(r"[0-9A-Fa-f]{2}")
_GROUP = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_HALVES = re.compile(r"((?:[0-9A-Fa-f]{2} ){7}[0-9A-Fa-f]{2})  ((?:[0-9A-Fa-f]{2} )*[0-9A-Fa-f]{2})(?=\s|$)")
_PREFIXES = re.compile(r"0[xX]|\\x|[,;:]")


@dataclass(frozen=True, slots=True)
class HexPiece:
    """The octets of one line. `begins`: they do not go on with a dump that the line before belongs to."""

    mark: Side | None
    octets: bytes
    begins: bool


class HexText:
    """Feed the text as it comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 0
        self._size = 0  # octets of the dump so far
        self._last = b""  # octets of the line before, which `*` repeats
        self._repeating = False
        self._after_plain = False  # the line before had no offset
        self._mark: Side | None = None

    def feed(self, data: bytes) -> Iterator[HexPiece]:
        """Raises `InputError` for a line that is no hex text."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            yield from self._read(line)
        if len(self._rest) > LINE_SIZE_MAX:
            raise InputError(f"line {self._line + 1} is longer than {LINE_SIZE_MAX} octets")

    def end(self) -> Iterator[HexPiece]:
        """What there is of a line that has no end."""
        yield from self._read(self._rest)

    def _read(self, line: bytes) -> Iterator[HexPiece]:
        self._line += 1
        text = line.decode("utf-8-sig", "replace").partition("#")[0].strip()
        if not text:
            self._after_plain = False
            return
        word, _, after = text.partition(" ")
        mark = MARKS.get(word.removesuffix(":"))
        if mark is not None:
            self._mark = mark
            self._size = 0
            self._after_plain = False
            text = after.strip()
        octets = self._octets(text)
        if octets:
            yield HexPiece(self._mark, octets, begins=self._size in (0, len(octets)))

    def _octets(self, text: str) -> bytes:
        if text == "*":
            self._repeating = True
            return b""
        found = _OFFSET.match(text)
        if found and self._is_offset(found, text[found.end() :]):
            return self._dump_line(int(found[1], 16), text[found.end() :])
        self._size = 0
        self._after_plain = True
        return self._plain(_PREFIXES.sub(" ", text))

    def _is_offset(self, found: re.Match[str], after: str) -> bool:
        """Whether the first word of a line counts octets, and is none itself."""
        offset = int(found[1], 16)
        if found[2] or self._repeating:
            return True
        if not after:
            return 0 < offset == self._size
        if offset not in (0, self._size) or self._after_plain:
            return False
        return len(found[3]) > 1 or _PAIR.fullmatch(after.split()[0]) is not None

    def _dump_line(self, offset: int, text: str) -> bytes:
        filled = b""
        if offset == 0 and not self._repeating:
            self._size = 0
        if self._repeating:
            filled = self._repeated(offset)
        elif offset != self._size:
            raise InputError(
                f"line {self._line}: the dump goes on at offset {offset:#x} after {self._size:#x} octets"
            )
        self._after_plain = False
        octets = self._plain(_hex_column(text))
        self._last = octets
        self._size = offset + len(octets)
        return filled + octets

    def _repeated(self, offset: int) -> bytes:
        """What a `*` in a dump left out."""
        self._repeating = False
        size = offset - self._size
        if not self._last or size < 0 or size % len(self._last) or size > REPEAT_SIZE_MAX:
            raise InputError(f"line {self._line}: offset {offset:#x} does not fit the * before it")
        return self._last * (size // len(self._last))

    def _plain(self, text: str) -> bytes:
        words = text.split()
        for word in words:
            if not _GROUP.fullmatch(word):
                shown = word if len(word) <= 40 else f"{word[:40]}..."
                raise InputError(f"line {self._line}: not octets in hexadecimal: {shown!r}")
        return bytes.fromhex("".join(words))


def _hex_column(text: str) -> str:
    """A dump's line without its offset and without the column of characters."""
    if text.rstrip().endswith("|") and "|" in text.rstrip()[:-1]:
        return text[: text.index("|")]
    halves = _HALVES.match(text)
    if halves:
        return f"{halves[1]} {halves[2]}"
    return re.split(r"\s{2,}", text, maxsplit=1)[0]
