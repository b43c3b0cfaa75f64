"""What typesetting does to a configuration that was copied out of a book, a journal or a web page."""

from __future__ import annotations

import re

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Place

# Those of Unicode, and of Windows-1252 where a file of that kind was read octet by octet.
_DOUBLE = "“”„‟«»″\x84\x93\x94"
_SINGLE = "‘’‚‛‹›′\x82\x91\x92"
_STRAIGHT = str.maketrans({**dict.fromkeys(_DOUBLE, '"'), **dict.fromkeys(_SINGLE, "'")})
_CURLY = re.compile(f"[{_DOUBLE}{_SINGLE}]")


def complain_of_curly_quotes(
    text: str, line: str, place: Place, name: str, complaints: Complaints, *, names_file: bool = False
) -> None:
    """Typographic quotes in `text`, a value in `line`.

    They are letters like any other to every version, so the value passes; only a file or folder of that
    name can hardly be meant, and the product ends where it cannot open it.
    """
    if not _CURLY.search(text):
        return
    complain = complaints.error if names_file else complaints.warning
    complain(
        place,
        name,
        f"typographic quotes in {shown(text)} are part of the value, they quote nothing",
        "CFG-PRN-01",
        remedy=f"write it with straight ones: {shown(straightened(line))}",
    )


def straightened(text: str) -> str:
    """The text with plain quotes in place of the typographic ones."""
    return text.translate(_STRAIGHT)
