"""Announcements of Tomcat 5.5 as octets."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.membership import Announcement, Layout, Tomcat55Membership
from refjk.speccheck import covers
from refjk.vectors import play, read_document

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "tomcat-5.5"

PLAIN = Tomcat55Membership()
DOMAIN = Tomcat55Membership(Layout.DOMAIN, domain=b"prod")

PLAIN_OCTETS = bytes.fromhex("00000000000003e8 00000fa1 7f000001") + b"tcp://127.0.0.1:4001"
DOMAIN_OCTETS = (
    bytes.fromhex("00000000000003e8 00000fa1 7f000001 00000014")
    + b"tcp://127.0.0.1:4001"
    + bytes.fromhex("00000004")
    + b"prod"
)


@covers("MEM-DAT-01", "MEM-DAT-02", "MEM-DAT-05", "MEM-DAT-06", "MEM-DAT-07")
@pytest.mark.parametrize("name", ["mcast-member-555", "mcast-member-domain"])
def test_recorded_datagrams_are_read_and_written(name: str) -> None:
    played = play(read_document((VECTORS / f"{name}.json").read_text("utf-8")))
    assert (played.passed >= 30, played.failed, played.differences) == (True, 0, ())


@covers("MEM-DAT-01", "MEM-DAT-02", "MEM-DAT-03")
@pytest.mark.parametrize(("dialect", "octets"), [(PLAIN, PLAIN_OCTETS), (DOMAIN, DOMAIN_OCTETS)])
def test_a_node_announces_itself_in_both_layouts(dialect: Tomcat55Membership, octets: bytes) -> None:
    own = replace(dialect.introduce("127.0.0.1", 4001), alive_ms=1000)
    assert own.name == own.identity == b"tcp://127.0.0.1:4001"
    assert dialect.encode(own) == octets
    assert dialect.decode(octets) == own


@covers("MEM-DAT-04")
def test_an_address_that_does_not_fit_is_not_announced() -> None:
    with pytest.raises(LocalProtocolError, match="IPv4 only"):
        PLAIN.introduce("::1", 4001)
    with pytest.raises(LocalProtocolError, match="not an IP address"):
        PLAIN.introduce("localhost", 4001)


@covers("MEM-DAT-05")
def test_fifteen_octets_are_too_few_and_sixteen_are_a_member_without_a_name() -> None:
    with pytest.raises(Malformed, match="MEM-DAT-05 at octet 15"):
        PLAIN.decode(PLAIN_OCTETS[:15])
    assert PLAIN.decode(PLAIN_OCTETS[:16]).name == b""


@covers("MEM-DAT-06", "MEM-DAT-07")
def test_sizes_must_stay_within_the_datagram_and_what_follows_the_domain_is_ignored() -> None:
    for cut in range(16, len(DOMAIN_OCTETS)):
        with pytest.raises(Malformed, match="MEM-DAT-06"):
            DOMAIN.decode(DOMAIN_OCTETS[:cut])
    for size in ("ffffffff", "7fffffff", "00000015"):
        with pytest.raises(Malformed, match="MEM-DAT-06"):
            DOMAIN.decode(DOMAIN_OCTETS[:16] + bytes.fromhex(size) + DOMAIN_OCTETS[20:39])
    assert DOMAIN.decode(DOMAIN_OCTETS + b"more") == DOMAIN.decode(DOMAIN_OCTETS)


@covers("MEM-DAT-08")
def test_a_node_does_not_announce_more_than_is_read() -> None:
    dialect = Tomcat55Membership(Layout.DOMAIN, domain=b"d" * 956)
    assert len(dialect.encode(dialect.introduce("127.0.0.1", 4001))) == 1000
    with pytest.raises(LocalProtocolError, match="1001 octets; 1000 are read"):
        Tomcat55Membership(Layout.DOMAIN, domain=b"d" * 957).introduce("127.0.0.1", 4001)


@covers("MEM-DAT-01")
def test_numbers_that_do_not_fit_are_not_written() -> None:
    for alive_ms, port in ((1 << 63, 1), (0, 1 << 31)):
        with pytest.raises(LocalProtocolError, match="out of range"):
            PLAIN.encode(Announcement(b"a", b"a", bytes(4), port, alive_ms))


@covers("MEM-DAT-09")
@pytest.mark.parametrize("dialect", [PLAIN, DOMAIN])
def test_any_octets_are_read_or_malformed(dialect: Tomcat55Membership) -> None:
    chance = random.Random(55)
    base = dialect.encode(dialect.introduce("127.0.0.1", 4001))
    read = 0
    for _ in range(3000):
        octets = bytearray(base if chance.random() < 0.7 else chance.randbytes(chance.randrange(80)))
        for _ in range(chance.randrange(4)):
            if octets:
                octets[chance.randrange(len(octets))] = chance.randrange(256)
        try:
            announcement = dialect.decode(bytes(octets))
        except Malformed:
            continue
        read += 1
        assert dialect.decode(dialect.encode(announcement)) == announcement
    assert read > 100
