"""What mod_jk makes of a path that the server has decoded already.

The front needs none of it for its decisions: a canonical path is in order as it is.
"""

from __future__ import annotations

import re

from refjk.base.errors import Malformed

SESSION_NAME = b";jsessionid"

_SLASHES = re.compile(rb"//+")
_END_OF_PARAMETER = re.compile(rb"[/;]")


def cut_path(decoded: bytes) -> bytes:
    """What 1.2.7 compares: cut at the session parameter, runs of slashes made one, nothing else."""
    # MAP-DEC-01
    if not decoded.startswith(b"/"):
        return decoded
    return _SLASHES.sub(b"/", decoded.partition(SESSION_NAME)[0])


def resolve_path(decoded: bytes) -> bytes:
    """What 1.2.50 compares: no parameters, no empty and no dotted segments.

    Raises `Malformed` where it answers 400.
    """
    # MAP-DEC-02
    if decoded == b"*":
        return decoded
    # MAP-DEC-03
    if not decoded.startswith(b"/"):
        raise Malformed("MAP-DEC-03", offset=0, expected="/ or *", actual=repr(decoded[:1]))
    kept: list[bytes] = []
    name = b""
    offset = 1
    for segment in decoded[1:].split(b"/"):
        name = segment.partition(b";")[0]
        if name == b"..":
            # MAP-DEC-04
            if not kept:
                raise Malformed("MAP-DEC-04", offset=offset, expected="a path below /", actual=repr(segment))
            kept.pop()
        elif name not in (b"", b"."):
            kept.append(name)
        offset += len(segment) + 1
    closing = [b""] if name in (b"", b".", b"..") else []
    return b"/" + b"/".join([*kept, *closing])


def strip_session(path: bytes, name: bytes = SESSION_NAME) -> bytes:
    """What JkStripSession makes of a path that belongs to nobody."""
    # MAP-SSN-01
    head, found, tail = path.partition(name)
    if not found:
        return path
    end = _END_OF_PARAMETER.search(tail)
    return head if end is None else head + tail[end.start() :]
