"""The canonical form of a request path: decided on decoded once, forwarded encoded anew.

What is judged and what is sent come from the same segments, so that a worker cannot see another path than
the one that was allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from refjk.base.errors import Malformed

# Octets that need no escape in a segment: `pchar` of RFC 3986 without the semicolon, which begins parameters.
_PLAIN = rb"A-Za-z0-9\-._~!$&'()*+,=:@"
_TO_ESCAPE = re.compile(rb"[^" + _PLAIN + rb"]")
# Most paths are canonical as they come: no escape, no parameter, no empty or dotted segment.
_CANONICAL = re.compile(rb"(?:/(?!\.)[" + _PLAIN + rb"]+)*/?")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SUSPECT = re.compile(rb"[\x00\\?]|%(?:[0-9A-Fa-f]{2})?")
_REFUSED = {
    b"%": "MAP-NRM-02",
    b"%2f": "MAP-NRM-03",
    b"\\": "MAP-NRM-04",
    b"%5c": "MAP-NRM-04",
    b"\0": "MAP-NRM-05",
    b"%00": "MAP-NRM-05",
    b"?": "MAP-NRM-07",
}


@dataclass(frozen=True, slots=True)
class CanonicalPath:
    """`path` is decoded, without parameters, and decides; `uri` is what a worker gets."""

    path: bytes
    uri: bytes


def canonicalise_path(raw: bytes) -> CanonicalPath:
    """Both forms of a request path as it came, without query; raises `Malformed` (the answer is 400)."""
    if _CANONICAL.fullmatch(raw) and raw:
        return CanonicalPath(raw, raw)
    _refuse_forbidden(raw)
    segments = _resolve(raw)
    path = b"/" + b"/".join([name for name, _ in segments])
    uri = b"/" + b"/".join([_escape(name) + parameters for name, parameters in segments])
    return CanonicalPath(path, uri)


def normalise_path(raw: bytes) -> bytes:
    """The path to decide on; raises `Malformed` as `canonicalise_path` does."""
    return canonicalise_path(raw).path


def forwarded_uri(raw: bytes) -> bytes:
    """The path to forward; raises `Malformed` as `canonicalise_path` does."""
    return canonicalise_path(raw).uri


def _refuse_forbidden(raw: bytes) -> None:
    if not raw.startswith(b"/"):
        raise Malformed("MAP-NRM-01", offset=0, expected="/", actual=repr(raw[:1]))
    for suspect in _SUSPECT.finditer(raw):
        clause = _REFUSED.get(suspect.group().lower())
        if clause is not None:
            at = suspect.start()
            raise Malformed(
                clause, offset=at, expected="an octet or escape for a path", actual=repr(raw[at : at + 3])
            )


def _resolve(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Segments as (decoded name, encoded parameters); the last one is empty for a closing slash."""
    kept: list[tuple[bytes, bytes]] = []
    closing: bytes | None = None
    offset = 1
    for segment in raw[1:].split(b"/"):
        # MAP-NRM-09: only a semicolon that is not escaped begins parameters.
        raw_name, *raw_parameters = segment.split(b";")
        name = _decode(raw_name)
        parameters = b"".join([b";" + _escape(_decode(text)) for text in raw_parameters])
        # MAP-NRM-08, MAP-FWD-02: what vanishes at the end leaves its slash, an empty segment its parameters.
        closing = parameters if name == b"" else b"" if name in (b".", b"..") else None
        if name == b"..":
            if not kept:
                raise Malformed("MAP-NRM-06", offset=offset, expected="a path below /", actual=repr(segment))
            kept.pop()
        elif closing is None:
            if name.partition(b";")[0] in (b".", b".."):
                raise Malformed("MAP-NRM-10", offset=offset, expected="a plain segment", actual=repr(segment))
            kept.append((name, parameters))
        offset += len(segment) + 1
    return kept if closing is None else [*kept, (b"", closing)]


def _decode(text: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), text) if b"%" in text else text


def _escape(text: bytes) -> bytes:
    # MAP-FWD-01
    return _TO_ESCAPE.sub(lambda octet: b"%%%02X" % octet.group()[0], text)
