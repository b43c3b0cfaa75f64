"""The indexed mappers against models that look at one rule after the other, and paths changed at random."""

from __future__ import annotations

import posixpath
import random
from collections.abc import Sequence
from functools import cache
from urllib.parse import unquote_to_bytes

import pytest

from refjk.base.errors import InputError, Malformed
from refjk.mapping import (
    Mapper127,
    Mapper1250,
    Mount,
    Rule,
    Source,
    UriForm,
    canonicalise_path,
    uri_to_forward,
)
from refjk.speccheck import covers
from tests.mapping.rules import mapper_127, mapper_1250

SEGMENTS = (
    "a",
    "b",
    "ab",
    "a.b",
    "x.jsp",
    "x.gif",
    ".b",
    "*",
    "?",
    "a*",
    "*.jsp",
    "*.b",
    "*b",
    "**",
    "a?b",
    "",
)
ENDS = ("", "/", ".", " ", "/a", ".jsp", ".jsp/", ".b.")


def pattern(chance: random.Random) -> str:
    return "/" + "/".join(chance.choices(SEGMENTS, k=chance.randint(1, 3)))


def path(chance: random.Random) -> bytes:
    plain = [segment.replace("*", "b").replace("?", "a") for segment in SEGMENTS]
    return ("/" + "/".join(chance.choices(plain, k=chance.randint(1, 4))) + chance.choice(ENDS)).encode()


def glob(wild: bytes, text: bytes) -> bool:
    @cache
    def at(i: int, j: int) -> bool:
        if i == len(wild):
            return j == len(text)
        if wild[i : i + 1] == b"*":
            return at(i + 1, j) or (j < len(text) and at(i, j + 1))
        return j < len(text) and wild[i : i + 1] in (b"?", text[j : j + 1]) and at(i + 1, j + 1)

    return at(0, 0)


def scan_1250(rules: Sequence[Mount], path: bytes) -> Mount | None:
    order = sorted(rules, key=lambda rule: (-rule.pattern.count("/"), -len(rule.pattern), rule.source))
    for rule in order:
        if not rule.disabled and not rule.exclude and glob(rule.octets, path):
            against = [one for one in order if one.exclude and not one.disabled]
            taken = any(one.worker in (rule.worker, "*") and glob(one.octets, path) for one in against)
            return None if taken else rule
    return None


def matches_127(rule: bytes, path: bytes) -> tuple[str, int, bool]:
    """Kind in short, size of the base, and whether the path matches."""
    star = rule.find(b"*")
    if rule.count(b"*") > 1 or b"?" in rule:
        return "at once", len(rule), glob(rule, path)
    if star < 1 or rule[star - 1 : star] != b"/":
        return "at once", len(rule), path == rule
    if star == 1 and rule[2:3] == b"/":
        second = path.find(b"/", 1)
        return "other", 1, second > 0 and path[second:].startswith(rule[2:])
    base, rest = rule[:star], rule[star + 1 :]
    if not rest:
        return "context", star, path.startswith(base)
    last = path.rfind(rest[:1])
    return "other", star, path.startswith(base) and last >= 0 and path[last:] == rest


def scan_127(rules: Sequence[Mount], path: bytes) -> tuple[Mount | None, bool]:
    order = sorted(rules, key=lambda rule: -matches_127(rule.octets, b"")[1])
    if any(rule.exclude and matches_127(rule.octets, path)[2] for rule in order):
        return None, False
    best, best_size = None, 0
    for rule in order:
        kind, size, matches = matches_127(rule.octets, path)
        if rule.exclude or size < best_size or not matches:
            continue
        if kind == "at once":
            return rule, False
        if best is None or size > best_size or (kind == "other" and size >= best_size):
            best, best_size = rule, size
    if best is not None:
        return best, False
    for rule in order:
        base, star, suffix = rule.octets.partition(b"*")
        is_suffix = star and base.endswith(b"/") and len(suffix) > 1 and suffix.startswith(b".")
        goes_on = any(suffix + after in path for after in (b".", b"/", b" "))
        is_suffix = is_suffix and b"*" not in suffix and b"?" not in rule.octets
        if is_suffix and goes_on and path.startswith(base):
            return rule, True
    return None, False


def distinct(chance: random.Random, *, marks: bool) -> list[Mount]:
    rules: dict[object, Mount] = {}
    for _ in range(chance.randint(1, 12)):
        source = chance.choice(list(Source)) if marks else Source.DIRECTIVE
        rule = Rule(
            pattern(chance),
            chance.choice(["w1", "w2", "w3"]),
            None,
            exclude=chance.random() < 0.2,
            disabled=marks and chance.random() < 0.1,
            source=source,
        )
        if rule.exclude and marks and chance.random() < 0.3:
            rule = Rule(rule.pattern, "*", None, True, rule.disabled, source)
        rules[rule.pattern, rule.exclude, rule.disabled, rule.source] = rule
    return list(rules.values())


@covers("MAP-ORD-10", "MAP-EXC-02", "MAP-PAT-06", "MAP-PAT-07")
def test_mapper_1250_decides_like_a_plain_scan() -> None:
    seed = 1250
    print(f"seed {seed}")
    chance = random.Random(seed)
    mapped = 0
    for _ in range(1_500):
        rules = distinct(chance, marks=True)
        mapper = Mapper1250(rules)
        for _ in range(12):
            asked = path(chance)
            match = mapper.map(asked)
            expected = scan_1250(rules, asked)
            assert (None if match is None else match.rule) == expected, (rules, asked)
            assert mapper.explain(asked).rule == expected
            mapped += match is not None
    assert mapped > 2_000


@covers("MAP-ORD-01", "MAP-ORD-02", "MAP-ORD-03", "MAP-EXC-01", "MAP-SUS-01", "MAP-PAT-02")
def test_mapper_127_decides_like_a_plain_scan() -> None:
    seed = 127
    print(f"seed {seed}")
    chance = random.Random(seed)
    mapped = suspects = 0
    for _ in range(1_500):
        rules = distinct(chance, marks=False)
        mapper = Mapper127(rules)
        for _ in range(12):
            asked = path(chance)
            match = mapper.decide(asked)
            got = (None, False) if match is None else (match.rule, match.suspect)
            assert got == scan_127(rules, asked), (rules, asked)
            front = mapper.map(asked)
            assert mapper.explain(asked).rule == (None if front is None else front.rule)
            mapped += match is not None
            suspects += got[1]
    assert mapped > 2_000
    assert suspects > 100


def read_by_a_container(uri: bytes) -> bytes:
    """Another hand's reading: parameters off, decoded once, resolved as a file system does."""
    names = [unquote_to_bytes(segment.partition(b";")[0]) for segment in uri.split(b"/")]
    read = b"/" + posixpath.normpath(b"/".join(names)).lstrip(b"/")
    return read + b"/" if names[-1] in (b"", b".", b"..") and read != b"/" else read


@covers("MAP-NRM-08", "MAP-NRM-09", "MAP-FWD-01", "MAP-FWD-07", "MAP-MAT-05")
@pytest.mark.parametrize("form", list(UriForm))
def test_changed_paths_are_refused_or_keep_what_was_decided(form: UriForm) -> None:
    seed = 11759
    print(f"seed {seed}")
    chance = random.Random(seed)
    mappers = (
        mapper_1250("/app/*=w", "!/app/admin/*=w", "/app/admin/pub/*=v"),
        mapper_127("/app/*=w", "!/app/admin/*=w"),
    )
    bits = (
        b"/",
        b"..",
        b".",
        b";",
        b";a=b",
        b"%2e",
        b"%2f",
        b"%5c",
        b"\\",
        b"%00",
        b"\0",
        b"%25",
        b"%3b",
        b"%",
        b"?",
    )
    starts = (b"/app/x", b"/app/admin/x", b"/app/admin/pub/x", b"/other", b"/")
    forwarded = 0
    for _ in range(15_000):
        raw = bytearray(chance.choice(starts))
        for _ in range(chance.randint(1, 4)):
            at = chance.randint(0, len(raw))
            if chance.random() < 0.2 and at < len(raw):
                raw[at] = chance.randrange(256)
            else:
                raw[at:at] = chance.choice(bits)
        try:
            canonical = canonicalise_path(bytes(raw))
            uri = uri_to_forward(form, canonical, bytes(raw))
        except Malformed:
            continue
        forwarded += 1
        read = read_by_a_container(uri)
        assert read == canonical.path
        is_open = read.startswith(b"/app/") and not read.startswith(b"/app/admin/")
        assert (mappers[0].map(canonical.path) is not None) == (
            is_open or read.startswith(b"/app/admin/pub/")
        )
        assert (mappers[1].map(canonical.path) is not None) == is_open
    assert forwarded > 2_000


def test_changed_rules_never_break_a_mapper() -> None:
    seed = 2018
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(2_000):
        texts = ["".join(chance.choices("/*?.|!-ab\\;%[(\n\xe4", k=chance.randint(0, 8))) for _ in range(4)]
        rules = [Rule(text, "w", None, exclude=chance.random() < 0.3) for text in texts]
        asked = path(chance)
        assert Mapper1250(rules).explain(asked).clause.startswith("MAP-")
        try:
            mapper = Mapper127(rules)
        except InputError:
            assert not all(text.startswith("/") for text in texts)
        else:
            assert mapper.explain(asked).clause.startswith("MAP-")
