"""Datagrams that only holders of a key can make: an extension of refjk's own, off by default.

datagram | mark (8) | ms since 1970 (8) | HMAC (SHA-256) of all before it (32)
"""

from __future__ import annotations

import hmac
from collections import OrderedDict

from refjk.base.errors import InputError, LocalProtocolError, Malformed

KEY_SIZE_MIN = 16
WINDOW_MS = 10_000
REMEMBERED_MAX = 4096

MARK = b"refjkmac"
_TAG_SIZE = 32
TRAILER_SIZE = len(MARK) + 8 + _TAG_SIZE
_CONTEXT = b"refjk membership datagram 1\0"  # the same key is of no use for anything else


class Authenticator:
    """Signs datagrams and checks those of others.

    A datagram is taken once, and only while its time is within `window_ms` of the own clock. Raises
    `InputError` for a key of fewer than 16 octets (MEM-AUT-07).
    """

    def __init__(
        self, key: bytes, *, window_ms: int = WINDOW_MS, remembered_max: int = REMEMBERED_MAX
    ) -> None:
        if len(key) < KEY_SIZE_MIN:
            raise InputError(f"the key of the membership has {len(key)} octets; {KEY_SIZE_MIN} is the least")
        self._key = key
        self._window_ms = window_ms
        self._remembered_max = remembered_max
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._floor_ms: int | None = None

    @property
    def overhead(self) -> int:
        """Octets that a datagram grows by."""
        return TRAILER_SIZE

    def sign(self, datagram: bytes, wall_ms: int) -> bytes:
        """The datagram with its trailer; `wall_ms` since 1970. MEM-AUT-02"""
        if not 0 <= wall_ms < 1 << 63:
            raise LocalProtocolError(f"no time since 1970: {wall_ms}")
        signed = datagram + MARK + wall_ms.to_bytes(8, "big")
        return signed + self._tag(signed)

    def verify(self, octets: bytes, wall_ms: int) -> bytes:
        """The datagram without its trailer; raises `Malformed` and remembers nothing when it is refused."""
        start = len(octets) - TRAILER_SIZE
        if start < 0 or octets[start : start + len(MARK)] != MARK:
            raise Malformed("MEM-AUT-08", offset=max(start, 0), expected="a signed datagram", actual="none")
        signed, tag = octets[:-_TAG_SIZE], octets[-_TAG_SIZE:]
        if not hmac.compare_digest(self._tag(signed), tag):
            raise Malformed("MEM-AUT-03", offset=len(signed), expected="the key's tag", actual="another")
        made_ms = int.from_bytes(signed[-8:], "big")
        offset = len(signed) - 8
        if abs(made_ms - wall_ms) > self._window_ms:
            raise Malformed(
                "MEM-AUT-04",
                offset=offset,
                expected=f"a time within {self._window_ms} ms",
                actual=f"{made_ms - wall_ms:+d} ms",
            )
        if tag in self._seen or (self._floor_ms is not None and made_ms <= self._floor_ms):
            raise Malformed("MEM-AUT-05", offset=offset, expected="a new datagram", actual="one seen before")
        self._remember(tag, made_ms, wall_ms)
        return octets[:start]

    def _remember(self, tag: bytes, made_ms: int, wall_ms: int) -> None:
        """Forgets what the window refuses anyway; what room does not allow to keep raises the least time."""
        for old, old_ms in list(self._seen.items()):
            if wall_ms - old_ms <= self._window_ms:
                break
            del self._seen[old]
        self._seen[tag] = made_ms
        while len(self._seen) > self._remembered_max:  # MEM-AUT-06
            _, dropped_ms = self._seen.popitem(last=False)
            self._floor_ms = max(dropped_ms, -1 if self._floor_ms is None else self._floor_ms)

    def _tag(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, _CONTEXT + signed, "sha256")
