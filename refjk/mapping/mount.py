"""One mount: a pattern and the worker it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from refjk.base.errors import InputError


class MountKind(Enum):
    """How a pattern is compared."""

    EXACT = "exact"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Mount:
    """`base` is the path itself (exact) or the path up to and with the slash before the star (context)."""

    pattern: str
    worker: str
    kind: MountKind
    base: bytes


def parse_mount(text: str) -> Mount:
    """A mount from `PATTERN=WORKER`; raises `InputError` that names the text and what is wrong with it."""
    pattern, equals, worker = (part.strip() for part in text.partition("="))
    if not equals or not pattern or not worker:
        raise InputError(f"mount {text!r}: write it as PATTERN=WORKER, for example /app/*=balancer")
    # MAP-RUL-01
    if not pattern.startswith("/"):
        raise InputError(f"mount {text!r}: a pattern begins with /")
    # MAP-RUL-02
    if pattern.endswith("/*"):
        kind, base = MountKind.CONTEXT, pattern[:-1]
    else:
        kind, base = MountKind.EXACT, pattern
    if "*" in base or "?" in base:
        raise InputError(f"mount {text!r}: only exact patterns (/x) and context patterns (/x/*) are known")
    # MAP-RUL-03
    *inner, _ = base[1:].split("/")
    if "" in inner or {".", ".."} & set(base.split("/")) or "\\" in base or "\0" in base:
        raise InputError(f"mount {text!r}: no canonical path can match this pattern")
    return Mount(pattern, worker, kind, base.encode())
