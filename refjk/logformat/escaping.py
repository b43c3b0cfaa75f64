"""Text from others as something that fits a line of a log."""

from __future__ import annotations

import re
from collections.abc import Callable

Escape = Callable[[str], str]

_HARMLESS = re.compile(r"[ !#-\[\]-~]*", re.ASCII).fullmatch
_PRINTABLE = re.compile(r"[ -~]*", re.ASCII).fullmatch
_SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 13: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


def _table(kept: Callable[[int], bool], short: dict[int, str]) -> tuple[str, ...]:
    return tuple(chr(o) if kept(o) else short.get(o, f"\\x{o:02x}") for o in range(256))


def _is_harmless(octet: int) -> bool:
    return 0x20 <= octet < 0x7F and octet not in (0x22, 0x5C)


# LOG-ACC-02
_AS_HTTPD = _table(_is_harmless, _SHORT)
# WSG-LOG-02
_AS_HEX = _table(_is_harmless, {})
# LOG-LIN-05
_PRINTED = _table(lambda octet: 0x20 <= octet < 0x7F, {})


def as_httpd(text: str) -> str:
    """As httpd writes it: `\\"`, `\\\\`, `\\n` and the like, other octets as `\\xNN`."""
    return text if _HARMLESS(text) else "".join([_AS_HTTPD[octet] for octet in _octets(text)])


def as_hex(text: str) -> str:
    """Everything that could end a line or a quoted item as `\\xNN`."""
    return text if _HARMLESS(text) else "".join([_AS_HEX[octet] for octet in _octets(text)])


def printed(text: str) -> str:
    """What is not printable ASCII as `\\xNN`; quotes and backslashes stay."""
    return text if _PRINTABLE(text) else "".join([_PRINTED[octet] for octet in _octets(text)])


def _octets(text: str) -> bytes:
    """Octets that were read as latin-1; text that is more than that, as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
