"""Datagrams with a key."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest

from refjk.base.errors import InputError, LocalProtocolError, Malformed
from refjk.membership import Authenticator
from refjk.speccheck import covers

KEY = bytes(range(16))
NOW_MS = 1_700_000_000_000


@covers("MEM-AUT-02")
def test_the_trailer_has_mark_time_and_tag() -> None:
    signed = Authenticator(KEY).sign(b"datagram", NOW_MS)
    before = b"datagram" + b"refjkmac" + NOW_MS.to_bytes(8, "big")
    tag = hmac.new(KEY, b"refjk membership datagram 1\0" + before, hashlib.sha256).digest()
    assert signed == before + tag
    assert len(signed) == len(b"datagram") + Authenticator(KEY).overhead
    assert Authenticator(KEY).verify(signed, NOW_MS) == b"datagram"


@covers("MEM-AUT-03")
def test_one_changed_bit_anywhere_is_refused() -> None:
    signed = Authenticator(KEY).sign(b"abc", NOW_MS)
    for position in range(len(signed)):
        changed = bytearray(signed)
        changed[position] ^= 1
        with pytest.raises(Malformed, match=r"MEM-AUT-0[38]"):
            Authenticator(KEY).verify(bytes(changed), NOW_MS)
    with pytest.raises(Malformed, match="MEM-AUT-03"):
        Authenticator(KEY[::-1]).verify(signed, NOW_MS)


@covers("MEM-AUT-08")
def test_an_unsigned_or_short_datagram_is_refused() -> None:
    for octets in (b"", b"x" * 47, b"x" * 48, b"x" * 200):
        with pytest.raises(Malformed, match="MEM-AUT-08"):
            Authenticator(KEY).verify(octets, NOW_MS)


@covers("MEM-AUT-04")
@pytest.mark.parametrize("sign", [1, -1])
def test_the_time_may_be_a_window_away_and_no_more(sign: int) -> None:
    signed = Authenticator(KEY).sign(b"abc", NOW_MS)
    assert Authenticator(KEY, window_ms=500).verify(signed, NOW_MS + sign * 500) == b"abc"
    with pytest.raises(Malformed, match="MEM-AUT-04"):
        Authenticator(KEY, window_ms=500).verify(signed, NOW_MS + sign * 501)


@covers("MEM-AUT-05")
def test_a_datagram_is_taken_once() -> None:
    checker, signed = Authenticator(KEY), Authenticator(KEY).sign(b"abc", NOW_MS)
    assert checker.verify(signed, NOW_MS) == b"abc"
    with pytest.raises(Malformed, match="MEM-AUT-05"):
        checker.verify(signed, NOW_MS + 1)
    assert checker.verify(Authenticator(KEY).sign(b"abc", NOW_MS + 1), NOW_MS + 1) == b"abc"


@covers("MEM-AUT-06")
def test_what_is_forgotten_for_lack_of_room_is_refused_by_its_time() -> None:
    signer, checker = Authenticator(KEY), Authenticator(KEY, remembered_max=3)
    datagrams = [signer.sign(b"%d" % number, NOW_MS + number) for number in range(6)]
    for datagram in datagrams:
        checker.verify(datagram, NOW_MS)
    for datagram in datagrams:
        with pytest.raises(Malformed, match="MEM-AUT-05"):
            checker.verify(datagram, NOW_MS)


@covers("MEM-AUT-07")
def test_a_short_key_is_refused() -> None:
    assert Authenticator(b"x" * 16).overhead == 48
    with pytest.raises(InputError, match="15 octets; 16 is the least"):
        Authenticator(b"x" * 15)
    with pytest.raises(LocalProtocolError):
        Authenticator(KEY).sign(b"", -1)


def test_any_octets_are_refused_as_malformed() -> None:
    chance, checker = random.Random(9), Authenticator(KEY)
    for _ in range(2000):
        with pytest.raises(Malformed):
            checker.verify(chance.randbytes(chance.randrange(120)), NOW_MS)
