"""Octets that nobody meant: decoders raise `Malformed` and managers nothing, whatever comes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from refjk.base.errors import Malformed
from refjk.session import (
    ORIGINAL,
    REPAIRED,
    AttributeCodecs,
    EventType,
    ManagerSettings,
    MemberAddress,
    Rules,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    decode_all_sessions,
    decode_delta_request,
    decode_message,
    decode_session,
)
from tests.session.support import CART_CODEC, CONTEXT, START_MS

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"
SIZE_MAX = 3000
MUTANTS = 6
CODECS = AttributeCodecs([CART_CODEC])

DECODERS: list[tuple[str, Callable[[bytes], object]]] = [
    ("delta-request", lambda octets: decode_delta_request(octets, CODECS)),
    ("delta-session-555", lambda octets: decode_session(octets, 5, CODECS)),
    ("delta-session-559", lambda octets: decode_session(octets, 9, CODECS)),
    ("all-session-data-555", lambda octets: decode_all_sessions(octets, 5, CODECS)),
    ("all-session-data-559", lambda octets: decode_all_sessions(octets, 9, CODECS)),
    ("session-message-555", decode_message),
    ("session-message-5536", decode_message),
    ("session-id-message-5536", decode_message),
    ("single-sign-on-message", decode_message),
]


def recorded(name: str) -> list[bytes]:
    vectors = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["vectors"]
    octets = [bytes.fromhex(vector["hex"]) for vector in vectors if "hex" in vector]
    return [one for one in octets if len(one) <= SIZE_MAX]


def mutated(octets: bytes, chance: random.Random) -> bytes:
    changed = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        kind = chance.randrange(5)
        if kind == 0:
            changed[place] = chance.randrange(256)
        elif kind == 1:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del changed[place : place + chance.randint(1, 8)]
        elif kind == 3:
            changed[place:place] = chance.randbytes(chance.randint(1, 8))
        else:
            source = chance.randrange(len(changed))
            changed[place:place] = changed[source : source + chance.randint(1, 40)]
        if not changed:
            return b""
    return bytes(changed)


@pytest.mark.parametrize(("name", "decode"), DECODERS, ids=[name for name, _ in DECODERS])
def test_any_octets_are_read_or_refused(name: str, decode: Callable[[bytes], object]) -> None:
    chance = random.Random(name)
    refused = read = 0
    for octets in recorded(name):
        mutants = [mutated(octets, chance) for _ in range(MUTANTS * 4)]
        for mutant in [*mutants, *(octets[:cut] for cut in range(0, len(octets), 13))]:
            try:
                decode(mutant)
                read += 1
            except Malformed:
                refused += 1
    assert refused > 50
    assert refused > read / 4


@pytest.mark.parametrize("rules", [REPAIRED, ORIGINAL], ids=["refjk", "original"])
@pytest.mark.parametrize("event", [1, 2, 3, 4, 12, 13, 14, 15, 99])
def test_no_message_makes_a_manager_raise(event: int, rules: Rules) -> None:
    chance = random.Random(event)
    asked = MemberAddress("tcp://x", "h", 1)
    deltas, states = recorded("delta-request"), recorded("all-session-data-555")
    for octets in deltas + states:
        manager = SessionManager(ManagerSettings(CONTEXT, rules=rules), lambda: f"{chance.random()}", CODECS)
        if chance.random() < 0.5:
            manager.start([asked], START_MS)
        for _ in range(MUTANTS):
            session_id = chance.choice(["A3F50C1D2E9B48760011223344556677", None, "", "OTHER"])
            made = mutated(octets, chance) if chance.random() < 0.8 else octets
            for kind in (EventType.CREATED, event):
                manager.receive(SessionMessage(kind, CONTEXT, session_id, made, "u", 0, asked), START_MS)
            manager.receive(SessionIdMessage(session_id, chance.choice([None, "N"]), CONTEXT), START_MS)
            manager.pass_time(START_MS + chance.randrange(10**6))
            manager.expire_idle(START_MS + chance.randrange(10**7))
        assert len(manager) <= 100
