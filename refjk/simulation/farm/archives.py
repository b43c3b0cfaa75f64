"""Stand-ins for archives: a checksum, then octets that tell which application and version they are."""

from __future__ import annotations

import functools
import hashlib
import random
from dataclasses import dataclass
from enum import Enum

from refjk.base.errors import Malformed
from refjk.farm import WebApplication

_SUM_SIZE = 32
SIZE_MIN = 200  # octets; the words of a version and what makes it another one


class Flaw(Enum):
    """What is wrong with a version."""

    NONE = "sound"
    BROKEN = "broken"  # no check of an archive lets it pass
    LAME = "lame"  # a sound archive whose application does not start


@dataclass(frozen=True, slots=True)
class Judged:
    """An archive that passed. `version` and `flaw` are what its octets say."""

    size: int
    digest: bytes
    application: WebApplication
    version: str
    flaw: Flaw


def make_archive(application: str, version: str, size: int, flaw: Flaw = Flaw.NONE) -> bytes:
    """Two versions of one application and size differ at both ends only: mixtures of them are easily made."""
    head = f"{application} {version} {flaw.value}\n".encode()
    tail = hashlib.sha256(head).digest()
    middle = random.Random(f"{application} {size}").randbytes(size - _SUM_SIZE - len(head) - len(tail))
    body = head + middle + tail
    checksum = hashlib.sha256(body).digest()
    return (checksum if flaw is not Flaw.BROKEN else bytes(_SUM_SIZE)) + body


@functools.lru_cache(maxsize=200)
def judge(octets: bytes) -> Judged:
    """What a check of the whole archive comes to. Raises `Malformed`."""
    body = octets[_SUM_SIZE:]
    if hashlib.sha256(body).digest() != octets[:_SUM_SIZE]:
        raise Malformed("FAR-ARC-10", offset=0, expected="a whole archive", actual=_none(octets))
    _, version, flaw = _words(octets)
    digest = hashlib.sha256(octets).digest()
    return Judged(len(octets), digest, WebApplication("shop", "application"), version, Flaw(flaw))


def describe(octets: bytes) -> str:
    """The version for people: `v1`, or what is wrong with it."""
    try:
        return judge(octets).version
    except Malformed:
        return _none(octets)


def _none(octets: bytes) -> str:
    return f"{len(octets)} octets that are no archive"


def _words(octets: bytes) -> tuple[str, str, str]:
    head, _, _ = octets[_SUM_SIZE:].partition(b"\n")
    application, version, flaw = head.decode().split(" ")
    return application, version, flaw
