"""Valid octets made slightly wrong: few changes, where they hurt, from one random source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

INTERESTING_OCTETS = b"\x00\x01\x02\x03\x04\x05\x06\x09\x0a\x0d\x12\x34\x41\x42\x7f\x80\xa0\xfe\xff"
INTERESTING_NUMBERS = (0, 1, 2, 4, 0x1FFA, 0x1FFC, 0x1FFD, 0x7FFF, 0x8000, 0xA000, 0xA00F, 0xFFFE, 0xFFFF)
INSERTED_MAX = 40
SLICE_MAX = 300


def _place(random: Random, data: bytearray) -> tuple[int, int]:
    start = random.randrange(len(data))
    return start, min(len(data), start + random.randint(1, SLICE_MAX if random.random() < 0.2 else 8))


def _flip(random: Random, data: bytearray, _: bytes) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _replace(random: Random, data: bytearray, _: bytes) -> None:
    data[random.randrange(len(data))] = random.choice(INTERESTING_OCTETS)


def _delete(random: Random, data: bytearray, _: bytes) -> None:
    start, end = _place(random, data)
    del data[start:end]


def _insert(random: Random, data: bytearray, _: bytes) -> None:
    at = random.randrange(len(data))
    data[at:at] = random.randbytes(random.randint(1, INSERTED_MAX))


def _duplicate(random: Random, data: bytearray, _: bytes) -> None:
    start, end = _place(random, data)
    data[end:end] = data[start:end]


def _truncate(random: Random, data: bytearray, _: bytes) -> None:
    del data[random.randrange(len(data)) :]


def _splice(random: Random, data: bytearray, other: bytes) -> None:
    if other:
        start = random.randrange(len(other))
        at = random.randrange(len(data))
        data[at:at] = other[start : start + random.randint(1, SLICE_MAX)]


def _number(random: Random, data: bytearray, _: bytes) -> None:
    """Two octets, as if they were a length: an interesting number, or one more or less."""
    at = random.randrange(len(data))
    if at + 2 <= len(data):
        now = int.from_bytes(data[at : at + 2], "big")
        numbers = (*INTERESTING_NUMBERS, now + 1, now - 1)
        data[at : at + 2] = (random.choice(numbers) & 0xFFFF).to_bytes(2, "big")


def _payload_length(random: Random, data: bytearray, _: bytes) -> None:
    """The length in the header of the first packet."""
    if len(data) >= 4:
        now = int.from_bytes(data[2:4], "big")
        data[2:4] = (random.choice((0, 0xFFFF, now + 1, now - 1)) & 0xFFFF).to_bytes(2, "big")


_CHANGES: tuple[Callable[[Random, bytearray, bytes], None], ...] = (
    _flip,
    _replace,
    _delete,
    _insert,
    _duplicate,
    _truncate,
    _splice,
    _number,
    _number,
    _payload_length,
)


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """`data` after one to four changes; `other` lends octets."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        if changed:
            random.choice(_CHANGES)(random, changed, other)
    return bytes(changed)


def mutated_packets(random: Random, packets: Sequence[bytes], other: Sequence[bytes]) -> list[bytes]:
    """Packets of which some are changed, lost, doubled, moved, glued to the next or strange."""
    found = list(packets)
    for _ in range(random.randint(0, 2)):
        at = random.randrange(len(found))
        change = random.randrange(4)
        if change == 0 and len(found) > 1:
            del found[at]
        elif change == 1:
            found.insert(at, found[at])
        elif change == 2:
            found.insert(random.randrange(len(found)), found.pop(at))
        else:
            found.insert(at, random.choice(other))
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(found))
        found[at] = mutated(random, found[at], random.choice(other))
    if len(found) > 1 and random.random() < 0.5:
        at = random.randrange(len(found) - 1)
        found[at : at + 2] = [found[at] + found[at + 1]]
    return found
