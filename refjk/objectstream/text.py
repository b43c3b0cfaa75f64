"""Modified UTF-8: one to three octets for each UTF-16 unit, and never a zero octet."""

from __future__ import annotations

import re

from refjk.base.errors import Malformed

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_ZERO = b"\xc0\x80"


def decode_text(octets: bytes, offset: int) -> str:
    """Text of modified UTF-8; surrogates in pairs become one character, others stay alone.

    Raises `Malformed` at the place, `offset` being that of the first octet. OBS-STR-01
    """
    if octets.isascii():
        zero = octets.find(0)
        if zero >= 0:
            raise _no_text(octets, zero, offset)
        return octets.decode("ascii")
    plain = octets.replace(_ZERO, b"\0")
    zeros = octets.count(0)
    if zeros:
        raise _no_text(octets, octets.index(0), offset)
    try:
        text = plain.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise _no_text(octets, error.start + plain.count(0, 0, error.start), offset) from None
    if octets.translate(None, _FOUR_OCTETS) != octets:
        place = next(at for at, octet in enumerate(octets) if octet in _FOUR_OCTETS)
        raise _no_text(octets, place, offset)
    if 0xED in octets:
        text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    return text


def encode_text(text: str) -> bytes:
    """The inverse of `decode_text`."""
    if not text.isascii():
        text = _ASTRAL.sub(_as_surrogates, text)
    return text.encode("utf-8", "surrogatepass").replace(b"\0", _ZERO)


_FOUR_OCTETS = bytes(range(0xF0, 0x100))


def _as_surrogates(match: re.Match[str]) -> str:
    beyond = ord(match[0]) - 0x10000
    return chr(0xD800 | beyond >> 10) + chr(0xDC00 | beyond & 0x3FF)


def _no_text(octets: bytes, place: int, offset: int) -> Malformed:
    return Malformed(
        "OBS-STR-02",
        offset=offset + place,
        expected="a character in its shortest form of modified UTF-8",
        actual=octets[place : place + 3].hex(" "),
    )
