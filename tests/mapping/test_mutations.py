"""Rules at random and paths written in every way that somebody could think of, to slip past an exclusion.

Each seed is a run of its own; its number is in the name of the test and in every message.
"""

from __future__ import annotations

import posixpath
import random
from urllib.parse import unquote_to_bytes

import pytest

from refjk.base.errors import Malformed
from refjk.mapping import Mapper127, Mapper1250, Mount, Rule, UriForm, canonicalise_path, uri_to_forward
from refjk.mapping.path import CanonicalPath
from refjk.speccheck import covers

SEEDS = range(8)
ROUNDS = 60
NAMES = ("app", "admin", "pub", "a.b", "x y", "ä", "WEB-INF", "...", "a;b", "%2e", "jk-status")
WORKERS = ("w", "v")

# Octets with which a path is spoiled; what becomes of each is told by the invariants, not here.
BITS = (
    *(b"/", b"//", b"/./", b"/../", b"/.", b"/..", b".", b"..", b"\\", b"\\..\\", b"/..\\", b"%", b"%%"),
    *(b"%2e", b"%2E%2e", b"%252e%252e", b"%25252e", b"%2f", b"%252f", b"%5c", b"%255c", b"%00", b"\0"),
    *(b";", b";x=1", b";jsessionid=1.n", b"%3b", b"%253b", b"/;", b"/..;", b"/..;/", b"/.;/", b"/;/../"),
    *(b"?", b"%3f", b"#", b"%23", b" ", b"%20", b"+", b"\t", b"%0a", b"%0d%0a", b"\x7f", b"\xff"),
    # Overlong and otherwise broken UTF-8 for / . and \, full-width forms, the IIS way of writing them.
    *(
        b"\xc0\xaf",
        b"%c0%af",
        b"%c0%ae%c0%ae",
        b"%e0%80%af",
        b"%c1%9c",
        b"%u002f",
        b"%uff0e",
        b"\xef\xbc\x8f",
    ),
)

# What CVE-2018-11759 and its relatives were about; {} is the excluded path.
SHAPES = (
    *("{};", "{};x", "{};x=1;y=2", ";x{}", "/;x{}", "/{}", "//{}", "/.{}", "/./{}", "/.;{}", "/x/..{}"),
    *("/x/..;{}", "/x/..;y=1{}", "/x;/..;{}", "/%2e{}", "/x/%2e%2e{}", "/x/%2E%2e;z{}", "{}/.", "{}/./"),
    *("{}/x/..", "{}/x/..;", "{}//", "{}/;", "{}%20", "{}%00", "{}%3b", "{}%3bx", "{}%2f", "{}%5c", "{}\\"),
    *("{}.", "{}%2e", "{}/..%2f", "/..{}", "/%2e%2e{}", "/x/../..{}", "/%252e%252e{}", "{}/%252e%252e"),
)


def rules(chance: random.Random) -> list[Mount]:
    """Mounts of whole trees with some exclusions below them."""
    made: list[Mount] = [Rule("/*", chance.choice(WORKERS), None)] if chance.random() < 0.3 else []
    for _ in range(chance.randint(1, 5)):
        tree = "/" + "/".join(chance.choices(NAMES, k=chance.randint(1, 2)))
        made += [Rule(tree + tail, chance.choice(WORKERS), None) for tail in ("", "/*")]
        if chance.random() < 0.7:
            below = tree + "/" + chance.choice(NAMES)
            made += [Rule(below + tail, made[-1].worker, None, exclude=True) for tail in ("", "/*")]
    return made


def spelled(path: bytes, chance: random.Random) -> bytes:
    """Another way of writing a canonical path, which means the same by RFC 3986 and servlet containers."""
    raw = b""
    names = path[1:].split(b"/")
    for number, name in enumerate(names):
        raw += chance.choice(
            (b"/", b"/", b"//", b"/./", b"/.;p/", b"/%2e/", b"/gone/../", b"/gone;q/%2E.;r/")
        )
        for octet in name:
            is_odd = octet in b"%;?\\ " or octet > 0x7E or octet < 0x21
            as_escape = b"%%%02x" % octet if chance.random() < 0.5 else b"%%%02X" % octet
            raw += as_escape if is_odd or chance.random() < 0.3 else bytes([octet])
        if name or number < len(names) - 1:
            raw += chance.choice((b"", b"", b";", b";v=1", b";jsessionid=A.n1;%41=%20"))
    return raw


def spoiled(raw: bytes, chance: random.Random) -> bytes:
    """Insertions, deletions, other octets, escapes, double escapes, other letter case, dots at the end."""
    octets = bytearray(raw)
    for _ in range(chance.randint(1, 5)):
        at = chance.randint(0, len(octets))
        way = chance.randrange(7)
        if way <= 1:
            octets[at:at] = chance.choice(BITS)
        elif way == 2:
            del octets[at : at + chance.randint(1, 3)]
        elif way == 3 and at < len(octets):
            octets[at] = chance.randrange(256)
        elif way == 4 and at < len(octets):
            escape = b"%%%02X" % octets[at]
            octets[at : at + 1] = chance.choice((escape, escape.lower(), b"%25" + escape[1:]))
        elif way == 5:
            octets[:at] = octets[:at].swapcase()
        else:
            octets += chance.choice((b".", b"..", b"...", b" ", b"/"))
    return bytes(octets)


def read_by_a_container(uri: bytes) -> bytes:
    """Another hand's reading: parameters off, decoded once, resolved as a file system does."""
    names = [unquote_to_bytes(segment.partition(b";")[0]) for segment in uri.split(b"/")]
    read = b"/" + posixpath.normpath(b"/".join(names)).lstrip(b"/")
    return read + b"/" if names[-1] in (b"", b".", b"..") and read != b"/" else read


def forbidden_workers(made: list[Mount], path: bytes) -> set[str]:
    """Whose a path must not be: those whose exclusion it lies under, asked without any pattern matching."""
    return {
        rule.worker
        for rule in made
        if rule.exclude
        and (path == rule.octets or (rule.pattern.endswith("/*") and path.startswith(rule.octets[:-1])))
    }


def check(raw: bytes, made: list[Mount], where: str) -> CanonicalPath | None:
    """All that must hold for any octets at all; None when they are refused."""
    try:
        canonical = canonicalise_path(raw)
    except Malformed as refusal:
        assert refusal.clause.startswith("MAP-NRM-") and 0 <= refusal.offset <= len(raw), where
        return None
    # The forwarded URI is read as the path that was judged, by another hand, and once more changes nothing.
    assert read_by_a_container(canonical.uri) == canonical.path, where
    assert canonicalise_path(canonical.uri) == canonical, where
    # Nor does a reader that decodes before it looks for parameters find a dotted segment.
    late = [name.partition(b";")[0] for name in canonical.path.split(b"/")]
    assert b"." not in late and b".." not in late, where
    for form in UriForm:
        try:
            forwarded = uri_to_forward(form, canonical, raw)
        except Malformed as refusal:
            assert (form, refusal.clause) == (UriForm.COMPAT, "MAP-FWD-07"), where
        else:
            assert canonicalise_path(forwarded).path == canonical.path, where
    again = canonicalise_path(canonical.uri).path
    forbidden = forbidden_workers(made, canonical.path)
    for mapper in (Mapper1250(made), Mapper127(made)):
        match, twice = mapper.map(canonical.path), mapper.map(again)
        assert (match and match.rule) == (twice and twice.rule), where
        assert match is None or match.worker not in forbidden, where
        # What 1.2.50 itself makes of a canonical path changes nothing where no name holds a semicolon.
        if b";" not in canonical.path:
            assert Mapper1250.normalise(canonical.path) == canonical.path, where
    return canonical


def start(made: list[Mount], chance: random.Random) -> bytes:
    """A canonical path at or below a rule of the set."""
    base = chance.choice(made).octets.removesuffix(b"*").rstrip(b"/")
    return base + chance.choice((b"", b"/", b"/x", b"/pub/a.b", b"/x/")) or b"/"


@covers("MAP-NRM-08", "MAP-NRM-09", "MAP-EXC-02", "MAP-EXC-01", "MAP-FWD-01")
@pytest.mark.parametrize("seed", SEEDS)
def test_every_spelling_of_a_path_is_that_path(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    excluded = 0
    for number in range(ROUNDS):
        made = rules(chance)
        for _ in range(10):
            path = start(made, chance)
            raw = spelled(path, chance)
            where = f"seed {seed}, round {number}: {raw!r} for {path!r} by {[str(rule) for rule in made]}"
            canonical = check(raw, made, where)
            assert canonical is not None and canonical.path == path, where
            excluded += bool(forbidden_workers(made, path))
    assert excluded > ROUNDS


@covers("MAP-NRM-02", "MAP-NRM-03", "MAP-NRM-04", "MAP-NRM-05", "MAP-NRM-06", "MAP-FWD-07", "MAP-EXC-02")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_spoiled_path_is_refused_or_means_one_thing(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(1000 + seed)
    kept = refused = 0
    for number in range(ROUNDS):
        made = rules(chance)
        for _ in range(10):
            raw = spoiled(spelled(start(made, chance), chance), chance)
            where = f"seed {seed}, round {number}: {raw!r} by {[str(rule) for rule in made]}"
            if check(raw, made, where) is None:
                refused += 1
            else:
                kept += 1
    assert kept > ROUNDS and refused > ROUNDS


@covers("MAP-NRM-09", "MAP-NRM-10", "MAP-EXC-02", "MAP-EXC-01")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_shape_does_not_reach_what_is_excluded(shape: str) -> None:
    made: list[Mount] = [Rule("/*", "w", None)]
    made += [Rule("/jk-status" + tail, "w", None, exclude=True) for tail in ("", "/*")]
    raw = shape.format("/jk-status").encode()
    canonical = check(raw, made, repr(raw))
    if canonical is None:
        return
    read = read_by_a_container(canonical.uri)
    is_excluded = read == b"/jk-status" or read.startswith(b"/jk-status/")
    for mapper in (Mapper1250(made), Mapper127(made)):
        assert (mapper.map(canonical.path) is None) == is_excluded, raw


@covers("MAP-NRM-02", "MAP-NRM-05")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_octets_at_all_make_the_canonical_form_fail_otherwise(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(2000 + seed)
    made = rules(chance)
    for _ in range(1_000):
        raw = chance.choice((b"", b"/", b"/app/")) + chance.randbytes(chance.randint(0, 24))
        check(raw, made, f"seed {seed}: {raw!r}")
