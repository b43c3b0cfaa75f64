"""Messages and faults for the tests of the farm."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from refjk.farm import PART_SIZE, FileMessage, Member, message_of, part_of

A, B = Member("tcp://a:4001", "a", 4001), Member("tcp://b:4001", "b", 4001)


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def part(
    octets: bytes, number: int, sender: Member = A, name: str = "shop.war", at_ms: int = 0
) -> FileMessage:
    piece = part_of(number, len(octets))
    message = message_of(
        piece,
        octets[piece.offset : piece.offset + piece.size],
        file_name=f"/watch/{name}",
        context_path="/" + name.removesuffix(".war"),
        size=len(octets),
    )
    return replace(message, sender=sender, timestamp_ms=at_ms)


def all_parts(octets: bytes, sender: Member = A, name: str = "shop.war") -> list[FileMessage]:
    return [part(octets, n + 1, sender, name) for n in range(len(octets) // PART_SIZE + 1)]


def mutations(octets: bytes, count: int, seed: int = 1) -> Iterator[bytes]:
    """Octets with a few of them changed, cut out, doubled or cut off."""
    chance = random.Random(seed)
    for _ in range(count):
        made = bytearray(octets)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(max(len(made), 1))
            deed = chance.randrange(5)
            if deed == 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            elif deed == 1:
                made[at : at + 1] = bytes([chance.choice([0, 1, 0x7F, 0x80, 0xFF])])
            elif deed == 2:
                del made[at : at + chance.randint(1, 8)]
            elif deed == 3:
                made[at:at] = made[at : at + chance.randint(1, 8)]
            else:
                del made[at:]
        yield bytes(made)
